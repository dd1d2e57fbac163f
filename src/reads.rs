//! Reading who is there: from the roster of an observed channel, else as `js/reads.js` asks the server.

use js_sys::{Object, Promise};

use crate::client::Client;
use crate::{bridge, convert};

/// The members of a channel.
pub(crate) fn users(client: &Client, channel: &str) -> Promise {
    match client.roster(channel, convert::roster) {
        Some(told) => Promise::resolve(&told),
        None => bridge::users(&client.options.object, channel),
    }
}

/// The attributes of a user in a channel.
pub(crate) fn attributes(client: &Client, channel: &str, user: &str) -> Promise {
    let told = client
        .roster(channel, |roster| roster.get(user).map_or_else(|| Object::new().into(), convert::attributes));
    match told {
        Some(told) => Promise::resolve(&told),
        None => bridge::attributes(&client.options.object, channel, user),
    }
}
