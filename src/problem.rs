//! Problems as the errors that JavaScript sees, and back.

use std::borrow::Cow;

use herenow_protocol::{Code, Refusal};
use herenow_session::Problem;
use wasm_bindgen::JsValue;

use crate::bridge;

/// The `PresenceError` of a code.
pub(crate) fn error(code: Code, message: &str) -> JsValue {
    bridge::new_error(code.as_str(), message, code.remedy(), code.retryable())
}

/// The `PresenceError` of a name that the protocol refuses.
pub(crate) fn refused(refusal: Refusal) -> JsValue {
    error(refusal.code, refusal.message)
}

/// The problem that a code and a message, with a space between, stand for.
pub(crate) fn parse(text: &str) -> Problem {
    let (code, message) = text.split_once(' ').unwrap_or(("", text));
    Problem {
        code: Code::parse(code).unwrap_or(Code::Internal),
        message: Cow::Owned(message.into()),
        retry_in_ms: None,
    }
}
