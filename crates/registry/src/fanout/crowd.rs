//! What is told of a channel with too many members to tell every transition: how many there are, and what has changed
//! since it was told last.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use herenow_protocol::{Attributes, Member, Mode, Occupancy, Position, Transition};

use crate::config::Sizes;
use crate::names::Channel;
use crate::{ConnectionId, Millis};

/// Members named as a sample.
const SAMPLE: usize = 20;

/// The members of a channel.
pub(super) type Members = BTreeMap<Arc<str>, Attributes>;

/// How a channel of so many members is told that is told in `mode` now: it goes back only when it is a fifth below the
/// bound, so that one user who comes and goes does not change it each time.
pub(super) fn mode_of(sizes: &Sizes, mode: Mode, members: usize) -> Mode {
    let (full, interval) = (sizes.full_members, sizes.interval_members);
    let (full, interval) = match mode {
        Mode::Full => (full, interval),
        Mode::Interval => (fifth_below(full), interval),
        Mode::Count => (fifth_below(full), fifth_below(interval)),
    };
    if members <= full {
        Mode::Full
    } else if members <= interval {
        Mode::Interval
    } else {
        Mode::Count
    }
}

fn fifth_below(bound: usize) -> usize {
    if broken!(SwitchesAtOnce) { bound } else { bound - bound.div_ceil(5) }
}

/// A channel that is not told in full.
#[derive(Debug)]
pub(super) struct Crowd {
    mode: Mode,
    max_changes: usize,
    told_at: Millis,
    has_news: bool,
    joins: u64,
    departures: u64,
    /// In interval mode, the members that something happened to; at most [`Sizes::changes`].
    touched: BTreeMap<Arc<str>, Touched>,
    truncated: bool,
    /// After whom the next sample begins.
    sampled: Option<Arc<str>>,
    /// The connections of each user that observes. Bounded as observers are.
    own: BTreeMap<Arc<str>, Vec<ConnectionId>>,
    /// Whether telling is planned.
    pub(super) planned: bool,
}

/// A user to whom something has happened since it was told last.
#[derive(Debug)]
struct Touched {
    /// What it had when it was told last, if it was a member.
    before: Option<Attributes>,
    /// Its last departure since.
    departed: Option<Transition>,
}

impl Crowd {
    /// Observers know everything up to now, or are still to be told.
    pub(super) const fn new(now: Millis, mode: Mode, sizes: &Sizes) -> Self {
        Self {
            mode,
            max_changes: sizes.changes,
            told_at: now,
            has_news: false,
            joins: 0,
            departures: 0,
            touched: BTreeMap::new(),
            truncated: false,
            sampled: None,
            own: BTreeMap::new(),
            planned: false,
        }
    }

    pub(super) const fn mode(&self) -> Mode {
        self.mode
    }

    pub(super) const fn has_news(&self) -> bool {
        self.has_news
    }

    /// When it is told next: at once where it has been quiet.
    pub(super) fn due(&self, now: Millis, sizes: &Sizes, channel: &Channel) -> Millis {
        now.max(self.told_at.plus(period_ms(sizes, self.mode, channel)))
    }

    pub(super) fn add_observer(&mut self, user: Arc<str>, connection: ConnectionId) {
        self.own.entry(user).or_default().push(connection);
    }

    pub(super) fn remove_observer(&mut self, user: &str, connection: ConnectionId) {
        if let Some(connections) = self.own.get_mut(user) {
            connections.retain(|other| *other != connection);
            if connections.is_empty() {
                self.own.remove(user);
            }
        }
    }

    /// The connections that are told of what happens to this user, each time.
    pub(super) fn own(&self, user: &str) -> &[ConnectionId] {
        match self.mode {
            Mode::Count => self.own.get(user).map_or(&[], Vec::as_slice),
            Mode::Full | Mode::Interval => &[],
        }
    }

    /// Something happened to a user that had `before`, if it was a member.
    pub(super) fn note(&mut self, transition: &Transition, before: Option<Attributes>) {
        self.has_news = true;
        let departed = match transition {
            Transition::Join { .. } => {
                self.joins += 1;
                None
            }
            Transition::Leave { .. } | Transition::Timeout { .. } => {
                self.departures += 1;
                Some(transition.clone())
            }
            Transition::Set { .. } => None,
        };
        if self.mode == Mode::Count {
            return;
        }
        let user = transition.user();
        if let Some(touched) = self.touched.get_mut(user) {
            touched.departed = departed.or(touched.departed.take());
        } else if self.touched.len() < self.max_changes {
            self.touched.insert(user.into(), Touched { before, departed });
        } else {
            self.truncated = !broken!(TruncatesSilently);
        }
    }

    /// What has changed since the last time, and begins anew.
    pub(super) fn tell(
        &mut self,
        now: Millis,
        mode: Mode,
        channel: &Channel,
        at: Position,
        members: &Members,
    ) -> Occupancy {
        let before = std::mem::replace(&mut self.mode, mode);
        let (changes, whole) = self.net_changes(members);
        // In count mode nobody was told of the changes.
        let unknown = before == Mode::Count && mode == Mode::Interval;
        let truncated = std::mem::take(&mut self.truncated) || !whole || unknown;
        let joins = std::mem::take(&mut self.joins);
        let departures = std::mem::take(&mut self.departures);
        (self.told_at, self.has_news) = (now, false);
        Occupancy { joins, departures, changes, truncated, ..self.glance(channel, at, members) }
    }

    /// What has just happened to a user, for that user alone.
    pub(super) fn own_change(
        &self,
        channel: &Channel,
        at: Position,
        members: &Members,
        transition: Transition,
    ) -> Occupancy {
        Occupancy { changes: vec![transition], ..self.count(channel, at, members) }
    }

    /// Takes the differences between what the users had and have. Whether these are all.
    fn net_changes(&mut self, members: &Members) -> (Vec<Transition>, bool) {
        let mut changes = Vec::new();
        for (user, Touched { before, departed }) in std::mem::take(&mut self.touched) {
            let set = |attributes: &Attributes| Transition::Set {
                user: user.as_ref().into(),
                attributes: attributes.clone(),
            };
            match (before, members.get(&user)) {
                (None, Some(now)) => {
                    changes.push(Transition::Join { user: user.as_ref().into() });
                    if !now.is_empty() {
                        changes.push(set(now));
                    }
                }
                (Some(_), None) => changes.extend(departed),
                (Some(before), Some(now)) if before != *now => changes.push(set(now)),
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
        let whole = changes.len() <= self.max_changes || broken!(TruncatesSilently);
        changes.truncate(self.max_changes);
        (changes, whole)
    }

    /// How things are, for somebody who has just come.
    pub(super) fn glance(&mut self, channel: &Channel, at: Position, members: &Members) -> Occupancy {
        let sample = if self.mode == Mode::Count { self.sample(members) } else { Vec::new() };
        Occupancy { sample, ..self.count(channel, at, members) }
    }

    fn count(&self, channel: &Channel, at: Position, members: &Members) -> Occupancy {
        Occupancy {
            channel: channel.name().into(),
            epoch: at.epoch,
            seq: at.seq,
            mode: self.mode,
            count: members.len() as u64,
            joins: 0,
            departures: 0,
            sample: Vec::new(),
            changes: Vec::new(),
            truncated: false,
        }
    }

    /// Members that follow those of the sample before, all around.
    fn sample(&mut self, members: &Members) -> Vec<Member> {
        let after = self.sampled.take().map_or(Unbounded, Excluded);
        let later = members.range::<Arc<str>, _>((after, Unbounded));
        let sample: Vec<_> = later.chain(members).take(SAMPLE.min(members.len())).collect();
        self.sampled = sample.last().map(|(user, _)| Arc::clone(user));
        let member = |(user, attributes): (&Arc<str>, &Attributes)| Member {
            user: user.as_ref().into(),
            attributes: attributes.clone(),
        };
        sample.into_iter().map(member).collect()
    }
}

/// Milliseconds between two times: each channel has its own in interval mode, so that not all are told at once.
fn period_ms(sizes: &Sizes, mode: Mode, channel: &Channel) -> u64 {
    match mode {
        Mode::Full => 0,
        Mode::Interval => sizes.interval_ms + hash(channel.name()) % (sizes.interval_ms + 1),
        Mode::Count => sizes.count_ms,
    }
}

/// FNV-1a, the same on every node.
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
