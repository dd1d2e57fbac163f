//! The functions that JavaScript calls. `client` is the number of a `PresenceClient`; 0 is the default client.

use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;

use crate::calls::{Change, Read, change, read, settled};
use crate::client::Client;
use crate::{bridge, clients};

const NOBODY: JsValue = JsValue::UNDEFINED;

fn profile_of(client: Result<Rc<Client>, JsValue>) -> Promise {
    settled(client.map(|client| bridge::profile(&client.options)))
}

/// Says who the page is. Resolves to the profile `{id, nickname, access_token, created_at}`.
#[wasm_bindgen]
pub fn init(options: JsValue) -> Promise {
    profile_of(clients::init(&options))
}

/// The profile of a client.
#[wasm_bindgen]
pub fn profile(client: u32) -> Promise {
    profile_of(clients::find(client))
}

/// Makes a client of its own. Resolves to its number.
#[wasm_bindgen(js_name = openClient)]
pub fn open_client(options: JsValue) -> Promise {
    settled(clients::open(&options).map(|client| Promise::resolve(&JsValue::from(client.id))))
}

/// Ends a client of its own for good.
#[wasm_bindgen(js_name = closeClient)]
pub fn close_client(client: u32) -> Promise {
    clients::close(client)
}

/// Makes the user present in a channel.
#[wasm_bindgen(js_name = joinPresenceChannel)]
pub fn join_presence_channel(options: JsValue, client: u32) -> Promise {
    change(Change::Join, options, NOBODY, client)
}

/// Ends the user's presence in a channel.
#[wasm_bindgen(js_name = leavePresenceChannel)]
pub fn leave_presence_channel(options: JsValue, client: u32) -> Promise {
    change(Change::Leave, options, NOBODY, client)
}

/// Calls `listener` for each transition of a channel. Resolves once observing.
#[wasm_bindgen(js_name = addPresenceListener)]
pub fn add_presence_listener(options: JsValue, listener: JsValue, client: u32) -> Promise {
    change(Change::Observe, options, listener, client)
}

/// Calls `listener` no more. The last one of a channel stops observing it.
#[wasm_bindgen(js_name = removePresenceListener)]
pub fn remove_presence_listener(options: JsValue, listener: JsValue, client: u32) -> Promise {
    change(Change::Unobserve, options, listener, client)
}

/// Replaces the user's attributes in a channel. Resolves to them as stored.
#[wasm_bindgen(js_name = setPresenceUserAttributes)]
pub fn set_presence_user_attributes(options: JsValue, client: u32) -> Promise {
    change(Change::Set, options, NOBODY, client)
}

/// The attributes of a user in a channel; `{}` for a user who is not a member.
#[wasm_bindgen(js_name = getPresenceUserAttributes)]
pub fn get_presence_user_attributes(options: JsValue, client: u32) -> Promise {
    read(Read::Attributes, options, client)
}

/// The members of a channel, at most 3 s old.
#[wasm_bindgen(js_name = getPresenceChannelUsers)]
pub fn get_presence_channel_users(options: JsValue, client: u32) -> Promise {
    read(Read::Users, options, client)
}

/// The channels that a user is in.
#[wasm_bindgen(js_name = getPresenceUserChannels)]
pub fn get_presence_user_channels(options: JsValue, client: u32) -> Promise {
    read(Read::Channels, options, client)
}

/// How many members a channel has.
#[wasm_bindgen(js_name = getPresenceChannelCount)]
pub fn get_presence_channel_count(options: JsValue, client: u32) -> Promise {
    read(Read::Count, options, client)
}

/// Calls `listener` for each change of the connection's state.
#[wasm_bindgen(js_name = addConnectionListener)]
pub fn add_connection_listener(listener: JsValue, client: u32) -> Promise {
    on_connection(listener, client, true)
}

/// Calls `listener` no more.
#[wasm_bindgen(js_name = removeConnectionListener)]
pub fn remove_connection_listener(listener: JsValue, client: u32) -> Promise {
    on_connection(listener, client, false)
}

fn on_connection(listener: JsValue, client: u32, wanted: bool) -> Promise {
    let done = clients::find(client).and_then(|client| bridge::on_connection(client.id, &listener, wanted));
    settled(done.map(|()| Promise::resolve(&JsValue::UNDEFINED)))
}
