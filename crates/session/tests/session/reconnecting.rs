//! Losing the connection and coming back.

use herenow_protocol::{ClientFrame, CloseCode, Code, ServerFrame};
use herenow_session::{Config, Output, State};

use crate::client::{Client, short};

fn hello(frames: &[ClientFrame]) -> &herenow_protocol::Hello {
    match &frames[0] {
        ClientFrame::Hello(hello) => hello,
        other => panic!("{other:?} is no hello"),
    }
}

/// The time until the next attempt, as the state says.
fn wait(client: &mut Client) -> u64 {
    let states = client.states();
    let change = states.last().expect("the state is told");
    assert_eq!(change.state, State::Reconnecting);
    change.retry_in_ms.expect("with a time")
}

#[test]
fn the_first_attempt_comes_within_two_seconds_the_others_back_off_with_full_jitter() {
    let (mut longest, mut longest_first) = ([0; 8], 0);
    for seed in 0..300 {
        let mut client = Client::with(Config::default(), seed);
        client.join_lobby();
        client.cut();
        let first = wait(&mut client);
        longest_first = longest_first.max(first);
        for longest in &mut longest {
            client.now = client.session.poll_timeout().unwrap().0;
            client.timeout();
            client.closed(1006, "");
            *longest = wait(&mut client).max(*longest);
        }
    }
    assert!((1_900..=2_000).contains(&longest_first), "{longest_first}");
    for (longest, cap) in longest.into_iter().zip([2_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000]) {
        assert!(longest <= cap && longest > cap * 9 / 10, "{longest} of {cap}");
    }
}

#[test]
fn nobody_comes_back_after_half_the_grace() {
    for seed in 0..50 {
        let mut client = Client::with(Config::default(), seed);
        client.join("lobby");
        client.open();
        client.welcome_with(&[("lobby", true)], &[], |welcome| welcome.grace_ms = 2_000);
        client.cut();
        assert!(wait(&mut client) <= 1_000);
        for _ in 0..6 {
            client.now = client.session.poll_timeout().unwrap().0;
            client.timeout();
            client.closed(1006, "");
            assert!(wait(&mut client) <= 1_000);
        }
    }
}

#[test]
fn a_welcome_resets_the_backoff() {
    let mut client = Client::joined();
    for _ in 0..20 {
        client.cut();
        assert!(wait(&mut client) <= 2_000);
        client.reopen();
        client.welcome(&[("lobby", false)]);
    }
}

#[test]
fn states_follow_each_other_without_repetition() {
    let mut client = Client::new();
    client.join("lobby");
    client.drain();
    client.closed(1006, "");
    client.now = client.session.poll_timeout().unwrap().0;
    client.timeout();
    client.closed(4000, "restart");
    client.reopen();
    client.welcome(&[("lobby", true)]);
    let states = client.states();
    let told: Vec<_> = states.iter().map(|change| (change.previous, change.state)).collect();
    assert_eq!(
        told,
        [
            (State::Idle, State::Connecting),
            (State::Connecting, State::Reconnecting),
            (State::Reconnecting, State::Reconnecting),
            (State::Reconnecting, State::Connected),
        ]
    );
    assert_eq!(states[1].reason.as_deref(), Some("the connection was lost"));
    assert_eq!(states[2].reason.as_deref(), Some("restart"));
}

#[test]
fn the_attempt_grows_with_each_socket_and_the_secret_stays() {
    let mut client = Client::joined();
    for attempt in 2..6 {
        client.cut();
        let frames = client.reopen();
        assert_eq!(hello(&frames).attempt, attempt);
        assert_eq!(hello(&frames).session.0, 0xfeed);
    }
}

#[test]
fn a_replaced_socket_takes_a_new_secret() {
    let mut client = Client::joined();
    client.closed(CloseCode::Replaced.number(), "replaced");
    let frames = client.reopen();
    assert_ne!(hello(&frames).session.0, 0xfeed);
    assert!(hello(&frames).session.0 > u128::from(u64::MAX));
    assert_eq!(hello(&frames).attempt, 1);
    assert_eq!(short(&frames), ["hello lobby"]);
}

#[test]
fn a_fatal_close_fails_with_its_code() {
    for (number, reason, code) in [
        (4500, "", Code::Internal),
        (4501, "unauthorized", Code::Unauthorized),
        (4502, "origin", Code::Forbidden),
        (4503, "", Code::Forbidden),
        (4504, "", Code::Unsupported),
        (4999, "", Code::Internal),
    ] {
        let mut client = Client::joined();
        let waiting = client.join("a");
        client.take();
        client.closed(number, reason);
        assert_eq!(client.code(waiting), Some(code), "{number}");
        assert_eq!(client.state(), State::Failed);
        let later = client.observe("a");
        assert_eq!(client.code(later), Some(code));
        assert_eq!(client.session.poll_timeout(), None);
        assert_eq!(client.frames(), []);
    }
}

#[test]
fn every_other_close_comes_back() {
    for number in [1000, 1001, 1006, 1011, 4000, 4001, 4002, 4003, 4499, 5000] {
        let mut client = Client::joined();
        client.closed(number, "");
        assert_eq!(client.state(), State::Reconnecting, "{number}");
    }
}

#[test]
fn going_away_moves_on_at_its_time() {
    let mut client = Client::joined();
    client.hear(ServerFrame::GoingAway { reconnect_in_ms: 3_000 });
    client.advance(2_999);
    assert_eq!(client.state(), State::Connected);
    client.take();
    client.advance(1);
    let log = client.take();
    assert!(matches!(log[0], Output::CloseSocket { code: 1000, .. }), "{log:?}");
    assert!(log.iter().any(|output| matches!(output, Output::Connect { .. })), "at once: {log:?}");
    assert_eq!(client.state(), State::Reconnecting);
    assert_eq!(short(&client.open()), ["hello lobby"]);
}

#[test]
fn going_away_lengthens_the_wait_of_a_socket_that_closes_before() {
    let mut client = Client::joined();
    client.hear(ServerFrame::GoingAway { reconnect_in_ms: 3_000 });
    client.advance(1_000);
    client.take();
    client.closed(4000, "restart");
    assert_eq!(wait(&mut client), 2_000);
    client.advance(1_999);
    assert_eq!(client.socket, None);
    client.advance(1);
    client.reopen();
    client.welcome(&[("lobby", false)]);
    // Only once: the next wait is jittered again, hardly ever as long.
    let waits: Vec<u64> = (0..20)
        .map(|_| {
            client.cut();
            let wait = wait(&mut client);
            client.reopen();
            client.welcome(&[("lobby", false)]);
            wait
        })
        .collect();
    assert!(waits.iter().any(|wait| *wait < 1_000), "{waits:?}");
}

#[test]
fn silence_closes_the_socket_and_comes_back() {
    let mut client = Client::joined();
    client.advance(24_999);
    client.tick();
    client.advance(24_999);
    assert_eq!(client.state(), State::Connected);
    client.take();
    client.advance(1);
    let log = client.take();
    assert!(matches!(log[0], Output::CloseSocket { .. }), "{log:?}");
    let Output::State(change) = &log[1] else { panic!("{log:?}") };
    assert_eq!(change.state, State::Reconnecting);
    assert!(change.retry_in_ms.unwrap() <= 2_000);
}

#[test]
fn a_jump_of_the_clock_is_silence_too() {
    let mut client = Client::joined();
    client.now += 3_600_000;
    client.timeout();
    assert_eq!(client.state(), State::Reconnecting);
    assert_eq!(client.socket, None);
}

#[test]
fn a_socket_that_does_not_open_or_greet_in_ten_seconds_is_given_up() {
    let mut client = Client::with(Config { request_timeout_ms: 60_000, ..Config::default() }, 1);
    client.join("lobby");
    client.advance(9_999);
    assert!(client.socket.is_some());
    client.take();
    client.advance(1);
    assert_eq!(client.socket, None);
    assert_eq!(client.state(), State::Reconnecting);
    client.advance(2_000);
    client.advance(4_500);
    client.open();
    client.advance(3_900);
    let late = client.socket.is_none();
    client.advance(1_600);
    assert!(late || client.socket.is_none(), "opening and greeting share the time");
}

#[test]
fn requests_in_flight_are_made_again_by_hello() {
    let mut client = Client::joined();
    let joined = client.join("a");
    let observed = client.observe("a");
    client.frames();
    client.cut();
    let frames = client.reopen();
    assert_eq!(short(&frames), ["hello a,lobby", "observe a"]);
    client.welcome(&[("a", false), ("lobby", false)]);
    assert!(client.is_done(joined));
    assert_eq!(client.result(observed), None);
}

#[test]
fn a_leave_that_found_no_server_is_said_when_there_is_one() {
    let mut client = Client::joined();
    client.cut();
    let left = client.leave("lobby");
    client.advance(25_000);
    assert_eq!(client.code(left), Some(Code::Unavailable));
    assert_eq!(client.state(), State::Reconnecting, "the server may still hold the membership");
    let frames = client.reopen();
    assert_eq!(short(&frames), ["hello "]);
    client.welcome(&[]);
    let frames = client.frames();
    assert_eq!(short(&frames), ["leave lobby"]);
    client.ok(&frames[0]);
    client.advance(5_000);
    assert_eq!(client.state(), State::Idle);
}

#[test]
fn with_nothing_wanted_it_stops_trying() {
    let mut client = Client::joined();
    client.cut();
    let left = client.leave("lobby");
    client.advance(9_000);
    assert_eq!(client.result(left), None);
    client.advance(60_000);
    assert_eq!(client.code(left), Some(Code::Unavailable));
    assert_eq!(client.state(), State::Idle);
    assert_eq!(client.session.poll_timeout(), None);
}

#[test]
fn a_call_after_a_long_sleep_is_not_answered_by_the_dead_socket() {
    let mut client = Client::new();
    client.join_lobby();
    client.take();
    // No timer has fired yet.
    client.now += 3_600_000;
    let again = client.join("lobby");
    client.drain();
    assert_eq!(client.session.state(), State::Reconnecting);
    assert_eq!(client.result(again), None);
    client.reopen();
    client.welcome(&[("lobby", true)]);
    client.drain();
    assert!(client.is_done(again));
}
