//! What a token allows, and what is done when it allows less.

use herenow_protocol::{ClientFrame, CloseCode, Code, Hello, Refused, ServerFrame, SessionSecret};
use herenow_registry::{Access, Capability, ConnectionId, Identity};

use crate::harness::{APPLICATION, World, identity, left};

fn access(rules: &[(&str, &[Capability])]) -> Access {
    Access::new(Some(rules.iter().map(|(pattern, allowed)| (*pattern, allowed.iter().copied()))), false)
}

fn hello(secret: u128, attempt: u32, joined: &[&str]) -> Hello {
    Hello {
        client_id: APPLICATION.into(),
        token: None,
        session: SessionSecret(secret),
        attempt,
        joined: joined.iter().map(|name| (*name).into()).collect(),
    }
}

/// Ada with what `access` allows: the connection, and what her welcome refused.
fn ada(
    world: &mut World,
    access: Access,
    secret: u128,
    attempt: u32,
    joined: &[&str],
) -> (ConnectionId, Vec<Refused>) {
    let connection = world.connect();
    world.hello_as(connection, hello(secret, attempt, joined), Identity { access, ..identity("ada") });
    match world.next(connection) {
        Some(ServerFrame::Welcome(welcome)) => (connection, welcome.refused),
        other => panic!("no welcome, but {other:?}"),
    }
}

fn forbidden(channel: &str) -> Refused {
    Refused { channel: channel.into(), code: Code::Forbidden }
}

/// Asks to observe; the code of the refusal.
fn try_observe(world: &mut World, connection: ConnectionId, channel: &str) -> Option<Code> {
    let id = world.id();
    world.say(connection, vec![ClientFrame::Observe { id, channel: channel.into(), from: None }]);
    world.settle();
    world.answer(connection, id).0.err()
}

/// Brings a fresh token.
fn renew(world: &mut World, connection: ConnectionId, access: Access) {
    let (now, id) = (world.millis(), world.id());
    world.registry.handle_token(now, connection, id, Ok(Identity { access, ..identity("ada") }));
    world.drain();
}

#[test]
fn each_capability_is_asked_for_where_it_is_used() {
    use Capability::{Attributes, Join, Observe};
    let mut world = World::new();
    let rules: [(&str, &[Capability]); 3] =
        [("in-*", &[Join]), ("in-full", &[Attributes]), ("seen", &[Observe])];
    let (ada, refused) = ada(&mut world, access(&rules), 1, 1, &["in-1", "seen", "in-full", "other"]);
    assert_eq!(refused, [forbidden("seen"), forbidden("other")]);
    assert_eq!(world.user_channels("ada"), ["in-1", "in-full"]);

    assert_eq!(world.join(ada, "in-2"), Ok(Some(true)));
    assert_eq!(world.join(ada, "seen"), Err(Code::Forbidden));
    assert_eq!(world.set(ada, "in-full", "happy"), Ok(None));
    assert_eq!(world.set(ada, "in-1", "happy"), Err(Code::Forbidden));
    assert_eq!(world.set(ada, "other", "happy"), Err(Code::Forbidden), "not whether she has joined it");
    assert_eq!(try_observe(&mut world, ada, "seen"), None);
    assert_eq!(try_observe(&mut world, ada, "in-1"), Some(Code::Forbidden));
    // To leave and to stop observing is always allowed.
    assert_eq!(world.leave(ada, "other"), Ok(None));
    assert_eq!(world.unobserve(ada, "other"), Ok(None));
    assert_eq!(world.user_channels("ada"), ["in-1", "in-2", "in-full"]);
}

#[test]
fn a_session_that_comes_back_with_a_lesser_token_leaves_what_it_may_not_be_in() {
    let mut world = World::new();
    let watcher = world.client("watcher", 9, &[]);
    world.snapshot(watcher, "kept");
    world.snapshot(watcher, "lost");
    let (first, _) = ada(&mut world, Access::default(), 1, 1, &["kept", "lost"]);
    world.disconnect(first);
    world.settle();
    world.take(watcher);
    let (_, refused) = ada(&mut world, access(&[("kept", &[Capability::Join])]), 1, 2, &["kept", "lost"]);
    assert_eq!(refused, [forbidden("lost")]);
    world.settle();
    assert_eq!(world.told(watcher, "lost"), [left("ada")]);
    assert_eq!(world.user_channels("ada"), ["kept"]);
}

#[test]
fn a_fresh_token_that_allows_less_ends_memberships_and_says_so() {
    let mut world = World::new();
    let watcher = world.client("watcher", 9, &[]);
    world.snapshot(watcher, "lost");
    let (ada, _) = ada(&mut world, Access::default(), 1, 1, &["kept", "lost"]);
    world.settle();
    world.take(watcher);
    renew(&mut world, ada, access(&[("kept", &[Capability::Join, Capability::Observe])]));
    let told = world.take(ada);
    assert!(
        matches!(told.as_slice(), [ServerFrame::Ok { .. }, ServerFrame::Left(left)] if *left == forbidden("lost")),
        "{told:?}"
    );
    world.settle();
    assert_eq!(world.told(watcher, "lost"), [left("ada")]);
    assert_eq!(world.close_code(ada), None, "she observes nothing that she may not");
    assert_eq!(world.join(ada, "lost"), Err(Code::Forbidden));
    // A token that allows it again is enough to come back.
    renew(&mut world, ada, Access::default());
    world.take(ada);
    assert_eq!(world.join(ada, "lost"), Ok(Some(true)));
}

#[test]
fn a_fresh_token_that_forbids_what_is_observed_makes_the_client_connect_again() {
    let mut world = World::new();
    let (first, _) = ada(&mut world, Access::default(), 1, 1, &["kept"]);
    world.snapshot(first, "seen");
    let lesser = access(&[("kept", &[Capability::Join, Capability::Observe])]);
    renew(&mut world, first, lesser.clone());
    assert_eq!(world.close_code(first), Some(CloseCode::Restart));
    let (again, refused) = ada(&mut world, lesser, 1, 2, &["kept"]);
    assert_eq!(refused, []);
    assert_eq!(try_observe(&mut world, again, "seen"), Some(Code::Forbidden));
    assert_eq!(try_observe(&mut world, again, "kept"), None);
}
