//! What the server must hold, from the bytes that reached it.

use std::collections::BTreeMap;

use herenow_protocol::{Attributes, CloseCode, Code};

use super::truth::{Kinds, Presence, Truth};
use crate::failure::Invariant;
use crate::net::LinkId;
use crate::plan::{CHANNELS, USERS};

/// What the design allows beyond a deadline, in milliseconds.
const SLACK_MS: u64 = 1_000;
/// A deadline that is noticed so late is set again once.
const STOOD_STILL_MS: u64 = 1_000;
/// Sessions of a user.
const MAX_SESSIONS: usize = herenow_protocol::MAX_SESSIONS_PER_USER;

/// Something that reached the server, in order.
#[derive(Debug)]
pub(crate) enum Input {
    Hello { link: LinkId, user: usize, secret: u128, attempt: u32, joined: [bool; CHANNELS.len()] },
    Join { link: LinkId, id: u32, channel: usize },
    Leave { link: LinkId, id: u32, channel: usize },
    Set { link: LinkId, id: u32, channel: usize, attributes: Attributes },
    Bye { link: LinkId },
    Heard { link: LinkId },
    Gone { link: LinkId },
    Shutdown,
}

/// What the server said in one turn.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// For each channel of hello whether the membership was said to be fresh.
    pub(crate) welcomes: BTreeMap<LinkId, [Option<bool>; CHANNELS.len()]>,
    pub(crate) replies: BTreeMap<(LinkId, u32), Result<Option<bool>, Code>>,
    pub(crate) closed: Vec<(LinkId, CloseCode)>,
}

/// Whether a session holds a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    No,
    Yes,
    Maybe,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    On(LinkId),
    Off { parted: bool, must_until_ms: u64, may_until_ms: u64, spared: bool },
}

#[derive(Debug)]
struct Session {
    user: usize,
    secret: u128,
    attempt: u32,
    holds: [Hold; CHANNELS.len()],
    phase: Phase,
}

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
    sessions: Vec<Session>,
    /// When each connection was last heard, and its session.
    conns: BTreeMap<LinkId, (u64, usize, u128)>,
    draining: bool,
    pub(crate) settles_at_ms: u64,
    woke_ms: u64,
    /// Since when the server stands still: nothing ends there meanwhile.
    stands_since: Option<u64>,
    /// By channel, then user.
    pub(crate) truths: [[Truth; USERS]; CHANNELS.len()],
    /// What each session has stored, by channel, the newest last.
    stored: BTreeMap<(u128, usize), Vec<(u64, Attributes)>>,
    /// When each session last ceased to hold a channel.
    released: BTreeMap<(u128, usize), u64>,
    /// When each channel last changed.
    pub(crate) changed_ms: [u64; CHANNELS.len()],
}

pub(crate) type Check = Result<(), (Invariant, String)>;

fn wrong<T>(invariant: Invariant, message: String) -> Result<T, (Invariant, String)> {
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
            released: BTreeMap::new(),
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

    pub(crate) fn surely_holds(&self, now: u64, user: usize, secret: u128, channel: usize) -> bool {
        self.hold(now, user, secret, channel) == Hold::Yes
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
    fn changed(&mut self, now: u64, user: usize, channel: usize, cause: Kinds) {
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
    fn came(&mut self, user: usize, channel: usize, fresh: Option<bool>, now: u64) -> Check {
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

    fn session_of(&mut self, link: LinkId) -> Option<&mut Session> {
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

    /// Takes in what reached the server in one turn, with what it said.
    pub(crate) fn turn(&mut self, now: u64, inputs: Vec<Input>, answers: &Answers) -> Check {
        self.advance(now);
        for input in inputs {
            self.input(now, input, answers)?;
        }
        for (link, code) in &answers.closed {
            self.closed(now, *link, *code)?;
        }
        let patience = 2 * self.times.ping_ms + SLACK_MS;
        for (link, (heard, user, _)) in &self.conns {
            if now > (*heard).max(self.woke_ms) + patience {
                return wrong(
                    Invariant::Bound,
                    format!("connection {link} of u{user} is kept after {patience} ms of silence"),
                );
            }
        }
        Ok(())
    }

    fn input(&mut self, now: u64, input: Input, answers: &Answers) -> Check {
        let link = match &input {
            Input::Hello { link, user, secret, attempt, joined } => {
                return self.hello(now, *link, (*user, *secret, *attempt), joined, answers);
            }
            Input::Shutdown => {
                self.shut_down(now);
                return Ok(());
            }
            Input::Join { link, .. }
            | Input::Leave { link, .. }
            | Input::Set { link, .. }
            | Input::Bye { link }
            | Input::Heard { link }
            | Input::Gone { link } => *link,
        };
        let Some((heard, ..)) = self.conns.get_mut(&link) else { return Ok(()) };
        *heard = now;
        let was_closed = answers.closed.iter().any(|(closed, _)| *closed == link);
        match input {
            Input::Join { id, channel, .. } => match self.reply(link, id, answers, was_closed)? {
                Some(Ok(fresh)) => {
                    let Some(session) = self.session_of(link) else { return Ok(()) };
                    session.holds[channel] = Hold::Yes;
                    let user = session.user;
                    self.came(user, channel, fresh, now)
                }
                Some(Err(code)) => allowed(code, &[Code::RateLimited], "join"),
                None => Ok(()),
            },
            Input::Leave { id, channel, .. } => match self.reply(link, id, answers, was_closed)? {
                Some(Ok(_)) => {
                    let Some(session) = self.session_of(link) else { return Ok(()) };
                    let user = session.user;
                    let secret = session.secret;
                    session.holds[channel] = Hold::No;
                    self.released.insert((secret, channel), now);
                    self.left(now, user, channel, true);
                    Ok(())
                }
                Some(Err(code)) => allowed(code, &[], "leave"),
                None => Ok(()),
            },
            Input::Set { id, channel, attributes, .. } => {
                let reply = self.reply(link, id, answers, was_closed)?;
                self.set(now, link, channel, &attributes, reply)
            }
            Input::Bye { .. } => {
                let until = now + self.times.linger_ms;
                self.detach(now, link, true, until);
                Ok(())
            }
            Input::Gone { .. } => {
                self.lose(now, link);
                Ok(())
            }
            Input::Heard { .. } | Input::Hello { .. } | Input::Shutdown => Ok(()),
        }
    }

    fn reply(
        &self,
        link: LinkId,
        id: u32,
        answers: &Answers,
        was_closed: bool,
    ) -> Result<Option<Result<Option<bool>, Code>>, (Invariant, String)> {
        match answers.replies.get(&(link, id)) {
            Some(reply) => Ok(Some(*reply)),
            None if was_closed => Ok(None),
            None => wrong(Invariant::Promises, format!("request {id} of connection {link} is not answered")),
        }
    }

    fn set(
        &mut self,
        now: u64,
        link: LinkId,
        channel: usize,
        attributes: &Attributes,
        reply: Option<Result<Option<bool>, Code>>,
    ) -> Check {
        let Some(session) = self.session_of(link) else { return Ok(()) };
        let (user, secret, hold) = (session.user, session.secret, session.holds[channel]);
        match reply {
            Some(Ok(_)) if hold == Hold::No => wrong(
                Invariant::Member,
                format!("u{user} sets in {} without having joined", CHANNELS[channel]),
            ),
            Some(Ok(_)) => {
                self.truths[channel][user].set(attributes);
                self.changed_ms[channel] = now;
                let stored = self.stored.entry((secret, channel)).or_default();
                stored.push((now, attributes.clone()));
                if stored.len() > 64 {
                    stored.remove(0);
                }
                Ok(())
            }
            Some(Err(Code::NotJoined)) if hold != Hold::Yes => Ok(()),
            Some(Err(code)) => allowed(code, &[Code::RateLimited], "set"),
            None => Ok(()),
        }
    }

    /// A session of `user` leaves; with it go those that linger. `surely`: it was one that could.
    fn left(&mut self, now: u64, user: usize, channel: usize, surely: bool) {
        for other in self.sessions.iter_mut().filter(|other| other.user == user) {
            if matches!(other.phase, Phase::Off { parted: true, .. }) && other.holds[channel] != Hold::No {
                other.holds[channel] = if surely { Hold::No } else { Hold::Maybe };
                self.released.insert((other.secret, channel), now);
            }
        }
        self.changed(now, user, channel, Kinds::LEAVE);
    }

    fn hello(
        &mut self,
        now: u64,
        link: LinkId,
        (user, secret, attempt): (usize, u128, u32),
        joined: &[bool; CHANNELS.len()],
        answers: &Answers,
    ) -> Check {
        let of_user = self.sessions.iter().filter(|session| session.user == user).count();
        let known = self.sessions.iter().position(|session| session.user == user && session.secret == secret);
        let Some(fresh) = answers.welcomes.get(&link) else {
            let older = known.is_some_and(|at| self.sessions[at].attempt > attempt);
            let code = answers.closed.iter().find(|(closed, _)| *closed == link).map(|(_, code)| *code);
            return match code {
                Some(CloseCode::Replaced) if older => Ok(()),
                Some(CloseCode::Kicked) if of_user >= MAX_SESSIONS => Ok(()),
                Some(CloseCode::Restart) if self.draining => Ok(()),
                other => wrong(Invariant::Member, format!("u{user}'s hello is answered with {other:?}")),
            };
        };
        let (at, certain) = match known {
            Some(at) => {
                let session = &self.sessions[at];
                let certain = session.is_certain(now);
                if certain && session.attempt > attempt {
                    return wrong(
                        Invariant::NoGap,
                        format!("an older hello of u{user} ({attempt}) takes over"),
                    );
                }
                (at, certain)
            }
            None => {
                if of_user >= MAX_SESSIONS {
                    self.make_room(now, user);
                }
                let holds = [Hold::No; CHANNELS.len()];
                self.sessions.push(Session { user, secret, attempt, holds, phase: Phase::On(link) });
                (self.sessions.len() - 1, true)
            }
        };
        let session = &mut self.sessions[at];
        if let Phase::On(older) = session.phase {
            self.conns.remove(&older);
        }
        session.attempt = attempt;
        session.phase = Phase::On(link);
        self.conns.insert(link, (now, user, secret));
        for channel in 0..CHANNELS.len() {
            if !joined[channel] && self.sessions[at].holds[channel] != Hold::No {
                self.sessions[at].holds[channel] = Hold::No;
                self.released.insert((secret, channel), now);
                self.left(now, user, channel, certain);
            }
        }
        for channel in (0..CHANNELS.len()).filter(|channel| joined[*channel]) {
            self.sessions[at].holds[channel] = Hold::Yes;
            self.came(user, channel, fresh[channel], now)?;
        }
        Ok(())
    }

    /// The oldest detached session of a user with too many ends: here any of them may.
    fn make_room(&mut self, now: u64, user: usize) {
        for session in self.sessions.iter_mut().filter(|session| session.user == user) {
            if let Phase::Off { must_until_ms, .. } = &mut session.phase {
                *must_until_ms = now.min(*must_until_ms);
            }
        }
        self.advance(now);
    }

    fn closed(&mut self, now: u64, link: LinkId, code: CloseCode) -> Check {
        let Some((heard, user, _)) = self.conns.get(&link).copied() else { return Ok(()) };
        match code {
            CloseCode::Silent if now < heard + 2 * self.times.ping_ms => {
                return wrong(
                    Invariant::Grace,
                    format!("a connection of u{user} is silent after {} ms", now - heard),
                );
            }
            CloseCode::Protocol | CloseCode::Kicked | CloseCode::Origin | CloseCode::UnsupportedVersion => {
                return wrong(Invariant::Member, format!("a connection of u{user} is closed with {code:?}"));
            }
            CloseCode::Silent
            | CloseCode::Restart
            | CloseCode::TooSlow
            | CloseCode::Replaced
            | CloseCode::Unauthorized => {}
        }
        self.lose(now, link);
        Ok(())
    }

    fn lose(&mut self, now: u64, link: LinkId) {
        let until = if self.draining { u64::MAX - SLACK_MS } else { now + self.times.grace_ms };
        self.detach(now, link, false, until);
    }

    fn detach(&mut self, now: u64, link: LinkId, parted: bool, until: u64) {
        let may_until_ms = until + SLACK_MS;
        if let Some(session) = self.session_of(link) {
            session.phase = Phase::Off { parted, must_until_ms: until, may_until_ms, spared: false };
        }
        self.conns.remove(&link);
        self.advance(now);
    }

    fn shut_down(&mut self, now: u64) {
        self.draining = true;
        for session in &mut self.sessions {
            if let Phase::Off { parted: false, must_until_ms, may_until_ms, .. } = &mut session.phase {
                *may_until_ms = u64::MAX;
                if now < *must_until_ms {
                    *must_until_ms = u64::MAX;
                }
            }
        }
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
                truth.end(now, Kinds::default());
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

impl Session {
    /// Whether the server certainly still knows it.
    fn is_certain(&self, now: u64) -> bool {
        match self.phase {
            Phase::On(_) => true,
            Phase::Off { must_until_ms, .. } => now < must_until_ms,
        }
    }

    fn hold(&self, now: u64, channel: usize) -> Hold {
        match self.holds[channel] {
            Hold::Yes if !self.is_certain(now) => Hold::Maybe,
            other => other,
        }
    }

    fn departure(&self) -> Kinds {
        match self.phase {
            Phase::Off { parted: true, .. } => Kinds::LEAVE,
            Phase::Off { parted: false, .. } | Phase::On(_) => Kinds::TIMEOUT,
        }
    }
}

fn allowed(code: Code, codes: &[Code], what: &str) -> Check {
    if codes.contains(&code) {
        Ok(())
    } else {
        wrong(Invariant::Member, format!("a {what} is answered with {code:?}"))
    }
}
