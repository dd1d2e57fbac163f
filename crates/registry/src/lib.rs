//! The server's rules as sans-IO state machines: sessions, the store of members, fan-out to observers.
//!
//! Nothing here touches a clock, a socket or a random source. A driver calls one or several `handle_*` of
//! [`Registry`], then takes what [`Registry::poll_output`] gives until it gives nothing, and comes back at
//! [`Registry::poll_timeout`].

mod config;
mod output;
mod registry;

pub use config::{Config, ConnectionId, Identity, Millis};
pub use output::{Output, UsersPage};
pub use registry::Registry;
