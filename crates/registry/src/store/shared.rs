//! A store that several nodes share, in memory: what every other store has to do, for the simulation and as a measure.

use std::collections::{BTreeMap, VecDeque};

use herenow_protocol::{Attributes, Epoch, Member};

use super::{Answer, Incarnation, MAX_PAGE_BYTES, Op, Outcome, Partition, Request, Rosters, Sequenced};
use crate::Millis;
use crate::names::{Channel, User};

/// Transitions that are kept a partition; a node that missed more begins anew with rosters.
const MAX_LOG: usize = 4_096;
/// Transitions of one answer.
const MAX_READ: usize = 512;
/// Members that one sweep ends.
const SWEEP_SLICE: usize = 100;

/// Partitions of one store. Time is the store's own.
#[derive(Debug)]
pub struct SharedStore {
    lease_ms: u64,
    shares: Vec<Share>,
}

#[derive(Debug)]
struct Share {
    born_at: Millis,
    rosters: Rosters,
    /// The last transitions, without a gap.
    log: VecDeque<Sequenced>,
    /// The number that the log follows.
    floor: u64,
    /// Until when, for each life of a node that has or had a lease and is not swept.
    leases: BTreeMap<Incarnation, Lease>,
}

#[derive(Debug)]
struct Lease {
    until: Millis,
    /// The number of the last batch, and the answer that it got.
    last: (u64, Option<Outcome>),
}

impl SharedStore {
    /// An empty store of `partitions` partitions whose leases last `lease_ms` milliseconds.
    pub fn new(now: Millis, epoch: Epoch, partitions: u16, lease_ms: u64) -> Self {
        Self { lease_ms, shares: (0..partitions).map(|_| Share::new(now, epoch)).collect() }
    }

    /// All data of a partition is lost. `epoch` is greater than that of its life before.
    pub fn lose(&mut self, now: Millis, partition: Partition, epoch: Epoch) {
        if let Some(share) = self.shares.get_mut(usize::from(partition.0)) {
            *share = Share::new(now, epoch);
        }
    }

    /// Answers a request; `None` for a read where nothing has happened yet, and for a partition that does not exist.
    pub fn handle(&mut self, now: Millis, request: &Request) -> Option<Answer> {
        let partition = request.partition();
        let share = self.shares.get_mut(usize::from(partition.0))?;
        let outcome = match request {
            Request::Renew { node, begin, .. } => share.renew(now, *node, *begin, self.lease_ms),
            Request::Apply { node, number, epoch, ops, .. } => share.apply(now, *node, *number, *epoch, ops),
            Request::Read { epoch, after, .. } => share.read(*epoch, *after)?,
            Request::Roster { channel, .. } => share.roster(channel),
            Request::Sweep { grace_ms, .. } => share.sweep(now, *grace_ms),
        };
        Some(Answer { partition, epoch: share.rosters.epoch(), outcome })
    }

    fn share(&self, channel: &Channel) -> Option<&Share> {
        let count = u16::try_from(self.shares.len()).unwrap_or(u16::MAX);
        self.shares.get(usize::from(Partition::of(channel, count).0))
    }

    /// The members of a channel, ordered by user id.
    pub fn members(&self, application: &str, channel: &str) -> Vec<Member> {
        let channel = Channel::new(application.into(), channel);
        self.share(&channel)
            .map(|share| share.rosters.page(&channel, None, usize::MAX, usize::MAX).0)
            .unwrap_or_default()
    }

    /// A page of them: those after `after`, at most `limit` and about [`MAX_PAGE_BYTES`], and whether there are more.
    pub fn page(&self, channel: &Channel, after: Option<&str>, limit: usize) -> (Vec<Member>, bool) {
        self.share(channel)
            .map(|share| share.rosters.page(channel, after, limit, MAX_PAGE_BYTES))
            .unwrap_or_default()
    }

    /// The largest channels of an application whose names begin with `prefix`, largest first, at most `limit`, each with its
    /// members.
    pub fn largest(&self, application: &str, prefix: &str, limit: usize) -> Vec<(String, u64)> {
        let mut found: Vec<(String, u64)> = self
            .shares
            .iter()
            .flat_map(|share| share.rosters.sizes())
            .filter(|(channel, _)| channel.application() == application && channel.name().starts_with(prefix))
            .map(|(channel, members)| (channel.name().into(), members as u64))
            .collect();
        found.sort_unstable_by(|(one, members), (other, others)| {
            others.cmp(members).then_with(|| one.cmp(other))
        });
        found.truncate(limit);
        found
    }

    /// The attributes of a member; none for a user who is no member.
    pub fn attributes(&self, application: &str, channel: &str, user: &str) -> Attributes {
        let channel = Channel::new(application.into(), channel);
        self.share(&channel).map(|share| share.rosters.attributes(&channel, user)).unwrap_or_default()
    }

    /// The channels that a user is a member of, sorted.
    pub fn user_channels(&self, application: &str, user: &str) -> Vec<String> {
        let user = User::new(application, user);
        let mut channels: Vec<_> =
            self.shares.iter().flat_map(|share| share.rosters.channels_of(&user)).collect();
        channels.sort_unstable();
        channels
    }
}

impl Share {
    fn new(now: Millis, epoch: Epoch) -> Self {
        Self {
            born_at: now,
            rosters: Rosters::new(epoch),
            log: VecDeque::new(),
            floor: 0,
            leases: BTreeMap::new(),
        }
    }

    fn renew(&mut self, now: Millis, node: Incarnation, begin: bool, lease_ms: u64) -> Outcome {
        let until = now.plus(lease_ms);
        match self.leases.get_mut(&node) {
            Some(lease) if lease.until > now || broken!(RenewsEnded) => lease.until = until,
            None if begin => {
                self.leases.insert(node, Lease { until, last: (0, None) });
            }
            Some(_) | None => return Outcome::Fenced { node },
        }
        let first = self.leases.values().map(|lease| lease.until).min().unwrap_or(until);
        let (age_ms, lag_ms) = (now.since(self.born_at), until.since(first));
        Outcome::Renewed { node, seq: self.rosters.seq(), age_ms, lag_ms }
    }

    fn apply(&mut self, now: Millis, node: Incarnation, number: u64, epoch: Epoch, ops: &[Op]) -> Outcome {
        if epoch != self.rosters.epoch() {
            return Outcome::Reborn;
        }
        let fenced = Outcome::Fenced { node };
        let Some(lease) = self.leases.get_mut(&node) else { return fenced };
        if let (last, Some(answer)) = &lease.last
            && number <= *last
            && !broken!(AppliesTwice)
        {
            return answer.clone();
        }
        if lease.until <= now && !broken!(RenewsEnded) {
            return fenced;
        }
        let mut told = Vec::new();
        let effects = ops.iter().map(|op| self.rosters.apply(now, node, op.clone(), &mut told)).collect();
        let answer = Outcome::Applied { node, number, effects, seq: self.rosters.seq() };
        lease.last = (number, Some(answer.clone()));
        self.note(told);
        answer
    }

    fn note(&mut self, told: Vec<Sequenced>) {
        self.log.extend(told);
        while self.log.len() > MAX_LOG {
            if let Some(oldest) = self.log.pop_front() {
                self.floor = oldest.seq;
            }
        }
    }

    fn read(&self, epoch: Epoch, after: u64) -> Option<Outcome> {
        let seq = self.rosters.seq();
        if epoch != self.rosters.epoch() {
            return Some(Outcome::Reborn);
        }
        if after < self.floor || after > seq {
            return Some(Outcome::Trimmed { seq });
        }
        let first = self.log.partition_point(|entry| entry.seq <= after);
        let entries: Vec<_> = self.log.range(first..).take(MAX_READ).cloned().collect();
        (!entries.is_empty()).then_some(Outcome::Log { after, entries })
    }

    fn roster(&self, channel: &Channel) -> Outcome {
        let (seq, members) = self.rosters.roster(channel);
        Outcome::Roster { channel: channel.clone(), seq, read_at: self.rosters.seq(), members }
    }

    fn sweep(&mut self, now: Millis, grace_ms: u64) -> Outcome {
        let grace_ms = if broken!(SweepsAtOnce) { 0 } else { grace_ms };
        let is_gone = |lease: &Lease| lease.until.plus(grace_ms) <= now;
        let gone: Vec<_> =
            self.leases.iter().filter(|(_, lease)| is_gone(lease)).map(|(node, _)| *node).collect();
        if gone.is_empty() || broken!(SweepsNobody) {
            return Outcome::Swept { more: false };
        }
        let mut told = Vec::new();
        let more = self.rosters.sweep(&gone, SWEEP_SLICE, &mut told);
        self.note(told);
        if !more {
            self.leases.retain(|node, _| !gone.contains(node));
        }
        Outcome::Swept { more }
    }
}
