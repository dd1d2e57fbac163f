//! Results for JavaScript.

use herenow_protocol::Attributes;
use herenow_session::{Roster, State, StateChange};
use js_sys::{Array, Object};
use serde::Serialize;
use wasm_bindgen::JsValue;

/// Lists and tuples go through serde. Structs don't: the names of their fields would be kept in a table of their own
/// in the wasm (2 KB).
fn to_js(value: &impl Serialize) -> JsValue {
    value.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).unwrap_or_default()
}

/// An object. Its properties are defined, not assigned, so that a name may be `__proto__`.
fn from_entries(entries: &Array) -> JsValue {
    Object::from_entries(entries).map(JsValue::from).unwrap_or_default()
}

/// An object of few properties.
pub(crate) fn object(properties: &[(&str, &JsValue)]) -> JsValue {
    let entries: Array = properties.iter().map(|(name, value)| Array::of2(&(*name).into(), value)).collect();
    from_entries(&entries)
}

/// Attributes as an object.
pub(crate) fn attributes(attributes: &Attributes) -> JsValue {
    let entries: Array = attributes.iter().map(|pair| to_js(&pair)).collect();
    from_entries(&entries)
}

/// A member as `getPresenceChannelUsers` lists it.
pub(crate) fn member(user: &JsValue, attributes: &JsValue) -> JsValue {
    object(&[("userProfileId", user), ("attributes", attributes)])
}

/// `{channelUsers}`, perhaps not all.
pub(crate) fn channel_users(users: &Array, truncated: bool) -> JsValue {
    let properties: [(&str, &JsValue); 2] = [("channelUsers", users), ("truncated", &JsValue::TRUE)];
    object(&properties[..if truncated { 2 } else { 1 }])
}

/// `{channelUsers}` of a roster.
pub(crate) fn roster(roster: &Roster) -> JsValue {
    let users: Array = roster.iter().map(|(user, own)| member(&user.into(), &attributes(own))).collect();
    channel_users(&users, false)
}

/// What connection listeners are told: [state, previous, reason, milliseconds to the next attempt].
pub(crate) fn state_change(change: &StateChange) -> JsValue {
    let retry_in_ms = change.retry_in_ms.map(|ms| ms as f64);
    to_js(&(state(change.state), state(change.previous), change.reason.as_deref(), retry_in_ms))
}

fn state(state: State) -> &'static str {
    match state {
        State::Idle => "idle",
        State::Connecting => "connecting",
        State::Connected => "connected",
        State::Reconnecting => "reconnecting",
        State::Closed => "closed",
        State::Failed => "failed",
    }
}
