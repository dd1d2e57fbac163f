//! The page is hidden, shown, frozen, offline.

use herenow_protocol::Code;
use herenow_session::{Lifecycle, Output, State};

use crate::client::{Client, EPOCH, short};

#[test]
fn hiding_says_goodbye_and_keeps_quiet() {
    let mut client = Client::joined();
    let waiting = client.join("a");
    client.frames();
    client.take();
    client.lifecycle(Lifecycle::PageHide);
    let log = client.take();
    assert!(matches!(&log[0], Output::Send { frames, .. } if short(frames) == ["bye"]), "{log:?}");
    assert!(matches!(log[1], Output::CloseSocket { code: 1000, .. }));
    assert_eq!(client.session.poll_timeout(), None);
    client.now += 3_600_000;
    client.timeout();
    for event in [Lifecycle::Online, Lifecycle::Visible, Lifecycle::Resume, Lifecycle::PageHide] {
        client.lifecycle(event);
    }
    assert_eq!(client.take(), []);
    assert_eq!(client.result(waiting), None, "promises keep waiting");

    client.lifecycle(Lifecycle::PageShow);
    assert_eq!(short(&client.open()), ["hello a,lobby"]);
    client.advance(9_000);
    assert_eq!(client.result(waiting), None, "with the whole time again");
    client.welcome(&[("a", true), ("lobby", true)]);
    assert!(client.is_done(waiting));
    assert_eq!(client.state(), State::Connected);
}

#[test]
fn what_was_observed_is_caught_up_with_after_showing() {
    let mut client = Client::observing(&[("ann", "")]);
    client.lifecycle(Lifecycle::PageHide);
    assert_eq!(short(&client.frames()), ["bye"]);
    client.now += 60_000;
    client.lifecycle(Lifecycle::PageShow);
    let frames = client.open();
    assert_eq!(short(&frames), ["hello ", "observe lobby 5"]);
    client.welcome(&[]);
    client.snapshot(EPOCH, 900, 0, &[("bob", "")]);
    client.ok(&frames[1]);
    assert_eq!(client.events(), ["~-ann", "~+bob"]);
}

#[test]
fn wishes_of_a_hidden_page_wait_until_it_is_shown() {
    let mut client = Client::new();
    client.lifecycle(Lifecycle::PageHide);
    let joined = client.join("lobby");
    assert_eq!(client.take(), []);
    client.now += 60_000;
    client.lifecycle(Lifecycle::PageShow);
    client.open();
    client.welcome(&[("lobby", true)]);
    assert!(client.is_done(joined));
}

#[test]
fn a_hidden_page_that_wants_nothing_is_idle_when_shown() {
    let mut client = Client::joined();
    client.leave("lobby");
    let frames = client.frames();
    client.ok(&frames[0]);
    client.lifecycle(Lifecycle::PageHide);
    client.lifecycle(Lifecycle::PageShow);
    assert_eq!(client.state(), State::Idle);
    assert_eq!(client.socket, None);
}

#[test]
fn a_token_that_comes_while_hidden_is_kept() {
    let mut client = Client::new();
    client.gives_tokens = false;
    client.join("lobby");
    client.take();
    client.lifecycle(Lifecycle::PageHide);
    client.session.handle_token(client.millis(), Ok("token".into()));
    assert!(!client.take().iter().any(|output| matches!(output, Output::Connect { .. })));
    client.lifecycle(Lifecycle::PageShow);
    assert!(client.take().iter().any(|output| matches!(output, Output::Connect { .. })));
}

#[test]
fn a_show_without_a_hide_is_nothing() {
    let mut client = Client::joined();
    client.lifecycle(Lifecycle::PageShow);
    assert_eq!(client.take(), []);
}

#[test]
fn coming_back_tests_the_connection() {
    for event in [Lifecycle::Resume, Lifecycle::Online, Lifecycle::Visible] {
        let mut client = Client::joined();
        client.lifecycle(event);
        client.lifecycle(event);
        assert_eq!(short(&client.frames()), ["unobserve ?"], "{event:?}: one question");
        client.tick();
        client.advance(6_000);
        assert_eq!(client.state(), State::Connected);
        client.lifecycle(event);
        client.advance(5_000);
        assert_eq!(client.state(), State::Reconnecting, "{event:?}");
    }
}

#[test]
fn coming_back_ends_a_wait() {
    for event in [Lifecycle::Resume, Lifecycle::Online, Lifecycle::Visible] {
        let mut client = Client::joined();
        client.cut();
        for _ in 0..6 {
            client.now = client.session.poll_timeout().unwrap().0;
            client.timeout();
            client.closed(1006, "");
        }
        client.lifecycle(event);
        assert!(client.socket.is_some(), "{event:?}");
        assert_eq!(short(&client.open()), ["hello lobby"]);
    }
}

#[test]
fn coming_back_to_an_idle_session_is_nothing() {
    let mut client = Client::new();
    for event in [Lifecycle::Resume, Lifecycle::Online, Lifecycle::Visible] {
        client.lifecycle(event);
    }
    assert_eq!(client.take(), []);
}

#[test]
fn a_closed_session_stays_closed() {
    let mut client = Client::joined();
    client.close();
    client.take();
    client.lifecycle(Lifecycle::PageHide);
    client.lifecycle(Lifecycle::PageShow);
    client.lifecycle(Lifecycle::Online);
    assert_eq!(client.take(), []);
    let joined = client.join("lobby");
    assert_eq!(client.code(joined), Some(Code::Closed));
}
