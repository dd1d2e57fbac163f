//! Stores that nodes share: each is held to the same suite, on real servers, and to the memory store by random histories.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod cluster;
mod conformance;
mod earlier;
mod histories;
mod memory;
mod redis_server;
mod scripts;
mod secured;
