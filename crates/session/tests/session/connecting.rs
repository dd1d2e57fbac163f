//! The first use connects, the last one's end disconnects.

use herenow_protocol::{ClientFrame, Code};
use herenow_session::{Output, Problem, SocketEvent, SocketId, State};

use crate::client::{Client, short};

#[test]
fn the_first_join_asks_for_a_token_then_connects_then_says_hello() {
    let mut client = Client::new();
    client.gives_tokens = false;
    let joined = client.join("lobby");
    let log = client.take();
    assert!(matches!(log[0], Output::State(ref change) if change.state == State::Connecting), "{log:?}");
    assert_eq!(log[1], Output::NeedToken { renew: false });
    assert_eq!(log.len(), 2);

    client.session.handle_token(client.millis(), Ok("secret".into()));
    assert_eq!(client.take(), [Output::Connect { socket: SocketId(1) }]);

    let frames = client.open();
    let ClientFrame::Hello(hello) = &frames[0] else { panic!("{frames:?}") };
    assert_eq!(hello.client_id, "default");
    assert_eq!(hello.token.as_deref(), Some("secret"));
    assert_eq!(hello.session.0, 0xfeed);
    assert_eq!(hello.attempt, 1);
    assert_eq!(hello.joined, ["lobby"]);
    assert_eq!(frames.len(), 1);
    assert_eq!(client.result(joined), None, "not before the server has confirmed");

    client.welcome(&[("lobby", true)]);
    assert!(client.is_done(joined));
    assert_eq!(client.state(), State::Connected);
    assert_eq!(client.session.user(), Some("me"));
}

#[test]
fn observes_follow_hello_in_one_message_and_everything_else_waits_for_welcome() {
    let mut client = Client::new();
    client.observe("b");
    client.observe("a");
    client.join("c");
    client.set("c", "happy");
    client.drain();
    let socket = client.socket.unwrap();
    client.session.handle_socket(client.millis(), socket, SocketEvent::Opened);
    let messages = client.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(short(&messages[0]), ["hello c", "observe a", "observe b"]);

    client.join("d");
    client.leave("c");
    assert_eq!(client.frames(), []);
    client.welcome(&[("c", true)]);
    assert_eq!(short(&client.frames()), ["leave c", "join d"]);
}

#[test]
fn a_channel_that_welcome_does_not_name_is_joined_by_a_frame() {
    let mut client = Client::new();
    let joined = client.join("lobby");
    client.open();
    client.welcome(&[]);
    let frames = client.frames();
    assert_eq!(short(&frames), ["join lobby"]);
    client.fresh(&frames[0]);
    assert!(client.is_done(joined));
}

#[test]
fn what_needs_nothing_of_the_server_does_not_connect() {
    let mut client = Client::new();
    let leave = client.leave("lobby");
    let unobserve = client.unobserve("lobby");
    let set = client.set("lobby", "happy");
    let (joined, left) = (client.join("a"), client.leave("a"));
    let (observed, unobserved) = (client.observe("a"), client.unobserve("a"));
    for promise in [leave, unobserve, joined, left, observed, unobserved] {
        assert!(client.is_done(promise), "{promise:?}");
    }
    assert_eq!(client.code(set), Some(Code::NotJoined));
    assert_eq!(client.state(), State::Idle);
    assert_eq!(client.socket, None);
    assert_eq!(client.session.poll_timeout(), None);
}

#[test]
fn events_of_an_older_socket_are_ignored() {
    let mut client = Client::joined();
    let old = client.socket.unwrap();
    client.cut();
    client.reopen();
    client.welcome(&[("lobby", false)]);
    client.take();
    let event = SocketEvent::Closed { code: 4501, reason: String::new() };
    client.session.handle_socket(client.millis(), old, event);
    client.session.handle_socket(client.millis(), old, SocketEvent::Opened);
    assert_eq!(client.take(), []);
    assert_eq!(client.state(), State::Connected);
}

#[test]
fn five_seconds_after_the_last_wish_it_says_goodbye() {
    let mut client = Client::joined();
    client.leave("lobby");
    let frames = client.frames();
    client.ok(&frames[0]);
    client.advance(4_999);
    assert_eq!(client.state(), State::Connected);
    client.take();
    client.advance(1);
    let log = client.take();
    assert!(matches!(&log[0], Output::Send { frames, .. } if short(frames) == ["bye"]), "{log:?}");
    assert!(matches!(log[1], Output::CloseSocket { code: 1000, .. }));
    assert!(matches!(&log[2], Output::State(change) if change.state == State::Idle));
    assert_eq!(client.session.poll_timeout(), None);

    client.join("lobby");
    let frames = client.open();
    let ClientFrame::Hello(hello) = &frames[0] else { panic!("{frames:?}") };
    assert_eq!(hello.attempt, 2, "attempts of one secret grow");
}

#[test]
fn a_new_wish_within_five_seconds_keeps_the_connection() {
    let mut client = Client::joined();
    client.leave("lobby");
    let frames = client.frames();
    client.ok(&frames[0]);
    client.advance(4_000);
    client.observe("lobby");
    assert_eq!(short(&client.frames()), ["observe lobby"]);
    client.advance(4_000);
    assert_eq!(client.state(), State::Connected);
}

#[test]
fn close_ends_everything() {
    let mut client = Client::joined();
    let observed = client.observe("lobby");
    let stored = client.set("lobby", "happy");
    client.take();
    let closed = client.close();
    assert!(client.is_done(closed));
    assert_eq!(client.code(observed), Some(Code::Closed));
    assert_eq!(client.code(stored), Some(Code::Closed));
    assert_eq!(short(&client.frames()), ["bye"]);
    assert_eq!(client.socket, None);
    assert_eq!(client.state(), State::Closed);
    let later = client.join("lobby");
    assert_eq!(client.code(later), Some(Code::Closed));
    let again = client.close();
    assert!(client.is_done(again));
    assert_eq!(client.session.poll_timeout(), None);
}

#[test]
fn a_refused_token_fails_the_session() {
    let mut client = Client::new();
    client.gives_tokens = false;
    let joined = client.join("lobby");
    client.take();
    client.session.handle_token(client.millis(), Err(Problem::new(Code::Unauthorized, "no token")));
    assert_eq!(client.code(joined), Some(Code::Unauthorized));
    assert_eq!(client.state(), State::Failed);
    let later = client.join("lobby");
    assert_eq!(client.result(later).unwrap().unwrap_err().message, "no token");
}
