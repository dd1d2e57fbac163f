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
    /// On which server each user is, by slot.
    homes: Vec<u8>,
    /// When each update was sent, in nanoseconds since the start, by the slot of its user.
    sent: Vec<Vec<u64>>,
    frames: VecDeque<(Box<[u8]>, Rc<Summary>)>,
}

impl Channel {
    pub(crate) fn new(name: String) -> Self {
        Self { name, slots: HashMap::new(), homes: Vec::new(), sent: Vec::new(), frames: VecDeque::new() }
    }

    /// The number of a user in this channel.
    pub(crate) fn slot(&mut self, user: &str) -> u32 {
        if let Some(slot) = self.slots.get(user) {
            return *slot;
        }
        let slot = self.sent.len() as u32;
        self.slots.insert(user.into(), slot);
        self.sent.push(Vec::new());
        self.homes.push(0);
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
    /// The number of its server.
    pub(crate) home: u8,
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
    /// The newest request's number, and that of the newest that was answered.
    pub(crate) request: u32,
    pub(crate) answered: u32,
    /// The position in the channel's log.
    pub(crate) epoch: u64,
    pub(crate) seq: u64,
    /// Members of a snapshot whose last page has not come.
    pub(crate) page: Vec<(u32, u32)>,
    /// It is, or wants to be, no member of its channel, but observes it.
    pub(crate) absent: bool,
}

impl Peer {
    pub(crate) fn new(index: u32, channel: u32, expected: u32, home: u8) -> Self {
        Self {
            index,
            channel,
            home,
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
    /// Of deliveries to the sender's server.
    pub(crate) latency: Histogram,
    /// Of deliveries to another one.
    pub(crate) elsewhere: Histogram,
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
    /// Requests that were answered.
    pub(crate) answers: u64,
    /// Refusals, and the last one.
    pub(crate) errors: u64,
    pub(crate) last_error: String,
}

impl Tally {
    /// Latencies are counted from here on.
    pub(crate) fn forget_latency(&mut self) {
        self.latency.clear();
        self.elsewhere.clear();
    }
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
        let slot = self.channel.slot(user);
        self.peer.slot = slot;
        self.channel.homes[slot as usize] = self.peer.home;
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

    /// The server has done what a request asked for.
    pub(crate) fn answered(&mut self, request: u32) {
        self.peer.progress.answered = self.peer.progress.answered.max(request);
        self.tally.answers += 1;
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
                let here = self.channel.homes[at] == peer.home;
                let latency = if here { &mut self.tally.latency } else { &mut self.tally.elsewhere };
                for sent in new {
                    latency.record(self.now.saturating_sub(*sent));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells the peer what `say` says, at that time in ns.
    fn tell(
        peer: &mut Peer,
        channel: &mut Channel,
        tally: &mut Tally,
        now: u64,
        say: impl FnOnce(&mut Told<'_>),
    ) {
        let mut out = Vec::new();
        say(&mut Told { peer, channel, tally, out: &mut out, now });
    }

    #[test]
    fn latency_is_counted_apart_for_who_is_on_another_server() {
        let (mut channel, mut tally) = (Channel::new("room".into()), Tally::default());
        let mut peers: Vec<Peer> = [0, 1, 0].map(|home| Peer::new(0, 0, 3, home)).into();
        for (peer, user) in peers.iter_mut().zip(["a", "b", "c"]) {
            tell(peer, &mut channel, &mut tally, 0, |told| told.is_user(user));
        }
        for peer in &mut peers {
            tell(peer, &mut channel, &mut tally, 0, |told| (0..3).for_each(|slot| told.apply(slot, 0)));
        }
        let number = channel.note_sent(0, 100);
        for (peer, now) in peers.iter_mut().zip([130, 150, 140]) {
            tell(peer, &mut channel, &mut tally, now, |told| told.apply(0, number));
        }
        assert_eq!((tally.latency.count(), tally.elsewhere.count(), tally.deliveries), (1, 1, 2));
        assert_eq!(tally.latency.quantile(1.0).as_nanos(), 40);
        assert_eq!(tally.elsewhere.quantile(1.0).as_nanos(), 50);
    }

    #[test]
    fn an_answer_that_comes_late_does_not_take_a_newer_one_back() {
        let (mut channel, mut tally) = (Channel::new("room".into()), Tally::default());
        let mut peer = Peer::new(0, 0, 1, 0);
        tell(&mut peer, &mut channel, &mut tally, 0, |told| {
            told.answered(2);
            told.answered(1);
        });
        assert_eq!((peer.progress.answered, tally.answers), (2, 2));
    }
}
