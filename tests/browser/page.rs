//! What the tests need of the page: JavaScript that the SDK is given, and values of it taken apart.

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

// Put in by `scripts/wasm-test.mjs`.
const ENDPOINT: Option<&str> = option_env!("HERENOW_TEST_ENDPOINT");
const SILENT: Option<&str> = option_env!("HERENOW_TEST_SILENT");

/// The address of the server.
pub(crate) fn endpoint() -> &'static str {
    ENDPOINT.expect("HERENOW_TEST_ENDPOINT is set by scripts/wasm-test.mjs")
}

/// The address of one that accepts connections and never says a word.
pub(crate) fn silent_endpoint() -> &'static str {
    SILENT.expect("HERENOW_TEST_SILENT is set by scripts/wasm-test.mjs")
}

/// Where nobody listens. Browsers forbid some such ports, but not this one.
pub(crate) const NOBODY: &str = "http://127.0.0.1:2";

#[wasm_bindgen(inline_js = r#"
export const memory = (kept) => ({ get: () => kept, set: (profile) => { kept = profile } });
export const slowMemory = () => {
  const { get, set } = memory();
  const later = () => new Promise((resolve) => setTimeout(resolve));
  return { get: () => later().then(get), set: (profile) => later().then(() => set(profile)) };
};
export function recorder() {
  const events = [];
  const fn = (event) => { events.push(event); fn.check?.() };
  fn.events = events;
  return fn;
}
export const seen = (fn, kind, user) => new Promise((resolve) => {
  fn.check = () => {
    const found = fn.events.find(({ event, message }) => event === kind && message.userProfileId === user);
    if (found) resolve(found);
  };
  fn.check();
});
export const kinds = (fn, user) =>
  fn.events.filter(({ message }) => message.userProfileId === user).map(({ event }) => event);
export const reached = (fn, wanted, times) => new Promise((resolve) => {
  fn.check = () => { if (fn.events.filter(({ state }) => state === wanted).length >= times) resolve() };
  fn.check();
});
export const states = (fn) => fn.events.map(({ state }) => state);
export const json = (value) => JSON.stringify(value);
export const parse = (text) => JSON.parse(text);
export const channelName = () => `browser-${[...crypto.getRandomValues(new Uint32Array(4))].join("-")}`;
export const evaluate = (code) => (0, eval)(`(${code})`);
export const stored = (key) => localStorage.getItem(key) ?? undefined;
"#)]
extern "C" {
    /// A `storageStrategy` that keeps a profile in memory; `kept` is there at first.
    pub(crate) fn memory(kept: JsValue) -> JsValue;
    /// The same, asynchronous.
    #[wasm_bindgen(js_name = slowMemory)]
    pub(crate) fn slow_memory() -> JsValue;
    /// A listener of a channel, or of the connection, that remembers what it is told.
    pub(crate) fn recorder() -> Function;
    /// The event of this kind and user, once the recorder has been told of one.
    pub(crate) fn seen(recorder: &Function, kind: &str, user: &str) -> Promise;
    fn kinds(recorder: &Function, user: &str) -> Array;
    /// Once the recorder of a connection has been told this state so many times.
    pub(crate) fn reached(recorder: &Function, state: &str, times: u32) -> Promise;
    fn states(recorder: &Function) -> Array;
    pub(crate) fn json(value: &JsValue) -> String;
    pub(crate) fn parse(text: &str) -> JsValue;
    /// A name that no other test, engine or run has.
    #[wasm_bindgen(js_name = channelName)]
    pub(crate) fn channel_name() -> String;
    /// The value of an expression of JavaScript.
    pub(crate) fn evaluate(code: &str) -> JsValue;
    /// What `localStorage` has of that name.
    pub(crate) fn stored(key: &str) -> Option<String>;
}

/// A function of JavaScript.
pub(crate) fn function(code: &str) -> Function {
    evaluate(code).unchecked_into()
}

/// An object with these fields.
pub(crate) fn object(fields: &[(&str, &JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        Reflect::set(&object, &(*name).into(), value).unwrap();
    }
    object.into()
}

pub(crate) fn get(value: &JsValue, name: &str) -> JsValue {
    Reflect::get(value, &name.into()).unwrap()
}

pub(crate) fn text(value: &JsValue, name: &str) -> String {
    get(value, name).as_string().unwrap()
}

pub(crate) fn in_channel(channel: &str) -> JsValue {
    object(&[("channel", &channel.into())])
}

pub(crate) fn with_attributes(channel: &str, attributes: &str) -> JsValue {
    object(&[("channel", &channel.into()), ("attributes", &parse(attributes))])
}

/// What a recorder was told of a user: `join updateAttributes leave`.
pub(crate) fn told(recorder: &Function, user: &str) -> String {
    kinds(recorder, user).join(" ").into()
}

/// The states that a recorder of a connection was told: `connecting connected`.
pub(crate) fn path(recorder: &Function) -> String {
    states(recorder).join(" ").into()
}

/// What a promise resolves to.
pub(crate) async fn done(promise: Promise) -> JsValue {
    JsFuture::from(promise).await.unwrap()
}

/// The code that a promise rejects with, in an error that is complete.
pub(crate) async fn code(promise: Promise) -> String {
    let error = JsFuture::from(promise).await.unwrap_err();
    assert!(!text(&error, "message").is_empty());
    assert!(!text(&error, "remedy").is_empty());
    assert_eq!(get(&error, "name"), "PresenceError");
    assert!(get(&error, "retryable").as_bool().is_some());
    text(&error, "code")
}
