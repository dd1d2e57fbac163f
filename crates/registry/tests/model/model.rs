//! Who is where, as plainly as the design's invariants 1, 2, 3 and 8 say it. Nothing here is taken from the crate.

use std::collections::{BTreeMap, BTreeSet};

/// An application and a user of it.
pub(crate) type User = (&'static str, &'static str);
/// A session: whose it is, and its secret.
pub(crate) type Key = (User, u128);
pub(crate) type Channel = &'static str;
/// Attributes, told apart by a number; 0 is none.
pub(crate) type Mood = u8;

pub(crate) const GRACE_MS: u64 = 10_000;
/// Odd, and all else happens at even times: so no session is lost and no other says its farewell at the same time, and
/// it is always clear which of the two a departure is.
pub(crate) const LINGER_MS: u64 = 2_001;

/// What observers are told of one user in one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Join,
    Leave,
    Timeout,
    Set(Mood),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Here,
    Lost { ends: u64 },
    Parted { ends: u64 },
}

#[derive(Debug)]
struct Session {
    attempt: u32,
    presence: Presence,
    joined: BTreeSet<Channel>,
}

type Sessions = BTreeMap<Key, Session>;

#[derive(Debug, Default)]
pub(crate) struct Model {
    sessions: Sessions,
    moods: BTreeMap<(User, Channel), Mood>,
    /// In the order in which it happened. The test takes away what it has compared.
    pub(crate) told: BTreeMap<(User, Channel), Vec<Told>>,
}

impl Model {
    /// A user is a member while at least one of their sessions has joined.
    fn members(&self) -> BTreeSet<(User, Channel)> {
        let joined = |((user, _), session): (&Key, &Session)| {
            session.joined.iter().map(|channel| (*user, *channel)).collect::<Vec<_>>()
        };
        self.sessions.iter().flat_map(joined).collect()
    }

    /// Whoever is a member after `how` and was none has joined; whoever is none any more has departed, and the
    /// attributes with them.
    fn change(&mut self, departure: Told, how: impl FnOnce(&mut Sessions)) {
        let before = self.members();
        how(&mut self.sessions);
        let after = self.members();
        for joined in &after - &before {
            self.told.entry(joined).or_default().push(Told::Join);
        }
        for departed in &before - &after {
            self.told.entry(departed).or_default().push(departure);
            self.moods.remove(&departed);
        }
    }

    /// `wish` is all that the session wants joined. Gives whether each made the user a member, by name; `None` if a newer
    /// socket of the session is known.
    pub(crate) fn hello(&mut self, key: Key, attempt: u32, wish: &[Channel]) -> Option<Vec<(Channel, bool)>> {
        if self.sessions.get(&key).is_some_and(|known| attempt < known.attempt) {
            return None;
        }
        let before = self.members();
        let joined: BTreeSet<Channel> = wish.iter().copied().collect();
        self.change(Told::Leave, |sessions| {
            let held = sessions.get(&key).map(|known| known.joined.clone()).unwrap_or_default();
            for channel in &held - &joined {
                leave(sessions, key, channel);
            }
            sessions.insert(key, Session { attempt, presence: Presence::Here, joined: joined.clone() });
        });
        Some(joined.into_iter().map(|channel| (channel, !before.contains(&(key.0, channel)))).collect())
    }

    /// Whether the session has not ended.
    pub(crate) fn knows(&self, key: Key) -> bool {
        self.sessions.contains_key(&key)
    }

    /// Whether the join made the user a member.
    pub(crate) fn join(&mut self, key: Key, channel: Channel) -> bool {
        let fresh = !self.members().contains(&(key.0, channel));
        self.change(Told::Leave, |sessions| {
            sessions.entry(key).and_modify(|session| _ = session.joined.insert(channel));
        });
        fresh
    }

    pub(crate) fn leave(&mut self, key: Key, channel: Channel) {
        self.change(Told::Leave, |sessions| leave(sessions, key, channel));
    }

    /// Whether the session had joined.
    pub(crate) fn set(&mut self, key: Key, channel: Channel, mood: Mood) -> bool {
        let joined = self.sessions.get(&key).is_some_and(|session| session.joined.contains(channel));
        if joined && self.moods.insert((key.0, channel), mood).unwrap_or(0) != mood {
            self.told.entry((key.0, channel)).or_default().push(Told::Set(mood));
        }
        joined
    }

    pub(crate) fn bye(&mut self, key: Key, now: u64) {
        let parted = Presence::Parted { ends: now + LINGER_MS };
        self.sessions.entry(key).and_modify(|session| session.presence = parted);
    }

    pub(crate) fn lose(&mut self, key: Key, now: u64) {
        let lost = Presence::Lost { ends: now + GRACE_MS };
        self.sessions.entry(key).and_modify(|session| session.presence = lost);
    }

    /// Ends the sessions whose time to come back is over, in the order of their times.
    pub(crate) fn pass(&mut self, now: u64) {
        let end = |(key, session): (&Key, &Session)| match session.presence {
            Presence::Here => None,
            Presence::Lost { ends } => Some((ends, *key, Told::Timeout)),
            Presence::Parted { ends } => Some((ends, *key, Told::Leave)),
        };
        let mut over: Vec<_> =
            self.sessions.iter().filter_map(end).filter(|(ends, ..)| *ends <= now).collect();
        over.sort_by_key(|(ends, ..)| *ends);
        for (_, key, departure) in over {
            self.change(departure, |sessions| _ = sessions.remove(&key));
        }
    }

    /// The members of a channel with their attributes.
    pub(crate) fn roster(&self, application: &str, channel: Channel) -> BTreeMap<String, Mood> {
        let here = self.members().into_iter().filter(|(user, of)| user.0 == application && *of == channel);
        here.map(|member| (member.0.1.into(), self.mood(member.0, channel))).collect()
    }

    pub(crate) fn mood(&self, user: User, channel: Channel) -> Mood {
        self.moods.get(&(user, channel)).copied().unwrap_or(0)
    }

    pub(crate) fn channels_of(&self, user: User) -> Vec<String> {
        let theirs = self.members().into_iter().filter(|(member, _)| *member == user);
        theirs.map(|(_, channel)| channel.into()).collect()
    }
}

/// A leave also ends the membership of the user's sessions that said goodbye and linger.
fn leave(sessions: &mut Sessions, (user, secret): Key, channel: Channel) {
    for ((of, other), session) in sessions.iter_mut().filter(|((of, _), _)| *of == user) {
        if (*of, *other) == (user, secret) || matches!(session.presence, Presence::Parted { .. }) {
            session.joined.remove(channel);
        }
    }
}
