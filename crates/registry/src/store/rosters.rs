//! The rules of a store: owners and attributes of every member, one growing sequence.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use herenow_protocol::{Attributes, Epoch, Member, Position, Transition};

use super::gone::Gone;
use super::{Action, Effect, Incarnation, Op, OwnerId, Sequenced};
use crate::Millis;
use crate::names::{Channel, User};

/// A page of members ends once their names and attributes have so many bytes: who asks for a page may be slow to read it.
pub const MAX_PAGE_BYTES: usize = 256 * 1024;

/// All members of a store, or of one partition of it. Holds only channels with members, so it is bounded by what sessions
/// have joined.
#[derive(Debug)]
pub(crate) struct Rosters {
    epoch: Epoch,
    seq: u64,
    channels: HashMap<Channel, Roster>,
    /// In all channels.
    members: usize,
    /// The channels that each user is a member of.
    memberships: HashMap<User, BTreeSet<Channel>>,
    gone: Gone,
    /// The highest last sequence of a channel that emptied and was forgotten: a channel that is not known may have
    /// had transitions up to here.
    forgotten_seq: u64,
}

#[derive(Debug, Default)]
struct Roster {
    seq: u64,
    members: BTreeMap<Arc<str>, Membership>,
}

#[derive(Debug)]
struct Membership {
    attributes: Attributes,
    /// Where the attributes were set; before everything where they never were.
    set_at: (Epoch, u64),
    /// At most as many as a user has sessions.
    owners: Vec<Owner>,
}

#[derive(Debug)]
struct Owner {
    id: OwnerId,
    /// The life of the node that speaks for it.
    node: Incarnation,
    attempt: u32,
    lingering: bool,
}

/// Where attributes that were never set stand.
const NEVER: (Epoch, u64) = (Epoch(0), 0);

impl Rosters {
    pub(crate) fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            seq: 0,
            channels: HashMap::new(),
            members: 0,
            memberships: HashMap::new(),
            gone: Gone::default(),
            forgotten_seq: 0,
        }
    }

    pub(crate) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(crate) const fn seq(&self) -> u64 {
        self.seq
    }

    /// Applies an op of a node. What it changed is put into `told`.
    pub(crate) fn apply(
        &mut self,
        now: Millis,
        node: Incarnation,
        op: Op,
        told: &mut Vec<Sequenced>,
    ) -> Effect {
        if self.is_outdated(now, &op) {
            return Effect::Ignored;
        }
        let Op { channel, user, owner, attempt, action } = op;
        match action {
            Action::Join => {
                self.join(channel, user, Owner { id: owner, node, attempt, lingering: false }, told)
            }
            Action::Linger => self.linger(&channel, &user, owner, attempt),
            Action::Leave => {
                self.gone.note(now, (user.clone(), owner), attempt);
                let transition = Transition::Leave { user: user.id().into() };
                self.remove(
                    channel,
                    &user,
                    |known| known.id == owner || (known.lingering && !broken!(LeavesLingering)),
                    transition,
                    told,
                )
            }
            Action::Goodbye => {
                self.gone.note(now, (user.clone(), owner), attempt);
                let transition = Transition::Leave { user: user.id().into() };
                self.remove(channel, &user, |known| known.id == owner, transition, told)
            }
            Action::Timeout => {
                self.gone.note(now, (user.clone(), owner), attempt);
                let transition = Transition::Timeout { user: user.id().into() };
                let goes = |known: &Owner| known.id == owner && known.node == node;
                self.remove(channel, &user, goes, transition, told)
            }
            Action::Set(attributes) => self.set(channel, &user, owner, attributes, None, told),
            Action::Restore { attributes, set_at: Position { epoch, seq } } => {
                self.set(channel, &user, owner, attributes, Some((epoch, seq)), told)
            }
        }
    }

    /// Ends, as lost, at most `limit` owners that nodes which are gone spoke for. Whether there may be more.
    pub(crate) fn sweep(&mut self, gone: &[Incarnation], limit: usize, told: &mut Vec<Sequenced>) -> bool {
        let mut found = Vec::new();
        for (channel, roster) in &self.channels {
            for (user, member) in &roster.members {
                if member.owners.iter().any(|owner| gone.contains(&owner.node)) {
                    found.push((channel.clone(), Arc::clone(user)));
                }
            }
        }
        // In an order that does not depend on how they are hashed.
        found.sort_unstable();
        let more = found.len() > limit;
        for (channel, user) in found.into_iter().take(limit) {
            let user = channel.user(&user);
            let transition = Transition::Timeout { user: user.id().into() };
            self.remove(channel, &user, |owner| gone.contains(&owner.node), transition, told);
        }
        more
    }

    /// An op of a lower attempt than is known does nothing; but what a lower attempt holds it may still end.
    fn is_outdated(&self, now: Millis, op: &Op) -> bool {
        let known = self.member(&op.channel, op.user.id()).and_then(|member| member.owner(op.owner));
        if known.is_some_and(|known| known.attempt > op.attempt) {
            return true;
        }
        match op.action {
            Action::Join | Action::Set(_) | Action::Restore { .. } => {
                self.gone.is_later(now, &(op.user.clone(), op.owner), op.attempt) && !broken!(ForgetsGone)
            }
            Action::Leave | Action::Linger | Action::Goodbye | Action::Timeout => false,
        }
    }

    fn join(&mut self, channel: Channel, user: User, owner: Owner, told: &mut Vec<Sequenced>) -> Effect {
        let roster = self.channels.entry(channel.clone()).or_default();
        let member = roster.members.entry(user.shared_id()).or_insert_with(|| Membership {
            attributes: Attributes::new(),
            set_at: NEVER,
            owners: Vec::new(),
        });
        let is_new = member.owners.is_empty();
        self.members += usize::from(is_new);
        let fresh = is_new || broken!(TellsSecondJoin);
        #[cfg(feature = "breaks")]
        if broken!(KeepsAttributes) && fresh {
            member.attributes = crate::breaks::kept(user.id());
        }
        match member.owners.iter_mut().find(|known| known.id == owner.id) {
            Some(known) if !broken!(CountsOwners) => *known = owner,
            Some(_) => member.owners.push(owner),
            None => member.owners.push(owner),
        }
        if !fresh {
            return Effect::Unchanged;
        }
        let transition = Transition::Join { user: user.id().into() };
        self.memberships.entry(user).or_default().insert(channel.clone());
        self.tell(channel, transition, told)
    }

    fn linger(&mut self, channel: &Channel, user: &User, owner: OwnerId, attempt: u32) -> Effect {
        let roster = self.channels.get_mut(channel);
        let member = roster.and_then(|roster| roster.members.get_mut(user.id()));
        let known = member.and_then(|member| member.owners.iter_mut().find(|known| known.id == owner));
        match known {
            Some(known) => {
                known.attempt = attempt;
                known.lingering = true;
                Effect::Unchanged
            }
            None => Effect::Ignored,
        }
    }

    fn remove(
        &mut self,
        channel: Channel,
        user: &User,
        goes: impl Fn(&Owner) -> bool,
        transition: Transition,
        told: &mut Vec<Sequenced>,
    ) -> Effect {
        let Some(roster) = self.channels.get_mut(&channel) else { return Effect::Ignored };
        let Some(member) = roster.members.get_mut(user.id()) else { return Effect::Ignored };
        let before = member.owners.len();
        let mut one_gone = false;
        member.owners.retain(|known| {
            let goes = (goes(known) || broken!(LeavesForAll)) && !(one_gone && broken!(CountsOwners));
            one_gone |= goes;
            !goes
        });
        if member.owners.len() == before {
            return Effect::Ignored;
        }
        if !member.owners.is_empty() {
            return Effect::Unchanged;
        }
        self.members -= usize::from(roster.members.remove(user.id()).is_some());
        if let Some(channels) = self.memberships.get_mut(user) {
            channels.remove(&channel);
            if channels.is_empty() {
                self.memberships.remove(user);
            }
        }
        let effect = self.tell(channel.clone(), transition, told);
        if self.channels.get(&channel).is_some_and(|roster| roster.members.is_empty()) {
            // A mirror keeps the sequence for as long as somebody may ask for it.
            self.channels.remove(&channel);
            self.forgotten_seq = self.seq;
        }
        effect
    }

    fn set(
        &mut self,
        channel: Channel,
        user: &User,
        owner: OwnerId,
        attributes: Attributes,
        restored: Option<(Epoch, u64)>,
        told: &mut Vec<Sequenced>,
    ) -> Effect {
        let set_at = restored.unwrap_or((self.epoch, self.seq + 1));
        let roster = self.channels.get_mut(&channel);
        let Some(member) = roster.and_then(|roster| roster.members.get_mut(user.id())) else {
            return Effect::Ignored;
        };
        if member.owner(owner).is_none() || restored.is_some_and(|set_at| set_at <= member.set_at) {
            return Effect::Ignored;
        }
        member.set_at = set_at;
        if member.attributes == attributes {
            return Effect::Unchanged;
        }
        member.attributes.clone_from(&attributes);
        #[cfg(feature = "breaks")]
        crate::breaks::keep(user.id(), &attributes);
        if broken!(TellsUpdateAsRejoin) {
            self.tell(channel.clone(), Transition::Leave { user: user.id().into() }, told);
            self.tell(channel.clone(), Transition::Join { user: user.id().into() }, told);
        }
        self.tell(channel, Transition::Set { user: user.id().into(), attributes }, told)
    }

    /// Numbers a transition. The sequence stays below 2^53: a million a second would take 285 years.
    fn tell(&mut self, channel: Channel, transition: Transition, told: &mut Vec<Sequenced>) -> Effect {
        self.seq += 1;
        if let Some(roster) = self.channels.get_mut(&channel) {
            roster.seq = self.seq;
        }
        told.push(Sequenced { channel, seq: self.seq, transition });
        Effect::Changed
    }

    fn member(&self, channel: &Channel, user: &str) -> Option<&Membership> {
        self.channels.get(channel)?.members.get(user)
    }

    /// The channel's last sequence and its members, to make a mirror from.
    pub(crate) fn roster(&self, channel: &Channel) -> (u64, BTreeMap<Arc<str>, Attributes>) {
        let Some(roster) = self.channels.get(channel) else { return (self.forgotten_seq, BTreeMap::new()) };
        let members =
            roster.members.iter().map(|(user, member)| (Arc::clone(user), member.attributes.clone()));
        (roster.seq, members.collect())
    }

    /// Members after `after`, and whether there are more: at most `limit`, and no further one once the names and attributes
    /// of a page have `max_bytes`.
    pub(crate) fn page(
        &self,
        channel: &Channel,
        after: Option<&str>,
        limit: usize,
        max_bytes: usize,
    ) -> (Vec<Member>, bool) {
        let Some(roster) = self.channels.get(channel) else { return (Vec::new(), false) };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = roster.members.range::<str, _>((start, Bound::Unbounded)).peekable();
        let (mut members, mut bytes) = (Vec::new(), 0);
        while members.len() < limit && bytes < max_bytes {
            let Some((user, member)) = rest.next() else { break };
            bytes += user.len() + member.attributes.byte_len();
            members.push(Member { user: user.as_ref().into(), attributes: member.attributes.clone() });
        }
        (members, rest.peek().is_some())
    }

    /// Channels with members, and members of all of them.
    pub(crate) fn numbers(&self) -> (usize, usize) {
        (self.channels.len(), self.members)
    }

    /// All channels with members, and how many.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = (&Channel, usize)> {
        self.channels.iter().map(|(channel, roster)| (channel, roster.members.len()))
    }

    /// Whether a user is a member.
    pub(crate) fn has(&self, channel: &Channel, user: &str) -> bool {
        self.member(channel, user).is_some()
    }

    pub(crate) fn count(&self, channel: &Channel) -> usize {
        self.channels.get(channel).map_or(0, |roster| roster.members.len())
    }

    pub(crate) fn attributes(&self, channel: &Channel, user: &str) -> Attributes {
        self.member(channel, user).map(|member| member.attributes.clone()).unwrap_or_default()
    }

    pub(crate) fn channels_of(&self, user: &User) -> Vec<String> {
        let channels = self.memberships.get(user).into_iter().flatten();
        channels.map(|channel| channel.name().into()).collect()
    }
}

impl Membership {
    fn owner(&self, id: OwnerId) -> Option<&Owner> {
        self.owners.iter().find(|known| known.id == id)
    }
}
