//! Every close code that the server gives, by each of its causes.

use std::time::{Duration, Instant};

use crate::common::client::{Client, hello};
use crate::common::raw::Raw;
use crate::common::{Server, answer, guest};
use herenow_protocol::{ClientFrame, Encoding, Hello, ServerFrame, SessionSecret};
use herenow_server::Config;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

fn json_hello(name: &str) -> String {
    format!(r#"[{{"hello":{{"token":"{}","session":"{:032}"}}}}]"#, guest(name), 1)
}

#[tokio::test]
async fn draining_asks_to_go_and_closes_with_4000_who_stays() {
    let mut server = Server::with(Config { drain: Duration::from_millis(300), ..Config::default() }).await;
    let mut ann = Client::connect(&server, Encoding::Json, "ann", 1).await;
    let mut silent = Client::silent(&server, Encoding::Json).await;
    let ready = server.url("/readyz");
    assert_eq!(answer(reqwest::Client::new().get(&ready)).await.status, 200);
    server.stop();
    let ServerFrame::GoingAway { reconnect_in_ms } = ann.next().await else { panic!("not asked to go") };
    assert!(reconnect_in_ms <= 300);
    assert_eq!(silent.closed().await.0, 4000, "who has said nothing goes at once");
    assert_eq!(answer(reqwest::Client::new().get(&ready)).await.status, 503);
    let connect = reqwest::Client::new().get(server.url("/v1/connect"));
    assert_eq!(answer(connect).await.error(), (503, "unavailable"));
    assert_eq!(ann.closed().await.0, 4000);
    server.ended().await;
}

/// Nobody helps: one client stays, one reads nothing, one holds half a request.
#[tokio::test]
async fn draining_ends_in_its_time_whatever_clients_do() {
    let drain = Duration::from_secs(2);
    let mut server = Server::with(Config { drain, frames_per_second: 0, ..Config::default() }).await;
    let ann = Client::connect(&server, Encoding::Json, "ann", 1).await;
    let mut deaf = Raw::narrow(&server).await;
    deaf.send_text(&json_hello("deaf")).await;
    let leaves = vec![r#"{"leave":{"id":1,"channel":"c"}}"#; 1_000].join(",");
    for _ in 0..20 {
        deaf.send_text(&format!("[{leaves}]")).await;
    }
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(b"POST /v1/guests HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        .await
        .unwrap();
    // Its request has arrived when a later one is answered.
    answer(reqwest::Client::new().get(server.url("/readyz"))).await;
    let began = Instant::now();
    server.stop();
    server.ended().await;
    let took = began.elapsed();
    assert!(took < drain + Duration::from_millis(500), "{took:?}");
    drop((ann, deaf, half));
}

#[tokio::test]
async fn a_server_without_sockets_ends_at_once() {
    let mut server = Server::with(Config { drain: Duration::from_secs(3_600), ..Config::default() }).await;
    let mut ann = Client::connect(&server, Encoding::Json, "ann", 1).await;
    server.stop();
    assert!(matches!(ann.next().await, ServerFrame::GoingAway { .. }));
    drop(ann);
    server.ended().await;
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_closed_with_4001() {
    let server = Server::with(Config { ping_interval: Duration::from_millis(50), ..Config::default() }).await;
    let mut raw = Raw::open(&server).await;
    raw.send_text(&json_hello("ann")).await;
    assert_eq!(raw.closed().await, 4001);
}

#[tokio::test]
async fn a_client_that_answers_pings_stays() {
    let server = Server::with(Config { ping_interval: Duration::from_millis(50), ..Config::default() }).await;
    let mut ann = Client::connect(&server, Encoding::Postcard, "ann", 1).await;
    let mut ticks = 0;
    while ticks < 5 {
        ticks += ann.batch().await.iter().filter(|frame| matches!(frame, ServerFrame::Tick {})).count();
    }
    ann.join(1, "lobby").await;
}

#[tokio::test]
async fn a_socket_without_hello_is_closed_with_4001() {
    let server = Server::start().await;
    assert_eq!(Client::silent(&server, Encoding::Json).await.closed().await.0, 4001);
}

/// Bytes that never make a message are no sign of life.
#[tokio::test]
async fn a_socket_that_dribbles_is_closed_with_4001() {
    let server = Server::with(Config { ping_interval: Duration::from_secs(1), ..Config::default() }).await;
    let (mut before, mut after) = (Raw::open(&server).await, Raw::open(&server).await);
    let message = Raw::frame(1, json_hello("ann").as_bytes());
    after.send_text(&json_hello("bob")).await;
    let began = Instant::now();
    let (first, second) = tokio::join!(before.dribble(&message), after.dribble(&message));
    assert_eq!((first, second), (4001, 4001));
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(5), "a hello has 5 s: {took:?}");
}

#[tokio::test]
async fn a_second_socket_of_a_session_replaces_the_first_with_4003() {
    let server = Server::start().await;
    let mut first = Client::connect(&server, Encoding::Json, "ann", 1).await;
    let mut second = Client::silent(&server, Encoding::Json).await;
    let again = Hello {
        client_id: "default".into(),
        token: Some(guest("ann")),
        session: SessionSecret(1),
        attempt: 2,
        joined: Vec::new(),
    };
    second.send(&[ClientFrame::Hello(again)]).await;
    assert!(matches!(second.next().await, ServerFrame::Welcome(_)));
    assert_eq!(first.closed().await.0, 4003);
}

#[tokio::test]
async fn what_is_no_message_is_closed_with_4500() {
    let server = Server::start().await;
    let too_large = "x".repeat(64 * 1024 + 1);
    let first: Vec<(&str, Encoding, Message)> = vec![
        ("text for postcard", Encoding::Postcard, Message::text(json_hello("ann"))),
        ("binary for json", Encoding::Json, Message::binary(json_hello("ann"))),
        ("no list", Encoding::Json, Message::text("{}")),
        ("no json", Encoding::Json, Message::text("[")),
        ("empty text", Encoding::Json, Message::text("")),
        ("no frame", Encoding::Json, Message::text("[]")),
        ("empty binary", Encoding::Postcard, Message::binary(Vec::new())),
        ("cut off", Encoding::Postcard, Message::binary(vec![9, 0])),
        ("join first", Encoding::Json, Message::text(r#"[{"join":{"id":1,"channel":"c"}}]"#)),
        ("unknown first", Encoding::Json, Message::text(r#"[{"dance":{"id":1}}]"#)),
        ("no session", Encoding::Json, Message::text(r#"[{"hello":{}}]"#)),
        (
            "short session",
            Encoding::Json,
            Message::text(format!(r#"[{{"hello":{{"token":"{}","session":"1"}}}}]"#, guest("ann"))),
        ),
        (
            "wrong application",
            Encoding::Json,
            Message::text(json_hello("ann").replace(r#""token""#, r#""client_id":"","token""#)),
        ),
        ("too large", Encoding::Json, Message::text(too_large.clone())),
        ("much too large", Encoding::Postcard, Message::binary(vec![0; 512 * 1024])),
    ];
    for (cause, encoding, message) in first {
        let mut client = Client::silent(&server, encoding).await;
        client.send_message(message).await;
        let (code, reason) = client.closed().await;
        assert_eq!(code, 4500, "{cause}");
        assert!(!reason.is_empty(), "{cause}");
    }
    let later = [
        ("second hello", Message::text(json_hello("ann"))),
        ("binary", Message::binary(vec![1])),
        ("no list", Message::text("7")),
        ("too large", Message::text(too_large)),
    ];
    for (cause, message) in later {
        let mut client = Client::connect(&server, Encoding::Json, "ann", 1).await;
        client.send_message(message).await;
        assert_eq!(client.closed().await.0, 4500, "{cause}");
    }
}

#[tokio::test]
async fn broken_websocket_frames_are_closed_with_4500() {
    let server = Server::start().await;
    let unmasked: &[u8] = &[0x81, 2, b'[', b']'];
    let reserved_opcode: &[u8] = &[0x83, 0x80, 0, 0, 0, 0];
    let invalid_utf8: &[u8] = &[0x81, 0x81, 0, 0, 0, 0, 0xff];
    for bytes in [unmasked, reserved_opcode, invalid_utf8] {
        let mut raw = Raw::open(&server).await;
        raw.stream.write_all(bytes).await.unwrap();
        assert_eq!(raw.closed().await, 4500, "{bytes:?}");
    }
}

#[tokio::test]
async fn a_user_with_too_many_sessions_is_closed_with_4503() {
    let server = Server::start().await;
    let mut held = Vec::new();
    for session in 0..20 {
        held.push(Client::connect(&server, Encoding::Json, "ann", session).await);
    }
    let mut beyond = Client::silent(&server, Encoding::Postcard).await;
    beyond.send(&[hello("ann", 20)]).await;
    assert_eq!(beyond.closed().await, (4503, "limit_reached".into()));
    held.push(Client::connect(&server, Encoding::Json, "bob", 20).await);
    for (client, id) in held.iter_mut().zip(1..) {
        client.join(id, "lobby").await;
    }
}

#[tokio::test]
async fn a_missing_or_wrong_token_is_closed_with_4501() {
    let server = Server::start().await;
    for token in
        [None, Some("".to_owned()), Some("guest.short".into()), Some("eyJhbGciOiJub25lIn0.e30.".into())]
    {
        let mut client = Client::silent(&server, Encoding::Postcard).await;
        let ClientFrame::Hello(hello) = hello("ann", 1) else { panic!("a hello is a hello") };
        client.send(&[ClientFrame::Hello(Hello { token, ..hello })]).await;
        assert_eq!(client.closed().await, (4501, "unauthorized".into()));
    }
}

#[tokio::test]
async fn a_wrong_origin_is_closed_with_4502() {
    let allowed = "https://app.example.com".parse().unwrap();
    let server = Server::with(Config { allowed_origins: vec![allowed], ..Config::default() }).await;
    let json = Some("herenow.v1.json");
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
        "https://app.example.com.evil.example",
        "https://evil-app.example.com",
        "https://app.example.com:444",
        "http://app.example.com",
        "https://app.example.com@evil.example",
        "https://app.example.com, https://evil.example",
    ] {
        let mut client = Client::open(&server, json, &[("origin", origin)]).await.unwrap();
        assert_eq!(client.echoed.as_deref(), json, "a browser shows the code only then");
        assert_eq!(client.closed().await.0, 4502, "{origin}");
    }
    let mut rebound = Client::open(&server, json, &[("host", "evil.example")]).await.unwrap();
    assert_eq!(rebound.closed().await.0, 4502);
    for origin in ["http://localhost:5173", "http://127.0.0.1:1", "https://app.example.com"] {
        let mut client = Client::open(&server, json, &[("origin", origin)]).await.unwrap();
        client.send(&[hello("ann", 1)]).await;
        assert!(matches!(client.next().await, ServerFrame::Welcome(_)), "{origin}");
    }
}

#[tokio::test]
async fn a_version_that_is_not_spoken_is_closed_with_4504() {
    let server = Server::start().await;
    for (offered, echoed) in [
        (None, None),
        (Some("herenow.v9.json"), Some("herenow.v9.json")),
        (Some("graphql-ws, herenow.v2.postcard"), Some("graphql-ws")),
    ] {
        let mut client = Client::open(&server, offered, &[]).await.unwrap();
        assert_eq!(client.echoed.as_deref(), echoed);
        assert_eq!(client.closed().await.0, 4504, "{offered:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_successor_on_the_same_address_gets_all_who_connect_from_the_drain_on() {
    let config = Config { reuse_port: true, drain: Duration::from_secs(3_600), ..Config::default() };
    let mut old = Server::beside("127.0.0.1:0", config.clone()).await;
    let mut ann = Client::connect(&old, Encoding::Json, "ann", 1).await;
    // Both listen: the operating system chooses.
    let new = Server::beside(&old.address.to_string(), config).await;
    assert_eq!(new.address, old.address);
    old.stop();
    let ServerFrame::GoingAway { .. } = ann.next().await else { panic!("not asked to go") };
    for _ in 0..50 {
        // Each with a connection of its own.
        let ready = answer(reqwest::Client::new().get(new.url("/readyz"))).await;
        assert_eq!(ready.status, 200);
    }
    let again = Client::connect(&new, Encoding::Json, "ann", 1).await;
    drop(ann);
    old.ended().await;
    drop(again);
}

#[tokio::test]
async fn a_message_has_65536_bytes_and_not_one_more() {
    let server = Server::start().await;
    let padded = |bytes: usize| {
        let join = r#"[{"join":{"id":7,"channel":"c"}}]"#;
        format!("{join}{}", " ".repeat(bytes - join.len()))
    };
    let mut client = Client::connect(&server, Encoding::Json, "ann", 1).await;
    client.send_message(Message::text(padded(65_536))).await;
    assert!(matches!(client.answer(7).await, ServerFrame::Ok { .. }));
    client.send_message(Message::text(padded(65_537))).await;
    assert_eq!(client.closed().await.0, 4500);
}
