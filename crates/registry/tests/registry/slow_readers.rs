//! Connections that do not read what they are sent.

use herenow_protocol::{ClientFrame, CloseCode, MAX_OUTBOX_BYTES, ServerFrame};
use herenow_registry::ConnectionId;

use crate::harness::*;
use crate::watcher::Watcher;

/// A channel in which each of some members has an attribute of a kilobyte, changed `rounds` times, a tick apart.
struct Traffic {
    world: World,
    members: Vec<ConnectionId>,
    round: usize,
}

impl Traffic {
    fn new(members: u128) -> Self {
        let mut world = World::with(unlimited());
        let members = (0..members).map(|n| world.client(&format!("u{n}"), n, &["lobby", "other"])).collect();
        Self { world, members, round: 0 }
    }

    fn go(&mut self, rounds: usize) {
        self.go_in("lobby", rounds);
    }

    fn go_in(&mut self, channel: &str, rounds: usize) {
        for _ in 0..rounds {
            self.round += 1;
            let mood = format!("{:>1000}", self.round);
            for member in &self.members {
                let attributes = moods(&mood);
                self.world
                    .deliver(*member, vec![ClientFrame::Set { id: 1, channel: channel.into(), attributes }]);
            }
            self.world.settle();
        }
    }

    fn watcher(&mut self, secret: u128) -> (ConnectionId, Watcher) {
        let connection = self.world.client("watcher", secret, &[]);
        let mut view = Watcher::default();
        view.apply_all(self.world.observe(connection, "lobby", None));
        (connection, view)
    }

    fn assert_exact(&mut self, connection: ConnectionId, view: &mut Watcher) {
        view.apply_all(self.world.take(connection));
        let members = self.world.members("lobby");
        let expected = members.into_iter().map(|member| (member.user, member.attributes)).collect();
        assert_eq!(view.roster, expected);
    }
}

#[test]
fn a_slow_reader_loses_diffs_and_is_caught_up_from_the_log() {
    let mut traffic = Traffic::new(20);
    let (slow, mut view) = traffic.watcher(900);
    let (quick, mut quick_view) = traffic.watcher(901);
    traffic.world.stall(slow);
    traffic.go(15);
    assert!(traffic.world.waiting_bytes(slow) <= MAX_OUTBOX_BYTES);
    assert!(traffic.world.waiting_bytes(slow) > MAX_OUTBOX_BYTES / 2);
    traffic.assert_exact(quick, &mut quick_view);
    assert_eq!(quick_view.snapshots, 1);
    traffic.world.unstall(slow);
    traffic.go(1);
    traffic.assert_exact(slow, &mut view);
    assert_eq!(view.snapshots, 1, "the log held what was missing");
    assert_eq!(traffic.world.close_of(slow), None);
    // It is live again.
    view.diffs = 0;
    traffic.go(3);
    traffic.assert_exact(slow, &mut view);
    assert_eq!(view.diffs, 3);
}

#[test]
fn a_slow_reader_that_missed_too_much_gets_a_snapshot() {
    let mut traffic = Traffic::new(20);
    let (slow, mut view) = traffic.watcher(900);
    traffic.world.stall(slow);
    traffic.go(60);
    assert!(traffic.world.waiting_bytes(slow) <= MAX_OUTBOX_BYTES);
    traffic.world.unstall(slow);
    traffic.go(2);
    traffic.assert_exact(slow, &mut view);
    assert_eq!(view.snapshots, 2);
}

#[test]
fn diffs_are_dropped_until_less_than_half_waits() {
    let mut traffic = Traffic::new(20);
    let (slow, mut view) = traffic.watcher(900);
    traffic.world.stall(slow);
    traffic.go(15);
    let full = traffic.world.waiting_bytes(slow);
    traffic.world.read(slow, full - MAX_OUTBOX_BYTES / 2 - 1);
    traffic.go(1);
    assert_eq!(traffic.world.waiting_bytes(slow), MAX_OUTBOX_BYTES / 2 + 1);
    traffic.world.read(slow, 1);
    assert!(traffic.world.waiting_bytes(slow) > MAX_OUTBOX_BYTES / 2 + 10_000, "it is being caught up");
    traffic.world.unstall(slow);
    traffic.go(1);
    traffic.assert_exact(slow, &mut view);
}

#[test]
fn answers_are_not_dropped_when_diffs_are() {
    let mut traffic = Traffic::new(20);
    let (slow, mut view) = traffic.watcher(900);
    traffic.world.stall(slow);
    traffic.go(20);
    view.apply_all(traffic.world.take(slow));
    assert_eq!(traffic.world.join(slow, "elsewhere"), Ok(Some(true)));
}

#[test]
fn a_reader_that_does_not_drain_for_30_s_is_closed() {
    let mut traffic = Traffic::new(20);
    let (slow, _) = traffic.watcher(900);
    traffic.world.stall(slow);
    traffic.go(13);
    let full = traffic.world.waiting_bytes(slow);
    assert!(full > MAX_OUTBOX_BYTES - 25_000);
    traffic.go(1);
    assert_eq!(traffic.world.waiting_bytes(slow), full, "it is full");
    traffic.world.advance(29_900);
    assert_eq!(traffic.world.close_of(slow), None);
    traffic.world.advance(100);
    assert_eq!(traffic.world.close_code(slow), Some(CloseCode::TooSlow));
}

#[test]
fn a_reader_that_drains_within_30_s_stays() {
    let mut traffic = Traffic::new(20);
    let (slow, mut view) = traffic.watcher(900);
    traffic.world.stall(slow);
    for _ in 0..5 {
        traffic.go(15);
        traffic.world.advance(29_000);
        let waiting = traffic.world.waiting_bytes(slow);
        traffic.world.read(slow, waiting);
        let waiting = traffic.world.waiting_bytes(slow);
        traffic.world.read(slow, waiting);
    }
    traffic.world.unstall(slow);
    traffic.world.advance(60_000);
    assert_eq!(traffic.world.close_of(slow), None);
    traffic.assert_exact(slow, &mut view);
}

#[test]
fn a_snapshot_does_not_count_but_only_a_part_of_it_waits() {
    let mut traffic = Traffic::new(600);
    traffic.go(1);
    let slow = traffic.world.client("slow", 9_999, &[]);
    traffic.world.stall(slow);
    let id = traffic.world.id();
    traffic.world.say(slow, vec![ClientFrame::Observe { id, channel: "lobby".into(), from: None }]);
    traffic.world.settle();
    let mut view = Watcher::default();
    for _ in 0..15 {
        let waiting = traffic.world.waiting_bytes(slow);
        assert!((1..80_000).contains(&waiting), "{waiting} bytes wait");
        traffic.world.read(slow, 20_000);
    }
    traffic.world.unstall(slow);
    traffic.assert_exact(slow, &mut view);
    assert_eq!(traffic.world.close_of(slow), None);
}

#[test]
fn a_snapshot_that_is_not_read_for_30_s_closes_the_connection() {
    let mut traffic = Traffic::new(600);
    traffic.go(1);
    let slow = traffic.world.client("slow", 9_999, &[]);
    traffic.world.stall(slow);
    let id = traffic.world.id();
    traffic.world.say(slow, vec![ClientFrame::Observe { id, channel: "lobby".into(), from: None }]);
    traffic.world.settle();
    traffic.world.advance(29_900);
    assert_eq!(traffic.world.close_of(slow), None);
    traffic.world.advance(100);
    assert_eq!(traffic.world.close_code(slow), Some(CloseCode::TooSlow));
}

#[test]
fn pages_are_of_one_moment_and_what_happens_meanwhile_follows() {
    let mut traffic = Traffic::new(300);
    traffic.go(1);
    let slow = traffic.world.client("slow", 9_999, &[]);
    traffic.world.stall(slow);
    let id = traffic.world.id();
    traffic.world.say(slow, vec![ClientFrame::Observe { id, channel: "lobby".into(), from: None }]);
    traffic.world.settle();
    let mut view = Watcher::default();
    // Somebody joins, sets and leaves between every two pages.
    let mut busy = traffic.world.client("busy", 10_000, &[]);
    let mut rounds = 0;
    loop {
        let waiting = traffic.world.waiting_bytes(slow);
        traffic.world.read(slow, waiting);
        traffic.world.join(busy, "lobby");
        traffic.world.set(busy, "lobby", &rounds.to_string());
        if rounds % 3 == 1 {
            traffic.world.leave(busy, "lobby");
        } else if rounds % 3 == 2 {
            traffic.world.disconnect(busy);
            busy = traffic.world.client_again("busy", 10_000, rounds + 2, &["lobby"]).0;
        }
        traffic.world.settle();
        let frames = traffic.world.take(slow);
        let live = frames.iter().any(|frame| matches!(frame, ServerFrame::Ok { .. }));
        view.apply_all(frames);
        if live {
            break;
        }
        rounds += 1;
        assert!(rounds < 100);
    }
    assert!(rounds > 3, "it took several rounds");
    assert_eq!(view.snapshots, 1);
    traffic.world.unstall(slow);
    traffic.world.settle();
    traffic.assert_exact(slow, &mut view);
}

#[test]
fn one_that_reads_no_answers_is_closed_before_they_fill_the_memory() {
    let mut world = World::with(unlimited());
    let slow = world.client("slow", 1, &[]);
    world.stall(slow);
    for _ in 0..100 {
        let joins = (0..1_000).map(|id| ClientFrame::Join { id, channel: "lobby".into() }).collect();
        world.deliver(slow, joins);
    }
    world.drain();
    assert_eq!(world.close_code(slow), Some(CloseCode::TooSlow));
    assert!(world.waiting_bytes(slow) <= 4 * MAX_OUTBOX_BYTES);
}

#[test]
fn a_slow_reader_delays_nobody() {
    let mut traffic = Traffic::new(20);
    let (slow, _) = traffic.watcher(900);
    let (quick, mut view) = traffic.watcher(901);
    traffic.world.stall(slow);
    for _ in 0..40 {
        view.diffs = 0;
        traffic.go(1);
        traffic.assert_exact(quick, &mut view);
        assert_eq!(view.diffs, 1);
    }
}

#[test]
fn each_time_that_a_reader_is_slow_it_has_30_s() {
    let mut traffic = Traffic::new(20);
    let (slow, _) = traffic.watcher(900);
    traffic.world.observe(slow, "other", None);
    traffic.world.stall(slow);
    traffic.go(20);
    traffic.world.advance(20_000);
    // It drains, and of what it has missed it wants nothing any more.
    let id = traffic.world.id();
    traffic.world.say(slow, vec![ClientFrame::Unobserve { id, channel: "lobby".into() }]);
    traffic.world.unstall(slow);
    // Then it is slow again.
    traffic.world.stall(slow);
    traffic.go_in("other", 20);
    traffic.world.advance(28_000);
    assert_eq!(traffic.world.close_of(slow), None);
    traffic.world.advance(2_000);
    assert_eq!(traffic.world.close_code(slow), Some(CloseCode::TooSlow));
}

#[test]
fn a_channel_whose_diffs_still_fit_goes_on() {
    let mut traffic = Traffic::new(20);
    let (slow, _) = traffic.watcher(900);
    traffic.world.observe(slow, "other", None);
    traffic.world.stall(slow);
    traffic.go(20);
    traffic.world.take(slow);
    let member = traffic.members[0];
    traffic.world.set(member, "other", "happy");
    assert_eq!(traffic.world.told(slow, "other"), [mood_of("u0", "happy")]);
}
