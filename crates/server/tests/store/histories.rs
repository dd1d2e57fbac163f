//! Random histories on the memory store and on Redis at once: equal answers, logs, rosters.
//!
//! The memory store is driven with the time at which Redis says that it answered, so leases end at the same moments.

use std::time::Duration;

use herenow_protocol::{Attributes, Epoch, Position, SessionSecret};
use herenow_registry::Millis;
use herenow_registry::store::{
    Action, Answer, Channel, Incarnation, Op, Outcome, OwnerId, Partition, Request, SharedStore, User,
};
use herenow_server::store::Store;
use herenow_server::store::redis::RedisStore;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;

use crate::redis_server::RedisServer;

/// In each of two tests, so that two cores share them.
const HISTORIES: u32 = 5_000;
/// So short that leases end in the middle of histories.
const LEASE_MS: u64 = 4;
const GRACE_MS: u64 = 2;
const AT: Partition = Partition(0);
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
        ops: Vec<Op>,
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
}

fn channel(at: usize) -> Channel {
    Channel::new("app".into(), ["lobby", "caf\u{e9}", "room 1:{2}"][at])
}

fn names() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("ann"), Just("bob"), Just("\u{1f600}")]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    prop_oneof![
        Just(Attributes::new()),
        "[a-c\"\\\\{}\u{e9}]{0,3}".prop_map(|value| {
            let mut attributes = Attributes::new();
            attributes.insert("mood".into(), value);
            attributes
        }),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::Join),
        2 => Just(Action::Leave),
        1 => Just(Action::Linger),
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

fn op() -> impl Strategy<Value = Op> {
    (0_usize..3, names(), 0_u128..3, 0_u32..4, action()).prop_map(|(at, user, session, attempt, action)| Op {
        channel: channel(at),
        user: User::new("app", user),
        owner: OwnerId::of(SessionSecret(session)),
        attempt,
        action,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0_u64..3, any::<bool>()).prop_map(|(node, begin)| Step::Renew { node, begin }),
        8 => (0_u64..3, vec(op(), 1..5)).prop_map(|(node, ops)| Step::Apply { node, ops }),
        1 => (0_u64..3).prop_map(|node| Step::Repeat { node }),
        2 => Just(Step::Sweep),
        2 => (0_usize..3).prop_map(Step::Roster),
        1 => (0_u64..4).prop_map(Step::Wait),
        1 => Just(Step::Lose),
    ]
}

/// Both stores.
struct Pair<'a> {
    redis: &'a RedisStore,
    memory: SharedStore,
    epoch: Epoch,
    numbers: [u64; 3],
    last: [Option<Request>; 3],
}

impl<'a> Pair<'a> {
    async fn begin(redis: &'a RedisStore) -> Self {
        let memory = SharedStore::new(Millis(0), Epoch(0), 1, LEASE_MS);
        let mut pair = Self { redis, memory, epoch: Epoch(0), numbers: [0; 3], last: [None, None, None] };
        pair.begin_life().await;
        pair
    }

    /// Both begin a life at the same time.
    async fn begin_life(&mut self) {
        let request = Request::Renew { partition: AT, node: WITNESS, begin: true };
        let (answer, now) = self.redis.ask_at(&request).await.unwrap().unwrap();
        let Outcome::Renewed { age_ms, .. } = answer.outcome else { panic!("{answer:?}") };
        assert!(answer.epoch > self.epoch, "a later life has a greater epoch");
        self.epoch = answer.epoch;
        self.memory.lose(Millis(now - age_ms), AT, self.epoch);
        assert_eq!(self.memory.handle(Millis(now), &request), Some(answer));
    }

    async fn both(&mut self, request: &Request) -> Answer {
        let (answer, now) = self.redis.ask_at(request).await.unwrap().expect("an answer");
        let expected = self.memory.handle(Millis(now), request);
        assert_eq!(Some(&answer), expected.as_ref(), "{request:?}");
        answer
    }

    async fn take(&mut self, step: Step, server: &RedisServer) {
        match step {
            Step::Renew { node, begin } => {
                let request = Request::Renew { partition: AT, node: Incarnation(node), begin };
                self.both(&request).await;
            }
            Step::Apply { node, ops } => {
                let at = usize::try_from(node).unwrap();
                self.numbers[at] += 1;
                let (number, epoch) = (self.numbers[at], self.epoch);
                let request = Request::Apply { partition: AT, node: Incarnation(node), number, epoch, ops };
                self.both(&request).await;
                self.last[at] = Some(request);
            }
            Step::Repeat { node } => {
                if let Some(request) = self.last[usize::try_from(node).unwrap()].clone() {
                    self.both(&request).await;
                }
            }
            Step::Sweep => drop(self.both(&Request::Sweep { partition: AT, grace_ms: GRACE_MS }).await),
            Step::Roster(at) => {
                self.both(&Request::Roster { partition: AT, channel: channel(at) }).await;
            }
            Step::Wait(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Step::Lose => {
                server.call(&["FLUSHALL"]).unwrap();
                self.begin_life().await;
                self.numbers = [0; 3];
            }
        }
    }

    /// Everything that can be read is the same.
    async fn compare(&mut self) {
        let mut after = 0;
        loop {
            let request = Request::Read { partition: AT, epoch: self.epoch, after };
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
            let channel = channel(at);
            self.both(&Request::Roster { partition: AT, channel: channel.clone() }).await;
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
            let attributes = self.memory.attributes("app", "lobby", name);
            assert_eq!(self.redis.attributes(&channel(0), name).await.unwrap(), attributes);
        }
    }
}

#[test]
fn redis_does_what_memory_does() {
    compare_histories();
}

#[test]
fn redis_does_what_memory_does_in_other_histories() {
    compare_histories();
}

fn compare_histories() {
    let server = RedisServer::start();
    let runtime = Runtime::new().unwrap();
    let config = Config { cases: HISTORIES, failure_persistence: None, ..Config::default() };
    let redis = server.store("histories", 1, LEASE_MS);
    let run = |steps: Vec<Step>| {
        runtime.block_on(async {
            server.call(&["FLUSHALL"]).unwrap();
            let mut pair = Pair::begin(&redis).await;
            for step in steps {
                pair.take(step, &server).await;
            }
            pair.compare().await;
        });
        Ok(())
    };
    TestRunner::new(config).run(&vec(step(), 1..24), run).unwrap();
}
