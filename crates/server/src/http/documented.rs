//! The router and the document name the same requests.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use herenow_registry::{Millis, Registry};
use serde_json::Value;
use tempfile::NamedTempFile;

use super::{openapi, router};
use crate::actor::Actor;
use crate::app::App;
use crate::config::Config;
use crate::metrics::MetricsFlag;

/// What the document leaves out: the upgrade, which PROTOCOL.md describes, the numbers for Prometheus, and a page.
const LEFT_OUT: [&str; 5] =
    ["GET /v1/connect", "GET /metrics", "GET /admin", "GET /admin/app.js", "GET /admin/style.css"];

/// A server on which all is switched on that a flag can switch on, but the operator's API only with its token.
fn app(admin_token_file: Option<PathBuf>) -> Arc<App> {
    let config = Config { metrics: MetricsFlag::On, admin_token_file, ..Config::default() };
    let registry = Registry::new(config.registry("node".into()), 1, Millis(0));
    let (actor, _running) = Actor::start(registry, None);
    Arc::new(App::new(config, actor, None, true).expect("the token is in its file"))
}

/// `METHOD PATH` of each route: axum tells them only in what it writes for debugging.
fn routes(router: &Router) -> BTreeSet<String> {
    let told = format!("{router:?}");
    let (found, _) = told.split_once(", fallback_router:").expect("the routes come first");
    let (methods, paths) = found.split_once(", node: Node").expect("their paths follow");
    // Each begins with its number: `RouteId(1): …`.
    let by_number = |text: &'static str, told: &str| -> BTreeMap<String, String> {
        let entries = told.split("RouteId(").skip(1);
        entries
            .map(|entry| {
                let (number, entry) = entry.split_once("): ").expect("a number");
                let (_, value) = entry.split_once(text).expect("axum writes each route so");
                let (value, _) = value.split_once('"').expect("a string ends");
                (number.to_owned(), value.to_owned())
            })
            .collect()
    };
    let methods = by_number("allow_header: Bytes(b\"", methods);
    let paths = by_number("\"", paths);
    assert_eq!(methods.len(), paths.len(), "{told}");
    let of_route = |(number, path): (&String, &String)| {
        let methods = methods[number].split(',').filter(|method| *method != "HEAD");
        methods.map(|method| format!("{method} {path}")).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_route).collect()
}

/// `METHOD PATH` of each operation, with what the document says of it.
fn operations(document: &Value) -> BTreeMap<String, Value> {
    let paths = document["paths"].as_object().expect("there are paths");
    let of_path = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().expect("there are methods").clone();
        let path = path.clone();
        methods.into_iter().map(move |(method, what)| (format!("{} {path}", method.to_uppercase()), what))
    };
    paths.iter().flat_map(of_path).collect()
}

#[tokio::test]
async fn every_route_is_in_the_document_and_no_other() {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(b"an operator's token of more than thirty-two bytes").expect("it is written");
    for token in [None, Some(file.path().to_owned())] {
        let has_operators = token.is_some();
        let app = app(token);
        let document = serde_json::to_value(openapi::document(&app)).expect("it is JSON");
        let operations = operations(&document);
        let mut routed = routes(&router(app));
        for path in LEFT_OUT.iter().filter(|path| has_operators || !path.contains("/admin")) {
            assert!(routed.remove(*path), "{path} is no route");
        }
        assert_eq!(operations.keys().cloned().collect::<BTreeSet<_>>(), routed);
        assert_eq!(routed.iter().any(|route| route.contains("/admin")), has_operators);

        let ids: BTreeSet<&str> =
            operations.values().map(|what| what["operationId"].as_str().expect("an id")).collect();
        assert_eq!(ids.len(), operations.len(), "each has an id of its own: {ids:?}");
        let schemes = &document["components"]["securitySchemes"];
        for (operation, what) in &operations {
            let asked = if operation.contains("/admin") { "operator" } else { "token" };
            for named in what["security"].as_array().into_iter().flatten().filter_map(Value::as_object) {
                assert!(named.keys().all(|name| name == asked && schemes.get(name).is_some()), "{operation}");
            }
        }
    }
}
