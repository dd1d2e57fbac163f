//! A client of its own, as a test uses it.

use herenow::*;
use js_sys::{Array, Function};
use wasm_bindgen::JsValue;

use crate::page::{done, endpoint, get, in_channel, json, memory, object, text, with_attributes};

/// A `PresenceClient` and its user's id.
pub(crate) struct Visitor {
    pub(crate) number: u32,
    pub(crate) user: String,
}

/// Opens a client at the test's server, with further options. Gives its number.
pub(crate) async fn open(more: &[(&str, &JsValue)]) -> u32 {
    let own: [(&str, &JsValue); 2] =
        [("endpoint", &endpoint().into()), ("storageStrategy", &memory(JsValue::UNDEFINED))];
    let options = object(&[&own, more].concat());
    done(open_client(options)).await.as_f64().unwrap() as u32
}

impl Visitor {
    /// A new guest.
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// Somebody with these options; without a `storageStrategy` among them a new guest.
    pub(crate) async fn with(options: &[(&str, &JsValue)]) -> Self {
        let number = open(options).await;
        Self { number, user: text(&done(profile(number)).await, "id") }
    }

    pub(crate) async fn join(&self, channel: &str) {
        assert!(done(join_presence_channel(in_channel(channel), self.number)).await.is_undefined());
    }

    pub(crate) async fn leave(&self, channel: &str) {
        assert!(done(leave_presence_channel(in_channel(channel), self.number)).await.is_undefined());
    }

    pub(crate) async fn set(&self, channel: &str, attributes: &str) -> String {
        json(&done(set_presence_user_attributes(with_attributes(channel, attributes), self.number)).await)
    }

    pub(crate) async fn listen(&self, channel: &str, listener: &Function) {
        let added = add_presence_listener(in_channel(channel), listener.into(), self.number);
        assert!(done(added).await.is_undefined());
    }

    pub(crate) async fn unlisten(&self, channel: &str, listener: &Function) {
        let removed = remove_presence_listener(in_channel(channel), listener.into(), self.number);
        assert!(done(removed).await.is_undefined());
    }

    pub(crate) async fn watch(&self, listener: &Function) {
        assert!(done(add_connection_listener(listener.into(), self.number)).await.is_undefined());
    }

    pub(crate) async fn attributes(&self, channel: &str, user: &str) -> String {
        let asked = object(&[("channel", &channel.into()), ("userProfileId", &user.into())]);
        json(&done(get_presence_user_attributes(asked, self.number)).await)
    }

    pub(crate) async fn users(&self, channel: &str) -> Vec<String> {
        let answer = done(get_presence_channel_users(in_channel(channel), self.number)).await;
        let users = Array::from(&get(&answer, "channelUsers"));
        let mut ids: Vec<_> = users.iter().map(|user| text(&user, "userProfileId")).collect();
        ids.sort();
        ids
    }

    pub(crate) async fn count(&self, channel: &str) -> f64 {
        let answer = done(get_presence_channel_count(in_channel(channel), self.number)).await;
        get(&answer, "count").as_f64().unwrap()
    }

    pub(crate) async fn channels(&self, user: &str) -> String {
        let asked = object(&[("userProfileId", &user.into())]);
        json(&get(&done(get_presence_user_channels(asked, self.number)).await, "channels"))
    }
}
