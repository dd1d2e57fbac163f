//! Clients that mean no good: the others don't notice.

use std::time::Duration;

use crate::common::client::{Client, hello};
use crate::common::raw::Raw;
use crate::common::{PATIENCE, Server, get, guest};
use herenow_protocol::{ClientFrame, Code, Encoding, ServerFrame, Transition};
use herenow_server::Config;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

/// Numbers that look random and are the same in each run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn bytes(&mut self) -> Vec<u8> {
        let len = self.next() % 300;
        (0..len).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

async fn observed(server: &Server) -> Client {
    let mut witness = Client::connect(server, Encoding::Json, "witness", 1).await;
    witness.send(&[ClientFrame::Observe { id: 1, channel: "lobby".into(), from: None }]).await;
    assert!(matches!(witness.answer(1).await, ServerFrame::Ok { .. }));
    witness
}

#[tokio::test]
async fn random_bytes_end_their_own_connection_only() {
    let server = Server::start().await;
    let mut witness = observed(&server).await;
    let mut noise = Noise(1);
    for round in 0..300 {
        let bytes = noise.bytes();
        match round % 4 {
            0 => {
                let mut client = Client::silent(&server, Encoding::Postcard).await;
                client.send_message(Message::binary(bytes)).await;
                assert!(matches!(client.closed().await.0, 4500 | 4501));
            }
            1 => {
                let mut client = Client::connect(&server, Encoding::Postcard, "noisy", 9).await;
                client.send_message(Message::binary(bytes)).await;
            }
            2 => {
                let mut client = Client::connect(&server, Encoding::Json, "noisy", 9).await;
                client.send_message(Message::text(String::from_utf8_lossy(&bytes).into_owned())).await;
                assert_eq!(client.closed().await.0, 4500);
            }
            _ => {
                let mut raw = Raw::open(&server).await;
                raw.stream.write_all(&bytes).await.unwrap();
            }
        }
    }
    let mut ann = Client::connect(&server, Encoding::Json, "ann", 2).await;
    ann.join(1, "lobby").await;
    assert!(matches!(witness.next().await, ServerFrame::Diff { .. }));
}

#[tokio::test]
async fn hostile_json_is_refused_without_harm() {
    let server = Server::start().await;
    let deep = format!("[{}{}]", "[".repeat(30_000), "]".repeat(30_000));
    let many = format!("[{}]", vec!["{}"; 20_000].join(","));
    let keys = format!(r#"[{{"set":{{"id":1,"channel":"c","attributes":{{{}}}}}}}]"#, {
        let pairs: Vec<String> = (0..5_000).map(|n| format!(r#""{n}":"""#)).collect();
        pairs.join(",")
    });
    for text in [deep, many] {
        let mut client = Client::connect(&server, Encoding::Json, "ann", 9).await;
        client.send_message(Message::text(text)).await;
        assert_eq!(client.closed().await.0, 4500);
    }
    let mut client = Client::connect(&server, Encoding::Json, "ann", 9).await;
    client.join(7, "c").await;
    client.send_message(Message::text(keys)).await;
    assert!(matches!(client.answer(1).await, ServerFrame::Error { .. }));
}

#[tokio::test]
async fn many_frames_in_a_message_are_limited_and_all_answered() {
    let server = Server::start().await;
    let mut client = Client::connect(&server, Encoding::Postcard, "ann", 1).await;
    let joins: Vec<_> = (0..300).map(|id| ClientFrame::Join { id, channel: "c".into() }).collect();
    client.send(&joins).await;
    for id in 0..200 {
        let answer = client.answer(id).await;
        assert!(matches!(answer, ServerFrame::Ok { .. }), "{id}: {answer:?}");
    }
    for id in 200..300 {
        let answer = client.answer(id).await;
        let ServerFrame::Error { code, retry_in_ms, .. } = &answer else { panic!("{id}: {answer:?}") };
        assert_eq!(*code, Code::RateLimited, "{id}");
        assert!(retry_in_ms.is_some_and(|wait| (1..=20).contains(&wait)), "{id}: {answer:?}");
    }

    // What ends something is never refused.
    let leaves: Vec<_> = (0..2_000).map(|id| ClientFrame::Leave { id, channel: "c".into() }).collect();
    client.send(&leaves).await;
    for id in 0..2_000 {
        let answer = client.answer(id).await;
        assert!(matches!(answer, ServerFrame::Ok { .. }), "{id}: {answer:?}");
    }
}

/// The slow one asks and asks and reads none of the answers, until the server has enough of it.
#[tokio::test]
async fn a_slow_reader_is_closed_with_4002_and_nobody_else_waits() {
    // The witness answers no pings while it waits, so there are none.
    let config = Config {
        frames_per_second: 0,
        grace: Duration::from_millis(1),
        ping_interval: Duration::from_secs(3_600),
        ..Config::default()
    };
    let server = Server::with(config).await;
    let mut witness = observed(&server).await;
    let mut slow = Raw::open(&server).await;
    let hello = format!(r#"[{{"hello":{{"token":"{}","session":"{:032}"}}}}]"#, guest("slow"), 2);
    slow.send_text(&hello).await;
    slow.send_text(r#"[{"join":{"id":1,"channel":"lobby"}}]"#).await;
    assert!(joined(&mut witness).await);

    let asks: Vec<String> = (0..1_000).map(|_| r#"{"join":{"id":1,"channel":"lobby"}}"#.to_owned()).collect();
    let flood = Raw::frame(1, format!("[{}]", asks.join(",")).as_bytes());
    let mut ann = Client::connect(&server, Encoding::Json, "ann", 3).await;
    let mut round = 0;
    let gone = loop {
        // A write that breaks or stays shows below, in what the witness sees.
        let _ = timeout(Duration::from_millis(50), slow.stream.write_all(&flood)).await;
        round += 1;
        ann.join(round, "other").await;
        let path = "/v1/channel/count?channel=lobby";
        if get(&server, path).await.body["count"] == 0 {
            break witness.next().await;
        }
        assert!(round < 2_000, "the server keeps a client that reads nothing");
    };
    let ServerFrame::Diff { transitions, .. } = gone else { panic!("{gone:?}") };
    assert!(matches!(transitions[..], [Transition::Timeout { .. }]), "{transitions:?}");
    assert_eq!(slow.closed().await, 4002);
}

/// Diffs are dropped for one that does not read, which has its time to read; then it is closed. Time is moved once the
/// outbox is full, so this takes none.
#[tokio::test]
async fn a_slow_observer_has_30_s_and_is_closed_with_4002() {
    let config = Config {
        frames_per_second: 0,
        grace: Duration::from_millis(1),
        ping_interval: Duration::from_secs(3_600),
        tick: Duration::from_millis(1),
        ..Config::default()
    };
    let server = Server::with(config).await;
    let mut witness = observed(&server).await;
    let mut slow = Raw::narrow(&server).await;
    let hello = format!(r#"[{{"hello":{{"token":"{}","session":"{:032}"}}}}]"#, guest("slow"), 2);
    slow.send_text(&hello).await;
    slow.send_text(r#"[{"join":{"id":1,"channel":"lobby"}},{"observe":{"id":2,"channel":"noise"}}]"#).await;
    assert!(joined(&mut witness).await);
    let mut ann = Client::connect(&server, Encoding::Postcard, "ann", 3).await;
    ann.join(1, "noise").await;
    // More than the sockets' buffers and the outbox hold.
    ann.make_noise(2..1_500).await;
    assert_eq!(get(&server, "/v1/channel/count?channel=lobby").await.body["count"], 1);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(30)).await;
    tokio::time::resume();
    assert_eq!(slow.closed().await, 4002);
}

/// Pings are answered by one writer, requests by another, and the socket is full in the middle of things.
#[tokio::test]
async fn answers_to_pings_and_to_requests_do_not_mix_on_a_full_socket() {
    let server = Server::with(Config { frames_per_second: 0, ..Config::default() }).await;
    let mut raw = Raw::narrow(&server).await;
    let hello = format!(r#"[{{"hello":{{"token":"{}","session":"{:032}"}}}}]"#, guest("ann"), 1);
    raw.send_text(&hello).await;
    let (rounds, asked) = (10_u64, 1_000_u64);
    for round in 0..rounds {
        let asks: Vec<String> = (0..asked)
            .map(|n| format!(r#"{{"leave":{{"id":{},"channel":"c"}}}}"#, round * asked + n))
            .collect();
        raw.send_text(&format!("[{}]", asks.join(","))).await;
        raw.stream.write_all(&Raw::frame(9, &[b'p'; 100])).await.unwrap();
    }
    let (mut answered, mut pongs) = (0, 0);
    while answered < rounds * asked {
        let frame = raw.read_frame().await;
        match frame.opcode {
            1 => {
                let frames: serde_json::Value = serde_json::from_slice(&frame.payload).unwrap();
                for frame in frames.as_array().unwrap().iter().filter(|frame| frame.get("ok").is_some()) {
                    assert_eq!(frame["ok"]["id"], answered);
                    answered += 1;
                }
            }
            10 => {
                assert_eq!(frame.payload, [b'p'; 100]);
                pongs += 1;
            }
            other => panic!("opcode {other}"),
        }
    }
    assert!(pongs > 0);
}

async fn joined(witness: &mut Client) -> bool {
    let frame = timeout(PATIENCE, witness.next()).await.unwrap();
    matches!(frame, ServerFrame::Diff { transitions, .. } if matches!(transitions[..], [Transition::Join { .. }]))
}

#[tokio::test]
async fn a_hello_says_nothing_twice() {
    let server = Server::start().await;
    let mut client = Client::silent(&server, Encoding::Json).await;
    client.send(&[hello("ann", 1), hello("ann", 1)]).await;
    assert_eq!(client.closed().await.0, 4500);
}
