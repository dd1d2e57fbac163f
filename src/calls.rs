//! One call of the API: its arguments, the client it goes to, and the promise it gives.

use herenow_protocol::{validate_channel, validate_user};
use herenow_session::Intent;
use js_sys::Promise;
use wasm_bindgen::JsValue;

use crate::client::promise;
use crate::pack::Pack;
use crate::problem::refused;
use crate::{bridge, clients};

/// What a call changes. `js/calls.js` knows the same numbers.
#[derive(Clone, Copy)]
pub(crate) enum Change {
    Join = 0,
    Leave = 1,
    Observe = 2,
    Unobserve = 3,
    Set = 4,
}

/// What a call reads. `js/calls.js` knows the same numbers.
#[derive(Clone, Copy)]
pub(crate) enum Read {
    Users = 5,
    Count = 6,
    Attributes = 7,
    Channels = 8,
}

/// The promise of a call; a mistake in its arguments rejects it.
#[inline(never)]
pub(crate) fn settled(outcome: Result<Promise, JsValue>) -> Promise {
    outcome.unwrap_or_else(|error| Promise::reject(&error))
}

/// Changes what the user is in, says or hears. `listener` is undefined where the call has none.
#[inline(never)]
pub(crate) fn change(change: Change, options: JsValue, listener: JsValue, client: u32) -> Promise {
    settled(try_change(change, &options, &listener, client))
}

fn try_change(
    change: Change,
    options: &JsValue,
    listener: &JsValue,
    client: u32,
) -> Result<Promise, JsValue> {
    let texts = bridge::take_apart(change as u32, options, listener)?;
    let channel = bridge::text(0);
    validate_channel(&channel).map_err(refused)?;
    let client = clients::find(client)?;
    let (promise, result) = promise(match change {
        Change::Observe => bridge::add_listener(client.id, &channel, listener, &bridge::text(1)),
        Change::Unobserve if !bridge::remove_listener(client.id, &channel, listener) => {
            return Ok(Promise::resolve(&JsValue::UNDEFINED));
        }
        Change::Join | Change::Leave | Change::Unobserve | Change::Set => JsValue::UNDEFINED,
    });
    client.intend(match change {
        Change::Join => Intent::Join { promise, channel },
        Change::Leave => Intent::Leave { promise, channel },
        Change::Observe => Intent::Observe { promise, channel },
        Change::Unobserve => Intent::Unobserve { promise, channel },
        Change::Set => {
            let pairs = (1..texts).step_by(2).map(|at| (bridge::text(at), bridge::text(at + 1)));
            Intent::Set { promise, channel, attributes: pairs.collect() }
        }
    });
    Ok(result)
}

/// Reads who is there: from the roster of an observed channel, else as `js/reads.js` asks the server.
#[inline(never)]
pub(crate) fn read(read: Read, options: JsValue, client: u32) -> Promise {
    settled(try_read(read, &options, client))
}

fn try_read(read: Read, options: &JsValue, client: u32) -> Result<Promise, JsValue> {
    bridge::take_apart(read as u32, options, &JsValue::UNDEFINED)?;
    let (name, user) = (bridge::text(0), bridge::text(1));
    match read {
        Read::Users | Read::Count => validate_channel(&name),
        Read::Attributes => validate_channel(&name).and_then(|()| validate_user(&user)),
        Read::Channels => validate_user(&name),
    }
    .map_err(refused)?;
    let client = clients::find(client)?;
    let told = match read {
        Read::Users => client.roster(&name, Pack::members),
        Read::Attributes => client.roster(&name, |roster| Pack::member(roster, &user)),
        Read::Count | Read::Channels => None,
    };
    let (text, lengths) = match &told {
        Some(pack) => (&*pack.text, Some(&*pack.lengths)),
        None => ("", None),
    };
    Ok(bridge::read(read as u32, &client.options, &name, &user, text, lengths))
}
