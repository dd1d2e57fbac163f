//! Writing client frames.

use crate::{Attributes, ClientFrame, Hello};

/// Adds one frame to a message.
pub fn append(frame: &ClientFrame, message: &mut Vec<u8>) {
    let mut body = Body(Vec::new());
    body.frame(frame);
    let mut length = Body(core::mem::take(message));
    length.bytes(&body.0);
    *message = length.0;
}

struct Body(Vec<u8>);

impl Body {
    fn frame(&mut self, frame: &ClientFrame) {
        match frame {
            ClientFrame::Hello(hello) => self.hello(hello),
            ClientFrame::Join { id, channel } => self.request(1, *id, channel),
            ClientFrame::Leave { id, channel } => self.request(2, *id, channel),
            ClientFrame::Set { id, channel, attributes } => {
                self.request(3, *id, channel);
                self.attributes(attributes);
            }
            ClientFrame::Observe { id, channel, from } => {
                self.request(4, *id, channel);
                self.number(from.is_some().into());
                if let Some(position) = from {
                    self.number(position.epoch.0.into());
                    self.number(position.seq.into());
                }
            }
            ClientFrame::Unobserve { id, channel } => self.request(5, *id, channel),
            ClientFrame::Token { id, token } => self.request(6, *id, token),
            ClientFrame::Bye {} => self.number(7),
        }
    }

    fn hello(&mut self, hello: &Hello) {
        self.number(0);
        self.bytes(hello.client_id.as_bytes());
        self.number(hello.token.is_some().into());
        if let Some(token) = &hello.token {
            self.bytes(token.as_bytes());
        }
        self.number(hello.session.0);
        self.number(hello.attempt.into());
        self.number(hello.joined.len() as u128);
        for channel in &hello.joined {
            self.bytes(channel.as_bytes());
        }
    }

    fn request(&mut self, kind: u8, id: u32, text: &str) {
        self.number(kind.into());
        self.number(id.into());
        self.bytes(text.as_bytes());
    }

    fn attributes(&mut self, attributes: &Attributes) {
        self.number(attributes.len() as u128);
        for (key, value) in attributes.iter() {
            self.bytes(key.as_bytes());
            self.bytes(value.as_bytes());
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u128);
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, number: u128) {
        let mut rest = number;
        while rest >= 0x80 {
            self.0.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.0.push(rest as u8);
    }
}
