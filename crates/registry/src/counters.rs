//! What a node counts, for its operator.

use herenow_protocol::{Code, Transition};

/// What has happened since the start. Numbers only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Users who became members.
    pub joins: u64,
    /// Members who left by will.
    pub leaves: u64,
    /// Members who were lost.
    pub timeouts: u64,
    /// Attributes that changed.
    pub sets: u64,
    /// Frames given to connections.
    pub frames: u64,
    /// Bytes of those frames.
    pub frame_bytes: u64,
    /// Transitions given to observers: a transition that 100 observers are told counts 100.
    pub deliveries: u64,
    /// Diffs that a connection was not given since too much waited for it.
    pub overflows: u64,
    /// Rosters that an observer was given from the beginning.
    pub snapshots: u64,
    /// Observers who said what they know and were told only what was missing.
    pub resumed_observers: u64,
    /// Observers who said what they know, of which too much was missing: they got a snapshot.
    pub unresumed_observers: u64,
    /// Sessions that came back within their grace, or on a newer socket.
    pub resumed_sessions: u64,
    /// Sessions that this node did not know.
    pub new_sessions: u64,
    /// Hellos of users with too many sessions.
    pub denied_sessions: u64,
    /// Detached sessions that ended early, to make room for a newer one of a user with too many.
    pub evicted_sessions: u64,
    /// Sessions that were ended by an operator.
    pub kicked_sessions: u64,
    /// Requests, and channels of a hello, that were refused, by the place of their code in [`Code::ALL`].
    pub refusals: [u64; Code::ALL.len()],
}

impl Counters {
    pub(crate) const fn transition(&mut self, transition: &Transition) {
        match transition {
            Transition::Join { .. } => self.joins += 1,
            Transition::Leave { .. } => self.leaves += 1,
            Transition::Timeout { .. } => self.timeouts += 1,
            Transition::Set { .. } => self.sets += 1,
        }
    }

    pub(crate) fn refusal(&mut self, code: Code) {
        if let Some(count) = self.refusals.get_mut(code as usize) {
            *count += 1;
        }
    }
}

/// What there is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Sockets that have said hello.
    pub connections: usize,
    /// Sessions on a socket.
    pub attached_sessions: usize,
    /// Sessions whose socket was lost or has said goodbye, and that may still come back.
    pub detached_sessions: usize,
    /// Users with a session.
    pub users: usize,
    /// Channels with members; where the store is shared, with members that have a session here.
    pub channels: usize,
    /// Members of all channels: a user in two channels counts twice; where the store is shared, those with a session here.
    pub members: usize,
    /// Channels that somebody observes, or did a moment ago, that are told in full.
    pub full_channels: usize,
    /// The same that are told as net differences.
    pub interval_channels: usize,
    /// The same that are told as counts.
    pub count_channels: usize,
    /// Observations: a connection that observes two channels counts twice.
    pub observers: usize,
}
