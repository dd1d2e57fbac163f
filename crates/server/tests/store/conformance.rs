//! What every store that nodes share has to do.

use std::time::{Duration, Instant};

use herenow_protocol::{Attributes, Epoch, Position, SessionSecret, Transition};
use herenow_registry::store::{
    Action, Answer, Channel, Effect, Incarnation, MAX_PAGE_BYTES, Op, Outcome, OwnerId, Partition, Request,
    User,
};
use herenow_server::store::Store;

use crate::cluster::Cluster;
use crate::memory::Memory;
use crate::redis_server::RedisServer;

/// Short, since the suite waits for leases to end; long enough for what comes before.
const LEASE_MS: u64 = 1_500;
const GRACE_MS: u64 = 300;
const PARTITIONS: u16 = 4;

#[tokio::test]
async fn memory_conforms() {
    suite(&Memory::new(PARTITIONS, LEASE_MS)).await;
}

#[tokio::test]
async fn redis_conforms() {
    let redis = RedisServer::start();
    suite(&redis.store("herenow", PARTITIONS, LEASE_MS)).await;
}

#[tokio::test]
async fn a_cluster_conforms() {
    let cluster = Cluster::start();
    suite(&cluster.store("herenow", PARTITIONS, LEASE_MS)).await;
}

async fn suite(store: &impl Store) {
    let mut node = Node::begin(store, 1).await;
    node.batches_are_applied_once().await;
    node.owners_come_and_go().await;
    node.attributes_are_replaced().await;
    node.what_has_gone_does_not_come_back().await;
    node.another_life_of_the_log_is_told().await;
    node.reads_find_what_is().await;
    node.pages_end_at_so_many_bytes().await;
    node.large_rosters_are_whole().await;
    node.a_log_that_was_trimmed_says_so().await;
    nodes_that_end_are_swept(store).await;
}

/// A node in one partition.
struct Node<'a, S> {
    store: &'a S,
    incarnation: Incarnation,
    epoch: Epoch,
    number: u64,
    renewed: Instant,
}

fn at() -> Partition {
    Partition::of(&lobby(), PARTITIONS)
}

fn lobby() -> Channel {
    Channel::new("app".into(), "lobby")
}

fn user(name: &str) -> User {
    User::new("app", name)
}

fn op(name: &str, session: u128, attempt: u32, action: Action) -> Op {
    let owner = OwnerId::of(SessionSecret(session));
    Op { channel: lobby(), user: user(name), owner, attempt, action }
}

fn mood(value: &str) -> Attributes {
    let mut attributes = Attributes::new();
    attributes.insert("mood".into(), value.into());
    attributes
}

impl<'a, S: Store> Node<'a, S> {
    async fn begin(store: &'a S, incarnation: u64) -> Self {
        let incarnation = Incarnation(incarnation);
        let unknown = Request::Renew { partition: at(), node: incarnation, begin: false };
        assert_eq!(ask(store, &unknown).await.outcome, Outcome::Fenced { node: incarnation });
        let begin = Request::Renew { partition: at(), node: incarnation, begin: true };
        let Answer { epoch, outcome, .. } = ask(store, &begin).await;
        assert!(matches!(outcome, Outcome::Renewed { node, .. } if node == incarnation), "{outcome:?}");
        Self { store, incarnation, epoch, number: 0, renewed: Instant::now() }
    }

    fn batch(&mut self, ops: Vec<Op>) -> Request {
        self.number += 1;
        Request::Apply {
            partition: at(),
            node: self.incarnation,
            number: self.number,
            epoch: self.epoch,
            ops,
        }
    }

    /// Applies ops; gives what they did and the last number.
    async fn apply(&mut self, ops: Vec<Op>) -> (Vec<Effect>, u64) {
        if self.renewed.elapsed() > Duration::from_millis(LEASE_MS / 4) {
            self.renew().await;
        }
        let request = self.batch(ops);
        match ask(self.store, &request).await.outcome {
            Outcome::Applied { effects, seq, .. } => (effects, seq),
            other => panic!("{other:?}"),
        }
    }

    async fn one(&mut self, op: Op) -> Effect {
        self.apply(vec![op]).await.0[0]
    }

    /// The transitions after a place.
    async fn log(&self, after: u64) -> Vec<Transition> {
        let mut all = Vec::new();
        let mut reached = after;
        loop {
            let request = Request::Read { partition: at(), epoch: self.epoch, after: reached };
            let Some(answer) = self.store.ask(&request).await.unwrap() else { return all };
            let Outcome::Log { after, entries } = answer.outcome else { panic!("{answer:?}") };
            assert_eq!(after, reached);
            for (place, entry) in (reached + 1..).zip(&entries) {
                assert_eq!(entry.seq, place, "no gap");
            }
            reached = entries.last().unwrap().seq;
            all.extend(entries.into_iter().map(|entry| entry.transition));
        }
    }

    async fn batches_are_applied_once(&mut self) {
        let request = self.batch(vec![op("ann", 1, 1, Action::Join), op("bob", 2, 1, Action::Join)]);
        let first = ask(self.store, &request).await;
        let expected = Outcome::Applied {
            node: self.incarnation,
            number: 1,
            effects: vec![Effect::Changed, Effect::Changed],
            seq: 2,
        };
        assert_eq!(first.outcome, expected);
        assert_eq!(ask(self.store, &request).await, first, "a repeated batch gets its answer again");
        let joined = |name: &str| Transition::Join { user: name.into() };
        assert_eq!(self.log(0).await, [joined("ann"), joined("bob")]);
    }

    async fn owners_come_and_go(&mut self) {
        assert_eq!(self.one(op("ann", 1, 2, Action::Join)).await, Effect::Unchanged, "a newer attempt");
        assert_eq!(self.one(op("ann", 1, 1, Action::Leave)).await, Effect::Ignored, "an older attempt");
        assert_eq!(self.one(op("ann", 3, 1, Action::Join)).await, Effect::Unchanged, "another owner");
        assert_eq!(self.one(op("ann", 3, 1, Action::Linger)).await, Effect::Unchanged);
        assert_eq!(self.one(op("cid", 4, 1, Action::Leave)).await, Effect::Ignored, "no member");
        let (_, before) = self.apply(vec![op("bob", 5, 1, Action::Join)]).await;
        assert_eq!(self.one(op("bob", 5, 1, Action::Timeout)).await, Effect::Unchanged, "another is left");
        assert_eq!(
            self.one(op("ann", 1, 2, Action::Leave)).await,
            Effect::Changed,
            "who lingers goes as well"
        );
        assert_eq!(self.one(op("bob", 2, 1, Action::Goodbye)).await, Effect::Changed);
        let left = |name: &str| Transition::Leave { user: name.into() };
        assert_eq!(self.log(before).await, [left("ann"), left("bob")]);
        let mut other = Node::begin(self.store, 2).await;
        assert_eq!(self.one(op("dan", 6, 1, Action::Join)).await, Effect::Changed);
        assert_eq!(other.one(op("dan", 6, 2, Action::Join)).await, Effect::Unchanged, "it moved");
        assert_eq!(self.one(op("dan", 6, 2, Action::Timeout)).await, Effect::Ignored, "another node's");
        assert_eq!(other.one(op("dan", 6, 2, Action::Timeout)).await, Effect::Changed);
    }

    async fn attributes_are_replaced(&mut self) {
        assert_eq!(self.one(op("eve", 7, 1, Action::Set(mood("glad")))).await, Effect::Ignored, "no member");
        let (_, before) = self.apply(vec![op("eve", 7, 1, Action::Join)]).await;
        let (effects, set_at) = self
            .apply(vec![
                op("eve", 7, 1, Action::Set(mood("glad"))),
                op("eve", 7, 1, Action::Set(mood("glad"))),
                op("eve", 8, 1, Action::Set(mood("sad"))),
            ])
            .await;
        assert_eq!(effects, [Effect::Changed, Effect::Unchanged, Effect::Ignored]);
        let told = Transition::Set { user: "eve".into(), attributes: mood("glad") };
        assert_eq!(self.log(before).await, [told]);
        let restore = |epoch, seq, value| {
            let set_at = Position { epoch, seq };
            op("eve", 7, 1, Action::Restore { attributes: mood(value), set_at })
        };
        let earlier = Epoch(self.epoch.0 - 1);
        assert_eq!(self.one(restore(earlier, set_at + 9, "old")).await, Effect::Ignored);
        assert_eq!(self.one(restore(self.epoch, set_at + 9, "new")).await, Effect::Changed);
        assert_eq!(self.store.attributes(&lobby(), "eve").await.unwrap(), mood("new"));
        assert_eq!(self.store.attributes(&lobby(), "nobody").await.unwrap(), Attributes::new());
        assert_eq!(self.one(op("eve", 7, 1, Action::Set(Attributes::new()))).await, Effect::Changed);
        assert_eq!(self.store.attributes(&lobby(), "eve").await.unwrap(), Attributes::new());
        assert_eq!(self.one(op("eve", 7, 1, Action::Leave)).await, Effect::Changed);
    }

    async fn what_has_gone_does_not_come_back(&mut self) {
        assert_eq!(self.one(op("fay", 9, 3, Action::Join)).await, Effect::Changed);
        assert_eq!(self.one(op("fay", 9, 3, Action::Leave)).await, Effect::Changed);
        assert_eq!(self.one(op("fay", 9, 2, Action::Join)).await, Effect::Ignored, "it was on its way");
        assert_eq!(self.one(op("gus", 9, 2, Action::Join)).await, Effect::Changed, "of another user");
        assert_eq!(self.one(op("fay", 9, 3, Action::Join)).await, Effect::Changed);
        for (name, attempt) in [("fay", 3), ("gus", 2)] {
            assert_eq!(self.one(op(name, 9, attempt, Action::Leave)).await, Effect::Changed);
        }
    }

    async fn another_life_of_the_log_is_told(&mut self) {
        let other = Epoch(self.epoch.0 ^ 1);
        let known = std::mem::replace(&mut self.epoch, other);
        let request = self.batch(vec![op("hal", 10, 1, Action::Join)]);
        let read = Request::Read { partition: at(), epoch: other, after: 0 };
        for request in [request, read] {
            let answer = ask(self.store, &request).await;
            assert_eq!((answer.epoch, answer.outcome), (known, Outcome::Reborn));
        }
        self.epoch = known;
        self.number -= 1;
        let page = self.store.members(&lobby(), None, 10).await.unwrap();
        assert_eq!(page.count, 0, "nothing was applied");
    }

    async fn reads_find_what_is(&mut self) {
        let names = ["ann", "bob", "cid", "dan", "eve"];
        let joins = (11..).zip(names).map(|(session, name)| op(name, session, 1, Action::Join)).collect();
        let (_, seq) = self.apply(joins).await;
        let first = self.store.members(&lobby(), None, 2).await.unwrap();
        let users = |page: &herenow_server::store::MembersPage| {
            page.members.iter().map(|member| member.user.clone()).collect::<Vec<_>>()
        };
        assert_eq!((users(&first), first.count, first.more), (vec!["ann".into(), "bob".into()], 5, true));
        let rest = self.store.members(&lobby(), Some("bob"), 3).await.unwrap();
        assert_eq!((users(&rest), rest.more), (vec!["cid".into(), "dan".into(), "eve".into()], false));
        assert_eq!(self.store.channels_of(&user("ann")).await.unwrap(), ["lobby"]);
        let stranger = User::new("other", "ann");
        assert_eq!(self.store.channels_of(&stranger).await.unwrap(), Vec::<String>::new());
        let elsewhere = Channel::new("other".into(), "lobby");
        assert_eq!(self.store.members(&elsewhere, None, 9).await.unwrap().count, 0, "applications are apart");
        let roster = Request::Roster { partition: at(), channel: lobby() };
        let Outcome::Roster { seq: channel_seq, read_at, members, .. } =
            ask(self.store, &roster).await.outcome
        else {
            panic!("no roster");
        };
        assert_eq!((channel_seq, read_at), (seq, seq));
        assert_eq!(members.keys().map(AsRef::as_ref).collect::<Vec<&str>>(), names);
        let leaves = (11..).zip(names).map(|(session, name)| op(name, session, 1, Action::Leave)).collect();
        let (_, seq) = self.apply(leaves).await;
        let Outcome::Roster { seq: channel_seq, members, .. } = ask(self.store, &roster).await.outcome else {
            panic!("no roster");
        };
        assert_eq!((channel_seq, members.len()), (seq, 0), "an empty channel knows how far it was told");
    }

    async fn pages_end_at_so_many_bytes(&mut self) {
        let name = |at: u32| format!("wide-{at:03}");
        let wide = mood(&"m".repeat(8_000));
        for at in 0..100 {
            let owner = u128::from(at) + 5_000;
            let set = Action::Set(wide.clone());
            self.apply(vec![op(&name(at), owner, 1, Action::Join), op(&name(at), owner, 1, set)]).await;
        }
        let (mut users, mut pages) = (Vec::<String>::new(), 0);
        loop {
            let page = self.store.members(&lobby(), users.last().map(String::as_str), 1_000).await.unwrap();
            let bytes: usize =
                page.members.iter().map(|one| one.user.len() + one.attributes.byte_len()).sum();
            assert!(bytes <= MAX_PAGE_BYTES + 9_000 && page.count == 100, "{bytes}");
            users.extend(page.members.into_iter().map(|member| member.user));
            pages += 1;
            if !page.more {
                break;
            }
        }
        assert_eq!((users, pages), ((0..100).map(name).collect(), 4));
        let roster = Request::Roster { partition: at(), channel: lobby() };
        let Outcome::Roster { members, .. } = ask(self.store, &roster).await.outcome else {
            panic!("no roster");
        };
        assert_eq!(members.len(), 100);
        for at in 0..100 {
            self.apply(vec![op(&name(at), u128::from(at) + 5_000, 1, Action::Leave)]).await;
        }
    }

    async fn large_rosters_are_whole(&mut self) {
        let name = |at: u32| format!("user-{at:05}");
        for chunk in 0..30 {
            let each = chunk * 50..(chunk + 1) * 50;
            self.apply(each.clone().map(|at| op(&name(at), u128::from(at) + 100, 1, Action::Join)).collect())
                .await;
            self.apply(
                each.map(|at| op(&name(at), u128::from(at) + 100, 1, Action::Set(mood(&name(at))))).collect(),
            )
            .await;
        }
        let roster = Request::Roster { partition: at(), channel: lobby() };
        let Outcome::Roster { members, .. } = ask(self.store, &roster).await.outcome else {
            panic!("no roster");
        };
        assert_eq!(members.len(), 1_500);
        assert!(members.iter().all(|(user, attributes)| *attributes == mood(user)));
        let mut paged = Vec::new();
        loop {
            let after = paged.last().cloned();
            let page = self.store.members(&lobby(), after.as_deref(), 400).await.unwrap();
            paged.extend(page.members.into_iter().map(|member| member.user));
            if !page.more {
                break;
            }
        }
        assert_eq!(paged, members.keys().map(|user| user.to_string()).collect::<Vec<_>>());
        for chunk in 0..30 {
            let each = chunk * 50..(chunk + 1) * 50;
            self.apply(each.map(|at| op(&name(at), u128::from(at) + 100, 1, Action::Leave)).collect()).await;
        }
    }

    async fn a_log_that_was_trimmed_says_so(&mut self) {
        let mut last = 0;
        for round in 0..3_000 {
            let (join, leave) = (op("ida", 99, round, Action::Join), op("ida", 99, round, Action::Leave));
            last = self.apply(vec![join, leave]).await.1;
        }
        let request = Request::Read { partition: at(), epoch: self.epoch, after: 1 };
        assert_eq!(ask(self.store, &request).await.outcome, Outcome::Trimmed { seq: last });
        let beyond = Request::Read { partition: at(), epoch: self.epoch, after: last + 1 };
        assert_eq!(ask(self.store, &beyond).await.outcome, Outcome::Trimmed { seq: last });
        let near = self.log(last - 100).await;
        assert_eq!(near.len(), 100);
    }

    async fn renew(&mut self) {
        self.renewed = Instant::now();
        let request = Request::Renew { partition: at(), node: self.incarnation, begin: false };
        let outcome = ask(self.store, &request).await.outcome;
        assert!(matches!(outcome, Outcome::Renewed { .. }), "{outcome:?}");
    }
}

async fn ask(store: &impl Store, request: &Request) -> Answer {
    let answer = store.ask(request).await.unwrap().expect("an answer at once");
    assert_eq!(answer.partition, request.partition());
    answer
}

async fn nodes_that_end_are_swept(store: &impl Store) {
    let mut ending = Node::begin(store, 30).await;
    let (_, before) = ending.apply(vec![op("jim", 31, 1, Action::Join)]).await;
    for chunk in 0..3 {
        let joins = chunk * 50..(chunk + 1) * 50;
        let joins = joins.map(|at| op(&format!("u{at:03}"), at + 1_000, 1, Action::Join)).collect();
        ending.apply(joins).await;
    }
    ending.renew().await;
    let half = Duration::from_millis(LEASE_MS / 2);
    tokio::time::sleep(half).await;
    let mut staying = Node::begin(store, 40).await;
    assert_eq!(staying.one(op("jim", 41, 1, Action::Join)).await, Effect::Unchanged);
    let sweep = Request::Sweep { partition: at(), grace_ms: GRACE_MS };
    let swept = |more| Outcome::Swept { more };
    assert_eq!(ask(store, &sweep).await.outcome, swept(false));
    tokio::time::sleep(half).await;
    staying.renew().await;
    let late = ending.batch(vec![op("kai", 32, 1, Action::Join)]);
    assert_eq!(ask(store, &late).await.outcome, Outcome::Fenced { node: ending.incarnation });
    let renew = Request::Renew { partition: at(), node: ending.incarnation, begin: false };
    assert_eq!(ask(store, &renew).await.outcome, Outcome::Fenced { node: ending.incarnation });
    assert_eq!(ask(store, &sweep).await.outcome, swept(false), "not before the grace is over");
    tokio::time::sleep(Duration::from_millis(GRACE_MS + 100)).await;
    staying.renew().await;
    assert_eq!(ask(store, &sweep).await.outcome, swept(true), "a slice at a time");
    assert_eq!(ask(store, &sweep).await.outcome, swept(false));
    let page = store.members(&lobby(), None, 10).await.unwrap();
    assert_eq!(page.count, 1, "who has an owner elsewhere stays: {page:?}");
    let told = staying.log(before).await;
    let timeouts = told.iter().filter(|told| matches!(told, Transition::Timeout { .. })).count();
    assert_eq!(timeouts, 150);
    let again = Request::Renew { partition: at(), node: ending.incarnation, begin: false };
    assert_eq!(ask(store, &again).await.outcome, Outcome::Fenced { node: ending.incarnation });
}
