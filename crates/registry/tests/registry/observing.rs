//! Snapshots, catching up, and what follows.

use herenow_protocol::{ClientFrame, Encoding, Epoch, Mode, Position, ServerFrame};
use herenow_registry::Config;

use crate::harness::*;
use crate::watcher::Watcher;

fn seq_of(world: &mut World, channel: &str) -> Position {
    let probe = world.client("probe", 77_777, &[]);
    let snapshot = world.snapshot(probe, channel);
    world.disconnect(probe);
    Position { epoch: snapshot.epoch, seq: snapshot.seq }
}

#[test]
fn a_snapshot_has_the_members_by_name_and_then_ok_comes() {
    let mut world = World::new();
    let bob = world.client("bob", 2, &["lobby"]);
    let ada = world.client("ada", 1, &["lobby"]);
    world.set(bob, "lobby", "happy");
    let snapshot = world.snapshot(ada, "lobby");
    assert_eq!(snapshot.channel, "lobby");
    assert_eq!(snapshot.mode, Mode::Full);
    assert_eq!(snapshot.seq, 3);
    assert!(!snapshot.more);
    let members: Vec<_> = snapshot.members.iter().map(|it| (it.user.as_str(), &it.attributes)).collect();
    assert_eq!(members, [("ada", &Default::default()), ("bob", &moods("happy"))]);
}

#[test]
fn observing_does_not_join() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &[]);
    assert_eq!(world.snapshot(ada, "lobby").members, []);
    assert!(world.users("lobby").is_empty());
    assert_eq!(world.snapshot(ada, "lobby").seq, 0);
}

#[test]
fn both_encodings_say_the_same() {
    let mut world = World::new();
    world.advance(10_000); // settled, so that snapshots do not differ by the time left
    let json = world.client("json", 1, &["lobby"]);
    let binary = world.connect_as(Encoding::Postcard);
    world.hello(binary, "binary", 2, 1, &["lobby"]);
    world.take(binary);
    let drop_ids = |frames: Vec<ServerFrame>| -> Vec<_> {
        frames.into_iter().filter(|frame| !matches!(frame, ServerFrame::Ok { .. })).collect()
    };
    let by_json = drop_ids(world.observe(json, "lobby", None));
    let by_binary = drop_ids(world.observe(binary, "lobby", None));
    assert_eq!(by_json, by_binary);
    world.set(json, "lobby", "happy");
    world.settle();
    assert_eq!(world.told(json, "lobby"), [mood_of("json", "happy")]);
    assert_eq!(world.told(binary, "lobby"), [mood_of("json", "happy")]);
}

#[test]
fn sequences_of_a_channel_grow_but_are_not_consecutive() {
    let mut world = World::new();
    let watcher = world.client("watcher", 9, &[]);
    let first = world.snapshot(watcher, "lobby").seq;
    let ada = world.client("ada", 1, &["other"]);
    assert_eq!(seq_of(&mut world, "lobby").seq, first, "what happens elsewhere is not of this channel");
    world.join(ada, "lobby");
    world.settle();
    let frames = world.take(watcher);
    let [ServerFrame::Diff { prev, seq, .. }] = frames.as_slice() else { panic!("got {frames:?}") };
    assert_eq!((*prev, *seq), (0, 2));
}

#[test]
fn the_sequence_is_kept_when_the_channel_empties() {
    let mut world = World::new();
    let watcher = world.client("watcher", 9, &[]);
    world.snapshot(watcher, "lobby");
    let ada = world.client("ada", 1, &["lobby"]);
    world.leave(ada, "lobby");
    world.settle();
    assert_eq!(seq_of(&mut world, "lobby").seq, 2);
    world.join(ada, "lobby");
    world.settle();
    let mut prev_seq = 0;
    for frame in world.take(watcher) {
        if let ServerFrame::Diff { prev, seq, .. } = frame {
            assert_eq!(prev, prev_seq);
            prev_seq = seq;
        }
    }
    assert_eq!(prev_seq, 3);
}

#[test]
fn an_observer_that_missed_something_gets_just_that() {
    let mut world = World::new();
    let other = world.client("other", 8, &[]);
    world.snapshot(other, "lobby");
    let ada = world.client("ada", 1, &["lobby"]);
    world.settle();
    let from = seq_of(&mut world, "lobby");
    world.set(ada, "lobby", "happy");
    world.client("bob", 2, &["lobby"]);
    world.settle();
    let watcher = world.client("watcher", 9, &[]);
    let frames = world.observe(watcher, "lobby", Some(from));
    let [ServerFrame::Diff { prev, seq, transitions, .. }, ServerFrame::Ok { .. }] = frames.as_slice() else {
        panic!("got {frames:?}");
    };
    assert_eq!(*prev, from.seq);
    assert_eq!(transitions, &[mood_of("ada", "happy"), joined("bob")]);
    // And it is live: what follows follows that.
    let reached = *seq;
    world.leave(ada, "lobby");
    world.settle();
    let frames = world.take(watcher);
    assert!(matches!(frames.as_slice(), [ServerFrame::Diff { prev, .. }] if *prev == reached));
}

#[test]
fn an_observer_that_missed_nothing_is_told_so() {
    let mut world = World::new();
    world.client("ada", 1, &["lobby"]);
    let from = seq_of(&mut world, "lobby");
    let watcher = world.client("watcher", 9, &[]);
    let frames = world.observe(watcher, "lobby", Some(from));
    let [ServerFrame::Diff { prev, seq, transitions, .. }, ServerFrame::Ok { .. }] = frames.as_slice() else {
        panic!("got {frames:?}");
    };
    assert_eq!((*prev, *seq, transitions.len()), (from.seq, from.seq, 0));
}

#[test]
fn an_observer_that_is_ahead_gets_a_snapshot() {
    let mut world = World::new();
    world.client("ada", 1, &["lobby"]);
    let ours = seq_of(&mut world, "lobby");
    let watcher = world.client("watcher", 9, &[]);
    let frames = world.observe(watcher, "lobby", Some(Position { seq: 1_000, ..ours }));
    assert!(matches!(
        frames.as_slice(),
        [ServerFrame::Snapshot(snapshot), ServerFrame::Ok { .. }] if snapshot.seq == ours.seq
    ));
}

#[test]
fn another_epoch_gets_a_snapshot() {
    let mut world = World::new();
    world.client("ada", 1, &["lobby"]);
    let ours = seq_of(&mut world, "lobby");
    let watcher = world.client("watcher", 9, &[]);
    let from = Position { epoch: Epoch(ours.epoch.0 ^ 1), ..ours };
    let frames = world.observe(watcher, "lobby", Some(from));
    assert!(matches!(frames.as_slice(), [ServerFrame::Snapshot(_), ServerFrame::Ok { .. }]));
}

#[test]
fn a_mirror_outlives_its_last_observer_by_the_grace() {
    for (away_ms, catches_up) in [(9_999, true), (10_000, false)] {
        let mut world = World::new();
        let watcher = world.client("watcher", 9, &[]);
        let ada = world.client("ada", 1, &["lobby"]);
        let from = world.snapshot(watcher, "lobby");
        let from = Position { epoch: from.epoch, seq: from.seq };
        let moment = world.now;
        world.disconnect(watcher);
        world.set(ada, "lobby", "happy");
        world.leave(ada, "lobby");
        world.advance(moment + away_ms - world.now);
        let watcher = world.client("watcher", 10, &[]);
        let frames = world.observe(watcher, "lobby", Some(from));
        if catches_up {
            assert!(
                matches!(frames.as_slice(), [ServerFrame::Diff { prev, transitions, .. }, ServerFrame::Ok { .. }]
                    if *prev == from.seq && *transitions == [mood_of("ada", "happy"), left("ada")]),
                "{frames:?}"
            );
        } else {
            let [ServerFrame::Snapshot(snapshot), ServerFrame::Ok { .. }] = frames.as_slice() else {
                panic!("got {frames:?}");
            };
            assert_eq!(snapshot.members, []);
            assert!(snapshot.seq > from.seq);
        }
    }
}

#[test]
fn an_observer_that_missed_more_than_the_log_holds_gets_a_snapshot() {
    for (missed, catches_up) in [(1_024, true), (1_025, false)] {
        let mut world = World::with(unlimited());
        let keeper = world.client("keeper", 8, &[]);
        let from = world.snapshot(keeper, "lobby");
        let from = Position { epoch: from.epoch, seq: from.seq };
        let ada = world.client("ada", 1, &[]);
        for n in 0..missed {
            let channel = "lobby".into();
            let id = n;
            let frame = if n % 2 == 0 {
                ClientFrame::Join { id, channel }
            } else {
                ClientFrame::Leave { id, channel }
            };
            world.say(ada, vec![frame]);
        }
        world.settle();
        let watcher = world.client("watcher", 9, &[]);
        let mut view = Watcher::at(from);
        let frames = world.observe(watcher, "lobby", Some(from));
        view.apply_all(frames);
        assert_eq!(view.snapshots, usize::from(!catches_up));
        assert_eq!(view.roster.into_keys().collect::<Vec<_>>(), world.users("lobby"));
    }
}

#[test]
fn what_is_pending_is_told_before_a_snapshot_is_made() {
    let mut world = World::new();
    let watcher = world.client("watcher", 9, &[]);
    world.snapshot(watcher, "lobby");
    world.client("ada", 1, &["lobby"]);
    world.client("bob", 2, &["lobby"]);
    world.client("cyd", 3, &["lobby"]);
    let late = world.client("late", 4, &[]);
    let snapshot = world.snapshot(late, "lobby");
    assert_eq!(snapshot.members.len(), 3);
    let mut view = Watcher::at(Position { epoch: snapshot.epoch, seq: 0 });
    view.apply_all(world.take(watcher));
    assert_eq!(view.position.unwrap().seq, snapshot.seq);
    assert_eq!(view.roster.len(), 3);
}

#[test]
fn a_roster_is_told_in_pages_of_500_members() {
    for (members, pages) in [(500, 1), (501, 2), (1_000, 2)] {
        let mut world = World::new();
        for n in 0..members {
            world.client(&format!("u{n:04}"), n, &["lobby"]);
        }
        let watcher = world.client("watcher", 99_999, &[]);
        let frames = world.observe(watcher, "lobby", None);
        let told: Vec<_> = frames
            .iter()
            .filter_map(|frame| match frame {
                ServerFrame::Snapshot(page) => Some((page.members.len(), page.more)),
                _ => None,
            })
            .collect();
        assert_eq!(told.len(), pages);
        assert!(told.iter().all(|(count, _)| *count <= 500));
        assert!(told.iter().rev().skip(1).all(|(_, more)| *more));
        assert!(!told.last().unwrap().1);
        let mut view = Watcher::default();
        view.apply_all(frames);
        assert_eq!(view.roster.len() as u128, members);
    }
}

#[test]
fn pages_of_large_attributes_are_about_32_kib() {
    let mut world = World::new();
    for n in 0..100 {
        let member = world.client(&format!("u{n}"), n, &["lobby"]);
        world.set(member, "lobby", &"x".repeat(1_000));
    }
    let watcher = world.client("watcher", 999, &[]);
    world.stall(watcher);
    let id = world.id();
    world.say(watcher, vec![ClientFrame::Observe { id, channel: "lobby".into(), from: None }]);
    world.settle();
    let first = world.waiting_bytes(watcher);
    assert!((30_000..100_000).contains(&first), "{first} bytes are queued at once");
    world.unstall(watcher);
    let mut view = Watcher::default();
    let frames = world.take(watcher);
    assert!(frames.iter().filter(|frame| matches!(frame, ServerFrame::Snapshot(_))).count() >= 4);
    view.apply_all(frames);
    assert_eq!(view.roster.len(), 100);
}

#[test]
fn observing_again_starts_again_and_both_requests_are_answered() {
    let mut world = World::new();
    world.client("ada", 1, &["lobby"]);
    let watcher = world.client("watcher", 9, &[]);
    let observe = |id| ClientFrame::Observe { id, channel: "lobby".into(), from: None };
    world.say(watcher, vec![observe(1), observe(2)]);
    world.settle();
    let frames = world.take(watcher);
    assert!(matches!(
        frames.as_slice(),
        [ServerFrame::Snapshot(_), ServerFrame::Ok { id: 1, .. }, ServerFrame::Ok { id: 2, .. }]
    ));
    assert_eq!(world.snapshot(watcher, "lobby").members.len(), 1);
}

#[test]
fn unobserving_answers_an_observe_under_way_and_ends_it() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &["lobby"]);
    let watcher = world.client("watcher", 9, &[]);
    world.say(
        watcher,
        vec![
            ClientFrame::Observe { id: 1, channel: "lobby".into(), from: None },
            ClientFrame::Unobserve { id: 2, channel: "lobby".into() },
        ],
    );
    assert_eq!(world.answer(watcher, 1), Ok(None));
    assert_eq!(world.answer(watcher, 2), Ok(None));
    world.set(ada, "lobby", "happy");
    world.settle();
    assert_eq!(world.take(watcher), []);
}

#[test]
fn an_unobserved_channel_is_told_no_more() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &["lobby"]);
    let watcher = world.client("watcher", 9, &[]);
    world.snapshot(watcher, "lobby");
    world.unobserve(watcher, "lobby");
    world.set(ada, "lobby", "happy");
    world.settle();
    assert_eq!(world.take(watcher), []);
}

#[test]
fn snapshots_say_how_long_the_store_settles() {
    let mut world = World::with(Config { grace_ms: 4_000, ..Config::default() });
    let watcher = world.client("watcher", 9, &[]);
    assert_eq!(world.snapshot(watcher, "lobby").settles_in_ms, 4_000);
    world.advance(2_950);
    assert_eq!(world.snapshot(watcher, "lobby").settles_in_ms, 1_000);
    world.advance(950);
    assert_eq!(world.snapshot(watcher, "lobby").settles_in_ms, 0);
    assert_eq!(world.registry.settles_in_ms(world.millis()), 0);
}

#[test]
fn nothing_crosses_from_one_application_to_another() {
    let mut world = World::new();
    let watcher = world.client("watcher", 9, &[]);
    world.snapshot(watcher, "lobby");
    let elsewhere = world.connect();
    let hello = herenow_protocol::Hello {
        client_id: "other".into(),
        token: None,
        session: herenow_protocol::SessionSecret(9),
        attempt: 1,
        joined: vec!["lobby".into()],
    };
    let who = herenow_registry::Identity { application: "other".into(), ..identity("watcher") };
    world.hello_as(elsewhere, hello, who);
    world.settle();
    assert_eq!(world.take(watcher), []);
    assert!(world.users("lobby").is_empty());
    assert!(world.user_channels("watcher").is_empty());
}
