//! The browser SDK of herenow.
//!
//! This crate connects `herenow-session`, which holds every rule of presence, to the browser: its WebSocket and fetch
//! (gloo-net), its timers (gloo-timers), its page lifecycle, and the JavaScript that calls it. `js/index.js` loads it.

mod args;
mod bridge;
mod client;
mod clients;
mod convert;
mod deliver;
mod exports;
mod http;
mod options;
mod page;
mod problem;
mod reads;
mod socket;

pub use exports::*;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// Runs once when the wasm is instantiated: a panic makes every promise reject with `internal`.
#[wasm_bindgen::prelude::wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(Box::new(|panic| bridge::on_trap(panic.payload_as_str().unwrap_or("panic"))));
}
