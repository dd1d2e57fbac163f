//! What the targets call: one function each, which panics if anything does not hold for the bytes.
//!
//! The checks themselves stand beside the tests that call them with arbitrary input, in `crates/protocol/tests`,
//! `crates/server/src/http/checks.rs` and `crates/server/src/auth/checks.rs`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[path = "../../crates/protocol/tests/protocol/checks.rs"]
mod checks;

pub use herenow_server::fuzzing::{
    authorization as http_authorization, origin as http_origin, query as http_query, token as jwt,
};

/// A message of a client in JSON.
pub fn client_json(bytes: &[u8]) {
    checks::client_json(bytes);
}

/// A message of a server in JSON.
pub fn server_json(bytes: &[u8]) {
    checks::server_json(bytes);
}

/// A binary message of a client.
pub fn client_binary(bytes: &[u8]) {
    checks::client_binary(bytes);
}

/// A binary message of a server.
pub fn server_binary(bytes: &[u8]) {
    checks::server_binary(bytes);
}
