//! What the connections know: each of its channel's members, with the newest update seen of each.
//!
//! A *logical delivery* is a member that has seen this update of another one, or a newer one of the same user.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use crate::histogram::Histogram;
use crate::targets::herenow::Summary;

/// In place of the number of a member's update: nobody is there.
pub(crate) const ABSENT: u32 = u32::MAX;
/// The same, and it is told as a timeout.
pub(crate) const TIMED_OUT: u32 = u32::MAX - 1;
/// The slot of a connection whose user is not known yet.
const NO_SLOT: u32 = u32::MAX;
/// Encoded frames that a channel remembers, since many connections get the same.
const REMEMBERED_FRAMES: usize = 4;
/// Shorter frames are read again each time.
const REMEMBERED_BYTES: usize = 256;

/// A channel as all its connections see it together.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) name: String,
    slots: HashMap<Box<str>, u32>,
    /// When each update was sent, in nanoseconds since the start, by the slot of its user.
    sent: Vec<Vec<u64>>,
    frames: VecDeque<(Box<[u8]>, Rc<Summary>)>,
}

impl Channel {
    pub(crate) fn new(name: String) -> Self {
        Self { name, slots: HashMap::new(), sent: Vec::new(), frames: VecDeque::new() }
    }

    /// The number of a user in this channel.
    pub(crate) fn slot(&mut self, user: &str) -> u32 {
        if let Some(slot) = self.slots.get(user) {
            return *slot;
        }
        let slot = self.sent.len() as u32;
        self.slots.insert(user.into(), slot);
        self.sent.push(Vec::new());
        slot
    }

    /// A frame at the beginning of `bytes` that has been read for another connection, and its length.
    pub(crate) fn remembered(&self, bytes: &[u8]) -> Option<(usize, Rc<Summary>)> {
        let found = self.frames.iter().find(|(frame, _)| bytes.starts_with(frame))?;
        Some((found.0.len(), Rc::clone(&found.1)))
    }

    pub(crate) fn remember(&mut self, frame: &[u8], summary: &Rc<Summary>) {
        if frame.len() < REMEMBERED_BYTES {
            return;
        }
        self.frames.truncate(REMEMBERED_FRAMES - 1);
        self.frames.push_front((frame.into(), Rc::clone(summary)));
    }

    /// How many updates a user has sent.
    pub(crate) fn updates(&self, slot: u32) -> u32 {
        self.sent.get(slot as usize).map_or(0, |sent| sent.len() as u32)
    }

    /// Notes when a user's next update was sent and gives its number, from 1.
    pub(crate) fn note_sent(&mut self, slot: u32, now: u64) -> u32 {
        let sent = &mut self.sent[slot as usize];
        sent.push(now);
        sent.len() as u32
    }
}

/// What a connection knows.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) index: u32,
    pub(crate) channel: u32,
    slot: u32,
    /// By slot: the newest update seen, 0 for none, or [`ABSENT`].
    seen: Vec<u32>,
    /// How many are present.
    known: u32,
    /// How many there should be.
    expected: u32,
    /// The server has confirmed that it joined and observes.
    pub(crate) confirmed: bool,
    complete: bool,
    /// What only the target's protocol knows.
    pub(crate) progress: Progress,
}

/// Where a connection is in its target's protocol.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Sockets so far.
    pub(crate) attempt: u32,
    /// The next request's number.
    pub(crate) request: u32,
    /// The position in the channel's log.
    pub(crate) epoch: u64,
    pub(crate) seq: u64,
    /// Members of a snapshot whose last page has not come.
    pub(crate) page: Vec<(u32, u32)>,
    /// It is, or wants to be, no member of its channel, but observes it.
    pub(crate) absent: bool,
}

impl Peer {
    pub(crate) fn new(index: u32, channel: u32, expected: u32) -> Self {
        Self {
            index,
            channel,
            slot: NO_SLOT,
            seen: Vec::new(),
            known: 0,
            expected,
            confirmed: false,
            complete: false,
            progress: Progress::default(),
        }
    }

    pub(crate) fn slot(&self) -> Option<u32> {
        (self.slot != NO_SLOT).then_some(self.slot)
    }

    /// By slot: the newest update seen, or [`ABSENT`].
    pub(crate) fn seen(&self) -> &[u32] {
        &self.seen
    }

    /// How many members its channel should have.
    pub(crate) fn expected(&self) -> u32 {
        self.expected
    }
}

/// What all connections together were told.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) deliveries: u64,
    /// Deliveries that the updates sent so far are to make.
    pub(crate) due: u64,
    pub(crate) latency: Histogram,
    /// Connections that are complete.
    pub(crate) complete: usize,
    /// Joins of a user whom the connection had not known, and departures of one whom it had.
    pub(crate) joins: u64,
    pub(crate) departures: u64,
    /// Departures that were told as timeouts.
    pub(crate) timeouts: u64,
    /// Diffs that did not follow what the connection had seen, told a departure of nobody, or an update older than one
    /// before.
    pub(crate) gaps: u64,
    /// Refusals, and the last one.
    pub(crate) errors: u64,
    pub(crate) last_error: String,
}

/// A message's receiver, who is told what is in it.
pub(crate) struct Told<'a> {
    pub(crate) peer: &'a mut Peer,
    pub(crate) channel: &'a mut Channel,
    pub(crate) tally: &'a mut Tally,
    /// What the receiver answers: frames on their way out.
    pub(crate) out: &'a mut Vec<u8>,
    /// Nanoseconds since the start.
    pub(crate) now: u64,
}

impl Told<'_> {
    /// The receiver is this user.
    pub(crate) fn is_user(&mut self, user: &str) {
        self.peer.slot = self.channel.slot(user);
    }

    /// The user is there, and this is its newest update.
    pub(crate) fn member(&mut self, user: &str, update: u32) {
        let slot = self.channel.slot(user);
        self.apply(slot, update);
    }

    /// The user is gone.
    pub(crate) fn gone(&mut self, user: &str) {
        let slot = self.channel.slot(user);
        self.apply(slot, ABSENT);
    }

    /// The server has confirmed that the receiver is in its channel and observes it.
    pub(crate) fn confirmed(&mut self) {
        self.peer.confirmed = true;
    }

    /// The server has refused something.
    pub(crate) fn refused(&mut self, why: impl Into<String>) {
        self.tally.errors += 1;
        self.tally.last_error = why.into();
    }

    /// The same as [`Self::member`] and, with [`ABSENT`], [`Self::gone`], by slot.
    pub(crate) fn apply(&mut self, slot: u32, update: u32) {
        let timed_out = update == TIMED_OUT;
        self.tally.timeouts += u64::from(timed_out);
        let update = if timed_out { ABSENT } else { update };
        let peer = &mut *self.peer;
        let at = slot as usize;
        if peer.seen.len() <= at {
            peer.seen.resize(at.max(peer.expected as usize - 1) + 1, ABSENT);
        }
        let before = std::mem::replace(&mut peer.seen[at], update);
        match (before, update) {
            (ABSENT, ABSENT) => self.tally.gaps += 1,
            (ABSENT, _) => {
                peer.known += 1;
                self.tally.joins += 1;
            }
            (_, ABSENT) => {
                peer.known -= 1;
                self.tally.departures += 1;
            }
            (before, update) if update > before && slot != peer.slot => {
                let sent = &self.channel.sent[at];
                let new = sent.get(before as usize..update as usize).unwrap_or_default();
                self.tally.deliveries += new.len() as u64;
                for sent in new {
                    self.tally.latency.record(self.now.saturating_sub(*sent));
                }
            }
            // Who has come back begins without attributes.
            (before, update) if update != 0 && update < before => self.tally.gaps += 1,
            _ => {}
        }
    }

    /// The members are these and no others.
    pub(crate) fn roster(&mut self, members: &[(u32, u32)]) {
        let mut absent: Vec<bool> = self.peer.seen.iter().map(|seen| *seen != ABSENT).collect();
        for (slot, update) in members {
            if let Some(was) = absent.get_mut(*slot as usize) {
                *was = false;
            }
            self.apply(*slot, *update);
        }
        for (slot, _) in absent.iter().enumerate().filter(|(_, absent)| **absent) {
            self.apply(slot as u32, ABSENT);
        }
    }

    /// Counts the receiver as complete, or no longer; to be called after each message.
    pub(crate) fn settle(&mut self) {
        let peer = &mut *self.peer;
        let complete = peer.confirmed && peer.slot != NO_SLOT && peer.known == peer.expected;
        if complete && !peer.complete {
            self.tally.complete += 1;
        } else if !complete && peer.complete {
            self.tally.complete -= 1;
        }
        peer.complete = complete;
    }
}
