//! The registry's rules, through its API, in virtual time, on the frames as they would be sent.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod crowds;
mod handshake;
mod harness;
mod histories;
mod liveness;
mod membership;
mod observing;
mod pacing;
mod reads;
mod requests;
mod slow_readers;
mod watcher;
