//! The writing end of a client's socket. What happens to the socket is told by `js/bridge.js`.

use herenow_protocol::codec::compact;
use herenow_protocol::{ClientFrame, Encoding};
use herenow_session::SocketId;
use wasm_bindgen::{JsCast, JsValue};

use crate::bridge;
use crate::client::Client;

/// What the browser reports for a connection that failed.
pub(crate) const ABNORMAL: u16 = 1006;

pub(crate) struct Socket {
    pub(crate) id: SocketId,
    raw: web_sys::WebSocket,
}

impl Socket {
    /// Opens a socket of `client`.
    pub(crate) fn open(client: &Client, id: SocketId) -> Option<Self> {
        let protocol = Encoding::Postcard.subprotocol();
        let made = bridge::open_socket(&client.options, protocol, client.id, id.0);
        Some(Self { id, raw: made.ok().filter(JsValue::is_object)?.unchecked_into() })
    }

    /// Sends frames as one message. A failure shows as a close.
    pub(crate) fn send(&self, frames: &[ClientFrame]) {
        let mut message = Vec::new();
        for frame in frames {
            compact::append(frame, &mut message);
        }
        let _ = self.raw.send_with_u8_array(&message);
    }

    pub(crate) fn close(&self, code: u16, reason: &str) {
        let _ = self.raw.close_with_code_and_reason(code, reason);
    }
}
