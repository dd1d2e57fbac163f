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
mod members;
mod memory;
mod metrics;
mod nodes;
mod origin;
mod outbox;
mod probe;
mod run;
mod shutdown;
mod signals;
mod socket;
pub mod store;
mod tls;
mod writer;
mod written;

pub use auth::{KeyError, KeyFile, MakeTokenError, TokenCommand};
pub use config::{AuthMode, Config, ConfigError, DurationFlag, LogFormat, LogLevel, RedisUrl, Task};
/// What the targets in `fuzz/` call.
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::auth::checks::token;
    pub use crate::http::checks::{authorization, origin, query};
}
pub use memory::measure_memory_with;
pub use metrics::MetricsFlag;
pub use origin::{Origin, OriginError};
pub use probe::{HealthCommand, HealthError};
pub use run::{BindError, Listeners, RunError, bind, open_store, run, run_on, run_with};
pub use signals::{survive_hangups, wait_for_stop};
pub use tls::TlsError;
