//! What the server must hold, from the bytes that reached it.

use std::collections::BTreeMap;

use herenow_protocol::Attributes;

use super::session::{Hold, Phase, Session};
use super::truth::{Kinds, Presence, Truth};
use crate::failure::Invariant;
use crate::net::LinkId;
use crate::plan::{CHANNELS, USERS};

/// What the design allows beyond a deadline, in milliseconds.
pub(super) const SLACK_MS: u64 = 1_000;
/// A deadline that is noticed so late is set again once.
const STOOD_STILL_MS: u64 = 1_000;

/// The times of the server's rules, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) grace_ms: u64,
    pub(crate) linger_ms: u64,
    pub(crate) ping_ms: u64,
}

/// The sessions of one life of a server, and the truth of all.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) times: Times,
    pub(super) sessions: Vec<Session>,
    /// When each connection was last heard, and its session.
    pub(super) conns: BTreeMap<LinkId, (u64, usize, u128)>,
    pub(super) draining: bool,
    pub(crate) settles_at_ms: u64,
    pub(super) woke_ms: u64,
    /// Since when the server stands still: nothing ends there meanwhile.
    stands_since: Option<u64>,
    /// By channel, then user.
    pub(crate) truths: [[Truth; USERS]; CHANNELS.len()],
    /// What each session has stored, by channel, the newest last.
    pub(super) stored: BTreeMap<(u128, usize), Vec<(u64, Attributes)>>,
    /// The newest attempt of each session that was welcomed.
    pub(super) newest: BTreeMap<(usize, u128), u32>,
    /// When each session last ceased to hold a channel.
    pub(super) released: BTreeMap<(u128, usize), u64>,
    /// Requests that were carried out and not answered yet, and since when.
    pub(crate) owed: BTreeMap<(LinkId, u32), u64>,
    /// When each channel last changed.
    pub(crate) changed_ms: [u64; CHANNELS.len()],
}

pub(crate) type Check = Result<(), (Invariant, String)>;

pub(super) fn wrong<T>(invariant: Invariant, message: String) -> Result<T, (Invariant, String)> {
    Err((invariant, message))
}

impl Ledger {
    pub(crate) fn new(times: Times) -> Self {
        Self {
            times,
            sessions: Vec::new(),
            conns: BTreeMap::new(),
            draining: false,
            settles_at_ms: u64::MAX,
            woke_ms: 0,
            stands_since: None,
            truths: std::array::from_fn(|_| std::array::from_fn(|_| Truth::new())),
            stored: BTreeMap::new(),
            newest: BTreeMap::new(),
            released: BTreeMap::new(),
            owed: BTreeMap::new(),
            changed_ms: [0; CHANNELS.len()],
        }
    }

    /// A server starts that knows nobody.
    pub(crate) fn start(&mut self, now: u64) {
        self.draining = false;
        self.woke_ms = now;
        self.settles_at_ms = now + self.times.grace_ms;
    }

    /// The server is gone, with all it knew.
    pub(crate) fn lose_all(&mut self, now: u64) {
        self.advance(now);
        for session in std::mem::take(&mut self.sessions) {
            self.release(now, &session);
        }
        self.conns.clear();
        self.owed.clear();
        self.stands_since = None;
        let settles_at_ms = std::mem::replace(&mut self.settles_at_ms, u64::MAX);
        for truth in self.truths.iter_mut().flatten() {
            match truth.presence {
                Presence::Yes | Presence::Maybe => truth.presence = Presence::Limbo,
                Presence::Limbo => {
                    if let Some(last) = truth.intervals.last_mut()
                        && settles_at_ms < u64::MAX
                    {
                        last.doubted_ms.get_or_insert(settles_at_ms);
                    }
                }
                Presence::No => {}
            }
        }
    }

    /// The server stands still.
    pub(crate) fn pause(&mut self, now: u64) {
        self.advance(now);
        self.stands_since = Some(now);
    }

    /// The server stood still since `since`.
    pub(crate) fn wake(&mut self, now: u64, since: u64) {
        self.stands_since = None;
        self.woke_ms = now;
        let times = self.times;
        for session in &mut self.sessions {
            let Phase::Off { parted, must_until_ms, may_until_ms, spared } = &mut session.phase else {
                continue;
            };
            if *must_until_ms > now || *may_until_ms < since {
                continue;
            }
            if now - *must_until_ms > STOOD_STILL_MS && !*spared && *must_until_ms >= since {
                *must_until_ms = now + if *parted { times.linger_ms } else { times.grace_ms };
                *spared = true;
                *may_until_ms = *must_until_ms + SLACK_MS;
            } else {
                *may_until_ms = (now + SLACK_MS).max(*may_until_ms);
            }
        }
    }

    /// Time passes.
    pub(crate) fn advance(&mut self, now: u64) {
        let now = self.stands_since.unwrap_or(now);
        let over = |session: &Session| match session.phase {
            Phase::Off { may_until_ms, .. } => now > may_until_ms,
            Phase::On(_) => false,
        };
        if self.sessions.iter().any(over) {
            for at in (0..self.sessions.len()).rev() {
                if over(&self.sessions[at]) {
                    let kinds = self.sessions[at].departure();
                    let session = self.sessions.remove(at);
                    self.release(now, &session);
                    for channel in 0..CHANNELS.len() {
                        if session.holds[channel] != Hold::No {
                            self.changed(now, session.user, channel, kinds);
                        }
                    }
                }
            }
        }
        for at in 0..self.sessions.len() {
            let session = &self.sessions[at];
            if let Phase::Off { must_until_ms, .. } = session.phase
                && now >= must_until_ms
            {
                let (user, holds, kinds) = (session.user, session.holds, session.departure());
                for (channel, hold) in holds.into_iter().enumerate() {
                    if hold != Hold::No {
                        self.changed(now, user, channel, kinds);
                    }
                }
            }
        }
        if now >= self.settles_at_ms {
            for truth in self.truths.iter_mut().flatten() {
                if truth.presence == Presence::Limbo {
                    truth.end(self.settles_at_ms, Kinds::TIMEOUT);
                }
            }
        }
    }

    /// A session is gone.
    fn release(&mut self, now: u64, session: &Session) {
        for channel in (0..CHANNELS.len()).filter(|channel| session.holds[*channel] != Hold::No) {
            self.released.insert((session.secret, channel), now);
        }
    }

    /// Whether a session held a channel at some time since then.
    pub(crate) fn held_since(&self, user: usize, secret: u128, channel: usize, since: u64) -> bool {
        let holds = self.session(user, secret).is_some_and(|session| session.holds[channel] != Hold::No);
        holds || self.released.get(&(secret, channel)).is_some_and(|at| *at >= since)
    }

    pub(crate) fn hold(&self, now: u64, user: usize, secret: u128, channel: usize) -> Hold {
        self.session(user, secret).map_or(Hold::No, |session| session.hold(now, channel))
    }

    /// Whether a session has stored these attributes since then.
    pub(crate) fn was_stored(
        &self,
        secret: u128,
        channel: usize,
        attributes: &Attributes,
        since: u64,
    ) -> bool {
        let stored = self.stored.get(&(secret, channel));
        stored.is_some_and(|stored| stored.iter().any(|(at, known)| *at >= since && known == attributes))
    }

    /// The holders of a channel change; `cause`: how a membership ends by that.
    pub(super) fn changed(&mut self, now: u64, user: usize, channel: usize, cause: Kinds) {
        let (must, may) = self.holders(now, user, channel);
        let truth = &mut self.truths[channel][user];
        self.changed_ms[channel] = now;
        match truth.presence {
            Presence::Yes | Presence::Maybe if !may && !must => truth.end(now, cause),
            Presence::Yes if !must => {
                truth.presence = Presence::Maybe;
                truth.pending.add(cause);
            }
            Presence::Maybe if !must => truth.pending.add(cause),
            Presence::No | Presence::Yes | Presence::Maybe | Presence::Limbo => {}
        }
    }

    /// Somebody joins; `fresh`: what the server says of it.
    pub(super) fn came(&mut self, user: usize, channel: usize, fresh: Option<bool>, now: u64) -> Check {
        let truth = &mut self.truths[channel][user];
        let name = CHANNELS[channel];
        self.changed_ms[channel] = now;
        match (truth.presence, fresh) {
            (Presence::Yes, Some(true)) => {
                wrong(Invariant::Member, format!("u{user}'s join of {name} is fresh, though it was a member"))
            }
            (Presence::Yes, Some(false) | None) => Ok(()),
            (Presence::No, Some(false)) => wrong(
                Invariant::NoGhosts,
                format!("u{user}'s join of {name} is not fresh, though it was no member"),
            ),
            (Presence::Limbo, Some(false)) => wrong(
                Invariant::AttributesDie,
                format!("u{user}'s join of {name} is not fresh after a restart"),
            ),
            (Presence::No, Some(true) | None) => {
                truth.begin();
                Ok(())
            }
            (Presence::Limbo, Some(true) | None) => {
                truth.resume();
                Ok(())
            }
            (Presence::Maybe, Some(false) | None) => {
                truth.presence = Presence::Yes;
                truth.pending = Kinds::default();
                Ok(())
            }
            (Presence::Maybe, Some(true)) => {
                truth.end(now, Kinds::default());
                truth.begin();
                Ok(())
            }
        }
    }

    /// Whether somebody certainly holds it, and whether somebody perhaps does.
    fn holders(&self, now: u64, user: usize, channel: usize) -> (bool, bool) {
        let (mut must, mut may) = (false, false);
        for session in self.sessions.iter().filter(|session| session.user == user) {
            match session.hold(now, channel) {
                Hold::Yes => must = true,
                Hold::Maybe => may = true,
                Hold::No => {}
            }
        }
        (must, may)
    }

    fn session(&self, user: usize, secret: u128) -> Option<&Session> {
        self.sessions.iter().find(|session| session.user == user && session.secret == secret)
    }

    pub(super) fn session_of(&mut self, link: LinkId) -> Option<&mut Session> {
        let (_, user, secret) = *self.conns.get(&link)?;
        self.sessions.iter_mut().find(|session| {
            session.user == user
                && session.secret == secret
                && matches!(session.phase, Phase::On(on) if on == link)
        })
    }

    /// Whether a connection is that of a session.
    pub(crate) fn is_greeted(&self, link: LinkId) -> bool {
        self.conns.contains_key(&link)
    }

    /// Compares with what the server lists.
    pub(crate) fn compare(
        &mut self,
        now: u64,
        user: usize,
        channel: usize,
        listed: Option<&Attributes>,
    ) -> Check {
        let name = CHANNELS[channel];
        let is_attached = |session: &Session| {
            session.user == user
                && session.holds[channel] == Hold::Yes
                && matches!(session.phase, Phase::On(_))
        };
        let missing =
            if self.sessions.iter().any(is_attached) { Invariant::Member } else { Invariant::Grace };
        let truth = &mut self.truths[channel][user];
        match (truth.presence, listed) {
            (Presence::Yes, None) => {
                wrong(missing, format!("u{user} is not listed in {name}, and is a member"))
            }
            (Presence::No | Presence::Limbo, Some(_)) => {
                wrong(Invariant::NoGhosts, format!("u{user} is listed in {name}, and is no member"))
            }
            (Presence::Maybe, None) => {
                let mut kinds = Kinds::default();
                for session in self.sessions.iter().filter(|session| session.user == user) {
                    if session.hold(now, channel) == Hold::Maybe {
                        kinds.add(session.departure());
                    }
                }
                truth.end(now, kinds);
                self.changed_ms[channel] = now;
                for session in self.sessions.iter_mut().filter(|session| session.user == user) {
                    if session.holds[channel] != Hold::No {
                        self.released.insert((session.secret, channel), now);
                    }
                    session.holds[channel] = Hold::No;
                }
                Ok(())
            }
            (Presence::No | Presence::Limbo, None) => Ok(()),
            (Presence::Yes | Presence::Maybe, Some(attributes)) => {
                if truth.possible.contains(attributes) {
                    return Ok(());
                }
                let never_set =
                    truth.intervals.last().is_some_and(|last| last.values.iter().all(|(_, set)| !set));
                let invariant = if never_set { Invariant::AttributesDie } else { Invariant::AckVisible };
                wrong(
                    invariant,
                    format!("u{user} is listed in {name} with {attributes:?}, not {:?}", truth.possible),
                )
            }
        }
    }
}
