//! The session, played against by frames, in virtual time.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod attributes;
mod client;
mod connecting;
mod deadlines;
mod diffs;
mod lifecycle;
mod limits;
mod membership;
mod model;
mod observing;
mod random;
mod reconnecting;
mod settling;
mod tokens;
