//! A real Redis Cluster of three masters on this machine, each with a folder of its own, ended with the test.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use herenow_server::store::redis::RedisStore;
use tempfile::TempDir;

use crate::redis_server::{free_port, spawn};

const START: Duration = Duration::from_secs(20);

pub(crate) struct Cluster {
    servers: Vec<(Child, u16, TempDir)>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let cluster = Self { servers: (0..3).map(|_| spawn(|_| options())).collect() };
        let began = Instant::now();
        while !cluster.ports().all(|port| cli(port, &["PING"]).contains("PONG")) {
            assert!(began.elapsed() < START, "the servers do not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        let addresses: Vec<String> = cluster.ports().map(|port| format!("127.0.0.1:{port}")).collect();
        let mut create = vec!["--cluster", "create"];
        create.extend(addresses.iter().map(String::as_str));
        create.extend(["--cluster-replicas", "0", "--cluster-yes"]);
        let created = run(Command::new("redis-cli").args(create));
        while !cluster.ports().all(|port| cli(port, &["CLUSTER", "INFO"]).contains("cluster_state:ok")) {
            assert!(began.elapsed() < START, "the Cluster does not form: {created}");
            std::thread::sleep(Duration::from_millis(20));
        }
        cluster
    }

    fn ports(&self) -> impl Iterator<Item = u16> {
        self.servers.iter().map(|(_, port, _)| *port)
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.ports().map(|port| format!("redis://127.0.0.1:{port}")).collect()
    }

    pub(crate) fn store(&self, prefix: &str, partitions: u16, lease_ms: u64) -> RedisStore {
        let urls = self.urls();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        RedisStore::new(&urls, true, prefix, partitions, lease_ms).unwrap()
    }
}

fn options() -> Vec<String> {
    let bus = free_port().to_string();
    let options = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "5000"];
    options.map(str::to_owned).to_vec()
}

fn cli(port: u16, words: &[&str]) -> String {
    run(Command::new("redis-cli").args(["-p", &port.to_string()]).args(words))
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("redis-cli is needed");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (child, ..) in &mut self.servers {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
