//! Problems as the errors that JavaScript sees.

use std::borrow::Cow;

use herenow_protocol::{Code, Refusal};
use herenow_session::Problem;
use wasm_bindgen::JsValue;

use crate::bridge;

/// A problem without a time to wait.
pub(crate) fn problem(code: Code, message: impl Into<Cow<'static, str>>) -> Problem {
    Problem { code, message: message.into(), retry_in_ms: None }
}

/// An argument that is not of its form.
pub(crate) fn invalid(message: &'static str) -> Problem {
    problem(Code::InvalidArgument, message)
}

/// A name or attributes that the protocol refuses.
pub(crate) fn refused(refusal: Refusal) -> Problem {
    problem(refusal.code, refusal.message)
}

/// The `PresenceError` of a problem.
pub(crate) fn to_error(problem: &Problem) -> JsValue {
    with_cause(problem, JsValue::UNDEFINED)
}

/// The `PresenceError` of a problem that another error caused.
pub(crate) fn with_cause(problem: &Problem, cause: JsValue) -> JsValue {
    let code = problem.code;
    bridge::new_error(code.as_str(), &problem.message, code.remedy(), code.retryable(), cause)
}
