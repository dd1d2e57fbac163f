//! What clients of a node are told whose store does not answer, or loses its data; and when it ends what others left behind.

use herenow_protocol::{ClientFrame, Code, Epoch, ServerFrame, SessionSecret};
use herenow_registry::store::{Action, Channel, Incarnation, Op, OwnerId, User};
use herenow_registry::{ConnectionId, Millis};

use crate::harness::{APPLICATION, PARTITIONS, START, World, moods};
use crate::neighbour::Way;

/// Longer than a node takes to notice that nobody answers, and that somebody does again.
const NOTICED_MS: u64 = 2_500;

/// Asks to join, and gives the request.
fn ask_to_join(world: &mut World, connection: ConnectionId, channel: &str) -> u32 {
    let id = world.id();
    world.say(connection, vec![ClientFrame::Join { id, channel: channel.into() }]);
    id
}

#[test]
fn nothing_is_taken_that_needs_a_store_which_does_not_answer() {
    let mut world = World::sharing();
    let ada = world.client("ada", 1, &["lobby"]);
    world.observe(ada, "lobby", None);
    world.settle();
    world.set_way(Way::Blocked);
    let waiting = ask_to_join(&mut world, ada, "kitchen");
    assert_eq!(world.take(ada), [], "it may be over at once");
    world.advance(3_000);
    let told = world.take(ada);
    let refused = |frame: &ServerFrame| matches!(frame, ServerFrame::Error { id, code: Code::Unavailable, retry_in_ms: Some(1_000), .. } if *id == waiting);
    assert!(matches!(told.as_slice(), [frame] if refused(frame)), "{told:?}");

    assert_eq!(world.join(ada, "kitchen"), Err(Code::Unavailable));
    assert_eq!(world.set(ada, "lobby", "glad"), Err(Code::Unavailable));
    let id = world.id();
    world.say(ada, vec![ClientFrame::Observe { id, channel: "kitchen".into(), from: None }]);
    assert_eq!(world.answer(ada, id), Err(Code::Unavailable));
    // What the node knows it tells.
    assert_eq!(world.snapshot(ada, "lobby").members.len(), 1);
    assert!(!world.registry.is_ready());

    world.set_way(Way::Open);
    world.advance(NOTICED_MS);
    assert!(world.registry.is_ready());
    assert_eq!(world.neighbour().users(APPLICATION, "kitchen"), [""; 0]);
    assert_eq!(world.set(ada, "kitchen", "glad"), Err(Code::NotJoined));
    assert_eq!(world.join(ada, "kitchen"), Ok(Some(true)));
    assert_eq!(world.set(ada, "lobby", "glad"), Ok(None));
    assert_eq!(world.close_code(ada), None);
}

#[test]
fn a_join_that_was_refused_and_done_all_the_same_is_left_again() {
    let mut world = World::sharing();
    let ada = world.client("ada", 1, &[]);
    world.settle();
    world.set_way(Way::AnswersLost);
    let waiting = ask_to_join(&mut world, ada, "kitchen");
    assert_eq!(world.neighbour().users(APPLICATION, "kitchen"), ["ada"]);
    world.advance(NOTICED_MS);
    assert_eq!(world.answer(ada, waiting), Err(Code::Unavailable));
    world.set_way(Way::Open);
    world.advance(NOTICED_MS);
    assert_eq!(world.neighbour().users(APPLICATION, "kitchen"), [""; 0]);
    assert_eq!(world.join(ada, "kitchen"), Ok(Some(true)));
    assert_eq!(world.neighbour().users(APPLICATION, "kitchen"), ["ada"]);
}

#[test]
fn a_membership_stays_whose_session_asks_to_join_again_in_vain() {
    let mut world = World::sharing();
    let ada = world.client("ada", 1, &["kitchen"]);
    world.settle();
    world.set_way(Way::AnswersLost);
    let waiting = ask_to_join(&mut world, ada, "kitchen");
    world.advance(NOTICED_MS);
    assert_eq!(world.answer(ada, waiting), Err(Code::Unavailable));
    world.set_way(Way::Open);
    world.advance(NOTICED_MS);
    assert_eq!(world.neighbour().users(APPLICATION, "kitchen"), ["ada"]);
    assert_eq!(world.set(ada, "kitchen", "glad"), Ok(None));
}

#[test]
fn one_failure_is_nothing_that_a_client_is_told_of() {
    let mut world = World::sharing();
    let ada = world.client("ada", 1, &[]);
    world.settle();
    world.set_way(Way::Blocked);
    let waiting = ask_to_join(&mut world, ada, "kitchen");
    world.advance(500);
    world.set_way(Way::Open);
    world.advance(1_000);
    assert_eq!(world.answer(ada, waiting), Ok(Some(true)));
}

/// The store that takes over has not got what the one before had answered for.
#[test]
fn attributes_that_are_stored_and_not_told_yet_outlive_the_stores_data() {
    for observes in [false, true] {
        let mut world = World::sharing();
        let ada = world.client("ada", 1, &["kitchen"]);
        if observes {
            world.observe(ada, "kitchen", None);
        }
        assert_eq!(world.set(ada, "kitchen", "glad"), Ok(None));
        world.settle();
        world.take(ada);
        world.set_way(Way::LogBlocked);
        let id = world.id();
        world.say(ada, vec![ClientFrame::Set { id, channel: "kitchen".into(), attributes: moods("happy") }]);
        assert_eq!(world.neighbour().attributes(APPLICATION, "kitchen", "ada"), moods("happy"));
        assert_eq!(world.take(ada), [], "not before the log has told it");
        let now = world.millis();
        world.neighbour().lose_data(now, Epoch(8), PARTITIONS);
        world.set_way(Way::Open);
        world.advance(NOTICED_MS);
        assert_eq!(world.neighbour().attributes(APPLICATION, "kitchen", "ada"), moods("happy"));
        assert_eq!(world.answer(ada, id), Ok(None));
    }
}

#[test]
fn what_a_node_left_behind_ends_a_grace_after_its_lease_and_not_at_the_next_renewal() {
    // Wherever in its own renewals this node is.
    for offset_ms in [0, 600, 1_200, 1_800, 2_400] {
        let mut world = World::sharing();
        world.advance(offset_ms);
        let now = world.millis();
        let op = Op {
            channel: Channel::new(APPLICATION.into(), "kitchen"),
            user: User::new(APPLICATION, "ada"),
            owner: OwnerId::of(SessionSecret(5)),
            attempt: 1,
            action: Action::Join,
        };
        world.neighbour().other_node(now, Incarnation(77), op, PARTITIONS);
        assert_eq!(world.neighbour().users(APPLICATION, "kitchen"), ["ada"]);
        // The lease, and the grace.
        world.advance(19_999);
        assert_eq!(world.neighbour().users(APPLICATION, "kitchen"), ["ada"], "{offset_ms}");
        world.advance(1);
        assert_eq!(world.neighbour().users(APPLICATION, "kitchen"), [""; 0], "{offset_ms}");
        assert_eq!(world.millis(), Millis(START + offset_ms + 20_000));
    }
}

#[test]
fn gauges_tell_of_the_users_of_this_node() {
    let mut world = World::sharing();
    let ada = world.client("ada", 1, &["lobby", "other"]);
    world.client("ada", 2, &["lobby"]);
    world.client("bob", 3, &["lobby"]);
    world.settle();
    let now = world.millis();
    let op = Op {
        channel: Channel::new(APPLICATION.into(), "elsewhere"),
        user: User::new(APPLICATION, "eve"),
        owner: OwnerId::of(SessionSecret(5)),
        attempt: 1,
        action: Action::Join,
    };
    world.neighbour().other_node(now, Incarnation(77), op, PARTITIONS);
    let gauges = world.registry.gauges();
    assert_eq!((gauges.channels, gauges.members, world.registry.users_here()), (2, 3, 2));
    world.bye(ada);
    world.advance(30_000);
    let gauges = world.registry.gauges();
    assert_eq!((gauges.channels, gauges.members), (1, 2));
}

/// Whoever took its place would have told of it, but there was nobody: the store was away.
#[test]
fn attributes_outlive_a_store_that_is_away_for_longer_than_a_lease_and_comes_back_empty() {
    let mut world = World::sharing();
    let ada = world.client("ada", 1, &["kitchen"]);
    assert_eq!(world.set(ada, "kitchen", "glad"), Ok(None));
    world.settle();
    world.set_way(Way::Blocked);
    world.advance(15_000);
    let now = world.millis();
    world.neighbour().lose_data(now, Epoch(8), PARTITIONS);
    world.set_way(Way::Open);
    world.advance(NOTICED_MS);
    assert_eq!(world.neighbour().users(APPLICATION, "kitchen"), ["ada"]);
    assert_eq!(world.neighbour().attributes(APPLICATION, "kitchen", "ada"), moods("glad"));
}

#[test]
fn hellos_that_are_said_again_while_the_store_is_away_are_not_piled_up() {
    let mut world = World::sharing();
    world.settle();
    world.set_way(Way::Blocked);
    for attempt in 1..=200 {
        let connection = world.connect();
        world.hello(connection, "ada", 1, attempt, &["kitchen", "lobby"]);
    }
    world.set_way(Way::Open);
    world.advance(NOTICED_MS);
    assert!(world.neighbour().batches <= 4);
    assert_eq!(world.neighbour().users(APPLICATION, "kitchen"), ["ada"]);
}

/// A store that was away ends the leases of all.
#[test]
fn who_takes_a_lease_anew_sweeps_nobody_for_a_grace() {
    let mut world = World::sharing();
    let now = world.millis();
    let op = Op {
        channel: Channel::new(APPLICATION.into(), "kitchen"),
        user: User::new(APPLICATION, "ada"),
        owner: OwnerId::of(SessionSecret(5)),
        attempt: 1,
        action: Action::Join,
    };
    world.neighbour().other_node(now, Incarnation(77), op, PARTITIONS);
    world.set_way(Way::Blocked);
    world.advance(25_000);
    world.set_way(Way::Open);
    world.advance(9_000);
    assert_eq!(world.neighbour().users(APPLICATION, "kitchen"), ["ada"]);
    world.advance(3_000);
    assert_eq!(world.neighbour().users(APPLICATION, "kitchen"), [""; 0]);
}
