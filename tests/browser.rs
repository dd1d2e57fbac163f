//! The SDK's exports in a real browser against the real server: `npm test -- browser` starts both.
#![cfg(target_arch = "wasm32")]
#![allow(missing_docs, clippy::unwrap_used, reason = "a failed test is what an unwrap is for")]

use herenow::*;
use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// The address of the server, put in by `scripts/wasm-test.mjs`.
const ENDPOINT: Option<&str> = option_env!("HERENOW_TEST_ENDPOINT");

#[wasm_bindgen(inline_js = r#"
export const memory = () => { let kept; return { get: () => kept, set: (profile) => { kept = profile } } };
export function recorder() {
  const events = [];
  const fn = (event) => { events.push(event); fn.check?.() };
  fn.events = events;
  fn.seen = (kind, user) => new Promise((resolve) => {
    fn.check = () => {
      const found = events.find(({ event, message }) => event === kind && message.userProfileId === user);
      if (found) resolve(found);
    };
    fn.check();
  });
  return fn;
}
export const kinds = (recorder, user) =>
  recorder.events.filter(({ message }) => message.userProfileId === user).map(({ event }) => event);
export const seen = (recorder, kind, user) => recorder.seen(kind, user);
export const json = (value) => JSON.stringify(value);
export const parse = (text) => JSON.parse(text);
export const thrower = () => () => { throw new Error("a listener's own mistake") };
export const channelName = () => `browser-${crypto.randomUUID()}`;
"#)]
extern "C" {
    fn memory() -> JsValue;
    fn recorder() -> Function;
    fn kinds(recorder: &Function, user: &str) -> Array;
    fn seen(recorder: &Function, kind: &str, user: &str) -> Promise;
    fn json(value: &JsValue) -> String;
    fn parse(text: &str) -> JsValue;
    fn thrower() -> Function;
    #[wasm_bindgen(js_name = channelName)]
    fn channel_name() -> String;
}

fn object(fields: &[(&str, &JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        Reflect::set(&object, &(*name).into(), value).unwrap();
    }
    object.into()
}

fn get(value: &JsValue, name: &str) -> JsValue {
    Reflect::get(value, &name.into()).unwrap()
}

async fn done(promise: Promise) -> JsValue {
    JsFuture::from(promise).await.unwrap()
}

async fn code(promise: Promise) -> String {
    let error = JsFuture::from(promise).await.unwrap_err();
    assert!(!get(&error, "message").as_string().unwrap().is_empty());
    assert!(!get(&error, "remedy").as_string().unwrap().is_empty());
    assert_eq!(get(&error, "name"), "PresenceError");
    get(&error, "code").as_string().unwrap()
}

/// A client of its own and its user's id.
struct Visitor {
    number: u32,
    user: String,
}

impl Visitor {
    async fn new() -> Self {
        Self::with_storage(&memory()).await
    }

    async fn with_storage(storage: &JsValue) -> Self {
        let endpoint = ENDPOINT.expect("HERENOW_TEST_ENDPOINT is set by scripts/wasm-test.mjs");
        let options = object(&[("endpoint", &endpoint.into()), ("storageStrategy", storage)]);
        let number = done(open_client(options)).await.as_f64().unwrap() as u32;
        let profile = done(profile(number)).await;
        Self { number, user: get(&profile, "id").as_string().unwrap() }
    }

    async fn join(&self, channel: &str) {
        assert!(done(join_presence_channel(in_channel(channel), self.number)).await.is_undefined());
    }

    async fn leave(&self, channel: &str) {
        assert!(done(leave_presence_channel(in_channel(channel), self.number)).await.is_undefined());
    }

    async fn set(&self, channel: &str, attributes: &str) -> String {
        json(&done(set_presence_user_attributes(with_attributes(channel, attributes), self.number)).await)
    }

    async fn listen(&self, channel: &str, listener: &Function) {
        let added = add_presence_listener(in_channel(channel), listener.into(), self.number);
        assert!(done(added).await.is_undefined());
    }

    async fn attributes(&self, channel: &str, user: &str) -> String {
        let asked = object(&[("channel", &channel.into()), ("userProfileId", &user.into())]);
        json(&done(get_presence_user_attributes(asked, self.number)).await)
    }

    async fn users(&self, channel: &str) -> Vec<String> {
        let answer = done(get_presence_channel_users(in_channel(channel), self.number)).await;
        let users = Array::from(&get(&answer, "channelUsers"));
        let mut ids: Vec<_> =
            users.iter().map(|user| get(&user, "userProfileId").as_string().unwrap()).collect();
        ids.sort();
        ids
    }

    async fn count(&self, channel: &str) -> f64 {
        let answer = done(get_presence_channel_count(in_channel(channel), self.number)).await;
        get(&answer, "count").as_f64().unwrap()
    }
}

fn in_channel(channel: &str) -> JsValue {
    object(&[("channel", &channel.into())])
}

fn with_attributes(channel: &str, attributes: &str) -> JsValue {
    object(&[("channel", &channel.into()), ("attributes", &parse(attributes))])
}

fn told(listener: &Function, user: &str) -> String {
    kinds(listener, user).join(" ").into()
}

#[wasm_bindgen_test]
async fn two_visitors_see_each_other_join_set_and_leave() {
    let (alice, bob, channel) = (Visitor::new().await, Visitor::new().await, channel_name());
    let listener = recorder();
    alice.listen(&channel, &listener).await;
    alice.join(&channel).await;
    bob.join(&channel).await;
    done(seen(&listener, "join", &bob.user)).await;
    assert_eq!(bob.set(&channel, r#"{"mood":"happy"}"#).await, r#"{"mood":"happy"}"#);
    let update = done(seen(&listener, "updateAttributes", &bob.user)).await;
    let expected = format!(
        r#"{{"event":"updateAttributes","message":{{"userProfileId":"{}","channel":"{channel}","attributes":{{"mood":"happy"}}}}}}"#,
        bob.user
    );
    assert_eq!(json(&update), expected);
    bob.leave(&channel).await;
    done(seen(&listener, "leave", &bob.user)).await;
    assert_eq!(told(&listener, &bob.user), "join updateAttributes leave");
    assert_eq!(told(&listener, &alice.user), "join", "own events are delivered too");
}

#[wasm_bindgen_test]
async fn reads_tell_who_is_there_without_a_listener() {
    let (alice, bob, channel) = (Visitor::new().await, Visitor::new().await, channel_name());
    alice.join(&channel).await;
    alice.set(&channel, r#"{"mood":"calm","__proto__":"kept"}"#).await;
    assert_eq!(bob.users(&channel).await, [&*alice.user]);
    assert_eq!(bob.count(&channel).await, 1.0);
    assert_eq!(bob.attributes(&channel, &alice.user).await, r#"{"__proto__":"kept","mood":"calm"}"#);
    assert_eq!(bob.attributes(&channel, &bob.user).await, "{}");
    let asked = object(&[("userProfileId", &alice.user.as_str().into())]);
    let answer = done(get_presence_user_channels(asked, alice.number)).await;
    assert_eq!(json(&answer), format!(r#"{{"channels":["{channel}"]}}"#));
}

#[wasm_bindgen_test]
async fn a_list_read_after_a_listener_is_ready_has_no_gap() {
    let (alice, bob, channel) = (Visitor::new().await, Visitor::new().await, channel_name());
    bob.join(&channel).await;
    let listener = recorder();
    alice.listen(&channel, &listener).await;
    assert_eq!(alice.users(&channel).await, [&*bob.user]);
    assert_eq!(told(&listener, &bob.user), "", "who was there before is in the list and not told");
    bob.leave(&channel).await;
    done(seen(&listener, "leave", &bob.user)).await;
    assert!(alice.users(&channel).await.is_empty());
}

#[wasm_bindgen_test]
async fn the_last_listener_of_a_channel_ends_the_observing() {
    let (alice, bob, channel) = (Visitor::new().await, Visitor::new().await, channel_name());
    let (first, second) = (recorder(), recorder());
    alice.listen(&channel, &first).await;
    alice.listen(&channel, &second).await;
    let remove =
        |listener: &Function| remove_presence_listener(in_channel(&channel), listener.into(), alice.number);
    assert!(done(remove(&first)).await.is_undefined());
    bob.join(&channel).await;
    done(seen(&second, "join", &bob.user)).await;
    done(remove(&second)).await;
    done(remove(&second)).await;
    bob.leave(&channel).await;
    assert_eq!(told(&first, &bob.user), "");
    assert_eq!(told(&second, &bob.user), "join");
}

#[wasm_bindgen_test]
async fn a_listener_that_throws_does_not_keep_others_from_being_called() {
    let (alice, channel) = (Visitor::new().await, channel_name());
    let listener = recorder();
    let silence = Closure::<dyn FnMut(web_sys_event::ErrorEvent)>::new(|event: web_sys_event::ErrorEvent| {
        event.prevent_default();
    });
    web_sys_event::add("error", silence.as_ref().unchecked_ref());
    alice.listen(&channel, &thrower()).await;
    alice.listen(&channel, &listener).await;
    alice.join(&channel).await;
    done(seen(&listener, "join", &alice.user)).await;
    web_sys_event::remove("error", silence.as_ref().unchecked_ref());
}

mod web_sys_event {
    use super::*;

    #[wasm_bindgen]
    extern "C" {
        pub type ErrorEvent;
        #[wasm_bindgen(method, js_name = preventDefault)]
        pub fn prevent_default(this: &ErrorEvent);
        #[wasm_bindgen(js_name = addEventListener)]
        pub fn add(kind: &str, listener: &Function);
        #[wasm_bindgen(js_name = removeEventListener)]
        pub fn remove(kind: &str, listener: &Function);
    }
}

#[wasm_bindgen_test]
async fn bad_arguments_are_refused_with_their_code() {
    let (alice, channel) = (Visitor::new().await, channel_name());
    let client = alice.number;
    assert_eq!(code(join_presence_channel(JsValue::UNDEFINED, client)).await, "invalid_argument");
    assert_eq!(code(join_presence_channel(in_channel(""), client)).await, "invalid_argument");
    assert_eq!(code(join_presence_channel(in_channel(&"x".repeat(129)), client)).await, "invalid_argument");
    assert_eq!(code(leave_presence_channel(in_channel("a\n"), client)).await, "invalid_argument");
    let no_function = add_presence_listener(in_channel(&channel), JsValue::NULL, client);
    assert_eq!(code(no_function).await, "invalid_argument");
    let set = |attributes: &str| set_presence_user_attributes(with_attributes(&channel, attributes), client);
    assert_eq!(code(set(r#"{"mood":1}"#)).await, "invalid_argument");
    assert_eq!(code(set("[]")).await, "invalid_argument");
    assert_eq!(code(set(r#"{"mood":"happy"}"#)).await, "not_joined");
    let long = format!(r#"{{"mood":"{}"}}"#, "x".repeat(1025));
    assert_eq!(code(set(&long)).await, "too_large");
    assert_eq!(code(get_presence_user_channels(object(&[]), client)).await, "invalid_argument");
    assert_eq!(code(open_client(object(&[("endpoint", &"ftp://x".into())]))).await, "invalid_argument");
}

#[wasm_bindgen_test]
async fn names_may_be_128_bytes_emoji_and_words_that_objects_know() {
    let (alice, bob) = (Visitor::new().await, Visitor::new().await);
    for channel in ["__proto__".into(), "constructor".into(), "🦀".repeat(32), "x".repeat(128)] {
        let listener = recorder();
        bob.listen(&channel, &listener).await;
        alice.join(&channel).await;
        let joined = done(seen(&listener, "join", &alice.user)).await;
        assert_eq!(get(&get(&joined, "message"), "channel").as_string(), Some(channel.clone()));
        alice.leave(&channel).await;
        done(seen(&listener, "leave", &alice.user)).await;
    }
}

#[wasm_bindgen_test]
async fn a_second_client_of_the_same_user_is_seen_by_nobody() {
    let storage = memory();
    let first = Visitor::with_storage(&storage).await;
    let second = Visitor::with_storage(&storage).await;
    assert_eq!(first.user, second.user);
    let (observer, marker, channel) = (Visitor::new().await, Visitor::new().await, channel_name());
    let listener = recorder();
    observer.listen(&channel, &listener).await;
    first.join(&channel).await;
    second.join(&channel).await;
    second.leave(&channel).await;
    marker.join(&channel).await;
    done(seen(&listener, "join", &marker.user)).await;
    assert_eq!(told(&listener, &first.user), "join");
    assert_eq!(observer.count(&channel).await, 2.0);
}

#[wasm_bindgen_test]
async fn join_leave_join_in_one_tick_is_one_join() {
    let (alice, bob, channel) = (Visitor::new().await, Visitor::new().await, channel_name());
    let listener = recorder();
    bob.listen(&channel, &listener).await;
    let client = alice.number;
    let joins = [
        join_presence_channel(in_channel(&channel), client),
        leave_presence_channel(in_channel(&channel), client),
        join_presence_channel(in_channel(&channel), client),
    ];
    for promise in joins {
        done(promise).await;
    }
    bob.join(&channel).await;
    done(seen(&listener, "join", &bob.user)).await;
    assert_eq!(told(&listener, &alice.user), "join");
}

#[wasm_bindgen_test]
async fn a_closed_client_rejects_with_closed() {
    let (alice, channel) = (Visitor::new().await, channel_name());
    alice.join(&channel).await;
    done(close_client(alice.number)).await;
    assert_eq!(code(join_presence_channel(in_channel(&channel), alice.number)).await, "closed");
}

#[wasm_bindgen_test]
async fn a_server_that_is_not_there_is_unavailable() {
    let options = object(&[
        ("endpoint", &"http://127.0.0.1:9".into()),
        ("storageStrategy", &memory()),
        ("requestTimeout", &500.into()),
    ]);
    let number = done(open_client(options)).await.as_f64().unwrap() as u32;
    assert_eq!(code(profile(number)).await, "unavailable");
    assert_eq!(code(get_presence_channel_count(in_channel("lobby"), number)).await, "unavailable");
    assert_eq!(code(join_presence_channel(in_channel("lobby"), number)).await, "unavailable");
}
