//! The first frame: who may attach to what, and what is told.

use herenow_protocol::{ClientFrame, CloseCode, Code, Encoding, Hello, Limits, ServerFrame, SessionSecret};
use herenow_registry::{Config, Identity, Millis};

use crate::harness::*;

#[test]
fn welcome_comes_first_and_says_how_the_server_is() {
    let mut world = World::new();
    let connection = world.connect_as(Encoding::Postcard);
    world.hello(connection, "ada", 1, 1, &["lobby"]);
    let frames = world.take(connection);
    let [ServerFrame::Welcome(welcome)] = frames.as_slice() else { panic!("got {frames:?}") };
    assert_eq!(welcome.user, "ada");
    assert_eq!(welcome.node, "local");
    assert_eq!((welcome.ping_interval_ms, welcome.grace_ms), (10_000, 10_000));
    assert_eq!(welcome.limits, Limits::default());
    assert_eq!(welcome.expires_in_ms, None);
    assert_eq!(welcome.joined.len(), 1);
    assert!(welcome.joined[0].fresh);
    assert_eq!(welcome.refused, []);
    assert_eq!(world.users("lobby"), ["ada"]);
}

#[test]
fn welcome_tells_how_long_the_token_is_valid() {
    let mut world = World::new();
    let connection = world.connect();
    let who = Identity { expires_at: Some(Millis(world.now + 60_000)), ..identity("ada") };
    let hello = Hello {
        client_id: APPLICATION.into(),
        token: None,
        session: SessionSecret(1),
        attempt: 1,
        joined: vec![],
    };
    world.hello_as(connection, hello, who);
    let Some(ServerFrame::Welcome(welcome)) = world.next(connection) else { panic!() };
    assert_eq!(welcome.expires_in_ms, Some(60_000));
}

#[test]
fn what_is_said_before_hello_is_nobodys() {
    let mut world = World::new();
    let connection = world.connect();
    world.say(connection, vec![ClientFrame::Join { id: 1, channel: "lobby".into() }, ClientFrame::Bye {}]);
    world.registry.handle_token(world.millis(), connection, 2, Ok(identity("ada")));
    world.registry.handle_heard(world.millis(), connection);
    world.registry.handle_written(world.millis(), connection, 100);
    world.disconnect(connection);
    assert_eq!(world.take(connection), []);
    assert_eq!(world.registry.connections(), 0);
    assert_eq!(world.registry.poll_timeout(), None);
}

#[test]
fn a_second_hello_is_a_protocol_error_and_starts_the_grace() {
    for as_frame in [false, true] {
        let mut world = World::new();
        let watcher = world.client("watcher", 9, &[]);
        world.snapshot(watcher, "lobby");
        let connection = world.client("ada", 1, &["lobby"]);
        if as_frame {
            let hello = Hello {
                client_id: APPLICATION.into(),
                token: None,
                session: SessionSecret(1),
                attempt: 2,
                joined: vec![],
            };
            world.say(connection, vec![ClientFrame::Hello(hello)]);
        } else {
            world.hello(connection, "ada", 1, 2, &[]);
        }
        assert_eq!(world.close_code(connection), Some(CloseCode::Protocol));
        assert_eq!(world.told(watcher, "lobby"), [joined("ada")]);
        world.advance(9_999);
        assert_eq!(world.told(watcher, "lobby"), []);
        world.advance(1);
        assert_eq!(world.told(watcher, "lobby"), [timed_out("ada")]);
    }
}

#[test]
fn a_user_that_is_not_of_its_form_is_a_protocol_error() {
    for user in ["", "a\nb", &"u".repeat(129)] {
        let mut world = World::new();
        let connection = world.connect();
        world.hello(connection, user, 1, 1, &[]);
        assert_eq!(world.close_code(connection), Some(CloseCode::Protocol));
    }
    let mut world = World::new();
    world.client(&"u".repeat(128), 1, &[]);
}

#[test]
fn a_newer_socket_of_the_session_replaces_the_older() {
    let mut world = World::new();
    let watcher = world.client("watcher", 9, &[]);
    world.snapshot(watcher, "lobby");
    let older = world.client("ada", 1, &["lobby"]);
    world.settle();
    world.told(watcher, "lobby");
    let (newer, welcome) = world.client_again("ada", 1, 2, &["lobby"]);
    assert_eq!(world.close_code(older), Some(CloseCode::Replaced));
    assert!(!welcome.joined[0].fresh);

    // What the older one still says is dropped, and so is its end.
    world.say(older, vec![ClientFrame::Leave { id: 1, channel: "lobby".into() }]);
    world.disconnect(older);
    world.advance(30_000);
    assert_eq!(world.told(watcher, "lobby"), []);
    assert_eq!(world.users("lobby"), ["ada"]);
    assert_eq!(world.leave(newer, "lobby"), Ok(None));
    assert_eq!(world.told(watcher, "lobby"), [left("ada")]);
}

#[test]
fn an_equal_attempt_replaces_and_a_lower_one_is_turned_away() {
    let mut world = World::new();
    let first = world.client_again("ada", 1, 5, &["lobby"]).0;
    let second = world.client_again("ada", 1, 5, &["lobby"]).0;
    assert_eq!(world.close_code(first), Some(CloseCode::Replaced));
    let late = world.connect();
    world.hello(late, "ada", 1, 4, &[]);
    assert_eq!(world.close_code(late), Some(CloseCode::Replaced));
    assert_eq!(world.close_code(second), None);
    assert_eq!(world.users("lobby"), ["ada"]);
}

#[test]
fn a_lower_attempt_is_turned_away_from_a_lost_session_too() {
    let mut world = World::new();
    let first = world.client_again("ada", 1, 5, &["lobby"]).0;
    world.disconnect(first);
    let late = world.connect();
    world.hello(late, "ada", 1, 4, &["lobby"]);
    assert_eq!(world.close_code(late), Some(CloseCode::Replaced));
    world.advance(10_000);
    assert!(world.users("lobby").is_empty());
}

#[test]
fn the_same_secret_of_another_user_or_application_is_another_session() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &["lobby"]);
    let bob = world.client("bob", 1, &["lobby"]);
    let elsewhere = world.connect();
    let hello = Hello {
        client_id: "other".into(),
        token: None,
        session: SessionSecret(1),
        attempt: 1,
        joined: vec!["lobby".into()],
    };
    let who = Identity { application: "other".into(), ..identity("ada") };
    world.hello_as(elsewhere, hello, who);
    for connection in [ada, bob, elsewhere] {
        assert_eq!(world.close_of(connection), None);
    }
    assert_eq!(world.users("lobby"), ["ada", "bob"]);
    assert_eq!(world.registry.count("other", "lobby").unwrap(), 1);
}

#[test]
fn joined_is_the_complete_wish() {
    let mut world = World::new();
    let watcher = world.client("watcher", 9, &[]);
    for channel in ["a", "b", "c"] {
        world.snapshot(watcher, channel);
    }
    let first = world.client("ada", 1, &["a", "b"]);
    world.settle();
    world.take(watcher);
    world.disconnect(first);
    let (_, welcome) = world.client_again("ada", 1, 2, &["b", "c"]);
    let fresh: Vec<_> = welcome.joined.iter().map(|it| (it.channel.as_str(), it.fresh)).collect();
    assert_eq!(fresh, [("b", false), ("c", true)]);
    world.settle();
    let told: Vec<_> = world
        .take(watcher)
        .into_iter()
        .filter_map(|frame| match frame {
            ServerFrame::Diff { channel, transitions, .. } => Some((channel, transitions)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [("a".into(), vec![left("ada")]), ("c".into(), vec![joined("ada")])]);
}

#[test]
fn channels_that_may_not_be_joined_are_refused_one_by_one() {
    let mut world = World::new();
    let long = "c".repeat(128);
    let longer = "c".repeat(129);
    let (_, welcome) = world.client_again("ada", 1, 1, &["ok", "", &longer, &long, "ok"]);
    let joined: Vec<_> = welcome.joined.iter().map(|it| it.channel.as_str()).collect();
    assert_eq!(joined, ["ok", &long]);
    let refused: Vec<_> = welcome.refused.iter().map(|it| (it.channel.as_str(), it.code)).collect();
    assert_eq!(refused, [("", Code::InvalidArgument), (&longer, Code::InvalidArgument)]);
}

#[test]
fn hello_joins_100_channels_and_refuses_one_more() {
    let mut world = World::new();
    let names: Vec<_> = (0..101).map(|n| format!("c{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let (_, welcome) = world.client_again("ada", 1, 1, &names);
    assert_eq!(welcome.joined.len(), 100);
    assert_eq!(welcome.refused.len(), 1);
    assert_eq!(welcome.refused[0].channel, "c100");
    assert_eq!(welcome.refused[0].code, Code::LimitReached);
    assert_eq!(world.user_channels("ada").len(), 100);
}

#[test]
fn a_user_has_20_sessions_and_the_21st_is_turned_away() {
    let mut world = World::new();
    for secret in 1..=20 {
        world.client("ada", secret, &["lobby"]);
    }
    let beyond = world.connect();
    world.hello(beyond, "ada", 21, 1, &["lobby"]);
    assert_eq!(world.close_of(beyond), Some((CloseCode::Kicked, "limit_reached")));
    // Others are not concerned, and neither are sessions that it has.
    world.client("bob", 21, &[]);
    world.client_again("ada", 20, 2, &["lobby"]);
}

#[test]
fn the_oldest_detached_session_makes_room_for_the_21st() {
    let mut world = World::with(Config::default());
    let watcher = world.client("watcher", 99, &[]);
    for channel in ["first", "second"] {
        world.snapshot(watcher, channel);
    }
    let first = world.client("ada", 1, &["first"]);
    let second = world.client("ada", 2, &["second"]);
    for secret in 3..=20 {
        world.client("ada", secret, &[]);
    }
    world.settle();
    world.disconnect(second);
    world.advance(1_000);
    world.disconnect(first);
    world.take(watcher);
    world.client("ada", 21, &[]);
    world.settle();
    assert_eq!(world.told(watcher, "second"), [timed_out("ada")]);
    // The other one still resumes.
    let (_, welcome) = world.client_again("ada", 1, 2, &["first"]);
    assert!(!welcome.joined[0].fresh);
    world.advance(20_000);
    assert_eq!(world.told(watcher, "first"), []);
}
