//! The functions of `js/` that the core calls.

use js_sys::Promise;
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
    #[wasm_bindgen(js_name = clientId)]
    pub(crate) fn client_id(options: &JsValue) -> String;
    #[wasm_bindgen(js_name = requestTimeout)]
    pub(crate) fn request_timeout_ms(options: &JsValue) -> u32;
    #[wasm_bindgen(js_name = restoreAttributes)]
    pub(crate) fn restore_attributes(options: &JsValue) -> bool;
}

#[wasm_bindgen(module = "/js/calls.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = takeApart)]
    pub(crate) fn take_apart(call: u32, options: &JsValue, listener: &JsValue) -> Result<u32, JsValue>;
    /// A text of the last call.
    pub(crate) fn text(at: u32) -> String;
    pub(crate) fn read(
        call: u32,
        options: &JsValue,
        name: &str,
        user: &str,
        text: &str,
        lengths: Option<&[u32]>,
    ) -> Promise;
    #[wasm_bindgen(js_name = giveToken)]
    pub(crate) fn give_token(options: &JsValue, renew: bool, client: u32);
}

#[wasm_bindgen(module = "/js/identity.js")]
extern "C" {
    pub(crate) fn profile(options: &JsValue) -> Promise;
}

#[wasm_bindgen(module = "/js/reads.js")]
extern "C" {
    pub(crate) fn forget(options: &JsValue, channel: &str);
}

#[wasm_bindgen(module = "/js/bridge.js")]
extern "C" {
    #[wasm_bindgen(js_name = newPromise)]
    pub(crate) fn new_promise(id: u32, undo: JsValue) -> Promise;
    #[wasm_bindgen(js_name = resolvePromise)]
    pub(crate) fn resolve_promise(id: u32, text: &str, lengths: &[u32]);
    #[wasm_bindgen(js_name = rejectPromise)]
    pub(crate) fn reject_promise(id: u32, error: JsValue);
    pub(crate) fn answered(id: i32, ok: bool, text: &str);
    pub(crate) fn unanswered(id: i32, error: &str);
    #[wasm_bindgen(js_name = onTrap)]
    pub(crate) fn on_trap(message: &str);

    #[wasm_bindgen(js_name = addListener)]
    pub(crate) fn add_listener(client: u32, channel: &str, listener: &JsValue, occupancy: &str) -> JsValue;
    #[wasm_bindgen(js_name = removeListener)]
    pub(crate) fn remove_listener(client: u32, channel: &str, listener: &JsValue) -> bool;
    #[wasm_bindgen(catch, js_name = onConnection)]
    pub(crate) fn on_connection(client: u32, listener: &JsValue, wanted: bool) -> Result<(), JsValue>;
    /// A number that no client of the page has had, not even of an instance that has ended.
    #[wasm_bindgen(js_name = newClient)]
    pub(crate) fn new_client() -> u32;
    #[wasm_bindgen(js_name = forgetClient)]
    pub(crate) fn forget_client(client: u32);

    pub(crate) fn deliver(client: u32, text: &str, lengths: &[u32]);
    #[wasm_bindgen(js_name = deliverState)]
    pub(crate) fn deliver_state(client: u32, change: JsValue);

    #[wasm_bindgen(catch, js_name = openSocket)]
    pub(crate) fn open_socket(
        options: &JsValue,
        protocol: &str,
        client: u32,
        socket: u32,
    ) -> Result<JsValue, JsValue>;
    pub(crate) fn random() -> u32;
    pub(crate) fn warn(options: &JsValue, message: &str);
    pub(crate) fn listen(tell: &JsValue);
}
