//! Promises run out of time; the socket is tested.

use herenow_protocol::{Code, ServerFrame};
use herenow_session::{Output, State};

use crate::client::{Client, EPOCH, id, short};

#[test]
fn a_join_that_nobody_answers_is_withdrawn_and_taken_back() {
    let mut client = Client::joined();
    let joined = client.join("a");
    let frames = client.frames();
    client.advance(9_999);
    assert_eq!(client.result(joined), None);
    client.advance(1);
    assert_eq!(client.code(joined), Some(Code::Timeout));
    let sent = client.frames();
    assert_eq!(short(&sent), ["unobserve ?", "leave a"], "the socket is tested, the join taken back");
    client.fresh(&frames[0]);
    assert_eq!(client.frames(), [], "too late");
    client.ok(&sent[1]);
    client.cut();
    assert_eq!(short(&client.reopen()), ["hello lobby"]);
}

#[test]
fn a_wish_stays_while_another_promise_waits_for_it() {
    let mut client = Client::joined();
    let first = client.join("a");
    let frames = client.frames();
    client.advance(6_000);
    let second = client.join("a");
    client.advance(4_000);
    assert_eq!(client.code(first), Some(Code::Timeout));
    assert_eq!(short(&client.frames()), ["unobserve ?"]);
    client.fresh(&frames[0]);
    assert!(client.is_done(second));
}

#[test]
fn a_join_that_was_confirmed_before_is_not_undone() {
    let mut client = Client::joined();
    client.cut();
    client.reopen();
    let again = client.join("lobby");
    client.advance(9_900);
    client.tick();
    client.take();
    let socket = client.socket;
    client.advance(100);
    if socket.is_some() && client.socket.is_some() {
        client.cut();
    }
    assert_eq!(client.code(again), Some(Code::Timeout));
    assert_eq!(short(&client.reopen()), ["hello lobby"]);
}

#[test]
fn a_leave_that_nobody_answers_is_never_withdrawn() {
    let mut client = Client::joined();
    let left = client.leave("lobby");
    let frames = client.frames();
    assert_eq!(short(&frames), ["leave lobby"]);
    client.advance(10_000);
    assert_eq!(client.code(left), Some(Code::Timeout));
    assert_eq!(short(&client.frames()), ["unobserve ?", "leave lobby"]);
    client.cut();
    client.join("other");
    assert_eq!(short(&client.reopen()), ["hello other"]);
}

#[test]
fn an_observe_that_nobody_answers_is_withdrawn() {
    let mut client = Client::joined();
    let observed = client.observe("lobby");
    client.frames();
    client.advance(10_000);
    assert_eq!(client.code(observed), Some(Code::Timeout));
    let frames = client.frames();
    assert_eq!(short(&frames), ["unobserve ?", "unobserve lobby"]);
    let again = client.observe("lobby");
    client.snapshot(EPOCH, 5, 0, &[("late", "")]);
    assert_eq!(client.roster(), None, "the answer to what was withdrawn");
    client.ok(&frames[1]);
    let frames = client.frames();
    client.snapshot(EPOCH, 6, 0, &[("ann", "")]);
    client.ok(&frames[0]);
    assert!(client.is_done(again));
    assert_eq!(client.roster().unwrap(), ["ann="]);
}

#[test]
fn an_observation_that_was_confirmed_stays_when_its_repetition_runs_out_of_time() {
    let mut client = Client::observing(&[("ann", "")]);
    client.cut();
    let again = client.observe("lobby");
    client.advance(2_000);
    client.closed(1006, "");
    client.now += 8_000;
    client.timeout();
    assert_eq!(client.code(again), Some(Code::Unavailable));
    client.advance(60);
    assert_eq!(client.roster().unwrap(), ["ann="]);
}

#[test]
fn a_set_that_nobody_answers_is_not_sent_again() {
    let mut client = Client::joined();
    let first = client.set("lobby", "one");
    client.frames();
    client.advance(10_000);
    assert_eq!(client.code(first), Some(Code::Timeout));
    client.frames();
    client.tick();
    let second = client.set("lobby", "two");
    let frames = client.frames();
    assert_eq!(short(&frames), ["set lobby two"], "the slot is free again");
    client.ok(&frames[0]);
    assert!(client.stored(second).is_some());
    client.cut();
    client.reopen();
    client.welcome(&[("lobby", false)]);
    assert_eq!(client.frames(), []);
}

#[test]
fn a_server_that_was_never_reached_is_unavailable() {
    let mut client = Client::new();
    let joined = client.join("lobby");
    client.advance(10_000);
    assert_eq!(client.code(joined), Some(Code::Unavailable));
    assert!(Code::Unavailable.retryable());

    let mut client = Client::new();
    let joined = client.join("lobby");
    client.open();
    client.advance(10_000);
    assert_eq!(client.code(joined), Some(Code::Timeout), "it was reached, and did not answer");
}

#[test]
fn a_probe_without_an_answer_closes_the_socket() {
    let mut client = Client::joined();
    client.join("a");
    client.advance(10_000);
    assert!(short(&client.frames()).contains(&"unobserve ?".into()));
    client.advance(4_999);
    assert_eq!(client.state(), State::Connected);
    client.take();
    client.advance(1);
    let log = client.take();
    assert!(matches!(log[0], Output::CloseSocket { .. }), "{log:?}");
    assert_eq!(client.state(), State::Reconnecting);
}

#[test]
fn any_sound_answers_a_probe() {
    let mut client = Client::joined();
    client.join("a");
    client.advance(10_000);
    let frames = client.frames();
    client.hear(ServerFrame::Error {
        id: id(&frames[0]),
        code: Code::InvalidArgument,
        message: String::new(),
        retry_in_ms: None,
    });
    client.advance(10_000);
    assert_eq!(client.state(), State::Connected);
}

#[test]
fn a_probe_never_names_a_channel_in_use() {
    let mut client = Client::joined();
    client.observe("?");
    client.join("??");
    client.frames();
    client.advance(10_000);
    assert!(short(&client.frames()).contains(&"unobserve ???".into()));
}

#[test]
fn a_join_after_a_leave_falls_back_to_the_leave() {
    let mut client = Client::joined();
    client.cut();
    client.leave("lobby");
    let joined = client.join("lobby");
    while client.result(joined).is_none() {
        client.advance(100);
    }
    client.observe("a");
    while client.socket.is_none() {
        client.advance(100);
    }
    assert_eq!(short(&client.open()), ["hello ", "observe a"]);
}
