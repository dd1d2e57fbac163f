//! The real server on a free port, and clients that speak to it over real sockets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[cfg(unix)]
mod admin;
#[cfg(unix)]
mod binary;
mod closes;
mod common;
mod credit;
#[cfg(unix)]
mod docs;
mod files;
mod floods;
mod guests;
mod hostile;
mod metrics;
mod openapi;
mod origins;
mod presence;
mod reads;
#[cfg(unix)]
mod rotation;
mod stadium;
#[cfg(unix)]
mod tls;
mod tokens;
