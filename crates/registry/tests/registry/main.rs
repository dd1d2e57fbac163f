//! The registry's rules, through its API, in virtual time, on the frames as they would be sent.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod access;
mod admin;
mod counting;
mod crowds;
mod handshake;
mod harness;
mod histories;
mod kicks;
mod liveness;
mod membership;
mod neighbour;
mod observing;
mod pacing;
mod pressure;
mod reads;
mod requests;
mod sharing;
mod slow_readers;
mod watcher;
