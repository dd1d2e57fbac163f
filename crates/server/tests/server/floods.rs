//! Floods of what holds no frame: it takes its part of a session's rate.

use std::time::Duration;

use herenow_protocol::{ClientFrame, Code, Encoding, Hello, ServerFrame, SessionSecret};
use herenow_server::Config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::common::client::{Client, hello};
use crate::common::raw::Raw;
use crate::common::{Server, guest};

/// Makes what counts as so many frames.
type Make = fn(usize) -> Vec<Message>;

/// One frame a second, and four at once.
fn four_at_once() -> Config {
    Config { frames_per_second: 1, ..Config::default() }
}

fn join(id: u32) -> ClientFrame {
    ClientFrame::Join { id, channel: "lobby".into() }
}

fn limited(answer: &ServerFrame) -> bool {
    matches!(answer, ServerFrame::Error { code: Code::RateLimited, retry_in_ms: Some(1..=1_000), .. })
}

fn part(kind: Data, payload: &'static str, is_last: bool) -> Message {
    Message::Frame(Frame::message(payload, OpCode::Data(kind), is_last))
}

/// A message without frames, in so many parts.
fn in_parts(count: usize) -> Vec<Message> {
    let more = (2..count).map(|_| part(Data::Continue, "", false));
    let ends = [part(Data::Text, "[", false)].into_iter().chain(more);
    ends.chain([part(Data::Continue, "]", true)]).collect()
}

#[tokio::test]
async fn messages_without_frames_count_and_leaving_is_never_refused() {
    let server = Server::with(four_at_once()).await;
    let leave = |count| vec![Message::text(r#"[{"leave":{"id":9,"channel":"c"}}]"#); count];
    let kinds: [(&str, Encoding, Make); 7] = [
        ("a frame each", Encoding::Json, leave),
        ("no frames in JSON", Encoding::Json, |count| vec![Message::text("[]"); count]),
        ("no frames in postcard", Encoding::Postcard, |count| vec![Message::binary(""); count]),
        ("pings", Encoding::Json, |count| vec![Message::Ping("p".into()); count]),
        ("pings beside postcard", Encoding::Postcard, |count| vec![Message::Ping("".into()); count]),
        ("pongs that nobody asked for", Encoding::Json, |count| vec![Message::Pong("".into()); count]),
        ("parts", Encoding::Json, in_parts),
    ];
    for (session, (kind, encoding, make)) in (0..).zip(kinds) {
        let mut at_limit = Client::connect(&server, encoding, "ann", 2 * session).await;
        at_limit.send_at_once(make(3)).await;
        at_limit.send(&[join(1)]).await;
        let answer = at_limit.answer(1).await;
        assert!(matches!(answer, ServerFrame::Ok { .. }), "{kind}: {answer:?}");

        let mut beyond = Client::connect(&server, encoding, "ann", 2 * session + 1).await;
        beyond.send_at_once(make(4)).await;
        beyond.send(&[join(1), ClientFrame::Leave { id: 2, channel: "lobby".into() }]).await;
        let answer = beyond.answer(1).await;
        assert!(limited(&answer), "{kind}: {answer:?}");
        assert!(matches!(beyond.answer(2).await, ServerFrame::Ok { .. }), "{kind}");
    }
}

#[tokio::test]
async fn a_message_without_an_end_counts_while_it_goes_on() {
    let server = Server::with(four_at_once()).await;
    let mut endless = Client::connect(&server, Encoding::Json, "ann", 1).await;
    let begun = [part(Data::Text, "[", false)].into_iter();
    let goes_on = (0..100).map(|_| part(Data::Continue, "", false));
    endless.send_at_once(begun.chain(goes_on).chain([Message::Ping("read".into())]).collect()).await;
    endless.pong().await;

    // The rate is that of the session, whatever its socket.
    let mut again = Client::silent(&server, Encoding::Json).await;
    let ClientFrame::Hello(first) = hello("ann", 1) else { panic!("no hello") };
    again.send(&[ClientFrame::Hello(Hello { attempt: 2, ..first })]).await;
    assert!(matches!(again.next().await, ServerFrame::Welcome(_)));
    again.send(&[join(1)]).await;
    assert!(limited(&again.answer(1).await));
    assert_eq!(endless.closed().await.0, 4003);
}

/// What browsers do by themselves costs a page nothing.
#[tokio::test]
async fn answers_to_pings_do_not_count() {
    let server = Server::with(Config { ping_interval: Duration::from_millis(50), ..four_at_once() }).await;
    let mut raw = Raw::open(&server).await;
    let session = SessionSecret(1).0;
    raw.send_text(&format!(r#"[{{"hello":{{"token":"{}","session":"{session:032x}"}}}}]"#, guest("ann")))
        .await;
    let mut pings = 0;
    while pings < 20 {
        let frame = raw.read_frame().await;
        if frame.opcode == 9 {
            raw.send(10, &frame.payload).await;
            pings += 1;
        }
    }
    let asks: Vec<String> =
        (1..=5).map(|id| format!(r#"{{"join":{{"id":{id},"channel":"lobby"}}}}"#)).collect();
    raw.send_text(&format!("[{}]", asks.join(","))).await;
    let mut answers = Vec::new();
    while answers.len() < 5 {
        let frame = raw.read_frame().await;
        if frame.opcode == 1 {
            let frames: Vec<serde_json::Value> = serde_json::from_slice(&frame.payload).unwrap();
            let codes = frames.iter().filter_map(|frame| match (frame.get("ok"), frame.get("error")) {
                (Some(_), _) => Some("ok".to_owned()),
                (_, Some(error)) => Some(error["code"].as_str().unwrap().to_owned()),
                (None, None) => None,
            });
            answers.extend(codes);
        }
    }
    assert_eq!(answers, ["ok", "ok", "ok", "ok", "rate_limited"]);
}
