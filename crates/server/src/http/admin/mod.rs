//! The operator's API and page, with a token of its own. Without one there is neither.
//!
//! Nothing here is for other origins: there are no CORS headers, and a browser keeps no credentials for it.

mod openapi;
mod page;
mod reads;
mod writes;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use herenow_protocol::Code;

use super::access::bearer;
use super::error::ApiError;
use super::{not_found, wrong_method};
use crate::app::App;
pub(super) use openapi::Operators;

/// The API, below `/v1/admin`.
pub(super) fn api(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/overview", get(reads::overview))
        .route("/channels", get(reads::channels))
        .route("/channel/members", get(reads::members))
        .route("/user", get(reads::user))
        .route("/kick", post(writes::kick))
        .route("/drain", post(writes::drain))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(app), guard))
}

/// The page, below `/admin`.
pub(super) fn pages() -> Router<Arc<App>> {
    Router::new()
        .route("/admin", get(page::index))
        .route("/admin/app.js", get(page::script))
        .route("/admin/style.css", get(page::style))
        .method_not_allowed_fallback(wrong_method)
}

/// Lets only an operator through.
async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let allowed = bearer(request.headers()).and_then(|given| match (&app.admin, given) {
        (None, _) => Err(ApiError::not_found(request.uri().path())),
        (Some(token), Some(given)) if token.is(given) => Ok(()),
        (Some(_), _) => Err(ApiError::new(Code::Unauthorized, "the token is not the operator's")
            .with_remedy("Send what is in the file of --admin-token-file as `Authorization: Bearer`.")),
    });
    match allowed {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}
