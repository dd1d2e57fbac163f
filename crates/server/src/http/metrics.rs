//! `GET /metrics`, and the counting of requests.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use herenow_protocol::Code;

use super::error::ApiError;
use crate::app::App;
use crate::metrics;

/// The text that Prometheus reads.
pub(crate) async fn read(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let (counters, gauges, ready, short_of_memory) = app
        .actor
        .read(|registry, _| {
            let (counters, gauges) = (registry.counters().clone(), registry.gauges());
            (counters, gauges, registry.is_ready(), registry.is_short_of_memory())
        })
        .await?;
    let now = metrics::Now {
        counters,
        gauges,
        sockets: app.lifecycle.sockets(),
        handshakes: app.admission.open(),
        http_connections: app.http_admission.open(),
        draining: app.lifecycle.is_draining(),
        ready,
        short_of_memory,
    };
    let headers = [(CONTENT_TYPE, metrics::CONTENT_TYPE), (CACHE_CONTROL, "no-store")];
    Ok((headers, app.metrics.text(now)).into_response())
}

/// Counts requests by their route and how they were answered.
pub(crate) async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let method = method(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    app.metrics.answered(method, route, response.status().as_u16());
    if let Some(code) = response.extensions().get::<Code>() {
        app.metrics.refused(*code);
    }
    response
}

/// A client may send any word as a method.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
