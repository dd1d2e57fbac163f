//! What the operator is told is what has happened.

use herenow_protocol::{Code, Hello, Position, ServerFrame, SessionSecret};
use herenow_registry::{Access, Capability, Counters, Gauges, Identity};

use crate::harness::{APPLICATION, World, identity, unlimited};

fn refused(counters: &Counters, code: Code) -> u64 {
    counters.refusals[code as usize]
}

#[test]
fn transitions_deliveries_and_frames_are_counted() {
    let mut world = World::new();
    let watchers: Vec<_> = (1..=3).map(|secret| world.client(&format!("w{secret}"), secret, &[])).collect();
    for watcher in &watchers {
        world.snapshot(*watcher, "lobby");
    }
    let before = world.registry.counters().clone();
    assert_eq!((before.snapshots, before.new_sessions, before.joins), (3, 3, 0));
    let ada = world.client("ada", 9, &["lobby"]);
    world.settle();
    world.set(ada, "lobby", "happy");
    world.settle();
    world.leave(ada, "lobby");
    world.settle();
    world.join(ada, "lobby");
    world.settle();
    world.disconnect(ada);
    world.advance(10_000);
    world.settle();
    let after = world.registry.counters();
    assert_eq!((after.joins, after.sets, after.leaves, after.timeouts), (2, 1, 1, 1));
    assert_eq!(after.deliveries, 5 * 3);
    let frames: usize = watchers.iter().map(|watcher| world.take(*watcher).len()).sum();
    let own = world.take(ada).len() + 1 + 3; // her welcome, and three answers that were taken
    let after = world.registry.counters();
    assert_eq!(after.frames - before.frames, (frames + own) as u64);
    assert!(after.frame_bytes > before.frame_bytes);
}

#[test]
fn resumed_and_new_are_told_apart() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &["lobby"]);
    let snapshot = world.snapshot(ada, "lobby");
    let at = Position { epoch: snapshot.epoch, seq: snapshot.seq };
    world.disconnect(ada);
    let bob = world.client("bob", 2, &["lobby"]);
    let (ada, _) = world.client_again("ada", 1, 2, &["lobby"]);
    world.observe(ada, "lobby", Some(at));
    let elsewhere = Position { seq: at.seq + 1_000, ..at };
    world.observe(bob, "lobby", Some(elsewhere));
    let counters = world.registry.counters();
    assert_eq!((counters.new_sessions, counters.resumed_sessions), (2, 1));
    assert_eq!((counters.resumed_observers, counters.unresumed_observers), (1, 1));
    assert_eq!(counters.snapshots, 2);
}

#[test]
fn refusals_are_counted_by_code() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &[]);
    world.set(ada, "lobby", "happy");
    world.join(ada, "");
    while world.join(ada, "lobby").0 != Err(Code::RateLimited) {}
    let counters = world.registry.counters();
    assert_eq!(refused(counters, Code::NotJoined), 1);
    assert_eq!(refused(counters, Code::InvalidArgument), 1);
    assert_eq!(refused(counters, Code::RateLimited), 1);
    assert_eq!(counters.refusals.iter().sum::<u64>(), 3);
}

#[test]
fn channels_that_a_hello_is_refused_are_counted_by_code() {
    let mut world = World::new();
    let mut names: Vec<String> = (0..101).map(|index| format!("c{index}")).collect();
    names.push(String::new());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.client("ada", 1, &names);
    let counters = world.registry.counters();
    assert_eq!(refused(counters, Code::LimitReached), 1);
    assert_eq!(refused(counters, Code::InvalidArgument), 1);

    let connection = world.connect();
    let access = Access::new(Some([("lobby", [Capability::Join])]), false);
    let hello = Hello {
        client_id: APPLICATION.into(),
        token: None,
        session: SessionSecret(2),
        attempt: 1,
        joined: vec!["lobby".into(), "other".into()],
    };
    world.hello_as(connection, hello, Identity { access, ..identity("bob") });
    assert!(matches!(world.next(connection), Some(ServerFrame::Welcome(_))));
    let counters = world.registry.counters();
    assert_eq!(refused(counters, Code::Forbidden), 1);
    assert_eq!(counters.refusals.iter().sum::<u64>(), 3);
}

#[test]
fn a_session_that_makes_room_is_counted() {
    let mut world = World::new();
    let first = world.client("ada", 1, &[]);
    for secret in 2..=20 {
        world.client("ada", secret, &[]);
    }
    world.disconnect(first);
    let counters = world.registry.counters();
    assert_eq!((counters.evicted_sessions, counters.denied_sessions), (0, 0));
    world.client("ada", 21, &[]);
    let counters = world.registry.counters();
    assert_eq!((counters.evicted_sessions, counters.denied_sessions), (1, 0));
}

#[test]
fn gauges_follow_what_there_is() {
    let mut world = World::with(unlimited());
    assert_eq!(world.registry.gauges(), Gauges::default());
    let ada = world.client("ada", 1, &["lobby", "other"]);
    let second = world.client("ada", 2, &["lobby"]);
    let bob = world.client("bob", 3, &["lobby"]);
    world.snapshot(bob, "lobby");
    world.snapshot(ada, "lobby");
    let all = Gauges {
        connections: 3,
        attached_sessions: 3,
        users: 2,
        channels: 2,
        members: 3,
        full_channels: 1,
        observers: 2,
        ..Gauges::default()
    };
    assert_eq!(world.registry.gauges(), all);
    world.disconnect(second);
    let detached = Gauges { connections: 2, attached_sessions: 2, detached_sessions: 1, ..all };
    assert_eq!(world.registry.gauges(), detached);
    // It comes back, is replaced by a newer socket of its own, and says goodbye.
    world.client_again("ada", 2, 2, &["lobby"]);
    assert_eq!(world.registry.gauges(), all);
    let (newest, _) = world.client_again("ada", 2, 3, &["lobby"]);
    assert_eq!(world.registry.gauges(), all);
    world.bye(newest);
    assert_eq!(world.registry.gauges(), detached);
    let now = world.millis();
    world.registry.kick(now, APPLICATION, "ada", None);
    world.drain();
    assert_eq!(world.registry.counters().kicked_sessions, 2);
    let one = Gauges {
        connections: 1,
        attached_sessions: 1,
        users: 1,
        channels: 1,
        members: 1,
        full_channels: 1,
        observers: 1,
        ..Gauges::default()
    };
    assert_eq!(world.registry.gauges(), one);
    world.disconnect(bob);
    world.advance(30_000);
    assert_eq!(world.registry.gauges(), Gauges::default());
    assert!(!matches!(world.next(ada), Some(ServerFrame::Left(_))));
}
