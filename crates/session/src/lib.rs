//! The client of herenow as a state machine: no socket, no clock, no random source, no callback.
//!
//! A driver makes one change with a `handle_*` function of [`Session`], then drains [`Session::poll_output`] until it
//! gives `None`, and arms one timer for [`Session::poll_timeout`].

mod input;
mod output;
mod roster;
mod session;

pub use input::{Config, Intent, Lifecycle, Millis, PromiseId, Seed, SocketEvent, SocketId};
pub use output::{Event, EventKind, Output, Problem, Settled, State, StateChange};
pub use roster::Roster;
pub use session::Session;
