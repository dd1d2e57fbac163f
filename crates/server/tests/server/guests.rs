//! Guests: made, known again, and refused.

use crate::common::client::{Client, hello};
use crate::common::{Answer, Server, answer, guest};
use herenow_protocol::{ClientFrame, Encoding, Hello, ServerFrame};
use serde_json::json;

async fn post(server: &Server, body: &str, token: Option<&str>) -> Answer {
    let request = reqwest::Client::new().post(server.url("/v1/guests")).body(body.to_owned());
    answer(match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    })
    .await
}

#[tokio::test]
async fn a_guest_is_made_and_enters() {
    let server = Server::start().await;
    let made = post(&server, "{}", None).await;
    assert_eq!((made.status, made.header("cache-control")), (200, "no-store"));
    let (id, token) = (made.body["id"].as_str().unwrap(), made.body["access_token"].as_str().unwrap());
    assert!(id.starts_with("guest-") && id.len() == 38, "{id}");
    assert_eq!(made.body["nickname"], format!("Guest {}", &id[34..]));
    let created = made.body["created_at"].as_str().unwrap();
    assert!(humantime::parse_rfc3339(created).is_ok() && created.ends_with('Z'), "{created}");

    let mut client = Client::silent(&server, Encoding::Postcard).await;
    let ClientFrame::Hello(named) = hello("", 1) else { panic!("a hello is a hello") };
    client.send(&[ClientFrame::Hello(Hello { token: Some(token.into()), ..named })]).await;
    let ServerFrame::Welcome(welcome) = client.next().await else { panic!("no welcome") };
    assert_eq!(welcome.user, id);

    let other = post(&server, "", None).await;
    assert_ne!(other.body["id"], made.body["id"], "each is a new one, and a body is not needed");
}

#[tokio::test]
async fn a_token_is_the_same_guest_again_after_a_restart_and_another_in_another_application() {
    let token = guest("ann");
    let mut ids = Vec::new();
    for _ in 0..2 {
        let server = Server::start().await;
        let known = post(&server, r#"{"nickname":"Ann 🙂"}"#, Some(&token)).await;
        assert_eq!((known.status, &known.body["access_token"]), (200, &json!(token)));
        assert_eq!(known.body["nickname"], "Ann 🙂");
        ids.push(known.body["id"].clone());
        let elsewhere = post(&server, r#"{"client_id":"other"}"#, Some(&token)).await;
        assert_ne!(elsewhere.body["id"], known.body["id"]);
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn what_is_wrong_is_refused() {
    let server = Server::start().await;
    let nickname = |text: &str| json!({ "nickname": text }).to_string();
    assert_eq!(post(&server, &nickname(&"x".repeat(128)), None).await.status, 200);
    for body in [
        "nonsense".to_owned(),
        "[1]".into(),
        r#"{"nickname":7}"#.into(),
        r#"{"client_id":""}"#.into(),
        nickname(&"x".repeat(129)),
        nickname("a\nb"),
        json!({ "client_id": "x".repeat(129) }).to_string(),
    ] {
        assert_eq!(post(&server, &body, None).await.error(), (400, "invalid_argument"), "{body}");
    }
    assert_eq!(post(&server, "{}", Some("nonsense")).await.error(), (401, "unauthorized"));
    let large = nickname(&"x".repeat(16 * 1024));
    assert_eq!(post(&server, &large, None).await.error(), (413, "too_large"));
}

#[tokio::test]
async fn a_body_has_16384_bytes_and_not_one_more() {
    let server = Server::start().await;
    let padded = |bytes: usize| format!("{:<bytes$}", r#"{"nickname":"Ann"}"#);
    let longest = post(&server, &padded(16_384), None).await;
    assert_eq!((longest.status, &longest.body["nickname"]), (200, &json!("Ann")));
    assert_eq!(post(&server, &padded(16_385), None).await.error(), (413, "too_large"));
}

/// The id is shown to everybody. Whatever is made of it opens nothing.
#[tokio::test]
async fn nobody_else_can_claim_a_guest() {
    let server = Server::start().await;
    let made = post(&server, "{}", None).await.body;
    let id = made["id"].as_str().unwrap();
    let digits = id.strip_prefix("guest-").unwrap();
    for token in [id.to_owned(), format!("guest-{id}"), format!("Guest.{digits}"), digits.to_owned()] {
        assert_eq!(post(&server, "{}", Some(&token)).await.error(), (401, "unauthorized"), "{token}");
    }
    for secret in [id, digits, &digits[..22]] {
        let other = post(&server, "{}", Some(&format!("guest.{secret}"))).await;
        assert_eq!(other.status, 200);
        assert_ne!(other.body["id"], made["id"], "{secret}");
    }
}
