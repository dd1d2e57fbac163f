//! A real Redis Cluster of three masters on this machine, each with a folder of its own, ended with the test.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use herenow_server::store::redis::RedisStore;

use crate::redis_server::{RedisServer, free_port};

const START: Duration = Duration::from_secs(20);

pub(crate) struct Cluster {
    pub(crate) servers: Vec<RedisServer>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let cluster = Self { servers: (0..3).map(|_| RedisServer::with(|_| options())).collect() };
        let began = Instant::now();
        let addresses: Vec<String> = cluster.urls().iter().map(|url| url.replace("redis://", "")).collect();
        let mut create = vec!["--cluster", "create"];
        create.extend(addresses.iter().map(String::as_str));
        create.extend(["--cluster-replicas", "0", "--cluster-yes"]);
        let created = run(Command::new("redis-cli").args(create));
        while !cluster.servers.iter().all(is_ready) {
            assert!(began.elapsed() < START, "the Cluster does not form: {created}");
            std::thread::sleep(Duration::from_millis(20));
        }
        cluster
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.servers.iter().map(RedisServer::url).collect()
    }

    pub(crate) fn store(&self, prefix: &str, partitions: u16, lease_ms: u64) -> RedisStore {
        let urls = self.urls();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        RedisStore::new(&urls, true, prefix, partitions, lease_ms).unwrap()
    }
}

fn is_ready(server: &RedisServer) -> bool {
    let info: String = redis::from_redis_value(server.call(&["CLUSTER", "INFO"]).unwrap()).unwrap();
    info.contains("cluster_state:ok")
}

fn options() -> Vec<String> {
    let bus = free_port().to_string();
    let options = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "5000"];
    options.map(str::to_owned).to_vec()
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("redis-cli is needed");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
