//! The client of herenow as a state machine: no socket, no clock, no random source, no callback.
//!
//! A driver makes one change with a `handle_*` function of [`Session`], then drains [`Session::poll_output`] until it
//! gives `None`, and arms one timer for [`Session::poll_timeout`].

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

#[cfg(feature = "breaks")]
pub mod breaks;
mod channel;
mod connection;
mod deadlines;
mod flush;
mod following;
mod input;
mod intents;
mod mirror;
mod outbox;
mod output;
mod pacing;
mod random;
mod requests;
mod roster;
mod session;
mod setting;
mod slot;
mod timers;
mod token;
mod told;
mod waiters;

pub use input::{Config, Intent, Lifecycle, Millis, PromiseId, Seed, SocketEvent, SocketId};
pub use output::{Event, EventKind, Output, Problem, Settled, State, StateChange};
pub use roster::Roster;
pub use session::Session;
