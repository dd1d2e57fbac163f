//! The roster of one observed channel, made from transitions, with what its observers still have to be told.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use herenow_protocol::{Attributes, Encoding, Epoch, Mode, ServerFrame, Transition};

use super::crowd::{Crowd, Members, mode_of};
use super::log::Log;
use super::observer::{Observer, Phase};
use super::pending::{Entry, Pending};
use super::snapshot::Pages;
use crate::config::Sizes;
use crate::names::Channel;
use crate::outbox::{Outboxes, encode};
use crate::{ConnectionId, Millis};

/// Transitions that wait for a tick; more are flushed before it.
const MAX_PENDING: usize = 4_096;
/// Bytes of transitions that wait for a tick; likewise.
const MAX_PENDING_BYTES: usize = 128 * 1024;
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
pub(super) struct PerEncoding<T> {
    json: Option<T>,
    postcard: Option<T>,
}

impl<T> PerEncoding<T> {
    pub(super) const fn none() -> Self {
        Self { json: None, postcard: None }
    }

    pub(super) const fn of(&mut self, encoding: Encoding) -> &mut Option<T> {
        match encoding {
            Encoding::Json => &mut self.json,
            Encoding::Postcard => &mut self.postcard,
        }
    }
}

/// A diff that caught somebody up, for the next one who asks from the same place.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) from_seq: u64,
    pub(super) reached_seq: u64,
    pub(super) frame: Bytes,
}

/// What a transition asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    /// It waits to be told, or need not be.
    Kept,
    /// So much waits that it must be flushed now.
    Full,
}

#[derive(Debug)]
pub(super) struct Mirror {
    pub(super) channel: Channel,
    /// None once the roster is there.
    loading: Option<Loading>,
    pub(super) epoch: Epoch,
    /// Transitions up to here are in the roster as it was loaded.
    read_at: u64,
    pub(super) members: Members,
    /// The last transition that observers were told.
    pub(super) flushed_seq: u64,
    pub(super) pending: Pending,
    /// The last transition, in `members` and perhaps in `pending`.
    pub(super) seq: u64,
    pub(super) log: Log,
    /// None while every transition is told.
    pub(super) crowd: Option<Box<Crowd>>,
    /// The tick slot of the last flush.
    pub(super) flushed_slot: Option<u64>,
    /// Whether a flush is planned.
    pub(super) scheduled: bool,
    /// Since when nobody observes, as a number that the fan-out gives.
    pub(super) idle: Option<u64>,
    /// Bounded by the connections of the node, each of which observes a bounded number of channels. Ordered, so that
    /// the same history always gives the same outputs.
    pub(super) observers: BTreeMap<ConnectionId, Observer>,
    pub(super) pages: PerEncoding<Arc<Pages>>,
    pub(super) piece: PerEncoding<Piece>,
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
            crowd: None,
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

    /// How many observe it.
    pub(super) fn observers(&self) -> usize {
        self.observers.len()
    }

    pub(super) fn is_observed(&self) -> bool {
        !self.observers.is_empty()
    }

    pub(super) fn observer_mut(&mut self, connection: ConnectionId) -> Option<&mut Observer> {
        self.observers.get_mut(&connection)
    }

    pub(super) fn insert_observer(&mut self, connection: ConnectionId, observer: Observer) {
        if let Some(crowd) = &mut self.crowd {
            crowd.add_observer(Arc::clone(&observer.user), connection);
        }
        self.observers.insert(connection, observer);
    }

    pub(super) fn remove_observer(&mut self, connection: ConnectionId) -> Option<Observer> {
        let removed = self.observers.remove(&connection)?;
        if let Some(crowd) = &mut self.crowd {
            crowd.remove_observer(&removed.user, connection);
        }
        Some(removed)
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
    pub(super) fn load(
        &mut self,
        now: Millis,
        loaded: Loaded,
        sizes: &Sizes,
        outboxes: &mut Outboxes,
    ) -> Option<Vec<ConnectionId>> {
        let Some(loading) = &mut self.loading else { return Some(Vec::new()) };
        if loaded.read_at < loading.asked_at {
            return None;
        }
        let early = std::mem::take(&mut loading.early);
        self.loading = None;
        let mode = mode_of(sizes, self.mode(), loaded.members.len());
        let went_on = self.epoch == loaded.epoch && self.crowd.is_none() && mode == Mode::Full;
        self.crowd = None;
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
        if mode != Mode::Full {
            self.begin_crowd(now, mode, sizes);
        }
        for (seq, transition) in early {
            self.record(seq, transition, outboxes);
        }
        Some(self.observers.keys().copied().collect())
    }

    /// Takes a transition in.
    pub(super) fn record(&mut self, seq: u64, transition: Transition, outboxes: &mut Outboxes) -> Recorded {
        if let Some(loading) = &mut self.loading {
            loading.early.push((seq, transition));
            if loading.early.len() > MAX_EARLY {
                loading.early.clear();
                loading.asked_at = seq;
            }
            return Recorded::Kept;
        }
        if seq <= self.read_at {
            return Recorded::Kept;
        }
        let before = apply(&mut self.members, &transition);
        self.seq = seq;
        if self.crowd.is_some() {
            self.record_crowded(transition, before, outboxes);
            return Recorded::Kept;
        }
        self.pending.push(Entry { seq, transition });
        if self.pending.len() > MAX_PENDING || self.pending.bytes() > MAX_PENDING_BYTES {
            Recorded::Full
        } else {
            Recorded::Kept
        }
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
        let transitions = entries.len() as u64;
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
                    outboxes.counters.deliveries += transitions;
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
        let told = self.crowd.is_some() || (self.pending.is_empty() && !self.is_loading());
        match self.observers.get_mut(&connection) {
            Some(observer) if !told || !matches!(observer.phase, Phase::Live) => observer.hold(answer),
            Some(_) | None => Some(answer),
        }
    }
}

/// Changes the roster. Gives what the user had, if it was a member.
fn apply(members: &mut Members, transition: &Transition) -> Option<Attributes> {
    match transition {
        Transition::Join { user } => members.insert(user.as_str().into(), Attributes::new()),
        Transition::Leave { user } | Transition::Timeout { user } => members.remove(user.as_str()),
        Transition::Set { user, attributes } => {
            members.get_mut(user.as_str()).map(|known| std::mem::replace(known, attributes.clone()))
        }
    }
}

pub(super) fn diff_of(channel: &Channel, prev: u64, seq: u64, transitions: Vec<Transition>) -> ServerFrame {
    ServerFrame::Diff { channel: channel.name().into(), prev, seq, transitions }
}
