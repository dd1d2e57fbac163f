//! What a shared store must hold: the rules of memberships once more, applied to what nodes told the store, and whether
//! they had reason to.

use std::collections::{BTreeMap, BTreeSet};

use herenow_protocol::{Attributes, Code, Epoch, Member, Position, SessionSecret};
use herenow_registry::store::{Action, Incarnation, Op, OwnerId};

use super::ledger::{Check, Times, wrong};
use super::replay::{Input, Reply};
use super::truth::{Kinds, Presence, Truth};
use super::{channel_number, user_number};
use crate::failure::Invariant;
use crate::net::LinkId;
use crate::plan::{CHANNELS, USERS};

/// What each session has stored in a channel is remembered this often.
const MAX_STORED: usize = 64;

/// Who is gone is remembered so long, in milliseconds.
const REMEMBERED_MS: u64 = 60_000;

#[derive(Debug)]
struct Owner {
    id: OwnerId,
    node: Incarnation,
    attempt: u32,
    lingering: bool,
}

/// A user in a channel.
#[derive(Debug, Default)]
struct Seat {
    owners: Vec<Owner>,
    attributes: Attributes,
    set_at: Option<(Epoch, u64)>,
}

/// A partition of the store.
#[derive(Debug)]
struct Share {
    epoch: Epoch,
    /// Transitions so far.
    seq: u64,
    settles_at_ms: u64,
    /// Until when, for each life of a node.
    leases: BTreeMap<Incarnation, Lease>,
    /// Batches that were applied.
    batches: BTreeSet<(Incarnation, u64)>,
}

#[derive(Debug)]
struct Lease {
    until_ms: u64,
    node: usize,
    /// When the lease of the life before had ended, if the same process had one.
    ended_ms: u64,
    /// Which process of the node has it.
    process: u32,
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Facts {
    times: Times,
    lease_ms: u64,
    shares: Vec<Share>,
    /// By channel, then user.
    seats: [[Seat; USERS]; CHANNELS.len()],
    pub(crate) truths: [[Truth; USERS]; CHANNELS.len()],
    pub(crate) changed_ms: [u64; CHANNELS.len()],
    stored: BTreeMap<(OwnerKey, usize), Vec<(u64, Attributes)>>,
    released: BTreeMap<(OwnerKey, usize), u64>,
    /// The session of each link, and its attempt.
    links: BTreeMap<LinkId, (OwnerKey, u32)>,
    /// In which attempt, and when, each session last ceased to hold a channel of a partition by an op of its own.
    gone: BTreeMap<(OwnerKey, usize), (u32, u64)>,
    /// The newest attempt of each session that a node has seen.
    attempts: BTreeMap<(usize, OwnerKey), u32>,
    /// Joins that are not answered yet, and who had one refused where.
    asked: BTreeMap<(LinkId, u32), usize>,
    refused: BTreeSet<(OwnerKey, usize)>,
    /// When each session was last heard: by a node in an attempt, and by any.
    heard_by: BTreeMap<(usize, OwnerKey, u32), u64>,
    heard: BTreeMap<OwnerKey, u64>,
    /// Until when each node had trouble of its own, or did not reach the store.
    trouble_until_ms: Vec<u64>,
}

/// An owner's number, as a key.
type OwnerKey = u128;

fn owner_of(secret: u128) -> OwnerKey {
    OwnerId::of(SessionSecret(secret)).0
}

impl Facts {
    pub(crate) fn new(
        now: u64,
        times: Times,
        lease_ms: u64,
        epoch: Epoch,
        partitions: u16,
        nodes: usize,
    ) -> Self {
        let share = || Share {
            epoch,
            seq: 0,
            settles_at_ms: now + times.grace_ms,
            leases: BTreeMap::new(),
            batches: BTreeSet::new(),
        };
        Self {
            times,
            lease_ms,
            shares: (0..partitions).map(|_| share()).collect(),
            seats: Default::default(),
            truths: std::array::from_fn(|_| std::array::from_fn(|_| Truth::new())),
            changed_ms: [now; CHANNELS.len()],
            stored: BTreeMap::new(),
            released: BTreeMap::new(),
            links: BTreeMap::new(),
            gone: BTreeMap::new(),
            attempts: BTreeMap::new(),
            asked: BTreeMap::new(),
            refused: BTreeSet::new(),
            heard_by: BTreeMap::new(),
            heard: BTreeMap::new(),
            trouble_until_ms: vec![0; nodes],
        }
    }

    /// What reached a node.
    pub(crate) fn note(&mut self, now: u64, node: usize, inputs: &[Input]) {
        for input in inputs {
            let link = match input {
                Input::Hello { link, secret, attempt, .. } => {
                    let owner = owner_of(*secret);
                    self.links.insert(*link, (owner, *attempt));
                    let newest = self.attempts.entry((node, owner)).or_default();
                    *newest = (*newest).max(*attempt);
                    link
                }
                Input::Join { link, id, channel } => {
                    self.asked.insert((*link, *id), *channel);
                    link
                }
                Input::Leave { link, .. }
                | Input::Set { link, .. }
                | Input::Bye { link }
                | Input::Heard { link } => link,
                Input::Gone { link } => {
                    self.links.remove(link);
                    continue;
                }
                Input::Shutdown => continue,
            };
            // A late hello that a newer one has overtaken is refused.
            if let Some((owner, attempt)) = self.links.get(link)
                && self.attempts.get(&(node, *owner)).is_some_and(|newest| newest <= attempt)
            {
                self.heard_by.insert((node, *owner, *attempt), now);
                self.heard.insert(*owner, now);
            }
        }
    }

    /// A session whose join is refused since the store does not answer leaves what it may have joined.
    pub(crate) fn note_refused(&mut self, replies: &BTreeMap<(LinkId, u32), Reply>) {
        for (request, reply) in replies {
            let channel = self.asked.remove(request);
            if let (Some(channel), Err(Code::Unavailable)) = (channel, reply)
                && let Some((owner, _)) = self.links.get(&request.0)
            {
                self.refused.insert((*owner, channel));
            }
        }
    }

    /// Something is wrong with a node, or its way to the store, until then.
    pub(crate) fn trouble(&mut self, node: usize, until_ms: u64) {
        let known = &mut self.trouble_until_ms[node];
        *known = until_ms.max(*known);
    }

    /// Whether something is wrong with a node or its way to the store, or was so lately that it may still be behind.
    pub(crate) fn is_troubled(&self, node: usize, now: u64) -> bool {
        now < self.trouble_until_ms[node] + 5_000
    }

    /// Whether a session is known to be on a link.
    pub(crate) fn is_greeted(&self, link: LinkId) -> bool {
        self.links.contains_key(&link)
    }

    /// A node asked for a lease; `granted`: it got it.
    pub(crate) fn renewed(
        &mut self,
        now: u64,
        partition: usize,
        (node, process): (usize, u32),
        life: Incarnation,
        begin: bool,
        granted: bool,
    ) -> Check {
        let until_ms = now + self.lease_ms;
        let leases = &mut self.shares[partition].leases;
        let must = match leases.get(&life) {
            Some(lease) => lease.until_ms > now,
            None => begin,
        };
        if must != granted {
            return wrong(
                Invariant::NoGhosts,
                format!("node {node} is granted a lease: {granted}, must: {must}"),
            );
        }
        if must {
            let is_own =
                |other: &&Lease| (other.node, other.process) == (node, process) && other.until_ms <= now;
            let ended_ms = leases.values().filter(is_own).map(|other| other.until_ms).max().unwrap_or(0);
            let lease = leases.entry(life).or_insert(Lease { until_ms, node, ended_ms, process });
            lease.until_ms = until_ms;
        }
        Ok(())
    }

    /// The store applied a batch of a node, or answered it again.
    pub(crate) fn applied(
        &mut self,
        now: u64,
        partition: usize,
        (node, life, number): (usize, Incarnation, u64),
        ops: &[Op],
    ) -> Check {
        let share = &mut self.shares[partition];
        if !share.batches.insert((life, number)) {
            return Ok(());
        }
        if share.leases.get(&life).is_none_or(|lease| lease.until_ms <= now) {
            return wrong(
                Invariant::NoGhosts,
                format!("the store applies a batch of node {node}, whose lease is over"),
            );
        }
        let ended_ms = share.leases.get(&life).map_or(0, |lease| lease.ended_ms);
        for op in ops {
            self.justified(now, node, ended_ms, op)?;
            self.apply(now, partition, life, op);
        }
        Ok(())
    }

    /// When a node last heard a session, on this attempt or a later one.
    fn heard_since(&self, node: usize, op: &Op) -> u64 {
        let attempts = (node, op.owner.0, op.attempt)..=(node, op.owner.0, u32::MAX);
        self.heard_by.range(attempts).map(|(_, at)| *at).max().unwrap_or(0)
    }

    /// Nobody is taken for lost before the grace, nor for gone before the linger, since its node last heard it; and for
    /// nobody a node speaks of whom it has heard nothing since its lease ended.
    fn justified(&self, now: u64, node: usize, ended_ms: u64, op: &Op) -> Check {
        let heard = self.heard_by.get(&(node, op.owner.0, op.attempt)).copied().unwrap_or(0);
        let least_ms = match op.action {
            Action::Timeout => self.times.grace_ms,
            Action::Goodbye
                if channel_number(op.channel.name())
                    .is_some_and(|channel| self.refused.contains(&(op.owner.0, channel))) =>
            {
                return Ok(());
            }
            Action::Goodbye => self.times.linger_ms,
            Action::Join if self.heard_since(node, op) < ended_ms => {
                return wrong(
                    Invariant::NoGhosts,
                    format!("node {node} asserts {} in {}, unheard", op.user.id(), op.channel.name()),
                );
            }
            Action::Join | Action::Leave | Action::Linger | Action::Set(_) | Action::Restore { .. } => {
                return Ok(());
            }
        };
        if now < heard + least_ms {
            return wrong(
                Invariant::Grace,
                format!(
                    "node {node} ends {} in {} with {:?} after {} ms",
                    op.user.id(),
                    op.channel.name(),
                    op.action,
                    now - heard
                ),
            );
        }
        Ok(())
    }

    fn apply(&mut self, now: u64, partition: usize, life: Incarnation, op: &Op) {
        let (Some(channel), Some(user)) = (channel_number(op.channel.name()), user_number(op.user.id()))
        else {
            return;
        };
        let seat = &mut self.seats[channel][user];
        let id = op.owner;
        let known = seat.owners.iter().position(|owner| owner.id == id);
        if known.is_some_and(|at| seat.owners[at].attempt > op.attempt) {
            return;
        }
        match op.action {
            Action::Join | Action::Set(_) | Action::Restore { .. } => {
                let gone = self.gone.get(&(id.0, partition));
                if gone.is_some_and(|(attempt, at)| *attempt > op.attempt && now < at + REMEMBERED_MS) {
                    return;
                }
            }
            Action::Leave | Action::Goodbye | Action::Timeout => {
                let gone = self.gone.entry((id.0, partition)).or_insert((op.attempt, now));
                *gone = (gone.0.max(op.attempt), now);
            }
            Action::Linger => {}
        }
        let share = &mut self.shares[partition];
        match (&op.action, known) {
            (Action::Join, known) => {
                if let Some(at) = known {
                    seat.owners.remove(at);
                } else if seat.owners.is_empty() {
                    share.seq += 1;
                    self.changed_ms[channel] = now;
                    let truth = &mut self.truths[channel][user];
                    match truth.presence {
                        Presence::Limbo => truth.resume(),
                        Presence::No | Presence::Yes | Presence::Maybe => truth.begin(),
                    }
                }
                self.seats[channel][user].owners.push(Owner {
                    id,
                    node: life,
                    attempt: op.attempt,
                    lingering: false,
                });
            }
            (Action::Linger, Some(at)) => {
                seat.owners[at].attempt = op.attempt;
                seat.owners[at].lingering = true;
            }
            (Action::Leave, _) => {
                self.remove(now, partition, channel, user, Kinds::LEAVE, |owner| {
                    owner.id == id || owner.lingering
                });
            }
            (Action::Goodbye, Some(_)) => {
                self.remove(now, partition, channel, user, Kinds::LEAVE, |owner| owner.id == id)
            }
            (Action::Timeout, Some(at)) if seat.owners[at].node == life => {
                self.remove(now, partition, channel, user, Kinds::TIMEOUT, |owner| owner.id == id);
            }
            (Action::Set(attributes), Some(_)) => {
                let stored = self.stored.entry((id.0, channel)).or_default();
                stored.push((now, attributes.clone()));
                if stored.len() > MAX_STORED {
                    stored.remove(0);
                }
                self.set(now, partition, channel, user, attributes, None);
            }
            (Action::Restore { attributes, set_at: Position { epoch, seq } }, Some(_)) => {
                let set_at = (*epoch, *seq);
                if seat.set_at.is_none_or(|known| known < set_at) {
                    self.set(now, partition, channel, user, attributes, Some(set_at));
                }
            }
            (
                Action::Linger | Action::Goodbye | Action::Timeout | Action::Set(_) | Action::Restore { .. },
                _,
            ) => {}
        }
    }

    fn set(
        &mut self,
        now: u64,
        partition: usize,
        channel: usize,
        user: usize,
        attributes: &Attributes,
        set_at: Option<(Epoch, u64)>,
    ) {
        let share = &mut self.shares[partition];
        let seat = &mut self.seats[channel][user];
        seat.set_at = Some(set_at.unwrap_or((share.epoch, share.seq + 1)));
        if seat.attributes != *attributes {
            share.seq += 1;
            self.changed_ms[channel] = now;
            seat.attributes.clone_from(attributes);
        }
        self.truths[channel][user].set(attributes);
    }

    fn remove(
        &mut self,
        now: u64,
        partition: usize,
        channel: usize,
        user: usize,
        kinds: Kinds,
        goes: impl Fn(&Owner) -> bool,
    ) {
        let seat = &mut self.seats[channel][user];
        let had = seat.owners.len();
        for owner in seat.owners.iter().filter(|owner| goes(owner)) {
            self.released.insert((owner.id.0, channel), now);
        }
        seat.owners.retain(|owner| !goes(owner));
        if had > 0 && seat.owners.is_empty() {
            *seat = Seat::default();
            self.shares[partition].seq += 1;
            self.changed_ms[channel] = now;
            self.truths[channel][user].end(now, kinds);
        }
    }

    /// The store swept: what nodes whose lease ended a grace ago have left behind is gone.
    pub(crate) fn swept(
        &mut self,
        now: u64,
        partition: usize,
        channels: impl Iterator<Item = usize>,
    ) -> Check {
        let grace_ms = self.times.grace_ms;
        let leases = &mut self.shares[partition].leases;
        let over = |lease: &Lease| lease.until_ms + grace_ms <= now;
        let gone: Vec<Incarnation> =
            leases.iter().filter(|(_, lease)| over(lease)).map(|(life, _)| *life).collect();
        let mut well = Ok(());
        for life in &gone {
            let Some(lease) = leases.remove(life) else { continue };
            // A node may have taken another life since.
            let is_last =
                !leases.values().any(|other| other.node == lease.node && other.until_ms > lease.until_ms);
            if is_last && lease.until_ms > self.trouble_until_ms[lease.node] + self.lease_ms + 2_000 {
                let message = format!("node {} lost its lease, though nothing was wrong", lease.node);
                well = wrong(Invariant::Grace, message);
            }
        }
        if gone.is_empty() {
            return well;
        }
        for channel in channels {
            for user in 0..USERS {
                self.remove(now, partition, channel, user, Kinds::TIMEOUT, |owner| {
                    gone.contains(&owner.node)
                });
            }
        }
        well
    }

    /// The store lost the data of a partition.
    pub(crate) fn lost(
        &mut self,
        now: u64,
        partition: usize,
        epoch: Epoch,
        channels: impl Iterator<Item = usize>,
    ) {
        self.advance(now);
        let share = &mut self.shares[partition];
        let settled_at_ms = std::mem::replace(&mut share.settles_at_ms, now + self.times.grace_ms);
        share.epoch = epoch;
        share.seq = 0;
        share.leases.clear();
        share.batches.clear();
        self.gone.retain(|(_, of), _| *of != partition);
        for channel in channels {
            self.changed_ms[channel] = now;
            for user in 0..USERS {
                for owner in std::mem::take(&mut self.seats[channel][user]).owners {
                    self.released.insert((owner.id.0, channel), now);
                }
                let truth = &mut self.truths[channel][user];
                match truth.presence {
                    Presence::Yes | Presence::Maybe => truth.presence = Presence::Limbo,
                    Presence::Limbo => {
                        if let Some(last) = truth.intervals.last_mut() {
                            last.doubted_ms.get_or_insert(settled_at_ms);
                        }
                    }
                    Presence::No => {}
                }
            }
        }
    }

    /// Time passes: what did not come back by the time that the store settled is gone.
    pub(crate) fn advance(&mut self, now: u64) {
        let Some(settled_ms) =
            self.shares.iter().map(|share| share.settles_at_ms).filter(|at| *at <= now).max()
        else {
            return;
        };
        for (channel, name) in CHANNELS.iter().enumerate() {
            let settles_at_ms = self.shares[super::partition_number(name, self.shares.len())].settles_at_ms;
            if settles_at_ms > settled_ms {
                continue;
            }
            for truth in self.truths[channel].iter_mut().filter(|truth| truth.presence == Presence::Limbo) {
                truth.end(settles_at_ms, Kinds::TIMEOUT);
            }
        }
    }

    /// Compares with what the store lists of a channel.
    pub(crate) fn compare(&self, channel: usize, listed: &[Member]) -> Check {
        let name = CHANNELS[channel];
        for (user, seat) in self.seats[channel].iter().enumerate() {
            let found = listed.iter().find(|member| user_number(&member.user) == Some(user));
            match (seat.owners.is_empty(), found) {
                (true, None) => {}
                (true, Some(_)) => {
                    return wrong(
                        Invariant::NoGhosts,
                        format!("the store lists u{user} in {name}, who is no member"),
                    );
                }
                (false, None) => {
                    return wrong(
                        Invariant::Member,
                        format!("the store does not list u{user} in {name}, who is a member"),
                    );
                }
                (false, Some(member)) if member.attributes != seat.attributes => {
                    let message = format!(
                        "the store lists u{user} in {name} with {:?}, not {:?}",
                        member.attributes, seat.attributes
                    );
                    return wrong(Invariant::AttributesDie, message);
                }
                (false, Some(_)) => {}
            }
        }
        Ok(())
    }

    /// Nobody is a member of whom nothing was heard for so long.
    pub(crate) fn no_ghosts(&self, now: u64, trouble_until_ms: u64) -> Check {
        let patience = 2 * self.times.ping_ms + 2 * self.times.grace_ms + self.lease_ms + 10_000;
        for (channel, seats) in self.seats.iter().enumerate() {
            for (user, seat) in seats.iter().enumerate() {
                for owner in &seat.owners {
                    let heard = self.heard.get(&owner.id.0).copied().unwrap_or(0);
                    if now > heard.max(trouble_until_ms) + patience {
                        return wrong(
                            Invariant::NoGhosts,
                            format!(
                                "u{user} is a member of {} by a session last heard at {heard}",
                                CHANNELS[channel]
                            ),
                        );
                    }
                }
            }
        }
        Ok(())
    }

    pub(crate) fn holds(&self, user: usize, secret: u128, channel: usize) -> bool {
        let id = owner_of(secret);
        self.seats[channel][user].owners.iter().any(|owner| owner.id.0 == id)
    }

    /// Whether the store has lost its data so lately that a node which a session has left may still speak for it: it has
    /// not noticed yet, and what the session left since is forgotten.
    pub(crate) fn may_be_left_over(&self, now: u64, channel: usize) -> bool {
        let share = &self.shares[super::partition_number(CHANNELS[channel], self.shares.len())];
        let lost_ms = share.settles_at_ms - self.times.grace_ms;
        share.epoch > Epoch(1) && now < lost_ms + 2 * self.times.ping_ms + self.times.grace_ms + 5_000
    }

    /// Whether a session held a channel at some time since then.
    pub(crate) fn held_since(&self, user: usize, secret: u128, channel: usize, since: u64) -> bool {
        let released = self.released.get(&(owner_of(secret), channel));
        self.holds(user, secret, channel) || released.is_some_and(|at| *at >= since)
    }

    /// Whether a session has stored these attributes since then.
    pub(crate) fn was_stored(
        &self,
        secret: u128,
        channel: usize,
        attributes: &Attributes,
        since: u64,
    ) -> bool {
        let stored = self.stored.get(&(owner_of(secret), channel));
        stored.is_some_and(|stored| stored.iter().any(|(at, known)| *at >= since && known == attributes))
    }
}
