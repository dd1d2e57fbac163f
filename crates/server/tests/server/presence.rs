//! Connections that behave: they are welcomed, see each other, and go.

use crate::common::client::{Client, hello};
use crate::common::{PATIENCE, Server, get, guest};
use herenow_protocol::{Attributes, ClientFrame, Code, Encoding, Mode, ServerFrame, Transition};
use herenow_server::{Config, MetricsFlag};
use std::time::Duration;

const BOTH: [Encoding; 2] = [Encoding::Json, Encoding::Postcard];

fn observe(id: u32, channel: &str) -> ClientFrame {
    ClientFrame::Observe { id, channel: channel.into(), from: None }
}

async fn transitions(client: &mut Client) -> Vec<Transition> {
    match client.next().await {
        ServerFrame::Diff { transitions, .. } => transitions,
        other => panic!("{other:?} is no diff"),
    }
}

#[tokio::test]
async fn both_encodings_are_welcomed_with_what_was_configured() {
    let config = Config { grace: Duration::from_secs(7), frames_per_second: 9, ..Config::default() };
    let server = Server::with(config).await;
    for encoding in BOTH {
        let mut client = Client::silent(&server, encoding).await;
        assert_eq!(client.echoed.as_deref(), Some(encoding.subprotocol()));
        client.send(&[hello("ann", 1)]).await;
        let ServerFrame::Welcome(welcome) = client.next().await else { panic!("no welcome") };
        assert_eq!((welcome.grace_ms, welcome.ping_interval_ms), (7_000, 10_000));
        assert_eq!((welcome.limits.frames_per_second, welcome.limits.burst), (9, 36));
        assert!(welcome.node.starts_with("node-") && welcome.user.starts_with("guest-"));
        assert_eq!(welcome.expires_in_ms, None);
    }
}

#[tokio::test]
async fn the_first_subprotocol_that_is_known_is_taken() {
    let server = Server::start().await;
    let offers = "herenow.v9.json, herenow.v1.json, herenow.v1.postcard";
    let client = Client::open(&server, Some(offers), &[]).await.unwrap();
    assert_eq!(client.echoed.as_deref(), Some("herenow.v1.json"));
}

#[tokio::test]
async fn two_clients_of_different_encodings_see_each_other() {
    let server = Server::start().await;
    let mut ann = Client::connect(&server, Encoding::Json, "ann", 1).await;
    let mut bob = Client::connect(&server, Encoding::Postcard, "bob", 2).await;
    ann.join(1, "lobby").await;
    bob.send(&[observe(1, "lobby")]).await;
    let ServerFrame::Snapshot(snapshot) = bob.next().await else { panic!("no snapshot") };
    assert_eq!((snapshot.mode, snapshot.members.len()), (Mode::Full, 1));
    let user = snapshot.members[0].user.clone();
    assert!(matches!(bob.next().await, ServerFrame::Ok { id: 1, .. }));

    let attributes = Attributes::from_iter([("mood", "🙂")]);
    ann.send(&[ClientFrame::Set { id: 2, channel: "lobby".into(), attributes: attributes.clone() }]).await;
    assert!(matches!(ann.answer(2).await, ServerFrame::Ok { .. }));
    assert_eq!(transitions(&mut bob).await, [Transition::Set { user: user.clone(), attributes }]);
    let path = format!("/v1/channel/attributes?channel=lobby&user={user}");
    assert_eq!(get(&server, &path).await.body["attributes"]["mood"], "🙂");

    ann.send(&[ClientFrame::Leave { id: 3, channel: "lobby".into() }]).await;
    assert_eq!(transitions(&mut bob).await, [Transition::Leave { user }]);

    ann.send(&[observe(4, "lobby")]).await;
    assert!(matches!(ann.answer(4).await, ServerFrame::Ok { .. }));
    bob.join(2, "lobby").await;
    assert!(matches!(transitions(&mut ann).await[..], [Transition::Join { .. }]));
}

#[tokio::test]
async fn frames_that_come_together_are_answered_together() {
    let server = Server::start().await;
    for encoding in BOTH {
        let mut client = Client::silent(&server, encoding).await;
        let join = |id, channel: &str| ClientFrame::Join { id, channel: channel.into() };
        client.send(&[hello("ann", 7), join(1, "a"), join(2, "b"), observe(3, "a")]).await;
        let mut seen = client.batch().await;
        while seen.len() < 5 {
            seen.extend(client.batch().await);
        }
        assert!(matches!(seen[0], ServerFrame::Welcome(_)));
        let answers = seen.iter().filter(|frame| matches!(frame, ServerFrame::Ok { .. })).count();
        assert_eq!(answers, 3, "{seen:?}");
    }
}

#[tokio::test]
async fn a_large_message_arrives_whole() {
    let server = Server::start().await;
    let long = |n: u32| format!("{n:0>1000}");
    let mut ann = Client::connect(&server, Encoding::Json, "ann", 1).await;
    ann.join(1, "lobby").await;
    let attributes: Attributes = (0..8).map(|n| (format!("k{n}"), long(n))).collect();
    ann.send(&[ClientFrame::Set { id: 2, channel: "lobby".into(), attributes: attributes.clone() }]).await;
    assert!(matches!(ann.answer(2).await, ServerFrame::Ok { .. }));
    for (encoding, session) in [(Encoding::Json, 2), (Encoding::Postcard, 3)] {
        let mut bob = Client::connect(&server, encoding, "bob", session).await;
        bob.send(&[observe(1, "lobby")]).await;
        let ServerFrame::Snapshot(snapshot) = bob.next().await else { panic!("no snapshot") };
        assert_eq!(snapshot.members[0].attributes, attributes);
    }
}

#[tokio::test]
async fn a_token_is_renewed_for_the_same_user_only() {
    let server = Server::start().await;
    let mut ann = Client::connect(&server, Encoding::Json, "ann", 1).await;
    ann.send(&[
        ClientFrame::Token { id: 1, token: guest("ann") },
        ClientFrame::Token { id: 2, token: guest("bob") },
        ClientFrame::Token { id: 3, token: "nonsense".into() },
    ])
    .await;
    assert!(matches!(ann.answer(1).await, ServerFrame::Ok { .. }));
    for id in [2, 3] {
        let ServerFrame::Error { code, .. } = ann.answer(id).await else { panic!("accepted") };
        assert!(matches!(code, Code::Unauthorized | Code::Forbidden), "{code}");
    }
}

#[tokio::test]
async fn frames_that_are_unknown_or_wrong_are_answered_and_the_connection_goes_on() {
    let server = Server::start().await;
    let mut ann = Client::connect(&server, Encoding::Json, "ann", 1).await;
    let text = r#"[{"dance":{"id":1}},{"join":{"id":2}},{"join":{"id":3,"channel":""}},{"dance":{}},{"join":{"id":4,"channel":"c","extra":1}}]"#;
    ann.send_message(tokio_tungstenite::tungstenite::Message::text(text)).await;
    for (id, expected) in [(1, Code::Unsupported), (2, Code::InvalidArgument), (3, Code::InvalidArgument)] {
        let ServerFrame::Error { code, .. } = ann.answer(id).await else { panic!("accepted") };
        assert_eq!(code, expected, "{id}");
    }
    assert!(matches!(ann.answer(4).await, ServerFrame::Ok { .. }));
}

#[tokio::test]
async fn a_vanished_client_times_out_and_one_that_says_bye_leaves() {
    let short = Duration::from_millis(30);
    let server = Server::with(Config { grace: short, goodbye_linger: short, ..Config::default() }).await;
    let mut bob = Client::connect(&server, Encoding::Json, "bob", 2).await;
    bob.send(&[observe(1, "lobby")]).await;
    assert!(matches!(bob.answer(1).await, ServerFrame::Ok { .. }));

    let mut ann = Client::connect(&server, Encoding::Json, "ann", 1).await;
    ann.join(1, "lobby").await;
    assert!(matches!(transitions(&mut bob).await[..], [Transition::Join { .. }]));
    drop(ann);
    assert!(matches!(transitions(&mut bob).await[..], [Transition::Timeout { .. }]));

    let mut ann = Client::connect(&server, Encoding::Json, "ann", 3).await;
    ann.join(1, "lobby").await;
    assert!(matches!(transitions(&mut bob).await[..], [Transition::Join { .. }]));
    ann.send(&[ClientFrame::Bye {}]).await;
    assert!(matches!(transitions(&mut bob).await[..], [Transition::Leave { .. }]));
}

/// The process of the test is made to take more than is allowed.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn short_of_memory_nothing_new_is_begun() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let now: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    // Other tests of this process take some, too.
    let config =
        Config { max_memory: Some((now << 10) + (256 << 20)), metrics: MetricsFlag::On, ..Config::default() };
    let server = Server::with(config).await;
    let metrics = async || reqwest::get(server.url("/metrics")).await.unwrap().text().await.unwrap();
    let mut ann = Client::connect(&server, Encoding::Json, "ann", 1).await;
    ann.join(1, "room-1").await;
    let taken = vec![1_u8; 768 << 20];
    let begun = std::time::Instant::now();
    while !metrics().await.contains("\nherenow_short_of_memory 1\n") {
        assert!(begun.elapsed() < PATIENCE, "it never notices");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ann.send(&[ClientFrame::Join { id: 2, channel: "room-2".into() }]).await;
    assert!(matches!(ann.answer(2).await, ServerFrame::Error { code: Code::LimitReached, .. }));
    ann.send(&[ClientFrame::Observe { id: 100, channel: "room-1".into(), from: None }]).await;
    assert!(matches!(ann.answer(100).await, ServerFrame::Error { code: Code::LimitReached, .. }));
    let mut newcomer = Client::silent(&server, Encoding::Json).await;
    newcomer.send(&[hello("bob", 2)]).await;
    assert_eq!(newcomer.closed().await.0, 4000, "who is new is asked to try again");
    drop(taken);
}
