//! Pings, vanished machines, ended tokens, shutdown.

use herenow_protocol::{ClientFrame, CloseCode, Hello, ServerFrame, SessionSecret};
use herenow_registry::{Config, ConnectionId, Identity, KeyId, Millis};

use crate::harness::*;

#[test]
fn a_connection_that_was_heard_is_not_pinged() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &[]);
    for _ in 0..10 {
        world.advance(8_740);
        world.registry.handle_heard(world.millis(), ada);
    }
    assert_eq!(world.pings(ada), 0);
    world.advance(8_740);
    assert_eq!(world.pings(ada), 0);
    world.advance(1_251);
    assert_eq!(world.pings(ada), 1);
    assert_eq!(world.take(ada), [ServerFrame::Tick {}]);
}

#[test]
fn those_who_came_together_are_asked_one_after_the_other() {
    let mut world = World::new();
    let all: Vec<_> = (0..100).map(|n| world.client(&format!("user-{n}"), n, &[])).collect();
    world.advance(8_740);
    let mut most = 0;
    for _ in 0..126 {
        let before: u32 = all.iter().map(|one| world.pings(*one)).sum();
        world.advance(10);
        most = most.max(all.iter().map(|one| world.pings(*one)).sum::<u32>() - before);
    }
    assert!(all.iter().all(|one| world.pings(*one) == 1));
    assert!(most <= 3, "{most} of 100 within the same 10 of 1250 ms");
}

#[test]
fn a_ping_goes_along_with_what_is_sent_anyway() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &[]);
    let bob = world.client("bob", 2, &["lobby"]);
    // This takes 50 ms.
    world.snapshot(ada, "lobby");
    world.advance(7_449);
    world.set(bob, "lobby", "early");
    world.advance(0);
    assert_eq!(world.pings(ada), 0);
    world.advance(100);
    world.take(ada);
    world.vanish(ada);
    world.set(bob, "lobby", "late");
    world.advance(0);
    assert_eq!(world.pings(ada), 1);
    world.set(bob, "lobby", "later");
    world.advance(7_400);
    assert_eq!(world.pings(ada), 1);
    assert!(world.take(ada).iter().all(|frame| matches!(frame, ServerFrame::Diff { .. })), "no tick");
    // It has not answered: what follows is as always.
    world.advance(1);
    assert_eq!(world.pings(ada), 2);
    assert_eq!(world.take(ada), [ServerFrame::Tick {}]);
    world.advance(5_000);
    assert_eq!(world.close_code(ada), Some(CloseCode::Silent));
}

#[test]
fn who_speaks_meanwhile_is_not_asked() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &[]);
    let bob = world.client("bob", 2, &["lobby"]);
    world.snapshot(ada, "lobby");
    world.advance(8_000);
    world.registry.handle_heard(world.millis(), ada);
    world.set(bob, "lobby", "late");
    world.advance(0);
    assert_eq!(world.pings(ada), 0);
}

#[test]
fn one_that_answers_pings_stays_for_good() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &["lobby"]);
    world.advance(3_600_000);
    assert_eq!(world.close_of(ada), None);
    let pings = world.pings(ada);
    assert!((360..=412).contains(&pings), "{pings} in an hour");
    assert_eq!(world.users("lobby"), ["ada"]);
}

#[test]
fn one_that_is_silent_is_given_up_after_two_pings_and_two_intervals() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &[]);
    world.vanish(ada);
    world.advance(19_999);
    assert_eq!(world.pings(ada), 2);
    assert_eq!(world.close_of(ada), None);
    world.advance(1);
    assert_eq!(world.close_code(ada), Some(CloseCode::Silent));
}

#[test]
fn an_answer_at_the_last_moment_saves_it() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &[]);
    world.vanish(ada);
    world.advance(19_999);
    world.registry.handle_heard(world.millis(), ada);
    world.revive(ada);
    world.advance(60_000);
    assert_eq!(world.close_of(ada), None);
}

/// Whenever a machine vanishes, and whatever it did before, it is timed out within
/// `2 × ping_interval + grace + 1 s`, and never before the grace is over.
#[test]
fn a_vanished_machine_is_timed_out_within_the_bound() {
    for (ping_interval_ms, grace_ms) in [(10_000, 10_000), (2_000, 1_000), (333, 77)] {
        for active_ms in [0, 1, 499, 5_000, 9_999, 10_001, 15_500, 37_123] {
            let mut world = World::with(Config { ping_interval_ms, grace_ms, ..Config::default() });
            let watcher = world.client("watcher", 9, &[]);
            world.snapshot(watcher, "lobby");
            let ada = world.client("ada", 1, &["lobby"]);
            world.advance(active_ms);
            world.take(watcher);
            world.vanish(ada);
            let vanished_at = world.now;
            while world.take(watcher).iter().all(|frame| !matches!(frame, ServerFrame::Diff { .. })) {
                world.advance(1);
                assert!(world.now - vanished_at <= 2 * ping_interval_ms + grace_ms + 1_000, "too late");
            }
            assert!(world.now - vanished_at > grace_ms, "too early");
            assert!(world.users("lobby").is_empty());
        }
    }
}

#[test]
fn a_node_that_stood_still_asks_before_it_gives_anybody_up() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &["lobby"]);
    world.vanish(ada);
    // Nothing ran for a minute; the pongs are still to be read.
    world.now += 60_000;
    world.advance(0);
    assert_eq!(world.pings(ada), 1);
    assert_eq!(world.close_of(ada), None);
    world.registry.handle_heard(world.millis(), ada);
    world.revive(ada);
    world.advance(60_000);
    assert_eq!(world.close_of(ada), None);
}

#[test]
fn a_clock_that_goes_back_stands_still() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &["lobby"]);
    world.advance(5_000);
    world.now -= 4_000;
    world.set(ada, "lobby", "happy");
    world.disconnect(ada);
    world.advance(4_000 + 9_999);
    assert_eq!(world.users("lobby"), ["ada"]);
    world.advance(1);
    assert!(world.users("lobby").is_empty());
}

fn client_until(world: &mut World, expires_at: u64) -> ConnectionId {
    let connection = world.connect();
    let hello = Hello {
        client_id: APPLICATION.into(),
        token: None,
        session: SessionSecret(1),
        attempt: 1,
        joined: vec!["lobby".into()],
    };
    let who = Identity { expires_at: Some(Millis(expires_at)), ..identity("ada") };
    world.hello_as(connection, hello, who);
    connection
}

#[test]
fn a_token_that_ended_closes_the_connection_30_s_later() {
    let mut world = World::new();
    let ends = world.now + 100_000;
    let ada = client_until(&mut world, ends);
    world.advance(129_999);
    assert_eq!(world.close_of(ada), None);
    world.advance(1);
    assert_eq!(world.close_of(ada), Some((CloseCode::Unauthorized, "token_expired")));
    // The session is lost, not gone: another token resumes it.
    world.advance(9_999);
    let (_, welcome) = world.client_again("ada", 1, 2, &["lobby"]);
    assert!(!welcome.joined[0].fresh);
}

#[test]
fn a_fresh_token_prolongs_the_connection() {
    let mut world = World::new();
    let ends = world.now + 100_000;
    let ada = client_until(&mut world, ends);
    world.advance(120_000);
    let later = Identity { expires_at: Some(Millis(ends + 50_000)), ..identity("ada") };
    world.registry.handle_token(world.millis(), ada, 1, Ok(later));
    world.advance(59_999);
    assert_eq!(world.close_of(ada), None);
    world.registry.handle_token(world.millis(), ada, 2, Ok(identity("ada")));
    world.advance(600_000);
    assert_eq!(world.close_of(ada), None);
}

#[test]
fn a_refused_token_does_not_prolong_it() {
    let mut world = World::new();
    let ends = world.now + 1_000;
    let ada = client_until(&mut world, ends);
    let other = Identity { expires_at: Some(Millis(ends + 50_000)), ..identity("bob") };
    world.registry.handle_token(world.millis(), ada, 1, Ok(other));
    world.advance(31_000);
    assert_eq!(world.close_of(ada), Some((CloseCode::Unauthorized, "token_expired")));
}

fn client_with_key(world: &mut World, secret: u128, key: u64) -> ConnectionId {
    let connection = world.connect();
    let hello = Hello {
        client_id: APPLICATION.into(),
        token: None,
        session: SessionSecret(secret),
        attempt: 1,
        joined: vec!["lobby".into()],
    };
    let who = Identity { key: Some(KeyId(key)), ..identity("ada") };
    world.hello_as(connection, hello, who);
    connection
}

#[test]
fn a_token_of_a_withdrawn_key_has_expired() {
    let mut world = World::new();
    let old: Vec<_> = (0..10).map(|secret| client_with_key(&mut world, secret, 1)).collect();
    let (other, renewed) = (client_with_key(&mut world, 10, 2), client_with_key(&mut world, 11, 1));
    let guest = world.client("guest", 12, &["lobby"]);
    world.registry.handle_withdrawn_keys(world.millis(), &[KeyId(1)]);
    let fresh = Identity { key: Some(KeyId(2)), ..identity("ada") };
    world.registry.handle_token(world.millis(), renewed, 1, Ok(fresh));
    world.advance(14_999);
    assert!(old.iter().all(|connection| world.close_of(*connection).is_none()), "there is time for another");
    world.advance(7_000);
    let closed = old.iter().filter(|connection| world.close_of(**connection).is_some()).count();
    assert!((1..10).contains(&closed), "not all at once: {closed}");
    world.advance(8_001);
    for connection in old {
        assert_eq!(world.close_of(connection), Some((CloseCode::Unauthorized, "token_expired")));
    }
    world.advance(600_000);
    for connection in [other, renewed, guest] {
        assert_eq!(world.close_of(connection), None);
    }
}

/// Of what was verified before, and arrives after it.
#[test]
fn a_token_that_comes_when_its_key_is_withdrawn_has_expired_too() {
    let mut world = World::new();
    let ada = client_with_key(&mut world, 1, 1);
    world.registry.handle_withdrawn_keys(world.millis(), &[KeyId(1)]);
    let late = client_with_key(&mut world, 2, 1);
    let welcome = world.take(late);
    assert!(
        matches!(&welcome[0], ServerFrame::Welcome(welcome) if welcome.expires_in_ms == Some(0)),
        "{welcome:?}"
    );
    let stale = Identity { key: Some(KeyId(1)), ..identity("ada") };
    world.registry.handle_token(world.millis(), ada, 1, Ok(stale));
    world.advance(30_000);
    for connection in [ada, late] {
        assert_eq!(world.close_of(connection), Some((CloseCode::Unauthorized, "token_expired")));
    }
}

#[test]
fn a_withdrawn_key_gives_no_more_time_than_the_token_had() {
    let mut world = World::new();
    let ends = Millis(world.now);
    let ada = client_with_key(&mut world, 1, 1);
    let ended = Identity { key: Some(KeyId(1)), expires_at: Some(ends), ..identity("ada") };
    world.registry.handle_token(world.millis(), ada, 1, Ok(ended));
    world.advance(29_000);
    world.registry.handle_withdrawn_keys(world.millis(), &[KeyId(1)]);
    world.advance(1_000);
    assert_eq!(world.close_of(ada), Some((CloseCode::Unauthorized, "token_expired")));
}

#[test]
fn a_shutdown_sends_everybody_away_at_different_times() {
    let mut world = World::new();
    let clients: Vec<_> = (0..50).map(|n| world.client(&format!("u{n}"), n, &["lobby"])).collect();
    let early = world.connect();
    world.registry.handle_shutdown(world.millis(), 5_000);
    world.drain();
    let mut times = Vec::new();
    for client in &clients {
        let frames = world.take(*client);
        let [ServerFrame::GoingAway { reconnect_in_ms }] = frames.as_slice() else {
            panic!("got {frames:?}")
        };
        assert!(*reconnect_in_ms <= 5_000);
        times.push(*reconnect_in_ms);
    }
    times.sort_unstable();
    times.dedup();
    assert!(times.len() > 40);
    // One that says hello now is sent away too, after its welcome.
    world.hello(early, "early", 900, 1, &[]);
    let frames = world.take(early);
    assert!(matches!(frames.as_slice(), [ServerFrame::Welcome(_), ServerFrame::GoingAway { .. }]));
    // Nobody was closed, and nobody left.
    assert!(clients.iter().all(|client| world.close_of(*client).is_none()));
    assert_eq!(world.users("lobby").len(), 50);
}

/// Clients of a server that stops leave it one after the other: that is no departure.
#[test]
fn while_a_server_stops_nobody_times_out_but_goodbyes_are_told() {
    let mut world = World::with(Config { grace_ms: 500, ..Config::default() });
    let watcher = world.client("watcher", 9, &[]);
    world.snapshot(watcher, "lobby");
    let before = world.client("before", 1, &["lobby"]);
    let ada = world.client("ada", 2, &["lobby"]);
    let bob = world.client("bob", 3, &["lobby"]);
    world.settle();
    world.take(watcher);
    world.disconnect(before);
    world.registry.handle_shutdown(world.millis(), 10_000);
    world.drain();
    assert!(matches!(world.take(watcher).as_slice(), [ServerFrame::GoingAway { .. }]));
    world.disconnect(ada);
    world.bye(bob);
    world.advance(10_000);
    assert_eq!(world.told(watcher, "lobby"), [left("bob")]);
    assert_eq!(world.users("lobby"), ["ada", "before"]);
    assert_eq!(world.registry.poll_timeout().map(|at| at > world.millis()), Some(true));
}

/// The hello of a client that came back meanwhile waits in its socket.
#[test]
fn a_node_that_stood_still_hears_who_came_back_before_it_ends_sessions() {
    for goodbye in [false, true] {
        let mut world = World::new();
        let watcher = world.client("watcher", 9, &[]);
        world.snapshot(watcher, "lobby");
        let ada = world.client("ada", 1, &["lobby"]);
        world.settle();
        world.take(watcher);
        let wait_ms = if goodbye { 2_000 } else { 10_000 };
        if goodbye {
            world.bye(ada)
        } else {
            world.disconnect(ada)
        }
        world.now += 60_000;
        world.registry.handle_timeout(world.millis());
        world.drain();
        world.advance(wait_ms - 1);
        let (ada, welcome) = world.client_again("ada", 1, 2, &["lobby"]);
        assert!(!welcome.joined[0].fresh);
        world.advance(60_000);
        assert_eq!(world.told(watcher, "lobby"), []);

        // Only once: a node that is always late keeps no ghosts.
        if goodbye {
            world.bye(ada)
        } else {
            world.disconnect(ada)
        }
        for _ in 0..2 {
            assert_eq!(world.users("lobby"), ["ada"]);
            world.now += 60_000;
            world.registry.handle_timeout(world.millis());
            world.drain();
        }
        assert!(world.users("lobby").is_empty());
    }
}

#[test]
fn a_fresh_token_shows_that_the_client_lives() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &[]);
    world.vanish(ada);
    for id in 0..10 {
        world.advance(9_000);
        world.registry.handle_token(world.millis(), ada, id, Ok(identity("ada")));
    }
    assert_eq!(world.pings(ada), 0);
}

#[test]
fn connections_are_counted() {
    let mut world = World::new();
    assert_eq!(world.registry.connections(), 0);
    let ada = world.client("ada", 1, &[]);
    let bob = world.client("bob", 2, &[]);
    assert_eq!(world.registry.connections(), 2);
    world.disconnect(bob);
    world.bye(ada);
    assert_eq!(world.registry.connections(), 0);
    // What is said on a socket that is gone is nobody's.
    world.say(ada, vec![ClientFrame::Bye {}]);
    assert_eq!(world.take(ada), []);
}

#[test]
fn nothing_is_left_to_do_when_everybody_is_gone() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &["lobby"]);
    world.snapshot(ada, "lobby");
    world.bye(ada);
    world.advance(60_000);
    assert_eq!(world.registry.poll_timeout(), None);
}
