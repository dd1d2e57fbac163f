//! The real server on a free port, and clients that speak to it over real sockets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[cfg(unix)]
mod binary;
mod closes;
mod common;
mod files;
mod guests;
mod hostile;
mod origins;
mod presence;
mod reads;
mod stadium;
