//! The SDK's exports in real browsers against the real server: `npm test -- browser` starts both. Every test runs in
//! every engine; one for something that an engine lacks would say so, and check what the SDK does there instead.
#![cfg(target_arch = "wasm32")]
#![allow(missing_docs, clippy::unwrap_used, reason = "a failed test is what an unwrap is for")]

use wasm_bindgen_test::wasm_bindgen_test_configure;

#[path = "browser/attributes.rs"]
mod attributes;
#[path = "browser/clients.rs"]
mod clients;
#[path = "browser/connection.rs"]
mod connection;
#[path = "browser/errors.rs"]
mod errors;
#[path = "browser/events.rs"]
mod events;
#[path = "browser/guests.rs"]
mod guests;
#[path = "browser/page.rs"]
mod page;
#[path = "browser/reads.rs"]
mod reads;
#[path = "browser/shipped.rs"]
mod shipped;
#[path = "browser/visitor.rs"]
mod visitor;

wasm_bindgen_test_configure!(run_in_browser);
