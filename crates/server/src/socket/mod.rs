//! WebSockets: one task each, which reads, and writes what the kernel has not taken at once.

mod connection;
mod empties;
mod fragments;
mod goodbye;
mod handshake;
mod message;
mod stream;
mod upgrade;

pub(crate) use handshake::{Refused, serve};
pub(crate) use upgrade::Upgrade;
