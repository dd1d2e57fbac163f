//! Attached and detached sessions, and what each has joined. Their intents become ops for the store.

mod bucket;
mod session;

use std::collections::HashMap;

use herenow_protocol::{
    Attributes, Code, Limits, MAX_SESSIONS_PER_USER, Position, Refusal, Refused, SessionSecret, Transition,
    validate_attributes, validate_channel,
};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::access::{Access, Capability};
use crate::names::{Channel, User};
use crate::store::{Action, Op};
use crate::{ConnectionId, Millis};
use session::{Presence, Session};

pub use bucket::Bucket;
pub(crate) use session::{Detached, SessionId};

/// All sessions of one node. Bounded by [`MAX_SESSIONS_PER_USER`] a user; the driver bounds connections, and a
/// session without one ends after the grace.
#[derive(Debug)]
pub(crate) struct Sessions {
    limits: Limits,
    sessions: FxHashMap<SessionId, Session>,
    by_user: HashMap<User, Vec<SessionId>>,
    last_id: u64,
    /// How many are on a socket.
    attached: usize,
}

/// A connection is now that of a session.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) id: SessionId,
    /// Whether the session was known.
    pub(crate) resumed: bool,
    /// The older connection of the same session.
    pub(crate) replaced: Option<ConnectionId>,
    /// A session that had to go, and what ends its memberships.
    pub(crate) evicted: Option<(SessionId, Vec<Op>)>,
}

/// Why a connection does not become that of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// A newer attempt of the session is known.
    Older,
    /// The user has as many sessions as it may, and all are attached.
    LimitReached,
}

/// How what a session holds becomes what it wishes.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) leaves: Vec<Op>,
    /// In the order of the wish, each channel once.
    pub(crate) joins: Vec<Op>,
    pub(crate) refused: Vec<Refused>,
}

impl Sessions {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, sessions: FxHashMap::default(), by_user: HashMap::new(), last_id: 0, attached: 0 }
    }

    /// Makes `connection` the one of a session, which is new unless the same secret and user are known.
    pub(crate) fn attach(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        (user, access): (&User, &Access),
        secret: SessionSecret,
        attempt: u32,
    ) -> Result<Attached, Denied> {
        if let Some(id) = self.find(user, secret)
            && let Some(session) = self.sessions.get_mut(&id)
        {
            if attempt < session.attempt && !broken!(IgnoresAttempt) {
                return Err(Denied::Older);
            }
            let replaced = match session.presence {
                Presence::Attached(older) => Some(older),
                Presence::Lost { .. } | Presence::Parted { .. } => None,
            };
            self.attached += usize::from(replaced.is_none());
            session.attempt = attempt;
            session.access = access.clone();
            session.presence = Presence::Attached(connection);
            session.spared = false;
            return Ok(Attached { id, resumed: true, replaced, evicted: None });
        }
        let evicted = self.make_room(user)?;
        self.last_id += 1;
        let id = SessionId(self.last_id);
        let bucket = Bucket::full(now, &self.limits);
        self.sessions
            .insert(id, Session::new(user.clone(), access.clone(), secret, attempt, connection, bucket));
        self.by_user.entry(user.clone()).or_default().push(id);
        self.attached += 1;
        Ok(Attached { id, resumed: false, replaced: None, evicted })
    }

    /// Whether a session is known.
    pub(crate) fn knows(&self, user: &User, secret: SessionSecret) -> bool {
        self.find(user, secret).is_some()
    }

    fn find(&self, user: &User, secret: SessionSecret) -> Option<SessionId> {
        let known = self.by_user.get(user)?;
        known.iter().copied().find(|id| self.sessions.get(id).is_some_and(|session| session.secret == secret))
    }

    /// At the bound the oldest detached session ends at once; a new one is denied if there is none.
    fn make_room(&mut self, user: &User) -> Result<Option<(SessionId, Vec<Op>)>, Denied> {
        let Some(known) = self.by_user.get(user) else { return Ok(None) };
        if known.len() < MAX_SESSIONS_PER_USER {
            return Ok(None);
        }
        let detached =
            known.iter().filter_map(|id| Some((self.sessions.get(id)?.presence.detached_since()?, *id)));
        let (_, oldest) = detached.min().ok_or(Denied::LimitReached)?;
        Ok(Some((oldest, self.end(oldest))))
    }

    /// Takes `wished` as all that the session wants joined.
    pub(crate) fn reconcile(&mut self, id: SessionId, wished: Vec<String>) -> Wish {
        let mut wish = Wish { leaves: Vec::new(), joins: Vec::new(), refused: Vec::new() };
        let Some(session) = self.sessions.get_mut(&id) else { return wish };
        let mut channels: Vec<Channel> = Vec::new();
        for name in wished {
            if let Err(refusal) = validate_channel(&name) {
                wish.refused.push(Refused { channel: name, code: refusal.code });
                continue;
            }
            if !session.access.allows(Capability::Join, &name) {
                wish.refused.push(Refused { channel: name, code: Code::Forbidden });
                continue;
            }
            let channel = session.user.channel(&name);
            if channels.contains(&channel) {
                continue;
            }
            if channels.len() >= self.limits.joined as usize {
                wish.refused.push(Refused { channel: name, code: Code::LimitReached });
                continue;
            }
            channels.push(channel);
        }
        for held in &session.joined {
            if !channels.contains(held) && !broken!(KeepsUnnamed) {
                wish.leaves.push(session.op(held.clone(), Action::Leave));
            }
        }
        session.joined = channels;
        wish.joins = session.ops(&Action::Join);
        wish
    }

    /// Checks and notes a join.
    pub(crate) fn join(&mut self, id: SessionId, name: &str) -> Result<Op, Refusal> {
        validate_channel(name)?;
        let session = self.sessions.get_mut(&id).ok_or(ENDED)?;
        if !session.access.allows(Capability::Join, name) {
            return Err(FORBIDDEN);
        }
        let channel = session.user.channel(name);
        if !session.joined.contains(&channel) {
            if session.joined.len() >= self.limits.joined as usize {
                let message = "the session has joined as many channels as it may";
                return Err(Refusal { code: Code::LimitReached, message });
            }
            session.joined.push(channel.clone());
        }
        Ok(session.op(channel, Action::Join))
    }

    /// Notes that a join was refused.
    pub(crate) fn forget_join(&mut self, id: SessionId, channel: &Channel) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.joined.retain(|held| held != channel);
        }
    }

    /// Notes a leave. The op also ends lingering sessions of the user, so there is one even where not joined.
    pub(crate) fn leave(&mut self, id: SessionId, name: &str) -> Result<Op, Refusal> {
        validate_channel(name)?;
        let session = self.sessions.get_mut(&id).ok_or(ENDED)?;
        let channel = session.user.channel(name);
        session.joined.retain(|held| *held != channel);
        Ok(session.op(channel, Action::Leave))
    }

    /// Checks new attributes.
    pub(crate) fn set(&self, id: SessionId, name: &str, attributes: Attributes) -> Result<Op, Refusal> {
        validate_channel(name)?;
        validate_attributes(&attributes)?;
        let session = self.sessions.get(&id).ok_or(ENDED)?;
        if !session.access.allows(Capability::Attributes, name) {
            return Err(FORBIDDEN);
        }
        let channel = session.user.channel(name);
        if !session.joined.contains(&channel) {
            return Err(NOT_JOINED);
        }
        Ok(session.op(channel, Action::Set(attributes)))
    }

    /// Checks an observation, or a join that is not noted yet, and gives whose it is.
    pub(crate) fn user_who_may(
        &self,
        id: SessionId,
        capability: Capability,
        name: &str,
    ) -> Result<&User, Refusal> {
        validate_channel(name)?;
        let session = self.sessions.get(&id).ok_or(ENDED)?;
        if session.access.allows(capability, name) { Ok(&session.user) } else { Err(FORBIDDEN) }
    }

    /// From now on a newer token says what the session may. What it has joined and may not is left; gives those
    /// channels, too.
    pub(crate) fn restrict(&mut self, id: SessionId, access: Access) -> Vec<Op> {
        let Some(session) = self.sessions.get_mut(&id) else { return Vec::new() };
        session.access = access;
        let may = |channel: &Channel| session.access.allows(Capability::Join, channel.name());
        let (kept, lost) = std::mem::take(&mut session.joined).into_iter().partition(may);
        session.joined = kept;
        lost.into_iter().map(|channel| session.op(channel, Action::Leave)).collect()
    }

    /// Whether a session may observe a channel.
    pub(crate) fn may_observe(&self, id: SessionId, name: &str) -> bool {
        self.sessions.get(&id).is_some_and(|session| session.access.allows(Capability::Observe, name))
    }

    /// The sessions of a user.
    pub(crate) fn of_user(&self, user: &User) -> Vec<SessionId> {
        self.by_user.get(user).cloned().unwrap_or_default()
    }

    /// Forgets a session; the ops end its memberships as if it had left.
    pub(crate) fn expel(&mut self, id: SessionId) -> Vec<Op> {
        let Some(session) = self.remove(id) else { return Vec::new() };
        session.ops(&Action::Leave)
    }

    /// Takes a frame from the session's rate, or says in how many milliseconds there is one.
    pub(crate) fn spend(&mut self, now: Millis, id: SessionId) -> Result<(), u64> {
        match self.sessions.get_mut(&id) {
            Some(session) => session.bucket.take(now, &self.limits),
            None => Ok(()),
        }
    }

    /// Takes so many frames from the session's rate, or as many as there are.
    pub(crate) fn spend_all(&mut self, now: Millis, id: SessionId, count: u32) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        for _ in 0..count.min(self.limits.burst.max(1)) {
            if session.bucket.take(now, &self.limits).is_err() {
                return;
            }
        }
    }

    /// The socket of a session was lost. Whether the session was on it.
    pub(crate) fn lose(&mut self, now: Millis, id: SessionId, connection: ConnectionId) -> bool {
        match self.sessions.get_mut(&id) {
            Some(session) if session.presence == Presence::Attached(connection) => {
                session.presence = Presence::Lost { since: now };
                self.attached -= 1;
                true
            }
            Some(_) | None => false,
        }
    }

    /// The session said goodbye.
    pub(crate) fn part(&mut self, now: Millis, id: SessionId) -> Vec<Op> {
        let Some(session) = self.sessions.get_mut(&id) else { return Vec::new() };
        let before = std::mem::replace(&mut session.presence, Presence::Parted { since: now });
        self.attached -= usize::from(before.detached().is_none());
        session.ops(&Action::Linger)
    }

    /// How a session came off its socket; `None` for one that is on it, or is not known.
    pub(crate) fn detached(&self, id: SessionId) -> Option<Detached> {
        self.sessions.get(&id)?.presence.detached()
    }

    /// When a session that is on no socket came off it.
    pub(crate) fn detached_since(&self, id: SessionId) -> Option<Millis> {
        self.sessions.get(&id)?.presence.detached_since()
    }

    /// Whether a detached session may have more time to resume: once.
    pub(crate) fn spare(&mut self, id: SessionId) -> bool {
        self.sessions.get_mut(&id).is_some_and(|session| !std::mem::replace(&mut session.spared, true))
    }

    /// Forgets a session; the ops end its memberships in the way that it ended.
    pub(crate) fn end(&mut self, id: SessionId) -> Vec<Op> {
        let Some(session) = self.remove(id) else { return Vec::new() };
        session.ops(match session.presence {
            Presence::Parted { .. } => &Action::Goodbye,
            Presence::Attached(_) | Presence::Lost { .. } => &Action::Timeout,
        })
    }

    fn remove(&mut self, id: SessionId) -> Option<Session> {
        let session = self.sessions.remove(&id)?;
        self.attached -= usize::from(session.presence.detached().is_none());
        if let Some(known) = self.by_user.get_mut(&session.user) {
            known.retain(|other| *other != id);
            if known.is_empty() {
                self.by_user.remove(&session.user);
            }
        }
        Some(session)
    }

    /// Sessions on a socket, those that are not, and users.
    pub(crate) fn numbers(&self) -> (usize, usize, usize) {
        (self.attached, self.sessions.len() - self.attached, self.by_user.len())
    }

    /// Channels that the users here have joined, and members of all of them. Looks once at each user.
    pub(crate) fn memberships(&self) -> (usize, usize) {
        let mut channels = FxHashSet::default();
        let mut members = 0;
        for ids in self.by_user.values() {
            let joined: FxHashSet<&Channel> = ids.iter().flat_map(|id| self.joined(*id)).collect();
            members += joined.len();
            channels.extend(joined);
        }
        (channels.len(), members)
    }

    /// All sessions, oldest first.
    pub(crate) fn ids(&self) -> Vec<SessionId> {
        let mut ids: Vec<_> = self.sessions.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// The connection of a session that is on one.
    pub(crate) fn connection(&self, id: SessionId) -> Option<ConnectionId> {
        match self.sessions.get(&id)?.presence {
            Presence::Attached(connection) => Some(connection),
            Presence::Lost { .. } | Presence::Parted { .. } => None,
        }
    }

    /// What a session has joined.
    pub(crate) fn joined(&self, id: SessionId) -> &[Channel] {
        self.sessions.get(&id).map_or(&[], |session| &session.joined)
    }

    /// What makes a session an owner again.
    pub(crate) fn assertion(&self, id: SessionId, channel: &Channel) -> Option<Op> {
        Some(self.sessions.get(&id)?.op(channel.clone(), Action::Join))
    }

    /// What follows the assertion of a session where the store has lost its data.
    pub(crate) fn restoration(&self, id: SessionId, channel: &Channel) -> Vec<Op> {
        self.sessions.get(&id).map(|session| session.restoration(channel)).unwrap_or_default()
    }

    /// Notes what a transition says of the attributes of members on this node, for a store that loses its data.
    pub(crate) fn note(&mut self, channel: &Channel, transition: &Transition, at: Position) {
        let (user, attributes) = match transition {
            Transition::Set { user, attributes } => (user, Some(attributes)),
            Transition::Join { user } | Transition::Leave { user } | Transition::Timeout { user } => {
                (user, None)
            }
        };
        for id in self.by_user.get(&channel.user(user)).into_iter().flatten() {
            if let Some(session) = self.sessions.get_mut(id) {
                session.note(channel, attributes, at);
            }
        }
    }

    pub(crate) fn user(&self, id: SessionId) -> Option<&User> {
        self.sessions.get(&id).map(|session| &session.user)
    }
}

/// The answer to a set where the session has not joined.
pub(crate) const NOT_JOINED: Refusal =
    Refusal { code: Code::NotJoined, message: "the session has not joined the channel" };

/// The answer to what the token does not allow.
const FORBIDDEN: Refusal =
    Refusal { code: Code::Forbidden, message: "the token does not allow this on the channel" };

/// A connection outlived its session: never, as long as the registry detaches a session before it ends it.
const ENDED: Refusal = Refusal { code: Code::Unavailable, message: "the session has ended" };
