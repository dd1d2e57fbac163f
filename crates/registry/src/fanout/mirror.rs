//! The roster of one observed channel, made from transitions, with what its observers still have to be told.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use herenow_protocol::{Attributes, Encoding, Epoch, ServerFrame, Transition};

use super::log::Log;
use super::observer::{Observer, Phase, Step};
use super::pending::{Entry, Pending};
use super::snapshot::{Head, Pages};
use crate::names::Channel;
use crate::outbox::{Outboxes, encode};
use crate::{ConnectionId, Millis};

/// Transitions that wait for a tick; more are flushed before it.
const MAX_PENDING: usize = 4_096;
/// Bytes of transitions that wait for a tick; likewise.
const MAX_PENDING_BYTES: usize = 128 * 1024;
/// Bytes of one diff that catches up, about.
const PIECE_BYTES: usize = 32 * 1024;
/// While the store settles, a snapshot is shared for this long, so that `settles_in_ms` is not far from true.
const UNSETTLED_SHARE_MS: u64 = 50;

/// Transitions that may come while the roster is loaded; beyond it only a roster that has them is of use.
const MAX_EARLY: usize = 4_096;

/// A roster as the store has it.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) epoch: Epoch,
    /// The channel's last transition.
    pub(crate) seq: u64,
    /// The last transition of the store when it was read.
    pub(crate) read_at: u64,
    pub(crate) members: BTreeMap<Arc<str>, Attributes>,
}

/// What the node knows of the store.
pub(crate) trait Knowledge {
    /// Whether the node may not know yet what was known of a channel when somebody asked, as `Reached` counts.
    fn may_lack(&self, channel: &Channel, since: u64) -> bool;

    /// Milliseconds for which members of a channel may be missing, since the store has begun anew; 0 when it has settled.
    fn settles_in_ms(&self, channel: &Channel, now: Millis) -> u64;
}

/// A roster that was asked for.
#[derive(Debug)]
struct Loading {
    /// What the node had read of the log then: an older roster is of no use.
    asked_at: u64,
    /// What has happened since.
    early: Vec<(u64, Transition)>,
}

/// A value for each encoding in use.
#[derive(Debug)]
struct PerEncoding<T> {
    json: Option<T>,
    postcard: Option<T>,
}

impl<T> PerEncoding<T> {
    const fn none() -> Self {
        Self { json: None, postcard: None }
    }

    const fn of(&mut self, encoding: Encoding) -> &mut Option<T> {
        match encoding {
            Encoding::Json => &mut self.json,
            Encoding::Postcard => &mut self.postcard,
        }
    }
}

/// A diff that caught somebody up, for the next one who asks from the same place.
#[derive(Debug)]
struct Piece {
    from_seq: u64,
    reached_seq: u64,
    frame: Bytes,
}

#[derive(Debug)]
pub(super) struct Mirror {
    channel: Channel,
    /// None once the roster is there.
    loading: Option<Loading>,
    epoch: Epoch,
    /// Transitions up to here are in the roster as it was loaded.
    read_at: u64,
    members: BTreeMap<Arc<str>, Attributes>,
    /// The last transition that observers were told.
    flushed_seq: u64,
    pending: Pending,
    /// The last transition, in `members` and perhaps in `pending`.
    seq: u64,
    log: Log,
    /// The tick slot of the last flush.
    pub(super) flushed_slot: Option<u64>,
    /// Whether a flush is planned.
    pub(super) scheduled: bool,
    /// Since when nobody observes, as a number that the fan-out gives.
    pub(super) idle: Option<u64>,
    /// Bounded by the connections of the node, each of which observes a bounded number of channels. Ordered, so that
    /// the same history always gives the same outputs.
    observers: BTreeMap<ConnectionId, Observer>,
    pages: PerEncoding<Arc<Pages>>,
    piece: PerEncoding<Piece>,
}

impl Mirror {
    /// A mirror without its roster, for a node that has read the log up to `asked_at`.
    pub(super) fn new(channel: Channel, asked_at: u64) -> Self {
        Self {
            channel,
            loading: Some(Loading { asked_at, early: Vec::new() }),
            epoch: Epoch(0),
            read_at: 0,
            members: BTreeMap::new(),
            flushed_seq: 0,
            pending: Pending::default(),
            seq: 0,
            log: Log::after_seq(0),
            flushed_slot: None,
            scheduled: false,
            idle: None,
            observers: BTreeMap::new(),
            pages: PerEncoding::none(),
            piece: PerEncoding::none(),
        }
    }

    pub(super) const fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(super) fn is_observed(&self) -> bool {
        !self.observers.is_empty()
    }

    pub(super) fn observer_mut(&mut self, connection: ConnectionId) -> Option<&mut Observer> {
        self.observers.get_mut(&connection)
    }

    pub(super) fn insert_observer(&mut self, connection: ConnectionId, observer: Observer) {
        self.observers.insert(connection, observer);
    }

    pub(super) fn remove_observer(&mut self, connection: ConnectionId) -> Option<Observer> {
        self.observers.remove(&connection)
    }

    pub(super) const fn is_loading(&self) -> bool {
        self.loading.is_some()
    }

    /// The roster has to be loaded again: what is known of it is not sure to be true.
    pub(super) fn reload(&mut self, asked_at: u64) {
        self.loading = Some(Loading { asked_at, early: Vec::new() });
        self.pending = Pending::default();
    }

    /// Takes the roster in. Gives back the connections that wait for it; `None` if it is of no use, and another must be
    /// asked for.
    pub(super) fn load(&mut self, loaded: Loaded) -> Option<Vec<ConnectionId>> {
        let Some(loading) = &mut self.loading else { return Some(Vec::new()) };
        if loaded.read_at < loading.asked_at {
            return None;
        }
        let early = std::mem::take(&mut loading.early);
        self.loading = None;
        let went_on = self.epoch == loaded.epoch;
        for observer in self.observers.values_mut() {
            observer.phase = match observer.phase {
                Phase::Unknown { from, since } => Phase::Unknown { from, since },
                Phase::Live if went_on => Phase::Behind { at_seq: self.flushed_seq, say: false },
                Phase::Behind { at_seq, say } if went_on => Phase::Behind { at_seq, say },
                Phase::Live | Phase::Behind { .. } | Phase::Wanting | Phase::Paging { .. } => Phase::Wanting,
            };
        }
        self.epoch = loaded.epoch;
        self.read_at = loaded.read_at;
        self.members = loaded.members;
        self.seq = loaded.seq;
        self.flushed_seq = loaded.seq;
        self.log = Log::after_seq(loaded.seq);
        self.pages = PerEncoding::none();
        self.piece = PerEncoding::none();
        for (seq, transition) in early {
            self.record(seq, transition);
        }
        Some(self.observers.keys().copied().collect())
    }

    /// Takes a transition in. Whether so much waits that it must be flushed now.
    pub(super) fn record(&mut self, seq: u64, transition: Transition) -> bool {
        if let Some(loading) = &mut self.loading {
            loading.early.push((seq, transition));
            if loading.early.len() > MAX_EARLY {
                loading.early.clear();
                loading.asked_at = seq;
            }
            return false;
        }
        if seq <= self.read_at {
            return false;
        }
        match &transition {
            Transition::Join { user } => {
                self.members.insert(user.as_str().into(), Attributes::new());
            }
            Transition::Leave { user } | Transition::Timeout { user } => {
                self.members.remove(user.as_str());
            }
            Transition::Set { user, attributes } => {
                if let Some(known) = self.members.get_mut(user.as_str()) {
                    known.clone_from(attributes);
                }
            }
        }
        self.seq = seq;
        self.pending.push(Entry { seq, transition });
        self.pending.len() > MAX_PENDING || self.pending.bytes() > MAX_PENDING_BYTES
    }

    /// Tells what waits to all observers that are live. Gives back those that fell behind and those that waited for
    /// a flush.
    pub(super) fn flush(&mut self, slot: u64, outboxes: &mut Outboxes) -> Vec<ConnectionId> {
        self.scheduled = false;
        if self.pending.is_empty() || self.is_loading() {
            return Vec::new();
        }
        self.flushed_slot = Some(slot);
        self.pages = PerEncoding::none();
        self.piece = PerEncoding::none();
        let prev = std::mem::replace(&mut self.flushed_seq, self.seq);
        let entries = self.pending.take();
        let mut diff = None;
        let mut frames = PerEncoding::none();
        let mut to_pump = Vec::new();
        for (connection, observer) in &mut self.observers {
            if matches!(observer.phase, Phase::Live) {
                let frame = frames.of(observer.encoding).get_or_insert_with(|| {
                    let diff = diff.get_or_insert_with(|| {
                        let transitions = entries.iter().map(|entry| entry.transition.clone()).collect();
                        diff_of(&self.channel, prev, self.seq, transitions)
                    });
                    encode(diff, observer.encoding)
                });
                if outboxes.offer(*connection, frame) || broken!(LosesDiffs) {
                    observer.release(*connection, outboxes);
                } else {
                    observer.phase = Phase::Behind { at_seq: prev, say: false };
                    to_pump.push(*connection);
                }
            } else if std::mem::take(&mut observer.waits) {
                to_pump.push(*connection);
            }
        }
        for entry in entries {
            self.log.push(entry);
        }
        to_pump
    }

    /// Keeps the answer to a change of the channel until its observer `connection` has been told of it: who reads after
    /// the answer must find the change. Gives back an answer that need not wait.
    pub(super) fn hold(&mut self, connection: ConnectionId, answer: ServerFrame) -> Option<ServerFrame> {
        let told = self.pending.is_empty() && !self.is_loading();
        match self.observers.get_mut(&connection) {
            Some(observer) if !told || !matches!(observer.phase, Phase::Live) => observer.hold(answer),
            Some(_) | None => Some(answer),
        }
    }

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
            Phase::Unknown { from, .. } => {
                observer.phase = match *from {
                    Some(from) if from.epoch == self.epoch => Phase::Behind { at_seq: from.seq, say: true },
                    Some(_) | None => Phase::Wanting,
                };
                Step::Moved
            }
            Phase::Wanting if !self.pending.is_empty() && !broken!(SnapshotsUnflushed) => {
                observer.waits = true;
                Step::Waits
            }
            Phase::Wanting => {
                let settles_in_ms = known.settles_in_ms(&self.channel, now);
                let pages = self.shared_pages(now, settles_in_ms, encoding);
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
            Phase::Behind { at_seq, .. } if *at_seq < self.flushed_seq => {
                let at_seq = *at_seq;
                if !self.log.holds_all_after(at_seq) {
                    observer.phase = Phase::Wanting;
                    return Step::Moved;
                }
                let (frame, reached_seq) = self.shared_piece(at_seq, encoding);
                outboxes.send_bulk(connection, frame);
                self.become_phase(connection, Phase::Behind { at_seq: reached_seq, say: false });
                Step::Sent
            }
            // A place that the channel has not reached: what such a client knows is of no use.
            Phase::Behind { at_seq, .. } if *at_seq > self.flushed_seq => {
                observer.phase = Phase::Wanting;
                Step::Moved
            }
            Phase::Behind { .. } if asks_early => {
                observer.waits = true;
                Step::Waits
            }
            Phase::Behind { say, .. } => {
                if *say {
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

fn diff_of(channel: &Channel, prev: u64, seq: u64, transitions: Vec<Transition>) -> ServerFrame {
    ServerFrame::Diff { channel: channel.name().into(), prev, seq, transitions }
}
