//! One socket of a client: opened, read until it closes, written to at once.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::{Rc, Weak};

use futures_core::Stream;
use futures_sink::Sink;
use gloo_net::websocket::{Message, State, WebSocketError, futures::WebSocket};
use herenow_protocol::codec::postcard;
use herenow_protocol::{ClientFrame, Decoded, Encoding, ServerFrame};
use herenow_session::{SocketEvent, SocketId};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;

use crate::bridge;
use crate::client::Client;

/// What the browser reports for a connection that failed.
const ABNORMAL: u16 = 1006;

/// The writing end. Reading goes on in a task of its own, which ends with the socket.
pub(crate) struct Socket {
    pub(crate) id: SocketId,
    raw: web_sys::WebSocket,
}

impl Socket {
    /// Opens a socket; what happens to it is told to `client`.
    pub(crate) fn open(client: &Rc<Client>, id: SocketId) -> Option<Self> {
        let made = bridge::open_socket(&client.options.object, Encoding::Postcard.subprotocol());
        let raw: web_sys::WebSocket = made.ok().filter(JsValue::is_object)?.unchecked_into();
        let reading = WebSocket::try_from(raw.clone()).ok()?;
        spawn_local(read(Rc::downgrade(client), id, reading));
        Some(Self { id, raw })
    }

    /// Sends frames as one message. A failure shows as a close.
    pub(crate) fn send(&self, frames: &[ClientFrame]) {
        let message: Vec<u8> = frames.iter().flat_map(postcard::encode).collect();
        // Not gloo's sink: it sends a Blob, which is read later, and a page that closes has no later.
        let _ = self.raw.send_with_u8_array(&message);
    }

    pub(crate) fn close(&self, code: u16, reason: &str) {
        let _ = self.raw.close_with_code_and_reason(code, reason);
    }
}

async fn read(client: Weak<Client>, id: SocketId, mut socket: WebSocket) {
    let _ = poll_fn(|context| Pin::new(&mut socket).poll_ready(context)).await;
    if matches!(socket.state(), State::Open) {
        tell(&client, id, SocketEvent::Opened);
    }
    loop {
        match poll_fn(|context| Pin::new(&mut socket).poll_next(context)).await {
            Some(Ok(Message::Bytes(message))) => {
                let Some(client) = client.upgrade() else { return };
                match postcard::decode::<ServerFrame>(&message) {
                    Ok(frames) => client.receive(id, frames.into_iter().filter_map(known)),
                    Err(_) => {
                        return tell_closed(&client, id, ABNORMAL, "the server sent no herenow message");
                    }
                }
            }
            Some(Ok(Message::Text(_))) | Some(Err(WebSocketError::ConnectionError)) => {}
            Some(Err(WebSocketError::ConnectionClose(close))) => {
                return tell(&client, id, SocketEvent::Closed { code: close.code, reason: close.reason });
            }
            Some(Err(_)) | None => {
                return tell(&client, id, SocketEvent::Closed { code: ABNORMAL, reason: String::new() });
            }
        }
    }
}

fn known(frame: Decoded<ServerFrame>) -> Option<ServerFrame> {
    match frame {
        Decoded::Frame(frame) => Some(frame),
        Decoded::Unknown { .. } | Decoded::Malformed { .. } => None,
    }
}

fn tell(client: &Weak<Client>, id: SocketId, event: SocketEvent) {
    if let Some(client) = client.upgrade() {
        client.socket_event(id, event);
    }
}

fn tell_closed(client: &Rc<Client>, id: SocketId, code: u16, reason: &str) {
    client.socket_event(id, SocketEvent::Closed { code, reason: reason.into() });
}
