//! What an earlier life of a partition has left behind, after another server took over, is removed.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use herenow_protocol::{Attributes, Epoch, SessionSecret};
use herenow_registry::store::{
    Action, Answer, Channel, Incarnation, Op, Outcome, OwnerId, Partition, Request, User,
};
use herenow_server::store::Store;
use herenow_server::store::redis::RedisStore;

use crate::cluster::Cluster;
use crate::redis_server::RedisServer;

const PREFIX: &str = "earlier";
const LEASE_MS: u64 = 60_000;
const PARTITIONS: u16 = 4;
/// Of each of two nodes, in each of three channels.
const USERS: u32 = 150;

async fn ask(store: &RedisStore, request: &Request) -> Answer {
    store.ask(request).await.unwrap().unwrap()
}

/// Begins a lease of the node in a partition; gives its life.
async fn renew(store: &RedisStore, partition: Partition, node: u64) -> Epoch {
    let answer = ask(store, &Request::Renew { partition, node: Incarnation(node), begin: true }).await;
    assert!(matches!(answer.outcome, Outcome::Renewed { .. }), "{answer:?}");
    answer.epoch
}

/// A channel of each partition; of another application, too, in one.
fn channels() -> Vec<Channel> {
    let of = |partition| {
        let named = |number| Channel::new("app".into(), &format!("lobby {number}"));
        (0..).map(named).find(|channel| Partition::of(channel, PARTITIONS) == partition).unwrap()
    };
    let mut channels: Vec<Channel> = (0..PARTITIONS).map(|at| of(Partition(at))).collect();
    channels.push(Channel::new("other".into(), channels[0].name()));
    channels
}

/// Members of two nodes in all partitions, who have set something; a few have gone.
async fn fill(store: &RedisStore) {
    for node in 1..=2 {
        for channel in channels() {
            let partition = Partition::of(&channel, PARTITIONS);
            let epoch = renew(store, partition, node).await;
            let op = |at: u32, action| Op {
                channel: channel.clone(),
                user: User::new(channel.application(), &format!("user {at} of {node}")),
                owner: OwnerId::of(SessionSecret(u128::from(node) << 32 | u128::from(at))),
                attempt: 1,
                action,
            };
            let mut mood = Attributes::new();
            mood.insert("mood".into(), "glad".into());
            let joins = (0..USERS).map(|at| op(at, Action::Join));
            let sets = (0..USERS).map(|at| op(at, Action::Set(mood.clone())));
            let leaves = (0..5).map(|at| op(at, Action::Leave));
            let ops = joins.chain(sets).chain(leaves).collect();
            // A number of its own for each application.
            let number = if channel.application() == "app" { 1 } else { 2 };
            let request = Request::Apply { partition, node: Incarnation(node), number, epoch, ops };
            let outcome = ask(store, &request).await.outcome;
            assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
        }
    }
}

/// How many keys there are of the lives that are over, without those that end by themselves.
async fn left_behind(servers: &[&RedisServer], store: &RedisStore) -> usize {
    let mut present = Vec::new();
    for at in (0..PARTITIONS).map(Partition) {
        let epoch = renew(store, at, 9).await;
        present.push(format!("{PREFIX}:{{{}}}:{epoch}:", at.0));
    }
    let is_left = |server: &RedisServer, key: &String| {
        let Some((_, rest)) = key.split_once("}:") else { return false };
        let ends_by_itself =
            || server.call(&["PTTL", key]).is_ok_and(|left| matches!(left, redis::Value::Int(1..)));
        let is_present = present.iter().any(|life| key.starts_with(life));
        let is_of_gone = rest.get(17..).is_some_and(|rest| rest.starts_with("g:"));
        !(is_present || is_of_gone && ends_by_itself())
    };
    servers.iter().map(|server| server.keys().iter().filter(|key| is_left(server, key)).count()).sum()
}

async fn tidy(store: &RedisStore) -> u32 {
    let mut slices = 0;
    for at in (0..PARTITIONS).map(Partition) {
        renew(store, at, 9).await;
        while store.tidy(at).await.unwrap() {
            slices += 1;
        }
    }
    slices
}

/// Everything of the present life.
async fn rosters(store: &RedisStore) -> Vec<Answer> {
    let mut rosters = Vec::new();
    for channel in channels() {
        let partition = Partition::of(&channel, PARTITIONS);
        rosters.push(ask(store, &Request::Roster { partition, channel }).await);
    }
    rosters
}

async fn another_life_is_tidied(servers: &[&RedisServer], store: &RedisStore) {
    assert!(left_behind(servers, store).await > 1_000, "what is there is found");
    fill(store).await;
    let before = rosters(store).await;
    let slices = tidy(store).await;
    assert!(slices > u32::from(PARTITIONS), "in slices: {slices}");
    assert_eq!(left_behind(servers, store).await, 0);
    assert_eq!(rosters(store).await, before);
    assert_eq!(before.len(), channels().len());
    for answer in before {
        let Outcome::Roster { members, .. } = answer.outcome else { panic!("no roster") };
        assert_eq!(members.len(), 2 * USERS as usize - 10);
    }
    assert_eq!(tidy(store).await, 0, "and then there is nothing to do");
}

fn replication(server: &RedisServer) -> String {
    redis::from_redis_value(server.call(&["INFO", "replication"]).unwrap()).unwrap()
}

#[tokio::test]
async fn a_replica_that_takes_over_is_tidied() {
    let first = RedisServer::start();
    let replica = RedisServer::start();
    let url = first.url();
    let port = url.rsplit(':').next().unwrap();
    replica.call(&["REPLICAOF", "127.0.0.1", port]).unwrap();
    // A server that gets its first replica takes another replication id.
    let began = Instant::now();
    while !replication(&replica).contains("master_link_status:up") {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not connect");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    fill(&first.store(PREFIX, PARTITIONS, LEASE_MS)).await;
    let expected = first.keys();
    let began = Instant::now();
    while replica.keys() != expected {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not follow");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(first);
    replica.call(&["REPLICAOF", "NO", "ONE"]).unwrap();
    another_life_is_tidied(&[&replica], &replica.store(PREFIX, PARTITIONS, LEASE_MS)).await;
}

#[tokio::test]
async fn servers_of_a_cluster_that_take_over_are_tidied() {
    let cluster = Cluster::start();
    let store = cluster.store(PREFIX, PARTITIONS, LEASE_MS);
    fill(&store).await;
    cluster.servers.iter().for_each(RedisServer::take_over);
    another_life_is_tidied(&cluster.servers.iter().collect::<Vec<_>>(), &store).await;
}

#[tokio::test]
async fn two_nodes_may_tidy_several_lives_at_once_and_stop_anywhere() {
    let server = RedisServer::start();
    let (one, other) =
        (server.store(PREFIX, PARTITIONS, LEASE_MS), server.store(PREFIX, PARTITIONS, LEASE_MS));
    for _ in 0..3 {
        fill(&one).await;
        server.take_over();
    }
    let at = Partition(0);
    renew(&one, at, 7).await;
    assert!(one.tidy(at).await.unwrap());
    // The second stops after the node of its slice is known: the next who comes does it again.
    let stopped = tokio::time::timeout(Duration::from_micros(200), one.tidy(at)).await;
    drop(stopped);
    for at in (0..PARTITIONS).map(Partition) {
        renew(&one, at, 7).await;
        renew(&other, at, 8).await;
        loop {
            let (one, other) = tokio::join!(one.tidy(at), other.tidy(at));
            if !one.unwrap() && !other.unwrap() {
                break;
            }
        }
    }
    assert_eq!(left_behind(&[&server], &one).await, 0);
}

#[tokio::test]
async fn after_a_loss_of_all_data_there_is_nothing_to_tidy() {
    let server = RedisServer::start();
    let store = server.store(PREFIX, PARTITIONS, LEASE_MS);
    fill(&store).await;
    server.take_over();
    renew(&store, Partition(0), 7).await;
    server.call(&["FLUSHALL"]).unwrap();
    assert!(!store.tidy(Partition(0)).await.unwrap(), "what is noted is not there any more");
    assert_eq!(tidy(&store).await, 0);
}

/// Of all keys, the lives that they belong to.
fn lives(server: &RedisServer) -> BTreeSet<String> {
    let life = |key: &String| key.split_once("}:").and_then(|(_, rest)| rest.get(..16)).map(str::to_owned);
    server.keys().iter().filter_map(life).collect()
}

#[test]
fn a_running_server_tidies_by_itself() {
    let redis = RedisServer::start();
    let mut command = Command::new(env!("CARGO_BIN_EXE_herenow-server"));
    command.args(["--listen", "127.0.0.1:0", "--node-lease", "2s", "--redis", &redis.url()]);
    let _server = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let began = Instant::now();
    let wait_for = |is_so: &dyn Fn() -> bool| {
        while !is_so() {
            assert!(began.elapsed() < Duration::from_secs(30), "{:?}", redis.keys());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait_for(&|| lives(&redis).len() == 16);
    let before = lives(&redis);
    redis.take_over();
    wait_for(&|| lives(&redis).is_disjoint(&before) && lives(&redis).len() == 16);
}

/// Ended with the test, also where it fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
