//! The server of herenow: sockets, HTTP reads, guests and static files around `herenow-registry`.
//!
//! [`run`] serves a listener until a future says stop, so that a test can run a whole server on port 0. One task owns
//! the registry (`actor`); each WebSocket is one task (`socket`); they meet in a bounded queue one way and in the
//! socket's outbox the other.

mod accept;
mod actor;
mod admission;
mod app;
mod auth;
mod config;
mod http;
mod joining;
mod lingering;
mod origin;
mod outbox;
mod run;
mod shutdown;
mod signals;
mod socket;
mod written;

pub use config::{Config, ConfigError, DurationFlag, LogFormat};
/// What the targets in `fuzz/` call.
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub use http::checks as fuzzing;
pub use origin::{Origin, OriginError};
pub use run::{BindError, RunError, bind, run, run_with};
pub use signals::wait_for_stop;
