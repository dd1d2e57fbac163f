//! Results for JavaScript.

use herenow_protocol::Attributes;
use herenow_session::{Roster, State, StateChange};
use js_sys::{Array, Object};
use serde::Serialize;
use wasm_bindgen::JsValue;

/// A value that serde can write, as plain objects. Not for maps with keys from strangers: see [`attributes`].
pub(crate) fn to_js(value: &impl Serialize) -> JsValue {
    value.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).unwrap_or_default()
}

/// Attributes as an object. Its properties are defined, not assigned, so that a key may be `__proto__`.
pub(crate) fn attributes(attributes: &Attributes) -> JsValue {
    let entries: Array =
        attributes.iter().map(|(key, value)| Array::of2(&key.into(), &value.into())).collect();
    Object::from_entries(&entries).map(JsValue::from).unwrap_or_default()
}

/// A member as `getPresenceChannelUsers` lists it.
pub(crate) fn member(user: &str, attributes_value: JsValue) -> JsValue {
    let entries = Array::of2(
        &Array::of2(&"userProfileId".into(), &user.into()),
        &Array::of2(&"attributes".into(), &attributes_value),
    );
    Object::from_entries(&entries).map(JsValue::from).unwrap_or_default()
}

/// `{channelUsers}`.
pub(crate) fn channel_users(users: &Array, truncated: bool) -> JsValue {
    let entries = Array::of1(&Array::of2(&"channelUsers".into(), users));
    if truncated {
        entries.push(&Array::of2(&"truncated".into(), &JsValue::TRUE));
    }
    Object::from_entries(&entries).map(JsValue::from).unwrap_or_default()
}

/// `{channelUsers}` of a roster.
pub(crate) fn roster(roster: &Roster) -> JsValue {
    let users: Array = roster.iter().map(|(user, own)| member(user, attributes(own))).collect();
    channel_users(&users, false)
}

/// What connection listeners are told.
pub(crate) fn state_change(change: &StateChange) -> JsValue {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Change<'a> {
        state: &'static str,
        previous: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_in_ms: Option<f64>,
    }
    to_js(&Change {
        state: state(change.state),
        previous: state(change.previous),
        reason: change.reason.as_deref(),
        retry_in_ms: change.retry_in_ms.map(|ms| ms as f64),
    })
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
