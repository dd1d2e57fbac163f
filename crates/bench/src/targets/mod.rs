//! The protocols of the servers that are measured.

pub(crate) mod herenow;
mod herenow_read;
mod hocuspocus;
mod pusher;
mod room;
mod socketio;

use std::time::Duration;

use clap::ValueEnum;

use crate::crowd::{Peer, Told};
use herenow_protocol::Encoding;

/// A server's protocol over WebSockets.
pub(crate) trait Target {
    /// What is asked for in the upgrade, and the subprotocol that is offered.
    fn path(&self) -> &str;
    fn subprotocol(&self) -> Option<&str> {
        None
    }
    /// Says, on a socket that has just opened, who this is and what it wants; or waits for the server to begin.
    fn open(&self, told: &mut Told<'_>);
    /// Reads a message.
    fn receive(&self, message: &[u8], told: &mut Told<'_>);
    /// Everybody is told all of everybody, themselves included, in order: rosters are held to what was done.
    fn exact(&self) -> bool {
        false
    }
    /// Writes the update of that number. Only herenow's scenarios ask for heavy ones.
    fn update(&self, peer: &mut Peer, channel: &str, number: u32, weight: Weight, out: &mut Vec<u8>);
    /// Says that the client is a member of its channel, with the update of that number, or no longer. Only herenow's
    /// scenarios ask for it.
    fn membership(&self, _peer: &mut Peer, _channel: &str, _number: u32, _out: &mut Vec<u8>) {}
    /// How often a client must say its newest update again to stay.
    fn renewal(&self) -> Option<Duration> {
        None
    }
}

/// How much an update says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// One small attribute.
    Light,
    /// As much as a member may say, or nearly.
    Heavy,
}

/// Which protocol the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    /// herenow, in text.
    HerenowJson,
    /// herenow, in binary.
    HerenowPostcard,
    /// The room protocol of `bench/peers/ws.mjs`.
    Ws,
    /// socket.io, with the rooms of `bench/peers/socketio.mjs`.
    Socketio,
    /// Pusher's: soketi and Sockudo.
    Pusher,
    /// The awareness of Yjs.
    Hocuspocus,
}

impl Name {
    pub(crate) fn target(self) -> Box<dyn Target> {
        match self {
            Name::HerenowJson => Box::new(herenow::Herenow::new(Encoding::Json)),
            Name::HerenowPostcard => Box::new(herenow::Herenow::new(Encoding::Postcard)),
            Name::Ws => Box::new(room::Room),
            Name::Socketio => Box::new(socketio::SocketIo),
            Name::Pusher => Box::new(pusher::Pusher),
            Name::Hocuspocus => Box::new(hocuspocus::Hocuspocus),
        }
    }
}

/// The name of a connection's user, for servers that take what the client says.
pub(crate) fn user(index: u32) -> String {
    format!("user-{index}")
}
