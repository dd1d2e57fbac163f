//! Who is a member, and what observers are told of it.

use herenow_protocol::ClientFrame;

use crate::harness::*;

/// A world with somebody who observes `lobby`.
fn observed() -> (World, herenow_registry::ConnectionId) {
    let mut world = World::new();
    let watcher = world.client("watcher", 1_000, &[]);
    world.snapshot(watcher, "lobby");
    (world, watcher)
}

#[test]
fn join_set_leave_are_told_in_order() {
    let (mut world, watcher) = observed();
    let ada = world.client("ada", 1, &[]);
    assert_eq!(world.join(ada, "lobby"), Ok(Some(true)));
    assert_eq!(world.set(ada, "lobby", "happy"), Ok(None));
    assert_eq!(world.leave(ada, "lobby"), Ok(None));
    assert_eq!(world.join(ada, "lobby"), Ok(Some(true)));
    world.settle();
    let told = world.told(watcher, "lobby");
    assert_eq!(told, [joined("ada"), mood_of("ada", "happy"), left("ada"), joined("ada")]);
    assert!(world.attributes("lobby", "ada").is_empty(), "they die with a membership");
}

#[test]
fn joining_twice_is_one_membership() {
    let (mut world, watcher) = observed();
    let ada = world.client("ada", 1, &[]);
    assert_eq!(world.join(ada, "lobby"), Ok(Some(true)));
    assert_eq!(world.join(ada, "lobby"), Ok(Some(false)));
    assert_eq!(world.leave(ada, "lobby"), Ok(None));
    assert_eq!(world.leave(ada, "lobby"), Ok(None));
    world.settle();
    assert_eq!(world.told(watcher, "lobby"), [joined("ada"), left("ada")]);
}

#[test]
fn equal_attributes_change_nothing() {
    let (mut world, watcher) = observed();
    let ada = world.client("ada", 1, &["lobby"]);
    world.set(ada, "lobby", "happy");
    world.settle();
    world.take(watcher);
    assert_eq!(world.set(ada, "lobby", "happy"), Ok(None));
    world.settle();
    assert_eq!(world.told(watcher, "lobby"), []);
}

#[test]
fn a_sibling_session_is_invisible() {
    let (mut world, watcher) = observed();
    let tab = world.client("ada", 1, &["lobby"]);
    world.set(tab, "lobby", "happy");
    world.settle();
    assert_eq!(world.told(watcher, "lobby"), [joined("ada"), mood_of("ada", "happy")]);
    let other = world.client("ada", 2, &[]);
    assert_eq!(world.join(other, "lobby"), Ok(Some(false)));
    assert_eq!(world.leave(other, "lobby"), Ok(None));
    world.join(other, "lobby");
    world.bye(other);
    world.advance(5_000);
    let third = world.client("ada", 3, &["lobby"]);
    world.disconnect(third);
    world.advance(15_000);
    assert_eq!(world.told(watcher, "lobby"), []);
    assert_eq!(world.attributes("lobby", "ada"), moods("happy"));
}

#[test]
fn attributes_are_those_of_the_user_whichever_session_sets_them() {
    let (mut world, watcher) = observed();
    let tab = world.client("ada", 1, &["lobby"]);
    let other = world.client("ada", 2, &["lobby"]);
    world.set(tab, "lobby", "happy");
    world.set(other, "lobby", "tired");
    world.settle();
    world.take(watcher);
    world.leave(other, "lobby");
    assert_eq!(world.attributes("lobby", "ada"), moods("tired"));
    assert_eq!(world.told(watcher, "lobby"), []);
}

#[test]
fn the_last_session_decides_the_kind_of_departure() {
    // One leaves, then the other is lost.
    let (mut world, watcher) = observed();
    let (tab, other) = (world.client("ada", 1, &["lobby"]), world.client("ada", 2, &["lobby"]));
    world.leave(tab, "lobby");
    world.disconnect(other);
    world.advance(10_000);
    assert_eq!(world.told(watcher, "lobby"), [joined("ada"), timed_out("ada")]);

    // One is lost, then the other leaves.
    let (mut world, watcher) = observed();
    let (tab, other) = (world.client("ada", 1, &["lobby"]), world.client("ada", 2, &["lobby"]));
    world.disconnect(tab);
    world.advance(10_000);
    world.leave(other, "lobby");
    assert_eq!(world.told(watcher, "lobby"), [joined("ada"), left("ada")]);
}

#[test]
fn a_lost_session_still_holds_when_a_sibling_leaves() {
    let (mut world, watcher) = observed();
    let (tab, other) = (world.client("ada", 1, &["lobby"]), world.client("ada", 2, &["lobby"]));
    world.disconnect(tab);
    world.leave(other, "lobby");
    assert_eq!(world.told(watcher, "lobby"), [joined("ada")]);
    world.advance(10_000);
    assert_eq!(world.told(watcher, "lobby"), [timed_out("ada")]);
}

#[test]
fn a_session_that_resumes_within_the_grace_keeps_everything() {
    let (mut world, watcher) = observed();
    let ada = world.client("ada", 1, &["lobby"]);
    world.set(ada, "lobby", "happy");
    world.settle();
    world.take(watcher);
    for attempt in 2..6 {
        let connection = world.client_again("ada", 1, attempt, &["lobby"]).0;
        world.disconnect(connection);
        world.advance(9_999);
    }
    let (_, welcome) = world.client_again("ada", 1, 6, &["lobby"]);
    assert!(!welcome.joined[0].fresh);
    world.advance(60_000);
    assert_eq!(world.told(watcher, "lobby"), []);
    assert_eq!(world.attributes("lobby", "ada"), moods("happy"));
}

#[test]
fn a_lost_session_times_out_when_its_grace_is_over() {
    let (mut world, watcher) = observed();
    let ada = world.client("ada", 1, &["lobby"]);
    world.settle();
    world.take(watcher);
    world.disconnect(ada);
    world.advance(9_999);
    assert_eq!(world.told(watcher, "lobby"), []);
    world.advance(1);
    assert_eq!(world.told(watcher, "lobby"), [timed_out("ada")]);
    let (_, welcome) = world.client_again("ada", 1, 2, &["lobby"]);
    assert!(welcome.joined[0].fresh);
}

#[test]
fn a_goodbye_is_a_leave_after_the_linger() {
    let (mut world, watcher) = observed();
    let ada = world.client("ada", 1, &["lobby"]);
    world.settle();
    world.take(watcher);
    world.bye(ada);
    world.advance(1_999);
    assert_eq!(world.told(watcher, "lobby"), []);
    world.advance(1);
    assert_eq!(world.told(watcher, "lobby"), [left("ada")]);
}

#[test]
fn a_reload_within_the_linger_is_seen_by_nobody() {
    let (mut world, watcher) = observed();
    let mut page = world.client("ada", 1, &["lobby"]);
    world.set(page, "lobby", "happy");
    world.settle();
    world.take(watcher);
    for secret in 2..6 {
        world.bye(page);
        world.advance(1_999);
        // A reloaded page is a new session: its secret was in memory only.
        let (reloaded, welcome) = world.client_again("ada", secret, 1, &["lobby"]);
        assert!(!welcome.joined[0].fresh);
        page = reloaded;
    }
    world.advance(30_000);
    assert_eq!(world.told(watcher, "lobby"), []);
    assert_eq!(world.attributes("lobby", "ada"), moods("happy"));
}

#[test]
fn a_page_that_comes_back_resumes_within_the_linger() {
    let (mut world, watcher) = observed();
    let page = world.client("ada", 1, &["lobby"]);
    world.settle();
    world.take(watcher);
    world.bye(page);
    world.advance(1_500);
    let back = world.client_again("ada", 1, 2, &["lobby"]).0;
    world.advance(60_000);
    assert_eq!(world.told(watcher, "lobby"), []);
    // It is an ordinary session again: a sibling's leave does not end it.
    let sibling = world.client("ada", 2, &["lobby"]);
    world.leave(sibling, "lobby");
    assert_eq!(world.told(watcher, "lobby"), []);
    world.disconnect(back);
    world.advance(10_000);
    assert_eq!(world.told(watcher, "lobby"), [timed_out("ada")]);
}

#[test]
fn a_leave_ends_lingering_sessions_of_the_user_at_once() {
    let (mut world, watcher) = observed();
    let old_page = world.client("ada", 1, &["lobby", "other"]);
    world.settle();
    world.bye(old_page);
    let new_page = world.client("ada", 2, &["lobby"]);
    world.take(watcher);
    world.leave(new_page, "lobby");
    assert_eq!(world.told(watcher, "lobby"), [left("ada")]);
    assert_eq!(world.user_channels("ada"), ["other"], "only in that channel");
    world.advance(2_000);
    assert_eq!(world.told(watcher, "lobby"), []);
    assert!(world.user_channels("ada").is_empty());
}

#[test]
fn a_leave_of_a_session_that_never_joined_ends_lingering_ones_too() {
    let (mut world, watcher) = observed();
    let old_page = world.client("ada", 1, &["lobby"]);
    world.settle();
    world.bye(old_page);
    let new_page = world.client("ada", 2, &[]);
    world.take(watcher);
    world.leave(new_page, "lobby");
    assert_eq!(world.told(watcher, "lobby"), [left("ada")]);
}

#[test]
fn the_end_of_one_linger_does_not_end_another() {
    let (mut world, watcher) = observed();
    let (tab, other) = (world.client("ada", 1, &["lobby"]), world.client("ada", 2, &["lobby"]));
    world.settle();
    world.take(watcher);
    world.bye(tab);
    world.advance(1_500);
    world.bye(other);
    world.advance(1_999);
    assert_eq!(world.told(watcher, "lobby"), []);
    world.advance(1);
    assert_eq!(world.told(watcher, "lobby"), [left("ada")]);
}

#[test]
fn what_is_said_after_a_goodbye_is_skipped() {
    let (mut world, watcher) = observed();
    let ada = world.client("ada", 1, &["lobby"]);
    world.snapshot(ada, "lobby");
    world.take(watcher);
    let leave = ClientFrame::Leave { id: 1, channel: "lobby".into() };
    world.say(ada, vec![ClientFrame::Bye {}, leave.clone(), ClientFrame::Bye {}]);
    world.say(ada, vec![leave]);
    assert_eq!(world.take(ada), []);
    assert_eq!(world.close_of(ada), None);
    world.advance(1_999);
    assert_eq!(world.told(watcher, "lobby"), []);
    world.advance(1);
    assert_eq!(world.told(watcher, "lobby"), [left("ada")]);
    assert_eq!(world.take(ada), [], "it is told nothing either");
}

#[test]
fn a_socket_that_stays_after_its_goodbye_is_told_to_connect_again() {
    let (mut world, _) = observed();
    let ada = world.client("ada", 1, &["lobby"]);
    world.say(ada, vec![ClientFrame::Bye {}]);
    world.advance(4_999);
    assert_eq!(world.close_of(ada), None);
    world.advance(1);
    assert_eq!(world.close_code(ada), Some(herenow_protocol::CloseCode::Restart));
}

#[test]
fn one_session_in_many_channels_ends_in_all() {
    let mut world = World::new();
    let names: Vec<_> = (0..100).map(|n| format!("c{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let ada = world.client("ada", 1, &names);
    assert_eq!(world.user_channels("ada").len(), 100);
    world.disconnect(ada);
    world.advance(10_000);
    assert!(world.user_channels("ada").is_empty());
    assert!(names.iter().all(|name| world.count(name) == 0));
}
