//! The operator's API: who may ask, what is told, and what it does.

use std::fs;

use herenow_protocol::{ClientFrame, Encoding, ServerFrame, Transition};
use herenow_server::Config;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::binary::{output, program, start};
use crate::common::client::Client;
use crate::common::{Answer, Server, answer, guest};

const TOKEN: &str = "an operator's token of more than thirty-two bytes";

fn token_file() -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), format!("{TOKEN}\n")).unwrap();
    file
}

fn config(file: &NamedTempFile) -> Config {
    Config { admin_token_file: Some(file.path().into()), ..Config::default() }
}

async fn ask(server: &Server, method: Method, path: &str, body: Option<Value>) -> Answer {
    let request = reqwest::Client::new().request(method, server.url(path)).bearer_auth(TOKEN);
    let request = match body {
        Some(body) => request.body(body.to_string()),
        None => request,
    };
    answer(request).await
}

async fn get(server: &Server, path: &str) -> Value {
    let answer = ask(server, Method::GET, path, None).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), "", "no other page may read it");
    answer.body
}

const READS: [&str; 4] = [
    "/v1/admin/overview",
    "/v1/admin/channels",
    "/v1/admin/channel/members?channel=lobby",
    "/v1/admin/user?user=ann",
];
const WRITES: [&str; 2] = ["/v1/admin/kick", "/v1/admin/drain"];

#[tokio::test]
async fn without_the_option_there_is_nothing() {
    let server = Server::start().await;
    for path in READS.into_iter().chain(["/admin", "/admin/app.js", "/admin/style.css"]) {
        assert_eq!(ask(&server, Method::GET, path, None).await.error(), (404, "unsupported"), "{path}");
    }
    for path in WRITES {
        assert_eq!(ask(&server, Method::POST, path, None).await.error(), (404, "unsupported"), "{path}");
    }
}

#[tokio::test]
async fn only_the_operators_token_opens_it() {
    let file = token_file();
    let server = Server::with(config(&file)).await;
    let asks =
        READS.map(|path| (Method::GET, path)).into_iter().chain(WRITES.map(|path| (Method::POST, path)));
    for (method, path) in asks.chain([(Method::GET, "/v1/admin/nothing"), (Method::PUT, "/v1/admin/kick")]) {
        let request = || reqwest::Client::new().request(method.clone(), server.url(path));
        assert_eq!(answer(request()).await.error(), (401, "unauthorized"), "{path}");
        let beyond = format!("{TOKEN} ");
        for wrong in
            [guest("ann"), TOKEN[..TOKEN.len() - 1].to_owned(), format!("{beyond}x"), TOKEN.to_uppercase()]
        {
            assert_eq!(answer(request().bearer_auth(wrong)).await.error(), (401, "unauthorized"), "{path}");
        }
    }
    assert_eq!(ask(&server, Method::PUT, "/v1/admin/kick", None).await.error(), (405, "unsupported"));
    for path in ["/v1/admin/nothing", "/v1/nothing"] {
        let nothing = ask(&server, Method::GET, path, None).await;
        assert_eq!(nothing.error(), (404, "unsupported"));
        let message = nothing.body["message"].as_str().unwrap();
        assert!(message.contains(path), "{message}");
    }
    // The operator's token is no user's.
    let read = ask(&server, Method::GET, "/v1/channel/count?channel=a", None).await;
    assert_eq!(read.error(), (401, "unauthorized"));
}

/// Ann observes and is in the lobby, Bob is in it twice.
async fn populated(server: &Server) -> (Client, String, Client, Client) {
    let mut ann = Client::connect(server, Encoding::Json, "ann", 1).await;
    ann.join(1, "lobby").await;
    ann.send(&[ClientFrame::Observe { id: 2, channel: "lobby".into(), from: None }]).await;
    assert!(matches!(ann.answer(2).await, ServerFrame::Ok { .. }));
    let mut bob = Client::connect(server, Encoding::Postcard, "bob", 2).await;
    bob.join(1, "lobby").await;
    bob.join(2, "other").await;
    let mut second = Client::connect(server, Encoding::Json, "bob", 3).await;
    second.join(1, "lobby").await;
    let ServerFrame::Diff { transitions, .. } = ann.next().await else { panic!("no diff") };
    let [Transition::Join { user }] = &transitions[..] else { panic!("{transitions:?}") };
    (ann, user.clone(), bob, second)
}

#[tokio::test]
async fn it_tells_what_there_is() {
    let file = token_file();
    let server = Server::with(config(&file)).await;
    let (_ann, bob_id, mut bob, _second) = populated(&server).await;
    let attributes = [("html", "<script>alert(1)</script>")].into_iter().collect();
    bob.send(&[ClientFrame::Set { id: 3, channel: "lobby".into(), attributes }]).await;
    assert!(matches!(bob.answer(3).await, ServerFrame::Ok { .. }));

    let overview = get(&server, "/v1/admin/overview").await;
    for (field, value) in [
        ("connections", 3),
        ("sockets", 3),
        ("attached_sessions", 3),
        ("detached_sessions", 0),
        ("users", 2),
        ("channels", 2),
        ("members", 3),
        ("observers", 1),
    ] {
        assert_eq!(overview[field], value, "{field}: {overview}");
    }
    assert_eq!(overview["transitions"], json!({ "join": 3, "leave": 0, "timeout": 0, "set": 1 }));
    assert_eq!(overview["observed_channels"], json!({ "full": 1, "interval": 0, "count": 0 }));
    assert_eq!((&overview["draining"], &overview["version"]), (&json!(false), &json!("0.1.0")));

    let lobby = json!({ "channel": "lobby", "members": 2, "observers": 1, "mode": "full" });
    let other = json!({ "channel": "other", "members": 1, "observers": 0, "mode": null });
    assert_eq!(get(&server, "/v1/admin/channels").await, json!({ "channels": [lobby, other] }));
    let some = get(&server, "/v1/admin/channels?prefix=o").await;
    assert_eq!(some, json!({ "channels": [other] }));
    assert_eq!(get(&server, "/v1/admin/channels?client_id=shop").await, json!({ "channels": [] }));

    let members = get(&server, "/v1/admin/channel/members?channel=lobby").await;
    assert_eq!((&members["count"], &members["next"]), (&json!(2), &Value::Null));
    let told = json!({ "user": bob_id, "attributes": { "html": "<script>alert(1)</script>" } });
    assert!(members["members"].as_array().unwrap().contains(&told), "{members}");
    let after = get(&server, &format!("/v1/admin/channel/members?channel=lobby&after={bob_id}")).await;
    assert!(!after["members"].as_array().unwrap().contains(&told));

    let user = get(&server, &format!("/v1/admin/user?user={bob_id}")).await;
    let first = json!({
        "attached": true, "detached_ms": null, "protocol": "herenow.v1.postcard",
        "joined": ["lobby", "other"], "observed": [],
    });
    assert_eq!((user["sessions"].as_array().unwrap().len(), &user["sessions"][0]), (2, &first));
    assert!(!user.to_string().contains(&format!("{:032x}", 2)), "a session's secret is not told");

    for wrong in ["/v1/admin/channel/members?channel=", "/v1/admin/user", "/v1/admin/channels?client_id="] {
        assert_eq!(
            ask(&server, Method::GET, wrong, None).await.error(),
            (400, "invalid_argument"),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn kicked_from_a_channel_a_user_is_told_so_and_others_see_a_leave() {
    let file = token_file();
    let server = Server::with(config(&file)).await;
    let (mut ann, bob_id, mut bob, mut second) = populated(&server).await;
    let kick = |body: Value| ask(&server, Method::POST, "/v1/admin/kick", Some(body));
    let kicked = kick(json!({ "user": bob_id, "channel": "lobby" })).await;
    assert_eq!((kicked.status, kicked.body), (200, json!({ "sessions": 2 })));
    for client in [&mut bob, &mut second] {
        let told = client.next().await;
        assert!(matches!(&told, ServerFrame::Left(left) if left.channel == "lobby"), "{told:?}");
    }
    let seen = ann.next().await;
    let left = Transition::Leave { user: bob_id.clone() };
    assert!(matches!(&seen, ServerFrame::Diff { transitions, .. } if *transitions == [left]), "{seen:?}");

    // Less than what was meant to be said would kick from everything.
    for unknown in
        [json!({ "user": bob_id, "chanel": "other" }), json!({ "user": bob_id, "Channel": "other" })]
    {
        assert_eq!(kick(unknown.clone()).await.error(), (400, "invalid_argument"), "{unknown}");
    }
    let members = get(&server, "/v1/admin/channel/members?channel=other").await;
    assert_eq!(members["count"], 1, "{members}");
    let out = kick(json!({ "user": bob_id })).await;
    assert_eq!(out.body, json!({ "sessions": 2 }));
    assert_eq!(bob.closed().await, (4503, "kicked".into()));
    assert_eq!(second.closed().await, (4503, "kicked".into()));
    assert_eq!(get(&server, "/v1/admin/overview").await["members"], 1);
    assert_eq!(kick(json!({ "user": bob_id })).await.body, json!({ "sessions": 0 }));
    for wrong in [
        json!({}),
        json!({ "user": "" }),
        json!({ "user": "a", "channel": "" }),
        json!({ "user": 1 }),
        json!([]),
    ] {
        assert_eq!(kick(wrong.clone()).await.error(), (400, "invalid_argument"), "{wrong}");
    }
}

#[tokio::test]
async fn an_operator_can_ask_it_to_stop() {
    let file = token_file();
    let server = Server::with(config(&file)).await;
    let mut ann = Client::connect(&server, Encoding::Json, "ann", 1).await;
    let later = ask(&server, Method::POST, "/v1/admin/drain", Some(json!({ "in": "1h" }))).await;
    assert_eq!(later.error(), (400, "invalid_argument"), "it is not asked to stop now");
    assert_eq!(answer(reqwest::Client::new().get(server.url("/readyz"))).await.status, 200);
    let asked = ask(&server, Method::POST, "/v1/admin/drain", None).await;
    assert_eq!((asked.status, asked.body), (202, json!({ "draining": true })));
    assert!(matches!(ann.next().await, ServerFrame::GoingAway { .. }));
    assert_eq!(answer(reqwest::Client::new().get(server.url("/readyz"))).await.status, 503);
    drop(ann);
    server.ended().await;
}

#[tokio::test]
async fn the_page_may_load_nothing_from_elsewhere_and_be_in_no_frame() {
    let file = token_file();
    let server = Server::with(config(&file)).await;
    for (path, kind) in
        [("/admin", "text/html"), ("/admin/app.js", "text/javascript"), ("/admin/style.css", "text/css")]
    {
        let page = answer(reqwest::Client::new().get(server.url(path))).await;
        assert_eq!(page.status, 200);
        assert!(page.header("content-type").starts_with(kind));
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        let policy = page.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn a_short_token_is_refused_and_a_new_one_is_read_at_sighup() {
    let file = token_file();
    let path = file.path().to_str().unwrap();
    fs::write(path, "short").unwrap();
    let refused = output(program(&["--admin-token-file", path])).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("32 bytes"));

    fs::write(path, TOKEN).unwrap();
    let mut server = start(program(&["--listen", "127.0.0.1:0", "--admin-token-file", path])).await;
    let status = |token: String| {
        let url = format!("http://{}/v1/admin/overview", server.address);
        async move { reqwest::Client::new().get(url).bearer_auth(token).send().await.unwrap().status().as_u16() }
    };
    assert_eq!(status(TOKEN.into()).await, 200);
    let other = format!("{TOKEN} and more");
    fs::write(path, &other).unwrap();
    server.signal("-HUP").await;
    let begun = std::time::Instant::now();
    while status(other.clone()).await != 200 {
        assert!(begun.elapsed() < crate::common::PATIENCE);
    }
    assert_eq!(status(TOKEN.into()).await, 401);
    let log = server.logged("read the operator's token again").await;
    assert!(!log.contains("the keys of tokens"), "in open mode there are none: {log}");
    fs::write(path, "short").unwrap();
    server.signal("-HUP").await;
    let log = server.logged("the operator's token stays as it was").await;
    assert!(!log.contains("again"), "{log}");
    server.signal("-TERM").await;
    assert_eq!(server.end().await.0, Some(0));
}
