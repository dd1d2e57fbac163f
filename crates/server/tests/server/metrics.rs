//! `/metrics`: where it is, what it says, and that the docs and the dashboard name what there is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use herenow_protocol::{ClientFrame, Encoding, ServerFrame};
use herenow_server::{Config, Listeners, MetricsFlag};

use crate::common::client::{Client, hello};
use crate::common::raw::Raw;
use crate::common::{PATIENCE, Server, answer, get, guest};

const DOCS: &str = include_str!("../../../../docs/metrics.md");
const DASHBOARD: &str = include_str!("../../../../docs/grafana-dashboard.json");

/// What Prometheus would read: samples by their name with labels, and families by name with their kind.
#[derive(Debug, Default)]
struct Text {
    samples: BTreeMap<String, f64>,
    families: BTreeMap<String, String>,
}

/// Reads the OpenMetrics text strictly.
fn parse(text: &str) -> Text {
    let mut all = Text::default();
    let (body, end) = text.rsplit_once("# EOF\n").expect("an end");
    assert_eq!(end, "");
    let mut family = String::new();
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (word, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            assert!(!rest.is_empty(), "{line}");
            if word == "TYPE" {
                assert_eq!(all.families.insert(name.into(), rest.into()), None, "{name} is there twice");
            }
            assert!(["HELP", "TYPE", "UNIT"].contains(&word), "{line}");
            family = name.to_owned();
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with(&family) && name.starts_with("herenow_"), "{line} is not of {family}");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        assert_eq!(all.samples.insert(name.to_owned(), value), None, "{name} is there twice");
    }
    all
}

async fn read(url: &str) -> Text {
    let response = reqwest::Client::new().get(url).timeout(PATIENCE).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    assert!(response.headers().get("access-control-allow-origin").is_none(), "no page may read it");
    parse(&response.text().await.unwrap())
}

impl Text {
    fn value(&self, name: &str) -> f64 {
        self.samples.get(name).copied().unwrap_or_default()
    }
}

fn on() -> Config {
    Config { metrics: MetricsFlag::On, ..Config::default() }
}

#[tokio::test]
async fn numbers_follow_what_happens() {
    let server = Server::with(Config { max_handshakes_per_address: 2, ..on() }).await;
    let url = server.url("/metrics");
    let mut ann = Client::connect(&server, Encoding::Json, "ann", 1).await;
    ann.send(&[ClientFrame::Observe { id: 1, channel: "lobby".into(), from: None }]).await;
    assert!(matches!(ann.answer(1).await, ServerFrame::Ok { .. }));
    ann.join(2, "lobby").await;
    let mut bob = Client::connect(&server, Encoding::Postcard, "bob", 2).await;
    bob.join(1, "lobby").await;
    bob.send(&[ClientFrame::Join { id: 2, channel: "".into() }]).await;
    assert!(matches!(bob.answer(2).await, ServerFrame::Error { .. }));
    let silent =
        (Client::silent(&server, Encoding::Json).await, Client::silent(&server, Encoding::Json).await);
    assert!(Client::open(&server, Some("herenow.v1.json"), &[]).await.is_err(), "one too many");
    assert_eq!(get(&server, "/v1/channel/count?channel=lobby").await.status, 200);
    let wrong = reqwest::Client::new().get(server.url("/v1/channel/count?channel=x")).bearer_auth("wrong");
    assert_eq!(answer(wrong).await.status, 401);
    assert_eq!(answer(reqwest::Client::new().get(server.url("/secret/path"))).await.status, 404);

    let text = read(&url).await;
    for (name, value) in [
        ("herenow_sockets", 4.0),
        ("herenow_handshakes", 2.0),
        ("herenow_connections", 2.0),
        ("herenow_sessions{state=\"attached\"}", 2.0),
        ("herenow_sessions{state=\"detached\"}", 0.0),
        ("herenow_users", 2.0),
        ("herenow_channels", 1.0),
        ("herenow_members", 2.0),
        ("herenow_observers", 1.0),
        ("herenow_observed_channels{mode=\"full\"}", 1.0),
        ("herenow_transitions_total{kind=\"join\"}", 2.0),
        ("herenow_transitions_total{kind=\"leave\"}", 0.0),
        ("herenow_snapshots_total", 1.0),
        ("herenow_hellos_total{session=\"new\"}", 2.0),
        ("herenow_refusals_total{code=\"invalid_argument\"}", 1.0),
        ("herenow_refusals_total{code=\"internal\"}", 0.0),
        ("herenow_handshakes_refused_total{limit=\"address\"}", 1.0),
        ("herenow_http_refusals_total{code=\"unauthorized\"}", 1.0),
        ("herenow_http_requests_total{method=\"GET\",route=\"/v1/channel/count\",status=\"2xx\"}", 1.0),
        ("herenow_http_requests_total{method=\"GET\",route=\"/v1/channel/count\",status=\"4xx\"}", 1.0),
        ("herenow_http_requests_total{method=\"GET\",route=\"other\",status=\"4xx\"}", 1.0),
        ("herenow_http_requests_total{method=\"GET\",route=\"/v1/connect\",status=\"1xx\"}", 4.0),
        ("herenow_draining", 0.0),
        ("herenow_store_ready", 1.0),
        ("herenow_build_info{version=\"0.1.0\"}", 1.0),
    ] {
        assert_eq!(text.value(name), value, "{name} of {text:#?}");
    }
    assert!(text.value("herenow_deliveries_total") >= 1.0, "{text:#?}");
    assert!(text.value("herenow_flush_bytes_sum") >= text.value("herenow_flush_bytes_count"), "{text:#?}");
    assert!(text.value("herenow_turn_seconds_count") > 0.0);
    assert!(text.value("herenow_start_time_seconds") > 1.7e9);
    #[cfg(target_os = "linux")]
    assert!(text.value("herenow_resident_memory_bytes") > 1e6);

    // A session that is lost is detached, and what the server closes is counted by its code.
    drop(silent);
    ann.send_message(tokio_tungstenite::tungstenite::Message::text("no frames")).await;
    assert_eq!(ann.closed().await.0, 4500);
    let begun = Instant::now();
    loop {
        let text = read(&url).await;
        if text.value("herenow_sessions{state=\"detached\"}") == 1.0
            && text.value("herenow_closes_total{code=\"4500\"}") == 1.0
            && text.value("herenow_closes_total{code=\"4001\"}") == 0.0
            && text.value("herenow_sockets") == 1.0
        {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{text:#?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A user has 20 sessions: of two more each ends one that is not connected, and where all are it is refused.
#[tokio::test]
async fn sessions_that_make_room_are_counted() {
    let server = Server::with(on()).await;
    let url = server.url("/metrics");
    let mut held = Vec::new();
    for session in 0..20 {
        held.push(Client::connect(&server, Encoding::Json, "ann", session).await);
    }
    assert_eq!(read(&url).await.samples["herenow_evicted_sessions_total"], 0.0);
    held.truncate(18);
    let begun = Instant::now();
    while read(&url).await.value("herenow_sessions{state=\"detached\"}") != 2.0 {
        assert!(begun.elapsed() < PATIENCE, "two are gone");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for session in 20..22 {
        held.push(Client::connect(&server, Encoding::Json, "ann", session).await);
    }
    let mut beyond = Client::silent(&server, Encoding::Json).await;
    beyond.send(&[hello("ann", 22)]).await;
    assert_eq!(beyond.closed().await.0, 4503);
    let text = read(&url).await;
    for (name, value) in [
        ("herenow_evicted_sessions_total", 2.0),
        ("herenow_hellos_total{session=\"new\"}", 22.0),
        ("herenow_hellos_total{session=\"denied\"}", 1.0),
        ("herenow_sessions{state=\"attached\"}", 20.0),
        ("herenow_sessions{state=\"detached\"}", 0.0),
    ] {
        assert_eq!(text.value(name), value, "{name} of {text:#?}");
    }
}

/// What a reader that has stopped is sent waits where it is bounded, and not in the kernel, which takes 4 MB by itself.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_outbox_overflows_before_the_kernel_has_taken_much() {
    const ENOUGH: u32 = 1_500_000 / 7_000;
    let config = Config {
        frames_per_second: 0,
        tick: Duration::from_millis(1),
        ping_interval: Duration::from_secs(3_600),
        ..on()
    };
    let server = Server::with(config).await;
    let mut slow = Raw::narrow(&server).await;
    slow.send_text(&format!(r#"[{{"hello":{{"token":"{}","session":"{:032}"}}}}]"#, guest("slow"), 1)).await;
    slow.send_text(r#"[{"observe":{"id":1,"channel":"noise"}}]"#).await;
    let mut ann = Client::connect(&server, Encoding::Postcard, "ann", 2).await;
    ann.join(1, "noise").await;
    ann.make_noise(2..2 + ENOUGH).await;
    let text = read(&format!("http://{}/metrics", server.address)).await;
    assert!(text.value("herenow_outbox_overflows_total") > 0.0);
}

#[tokio::test]
async fn it_is_where_the_option_says_and_nowhere_else() {
    let off = Server::start().await;
    assert_eq!(answer(reqwest::Client::new().get(off.url("/metrics"))).await.error(), (404, "unsupported"));

    let config = Config {
        listen: "127.0.0.1:0".into(),
        metrics: MetricsFlag::At("127.0.0.1:0".into()),
        ..Config::default()
    };
    let listeners = Listeners::bind(&config).await.unwrap();
    let own = listeners.metrics.as_ref().unwrap().local_addr().unwrap();
    let mut server = Server::listening(listeners, config).await;
    assert_eq!(answer(reqwest::Client::new().get(server.url("/metrics"))).await.status, 404);
    let text = read(&format!("http://{own}/metrics")).await;
    assert_eq!(text.value("herenow_draining"), 0.0);
    let api =
        answer(reqwest::Client::new().get(format!("http://{own}/v1/channel/count")).bearer_auth(guest("a")));
    assert_eq!(api.await.status, 404, "nothing else is there");
    server.stop();
    server.ended().await;
}

/// Words of a text that are names of metrics, without what a type adds to them.
fn names(text: &str) -> BTreeSet<String> {
    let is_part = |character: char| character.is_ascii_lowercase() || character == '_';
    let words = text.split(|character| !is_part(character)).filter(|word| word.starts_with("herenow_"));
    let base = |word: &str| {
        let ends = ["_total", "_bucket", "_sum", "_count", "_info"];
        ends.iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word).to_owned()
    };
    words.map(base).collect()
}

/// The dashboard leaves out the version, and bytes before they are written, of which it shows those that were.
#[tokio::test]
async fn docs_and_dashboard_name_what_there_is() {
    let server = Server::with(on()).await;
    // Of requests there is something to tell once there was one.
    assert_eq!(answer(reqwest::Client::new().get(server.url("/healthz"))).await.status, 200);
    let text = read(&server.url("/metrics")).await;
    let all: BTreeSet<String> = text.families.keys().cloned().collect();
    assert_eq!(names(DOCS), all, "docs/metrics.md");
    let shown = names(DASHBOARD);
    let left_out = ["herenow_build", "herenow_frame_bytes"].map(str::to_owned);
    let expected: BTreeSet<String> = all.difference(&left_out.into()).cloned().collect();
    assert_eq!(shown, expected, "docs/grafana-dashboard.json");
    serde_json::from_str::<serde_json::Value>(DASHBOARD).unwrap();
}
