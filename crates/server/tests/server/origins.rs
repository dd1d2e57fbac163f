//! CORS, and the bounds on sockets that have not said who they are.

use std::time::Duration;

use crate::common::client::{Client, hello};
use crate::common::jwt::{Keys, SECRET, claims_with, secret};
use crate::common::{PATIENCE, Server, answer, get, guest};
use herenow_protocol::{Encoding, ServerFrame};
use herenow_server::{Config, Listeners, MetricsFlag};
use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;

#[tokio::test]
async fn an_allowed_origin_reads_and_another_does_not() {
    let server = Server::start().await;
    let client = reqwest::Client::new();
    let read = |origin: &str| {
        let url = server.url("/v1/channel/count?channel=a");
        answer(client.get(url).bearer_auth(guest("a")).header("origin", origin))
    };
    let good = read("http://localhost:5173").await;
    assert_eq!((good.status, good.header("access-control-allow-origin")), (200, "http://localhost:5173"));
    assert_eq!(good.header("vary"), "Origin");
    for origin in ["https://evil.example", "null"] {
        let bad = read(origin).await;
        assert_eq!(
            (bad.error(), bad.header("access-control-allow-origin")),
            ((403, "forbidden"), ""),
            "{origin}"
        );
    }
    let none = get(&server, "/v1/channel/count?channel=a").await;
    assert_eq!((none.status, none.header("vary")), (200, "Origin"));
    let url = server.url("/v1/channel/count?channel=a");
    let rebound = client.get(&url).bearer_auth(guest("a")).header("host", "evil.example");
    assert_eq!(answer(rebound).await.error(), (403, "forbidden"));
    let unauthorized = answer(client.get(&url).header("origin", "http://localhost:5173")).await;
    assert_eq!(unauthorized.status, 401);
    assert_ne!(unauthorized.header("access-control-allow-origin"), "", "a page can read the error, too");
}

/// `forbidden` is also said of a token, and then the page may read it.
#[tokio::test]
async fn an_allowed_origin_reads_each_refusal() {
    let keys = Keys::new();
    let allowed = "https://app.example.com";
    let config = Config { allowed_origins: vec![allowed.parse().unwrap()], ..keys.config() };
    let server = Server::with(config).await;
    let token = secret(SECRET).token(None, &claims_with(json!({ "caps": { "elsewhere": ["list"] } })));
    let read = |path: &'static str, origin: &'static str| {
        let request = reqwest::Client::new().get(server.url(path)).bearer_auth(&token);
        answer(request.header("origin", origin))
    };
    for (path, error) in [
        ("/v1/channel/users?channel=lobby", (403, "forbidden")),
        ("/v1/user/channels?user=bob", (403, "forbidden")),
        ("/v1/channel/users?channel=", (400, "invalid_argument")),
        ("/v1/nothing", (404, "unsupported")),
    ] {
        let good = read(path, allowed).await;
        assert_eq!((good.error(), good.header("access-control-allow-origin")), (error, allowed), "{path}");
        assert_eq!(good.header("vary"), "Origin", "{path}");
        let bad = read(path, "https://evil.example").await;
        let foreign = ((403, "forbidden"), "");
        assert_eq!((bad.error(), bad.header("access-control-allow-origin")), foreign, "{path}");
    }
}

#[tokio::test]
async fn preflights_are_answered() {
    let server = Server::start().await;
    let ask = |origin: &'static str, path: &str| {
        let request = reqwest::Client::new().request(Method::OPTIONS, server.url(path));
        answer(request.header("origin", origin).header("access-control-request-method", "GET"))
    };
    for path in ["/v1/channel/users", "/v1/guests"] {
        let good = ask("http://127.0.0.1:3000", path).await;
        assert_eq!((good.status, good.header("access-control-allow-origin")), (204, "http://127.0.0.1:3000"));
        assert_eq!(good.header("access-control-allow-headers"), "Authorization, Content-Type");
        assert_eq!(good.header("access-control-allow-methods"), "GET, POST");
        assert_eq!(ask("https://evil.example", path).await.error(), (403, "forbidden"));
    }
}

#[tokio::test]
async fn on_an_open_address_the_own_and_the_public_origin_may_come() {
    let by_host = Server::at("0.0.0.0:0", Config::default()).await;
    let count = |server: &Server, origin: &str| {
        let url = server.url("/v1/channel/count?channel=a");
        answer(reqwest::Client::new().get(url).bearer_auth(guest("a")).header("origin", origin))
    };
    let own = format!("http://127.0.0.1:{}", by_host.address.port());
    assert_eq!(count(&by_host, &own).await.status, 200);
    assert_eq!(count(&by_host, "http://localhost:3000").await.status, 403);

    let public = Some("https://here.example".parse().unwrap());
    let by_url = Server::at("0.0.0.0:0", Config { public_url: public, ..Config::default() }).await;
    assert_eq!(count(&by_url, "https://here.example").await.status, 200);
    assert_eq!(count(&by_url, "https://other.example").await.status, 403);
}

#[tokio::test]
async fn where_the_public_url_is_known_a_rebound_name_is_refused() {
    let public_url = Some("https://here.example".parse().unwrap());
    let server =
        Server::at("0.0.0.0:0", Config { public_url, metrics: MetricsFlag::On, ..Config::default() }).await;
    let client = reqwest::Client::new();
    let read = |path: &str, host: &str| {
        answer(client.get(server.url(path)).bearer_auth(guest("a")).header("host", host))
    };
    for known in ["here.example", "127.0.0.1:8787", "10.0.0.7:8787", "localhost"] {
        assert_eq!(read("/v1/channel/count?channel=a", known).await.status, 200, "{known}");
    }
    let rebound = read("/v1/channel/count?channel=a", "evil.example:8787").await;
    assert_eq!(rebound.error(), (403, "forbidden"));
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(read(path, "herenow:8787").await.status, 200, "{path} is asked by any name");
    }
}

#[tokio::test]
async fn on_loopback_a_rebound_name_reads_no_metrics_and_no_page_of_operators() {
    let keys = Keys::new();
    let admin_token_file = Some(keys.write("admin", SECRET));
    let config = Config { metrics: MetricsFlag::On, admin_token_file, ..Config::default() };
    let server = Server::with(config).await;
    let client = reqwest::Client::new();
    for path in ["/metrics", "/admin", "/admin/app.js", "/v1/admin/overview"] {
        let read = |host: &str| answer(client.get(server.url(path)).bearer_auth(SECRET).header("host", host));
        assert_eq!(read("evil.example:8787").await.error(), (403, "forbidden"), "{path}");
        assert_eq!(read("localhost:8787").await.status, 200, "{path}");
    }
    assert_eq!(answer(client.get(server.url("/nothing")).header("host", "evil.example")).await.status, 404);
}

/// Each address is judged by what reaches it.
#[tokio::test]
async fn on_a_loopback_address_of_their_own_a_rebound_name_reads_no_metrics() {
    let listen = |address: &'static str| async move { TcpListener::bind(address).await.unwrap() };
    for (main, metrics, rebound) in [
        ("0.0.0.0:0", "127.0.0.1:0", 403),
        ("127.0.0.1:0", "127.0.0.1:0", 403),
        ("127.0.0.1:0", "0.0.0.0:0", 200),
    ] {
        let metrics = listen(metrics).await;
        let port = metrics.local_addr().unwrap().port();
        let listeners = Listeners { main: listen(main).await, metrics: Some(metrics) };
        let server = Server::listening(listeners, Config::default()).await;
        let client = reqwest::Client::new();
        let read = |path: &str, host: String| {
            answer(client.get(format!("http://127.0.0.1:{port}{path}")).header("host", host))
        };
        let foreign = read("/metrics", format!("evil.example:{port}")).await;
        assert_eq!(foreign.status, rebound, "{main}");
        if rebound == 403 {
            assert_eq!(foreign.error(), (403, "forbidden"));
        }
        assert_eq!(read("/metrics", format!("localhost:{port}")).await.status, 200);
        assert_eq!(read("/healthz", "herenow".into()).await.status, 200, "it is asked by any name");
        drop(server);
    }
}

fn status(refused: Result<Client, Error>) -> (u16, String) {
    let Err(Error::Http(response)) = refused else { panic!("admitted") };
    let body: serde_json::Value = serde_json::from_slice(response.body().as_deref().unwrap()).unwrap();
    (response.status().as_u16(), body["code"].as_str().unwrap().to_owned())
}

/// Those that become WebSockets make room: they have limits of their own.
#[tokio::test]
async fn connections_of_one_address_are_bounded() {
    let config = Config { max_handshakes_per_address: 2, metrics: MetricsFlag::On, ..Config::default() };
    let server = Server::with(config).await;
    let mut idle = Vec::new();
    for _ in 0..6 {
        idle.push(TcpStream::connect(server.address).await.unwrap());
    }
    let ann = Client::connect(&server, Encoding::Json, "ann", 1).await;
    for _ in 6..8 {
        idle.push(TcpStream::connect(server.address).await.unwrap());
    }
    let mut beyond = TcpStream::connect(server.address).await.unwrap();
    let read = timeout(PATIENCE, beyond.read(&mut [0; 1])).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "it is closed at once: {read:?}");
    let read = timeout(Duration::from_millis(200), idle[7].read(&mut [0; 1])).await;
    assert!(read.is_err(), "the eighth stays");
    drop(idle);
    let text = loop {
        if let Ok(answer) = reqwest::get(server.url("/metrics")).await {
            break answer.text().await.unwrap();
        }
    };
    assert!(text.contains("herenow_connections_failed_total{reason=\"too_many\"} "), "{text}");
    assert!(!text.contains("herenow_connections_failed_total{reason=\"too_many\"} 0"), "{text}");
    drop(ann);
}

#[tokio::test]
async fn handshakes_are_bounded_and_a_hello_makes_room() {
    let server = Server::with(Config { max_handshakes: 1, ..Config::default() }).await;
    let json = Some("herenow.v1.json");
    let mut first = Client::silent(&server, Encoding::Json).await;
    assert_eq!(status(Client::open(&server, json, &[]).await), (503, "unavailable".into()));
    first.send(&[hello("ann", 1)]).await;
    assert!(matches!(first.next().await, ServerFrame::Welcome(_)));
    let second = Client::connect(&server, Encoding::Json, "bob", 2).await;
    drop((first, second));
}

#[tokio::test]
async fn handshakes_of_one_address_are_bounded_and_a_trusted_proxy_names_it() {
    let proxies = vec!["127.0.0.1".parse().unwrap()];
    let config = Config { max_handshakes_per_address: 1, trusted_proxies: proxies, ..Config::default() };
    let server = Server::with(config).await;
    let json = Some("herenow.v1.json");
    let from = |address: &'static str| [("x-forwarded-for", address)];
    let held = Client::open(&server, json, &from("1.1.1.1")).await.unwrap();
    assert_eq!(status(Client::open(&server, json, &from("1.1.1.1")).await), (429, "rate_limited".into()));
    let other = Client::open(&server, json, &from("2.2.2.2")).await.unwrap();
    drop((held, other));
}
