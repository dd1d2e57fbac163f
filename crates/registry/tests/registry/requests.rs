//! Answers to requests, their checks, and the limits.

use herenow_protocol::{
    Attributes, ClientFrame, CloseCode, Code, Decoded, FrameId, Limits, Refusal, ServerFrame,
};
use herenow_registry::{Config, ConnectionId, Identity, Millis, TokenRefusal};

use crate::harness::*;

fn rated(frames_per_second: u32) -> World {
    World::with(Config { limits: Limits::with_rate(frames_per_second), ..Config::default() })
}

#[test]
fn nothing_to_do_is_no_error() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &[]);
    assert_eq!(world.leave(ada, "lobby"), Ok(None));
    assert_eq!(world.unobserve(ada, "lobby"), Ok(None));
}

#[test]
fn a_set_needs_a_membership_of_that_session() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &["lobby"]);
    let other = world.client("ada", 2, &[]);
    assert_eq!(world.set(other, "lobby", "happy"), Err(Code::NotJoined));
    assert_eq!(world.set(ada, "elsewhere", "happy"), Err(Code::NotJoined));
    assert_eq!(world.set(ada, "lobby", "happy"), Ok(None));
    world.leave(ada, "lobby");
    assert_eq!(world.set(ada, "lobby", "happy"), Err(Code::NotJoined));
}

#[test]
fn names_are_checked_in_every_request() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &[]);
    for (name, fine) in [
        ("", false),
        ("a\u{0}b", false),
        (&"c".repeat(129), false),
        (&"c".repeat(128), true),
        ("__proto__", true),
        ("🙂", true),
    ] {
        let channel = || name.to_owned();
        let frames = [
            ClientFrame::Join { id: world.id(), channel: channel() },
            ClientFrame::Set { id: world.id(), channel: channel(), attributes: moods("happy") },
            ClientFrame::Observe { id: world.id(), channel: channel(), from: None },
            ClientFrame::Unobserve { id: world.id(), channel: channel() },
            ClientFrame::Leave { id: world.id(), channel: channel() },
        ];
        let last = world.id();
        for (frame, id) in frames.into_iter().zip(last - 5..) {
            world.say(ada, vec![frame]);
            world.settle();
            let expected = if fine { Ok(()) } else { Err(Code::InvalidArgument) };
            assert_eq!(world.answer(ada, id).0.map(|_| ()), expected, "{name:?}");
        }
    }
}

#[test]
fn attributes_are_refused_one_beyond_each_limit() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &["lobby"]);
    let mut set = |attributes: Attributes| {
        let id = world.id();
        world.say(ada, vec![ClientFrame::Set { id, channel: "lobby".into(), attributes }]);
        world.answer(ada, id).0.map(|_| ())
    };
    let many = |count: usize| (0..count).map(|n| (format!("k{n}"), "v")).collect::<Attributes>();
    let one = |key: usize, value: usize| Attributes::from_iter([("k".repeat(key), "v".repeat(value))]);
    assert_eq!(set(many(32)), Ok(()));
    assert_eq!(set(many(33)), Err(Code::TooLarge));
    assert_eq!(set(one(64, 1024)), Ok(()));
    assert_eq!(set(one(65, 0)), Err(Code::TooLarge));
    assert_eq!(set(one(1, 1025)), Err(Code::TooLarge));
    assert_eq!(set(one(0, 1)), Err(Code::InvalidArgument));
    assert_eq!(set(Attributes::new()), Ok(()));
}

#[test]
fn a_session_joins_100_channels_and_not_one_more() {
    let mut world = rated(0);
    let ada = world.client("ada", 1, &[]);
    for n in 0..100 {
        assert_eq!(world.join(ada, &format!("c{n}")), Ok(Some(true)));
    }
    assert_eq!(world.join(ada, "c100"), Err(Code::LimitReached));
    assert_eq!(world.join(ada, "c7"), Ok(Some(false)), "one that it has joined");
    world.leave(ada, "c7");
    assert_eq!(world.join(ada, "c100"), Ok(Some(true)));
}

#[test]
fn a_session_observes_100_channels_and_not_one_more() {
    let mut world = rated(0);
    let ada = world.client("ada", 1, &[]);
    for n in 0..100 {
        world.snapshot(ada, &format!("c{n}"));
    }
    let observe = |world: &mut World, channel: &str| {
        let id = world.id();
        world.say(ada, vec![ClientFrame::Observe { id, channel: channel.into(), from: None }]);
        world.answer(ada, id)
    };
    assert_eq!(observe(&mut world, "c100"), Err(Code::LimitReached));
    assert_eq!(observe(&mut world, "c7"), Ok(None), "one that it observes");
    world.unobserve(ada, "c7");
    assert_eq!(observe(&mut world, "c100"), Ok(None));
}

#[test]
fn unknown_and_malformed_frames() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &["lobby"]);
    let say = |world: &mut World, frame| {
        world.registry.handle_frames(world.millis(), ada, vec![frame]);
        world.drain();
    };
    say(&mut world, Decoded::Unknown { id: Some(7) });
    assert_eq!(world.answer(ada, 7), Err(Code::Unsupported));
    say(&mut world, Decoded::Malformed { id: Some(8) });
    assert_eq!(world.answer(ada, 8), Err(Code::InvalidArgument));
    say(&mut world, Decoded::Unknown { id: None });
    assert_eq!((world.take(ada), world.close_of(ada)), (vec![], None));
    say(&mut world, Decoded::Malformed { id: None });
    assert_eq!(world.close_code(ada), Some(CloseCode::Protocol));
}

fn joins(ids: std::ops::Range<FrameId>) -> Vec<ClientFrame> {
    ids.map(|id| ClientFrame::Join { id, channel: "lobby".into() }).collect()
}

/// How many of the answers were ok, and the waiting times of the others.
fn answers(world: &mut World, connection: ConnectionId) -> (usize, Vec<Option<u64>>) {
    let mut refused = Vec::new();
    let frames = world.take(connection);
    for frame in &frames {
        match frame {
            ServerFrame::Ok { .. } => {}
            ServerFrame::Error { code: Code::RateLimited, retry_in_ms, .. } => refused.push(*retry_in_ms),
            other => panic!("unexpected {other:?}"),
        }
    }
    (frames.len() - refused.len(), refused)
}

#[test]
fn a_burst_of_200_frames_is_taken_and_not_one_more() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &[]);
    world.say(ada, joins(0..201));
    assert_eq!(answers(&mut world, ada), (200, vec![Some(20)]));
    // It fills at 50 a second.
    world.advance(19);
    world.say(ada, joins(300..301));
    assert_eq!(answers(&mut world, ada), (0, vec![Some(1)]));
    world.advance(1);
    world.say(ada, joins(301..303));
    assert_eq!(answers(&mut world, ada), (1, vec![Some(20)]));
    world.advance(1_000);
    world.say(ada, joins(400..451));
    assert_eq!(answers(&mut world, ada), (50, vec![Some(20)]));
    // And never beyond the burst.
    world.advance(9_000);
    world.say(ada, joins(500..701));
    assert_eq!(answers(&mut world, ada), (200, vec![Some(20)]));
}

#[test]
fn the_rate_is_that_of_the_session_not_of_its_socket() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &[]);
    world.say(ada, joins(0..200));
    let again = world.client_again("ada", 1, 2, &[]).0;
    world.say(again, joins(0..1));
    assert_eq!(answers(&mut world, again), (0, vec![Some(20)]));
    let sibling = world.client("ada", 2, &[]);
    world.say(sibling, joins(0..1));
    assert_eq!(answers(&mut world, sibling), (1, vec![]));
}

#[test]
fn leave_unobserve_and_bye_are_never_refused() {
    let mut world = rated(1);
    let ada = world.client("ada", 1, &["lobby"]);
    world.say(ada, joins(0..5));
    assert_eq!(answers(&mut world, ada), (4, vec![Some(1_000)]));
    assert_eq!(world.leave(ada, "lobby"), Ok(None));
    assert_eq!(world.unobserve(ada, "lobby"), Ok(None));
    world.bye(ada);
    assert_eq!(world.close_of(ada), None);
}

#[test]
fn leaves_and_unobserves_count() {
    let mut world = rated(1);
    let ada = world.client("ada", 1, &[]);
    for _ in 0..2 {
        world.leave(ada, "lobby");
        world.unobserve(ada, "lobby");
    }
    world.say(ada, joins(0..1));
    assert_eq!(answers(&mut world, ada), (0, vec![Some(1_000)]));
}

#[test]
fn what_holds_no_frame_counts_as_one() {
    let mut world = rated(1);
    let ada = world.client("ada", 1, &[]);
    world.registry.handle_empty(world.millis(), ada, 3);
    world.say(ada, joins(0..2));
    assert_eq!(answers(&mut world, ada), (1, vec![Some(1_000)]));
    // There is nothing to answer, and what is beyond the limit is not owed.
    world.registry.handle_empty(world.millis(), ada, u32::MAX);
    world.drain();
    assert_eq!(answers(&mut world, ada), (0, vec![]));
    assert_eq!(world.close_of(ada), None);
    world.advance(1_000);
    world.say(ada, joins(2..4));
    assert_eq!(answers(&mut world, ada), (1, vec![Some(1_000)]));
    assert_eq!(world.leave(ada, "lobby"), Ok(None));

    let mut world = rated(0);
    let ada = world.client("ada", 1, &[]);
    world.registry.handle_empty(world.millis(), ada, u32::MAX);
    world.say(ada, joins(0..5));
    assert_eq!(answers(&mut world, ada), (5, vec![]));
}

#[test]
fn what_holds_no_frame_is_no_sign_of_life() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &[]);
    world.vanish(ada);
    for _ in 0..25 {
        world.registry.handle_empty(world.millis(), ada, 1);
        world.advance(1_000);
    }
    assert_eq!(world.close_code(ada), Some(CloseCode::Silent));
    world.registry.handle_empty(world.millis(), ada, 1);
}

#[test]
fn all_other_requests_are_refused_beyond_the_rate() {
    let mut world = rated(1);
    let ada = world.client("ada", 1, &["lobby"]);
    world.say(ada, joins(0..4));
    world.take(ada);
    world.say(
        ada,
        vec![
            ClientFrame::Join { id: 1, channel: "lobby".into() },
            ClientFrame::Set { id: 2, channel: "lobby".into(), attributes: moods("happy") },
            ClientFrame::Observe { id: 3, channel: "lobby".into(), from: None },
        ],
    );
    let unknown = vec![Decoded::Unknown { id: Some(4) }, Decoded::Malformed { id: Some(5) }];
    world.registry.handle_frames(world.millis(), ada, unknown);
    world.registry.handle_token(world.millis(), ada, 6, Ok(identity("ada")));
    world.drain();
    for id in 1..=6 {
        assert_eq!(world.answer(ada, id), Err(Code::RateLimited), "{id}");
    }
    assert!(world.attributes("lobby", "ada").is_empty());
}

#[test]
fn a_rate_of_zero_is_no_limit() {
    let mut world = rated(0);
    let ada = world.client("ada", 1, &[]);
    world.say(ada, joins(0..5_000));
    assert_eq!(answers(&mut world, ada), (5_000, vec![]));
}

#[test]
fn too_many_unanswered_observes_of_a_channel_are_refused() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &[]);
    let observes = (0..9).map(|id| ClientFrame::Observe { id, channel: "lobby".into(), from: None });
    world.say(ada, observes.collect());
    for id in 0..8 {
        assert_eq!(world.answer(ada, id), Ok(None));
    }
    assert_eq!(world.answer(ada, 8), Err(Code::RateLimited));
}

#[test]
fn a_fresh_token_of_the_same_user_is_taken() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &[]);
    let ends = Some(Millis(world.now + 90_000));
    let token = |world: &mut World, outcome| {
        let id = world.id();
        world.registry.handle_token(world.millis(), ada, id, outcome);
        world.drain();
        world.take(ada)
    };
    let taken = token(&mut world, Ok(Identity { expires_at: ends, ..identity("ada") }));
    assert!(matches!(taken.as_slice(), [ServerFrame::Ok { expires_in_ms: Some(90_000), fresh: None, .. }]));
    for wrong in [identity("bob"), Identity { application: "other".into(), ..identity("ada") }] {
        let refused = token(&mut world, Ok(wrong));
        assert!(matches!(refused.as_slice(), [ServerFrame::Error { code: Code::Unauthorized, .. }]));
    }
    let refusal = Refusal { code: Code::TokenExpired, message: "the token has expired" };
    let refused = token(&mut world, Err(refusal.into()));
    assert!(matches!(refused.as_slice(), [ServerFrame::Error { code: Code::TokenExpired, .. }]));
    let refusal = Refusal { code: Code::RateLimited, message: "the connection sends fresh tokens too fast" };
    let refused = token(&mut world, Err(TokenRefusal { refusal, retry_in_ms: Some(700) }));
    assert!(matches!(refused.as_slice(), [ServerFrame::Error { retry_in_ms: Some(700), .. }]));
    assert_eq!(world.close_of(ada), None);
}

#[test]
fn a_token_frame_is_left_to_the_driver() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &[]);
    world.say(ada, vec![ClientFrame::Token { id: 1, token: "t".into() }]);
    assert_eq!((world.take(ada), world.close_of(ada)), (vec![], None));
}
