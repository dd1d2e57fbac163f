//! HTTP: the routes and what is common to them.

mod access;
#[cfg(any(test, feature = "fuzzing"))]
pub mod checks;
mod connect;
mod error;
mod files;
mod guests;
mod health;
mod reads;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;
use error::ApiError;

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
    let root = Router::new()
        .nest("/v1", v1)
        .route("/healthz", get(health::live).fallback(wrong_method))
        .route("/readyz", get(health::ready).fallback(wrong_method));
    let root = match &app.config.www {
        Some(www) => root.fallback_service(files::serve(www)),
        None => root.fallback(not_found),
    };
    root.with_state(app)
}

async fn not_found(uri: Uri) -> ApiError {
    ApiError::not_found(uri.path())
}

async fn wrong_method(method: Method) -> ApiError {
    ApiError::wrong_method(&method)
}
