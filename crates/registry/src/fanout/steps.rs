//! How an observer is brought to be live, step by step: by catching up, or by a snapshot.

use std::sync::Arc;

use bytes::Bytes;
use herenow_protocol::Encoding;

use super::mirror::{Knowledge, Mirror, Piece, diff_of};
use super::observer::{Phase, Step};
use super::snapshot::{Head, Pages};
use crate::outbox::{Outboxes, encode};
use crate::{ConnectionId, Millis};

/// Bytes of one diff that catches up, about.
const PIECE_BYTES: usize = 32 * 1024;
/// While the store settles, a snapshot is shared for this long, so that `settles_in_ms` is not far from true.
const UNSETTLED_SHARE_MS: u64 = 50;

impl Mirror {
    /// Brings an observer a step nearer to being live.
    pub(super) fn step(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        known: &impl Knowledge,
        outboxes: &mut Outboxes,
    ) -> Step {
        let is_loading = self.is_loading();
        let Some(observer) = self.observers.get_mut(&connection) else { return Step::Done };
        let encoding = observer.encoding;
        let asks_early = observer.is_asking() && !self.pending.is_empty();
        if is_loading {
            // Whoever observes is looked at when the roster is there.
            return Step::Done;
        }
        match &mut observer.phase {
            Phase::Live => Step::Done,
            Phase::Unknown { from: Some(_), since } if known.may_lack(&self.channel, *since) => {
                // It must be told all that had happened when it asked, and nothing older than what it knows.
                Step::Ahead
            }
            Phase::Unknown { .. } if self.crowd.is_some() => {
                observer.phase = Phase::Wanting;
                Step::Moved
            }
            Phase::Unknown { from, .. } => {
                observer.phase = match *from {
                    Some(from) if from.epoch == self.epoch => Phase::Behind { at_seq: from.seq, say: true },
                    Some(_) => {
                        outboxes.counters.unresumed_observers += 1;
                        Phase::Wanting
                    }
                    None => Phase::Wanting,
                };
                Step::Moved
            }
            Phase::Wanting if self.crowd.is_some() => {
                self.greet_crowded(connection, known.settles_in_ms(&self.channel, now), outboxes)
            }
            Phase::Wanting if !self.pending.is_empty() && !broken!(SnapshotsUnflushed) => {
                observer.waits = true;
                Step::Waits
            }
            Phase::Wanting => {
                let settles_in_ms = known.settles_in_ms(&self.channel, now);
                let pages = self.shared_pages(now, settles_in_ms, encoding);
                outboxes.counters.snapshots += 1;
                self.become_phase(connection, Phase::Paging { pages, next: 0 });
                Step::Moved
            }
            Phase::Paging { pages, next } => {
                let Some((page, is_last)) = pages.page(*next) else {
                    observer.phase = Phase::Wanting;
                    return Step::Moved;
                };
                outboxes.send_bulk(connection, page.clone());
                *next += 1;
                if is_last {
                    observer.phase = Phase::Behind { at_seq: pages.seq, say: false };
                }
                Step::Sent
            }
            Phase::Behind { at_seq, say } if *at_seq < self.flushed_seq => {
                let at_seq = *at_seq;
                if !self.log.holds_all_after(at_seq) {
                    outboxes.counters.unresumed_observers += u64::from(*say);
                    observer.phase = Phase::Wanting;
                    return Step::Moved;
                }
                outboxes.counters.resumed_observers += u64::from(*say);
                let (frame, reached_seq) = self.shared_piece(at_seq, encoding);
                outboxes.send_bulk(connection, frame);
                self.become_phase(connection, Phase::Behind { at_seq: reached_seq, say: false });
                Step::Sent
            }
            // A place that the channel has not reached: what such a client knows is of no use.
            Phase::Behind { at_seq, say } if *at_seq > self.flushed_seq => {
                outboxes.counters.unresumed_observers += u64::from(*say);
                observer.phase = Phase::Wanting;
                Step::Moved
            }
            Phase::Behind { .. } if asks_early => {
                observer.waits = true;
                Step::Waits
            }
            Phase::Behind { say, .. } => {
                if *say {
                    outboxes.counters.resumed_observers += 1;
                    let diff = diff_of(&self.channel, self.flushed_seq, self.flushed_seq, Vec::new());
                    outboxes.send_bulk(connection, encode(&diff, encoding));
                }
                observer.phase = Phase::Live;
                observer.answer(connection, outboxes);
                Step::Done
            }
        }
    }

    fn become_phase(&mut self, connection: ConnectionId, phase: Phase) {
        if let Some(observer) = self.observers.get_mut(&connection) {
            observer.phase = phase;
        }
    }

    /// The snapshot at this sequence, encoded at most once. Nothing is pending.
    fn shared_pages(&mut self, now: Millis, settles_in_ms: u64, encoding: Encoding) -> Arc<Pages> {
        let cached = self.pages.of(encoding);
        if let Some(pages) = cached
            && (!pages.unsettled || now.since(pages.made_at) < UNSETTLED_SHARE_MS)
        {
            return Arc::clone(pages);
        }
        let head = Head { channel: &self.channel, epoch: self.epoch, seq: self.flushed_seq, settles_in_ms };
        let pages = Arc::new(Pages::encode(now, &head, &self.members, encoding));
        *cached = Some(Arc::clone(&pages));
        pages
    }

    /// A diff that follows `at_seq`, and what it reaches. The log holds everything after `at_seq`.
    fn shared_piece(&mut self, at_seq: u64, encoding: Encoding) -> (Bytes, u64) {
        let cached = self.piece.of(encoding);
        if let Some(piece) = cached
            && piece.from_seq == at_seq
        {
            return (piece.frame.clone(), piece.reached_seq);
        }
        let (transitions, stopped_at) = self.log.piece_after(at_seq, PIECE_BYTES);
        let transitions =
            if broken!(CatchesUpLate) { transitions.into_iter().skip(1).collect() } else { transitions };
        let reached_seq = stopped_at.unwrap_or(self.flushed_seq);
        let frame = encode(&diff_of(&self.channel, at_seq, reached_seq, transitions), encoding);
        *cached = Some(Piece { from_seq: at_seq, reached_seq, frame: frame.clone() });
        (frame, reached_seq)
    }
}
