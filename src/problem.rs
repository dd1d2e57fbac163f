//! Problems as the errors that JavaScript sees, and back.

use std::borrow::Cow;

use herenow_protocol::{Code, Refusal};
use herenow_session::Problem;
use wasm_bindgen::JsValue;

use crate::args::text;
use crate::bridge;

/// The `PresenceError` of a code.
pub(crate) fn error(code: Code, message: &str) -> JsValue {
    bridge::new_error(code.as_str(), message, code.remedy(), code.retryable())
}

/// The `PresenceError` of an argument that is not of its form.
pub(crate) fn invalid(message: &'static str) -> JsValue {
    error(Code::InvalidArgument, message)
}

/// The `PresenceError` of a name or attributes that the protocol refuses.
pub(crate) fn refused(refusal: Refusal) -> JsValue {
    error(refusal.code, refusal.message)
}

/// The problem that a `PresenceError` stands for.
pub(crate) fn of_error(error: &JsValue) -> Problem {
    Problem {
        code: text(error, "code").and_then(|code| Code::parse(&code)).unwrap_or(Code::Internal),
        message: Cow::Owned(text(error, "message").unwrap_or_default()),
        retry_in_ms: None,
    }
}
