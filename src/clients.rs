//! The clients of a page: the default one of the module's functions, and each `PresenceClient`.

use std::cell::RefCell;
use std::rc::Rc;

use herenow_protocol::Code;
use herenow_session::{Intent, State};
use js_sys::Promise;
use wasm_bindgen::JsValue;

use crate::client::Client;
use crate::options::Options;
use crate::problem::error;
use crate::{bridge, page};

#[derive(Default)]
struct Clients {
    default: Option<Rc<Client>>,
    others: Vec<Rc<Client>>,
    last_id: u32,
}

thread_local!(static CLIENTS: RefCell<Clients> = RefCell::default());

fn with<T>(act: impl FnOnce(&mut Clients) -> T) -> T {
    CLIENTS.with_borrow_mut(act)
}

/// The client with this number; without a number the default one, which is made on its first use.
pub(crate) fn find(id: Option<u32>) -> Result<Rc<Client>, JsValue> {
    let Some(id) = id else {
        return match with(|clients| clients.default.clone()) {
            Some(client) => Ok(client),
            None => Ok(replace_default(Rc::new(Options::read(&JsValue::UNDEFINED)?))),
        };
    };
    with(|clients| clients.others.iter().find(|client| client.id == id).cloned())
        .ok_or_else(|| error(Code::Closed, "this PresenceClient is closed"))
}

/// The default client as `init` wants it.
pub(crate) fn init(options: &JsValue) -> Result<Rc<Client>, JsValue> {
    let current = with(|clients| clients.default.clone());
    let wanted = match &current {
        Some(client) if options.is_undefined() => Rc::clone(&client.options),
        Some(_) | None => Rc::new(Options::read(options)?),
    };
    if let Some(client) = current {
        let is_over = matches!(client.state(), State::Failed | State::Closed);
        if !is_over && bridge::same_identity(&client.options.object, &wanted.object) {
            return Ok(client);
        }
    }
    Ok(replace_default(wanted))
}

/// Makes a client of its own.
pub(crate) fn open(options: &JsValue) -> Result<Rc<Client>, JsValue> {
    let client = make(Rc::new(Options::read(options)?));
    with(|clients| clients.others.push(Rc::clone(&client)));
    Ok(client)
}

/// Ends a client of its own for good.
pub(crate) fn close(id: u32) -> Promise {
    let found = with(|clients| {
        let at = clients.others.iter().position(|client| client.id == id)?;
        Some(clients.others.swap_remove(at))
    });
    match found {
        Some(client) => end(&client),
        None => Promise::resolve(&JsValue::UNDEFINED),
    }
}

/// Every client, for what happens to the page.
pub(crate) fn all() -> Vec<Rc<Client>> {
    with(|clients| clients.default.iter().chain(&clients.others).cloned().collect())
}

fn make(options: Rc<Options>) -> Rc<Client> {
    page::watch();
    let id = with(|clients| {
        clients.last_id += 1;
        clients.last_id
    });
    Client::new(id, options)
}

fn replace_default(options: Rc<Options>) -> Rc<Client> {
    let client = make(options);
    let old = with(|clients| clients.default.replace(Rc::clone(&client)));
    if let Some(old) = old {
        let _closed = end(&old);
    }
    client
}

fn end(client: &Rc<Client>) -> Promise {
    let closed = client.intend(JsValue::UNDEFINED, |promise| Intent::Close { promise });
    client.drain();
    bridge::forget_client(client.id);
    closed
}
