//! Reading who is there: from the roster of an observed channel, else with fetch. Opens no socket.

use std::rc::Rc;

use herenow_session::Problem;
use js_sys::{Array, Promise};
use serde::Serialize;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise};

use crate::args::{field, text};
use crate::client::{Client, now};
use crate::convert;
use crate::identity::problem_of;
use crate::problem::to_error;
use crate::{bridge, http};

const PAGE_USERS: &str = "1000";
/// Beyond this the answer says `truncated`.
const MAX_USERS: u32 = 10_000;

/// `getPresenceChannelUsers`.
pub(crate) async fn users(client: Rc<Client>, channel: String) -> Result<JsValue, Problem> {
    if let Some(users) = client.roster(&channel, convert::roster) {
        return Ok(users);
    }
    let now_ms = now().0;
    let known = client.cache.borrow_mut().get(&channel, now_ms);
    let answer = known.unwrap_or_else(|| {
        let answer = request_users(&client, &channel);
        client.cache.borrow_mut().insert(&channel, now_ms, answer.clone());
        answer
    });
    match JsFuture::from(answer.clone()).await {
        // Each caller gets objects of its own.
        Ok(users) => bridge::structured_clone(&users).map_err(problem_of),
        Err(error) => {
            client.cache.borrow_mut().forget_answer(&answer);
            Err(problem_of(error))
        }
    }
}

fn request_users(client: &Rc<Client>, channel: &str) -> Promise {
    let client = Rc::clone(client);
    let channel = channel.to_owned();
    future_to_promise(async move {
        let pages = fetch_users(&client, &channel).await;
        pages.map_err(|problem| to_error(&problem))
    })
}

async fn fetch_users(client: &Rc<Client>, channel: &str) -> Result<JsValue, Problem> {
    let users = Array::new();
    let mut after = String::new();
    loop {
        let mut query = vec![("channel", channel), ("limit", PAGE_USERS)];
        if !after.is_empty() {
            query.push(("after", after.as_str()));
        }
        let page = http::get(client, "/v1/channel/users", &query).await?;
        for member in Array::from(&field(&page, "users")) {
            let user = text(&member, "user").unwrap_or_default();
            users.push(&convert::member(&user, field(&member, "attributes")));
        }
        match text(&page, "next") {
            Some(next) if users.length() < MAX_USERS && next != after => after = next,
            next => return Ok(convert::channel_users(&users, next.is_some())),
        }
    }
}

/// `getPresenceUserAttributes`.
pub(crate) async fn attributes(
    client: Rc<Client>,
    channel: String,
    user: String,
) -> Result<JsValue, Problem> {
    let told = client.roster(&channel, |roster| {
        roster.get(&user).map_or_else(|| js_sys::Object::new().unchecked_into(), convert::attributes)
    });
    if let Some(attributes) = told {
        return Ok(attributes);
    }
    let answer =
        http::get(&client, "/v1/channel/attributes", &[("channel", &channel), ("user", &user)]).await?;
    Ok(field(&answer, "attributes"))
}

/// `getPresenceUserChannels`.
pub(crate) async fn channels(client: Rc<Client>, user: String) -> Result<JsValue, Problem> {
    let answer = http::get(&client, "/v1/user/channels", &[("user", &user)]).await?;
    #[derive(Serialize)]
    struct Channels {
        channels: Vec<String>,
    }
    let channels =
        Array::from(&field(&answer, "channels")).iter().filter_map(|name| name.as_string()).collect();
    Ok(convert::to_js(&Channels { channels }))
}

/// `getPresenceChannelCount`.
pub(crate) async fn count(client: Rc<Client>, channel: String) -> Result<JsValue, Problem> {
    let answer = http::get(&client, "/v1/channel/count", &[("channel", &channel)]).await?;
    #[derive(Serialize)]
    struct Count {
        count: f64,
    }
    Ok(convert::to_js(&Count { count: field(&answer, "count").as_f64().unwrap_or_default() }))
}
