//! The HTTP reads, and errors by status and code.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::common::client::Client;
use crate::common::raw::Raw;
use crate::common::{Server, answer, get, guest};
use herenow_protocol::{Attributes, ClientFrame, Encoding, ServerFrame};
use herenow_server::Config;
use reqwest::Method;

async fn populated() -> (Server, Vec<Client>) {
    let server = Server::start().await;
    let mut clients = Vec::new();
    for (session, name) in ["ann", "bob", "cat"].into_iter().enumerate() {
        let mut client = Client::connect(&server, Encoding::Json, name, session as u128).await;
        client.join(1, "lobby").await;
        let attributes = Attributes::from_iter([("name", name)]);
        client.send(&[ClientFrame::Set { id: 2, channel: "lobby".into(), attributes }]).await;
        assert!(matches!(client.answer(2).await, ServerFrame::Ok { .. }));
        clients.push(client);
    }
    clients[0].join(3, "__proto__").await;
    (server, clients)
}

#[tokio::test]
async fn reads_tell_what_is() {
    let (server, _clients) = populated().await;
    let all = get(&server, "/v1/channel/users?channel=lobby").await;
    assert_eq!((all.status, all.header("cache-control")), (200, "private, max-age=3"));
    assert_eq!(all.header("content-type"), "application/json");
    assert_eq!(all.body["count"], 3);
    assert!(all.body["next"].is_null() && all.body["settles_in_ms"].is_u64(), "{all:?}");
    let names: BTreeSet<&str> = all.body["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["attributes"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, BTreeSet::from(["ann", "bob", "cat"]));

    let count = get(&server, "/v1/channel/count?channel=lobby").await;
    assert_eq!((count.body["count"].as_u64(), count.header("cache-control")), (Some(3), "no-store"));
    assert_eq!(get(&server, "/v1/channel/count?channel=empty").await.body["count"], 0);

    let users = all.body["users"].as_array().unwrap();
    let ann =
        users.iter().find(|user| user["attributes"]["name"] == "ann").unwrap()["user"].as_str().unwrap();
    let attributes = get(&server, &format!("/v1/channel/attributes?channel=lobby&user={ann}")).await;
    assert_eq!(attributes.body["attributes"]["name"], "ann");
    let none = get(&server, "/v1/channel/attributes?channel=lobby&user=nobody").await;
    assert_eq!((none.status, none.body["attributes"].as_object().unwrap().len()), (200, 0));

    let channels = get(&server, &format!("/v1/user/channels?user={ann}")).await;
    assert_eq!(channels.body["channels"], serde_json::json!(["__proto__", "lobby"]));
}

#[tokio::test]
async fn all_reads_tell_how_long_the_server_settles() {
    let paths = [
        "/v1/channel/users?channel=a",
        "/v1/channel/attributes?channel=a&user=b",
        "/v1/channel/count?channel=a",
        "/v1/user/channels?user=a",
    ];
    for (grace, settled) in [(Duration::from_secs(3_600), false), (Duration::ZERO, true)] {
        let server = Server::with(Config { grace, ..Config::default() }).await;
        for path in paths {
            let settles_in_ms = get(&server, path).await.body["settles_in_ms"].as_u64();
            assert_eq!(settles_in_ms.map(|ms| ms == 0), Some(settled), "{path}");
            assert!(settles_in_ms <= Some(3_600_000), "{path}");
        }
    }
}

#[tokio::test]
async fn pages_cover_all_users_once_and_applications_are_apart() {
    let (server, _clients) = populated().await;
    let mut seen = Vec::new();
    let mut after = String::new();
    for page in 0..3 {
        let answer = get(&server, &format!("/v1/channel/users?channel=lobby&limit=1{after}")).await;
        assert_eq!(answer.body["count"], 3);
        seen.push(answer.body["users"][0]["user"].as_str().unwrap().to_owned());
        match answer.body["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => assert_eq!(page, 2),
        }
    }
    assert!(seen.is_sorted() && BTreeSet::from_iter(&seen).len() == 3, "{seen:?}");
    let other = get(&server, "/v1/channel/users?channel=lobby&client_id=other").await;
    assert_eq!(other.body["count"], 0);
    let same = get(&server, "/v1/channel/users?channel=lobby&client_id=default").await;
    assert_eq!(same.body["count"], 3);
}

#[tokio::test]
async fn wrong_arguments_are_named() {
    let server = Server::start().await;
    let long = "x".repeat(129);
    for path in [
        "/v1/channel/users".to_owned(),
        "/v1/channel/users?channel=".into(),
        format!("/v1/channel/users?channel={long}"),
        "/v1/channel/users?channel=a%00b".into(),
        "/v1/channel/users?channel=a&channel=b".into(),
        "/v1/channel/users?channel=a&limit=0".into(),
        "/v1/channel/users?channel=a&limit=1001".into(),
        "/v1/channel/users?channel=a&limit=-1".into(),
        "/v1/channel/users?channel=a&limit=ten".into(),
        "/v1/channel/users?channel=a&after=".into(),
        format!("/v1/channel/users?channel=a&client_id={long}"),
        "/v1/channel/users?channel=a&client_id=".into(),
        "/v1/channel/count".into(),
        "/v1/channel/attributes?channel=a".into(),
        "/v1/channel/attributes?user=a".into(),
        "/v1/user/channels".into(),
        format!("/v1/user/channels?user={long}"),
    ] {
        let answer = get(&server, &path).await;
        assert_eq!(answer.error(), (400, "invalid_argument"), "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    let exact = get(&server, &format!("/v1/channel/count?channel={}", "x".repeat(128))).await;
    assert_eq!(exact.status, 200);
    assert_eq!(get(&server, "/v1/channel/count?channel=%F0%9F%99%82&unknown=1").await.status, 200);
}

#[tokio::test]
async fn a_token_is_required_and_must_be_right() {
    let server = Server::start().await;
    let client = reqwest::Client::new();
    for path in [
        "/v1/channel/users?channel=a",
        "/v1/channel/attributes?channel=a&user=b",
        "/v1/channel/count?channel=a",
        "/v1/user/channels?user=a",
    ] {
        let url = server.url(path);
        let without = answer(client.get(&url)).await;
        assert_eq!(without.error(), (401, "unauthorized"), "{path}");
        assert_eq!(without.header("www-authenticate"), "Bearer");
        for wrong in ["Bearer", "Bearer nonsense", "Basic Zm9vOmJhcg==", "Bearer guest.short", ""] {
            let refused = answer(client.get(&url).header("authorization", wrong)).await;
            assert_eq!(refused.error(), (401, "unauthorized"), "{path} {wrong}");
        }
        let twice = client.get(&url).bearer_auth(guest("a")).header("authorization", "Bearer other");
        assert_eq!(answer(twice).await.error(), (401, "unauthorized"));
    }
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_json_too() {
    let server = Server::start().await;
    let client = reqwest::Client::new();
    for path in ["/v1", "/v1/", "/v1/nothing", "/v1/channel", "/v2/connect", "/", "/index.html"] {
        assert_eq!(get(&server, path).await.error(), (404, "unsupported"), "{path}");
    }
    for (method, path) in [
        (Method::POST, "/v1/channel/users?channel=a"),
        (Method::DELETE, "/v1/guests"),
        (Method::GET, "/v1/guests"),
        (Method::POST, "/v1/connect"),
        (Method::POST, "/healthz"),
        (Method::PUT, "/readyz"),
    ] {
        let refused = answer(client.request(method, server.url(path))).await;
        assert_eq!(refused.error(), (405, "unsupported"), "{path}");
    }
    assert_eq!(get(&server, "/v1/connect").await.error(), (426, "invalid_argument"));
    assert_eq!(get(&server, "/healthz").await.status, 200);
    let head = answer(client.head(server.url("/v1/channel/count?channel=a")).bearer_auth(guest("a"))).await;
    assert_eq!(head.status, 200);
}

#[tokio::test]
async fn what_is_no_http_is_answered_or_dropped_and_the_server_lives() {
    let server = Server::start().await;
    let host = format!("Host: {}\r\nConnection: close\r\n", server.address);
    for request in [
        "GET\r\n\r\n".to_owned(),
        "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n".into(),
        format!("GET /{} HTTP/1.1\r\n{host}\r\n", "x".repeat(1 << 20)),
        format!("GET /v1/channel/users?channel=%zz HTTP/1.1\r\n{host}\r\n"),
        format!("GET /v1/\u{ff}\u{0}x HTTP/1.1\r\n{host}\r\n"),
        format!("POST /v1/guests HTTP/1.1\r\n{host}Content-Length: 99999999999999999999\r\n\r\n"),
    ] {
        let answered = Raw::exchange(&server, request.as_bytes()).await;
        let status = answered.split(' ').nth(1).unwrap_or("400");
        assert!(status.starts_with('4'), "{answered}");
    }
    assert_eq!(get(&server, "/healthz").await.status, 200);
}

#[tokio::test]
async fn a_client_that_never_ends_its_headers_is_dropped() {
    let server = Server::start().await;
    Raw::exchange(&server, b"GET /healthz HTTP/1.1\r\nHost: x").await;
    Raw::exchange(&server, b"").await;
}
