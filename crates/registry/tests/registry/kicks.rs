//! An operator throws users out.

use herenow_protocol::{CloseCode, Code, Refused, ServerFrame};

use crate::harness::{APPLICATION, World, identity, joined, left};

fn kick(world: &mut World, user: &str, channel: Option<&str>) -> usize {
    let now = world.millis();
    let concerned = world.registry.kick(now, APPLICATION, user, channel);
    world.drain();
    world.settle();
    concerned
}

#[test]
fn kicked_from_a_channel_a_user_leaves_it_with_all_sessions_and_stays_in_others() {
    let mut world = World::new();
    let watcher = world.client("watcher", 9, &["lobby"]);
    world.snapshot(watcher, "lobby");
    let attached = world.client("ada", 1, &["lobby", "other"]);
    let detached = world.client("ada", 2, &["lobby"]);
    let elsewhere = world.client("ada", 3, &["other"]);
    world.disconnect(detached);
    world.settle();
    world.take(watcher);
    assert_eq!(kick(&mut world, "ada", Some("lobby")), 2);
    let told = Refused { channel: "lobby".into(), code: Code::Forbidden };
    assert_eq!(world.take(attached), [ServerFrame::Left(told)]);
    assert_eq!(world.take(elsewhere), []);
    assert_eq!(world.told(watcher, "lobby"), [left("ada")]);
    assert_eq!(world.user_channels("ada"), ["other"]);
    assert_eq!(world.close_code(attached), None);
    // The lost session comes back to what it may have, and says again what it wants.
    let (_, welcome) = world.client_again("ada", 2, 2, &[]);
    assert_eq!((welcome.joined, welcome.refused), (vec![], vec![]));
    assert_eq!(kick(&mut world, "ada", Some("lobby")), 0, "she is not there");
    assert_eq!(kick(&mut world, "ada", Some("")), 0, "no channel has this name");
    // Nothing keeps her from joining again.
    assert_eq!(world.join(attached, "lobby"), Ok(Some(true)));
    world.settle();
    assert_eq!(world.told(watcher, "lobby"), [joined("ada")]);
}

#[test]
fn kicked_out_a_user_leaves_everything_at_once_and_is_closed() {
    let mut world = World::new();
    let watcher = world.client("watcher", 9, &[]);
    world.snapshot(watcher, "lobby");
    let other = world.client("bob", 8, &["lobby"]);
    let attached = world.client("ada", 1, &["lobby"]);
    let detached = world.client("ada", 2, &["lobby", "other"]);
    world.disconnect(detached);
    world.settle();
    world.take(watcher);
    assert_eq!(kick(&mut world, "ada", None), 2);
    assert_eq!(world.close_of(attached), Some((CloseCode::Kicked, "kicked")));
    assert_eq!(world.told(watcher, "lobby"), [left("ada")]);
    assert!(world.user_channels("ada").is_empty());
    assert_eq!(world.close_code(other), None);
    assert_eq!(kick(&mut world, "ada", None), 0);
    // The session is forgotten: whoever has its secret begins anew, and no late timeout is told.
    let (_, welcome) = world.client_again("ada", 2, 1, &["lobby"]);
    assert!(welcome.joined[0].fresh);
    world.settle();
    assert_eq!(world.told(watcher, "lobby"), [joined("ada")]);
    world.advance(9_000);
    assert_eq!(world.told(watcher, "lobby"), []);
}

#[test]
fn the_user_of_another_application_is_another_one() {
    let mut world = World::new();
    let ada = world.connect();
    let who = herenow_registry::Identity { application: "other".into(), ..identity("ada") };
    let hello = herenow_protocol::Hello {
        client_id: "other".into(),
        token: None,
        session: herenow_protocol::SessionSecret(1),
        attempt: 1,
        joined: vec!["lobby".into()],
    };
    world.hello_as(ada, hello, who);
    assert_eq!(kick(&mut world, "ada", None), 0);
    assert_eq!(world.close_code(ada), None);
}
