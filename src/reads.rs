//! Reading who is there: from the roster of an observed channel, else with fetch. Opens no socket.

use std::rc::Rc;

use js_sys::{Array, Object, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, future_to_promise};

use crate::args::{field, text};
use crate::client::{Client, now};
use crate::{bridge, convert};

const PAGE_USERS: &str = "1000";
/// Beyond this the answer says `truncated`.
const MAX_USERS: u32 = 10_000;

/// What is asked.
pub(crate) enum Read {
    /// `getPresenceChannelUsers` of a channel.
    Users(String),
    /// `getPresenceUserAttributes` of a user in a channel.
    Attributes(String, String),
    /// `getPresenceUserChannels` of a user.
    Channels(String),
    /// `getPresenceChannelCount` of a channel.
    Count(String),
}

/// Answers a read.
pub(crate) async fn answer(client: Rc<Client>, read: Read) -> Result<JsValue, JsValue> {
    if let Some(told) = told(&client, &read) {
        return Ok(told);
    }
    let path = path(&client, &read);
    if let Read::Users(channel) = &read {
        return users(&client, channel, path).await;
    }
    let value = JsFuture::from(bridge::read(&client.options.object, &path)).await?;
    Ok(match read {
        Read::Attributes(..) => field(&value, "attributes"),
        Read::Channels(_) => convert::object(&[("channels", &convert::names(&field(&value, "channels")))]),
        Read::Count(_) | Read::Users(_) => convert::object(&[("count", &field(&value, "count"))]),
    })
}

/// What the roster says, while the channel is observed in full.
fn told(client: &Client, read: &Read) -> Option<JsValue> {
    match read {
        Read::Users(channel) => client.roster(channel, convert::roster),
        Read::Attributes(channel, user) => client.roster(channel, |roster| {
            roster.get(user).map_or_else(|| Object::new().into(), convert::attributes)
        }),
        Read::Channels(_) | Read::Count(_) => None,
    }
}

fn path(client: &Client, read: &Read) -> String {
    let (path, channel, user) = match read {
        Read::Users(channel) => ("/v1/channel/users", Some(channel), None),
        Read::Attributes(channel, user) => ("/v1/channel/attributes", Some(channel), Some(user)),
        Read::Channels(user) => ("/v1/user/channels", None, Some(user)),
        Read::Count(channel) => ("/v1/channel/count", Some(channel), None),
    };
    let mut path = [path, "?client_id=", &encoded(&client.options.client_id)].concat();
    for (name, value) in [("&channel=", channel), ("&user=", user)] {
        if let Some(value) = value {
            path.push_str(name);
            path.push_str(&encoded(value));
        }
    }
    path
}

fn encoded(value: &str) -> String {
    js_sys::encode_uri_component(value).into()
}

async fn users(client: &Rc<Client>, channel: &str, path: String) -> Result<JsValue, JsValue> {
    let now_ms = now().0;
    let known = client.cache.borrow_mut().get(channel, now_ms);
    let answer = known.unwrap_or_else(|| {
        let answer = request_users(client, path);
        client.cache.borrow_mut().insert(channel, now_ms, answer.clone());
        answer
    });
    match JsFuture::from(answer.clone()).await {
        // Each caller gets objects of its own.
        Ok(users) => Ok(bridge::structured_clone(&users)),
        Err(error) => {
            client.cache.borrow_mut().forget_answer(&answer);
            Err(error)
        }
    }
}

fn request_users(client: &Rc<Client>, path: String) -> Promise {
    let client = Rc::clone(client);
    future_to_promise(async move {
        let users = Array::new();
        let mut after = String::new();
        loop {
            let mut path = [&path, "&limit=", PAGE_USERS].concat();
            if !after.is_empty() {
                path.push_str("&after=");
                path.push_str(&encoded(&after));
            }
            let page = JsFuture::from(bridge::read(&client.options.object, &path)).await?;
            for member in Array::from(&field(&page, "users")) {
                users.push(&convert::member(&field(&member, "user"), &field(&member, "attributes")));
            }
            match text(&page, "next") {
                Some(next) if users.length() < MAX_USERS && next != after => after = next,
                next => return Ok(convert::channel_users(&users, next.is_some())),
            }
        }
    })
}
