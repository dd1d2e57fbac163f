//! The connection's state, for JavaScript.

use herenow_session::{State, StateChange};
use serde::Serialize;
use wasm_bindgen::JsValue;

/// What connection listeners are told: [state, previous, reason, milliseconds to the next attempt].
///
/// A tuple: the names of a struct's fields would be kept in a table of their own in the wasm (2 KB).
pub(crate) fn change(change: &StateChange) -> JsValue {
    let retry_in_ms = change.retry_in_ms.map(|ms| ms as f64);
    (name(change.state), name(change.previous), change.reason.as_deref(), retry_in_ms)
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .unwrap_or_default()
}

fn name(state: State) -> &'static str {
    match state {
        State::Idle => "idle",
        State::Connecting => "connecting",
        State::Connected => "connected",
        State::Reconnecting => "reconnecting",
        State::Closed => "closed",
        State::Failed => "failed",
    }
}
