//! The OpenAPI document: complete, and in itself consistent.

use std::collections::BTreeSet;
use std::io::Write as _;

use herenow_protocol::Code;
use herenow_server::Config;
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::common::{Server, answer};

/// What every server answers besides the WebSocket and the files of `--www`.
const ROUTES: [&str; 8] = [
    "GET /healthz",
    "GET /openapi.json",
    "GET /readyz",
    "GET /v1/channel/attributes",
    "GET /v1/channel/count",
    "GET /v1/channel/users",
    "GET /v1/user/channels",
    "POST /v1/guests",
];

/// What a server with `--admin-token-file` answers, too.
const OPERATORS: [&str; 6] = [
    "GET /v1/admin/channel/members",
    "GET /v1/admin/channels",
    "GET /v1/admin/overview",
    "GET /v1/admin/user",
    "POST /v1/admin/drain",
    "POST /v1/admin/kick",
];

async fn document(server: &Server) -> Value {
    let answer = answer(reqwest::Client::new().get(server.url("/openapi.json"))).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    answer.body
}

/// A server with the operator's API, and the file with its token.
async fn with_operators() -> (Server, NamedTempFile) {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(b"an operator's token of more than thirty-two bytes").unwrap();
    let server =
        Server::with(Config { admin_token_file: Some(file.path().into()), ..Config::default() }).await;
    (server, file)
}

/// Checks that a server's document names these routes and no other, and that the server has them.
async fn names(server: &Server, routes: &[&str]) {
    let document = document(server).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{document}");
    let mut named = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            named.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    assert_eq!(named, routes.iter().map(|route| (*route).to_owned()).collect());
    for route in routes {
        let (method, path) = route.split_once(' ').unwrap();
        let request = reqwest::Client::new().request(method.parse().unwrap(), server.url(path));
        assert!(![404, 405].contains(&answer(request).await.status), "{route} is there");
    }
}

#[tokio::test]
async fn it_names_every_route_and_no_other() {
    names(&Server::start().await, &ROUTES).await;
}

#[tokio::test]
async fn it_names_those_of_operators_where_they_are_there() {
    let (server, _file) = with_operators().await;
    names(&server, &[&ROUTES[..], &OPERATORS].concat()).await;
}

/// What an operator's request may be refused with by what is before it, and what its body may hold.
#[tokio::test]
async fn it_says_how_operators_are_refused() {
    let (server, _file) = with_operators().await;
    let document = document(&server).await;
    for route in OPERATORS {
        let (method, path) = route.split_once(' ').unwrap();
        let operation = &document["paths"][path][method.to_lowercase()];
        for status in ["401", "403"] {
            assert!(operation["responses"][status].is_object(), "{route}: {status}");
        }
    }
    for body in ["Kick", "Drain"] {
        let schema = &document["components"]["schemas"][body];
        assert_eq!(schema["additionalProperties"], Value::Bool(false), "{body}: {schema}");
    }
}

/// Calls `see` with each reference in a value.
fn references(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                see(reference);
            }
            fields.values().for_each(|value| references(value, see));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, see)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn what_it_refers_to_is_there_and_errors_have_all_codes() {
    let (server, _file) = with_operators().await;
    let document = document(&server).await;
    let mut seen = 0;
    references(&document, &mut |reference| {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
        seen += 1;
    });
    assert!(seen > 40, "{seen}");
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let error = &document["components"]["schemas"]["Error"];
    assert_eq!(error["properties"]["code"]["enum"], serde_json::json!(codes));
    assert_eq!(error["required"], serde_json::json!(["code", "message", "remedy"]));
}
