//! CORS, and the bounds on sockets that have not said who they are.

use crate::common::client::{Client, hello};
use crate::common::{Server, answer, get, guest};
use herenow_protocol::{Encoding, ServerFrame};
use herenow_server::Config;
use reqwest::Method;
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

fn status(refused: Result<Client, Error>) -> (u16, String) {
    let Err(Error::Http(response)) = refused else { panic!("admitted") };
    let body: serde_json::Value = serde_json::from_slice(response.body().as_deref().unwrap()).unwrap();
    (response.status().as_u16(), body["code"].as_str().unwrap().to_owned())
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
