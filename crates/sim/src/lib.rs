//! Deterministic simulation of herenow: many sessions, a server and a faulty network in virtual time.
//!
//! One seed decides everything. [`steps`] makes a list of what happens, [`run`] plays it with the real `session` and
//! `registry` and the real encodings, holds all that is seen against an oracle after every step, and gives the first
//! invariant that does not hold.

mod air;
#[cfg(feature = "breaks")]
pub mod breaks;
mod browser;
mod carry;
mod checks;
mod client;
mod crowds;
mod dice;
mod failure;
mod listening;
mod net;
mod oracle;
mod pages;
mod plan;
mod profile;
mod reads;
mod server;
mod shared;
mod shrink;
mod steps;
mod topology;
mod turns;
mod world;

pub use failure::{Failure, Invariant};
pub use plan::{Step, steps};
pub use profile::Profile;
pub use shrink::shrink;
pub use topology::Topology;

use world::World;

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// The first invariant that did not hold.
    pub failure: Option<Failure>,
    /// What happened, a line each, if that was wanted.
    pub trace: Vec<String>,
    /// Events that happened.
    pub events: u64,
}

/// Plays `steps` with the luck of `seed`.
pub fn run(seed: u64, steps: &[Step], topology: Topology, trace: bool) -> Outcome {
    let mut world = World::new(seed, steps.to_vec(), topology, trace);
    world.run();
    Outcome { failure: world.failure, trace: world.trace.unwrap_or_default(), events: world.events }
}
