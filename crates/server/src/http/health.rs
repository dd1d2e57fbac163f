//! Whether the server lives, and whether it takes clients.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;

use crate::app::App;

/// `GET /healthz`.
pub(crate) async fn live() -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], "ok\n")
}

/// `GET /readyz`.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> impl IntoResponse {
    let (status, text) = if app.lifecycle.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else {
        (StatusCode::OK, "ok\n")
    };
    (status, [(CACHE_CONTROL, "no-store")], text)
}
