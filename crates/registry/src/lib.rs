//! The server's rules as sans-IO state machines: sessions, the store of members, fan-out to observers.
//!
//! Nothing here touches a clock, a socket or a random source. A driver calls one or several `handle_*` of
//! [`Registry`], then takes what [`Registry::poll_output`] gives until it gives nothing, and comes back at
//! [`Registry::poll_timeout`].
//!
//! A transition's way: `sessions` turn frames into ops, `store` turns ops into numbered transitions, `fanout` turns
//! transitions into frames for observers, `outbox` counts what each connection has still to read. `registry` calls
//! them; they do not call each other.

/// Whether a rule is broken on purpose: never, without the feature `breaks`.
macro_rules! broken {
    ($rule:ident) => {{
        #[cfg(feature = "breaks")]
        let broken = $crate::breaks::is_on($crate::breaks::Break::$rule);
        #[cfg(not(feature = "breaks"))]
        let broken = false;
        broken
    }};
}

mod access;
#[cfg(feature = "breaks")]
pub mod breaks;
mod changes;
mod config;
mod counters;
mod fanout;
mod names;
mod outbox;
mod output;
mod port;
mod random;
mod registry;
mod sessions;
pub mod store;
mod timers;
mod trace;

pub use access::{Access, Capability};
pub use config::{Config, ConnectionId, Identity, KeyId, Millis, Sizes, TokenRefusal};
pub use counters::{Counters, Gauges};
pub use output::{Output, UsersPage};
pub use registry::{ChannelInfo, Registry, SessionInfo};
pub use sessions::Bucket;
