//! Whether the server lives, and whether it takes clients.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;

use crate::app::App;

/// `GET /healthz`.
#[utoipa::path(get, path = "/healthz", responses((status = 200, description = "The process lives", body = String, content_type = "text/plain")))]
pub(crate) async fn live() -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], "ok\n")
}

/// `GET /readyz`.
#[utoipa::path(
    get,
    path = "/readyz",
    responses(
        (status = 200, description = "It takes connections", body = String, content_type = "text/plain"),
        (status = 503, description = "It stops, or does not reach its store", body = String, content_type = "text/plain")
    )
)]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> impl IntoResponse {
    let (status, text) = if app.lifecycle.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else if !app.actor.read(|registry, _| registry.is_ready()).await.unwrap_or(false) {
        (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n")
    } else {
        (StatusCode::OK, "ok\n")
    };
    (status, [(CACHE_CONTROL, "no-store")], text)
}
