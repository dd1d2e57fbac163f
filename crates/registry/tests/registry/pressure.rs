//! What is refused while memory is short, and what goes on.

use herenow_protocol::{
    ClientFrame, CloseCode, Code, Epoch, Hello, Position, Refused, ServerFrame, SessionSecret,
};
use herenow_registry::{Access, Capability, Identity};

use crate::harness::{APPLICATION, World, identity, mood_of};

#[test]
fn nothing_new_is_begun_and_what_there_is_goes_on() {
    let mut world = World::new();
    let watcher = world.client("watcher", 1, &[]);
    let snapshot = world.snapshot(watcher, "lobby");
    let ada = world.client("ada", 2, &["lobby"]);
    let bob = world.client("bob", 3, &["lobby"]);
    let eve = world.client("eve", 4, &[]);
    assert_eq!(world.set(bob, "lobby", "happy"), Ok(None));
    world.settle();
    world.take(watcher);

    world.registry.set_short_of_memory(true);
    assert!(world.registry.is_short_of_memory());
    assert_eq!(world.join(ada, "new"), Err(Code::LimitReached));
    let id = world.id();
    world.say(ada, vec![ClientFrame::Observe { id, channel: "lobby".into(), from: None }]);
    world.settle();
    assert_eq!(world.answer(ada, id), Err(Code::LimitReached));

    // What is there goes on: who observes is told, and may ask again.
    assert_eq!(world.set(bob, "lobby", "glad"), Ok(None));
    assert_eq!(world.set(bob, "lobby", "happier than before"), Err(Code::LimitReached));
    assert_eq!(world.set(bob, "lobby", "sad"), Ok(None));
    world.settle();
    assert_eq!(world.told(watcher, "lobby").last(), Some(&mood_of("bob", "sad")));
    assert_eq!(world.join(ada, "lobby"), Ok(Some(false)));
    world.observe(watcher, "lobby", None);
    assert_eq!(world.join(eve, "lobby"), Err(Code::LimitReached), "no new member, of whatever channel");

    // What a client says it knows may be invented.
    for (channel, epoch) in [("nowhere", snapshot.epoch), ("lobby", Epoch(snapshot.epoch.0 ^ 1))] {
        let id = world.id();
        let from = Some(Position { epoch, seq: 0 });
        world.say(eve, vec![ClientFrame::Observe { id, channel: channel.into(), from }]);
        world.settle();
        assert_eq!(world.answer(eve, id), Err(Code::LimitReached), "{channel}");
    }

    // Who is new is asked to try again.
    let newcomer = world.connect();
    world.hello(newcomer, "newcomer", 9, 1, &["lobby"]);
    assert_eq!(world.close_code(newcomer), Some(CloseCode::Restart));

    // Who was lost comes back to what it had: members and observers.
    world.disconnect(watcher);
    world.disconnect(ada);
    let (watcher, _) = world.client_again("watcher", 1, 2, &[]);
    world.observe(watcher, "lobby", Some(Position { epoch: snapshot.epoch, seq: snapshot.seq }));
    let (_, welcome) = world.client_again("ada", 2, 2, &["lobby", "new"]);
    assert_eq!(welcome.refused, [Refused { channel: "new".into(), code: Code::LimitReached }]);
    assert_eq!(welcome.joined.len(), 1);
    assert!(!welcome.joined[0].fresh);

    world.registry.set_short_of_memory(false);
    assert_eq!(world.join(bob, "new"), Ok(Some(true)));
    world.observe(bob, "lobby", None);
}

#[test]
fn a_session_that_holds_a_channel_alone_keeps_it() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &["own"]);
    world.registry.set_short_of_memory(true);
    world.disconnect(ada);
    world.advance(5_000);
    let (_, welcome) = world.client_again("ada", 1, 2, &["own"]);
    assert_eq!((welcome.joined.len(), welcome.refused.len()), (1, 0));
    assert!(!welcome.joined[0].fresh);
    // Left, it is gone, and cannot be opened again.
    let (ada, _) = world.client_again("ada", 1, 3, &["own"]);
    assert_eq!(world.leave(ada, "own"), Ok(None));
    assert_eq!(world.join(ada, "own"), Err(Code::LimitReached));
}

/// What is refused at any time is refused for the same reason while memory is short: a client does not try it again.
#[test]
fn what_is_refused_anyway_is_refused_for_its_own_reason() {
    let mut world = World::new();
    let observes_only = Access::new(Some([("seen", [Capability::Observe, Capability::Attributes])]), false);
    let connection = world.connect();
    let hello = |attempt| Hello {
        client_id: APPLICATION.into(),
        token: None,
        session: SessionSecret(1),
        attempt,
        joined: vec!["seen".into(), "\n".into()],
    };
    let ada = Identity { access: observes_only, ..identity("ada") };
    world.hello_as(connection, hello(1), ada.clone());
    let Some(ServerFrame::Welcome(at_first)) = world.next(connection) else { panic!("no welcome") };
    let bob = world.client("bob", 2, &["lobby"]);

    world.registry.set_short_of_memory(true);
    assert_eq!(world.set(bob, "elsewhere", "happy"), Err(Code::NotJoined));
    assert_eq!(world.set(bob, "\n", "happy"), Err(Code::InvalidArgument));
    assert_eq!(world.set(bob, "lobby", "happy"), Err(Code::LimitReached));
    assert_eq!(world.join(bob, "\n"), Err(Code::InvalidArgument));
    assert_eq!(world.join(bob, "elsewhere"), Err(Code::LimitReached));
    assert_eq!(world.set(bob, "elsewhere", "happy"), Err(Code::NotJoined), "a refused join is none");
    assert_eq!(world.join(connection, "seen"), Err(Code::Forbidden));
    assert_eq!(world.set(connection, "seen", "happy"), Err(Code::NotJoined));
    let again = world.connect();
    world.hello_as(again, hello(2), ada);
    let Some(ServerFrame::Welcome(welcome)) = world.next(again) else { panic!("no welcome") };
    assert_eq!(welcome.refused, at_first.refused);
}

/// Who is a member of a shared store only the store knows. Nobody is taken for new: a member may be one by a session on
/// another node.
#[test]
fn members_of_a_shared_store_go_on_and_come_back() {
    let mut world = World::sharing();
    let watcher = world.client("watcher", 1, &[]);
    let ada = world.client("ada", 2, &["lobby"]);
    assert_eq!(world.set(ada, "lobby", "glad"), Ok(None));
    let snapshot = world.snapshot(watcher, "lobby");
    assert_eq!(snapshot.members.len(), 1);

    world.registry.set_short_of_memory(true);
    assert_eq!(world.join(ada, "lobby"), Ok(Some(false)));
    assert_eq!(world.set(ada, "lobby", "happier than before"), Ok(None));
    assert_eq!(world.set(ada, "elsewhere", "happy"), Err(Code::NotJoined));
    world.settle();
    assert_eq!(world.told(watcher, "lobby"), [mood_of("ada", "happier than before")]);
    world.disconnect(ada);
    let (ada, welcome) = world.client_again("ada", 2, 2, &["lobby"]);
    assert_eq!((welcome.joined.len(), welcome.refused.len()), (1, 0));
    assert!(!welcome.joined[0].fresh);
    assert_eq!(world.set(ada, "lobby", "happier than ever before"), Ok(None));
    world.disconnect(watcher);
    let (watcher, _) = world.client_again("watcher", 1, 2, &[]);
    world.observe(watcher, "lobby", Some(Position { epoch: snapshot.epoch, seq: snapshot.seq }));

    // What this node itself would hold is not begun.
    let id = world.id();
    world.say(ada, vec![ClientFrame::Observe { id, channel: "lobby".into(), from: None }]);
    world.settle();
    assert_eq!(world.answer(ada, id), Err(Code::LimitReached));
    let newcomer = world.connect();
    world.hello(newcomer, "newcomer", 9, 1, &["lobby"]);
    assert_eq!(world.close_code(newcomer), Some(CloseCode::Restart));
}
