//! What an operator is shown.

use herenow_protocol::{Encoding, Mode};
use herenow_registry::{ChannelInfo, SessionInfo};

use crate::harness::{APPLICATION, World};

#[test]
fn the_largest_channels_come_first() {
    let mut world = World::new();
    let watcher = world.client("watcher", 99, &[]);
    world.snapshot(watcher, "room-2");
    let other = world.client("bob", 98, &[]);
    world.snapshot(other, "room-2");
    for user in 0..5_u128 {
        let rooms: Vec<String> = (user..5).map(|room| format!("room-{room}")).collect();
        let rooms: Vec<&str> = rooms.iter().map(String::as_str).chain(["hall"]).collect();
        world.client(&format!("u{user}"), user, &rooms);
    }
    let largest = |prefix: &str, limit| world.registry.largest_channels(APPLICATION, prefix, limit).unwrap();
    let info =
        |channel: &str, members| ChannelInfo { channel: channel.into(), members, observers: 0, mode: None };
    assert_eq!(largest("", 3), [info("hall", 5), info("room-4", 5), info("room-3", 4)]);
    let seen = ChannelInfo { observers: 2, mode: Some(Mode::Full), ..info("room-2", 3) };
    assert_eq!(largest("room-", 10)[2], seen);
    assert_eq!(largest("room-", 10).len(), 5);
    assert_eq!(largest("none", 10), []);
    assert_eq!(largest("", 0), []);
    assert_eq!(world.registry.largest_channels("other", "", 10).unwrap(), []);
}

#[test]
fn the_sessions_of_a_user_show_no_secret() {
    let mut world = World::new();
    let first = world.client("ada", 0xfeed_beef, &["b", "a"]);
    world.snapshot(first, "seen");
    let second = world.client("ada", 2, &["a"]);
    world.disconnect(second);
    world.advance(1_500);
    let sessions = world.registry.sessions_of(world.millis(), APPLICATION, "ada");
    let attached = SessionInfo {
        encoding: Some(Encoding::Json),
        detached_ms: None,
        joined: vec!["a".into(), "b".into()],
        observed: vec!["seen".into()],
    };
    let detached =
        SessionInfo { encoding: None, detached_ms: Some(1_500), joined: vec!["a".into()], observed: vec![] };
    assert_eq!(sessions, [attached, detached]);
    assert!(!format!("{sessions:x?}").contains("feedbeef"));
    assert_eq!(world.registry.sessions_of(world.millis(), APPLICATION, "nobody"), []);
    assert_eq!(world.registry.sessions_of(world.millis(), "other", "ada"), []);
}
