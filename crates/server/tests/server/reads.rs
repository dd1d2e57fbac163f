//! The HTTP reads, and errors by status and code.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::common::client::Client;
use crate::common::raw::Raw;
use crate::common::{PATIENCE, Server, answer, get, guest};
use herenow_protocol::{Attributes, ClientFrame, Encoding, ServerFrame};
use herenow_server::{Config, MetricsFlag};
use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

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

/// A request with a token of so many bytes.
fn request(path: &str, token: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n")
}

/// Pages that nobody reads wait in memory: of one address only so many.
#[tokio::test]
async fn answers_that_are_not_read_are_few_for_an_address() {
    let server = Server::with(Config { frames_per_second: 0, ..Config::default() }).await;
    let mut members = Vec::new();
    for session in 0..40 {
        let mut member = Client::connect(&server, Encoding::Json, &format!("user{session}"), session).await;
        member.join(1, "lobby").await;
        let attributes = (0..7).map(|key| (format!("k{key}"), "v".repeat(1_000))).collect();
        member.send(&[ClientFrame::Set { id: 2, channel: "lobby".into(), attributes }]).await;
        assert!(matches!(member.answer(2).await, ServerFrame::Ok { .. }));
        members.push(member);
    }
    let path = "/v1/channel/users?channel=lobby";
    let page = get(&server, path).await;
    assert!(page.status == 200 && !page.body["next"].is_null(), "all 40 have more than a page may have");
    let mut unread = Vec::new();
    for _ in 0..50 {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(8 * 1024).unwrap();
        let mut stream = socket.connect(server.address).await.unwrap();
        stream.write_all(request(path, &guest("ann")).as_bytes()).await.unwrap();
        unread.push(stream);
    }
    let begun = Instant::now();
    let refused = loop {
        let answer = get(&server, "/v1/channel/count?channel=lobby").await;
        if answer.status != 200 {
            break answer;
        }
        assert!(begun.elapsed() < PATIENCE, "they all wait in memory");
    };
    assert_eq!((refused.status, refused.body["code"].as_str()), (429, Some("rate_limited")), "{refused:?}");
    drop(unread);
    let begun = Instant::now();
    while get(&server, path).await.status != 200 {
        assert!(begun.elapsed() < PATIENCE, "their room is not given back");
    }
}

/// At the limit a token of 16 KiB fits; a head without an end is not kept.
#[tokio::test]
async fn the_head_of_a_request_is_bounded() {
    let server = Server::start().await;
    let fits = request("/v1/channel/count?channel=lobby", &format!("guest.{}", "a".repeat(16_000)));
    let close = fits.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let answer = Raw::exchange(&server, close.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 4") && answer.contains("\"code\""), "{answer}");
    let endless = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Filler: {}", "a".repeat(40_000));
    let answer = Raw::exchange(&server, endless.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
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
    let server = Server::with(Config { metrics: MetricsFlag::On, ..Config::default() }).await;
    let unfinished = b"GET /healthz HTTP/1.1\r\nHost: x";
    let mut dribbling = TcpStream::connect(server.address).await.unwrap();
    let began = Instant::now();
    let ((), _, _, idle, _, _, _) = tokio::join!(
        async {
            // The answer that says so, or a reset, ends it.
            for byte in unfinished.iter().cycle() {
                let mut answer = [0; 64];
                let wait = timeout(Duration::from_secs(1), dribbling.read(&mut answer)).await;
                if wait.is_ok() || dribbling.write_all(&[*byte]).await.is_err() {
                    break;
                }
                assert!(began.elapsed() < PATIENCE, "the server is patient");
            }
        },
        Raw::exchange(&server, unfinished),
        Raw::exchange(&server, b""),
        // These were answered, and then idle or no HTTP any more.
        Raw::exchange(&server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
        Raw::exchange(&server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHo"),
        Raw::exchange(&server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n\x01\x02 no HTTP\r\n\r\n"),
        Raw::exchange(&server, b"\x01\x02 no HTTP\r\n\r\n"),
    );
    assert!(began.elapsed() >= Duration::from_secs(7), "{:?}", began.elapsed());
    let metrics = reqwest::get(server.url("/metrics")).await.unwrap().text().await.unwrap();
    assert!(idle.starts_with("HTTP/1.1 200 "), "{idle}");
    for counted in ["{reason=\"http_timeout\"} 3\n", "{reason=\"http\"} 1\n"] {
        assert!(metrics.contains(&format!("herenow_connections_failed_total{counted}")), "{metrics}");
    }
}

/// The whole body has ten seconds, however it comes.
#[tokio::test]
async fn a_body_that_dribbles_is_refused() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = b"POST /v1/guests HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut answer = Vec::new();
    for byte in b"{\"nickname\":\"".iter().chain(&[b'x'; 60]) {
        stream.write_all(&[*byte]).await.unwrap();
        if timeout(Duration::from_secs(1), stream.read_buf(&mut answer)).await.is_ok() {
            break;
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn a_user_reads_as_often_as_a_session_may_send() {
    let server = Server::with(Config { frames_per_second: 1, ..Config::default() }).await;
    let path = "/v1/channel/count?channel=lobby";
    for _ in 0..4 {
        assert_eq!(get(&server, path).await.status, 200);
    }
    let limited = get(&server, path).await;
    assert_eq!((limited.error(), limited.header("retry-after")), ((429, "rate_limited"), "1"));
    let other = reqwest::Client::new().get(server.url(path)).bearer_auth(guest("other"));
    assert_eq!(answer(other).await.status, 200, "others are not concerned");
}
