//! WebSockets: one task each, and the socket is not split.

mod connection;
mod handshake;
mod held;
mod message;
mod upgrade;
mod wire;

pub(crate) use handshake::{Refused, serve};
pub(crate) use upgrade::Upgrade;
