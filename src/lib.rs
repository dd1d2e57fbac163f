//! The browser SDK of herenow.
//!
//! This crate connects `herenow-session`, which holds every rule of presence, to the browser: its WebSocket and fetch
//! (gloo-net), its timers (gloo-timers), its page lifecycle, and the JavaScript that calls it. `js/index.js` loads it.

mod bridge;
mod calls;
mod client;
mod clients;
mod exports;
mod host;
mod http;
mod pack;
mod problem;
mod socket;
mod state;

pub use exports::*;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// Told of each panic: every promise rejects with `internal`. `scripts/lib/panics.mjs` has all panics call it.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn panicked() {
    bridge::on_trap("panic");
}
