//! The functions of `js/` that the core calls.

use js_sys::{Array, Function, Promise, Uint32Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/js/error.js")]
extern "C" {
    #[wasm_bindgen(js_name = newError)]
    pub(crate) fn new_error(code: &str, message: &str, remedy: &str, retryable: bool) -> JsValue;
}

#[wasm_bindgen(module = "/js/options.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = readOptions)]
    pub(crate) fn read_options(given: &JsValue, exchange: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_name = sameIdentity)]
    pub(crate) fn same_identity(one: &JsValue, other: &JsValue) -> bool;
}

#[wasm_bindgen(module = "/js/identity.js")]
extern "C" {
    pub(crate) fn token(options: &JsValue, renew: bool) -> Promise;
    pub(crate) fn profile(options: &JsValue) -> Promise;
}

#[wasm_bindgen(module = "/js/reads.js")]
extern "C" {
    pub(crate) fn users(options: &JsValue, channel: &str) -> Promise;
    pub(crate) fn forget(options: &JsValue, channel: &str);
    pub(crate) fn attributes(options: &JsValue, channel: &str, user: &str) -> Promise;
    pub(crate) fn channels(options: &JsValue, user: &str) -> Promise;
    pub(crate) fn count(options: &JsValue, channel: &str) -> Promise;
}

#[wasm_bindgen(module = "/js/bridge.js")]
extern "C" {
    #[wasm_bindgen(js_name = newPromise)]
    pub(crate) fn new_promise(undo: JsValue) -> Array;
    #[wasm_bindgen(js_name = resolvePromise)]
    pub(crate) fn resolve_promise(id: u32, value: JsValue);
    #[wasm_bindgen(js_name = rejectPromise)]
    pub(crate) fn reject_promise(id: u32, error: JsValue);
    #[wasm_bindgen(js_name = onTrap)]
    pub(crate) fn on_trap(message: &str);

    #[wasm_bindgen(js_name = addListener)]
    pub(crate) fn add_listener(client: u32, channel: &str, listener: &Function);
    #[wasm_bindgen(js_name = hasListener)]
    pub(crate) fn has_listener(client: u32, channel: &str, listener: &Function) -> bool;
    #[wasm_bindgen(js_name = removeListener)]
    pub(crate) fn remove_listener(client: u32, channel: &str, listener: &Function) -> bool;
    #[wasm_bindgen(js_name = addConnection)]
    pub(crate) fn add_connection(client: u32, listener: &Function);
    #[wasm_bindgen(js_name = removeConnection)]
    pub(crate) fn remove_connection(client: u32, listener: &Function);
    #[wasm_bindgen(js_name = forgetClient)]
    pub(crate) fn forget_client(client: u32);

    pub(crate) fn deliver(client: u32, text: &str, lengths: &[u32]);
    #[wasm_bindgen(js_name = deliverState)]
    pub(crate) fn deliver_state(client: u32, change: JsValue);

    #[wasm_bindgen(js_name = pairsOf)]
    pub(crate) fn pairs_of(value: &JsValue) -> JsValue;
    #[wasm_bindgen(catch, js_name = openSocket)]
    pub(crate) fn open_socket(options: &JsValue, protocol: &str) -> Result<JsValue, JsValue>;
    pub(crate) fn random() -> Uint32Array;
    pub(crate) fn warn(options: &JsValue, message: &str);
    #[wasm_bindgen(js_name = watchPage)]
    pub(crate) fn watch_page(tell: &JsValue);
}
