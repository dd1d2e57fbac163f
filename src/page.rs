//! What happens to the page, told to every client.

use std::cell::Cell;

use herenow_session::Lifecycle;
use wasm_bindgen::prelude::Closure;

use crate::{bridge, clients};

/// Listens to the page, once for all clients.
pub(crate) fn watch() {
    thread_local!(static WATCHING: Cell<bool> = const { Cell::new(false) });
    if WATCHING.replace(true) {
        return;
    }
    let tell = Closure::<dyn FnMut(u32)>::new(|code| {
        let Some(event) = event(code) else { return };
        for client in clients::all() {
            client.lifecycle(event);
        }
    });
    bridge::watch_page(&tell.into_js_value());
}

fn event(code: u32) -> Option<Lifecycle> {
    match code {
        0 => Some(Lifecycle::PageHide),
        1 => Some(Lifecycle::PageShow),
        2 => Some(Lifecycle::Resume),
        3 => Some(Lifecycle::Online),
        4 => Some(Lifecycle::Visible),
        _ => None,
    }
}
