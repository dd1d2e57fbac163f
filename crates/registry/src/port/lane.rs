//! One partition of the shared store: the lease, the batch in flight, the place in the log.

use std::collections::{BTreeMap, VecDeque};

use herenow_protocol::{Epoch, Position};

use super::News;
use crate::Millis;
use crate::changes::{Change, Waiter};
use crate::names::Channel;
use crate::random::Random;
use crate::sessions::SessionId;
use crate::store::{Action, Answer, Effect, Incarnation, Outcome, Partition, Request};

/// Ops of one batch.
const MAX_BATCH: usize = 50;
/// Changes that may wait; beyond it those that clients ask for are refused, and hellos. What ends memberships is bounded by
/// them.
const MAX_QUEUE: usize = 65_536;
/// Milliseconds after which to ask again, where the node is not sure that the store has settled.
const UNSURE_MS: u64 = 1_000;
/// Milliseconds until the first repetition of a request that nobody answered; doubles with each.
const RETRY_MS: u64 = 50;
/// Milliseconds between repetitions, at most.
const MAX_RETRY_MS: u64 = 1_000;
/// Milliseconds without an answer after which nothing new is taken from clients, and what they have asked for is refused.
const AWAY_MS: u64 = 1_000;

/// Whether the node's lease had ended.
type Fenced = bool;

/// What waits until something is heard of a session.
#[derive(Debug)]
pub(crate) struct Doubt {
    pub(crate) kept: Vec<Change>,
    /// The store has lost its data meanwhile, and needs what it knew of the session's attributes.
    pub(crate) lost: bool,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) partition: Partition,
    lease_ms: u64,
    grace_ms: u64,
    random: Random,
    node: Incarnation,
    /// The life of the log; none until the store has answered.
    epoch: Option<Epoch>,
    /// The node holds a lease in this life of the log.
    ready: bool,
    /// The node has been ready before, and follows the log.
    begun: bool,
    /// The store has lost its data since the node was ready last; and whether the lease had ended before.
    reborn: Option<Fenced>,
    /// The last number of the log that was read.
    read_seq: u64,
    /// Renewals that were asked for, and the one that was answered last, with the last number of the log then.
    asked: u64,
    answered: u64,
    answered_seq: u64,
    /// A renewal is wanted now, for what it says of the log.
    probe: bool,
    /// When a store that has begun anew has settled, and the last number of the log at some time after that.
    settles_at: Millis,
    settled_seq: Option<u64>,
    /// The number of the last batch.
    number: u64,
    /// The batch that has no answer yet, and whether it was sent.
    batch: Option<(Vec<Change>, bool)>,
    queue: VecDeque<Change>,
    /// Done, but the log has not told it yet. Bounded by the pace of those who ask, and of the log.
    told_at: VecDeque<(u64, Change, Effect)>,
    /// Rosters to ask for, each once.
    wanted: VecDeque<Channel>,
    reading: bool,
    renewing: Option<Millis>,
    renew_at: Millis,
    lease_until: Millis,
    /// When somebody may have left something behind that is to be ended.
    sweep_at: Option<Millis>,
    /// Nothing is sent before.
    retry_at: Option<Millis>,
    /// Requests in a row that nobody answered, and when the first of them was given up.
    failures: u32,
    failing_since: Option<Millis>,
    /// When those who wait are told that nobody answers.
    refuse_at: Option<Millis>,
    /// Since when the node has held a lease without a break.
    held_since: Millis,
    /// Sessions of which nothing was heard since the lease ended, and what waits until something is.
    pub(super) doubted: BTreeMap<SessionId, Doubt>,
}

impl Lane {
    pub(super) fn new(
        now: Millis,
        partition: Partition,
        lease_ms: u64,
        grace_ms: u64,
        mut random: Random,
    ) -> Self {
        Self {
            partition,
            lease_ms,
            grace_ms,
            node: Incarnation(random.next()),
            random,
            epoch: None,
            ready: false,
            begun: false,
            reborn: None,
            read_seq: 0,
            asked: 0,
            answered: 0,
            answered_seq: 0,
            probe: false,
            settles_at: now,
            settled_seq: None,
            number: 0,
            batch: None,
            queue: VecDeque::new(),
            told_at: VecDeque::new(),
            wanted: VecDeque::new(),
            reading: false,
            renewing: None,
            renew_at: now,
            lease_until: now,
            sweep_at: None,
            retry_at: None,
            failures: 0,
            failing_since: None,
            refuse_at: None,
            held_since: now,
            doubted: BTreeMap::new(),
        }
    }

    pub(super) const fn is_ready(&self) -> bool {
        self.ready && self.failures == 0
    }

    pub(super) fn push(&mut self, change: Change) {
        self.queue.push_back(change);
    }

    /// Forgets what hellos of a session have asked for and is not on its way yet: it says hello again.
    pub(super) fn forget_hellos(&mut self, session: SessionId) {
        self.queue.retain(|change| change.session != session || !matches!(change.waiter, Waiter::Hello(_)));
    }

    /// Whether too much waits.
    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= MAX_QUEUE
    }

    /// Keeps changes of a session until something is heard of it; `lost`: the store has lost its data.
    pub(super) fn doubt(&mut self, session: SessionId, kept: Vec<Change>, lost: bool) {
        let lost = lost || self.doubted.get(&session).is_some_and(|doubt| doubt.lost);
        self.doubted.insert(session, Doubt { kept, lost });
    }

    /// Whether nothing more is taken from clients: too much waits, or nobody has answered for a while.
    pub(super) fn refuses(&self, now: Millis) -> bool {
        let is_away = self.failing_since.is_some_and(|since| now.since(since) >= AWAY_MS);
        is_away || self.is_full()
    }

    pub(super) fn want(&mut self, channel: Channel) {
        if !self.wanted.contains(&channel) {
            self.wanted.push_back(channel);
        }
    }

    pub(super) fn position(&self) -> Option<Position> {
        Some(Position { epoch: self.epoch?, seq: self.read_seq })
    }

    /// Asks the store how far the log is. Gives the number after which a renewal tells.
    pub(super) const fn probe(&mut self) -> u64 {
        self.probe = true;
        self.asked
    }

    /// Whether this node may not know yet what the store knew when somebody asked; `since`: what [`Lane::probe`] gave then.
    pub(super) const fn may_lack(&self, since: u64) -> bool {
        !self.ready || self.answered <= since || self.read_seq < self.answered_seq
    }

    /// Milliseconds for which members may be missing that this node knows of a store that has begun anew. Not before it has
    /// read what the store had when the time was over.
    pub(super) fn settles_in_ms(&self, now: Millis) -> u64 {
        match self.settled_seq {
            Some(seq) if self.read_seq >= seq => 0,
            Some(_) | None => self.settles_at.since(now).max(UNSURE_MS),
        }
    }

    /// When the store has settled.
    pub(super) const fn settles_at(&self) -> Millis {
        self.settles_at
    }

    pub(super) fn hold(&mut self, seq: u64, change: Change, effect: Effect) {
        self.told_at.push_back((seq, change, effect));
    }

    pub(super) fn take_told(&mut self) -> Vec<(Change, Effect)> {
        let mut told = Vec::new();
        while let Some((seq, ..)) = self.told_at.front()
            && *seq <= self.read_seq
            && let Some((_, change, effect)) = self.told_at.pop_front()
        {
            told.push((change, effect));
        }
        told
    }

    /// All that waits, the batch without an answer first.
    pub(super) fn take_queue(&mut self) -> Vec<Change> {
        let batch = self.batch.take().map(|(changes, _)| changes).unwrap_or_default();
        batch.into_iter().chain(self.queue.drain(..)).collect()
    }

    /// What clients have asked for and is given up, once nobody has answered for a while. The batch may be done already:
    /// what it joins is left again, what it sets is set.
    /// `waits`: whether somebody still waits for a change.
    pub(super) fn give_up(&mut self, now: Millis, waits: impl Fn(&Change) -> bool) -> Vec<Change> {
        if self.refuse_at.take_if(|at| *at <= now).is_none() {
            return Vec::new();
        }
        let (mut given_up, others): (Vec<_>, Vec<_>) = self.queue.drain(..).partition(&waits);
        self.queue = others.into();
        for change in self.batch.iter_mut().flat_map(|(changes, _)| changes) {
            if !waits(change) {
                continue;
            }
            given_up.push(change.clone());
            let joins = matches!(change.waiter, Waiter::Join(.., true));
            change.waiter = Waiter::Nobody;
            if joins {
                // Instead of the join if the batch was not done, and after it if it was.
                change.op.action = Action::Goodbye;
                self.queue.push_back(change.clone());
            }
        }
        given_up
    }

    pub(super) fn deadline(&self) -> Option<Millis> {
        let renew_at = (self.renewing.is_none()).then_some(self.renew_at);
        let sweep_at = self.sweep_at.filter(|_| self.ready);
        let next = self.retry_at.or_else(|| renew_at.into_iter().chain(sweep_at).min());
        next.into_iter().chain(self.refuse_at).min()
    }

    pub(super) fn poll(&mut self, now: Millis) -> Option<Request> {
        if self.retry_at.is_some_and(|at| at > now) {
            return None;
        }
        self.retry_at = None;
        let partition = self.partition;
        if self.renewing.is_none() && (self.renew_at <= now || self.probe) {
            self.probe = false;
            self.asked += 1;
            self.renewing = Some(now);
            return Some(Request::Renew { partition, node: self.node, begin: !self.ready });
        }
        let epoch = self.epoch.filter(|_| self.ready)?;
        if let Some(request) = self.next_batch(epoch) {
            return Some(request);
        }
        if !self.reading {
            self.reading = true;
            return Some(Request::Read { partition, epoch, after: self.read_seq });
        }
        if let Some(channel) = self.wanted.pop_front() {
            return Some(Request::Roster { partition, channel });
        }
        self.sweep_at.take_if(|at| *at <= now)?;
        Some(Request::Sweep { partition, grace_ms: self.grace_ms })
    }

    fn next_batch(&mut self, epoch: Epoch) -> Option<Request> {
        // After a failure a renewal finds out whether somebody answers again.
        if self.batch.is_none() && !self.queue.is_empty() && self.failures == 0 {
            let count = self.queue.len().min(MAX_BATCH);
            self.number += 1;
            self.batch = Some((self.queue.drain(..count).collect(), false));
        }
        let (changes, sent) = self.batch.as_mut()?;
        if std::mem::replace(sent, true) {
            return None;
        }
        let ops = changes.iter().map(|change| change.op.clone()).collect();
        Some(Request::Apply { partition: self.partition, node: self.node, number: self.number, epoch, ops })
    }

    pub(super) fn failed(&mut self, now: Millis, request: &Request) {
        match request {
            Request::Renew { node, .. } if *node == self.node => {
                self.renewing = None;
                self.renew_at = now;
            }
            Request::Apply { node, number, .. } if (*node, *number) == (self.node, self.number) => {
                if let Some((_, sent)) = &mut self.batch {
                    *sent = false;
                }
            }
            Request::Read { .. } => self.reading = false,
            Request::Roster { channel, .. } => self.want(channel.clone()),
            // Of an earlier life; and the next renewal sweeps again.
            Request::Renew { .. } | Request::Apply { .. } | Request::Sweep { .. } => {}
        }
        let wait_ms = (RETRY_MS << self.failures.min(10)).min(MAX_RETRY_MS);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(now.plus(wait_ms));
        self.probe = true;
        if self.failing_since.is_none() {
            self.failing_since = Some(now);
            self.refuse_at = Some(now.plus(AWAY_MS));
        }
    }

    pub(super) fn answered(&mut self, now: Millis, answer: Answer) -> Vec<News> {
        self.failures = 0;
        self.failing_since = None;
        self.refuse_at = None;
        let mut news = Vec::new();
        match self.epoch {
            // From before the store lost its data.
            Some(known) if answer.epoch < known => {
                self.forget_request(&answer.outcome);
                return news;
            }
            Some(known) if answer.epoch > known => {
                self.epoch = Some(answer.epoch);
                self.lose_data(now, &mut news);
            }
            Some(_) => {}
            None => self.epoch = Some(answer.epoch),
        }
        match answer.outcome {
            Outcome::Renewed { node, seq, age_ms, lag_ms } if node == self.node => {
                self.renewed(now, seq, age_ms, &mut news);
                let first_end_ms = (self.lease_ms + self.grace_ms).saturating_sub(lag_ms);
                // Where the store itself was away, the leases of all have ended: who comes back first waits for the others.
                let may_sweep_at = self.held_since.plus(self.grace_ms);
                self.sweep_at = Some(now.plus(first_end_ms).max(may_sweep_at));
            }
            Outcome::Fenced { node } if node == self.node => self.fence(now, &mut news),
            Outcome::Applied { node, number, effects, seq } if (node, number) == (self.node, self.number) => {
                if let Some((changes, _)) = self.batch.take() {
                    news.push(News::Applied { seq, done: changes.into_iter().zip(effects).collect() });
                }
            }
            Outcome::Log { after, entries } => {
                self.reading = false;
                if self.reborn.is_none() && after == self.read_seq {
                    self.read_seq = entries.last().map_or(after, |last| last.seq);
                    news.push(News::Told(entries));
                }
            }
            Outcome::Trimmed { seq } => {
                self.reading = false;
                self.read_seq = seq;
                self.lose_track();
                news.push(News::Behind);
            }
            // Of a life of the log that the node does not hold a lease in yet, and so knows nothing of.
            Outcome::Roster { channel, .. } if !self.ready => self.want(channel),
            Outcome::Roster { channel, seq, read_at, members } => {
                news.push(News::Roster { channel, seq, read_at, members });
            }
            Outcome::Swept { more: true } => self.sweep_at = Some(now),
            Outcome::Swept { more: false } => {}
            Outcome::Reborn => self.reading = false,
            // Of an earlier life of the node.
            Outcome::Renewed { .. } | Outcome::Fenced { .. } | Outcome::Applied { .. } => {}
        }
        news
    }

    /// An answer is of no use, and so its request has none.
    fn forget_request(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Log { .. } | Outcome::Trimmed { .. } | Outcome::Reborn => self.reading = false,
            Outcome::Roster { channel, .. } => self.want(channel.clone()),
            Outcome::Renewed { .. } => self.renewing = None,
            Outcome::Fenced { .. } | Outcome::Applied { .. } | Outcome::Swept { .. } => {}
        }
    }

    fn renewed(&mut self, now: Millis, seq: u64, age_ms: u64, news: &mut Vec<News>) {
        // From when it was asked for: the store may have begun to count then.
        let asked_at = self.renewing.take().unwrap_or(now);
        self.answered = self.asked;
        self.answered_seq = seq;
        if !self.ready && (self.reborn.is_some() || !self.begun) {
            let wait_ms = self.grace_ms.saturating_sub(age_ms);
            self.settles_at = if broken!(SettlesAtOnce) { now } else { now.plus(wait_ms) };
            self.settled_seq = None;
        } else if self.settled_seq.is_none() && asked_at >= self.settles_at {
            self.settled_seq = Some(seq);
        }
        self.lease_until = asked_at.plus(self.lease_ms);
        self.renew_at = now.plus(self.lease_ms / 4);
        if self.settled_seq.is_none() {
            self.renew_at = self.renew_at.min(self.settles_at.max(now));
        }
        if std::mem::replace(&mut self.ready, true) {
            return;
        }
        self.held_since = now;
        if let Some(fenced) = self.reborn.take() {
            self.read_seq = seq;
            self.lose_track();
            news.push(News::Reborn { fenced });
        } else if !std::mem::replace(&mut self.begun, true) {
            self.read_seq = seq;
        }
    }

    /// The log will not tell what is done already: rosters are read anew.
    fn lose_track(&mut self) {
        for (seq, ..) in &mut self.told_at {
            *seq = 0;
        }
    }

    /// The lease has ended.
    fn fence(&mut self, now: Millis, news: &mut Vec<News>) {
        // A lease that a lost answer gave may have ended unknown: then a rebirth on its way asserts nobody unheard either.
        if !broken!(AssertsReborn) {
            self.reborn = self.reborn.map(|_| true);
        }
        self.begin_again(now);
        news.push(News::Fenced { lost: self.reborn.is_some() });
    }

    /// Takes another life: what is still on its way to or from this one is of no use.
    fn begin_again(&mut self, now: Millis) {
        self.node = Incarnation(self.random.next());
        self.ready = false;
        self.number = 0;
        self.renewing = None;
        self.renew_at = now;
        if let Some((changes, _)) = self.batch.take() {
            for change in changes.into_iter().rev() {
                self.queue.push_front(change);
            }
        }
    }

    /// The log begins anew, without this node's lease.
    fn lose_data(&mut self, now: Millis, news: &mut Vec<News>) {
        let fenced = self.lease_until <= now || self.reborn == Some(true);
        self.reborn = Some(fenced);
        self.begin_again(now);
        self.take_back_sets();
        if fenced {
            news.push(News::Fenced { lost: true });
        }
    }

    /// Attributes that were stored, but of which the log has not told, are in nobody's memory but here.
    fn take_back_sets(&mut self) {
        let is_set = |(_, change, _): &(u64, Change, Effect)| matches!(change.op.action, Action::Set(_));
        let (sets, others): (Vec<_>, Vec<_>) = self.told_at.drain(..).partition(is_set);
        self.told_at = others.into();
        for (_, change, _) in sets.into_iter().rev() {
            self.queue.push_front(change);
        }
    }
}
