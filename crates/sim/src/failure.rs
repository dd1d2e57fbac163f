//! What a check finds wrong.

use std::fmt;

/// The invariants: the nine of the design, and what holds of every driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// 1: a user is a member while a session of theirs has joined.
    Member,
    /// 2: joins and departures alternate; an update is an update.
    Transitions,
    /// 3: nothing is seen of who resumes within the grace, or reloads.
    Grace,
    /// 4: who vanishes is timed out within the bound.
    Bound,
    /// 5: what was told is the roster.
    NoGap,
    /// 6: what was acknowledged is seen.
    AckVisible,
    /// 7: nobody is a member without a session.
    NoGhosts,
    /// 8: nobody inherits attributes.
    AttributesDie,
    /// 9: a restart is no departure.
    Restart,
    /// Every promise settles once and in time.
    Promises,
    /// The states of the connection follow each other sensibly.
    States,
    /// Queues are bounded, deadlines lie ahead.
    Bounds,
    /// Nothing panics.
    NoPanic,
}

impl Invariant {
    /// A short name.
    pub const fn name(self) -> &'static str {
        match self {
            Invariant::Member => "1 member",
            Invariant::Transitions => "2 transitions",
            Invariant::Grace => "3 grace",
            Invariant::Bound => "4 bound",
            Invariant::NoGap => "5 no gap",
            Invariant::AckVisible => "6 ack means visible",
            Invariant::NoGhosts => "7 no ghosts",
            Invariant::AttributesDie => "8 attributes die with the membership",
            Invariant::Restart => "9 a restart is no departure",
            Invariant::Promises => "promises settle",
            Invariant::States => "states",
            Invariant::Bounds => "bounds",
            Invariant::NoPanic => "no panic",
        }
    }
}

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which.
    pub invariant: Invariant,
    /// The virtual time, in milliseconds.
    pub at_ms: u64,
    /// What was seen and what was expected.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at {} ms: {}", self.invariant.name(), self.at_ms, self.message)
    }
}
