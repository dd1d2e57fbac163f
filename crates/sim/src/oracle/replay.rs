//! What reached the server and what it said, in order.

use std::collections::BTreeMap;

use herenow_protocol::{Attributes, CloseCode, Code};

use super::ledger::{Check, Ledger, SLACK_MS, wrong};
use super::session::{Hold, Phase, Session};
use super::truth::Kinds;
use crate::failure::Invariant;
use crate::net::LinkId;
use crate::plan::CHANNELS;

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

/// What became of a request, and for a join whether it was fresh.
pub(crate) type Reply = Result<Option<bool>, Code>;

/// What the server said in one turn.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// For each channel of hello whether the membership was said to be fresh.
    pub(crate) welcomes: BTreeMap<LinkId, [Option<bool>; CHANNELS.len()]>,
    pub(crate) replies: BTreeMap<(LinkId, u32), Reply>,
    pub(crate) closed: Vec<(LinkId, CloseCode)>,
}

impl Ledger {
    /// Takes in what reached the server in one turn, with what it said.
    pub(crate) fn turn(&mut self, now: u64, inputs: Vec<Input>, answers: &Answers) -> Check {
        self.advance(now);
        for (request, reply) in &answers.replies {
            if self.owed.remove(request).is_some() && reply.is_err() {
                return wrong(
                    Invariant::AckVisible,
                    format!("request {request:?} was carried out and is refused"),
                );
            }
        }
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
            Input::Join { id, channel, .. } => match self.reply(now, link, id, answers, was_closed) {
                Ok(fresh) => {
                    let Some(session) = self.session_of(link) else { return Ok(()) };
                    session.holds[channel] = Hold::Yes;
                    let user = session.user;
                    self.came(user, channel, fresh, now)
                }
                Err(code) => allowed(code, &[Code::RateLimited], "join"),
            },
            Input::Leave { id, channel, .. } => match self.reply(now, link, id, answers, was_closed) {
                Ok(_) => {
                    let Some(session) = self.session_of(link) else { return Ok(()) };
                    let user = session.user;
                    let secret = session.secret;
                    session.holds[channel] = Hold::No;
                    self.released.insert((secret, channel), now);
                    self.left(now, user, channel, true);
                    Ok(())
                }
                Err(code) => allowed(code, &[], "leave"),
            },
            Input::Set { id, channel, attributes, .. } => {
                let reply = self.reply(now, link, id, answers, was_closed);
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

    /// What became of a request. One that is not refused at once is carried out, and answered when its maker has been
    /// told of it; if the connection ends before, never.
    fn reply(&mut self, now: u64, link: LinkId, id: u32, answers: &Answers, was_closed: bool) -> Reply {
        answers.replies.get(&(link, id)).copied().unwrap_or_else(|| {
            if !was_closed {
                self.owed.insert((link, id), now);
            }
            Ok(None)
        })
    }

    fn set(
        &mut self,
        now: u64,
        link: LinkId,
        channel: usize,
        attributes: &Attributes,
        reply: Reply,
    ) -> Check {
        let Some(session) = self.session_of(link) else { return Ok(()) };
        let (user, secret, hold) = (session.user, session.secret, session.holds[channel]);
        match reply {
            Ok(_) if hold == Hold::No => wrong(
                Invariant::Member,
                format!("u{user} sets in {} without having joined", CHANNELS[channel]),
            ),
            Ok(_) => {
                self.truths[channel][user].set(attributes);
                self.changed_ms[channel] = now;
                let stored = self.stored.entry((secret, channel)).or_default();
                stored.push((now, attributes.clone()));
                if stored.len() > 64 {
                    stored.remove(0);
                }
                Ok(())
            }
            Err(Code::NotJoined) if hold != Hold::Yes => Ok(()),
            Err(code) => allowed(code, &[Code::RateLimited], "set"),
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
            // The server remembers one that has ended for a while.
            let older = self.newest.get(&(user, secret)).is_some_and(|newest| *newest > attempt);
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
            self.owed.retain(|(of, _), _| *of != older);
        }
        session.attempt = attempt;
        session.phase = Phase::On(link);
        self.newest.insert((user, secret), attempt);
        self.conns.insert(link, (now, user, secret));
        for (channel, wanted) in joined.iter().enumerate() {
            if !wanted && self.sessions[at].holds[channel] != Hold::No {
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
        self.owed.retain(|(of, _), _| *of != link);
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
}

fn allowed(code: Code, codes: &[Code], what: &str) -> Check {
    if codes.contains(&code) {
        Ok(())
    } else {
        wrong(Invariant::Member, format!("a {what} is answered with {code:?}"))
    }
}
