//! A real `redis-server` on a free port with a folder of its own, ended with the test.

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
        redis::cmd(words[0]).arg(&words[1..]).query(&mut *self.connection.lock().unwrap())
    }

    pub(crate) fn store(&self, prefix: &str, partitions: u16, lease_ms: u64) -> RedisStore {
        RedisStore::new(&[&self.url()], false, prefix, partitions, lease_ms).unwrap()
    }
}

/// Starts a server with options made for its folder; gives its process, its port and its folder.
pub(crate) fn spawn(options: impl Fn(&Path) -> Vec<String>) -> (Child, u16, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let child = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()])
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
