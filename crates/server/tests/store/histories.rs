//! Random histories on the memory store and on Redis at once, on one server and on a Cluster: equal answers, logs, rosters.
//! Three nodes, whose leases end in the middle, are swept and fenced; the data is lost, or another server takes over.
//!
//! `HERENOW_HISTORIES` says how many there are on each. The memory store is driven with the time at which Redis says that it
//! answered, so leases end at the same moments.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use herenow_protocol::{Attributes, Epoch, Position, SessionSecret};
use herenow_registry::Millis;
use herenow_registry::store::{
    Action, Answer, Channel, Effect, Incarnation, Op, Outcome, OwnerId, Partition, Request, SharedStore, User,
};
use herenow_server::store::Store;
use herenow_server::store::redis::RedisStore;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Builder;

use crate::cluster::Cluster;
use crate::redis_server::RedisServer;

/// On one server.
const HISTORIES: u32 = 10_000;
/// A request takes longer there.
const CLUSTER_HISTORIES: u32 = 1_000;
/// Each of its servers has some; a history is in one of them.
const CLUSTER_PARTITIONS: u16 = 4;
const PREFIX: &str = "histories";
/// So short that leases end in the middle of histories, in which somebody waits.
const LEASE_MS: u64 = 16;
const GRACE_MS: u64 = 4;
/// Histories of one server at once: some wait while others are carried out.
const AT_ONCE: u32 = 4;
/// Begins with each life of the partition, so that both know when that was.
const WITNESS: Incarnation = Incarnation(u64::MAX);

#[derive(Clone, Debug)]
enum Step {
    Renew {
        node: u64,
        begin: bool,
    },
    Apply {
        node: u64,
        ops: Vec<Draft>,
    },
    /// The last batch of a node again.
    Repeat {
        node: u64,
    },
    Sweep,
    Roster(usize),
    Wait(u64),
    /// All data is lost.
    Lose,
    /// Another server takes over, with all data.
    TakeOver,
    /// A batch for the life before this one.
    Late {
        node: u64,
        ops: Vec<Draft>,
    },
    /// A part of what an earlier life has left behind is removed.
    Tidy,
}

/// An op: the number of its channel, its user, session, attempt, and what it does.
type Draft = (usize, &'static str, u128, u32, Action);

/// A partition, and how many there are.
type Place = (Partition, u16);

/// The three channels of a partition.
fn channel((partition, partitions): Place, at: usize) -> Channel {
    let name = ["lobby", "caf\u{e9}", "room 1:{2}"][at];
    let named = |number| Channel::new("app".into(), &format!("{name}{number}"));
    (0..).map(named).find(|channel| Partition::of(channel, partitions) == partition).unwrap()
}

fn names() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => Just("ann"), 1 => Just("bob"), 1 => Just("\u{1f600}")]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    prop_oneof![
        Just(Attributes::new()),
        vec(select(&['a', '"', '\\', '{', '}', '\u{e9}']), 0..=3).prop_map(|value| {
            let mut attributes = Attributes::new();
            attributes.insert("mood".into(), value.into_iter().collect());
            attributes
        }),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => Just(Action::Join),
        2 => Just(Action::Leave),
        2 => Just(Action::Linger),
        1 => Just(Action::Goodbye),
        2 => Just(Action::Timeout),
        3 => attributes().prop_map(Action::Set),
        1 => (attributes(), 0_u64..2, 0_u64..9).prop_map(|(attributes, life, seq)| {
            // Of a life long ago, or of one to come.
            let epoch = Epoch(if life == 0 { 1 } else { u64::MAX });
            Action::Restore { attributes, set_at: Position { epoch, seq } }
        }),
    ]
}

fn draft() -> impl Strategy<Value = Draft> {
    // Mostly the same one, so that much happens to it.
    let channel = prop_oneof![3 => Just(0_usize), 1 => Just(1), 1 => Just(2)];
    let attempt = prop_oneof![3 => Just(2_u32), 1 => 0..4_u32];
    (channel, names(), 0_u128..2, attempt, action())
}

fn history(partitions: u16) -> impl Strategy<Value = (Place, Vec<Step>)> {
    let place = (0..partitions).prop_map(move |at| (Partition(at), partitions));
    (place, vec(step(), 1..24))
}

fn step() -> impl Strategy<Value = Step> {
    let ops = || vec(draft(), 1..5);
    prop_oneof![
        3 => (0_u64..3, any::<bool>()).prop_map(|(node, begin)| Step::Renew { node, begin }),
        12 => (0_u64..3, ops()).prop_map(|(node, ops)| Step::Apply { node, ops }),
        1 => (0_u64..3).prop_map(|node| Step::Repeat { node }),
        2 => Just(Step::Sweep),
        2 => (0_usize..3).prop_map(Step::Roster),
        1 => (0..2 * LEASE_MS).prop_map(Step::Wait),
        1 => Just(Step::Lose),
        1 => Just(Step::TakeOver),
        1 => (0_u64..3, ops()).prop_map(|(node, ops)| Step::Late { node, ops }),
        1 => Just(Step::Tidy),
    ]
}

/// Both stores.
struct Pair<'a> {
    redis: &'a RedisStore,
    servers: &'a [RedisServer],
    memory: SharedStore,
    at: Place,
    epoch: Epoch,
    /// That of the life before.
    before: Epoch,
    numbers: [u64; 3],
    last: [Option<Request>; 3],
    seen: &'a Seen,
}

/// What histories have met, so that it shows if they meet too little.
#[derive(Debug, Default)]
struct Seen {
    histories: AtomicU64,
    /// Batches that were applied, refused as the node had no lease any more, and refused as another life had begun.
    applied: AtomicU64,
    fenced: AtomicU64,
    reborn: AtomicU64,
    changed: AtomicU64,
    unchanged: AtomicU64,
    ignored: AtomicU64,
    /// Sweeps that ended members.
    swept: AtomicU64,
    /// Lives that began after others.
    lives: AtomicU64,
}

impl Seen {
    fn note(&self, outcome: &Outcome) {
        let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        match outcome {
            Outcome::Applied { effects, .. } => {
                for effect in effects {
                    count(match effect {
                        Effect::Changed => &self.changed,
                        Effect::Unchanged => &self.unchanged,
                        Effect::Ignored => &self.ignored,
                    });
                }
                count(&self.applied)
            }
            Outcome::Fenced { .. } => count(&self.fenced),
            Outcome::Reborn => count(&self.reborn),
            Outcome::Renewed { .. }
            | Outcome::Log { .. }
            | Outcome::Trimmed { .. }
            | Outcome::Roster { .. }
            | Outcome::Swept { .. } => 0,
        };
    }

    /// Prints what was met, and sees to it that it is a lot of everything.
    fn check(&self) {
        println!("{self:?}");
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let histories = count(&self.histories);
        for often in [&self.applied, &self.changed, &self.ignored] {
            assert!(count(often) >= histories, "{self:?}");
        }
        for seldom in [&self.unchanged, &self.fenced, &self.reborn, &self.lives] {
            assert!(count(seldom) >= histories / 4, "{self:?}");
        }
        assert!(count(&self.swept) >= histories / 50, "{self:?}");
    }
}

impl<'a> Pair<'a> {
    async fn begin(redis: &'a RedisStore, servers: &'a [RedisServer], seen: &'a Seen, at: Place) -> Self {
        seen.histories.fetch_add(1, Ordering::Relaxed);
        let memory = SharedStore::new(Millis(0), Epoch(0), at.1, LEASE_MS);
        let (epoch, before) = (Epoch(0), Epoch(0));
        let mut pair = Self {
            redis,
            servers,
            memory,
            at,
            epoch,
            before,
            numbers: [0; 3],
            last: [None, None, None],
            seen,
        };
        pair.lose();
        pair.begin_life().await;
        pair
    }

    fn lose(&self) {
        for server in self.servers {
            server.call(&["FLUSHALL"]).unwrap();
        }
    }

    /// Both begin a life at the same time.
    async fn begin_life(&mut self) {
        let request = Request::Renew { partition: self.at.0, node: WITNESS, begin: true };
        let (answer, now) = self.redis.ask_at(&request).await.unwrap().unwrap();
        let Outcome::Renewed { age_ms, .. } = answer.outcome else { panic!("{answer:?}") };
        assert!(answer.epoch > self.epoch, "a later life has a greater epoch");
        self.before = std::mem::replace(&mut self.epoch, answer.epoch);
        self.numbers = [0; 3];
        self.memory.lose(Millis(now - age_ms), self.at.0, self.epoch);
        assert_eq!(self.memory.handle(Millis(now), &request), Some(answer));
        for node in (0..3).map(Incarnation) {
            self.both(&Request::Renew { partition: self.at.0, node, begin: true }).await;
        }
    }

    async fn both(&mut self, request: &Request) -> Answer {
        let (answer, now) = self.redis.ask_at(request).await.unwrap().expect("an answer");
        let expected = self.memory.handle(Millis(now), request);
        assert_eq!(Some(&answer), expected.as_ref(), "{request:?}");
        self.seen.note(&answer.outcome);
        answer
    }

    fn ops(&self, drafts: Vec<Draft>) -> Vec<Op> {
        let op = |(at, user, session, attempt, action)| Op {
            channel: channel(self.at, at),
            user: User::new("app", user),
            owner: OwnerId::of(SessionSecret(session)),
            attempt,
            action,
        };
        drafts.into_iter().map(op).collect()
    }

    async fn take(&mut self, step: Step) {
        let partition = self.at.0;
        match step {
            Step::Renew { node, begin } => {
                self.both(&Request::Renew { partition, node: Incarnation(node), begin }).await;
            }
            Step::Apply { node, ops } => {
                let at = usize::try_from(node).unwrap();
                self.numbers[at] += 1;
                let (number, epoch, ops) = (self.numbers[at], self.epoch, self.ops(ops));
                let request = Request::Apply { partition, node: Incarnation(node), number, epoch, ops };
                self.both(&request).await;
                self.last[at] = Some(request);
            }
            Step::Repeat { node } => {
                if let Some(request) = self.last[usize::try_from(node).unwrap()].clone() {
                    self.both(&request).await;
                }
            }
            Step::Late { node, ops } => {
                let (node, epoch, ops) = (Incarnation(node), self.before, self.ops(ops));
                let answer = self.both(&Request::Apply { partition, node, number: 99, epoch, ops }).await;
                assert_eq!(answer.outcome, Outcome::Reborn);
            }
            Step::Sweep => {
                let seq = self.memory_seq();
                self.both(&Request::Sweep { partition, grace_ms: GRACE_MS }).await;
                if self.memory_seq() > seq {
                    self.seen.swept.fetch_add(1, Ordering::Relaxed);
                }
            }
            Step::Roster(at) => {
                self.both(&Request::Roster { partition, channel: channel(self.at, at) }).await;
            }
            Step::Wait(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Step::Lose => {
                self.lose();
                self.begin_life().await;
                self.seen.lives.fetch_add(1, Ordering::Relaxed);
            }
            Step::TakeOver => {
                self.servers.iter().for_each(RedisServer::take_over);
                self.begin_life().await;
                self.seen.lives.fetch_add(1, Ordering::Relaxed);
            }
            Step::Tidy => drop(self.redis.tidy(partition).await.unwrap()),
        }
    }

    fn memory_seq(&mut self) -> u64 {
        let roster = Request::Roster { partition: self.at.0, channel: channel(self.at, 0) };
        match self.memory.handle(Millis(0), &roster).map(|answer| answer.outcome) {
            Some(Outcome::Roster { read_at, .. }) => read_at,
            other => panic!("{other:?}"),
        }
    }

    /// Nothing is left of earlier lives but what ends by itself.
    async fn tidy(&self) {
        while self.redis.tidy(self.at.0).await.unwrap() {}
        let partition = format!("{PREFIX}:{{{}}}:", self.at.0.0);
        let present = format!("{}:", self.epoch);
        for key in self.servers.iter().flat_map(RedisServer::keys) {
            let Some(key) = key.strip_prefix(&partition) else { continue };
            let of_gone = |key: &str| key.starts_with("g:");
            assert!(key.starts_with(&present) || key.get(17..).is_some_and(of_gone), "{key:?}");
        }
    }

    /// Everything that can be read is the same.
    async fn compare(&mut self) {
        let partition = self.at.0;
        let mut after = 0;
        loop {
            let request = Request::Read { partition, epoch: self.epoch, after };
            let expected = self.memory.handle(Millis(0), &request);
            let Some(expected) = expected else { break };
            let (answer, _) = self.redis.ask_at(&request).await.unwrap().expect("the log goes on");
            let (Outcome::Log { entries, .. }, Outcome::Log { entries: all, .. }) =
                (answer.outcome, expected.outcome)
            else {
                panic!("the log is kept")
            };
            // One gives so many batches at once, the other so many transitions.
            assert_eq!(entries, all[..entries.len()]);
            after = entries.last().unwrap().seq;
        }
        for at in 0..3 {
            let channel = channel(self.at, at);
            self.both(&Request::Roster { partition, channel: channel.clone() }).await;
            let members = self.memory.members("app", channel.name());
            let page = self.redis.members(&channel, None, 2).await.unwrap();
            assert_eq!((page.count, page.more), (members.len() as u64, members.len() > 2));
            assert_eq!(page.members, members[..members.len().min(2)]);
        }
        for (prefix, limit) in [("", 9), ("caf", 1)] {
            let largest = self.redis.largest("app", prefix, limit).await.unwrap();
            assert_eq!(largest, self.memory.largest("app", prefix, limit));
        }
        for name in ["ann", "bob", "\u{1f600}"] {
            let user = User::new("app", name);
            assert_eq!(self.redis.channels_of(&user).await.unwrap(), self.memory.user_channels("app", name));
            let lobby = channel(self.at, 0);
            let attributes = self.memory.attributes("app", lobby.name(), name);
            assert_eq!(self.redis.attributes(&lobby, name).await.unwrap(), attributes);
        }
    }
}

#[test]
fn redis_does_what_memory_does() {
    let seen = Seen::default();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let server = RedisServer::start();
                let redis = server.store(PREFIX, 1, LEASE_MS);
                let cases = histories(HISTORIES).div_ceil(AT_ONCE);
                compare_histories(&redis, std::slice::from_ref(&server), cases, &seen);
            });
        }
    });
    seen.check();
}

#[test]
fn a_cluster_does_what_memory_does() {
    let seen = Seen::default();
    let cluster = Cluster::start();
    let redis = cluster.store(PREFIX, CLUSTER_PARTITIONS, LEASE_MS);
    compare_histories(&redis, &cluster.servers, histories(CLUSTER_HISTORIES), &seen);
    seen.check();
}

/// How many: those that are asked for, or else so many.
fn histories(otherwise: u32) -> u32 {
    std::env::var("HERENOW_HISTORIES").map_or(otherwise, |count| count.parse().unwrap())
}

fn compare_histories(redis: &RedisStore, servers: &[RedisServer], cases: u32, seen: &Seen) {
    // On one thread, since it is faster.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let run = |(at, steps): (Place, Vec<Step>)| {
        runtime.block_on(async {
            let mut pair = Pair::begin(redis, servers, seen, at).await;
            for step in steps {
                pair.take(step).await;
            }
            pair.tidy().await;
            pair.compare().await;
        });
        Ok(())
    };
    TestRunner::new(config).run(&history(redis.partitions()), run).unwrap();
}
