//! One connection that observes a channel, and how far it has been told.

use std::sync::Arc;

use herenow_protocol::{Encoding, FrameId, Position, ServerFrame};

use super::snapshot::Pages;
use crate::ConnectionId;
use crate::outbox::Outboxes;

/// Observe requests for one channel that may be unanswered; more are refused.
const MAX_ASKING: usize = 8;
/// Answers that may wait for what they say to be told, more than the default burst of frames; the next is not held back.
const MAX_HELD: usize = 256;

/// How far an observer has been told.
#[derive(Debug)]
pub(super) enum Phase {
    /// It asked, and what it knows was not compared yet.
    Unknown {
        /// What it knows.
        from: Option<Position>,
        /// When it asked, as the node's side of the store counts.
        since: u64,
    },
    /// It has been told all that was flushed.
    Live,
    /// It must have all after this sequence.
    Behind {
        /// The last transition that it knows.
        at_seq: u64,
        /// Whether it must have at least an empty diff.
        say: bool,
    },
    /// It must have a snapshot.
    Wanting,
    /// It is being sent a snapshot.
    Paging {
        /// The snapshot.
        pages: Arc<Pages>,
        /// The next page.
        next: usize,
    },
}

/// What came of a step towards being live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is live, or no longer observes.
    Done,
    /// Another step can follow at once.
    Moved,
    /// A piece was queued; another step can follow if there is room.
    Sent,
    /// A flush comes first.
    Waits,
    /// The node has to catch up with what the observer knows.
    Ahead,
}

#[derive(Debug)]
pub(super) struct Observer {
    pub(super) encoding: Encoding,
    /// Whose connection it is.
    pub(super) user: Arc<str>,
    pub(super) phase: Phase,
    /// Whether it waits for a flush.
    pub(super) waits: bool,
    /// Requests to be answered when it is live.
    asking: Vec<FrameId>,
    /// Answers to its own changes of the channel, sent when it has been told of them.
    held: Vec<ServerFrame>,
}

impl Observer {
    pub(super) const fn new(encoding: Encoding, user: Arc<str>) -> Self {
        Self { encoding, user, phase: Phase::Wanting, waits: false, asking: Vec::new(), held: Vec::new() }
    }

    /// Takes a request on. False if too many are unanswered.
    #[must_use]
    pub(super) fn ask(&mut self, id: FrameId, from: Option<Position>, since: u64) -> bool {
        if self.asking.len() >= MAX_ASKING {
            return false;
        }
        self.asking.push(id);
        self.phase = Phase::Unknown { from, since };
        true
    }

    pub(super) const fn is_asking(&self) -> bool {
        !self.asking.is_empty()
    }

    /// Keeps an answer until the observer has been told all that was recorded; gives it back if too many are kept.
    pub(super) fn hold(&mut self, answer: ServerFrame) -> Option<ServerFrame> {
        if self.held.len() >= MAX_HELD {
            return Some(answer);
        }
        self.held.push(answer);
        None
    }

    /// Sends the answers that were kept.
    pub(super) fn release(&mut self, connection: ConnectionId, outboxes: &mut Outboxes) {
        for answer in std::mem::take(&mut self.held) {
            outboxes.send(connection, &answer);
        }
    }

    /// Answers all requests.
    pub(super) fn answer(&mut self, connection: ConnectionId, outboxes: &mut Outboxes) {
        for id in std::mem::take(&mut self.asking) {
            outboxes.send(connection, &ServerFrame::Ok { id, fresh: None, expires_in_ms: None });
        }
        self.release(connection, outboxes);
    }
}
