//! The protocol as other languages see it: golden files, evolution, arbitrary input, and `PROTOCOL.md`.

#![cfg(feature = "json")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod arbitrary;
mod checks;
mod client_frames;
mod damaged;
mod document;
mod evolution;
mod fixtures;
mod golden;
mod server_frames;
