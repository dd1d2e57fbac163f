//! Joining and leaving.

use herenow_protocol::{Code, Granted, Refused, ServerFrame};
use herenow_session::Output;

use crate::client::{Client, short};

#[test]
fn join_leave_join_in_one_drain_is_one_join() {
    let mut client = Client::joined();
    let promises = [client.join("a"), client.leave("a"), client.join("a")];
    let frames = client.frames();
    assert_eq!(short(&frames), ["join a"]);
    client.fresh(&frames[0]);
    for promise in promises {
        assert!(client.is_done(promise));
    }
}

#[test]
fn leave_and_join_of_a_joined_channel_send_nothing() {
    let mut client = Client::joined();
    let promises = [client.leave("lobby"), client.join("lobby")];
    assert_eq!(client.frames(), []);
    for promise in promises {
        assert!(client.is_done(promise));
    }
}

#[test]
fn joining_twice_is_one_membership() {
    let mut client = Client::joined();
    let again = client.join("lobby");
    assert_eq!(client.frames(), []);
    assert!(client.is_done(again));
}

#[test]
fn a_join_and_the_leave_that_replaces_it_resolve_when_nothing_is_left_to_do() {
    let mut client = Client::joined();
    let (joined, left) = (client.join("a"), client.leave("a"));
    assert_eq!(client.frames(), []);
    assert!(client.is_done(joined));
    assert!(client.is_done(left));
}

#[test]
fn one_request_is_in_flight_at_a_time() {
    let mut client = Client::joined();
    let joined = client.join("a");
    let join = client.frames();
    let left = client.leave("a");
    assert_eq!(client.frames(), []);
    client.fresh(&join[0]);
    assert!(client.is_done(joined));
    assert_eq!(client.result(left), None);
    let leave = client.frames();
    assert_eq!(short(&leave), ["leave a"]);
    let again = client.join("a");
    assert_eq!(client.frames(), []);
    client.ok(&leave[0]);
    assert!(client.is_done(left));
    assert_eq!(client.result(again), None);
    assert_eq!(short(&client.frames()), ["join a"]);
}

#[test]
fn an_error_rejects_with_what_the_server_said_and_withdraws() {
    let mut client = Client::joined();
    let joined = client.join("a");
    let frames = client.frames();
    client.error(&frames[0], Code::RateLimited, Some(700));
    let problem = client.result(joined).unwrap().unwrap_err();
    assert_eq!(problem.code, Code::RateLimited);
    assert_eq!(problem.message, "no");
    assert_eq!(problem.retry_in_ms, Some(700));
    client.advance(3_000);
    assert_eq!(client.frames(), [], "the intent is withdrawn");
    let stored = client.set("a", "happy");
    assert_eq!(client.code(stored), Some(Code::NotJoined));
}

/// The server does not reach its store, and does not know what came of it.
#[test]
fn a_join_that_may_have_been_done_is_left_again() {
    let mut client = Client::joined();
    let joined = client.join("a");
    let frames = client.frames();
    let left = client.leave("a");
    client.error(&frames[0], Code::Unavailable, Some(1_000));
    assert_eq!(client.code(joined), Some(Code::Unavailable));
    let frames = client.frames();
    assert_eq!(short(&frames), ["leave a"]);
    assert_eq!(client.result(left), None, "not before the server says so");
    client.ok(&frames[0]);
    assert_eq!(client.result(left).map(|result| result.is_ok()), Some(true));
    client.advance(3_000);
    assert_eq!(client.frames(), []);
}

#[test]
fn a_leave_that_fails_is_tried_again() {
    let mut client = Client::joined();
    let left = client.leave("lobby");
    let frames = client.frames();
    client.error(&frames[0], Code::Unavailable, Some(700));
    assert_eq!(client.code(left), Some(Code::Unavailable));
    assert_eq!(client.frames(), []);
    client.advance(700);
    let frames = client.frames();
    assert_eq!(short(&frames), ["leave lobby"]);
    client.ok(&frames[0]);
    client.cut();
    let frames = client.reopen();
    assert_eq!(short(&frames), ["hello "], "the leave holds");
}

#[test]
fn own_changes_make_the_cache_stale_before_the_promise_resolves() {
    let mut client = Client::joined();
    let joined = client.join("a");
    let frames = client.frames();
    client.fresh(&frames[0]);
    let log = client.take();
    let stale = log.iter().position(|o| *o == Output::Stale { channel: "a".into() });
    let done = log.iter().position(|o| matches!(o, Output::Resolve { promise, .. } if *promise == joined));
    assert!(stale.unwrap() < done.unwrap(), "{log:?}");
    client.leave("a");
    let frames = client.frames();
    client.take();
    client.ok(&frames[0]);
    assert!(client.take().contains(&Output::Stale { channel: "a".into() }));
}

#[test]
fn hello_names_all_that_is_wanted_and_welcome_confirms() {
    let mut client = Client::joined();
    let frames = {
        client.join("a");
        client.frames()
    };
    client.fresh(&frames[0]);
    client.take();
    client.cut();
    let left = client.leave("a");
    let joined = client.join("b");
    assert_eq!(client.result(left), None, "nobody has confirmed the leave");
    assert_eq!(short(&client.reopen()), ["hello b,lobby"]);
    client.welcome(&[("lobby", false), ("b", true)]);
    assert!(client.is_done(joined));
    assert_eq!(client.result(left), None, "another server may hold what is not named here");
    let frames = client.frames();
    assert_eq!(short(&frames), ["leave a"]);
    client.ok(&frames[0]);
    assert!(client.is_done(left));
}

#[test]
fn a_refused_channel_rejects_and_one_that_was_confirmed_is_told() {
    let mut client = Client::joined();
    client.cut();
    let joined = client.join("a");
    client.reopen();
    client.take();
    client.welcome_with(&[], &[("a", Code::Forbidden), ("lobby", Code::Forbidden)], |_| {});
    assert_eq!(client.code(joined), Some(Code::Forbidden));
    let warnings = client.take().into_iter().filter(|o| matches!(o, Output::Warn(_))).collect::<Vec<_>>();
    assert_eq!(warnings, [Output::Warn("no longer in channel lobby: forbidden".into())]);
    client.cut();
    assert_eq!(client.session.poll_timeout().map(|at| at.0 > client.now), Some(true));
    let stored = client.set("lobby", "happy");
    assert_eq!(client.code(stored), Some(Code::NotJoined));
}

#[test]
fn a_confirmed_membership_outlives_a_refusal_that_passes() {
    let mut client = Client::joined();
    client.cut();
    let again = client.join("lobby");
    client.reopen();
    client.welcome_with(&[], &[("lobby", Code::Unavailable)], |_| {});
    assert_eq!(client.code(again), Some(Code::Unavailable));
    let stored = client.set("lobby", "happy");
    assert_eq!(client.frames(), []);
    client.advance(1_000);
    let frames = client.frames();
    assert_eq!(short(&frames), ["join lobby", "set lobby happy"]);
    client.fresh(&frames[0]);
    client.ok(&frames[1]);
    assert!(client.stored(stored).is_some());
}

#[test]
fn left_drops_the_intent_and_is_told() {
    let mut client = Client::joined();
    let stored = client.set("lobby", "happy");
    let frames = client.frames();
    let later = client.set("lobby", "sad");
    client.hear(ServerFrame::Left(Refused { channel: "lobby".into(), code: Code::Forbidden }));
    client.error(&frames[0], Code::NotJoined, None);
    assert_eq!(client.code(stored), Some(Code::NotJoined));
    assert_eq!(client.code(later), Some(Code::Forbidden));
    assert!(client.take().contains(&Output::Warn("no longer in channel lobby: forbidden".into())));
    assert_eq!(client.frames(), []);
    let left = client.leave("lobby");
    assert_eq!(client.frames(), []);
    assert!(client.is_done(left));
}

#[test]
fn a_join_answered_after_left_is_taken_back() {
    let mut client = Client::joined();
    let joined = client.join("a");
    let frames = client.frames();
    client.hear(ServerFrame::Left(Refused { channel: "a".into(), code: Code::Forbidden }));
    assert_eq!(client.code(joined), Some(Code::Forbidden));
    client.fresh(&frames[0]);
    assert_eq!(short(&client.frames()), ["leave a"]);
}

#[test]
fn frames_about_unknown_channels_and_requests_are_ignored() {
    let mut client = Client::joined();
    let nowhere = || String::from("nowhere");
    client.hear(ServerFrame::Ok { id: 999, fresh: None, expires_in_ms: Some(1) });
    client.hear(ServerFrame::Error { id: 999, code: Code::Internal, message: nowhere(), retry_in_ms: None });
    client.hear(ServerFrame::Left(Refused { channel: nowhere(), code: Code::Forbidden }));
    client.hear(ServerFrame::Membership(Granted { channel: nowhere(), fresh: true }));
    client.hear(ServerFrame::Diff { channel: nowhere(), prev: 0, seq: 1, transitions: Vec::new() });
    assert_eq!(client.take(), []);
}
