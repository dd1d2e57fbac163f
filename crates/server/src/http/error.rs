//! Errors as answers: `{code, message, remedy}` with the fitting status.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use herenow_protocol::{Code, Refusal};
use serde::Serialize;

use super::unread::Room;
use crate::actor::Stopped;
use crate::members::Unavailable;

/// How much of what the client wrote an error repeats.
const MAX_QUOTED: usize = 100;

/// A refused request.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: Code,
    message: Cow<'static, str>,
    remedy: &'static str,
    retry_in_ms: u64,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: Code,
    message: &'a str,
    remedy: &'a str,
}

impl ApiError {
    /// An error with the status and the remedy of its code.
    pub(crate) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, code, message: message.into(), remedy: code.remedy(), retry_in_ms: 0 }
    }

    pub(crate) const fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn with_retry(self, retry_in_ms: u64) -> Self {
        Self { retry_in_ms, ..self }
    }

    pub(crate) fn with_remedy(self, remedy: &'static str) -> Self {
        Self { remedy, ..self }
    }

    pub(crate) fn not_found(path: &str) -> Self {
        let path: String = path.chars().take(MAX_QUOTED).collect();
        Self::new(Code::Unsupported, format!("there is nothing at {path}"))
            .with_status(StatusCode::NOT_FOUND)
            .with_remedy("Check the path, and that the server is not older than the client.")
    }

    pub(crate) fn wrong_method(method: &Method) -> Self {
        let method: String = method.as_str().chars().take(MAX_QUOTED).collect();
        Self::new(Code::Unsupported, format!("this path has no method {method}"))
            .with_status(StatusCode::METHOD_NOT_ALLOWED)
            .with_remedy("Use the method that PROTOCOL.md names for this path.")
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code, refusal.message)
    }
}

impl From<Stopped> for ApiError {
    fn from(_: Stopped) -> Self {
        Self::new(Code::Unavailable, "the server is stopping")
    }
}

impl From<Unavailable> for ApiError {
    fn from(why: Unavailable) -> Self {
        match why {
            Unavailable::Stopped => Stopped.into(),
            Unavailable::Store => Self::new(Code::Unavailable, "the server does not reach its store"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody { code: self.code, message: &self.message, remedy: self.remedy };
        let mut response = json(&body);
        *response.status_mut() = self.status;
        // For who counts.
        response.extensions_mut().insert(self.code);
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.code.retryable() {
            // Whole seconds, at least one.
            let seconds = self.retry_in_ms.div_ceil(1_000).max(1);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// An answer that nobody may keep.
pub(crate) fn json(body: &impl Serialize) -> Response {
    of_json(Body::from(to_json(body)))
}

/// The same, which keeps its room until it is read.
pub(crate) fn json_in(room: Room, body: &impl Serialize) -> Response {
    of_json(Body::from(room.hold(to_json(body))))
}

fn to_json(body: &impl Serialize) -> Vec<u8> {
    // Only maps with keys that are no strings fail, and there are none.
    serde_json::to_vec(body).unwrap_or_default()
}

fn of_json(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
