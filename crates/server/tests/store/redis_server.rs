//! A real `redis-server` on a free port with a folder of its own, ended with the test. `HERENOW_REDIS_SERVER` names another
//! program, for example that of Valkey.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use herenow_server::store::redis::RedisStore;
use tempfile::TempDir;

/// How long it may take to start.
const START: Duration = Duration::from_secs(10);

pub(crate) struct RedisServer {
    child: Child,
    port: u16,
    connection: Mutex<redis::Connection>,
    pub(crate) folder: TempDir,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        Self::with(|_| Vec::new())
    }

    /// With options, made for the folder that the server has to itself.
    pub(crate) fn with(options: impl Fn(&Path) -> Vec<String>) -> Self {
        let (child, port, folder) = spawn(options);
        let began = Instant::now();
        let connection = loop {
            match redis::Client::open(url(port)).unwrap().get_connection() {
                Ok(connection) => break connection,
                Err(error) => assert!(began.elapsed() < START, "redis-server does not answer: {error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        Self { child, port, connection: Mutex::new(connection), folder }
    }

    pub(crate) fn url(&self) -> String {
        url(self.port)
    }

    /// A command.
    pub(crate) fn call(&self, words: &[&str]) -> redis::RedisResult<redis::Value> {
        self.with_connection(|connection| redis::cmd(words[0]).arg(&words[1..]).query(connection))
    }

    /// What `ask` gets from the connection that the tests have.
    pub(crate) fn with_connection<T>(&self, ask: impl FnOnce(&mut redis::Connection) -> T) -> T {
        ask(&mut self.connection.lock().unwrap())
    }

    /// As if another server had taken over from this one, with all data.
    pub(crate) fn take_over(&self) {
        self.call(&["DEBUG", "CHANGE-REPL-ID"]).unwrap();
    }

    /// The names of all keys, sorted.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = redis::from_redis_value(self.call(&["KEYS", "*"]).unwrap()).unwrap();
        keys.sort_unstable();
        keys
    }

    pub(crate) fn store(&self, prefix: &str, partitions: u16, lease_ms: u64) -> RedisStore {
        RedisStore::new(&[&self.url()], false, prefix, partitions, lease_ms).unwrap()
    }
}

/// Starts a server with options made for its folder; gives its process, its port and its folder.
fn spawn(options: impl Fn(&Path) -> Vec<String>) -> (Child, u16, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let program = std::env::var_os("HERENOW_REDIS_SERVER").unwrap_or_else(|| "redis-server".into());
    let child = Command::new(program)
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()])
        .args(["--enable-debug-command", "local"])
        .args(options(folder.path()))
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is needed (Debian: apt-get install redis-server)");
    (child, port, folder)
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}")
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
