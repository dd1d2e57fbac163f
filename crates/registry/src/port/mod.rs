//! The node's side of a store that it shares with others: one lane for each partition.
//!
//! Requests go out in [`Port::poll`]; answers come in, and what they mean for the node goes out as [`News`].

mod lane;

use std::collections::BTreeMap;
use std::sync::Arc;

use herenow_protocol::{Attributes, Position};

use crate::Millis;
use crate::changes::Change;
use crate::names::Channel;
use crate::random::Random;
use crate::sessions::SessionId;
use crate::store::{Answer, Effect, Partition, Request, Sequenced};
use lane::Lane;

pub(crate) use lane::Doubt;

/// What an answer means for the node.
#[derive(Debug)]
pub(crate) enum News {
    /// Changes of one batch are done, and visible to whoever has followed the log up to `seq`.
    Applied { seq: u64, done: Vec<(Change, Effect)> },
    /// Something happened.
    Told(Vec<Sequenced>),
    /// A roster.
    Roster { channel: Channel, seq: u64, read_at: u64, members: BTreeMap<Arc<str>, Attributes> },
    /// The log was lost track of: rosters have to be read anew.
    Behind,
    /// The lease has ended: others may have ended what the node held. `lost`: the store has lost its data, too.
    Fenced { lost: bool },
    /// The store lost its data. Rosters have to be read anew, and all sessions asserted
    /// unless they are in doubt, since the lease had ended too.
    Reborn { fenced: bool },
}

/// All lanes.
#[derive(Debug)]
pub(crate) struct Port {
    lanes: Vec<Lane>,
}

impl Port {
    pub(crate) fn new(
        now: Millis,
        partitions: u16,
        lease_ms: u64,
        grace_ms: u64,
        random: &mut Random,
    ) -> Self {
        let lane = |at| Lane::new(now, Partition(at), lease_ms, grace_ms, Random::new(random.next()));
        Self { lanes: (0..partitions.max(1)).map(lane).collect() }
    }

    fn at(&self, channel: &Channel) -> usize {
        let count = u16::try_from(self.lanes.len()).unwrap_or(u16::MAX);
        usize::from(Partition::of(channel, count).0)
    }

    pub(crate) fn partition(&self, channel: &Channel) -> Partition {
        self.lanes[self.at(channel)].partition
    }

    fn lane(&mut self, channel: &Channel) -> &mut Lane {
        let at = self.at(channel);
        &mut self.lanes[at]
    }

    /// What has been read of the log of a partition.
    pub(crate) fn read_seq(&self, partition: Partition) -> u64 {
        self.lanes.get(usize::from(partition.0)).and_then(Lane::position).map_or(0, |known| known.seq)
    }

    /// Takes a change on its way.
    pub(crate) fn push(&mut self, change: Change) {
        self.lane(&change.op.channel).push(change);
    }

    /// Whether the channel's lane takes nothing more from clients.
    pub(crate) fn refuses(&self, channel: &Channel, now: Millis) -> bool {
        self.lanes[self.at(channel)].refuses(now)
    }

    /// Takes what clients have asked for and nobody answers; `waits`: whether somebody still waits for a change.
    pub(crate) fn give_up(&mut self, now: Millis, waits: impl Fn(&Change) -> bool) -> Vec<Change> {
        self.lanes.iter_mut().flat_map(|lane| lane.give_up(now, &waits)).collect()
    }

    /// Asks for the roster of a channel.
    pub(crate) fn want(&mut self, channel: Channel) {
        self.lane(&channel).want(channel);
    }

    /// The life of the channel's log and the last number that was read, if they are known.
    pub(crate) fn position(&self, channel: &Channel) -> Option<Position> {
        self.lanes[self.at(channel)].position()
    }

    /// Asks the store how far the log of a channel is. Gives what [`Port::may_lack`] takes.
    pub(crate) fn probe(&mut self, channel: &Channel) -> u64 {
        self.lane(channel).probe()
    }

    /// Whether this node may not know yet what the store knew of a channel when somebody asked.
    pub(crate) fn may_lack(&self, channel: &Channel, since: u64) -> bool {
        self.lanes[self.at(channel)].may_lack(since)
    }

    /// Milliseconds for which members of a channel may be missing that this node knows.
    pub(crate) fn settles_in_ms(&self, channel: &Channel, now: Millis) -> u64 {
        self.lanes[self.at(channel)].settles_in_ms(now)
    }

    /// When all of the store has settled.
    pub(crate) fn settles_at(&self) -> Option<Millis> {
        self.lanes.iter().map(Lane::settles_at).max()
    }

    /// Keeps a change that is done until the log has told what it did.
    pub(crate) fn hold(&mut self, seq: u64, change: Change, effect: Effect) {
        self.lane(&change.op.channel).hold(seq, change, effect);
    }

    /// Takes the changes that the log has told.
    pub(crate) fn take_told(&mut self, partition: Partition) -> Vec<(Change, Effect)> {
        self.lanes.get_mut(usize::from(partition.0)).map(Lane::take_told).unwrap_or_default()
    }

    /// The next request.
    pub(crate) fn poll(&mut self, now: Millis) -> Option<Request> {
        self.lanes.iter_mut().find_map(|lane| lane.poll(now))
    }

    pub(crate) fn answered(&mut self, now: Millis, answer: Answer) -> Vec<News> {
        let lane = self.lanes.get_mut(usize::from(answer.partition.0));
        lane.map(|lane| lane.answered(now, answer)).unwrap_or_default()
    }

    /// Nobody answered.
    pub(crate) fn failed(&mut self, now: Millis, request: &Request) {
        if let Some(lane) = self.lanes.get_mut(usize::from(request.partition().0)) {
            lane.failed(now, request);
        }
    }

    /// Takes all changes that wait in a partition.
    pub(crate) fn take_queue(&mut self, partition: Partition) -> Vec<Change> {
        self.lanes.get_mut(usize::from(partition.0)).map(Lane::take_queue).unwrap_or_default()
    }

    /// Keeps changes of a session in a partition until something is heard of it.
    pub(crate) fn doubt(&mut self, partition: Partition, session: SessionId, kept: Vec<Change>, lost: bool) {
        if let Some(lane) = self.lanes.get_mut(usize::from(partition.0)) {
            lane.doubt(session, kept, lost);
        }
    }

    /// Something was heard of a session: where it was in doubt, and what was kept of it.
    pub(crate) fn trust(&mut self, session: SessionId) -> Vec<(Partition, Doubt)> {
        let doubting = self.lanes.iter_mut();
        doubting.filter_map(|lane| Some((lane.partition, lane.doubted.remove(&session)?))).collect()
    }

    /// A session says hello again: what its hellos have asked for before and is not on its way yet is of no use.
    pub(crate) fn forget_hellos(&mut self, session: SessionId) {
        for lane in &mut self.lanes {
            lane.forget_hellos(session);
        }
    }

    /// Whether too much waits in some lane.
    pub(crate) fn is_full(&self) -> bool {
        self.lanes.iter().any(Lane::is_full)
    }

    /// When [`Port::poll`] has something to send by itself.
    pub(crate) fn deadline(&self) -> Option<Millis> {
        self.lanes.iter().filter_map(Lane::deadline).min()
    }

    /// Whether every partition answers.
    pub(crate) fn is_ready(&self) -> bool {
        self.lanes.iter().all(Lane::is_ready)
    }
}
