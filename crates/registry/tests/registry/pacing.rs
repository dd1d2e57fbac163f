//! When diffs go out, and what is merged.

use herenow_protocol::{Attributes, ClientFrame, ServerFrame};
use herenow_registry::Output;

use crate::harness::*;

fn diffs(world: &mut World, connection: herenow_registry::ConnectionId) -> usize {
    let frames = world.take(connection);
    frames.iter().filter(|frame| matches!(frame, ServerFrame::Diff { .. })).count()
}

#[test]
fn a_quiet_channel_is_told_at_once_and_a_busy_one_each_tick() {
    let mut world = World::new();
    let watcher = world.client("watcher", 9, &[]);
    world.snapshot(watcher, "lobby");
    let ada = world.client("ada", 1, &["lobby"]);
    assert_eq!(world.told(watcher, "lobby"), [joined("ada")]);
    world.set(ada, "lobby", "1");
    world.set(ada, "lobby", "2");
    world.advance(49);
    assert_eq!(world.told(watcher, "lobby"), []);
    world.advance(1);
    assert_eq!(world.told(watcher, "lobby"), [mood_of("ada", "2")]);
    // The tick began with that flush: the next one waits for its end.
    world.set(ada, "lobby", "3");
    world.advance(49);
    assert_eq!(world.told(watcher, "lobby"), []);
    world.advance(1);
    assert_eq!(world.told(watcher, "lobby"), [mood_of("ada", "3")]);
    world.advance(120);
    world.set(ada, "lobby", "4");
    assert_eq!(world.told(watcher, "lobby"), [mood_of("ada", "4")]);
}

#[test]
fn a_second_of_updates_is_at_most_20_diffs() {
    let mut world = World::with(unlimited());
    let watcher = world.client("watcher", 9, &[]);
    world.snapshot(watcher, "lobby");
    let ada = world.client("ada", 1, &["lobby"]);
    world.settle();
    world.take(watcher);
    for n in 0..1_000 {
        world.set(ada, "lobby", &n.to_string());
        world.advance(1);
    }
    let count = diffs(&mut world, watcher);
    assert!((19..=21).contains(&count), "{count} diffs");
}

#[test]
fn ticks_are_shared_so_that_all_channels_go_out_together() {
    let mut world = World::new();
    let watcher = world.client("watcher", 9, &[]);
    let ada = world.client("ada", 1, &["a", "b"]);
    world.snapshot(watcher, "a");
    world.snapshot(watcher, "b");
    world.advance(7);
    world.set(ada, "a", "1");
    world.advance(20);
    world.set(ada, "b", "1");
    world.set(ada, "a", "2");
    world.set(ada, "b", "2");
    world.take(watcher);
    world.advance(22);
    assert_eq!(diffs(&mut world, watcher), 0);
    world.advance(1);
    assert_eq!(world.now % 50, 0);
    assert_eq!(diffs(&mut world, watcher), 2);
}

#[test]
fn what_arrives_together_is_told_together() {
    let mut world = World::new();
    let watcher = world.client("watcher", 9, &[]);
    world.snapshot(watcher, "lobby");
    let members: Vec<_> = (0..10).map(|n| world.client(&format!("u{n}"), n, &[])).collect();
    for member in &members {
        world.deliver(*member, vec![ClientFrame::Join { id: 1, channel: "lobby".into() }]);
    }
    world.drain();
    let frames = world.take(watcher);
    let [ServerFrame::Diff { transitions, .. }] = frames.as_slice() else { panic!("got {frames:?}") };
    assert_eq!(transitions.len(), 10);
}

#[test]
fn joins_and_departures_within_a_tick_are_all_told_and_updates_once() {
    let mut world = World::new();
    let watcher = world.client("watcher", 9, &[]);
    world.snapshot(watcher, "lobby");
    let ada = world.client("ada", 1, &[]);
    let bob = world.client("bob", 2, &["lobby"]);
    world.settle();
    world.take(watcher);
    world.set(bob, "lobby", "0");
    world.take(watcher);
    world.join(ada, "lobby");
    world.set(ada, "lobby", "1");
    world.set(bob, "lobby", "1");
    world.set(ada, "lobby", "2");
    world.leave(ada, "lobby");
    world.join(ada, "lobby");
    world.set(ada, "lobby", "3");
    world.set(bob, "lobby", "2");
    world.set(ada, "lobby", "4");
    world.settle();
    assert_eq!(
        world.told(watcher, "lobby"),
        [joined("ada"), left("ada"), joined("ada"), mood_of("bob", "2"), mood_of("ada", "4"),]
    );
}

/// Who reads its roster after the answer finds the change: in a quiet channel at once, in a busy one with the tick.
#[test]
fn an_answer_comes_after_the_diff_that_shows_it() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &[]);
    world.snapshot(ada, "lobby");
    world.say(ada, vec![ClientFrame::Join { id: 5, channel: "lobby".into() }]);
    let frames = world.take(ada);
    assert!(matches!(frames.as_slice(), [ServerFrame::Diff { .. }, ServerFrame::Ok { id: 5, .. }]));
    let attributes = Attributes::from_iter([("mood", "busy")]);
    world.say(
        ada,
        vec![
            ClientFrame::Set { id: 6, channel: "lobby".into(), attributes },
            ClientFrame::Leave { id: 7, channel: "lobby".into() },
        ],
    );
    assert_eq!(world.take(ada), []);
    world.settle();
    let frames = world.take(ada);
    assert!(matches!(
        frames.as_slice(),
        [ServerFrame::Diff { .. }, ServerFrame::Ok { id: 6, .. }, ServerFrame::Ok { id: 7, .. }]
    ));
}

/// Somebody who does not observe the channel has nothing to wait for, and neither has one who stops observing.
#[test]
fn an_answer_does_not_wait_where_nothing_is_told() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &[]);
    let bob = world.client("bob", 2, &[]);
    world.snapshot(ada, "lobby");
    world.join(ada, "lobby");
    world.take(ada);
    world.say(bob, vec![ClientFrame::Join { id: 5, channel: "lobby".into() }]);
    assert!(matches!(world.take(bob).as_slice(), [ServerFrame::Ok { id: 5, .. }]));
    world.say(
        ada,
        vec![
            ClientFrame::Leave { id: 6, channel: "lobby".into() },
            ClientFrame::Unobserve { id: 7, channel: "lobby".into() },
        ],
    );
    assert!(matches!(
        world.take(ada).as_slice(),
        [ServerFrame::Ok { id: 6, .. }, ServerFrame::Ok { id: 7, .. }]
    ));
}

#[test]
fn a_diff_is_encoded_once_and_shared() {
    let mut world = World::new();
    for n in 0..10 {
        let watcher = world.client(&format!("w{n}"), n, &[]);
        world.snapshot(watcher, "lobby");
    }
    let ada = world.client("ada", 100, &[]);
    world.deliver(ada, vec![ClientFrame::Join { id: 1, channel: "lobby".into() }]);
    let mut addresses = Vec::new();
    while let Some(output) = world.registry.poll_output(world.millis()) {
        if let Output::Send { connection, frame } = output
            && connection != ada
        {
            addresses.push(frame.as_ptr());
        }
    }
    assert_eq!(addresses.len(), 10);
    addresses.dedup();
    assert_eq!(addresses.len(), 1);
}

#[test]
fn more_than_a_tick_may_hold_is_told_before_it_ends() {
    let mut world = World::with(unlimited());
    let watcher = world.client("watcher", 9, &[]);
    world.snapshot(watcher, "lobby");
    let ada = world.client("ada", 1, &["lobby"]);
    world.take(watcher);
    for n in 0..2_100 {
        world.deliver(
            ada,
            vec![
                ClientFrame::Leave { id: n, channel: "lobby".into() },
                ClientFrame::Join { id: n, channel: "lobby".into() },
            ],
        );
    }
    world.drain();
    let sizes: Vec<_> = world
        .take(watcher)
        .into_iter()
        .filter_map(|frame| match frame {
            ServerFrame::Diff { transitions, .. } => Some(transitions.len()),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [4_097]);
    world.settle();
    assert_eq!(world.told(watcher, "lobby").len(), 4_200 - 4_097);
}

/// A simulation must be able to play a history again.
#[test]
fn the_same_history_gives_the_same_outputs() {
    let play = || {
        let mut world = World::new();
        let members: Vec<_> = (0..30).map(|n| world.client(&format!("u{n}"), n, &["a", "b"])).collect();
        for member in &members {
            for channel in ["a", "b"] {
                world.deliver(
                    *member,
                    vec![ClientFrame::Observe { id: 1, channel: channel.into(), from: None }],
                );
            }
        }
        let mut outputs = Vec::new();
        let mut poll = |world: &mut World| {
            outputs.extend(std::iter::from_fn(|| world.registry.poll_output(world.millis())));
        };
        poll(&mut world);
        for member in &members {
            world.deliver(*member, vec![ClientFrame::Leave { id: 2, channel: "a".into() }]);
        }
        poll(&mut world);
        world.registry.handle_shutdown(world.millis(), 1_000);
        world.now += 20_000;
        world.registry.handle_timeout(world.millis());
        poll(&mut world);
        outputs
    };
    let first = play();
    assert!(first.len() > 100);
    assert!(first == play(), "the outputs differ");
}

/// Both were acknowledged, so both are seen.
#[test]
fn an_update_and_the_departure_that_follows_it_are_told() {
    let mut world = World::new();
    let watcher = world.client("watcher", 9, &[]);
    world.snapshot(watcher, "lobby");
    let ada = world.client("ada", 1, &["lobby"]);
    world.settle();
    world.take(watcher);
    let frames = ["1", "2", "last"].map(|mood| ClientFrame::Set {
        id: 1,
        channel: "lobby".into(),
        attributes: moods(mood),
    });
    world.deliver(ada, frames.into());
    world.deliver(ada, vec![ClientFrame::Leave { id: 2, channel: "lobby".into() }]);
    world.drain();
    assert_eq!(world.told(watcher, "lobby"), [mood_of("ada", "last"), left("ada")]);
}
