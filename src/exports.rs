//! The functions that JavaScript calls. `client` is the number of a `PresenceClient`; without it the default client.

use std::rc::Rc;

use herenow_session::Intent;
use js_sys::Promise;
use wasm_bindgen::prelude::*;

use crate::client::Client;
use crate::{args, bridge, clients, reads};

type Outcome = Result<Promise, JsValue>;

fn settled(outcome: Outcome) -> Promise {
    outcome.unwrap_or_else(|error| Promise::reject(&error))
}

fn profile_of(client: Rc<Client>) -> Promise {
    bridge::profile(&client.options.object)
}

/// Says who the page is. Resolves to the profile `{id, nickname, access_token, created_at}`.
#[wasm_bindgen]
pub fn init(options: JsValue) -> Promise {
    settled(clients::init(&options).map(profile_of))
}

/// The profile of a client.
#[wasm_bindgen]
pub fn profile(client: Option<u32>) -> Promise {
    settled(clients::find(client).map(profile_of))
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
pub fn join_presence_channel(options: JsValue, client: Option<u32>) -> Promise {
    settled(on_channel(&options, client, |promise, channel| Intent::Join { promise, channel }))
}

/// Ends the user's presence in a channel.
#[wasm_bindgen(js_name = leavePresenceChannel)]
pub fn leave_presence_channel(options: JsValue, client: Option<u32>) -> Promise {
    settled(on_channel(&options, client, |promise, channel| Intent::Leave { promise, channel }))
}

fn on_channel(
    options: &JsValue,
    client: Option<u32>,
    intent: impl FnOnce(herenow_session::PromiseId, String) -> Intent,
) -> Outcome {
    let channel = args::channel(options)?;
    Ok(clients::find(client)?.intend(JsValue::UNDEFINED, |promise| intent(promise, channel)))
}

/// Calls `listener` for each transition of a channel. Resolves once observing.
#[wasm_bindgen(js_name = addPresenceListener)]
pub fn add_presence_listener(options: JsValue, listener: JsValue, client: Option<u32>) -> Promise {
    settled(try_add_listener(&options, listener, client))
}

fn try_add_listener(options: &JsValue, listener: JsValue, client: Option<u32>) -> Outcome {
    let channel = args::channel(options)?;
    let listener = args::function(listener)?;
    let client = clients::find(client)?;
    let id = client.id;
    let undo = if bridge::has_listener(id, &channel, &listener) {
        JsValue::UNDEFINED
    } else {
        bridge::add_listener(id, &channel, &listener);
        let channel = channel.clone();
        Closure::once_into_js(move || {
            bridge::remove_listener(id, &channel, &listener);
        })
    };
    Ok(client.intend(undo, |promise| Intent::Observe { promise, channel }))
}

/// Calls `listener` no more. The last one of a channel stops observing it.
#[wasm_bindgen(js_name = removePresenceListener)]
pub fn remove_presence_listener(options: JsValue, listener: JsValue, client: Option<u32>) -> Promise {
    settled(try_remove_listener(&options, listener, client))
}

fn try_remove_listener(options: &JsValue, listener: JsValue, client: Option<u32>) -> Outcome {
    let channel = args::channel(options)?;
    let listener = args::function(listener)?;
    let client = clients::find(client)?;
    if !bridge::remove_listener(client.id, &channel, &listener) {
        return Ok(Promise::resolve(&JsValue::UNDEFINED));
    }
    Ok(client.intend(JsValue::UNDEFINED, |promise| Intent::Unobserve { promise, channel }))
}

/// Replaces the user's attributes in a channel. Resolves to them as stored.
#[wasm_bindgen(js_name = setPresenceUserAttributes)]
pub fn set_presence_user_attributes(options: JsValue, client: Option<u32>) -> Promise {
    settled(try_set(&options, client))
}

fn try_set(options: &JsValue, client: Option<u32>) -> Outcome {
    let channel = args::channel(options)?;
    let attributes = args::attributes(options)?;
    let client = clients::find(client)?;
    Ok(client.intend(JsValue::UNDEFINED, |promise| Intent::Set { promise, channel, attributes }))
}

/// The attributes of a user in a channel; `{}` for a user who is not a member.
#[wasm_bindgen(js_name = getPresenceUserAttributes)]
pub fn get_presence_user_attributes(options: JsValue, client: Option<u32>) -> Promise {
    settled((|| {
        let (channel, user) = (args::channel(&options)?, args::user(&options)?);
        Ok(reads::attributes(&*clients::find(client)?, &channel, &user))
    })())
}

/// The members of a channel, at most 3 s old.
#[wasm_bindgen(js_name = getPresenceChannelUsers)]
pub fn get_presence_channel_users(options: JsValue, client: Option<u32>) -> Promise {
    settled((|| {
        let channel = args::channel(&options)?;
        Ok(reads::users(&*clients::find(client)?, &channel))
    })())
}

/// The channels that a user is in.
#[wasm_bindgen(js_name = getPresenceUserChannels)]
pub fn get_presence_user_channels(options: JsValue, client: Option<u32>) -> Promise {
    settled((|| {
        let user = args::user(&options)?;
        Ok(bridge::channels(&clients::find(client)?.options.object, &user))
    })())
}

/// How many members a channel has.
#[wasm_bindgen(js_name = getPresenceChannelCount)]
pub fn get_presence_channel_count(options: JsValue, client: Option<u32>) -> Promise {
    settled((|| {
        let channel = args::channel(&options)?;
        Ok(bridge::count(&clients::find(client)?.options.object, &channel))
    })())
}

/// Calls `listener` for each change of the connection's state.
#[wasm_bindgen(js_name = addConnectionListener)]
pub fn add_connection_listener(listener: JsValue, client: Option<u32>) -> Promise {
    settled(on_connection(listener, client, bridge::add_connection))
}

/// Calls `listener` no more.
#[wasm_bindgen(js_name = removeConnectionListener)]
pub fn remove_connection_listener(listener: JsValue, client: Option<u32>) -> Promise {
    settled(on_connection(listener, client, bridge::remove_connection))
}

fn on_connection(listener: JsValue, client: Option<u32>, act: fn(u32, &js_sys::Function)) -> Outcome {
    let listener = args::function(listener)?;
    act(clients::find(client)?.id, &listener);
    Ok(Promise::resolve(&JsValue::UNDEFINED))
}
