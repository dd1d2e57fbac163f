//! HTTP: the routes and what is common to them.

mod access;
mod admin;
mod body;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod checks;
mod connect;
#[cfg(test)]
mod documented;
mod error;
mod files;
mod guests;
mod health;
mod metrics;
mod openapi;
mod rate;
mod reads;
mod unread;

use std::sync::Arc;

use axum::Router;
use axum::extract::OriginalUri;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;
use crate::metrics::MetricsFlag;
use error::ApiError;
pub(crate) use rate::{ReadRates, WrongTokens};
pub(crate) use unread::Unread;

/// Everything that this server answers.
pub(crate) fn router(app: Arc<App>) -> Router {
    let guarded = Router::new()
        .route("/channel/users", get(reads::users))
        .route("/channel/attributes", get(reads::attributes))
        .route("/channel/count", get(reads::count))
        .route("/user/channels", get(reads::channels))
        .route("/guests", post(guests::create))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(&app), access::guard));
    // The upgrade refuses a wrong origin on the open socket, since browsers show no other refusal.
    let v1 = guarded.route("/connect", get(connect::connect).fallback(wrong_method));
    let known_host = || from_fn_with_state(Arc::clone(&app.origins), access::known_host);
    let v1 = if app.admin.is_some() { v1.nest("/admin", admin::api(&app).layer(known_host())) } else { v1 };
    let root = Router::new()
        .nest("/v1", v1)
        .route("/openapi.json", get(openapi::describe).fallback(wrong_method))
        .route("/healthz", get(health::live).fallback(wrong_method))
        .route("/readyz", get(health::ready).fallback(wrong_method));
    let root = if app.admin.is_some() { root.merge(admin::pages().route_layer(known_host())) } else { root };
    let root = match app.config.metrics {
        MetricsFlag::On => {
            root.route("/metrics", get(metrics::read).fallback(wrong_method).layer(known_host()))
        }
        MetricsFlag::Off | MetricsFlag::At(_) => root,
    };
    let root = match &app.config.www {
        Some(www) => root.fallback_service(files::serve(www)),
        None => root.fallback(not_found),
    };
    root.layer(from_fn_with_state(Arc::clone(&app), metrics::count)).with_state(app)
}

/// What is answered on an address of its own: for operators only. `loopback_only`: only this machine reaches that
/// address.
pub(crate) fn operators_router(app: Arc<App>, loopback_only: bool) -> Router {
    let rules = Arc::new(app.origins.on(loopback_only));
    let known_host = from_fn_with_state(rules, access::known_host);
    Router::new()
        .route("/metrics", get(metrics::read).fallback(wrong_method).layer(known_host))
        .route("/healthz", get(health::live).fallback(wrong_method))
        .route("/readyz", get(health::ready).fallback(wrong_method))
        .fallback(not_found)
        .with_state(app)
}

/// Names the path as it was asked for: a nested router sees only its end.
async fn not_found(OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError::not_found(uri.path())
}

async fn wrong_method(method: Method) -> ApiError {
    ApiError::wrong_method(&method)
}
