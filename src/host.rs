//! What JavaScript tells the core: of the page, of sockets, of tokens.

use std::cell::{Cell, RefCell};

use herenow_protocol::codec::compact;
use herenow_session::{Lifecycle, Session, SocketEvent, SocketId};
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::Closure;

use crate::client::now;
use crate::socket::ABNORMAL;
use crate::{bridge, clients, problem};

/// Listens, once for all clients.
pub(crate) fn listen() {
    thread_local!(static LISTENING: Cell<bool> = const { Cell::new(false) });
    if !LISTENING.replace(true) {
        bridge::listen(&Closure::<dyn Fn(u32, u32, u32, JsValue)>::new(told).into_js_value());
    }
}

/// `what` is one of the numbers of `js/bridge.js`; `client` and `socket` are 0 where it is about neither.
fn told(client: u32, socket: u32, what: u32, data: JsValue) {
    let page = match what {
        0 => Lifecycle::PageHide,
        1 => Lifecycle::PageShow,
        2 => Lifecycle::Resume,
        3 => Lifecycle::Online,
        4 => Lifecycle::Visible,
        _ => {
            if let Some(client) = clients::get(client) {
                told_one(&client.session, SocketId(socket), what, &data);
                client.drain();
            }
            return;
        }
    };
    for client in clients::all() {
        client.session.borrow_mut().handle_lifecycle(now(), page);
        client.drain();
    }
}

fn told_one(session: &RefCell<Session>, socket: SocketId, what: u32, data: &JsValue) {
    let mut session = session.borrow_mut();
    let now = now();
    let text = data.as_string().unwrap_or_default();
    let event = match what {
        5 => SocketEvent::Opened,
        6 => match compact::decode(&Uint8Array::new(data).to_vec()) {
            Ok(frames) => {
                for frame in frames {
                    session.handle_frame(now, socket, frame);
                }
                return;
            }
            Err(_) => {
                SocketEvent::Closed { code: ABNORMAL, reason: "the server sent no herenow message".into() }
            }
        },
        7 => return session.handle_token(now, Ok(text)),
        8 => return session.handle_token(now, Err(problem::parse(&text))),
        code => SocketEvent::Closed { code: code as u16, reason: text },
    };
    session.handle_socket(now, socket, event);
}
