//! The clients of a page: the default one of the module's functions, and each `PresenceClient`.

use std::cell::RefCell;
use std::rc::Rc;

use herenow_protocol::Code;
use herenow_session::{Intent, State};
use js_sys::Promise;
use wasm_bindgen::JsValue;

use crate::client::{Client, promise};
use crate::problem::error;
use crate::{bridge, host, http};

struct Clients {
    all: Vec<Rc<Client>>,
    /// The number of the default client, or 0.
    default: u32,
}

thread_local! {
    static CLIENTS: RefCell<Clients> = const { RefCell::new(Clients { all: Vec::new(), default: 0 }) };
}

/// Every client, for what happens to the page.
pub(crate) fn all() -> Vec<Rc<Client>> {
    CLIENTS.with_borrow(|clients| clients.all.clone())
}

/// The client with this number, or the default one for 0.
pub(crate) fn get(id: u32) -> Option<Rc<Client>> {
    CLIENTS.with_borrow(|clients| {
        let id = if id == 0 { clients.default } else { id };
        clients.all.iter().find(|client| client.id == id).cloned()
    })
}

/// The client with this number; for 0 the default one, which is made on its first use.
pub(crate) fn find(id: u32) -> Result<Rc<Client>, JsValue> {
    match get(id) {
        Some(client) => Ok(client),
        None if id == 0 => init(&JsValue::UNDEFINED),
        None => Err(error(Code::Closed, "this PresenceClient is closed")),
    }
}

/// The default client as `init` wants it.
pub(crate) fn init(options: &JsValue) -> Result<Rc<Client>, JsValue> {
    let current = get(0);
    let wanted = match &current {
        Some(client) if options.is_undefined() => client.options.clone(),
        Some(_) | None => read(options)?,
    };
    if let Some(client) = &current {
        let is_over = matches!(client.state(), State::Failed | State::Closed);
        if !is_over && bridge::same_identity(&client.options, &wanted) {
            return Ok(Rc::clone(client));
        }
    }
    let client = make(wanted);
    CLIENTS.with_borrow_mut(|clients| clients.default = client.id);
    if let Some(old) = current {
        let _closed = close(old.id);
    }
    Ok(client)
}

/// Makes a client of its own.
pub(crate) fn open(options: &JsValue) -> Result<Rc<Client>, JsValue> {
    Ok(make(read(options)?))
}

/// Ends a client for good.
pub(crate) fn close(id: u32) -> Promise {
    let Some(client) = get(id) else { return Promise::resolve(&JsValue::UNDEFINED) };
    CLIENTS.with_borrow_mut(|clients| clients.all.retain(|other| other.id != id));
    let (promise, closed) = promise(JsValue::UNDEFINED);
    client.intend(Intent::Close { promise });
    client.drain();
    bridge::forget_client(id);
    closed
}

/// Options as `js/options.js` checks and completes them; the error is the `PresenceError`.
fn read(given: &JsValue) -> Result<JsValue, JsValue> {
    bridge::read_options(given, &http::exchange())
}

fn make(options: JsValue) -> Rc<Client> {
    host::listen();
    let client = Client::new(bridge::new_client(), options);
    CLIENTS.with_borrow_mut(|clients| clients.all.push(Rc::clone(&client)));
    client
}
