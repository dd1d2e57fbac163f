//! Channels too large to be told in full.

use herenow_protocol::{Mode, Occupancy, Position, ServerFrame, Transition};
use herenow_registry::{Config, ConnectionId, Sizes};

use crate::harness::*;
use crate::watcher::Watcher;

/// Full up to 5 members and again from 4 on; net differences up to 10 and again from 8 on.
const SIZES: Sizes =
    Sizes { full_members: 5, interval_members: 10, interval_ms: 1_000, count_ms: 5_000, changes: 200 };
/// All that is due is told after this.
const INTERVAL_MS: u64 = 2_000;
const COUNT_MS: u64 = 5_000;

fn crowded(sizes: Sizes) -> World {
    World::with(Config { sizes, ..unlimited() })
}

fn enter(world: &mut World, numbers: std::ops::Range<u128>) -> Vec<ConnectionId> {
    numbers.map(|n| world.client(&format!("u{n:03}"), n, &["hall"])).collect()
}

fn watcher(world: &mut World) -> ConnectionId {
    let watcher = world.client("watcher", 99_999, &[]);
    world.observe(watcher, "hall", None);
    world.take(watcher);
    watcher
}

fn occupancies(world: &mut World, connection: ConnectionId) -> Vec<Occupancy> {
    world.settle();
    let frames = world.take(connection);
    let told = frames.into_iter().filter_map(|frame| match frame {
        ServerFrame::Occupancy(occupancy) => Some(occupancy),
        ServerFrame::Diff { .. } => panic!("a diff in a channel that is not told in full"),
        _ => None,
    });
    told.collect()
}

/// What is told after the time for it has passed: the last of it.
fn next(world: &mut World, connection: ConnectionId, ms: u64) -> Occupancy {
    world.take(connection);
    world.advance(ms);
    occupancies(world, connection).pop().expect("an occupancy")
}

#[test]
fn a_channel_that_grows_is_told_by_interval_and_then_by_count() {
    let mut world = crowded(SIZES);
    let watcher = watcher(&mut world);
    enter(&mut world, 0..5);
    world.settle();
    assert!(world.take(watcher).iter().all(|frame| !matches!(frame, ServerFrame::Occupancy(_))));
    world.client("sixth", 6, &["hall"]);
    world.settle();
    let frames = world.take(watcher);
    let [ServerFrame::Diff { .. }, ServerFrame::Occupancy(told)] = &frames[..] else {
        panic!("the last diff and then the mode, not {frames:?}")
    };
    assert_eq!((told.mode, told.count, told.truncated), (Mode::Interval, 6, false));
    assert_eq!(told.changes, []);
    enter(&mut world, 10..15);
    let told = next(&mut world, watcher, INTERVAL_MS);
    assert_eq!((told.mode, told.count, told.joins), (Mode::Count, 11, 5));
    assert_eq!(told.changes.len(), 5, "the last differences come with the new mode");
    assert_eq!(told.sample.len(), 11);
}

#[test]
fn a_channel_that_shrinks_goes_back_a_fifth_below_the_bound() {
    let mut world = crowded(SIZES);
    let members = enter(&mut world, 0..11);
    let watcher = watcher(&mut world);
    let mut modes = Vec::new();
    for member in &members[..7] {
        world.leave(*member, "hall");
        world.advance(COUNT_MS);
        world.settle();
        modes.push(world.take(watcher).into_iter().rev().find_map(|frame| match frame {
            ServerFrame::Occupancy(told) => Some((told.count, told.mode, told.truncated)),
            ServerFrame::Snapshot(told) => Some((told.members.len() as u64, told.mode, false)),
            _ => None,
        }));
    }
    let expected = [
        (10, Mode::Count, false),
        (9, Mode::Count, false),
        (8, Mode::Interval, true),
        (7, Mode::Interval, false),
        (6, Mode::Interval, false),
        (5, Mode::Interval, false),
        (4, Mode::Full, false),
    ];
    assert_eq!(modes, expected.map(Some));
    world.leave(members[7], "hall");
    world.settle();
    assert_eq!(world.told(watcher, "hall"), [left("u007")]);
}

#[test]
fn net_differences_say_what_has_become_of_each_member() {
    let mut world = crowded(SIZES);
    let members = enter(&mut world, 0..8);
    world.set(members[3], "hall", "same");
    world.advance(INTERVAL_MS);
    let watcher = watcher(&mut world);
    let passer = world.client("passer", 50, &["hall"]);
    world.leave(passer, "hall");
    world.set(members[0], "hall", "one");
    world.set(members[0], "hall", "two");
    world.leave(members[1], "hall");
    world.vanish(members[2]);
    world.disconnect(members[2]);
    world.set(members[3], "hall", "other");
    world.set(members[3], "hall", "same");
    world.leave(members[4], "hall");
    world.join(members[4], "hall");
    let newcomer = world.client("newcomer", 60, &["hall"]);
    world.set(newcomer, "hall", "new");
    // What is quiet is told at once: the first change alone.
    let first = occupancies(&mut world, watcher);
    let mut all: Vec<Transition> = first.into_iter().flat_map(|told| told.changes).collect();
    for _ in 0..8 {
        world.advance(INTERVAL_MS);
        all.extend(occupancies(&mut world, watcher).into_iter().flat_map(|told| told.changes));
    }
    for expected in [mood_of("u000", "two"), left("u001"), timed_out("u002"), mood_of("newcomer", "new")] {
        assert!(all.contains(&expected), "{expected:?} is missing from {all:?}");
    }
    assert!(!all.contains(&mood_of("u000", "one")));
    assert!(!all.iter().any(|change| ["u003", "u004"].contains(&change.user())), "{all:?}");
}

#[test]
fn each_change_is_told_once_and_no_oftener_than_the_interval() {
    let mut world = crowded(SIZES);
    let members = enter(&mut world, 0..8);
    let watcher = watcher(&mut world);
    world.advance(INTERVAL_MS);
    occupancies(&mut world, watcher);
    let mut told = Vec::new();
    for round in 0..40 {
        world.set(members[round % 8], "hall", &round.to_string());
        world.advance(100);
        told.extend(occupancies(&mut world, watcher));
    }
    assert!((2..=5).contains(&told.len()), "{} times in 4 seconds", told.len());
    assert!(told.iter().all(|told| told.changes.len() <= 8 && !told.truncated));
}

#[test]
fn more_than_200_changes_are_cut_short_and_said_to_be() {
    let sizes = Sizes { interval_members: 10_000, ..SIZES };
    let mut world = crowded(sizes);
    enter(&mut world, 0..10);
    let watcher = watcher(&mut world);
    world.advance(INTERVAL_MS);
    world.take(watcher);
    enter(&mut world, 10..11);
    world.settle();
    world.take(watcher);
    enter(&mut world, 100..300);
    let told = next(&mut world, watcher, INTERVAL_MS);
    assert_eq!((told.changes.len(), told.truncated, told.joins), (200, false, 200));
    enter(&mut world, 300..501);
    let told = next(&mut world, watcher, INTERVAL_MS);
    assert_eq!((told.changes.len(), told.truncated, told.joins), (200, true, 201));
    assert_eq!(told.count, 412);
    enter(&mut world, 501..502);
    let told = next(&mut world, watcher, INTERVAL_MS);
    assert_eq!((told.changes.len(), told.truncated), (1, false));
}

#[test]
fn in_count_mode_a_user_is_told_of_itself_at_once() {
    let mut world = crowded(SIZES);
    enter(&mut world, 0..11);
    let me = world.client("me", 70, &[]);
    world.observe(me, "hall", None);
    let other = watcher(&mut world);
    world.advance(COUNT_MS);
    world.take(me);
    world.take(other);
    world.join(me, "hall");
    world.set(me, "hall", "here");
    world.leave(me, "hall");
    let own: Vec<_> = occupancies(&mut world, me).into_iter().flat_map(|told| told.changes).collect();
    assert_eq!(own, [joined("me"), mood_of("me", "here"), left("me")]);
    assert!(occupancies(&mut world, other).iter().all(|told| told.changes.is_empty()));
}

#[test]
fn counts_come_each_five_seconds_with_a_sample_that_moves_on() {
    let mut world = crowded(SIZES);
    enter(&mut world, 0..50);
    let watcher = watcher(&mut world);
    world.advance(COUNT_MS);
    world.take(watcher);
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..3 {
        world.client(&format!("late{round}"), 1_000 + round, &["hall"]);
        world.advance(COUNT_MS);
        let told = occupancies(&mut world, watcher).pop().expect("counts");
        assert_eq!((told.mode, told.sample.len(), told.joins), (Mode::Count, 20, 1));
        assert_eq!(told.count, 51 + round as u64);
        seen.extend(told.sample.into_iter().map(|member| member.user));
    }
    assert!(seen.len() >= 50, "{} of 53 members were in three samples", seen.len());
    world.advance(10 * COUNT_MS);
    assert_eq!(occupancies(&mut world, watcher), [], "nothing is told while nothing happens");
}

#[test]
fn who_comes_is_told_the_mode_and_the_count_and_no_roster() {
    let mut world = crowded(SIZES);
    enter(&mut world, 0..11);
    let late = world.client("late", 70, &[]);
    let from = Position { epoch: herenow_protocol::Epoch(7), seq: 3 };
    for from in [None, Some(from)] {
        let frames = world.observe(late, "hall", from);
        let [ServerFrame::Snapshot(snapshot), ServerFrame::Occupancy(occupancy), ServerFrame::Ok { .. }] =
            &frames[..]
        else {
            panic!("{frames:?}")
        };
        assert_eq!((snapshot.mode, snapshot.members.len(), snapshot.more), (Mode::Count, 0, false));
        assert_eq!((occupancy.mode, occupancy.count, occupancy.sample.len()), (Mode::Count, 11, 11));
    }
}

#[test]
fn back_in_full_mode_the_whole_roster_is_told_and_then_every_transition() {
    let mut world = crowded(SIZES);
    let members = enter(&mut world, 0..7);
    let watcher = watcher(&mut world);
    for member in &members[..3] {
        world.leave(*member, "hall");
    }
    world.advance(INTERVAL_MS);
    world.set(members[4], "hall", "calm");
    world.settle();
    let frames = world.take(watcher);
    let full = frames
        .iter()
        .position(|frame| matches!(frame, ServerFrame::Snapshot(snapshot) if snapshot.mode == Mode::Full));
    let mut view = Watcher::default();
    view.apply_all(frames[full.expect("a roster")..].to_vec());
    let users: Vec<_> = view.roster.keys().cloned().collect();
    assert_eq!(users, ["u003", "u004", "u005", "u006"]);
    assert_eq!(view.roster["u004"], moods("calm"));
}

#[test]
fn a_slow_reader_is_told_how_things_are_when_it_reads_again() {
    let mut world = crowded(SIZES);
    let members = enter(&mut world, 0..8);
    let watcher = watcher(&mut world);
    world.stall(watcher);
    let text = "x".repeat(1_000);
    for round in 0..80 {
        for member in &members {
            world.set(*member, "hall", &format!("{round}{text}"));
        }
        world.advance(INTERVAL_MS);
        if world.waiting_bytes(watcher) > 200_000 {
            break;
        }
    }
    world.leave(members[0], "hall");
    for round in 0..12 {
        for member in &members[1..] {
            world.set(*member, "hall", &format!("{round}{text}"));
        }
        world.advance(INTERVAL_MS);
    }
    world.unstall(watcher);
    world.settle();
    let frames = world.take(watcher);
    assert!(frames.iter().any(|frame| matches!(frame, ServerFrame::Snapshot(_))), "it was never behind");
    let last = frames.into_iter().rev().find_map(|frame| match frame {
        ServerFrame::Occupancy(told) => Some(told.count),
        _ => None,
    });
    assert_eq!(last, Some(7));
}
