//! A tiny server: one channel with a log and a roster, one client's connection, restarts.

use std::collections::BTreeMap;

use herenow_protocol::{
    Attributes, ClientFrame, Code, Epoch, Granted, Limits, Member, Mode, Position, ServerFrame, Snapshot,
    Transition, Welcome,
};

use crate::client::id;

const SETTLE_MS: u64 = 10_000;
/// Who comes back after a restart does so this long before the server has settled, so that slow frames arrive.
const LATEST_RETURN_MS: u64 = 6_000;
const GRACE_MS: u64 = 10_000;
const LINGER_MS: u64 = 2_000;

/// Numbers from a seed (xorshift), apart from the session's own.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

#[derive(Default)]
struct Observer {
    /// What it was sent last; `None` while it does not observe.
    seq: Option<u64>,
}

pub(crate) struct Model {
    pub(crate) dice: Dice,
    epoch: u64,
    seq: u64,
    log: Vec<(u64, Transition)>,
    /// Transitions after this are in the log.
    log_start: u64,
    pub(crate) roster: BTreeMap<String, Attributes>,
    settles_at: u64,
    /// Who comes back after the last restart, when, and with what.
    returning: Vec<(u64, String, Attributes)>,
    /// The client's session: whether it holds a membership, and when that ends without a socket.
    holds: bool,
    ends: Option<(u64, bool)>,
    observer: Observer,
    /// True departures of each user, including those that a restart swallowed.
    pub(crate) departures: BTreeMap<String, u32>,
    pub(crate) to_client: Vec<ServerFrame>,
    /// Answer some requests with an error.
    pub(crate) moody: bool,
}

impl Model {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            epoch: 1,
            seq: 0,
            log: Vec::new(),
            log_start: 0,
            roster: BTreeMap::new(),
            settles_at: 0,
            returning: Vec::new(),
            holds: false,
            ends: None,
            observer: Observer::default(),
            departures: BTreeMap::new(),
            to_client: Vec::new(),
            moody: true,
        }
    }

    fn push(&mut self, transition: Transition) {
        match &transition {
            Transition::Join { user } => {
                assert!(self.roster.insert(user.clone(), Attributes::new()).is_none());
            }
            Transition::Leave { user } | Transition::Timeout { user } => {
                assert!(self.roster.remove(user).is_some());
                *self.departures.entry(user.clone()).or_default() += 1;
            }
            Transition::Set { user, attributes } => {
                let stored = self.roster.get_mut(user).expect("is a member");
                if stored == attributes {
                    return;
                }
                stored.clone_from(attributes);
            }
        }
        self.seq += 1 + self.dice.below(3);
        self.log.push((self.seq, transition));
    }

    /// Somebody else does something.
    pub(crate) fn stir(&mut self) {
        let user = format!("user {}", self.dice.below(7));
        if self.returning.iter().any(|(_, known, _)| *known == user) {
            return;
        }
        let transition = match (self.roster.contains_key(&user), self.dice.below(5)) {
            (false, _) => Transition::Join { user },
            (true, 0) => Transition::Leave { user },
            (true, 1) => Transition::Timeout { user },
            (true, 2) => Transition::Set { user, attributes: Attributes::new() },
            (true, _) => {
                let value = self.dice.below(4).to_string();
                Transition::Set { user, attributes: Attributes::from_iter([("mood", value)]) }
            }
        };
        self.push(transition);
    }

    /// Time passes: who was away comes back, sessions without a socket end.
    pub(crate) fn pass(&mut self, now: u64) {
        while let Some(at) = self.returning.iter().position(|(at, ..)| *at <= now) {
            let (_, user, attributes) = self.returning.remove(at);
            self.push(Transition::Join { user: user.clone() });
            self.push(Transition::Set { user, attributes });
        }
        if let Some((_, goodbye)) = self.ends.filter(|(at, _)| *at <= now) {
            self.end_membership(if goodbye {
                Transition::Leave { user: "me".into() }
            } else {
                Transition::Timeout { user: "me".into() }
            });
            self.ends = None;
        }
        if self.dice.one_in(50) {
            self.log.clear();
            self.log_start = self.seq;
        }
    }

    fn end_membership(&mut self, transition: Transition) {
        if std::mem::take(&mut self.holds) {
            self.push(transition);
        }
    }

    /// The server loses everything. Most come back; the others are gone without a word.
    pub(crate) fn restart(&mut self, now: u64) {
        let mut before: Vec<_> = std::mem::take(&mut self.roster).into_iter().collect();
        before.extend(self.returning.drain(..).map(|(_, user, attributes)| (user, attributes)));
        for (user, attributes) in before {
            if user != "me" && !self.dice.one_in(3) {
                let at = now + self.dice.below(SETTLE_MS - LATEST_RETURN_MS);
                let attributes = if self.dice.one_in(5) { Attributes::new() } else { attributes };
                self.returning.push((at, user, attributes));
            } else {
                *self.departures.entry(user).or_default() += 1;
            }
        }
        self.epoch += 1;
        self.seq = self.dice.below(3);
        self.log.clear();
        self.log_start = self.seq;
        self.settles_at = now + SETTLE_MS;
        self.holds = false;
        self.ends = None;
        self.cut(now);
    }

    pub(crate) fn cut(&mut self, now: u64) {
        if self.holds && self.ends.is_none() {
            self.ends = Some((now + GRACE_MS, false));
        }
        self.observer.seq = None;
        self.to_client.clear();
    }

    /// Sends the observer what happened since the last flush; of one user's updates only the last.
    pub(crate) fn flush(&mut self, now: u64) {
        let Some(from) = self.observer.seq.filter(|seq| *seq < self.seq) else { return };
        self.observer.seq = Some(self.seq);
        let transitions = if from < self.log_start { None } else { Some(self.since(from)) };
        match transitions {
            Some(transitions) => self.say_diff(from, transitions),
            None => self.say_snapshot(now),
        }
    }

    /// The observer's outbox is full: what happened since is never sent, or a snapshot instead. While the server
    /// settles it is a snapshot: a loss that no later frame betrays would look like an absence.
    pub(crate) fn overflow(&mut self, now: u64) {
        if self.observer.seq.is_some() {
            self.observer.seq = Some(self.seq);
            if now < self.settles_at || self.dice.one_in(2) {
                self.say_snapshot(now);
            }
        }
    }

    fn since(&self, from: u64) -> Vec<Transition> {
        let new: Vec<_> = self.log.iter().filter(|(seq, _)| *seq > from).map(|(_, t)| t.clone()).collect();
        let mut kept = Vec::new();
        for (at, transition) in new.iter().enumerate() {
            let Transition::Set { user, .. } = transition else {
                kept.push(transition.clone());
                continue;
            };
            // An update is dropped for a later one of the same membership.
            let later = new[at + 1..].iter().find_map(|other| match other {
                Transition::Set { user: who, .. } if who == user => Some(true),
                Transition::Leave { user: who } | Transition::Timeout { user: who } if who == user => {
                    Some(false)
                }
                _ => None,
            });
            if later != Some(true) {
                kept.push(transition.clone());
            }
        }
        kept
    }

    fn say_diff(&mut self, prev: u64, transitions: Vec<Transition>) {
        self.to_client.push(ServerFrame::Diff { channel: "lobby".into(), prev, seq: self.seq, transitions });
    }

    fn say_snapshot(&mut self, now: u64) {
        let mut members: Vec<_> = self
            .roster
            .iter()
            .map(|(user, attributes)| Member { user: user.clone(), attributes: attributes.clone() })
            .collect();
        let rest = members.split_off(members.len() / 2);
        for (members, more) in [(members, true), (rest, false)] {
            self.to_client.push(ServerFrame::Snapshot(Snapshot {
                channel: "lobby".into(),
                epoch: Epoch(self.epoch),
                seq: self.seq,
                mode: Mode::Full,
                settles_in_ms: self.settles_at.saturating_sub(now),
                members,
                more,
            }));
        }
    }

    /// A frame of the client's.
    pub(crate) fn hear(&mut self, now: u64, frame: ClientFrame) {
        let quarrelsome = self.moody && self.dice.one_in(10);
        match frame {
            ClientFrame::Hello(hello) => {
                let wanted = hello.joined.iter().any(|channel| channel == "lobby");
                self.ends = None;
                let fresh = wanted && !self.holds;
                if fresh {
                    self.holds = true;
                    self.push(Transition::Join { user: "me".into() });
                } else if !wanted {
                    self.end_membership(Transition::Leave { user: "me".into() });
                }
                let joined = hello.joined.into_iter().map(|channel| Granted { channel, fresh }).collect();
                self.to_client.push(ServerFrame::Welcome(Welcome {
                    user: "me".into(),
                    node: "model".into(),
                    expires_in_ms: None,
                    ping_interval_ms: 10_000,
                    grace_ms: GRACE_MS,
                    limits: Limits::default(),
                    joined,
                    refused: Vec::new(),
                }));
            }
            ClientFrame::Bye {} => {
                if self.holds {
                    self.ends = Some((now + LINGER_MS, true));
                }
            }
            ClientFrame::Join { .. } | ClientFrame::Set { .. } | ClientFrame::Observe { .. }
                if quarrelsome =>
            {
                let code = if self.dice.one_in(2) { Code::RateLimited } else { Code::Unavailable };
                let message = "not now".into();
                self.to_client.push(ServerFrame::Error {
                    id: id(&frame),
                    code,
                    message,
                    retry_in_ms: Some(200),
                });
            }
            ClientFrame::Join { id, .. } => {
                let fresh = !self.holds;
                if fresh {
                    self.holds = true;
                    self.push(Transition::Join { user: "me".into() });
                }
                self.to_client.push(ServerFrame::Ok { id, fresh: Some(fresh), expires_in_ms: None });
            }
            ClientFrame::Leave { id, .. } => {
                self.end_membership(Transition::Leave { user: "me".into() });
                self.say_ok(id);
            }
            ClientFrame::Set { id, attributes, .. } => {
                if self.holds {
                    self.push(Transition::Set { user: "me".into(), attributes });
                    self.say_ok(id);
                } else {
                    let message = "not joined".into();
                    let code = Code::NotJoined;
                    self.to_client.push(ServerFrame::Error { id, code, message, retry_in_ms: None });
                }
            }
            ClientFrame::Observe { id, from, .. } => {
                self.flush(now);
                self.answer(now, from);
                self.observer.seq = Some(self.seq);
                self.say_ok(id);
            }
            ClientFrame::Unobserve { id, channel } => {
                if channel == "lobby" {
                    self.observer.seq = None;
                }
                self.say_ok(id);
            }
            ClientFrame::Token { id, .. } => self.say_ok(id),
        }
    }

    fn answer(&mut self, now: u64, from: Option<Position>) {
        let known = from.filter(|from| {
            from.epoch == Epoch(self.epoch) && (self.log_start..=self.seq).contains(&from.seq)
        });
        match known {
            Some(from) => {
                let transitions = self.since(from.seq);
                self.say_diff(from.seq, transitions);
            }
            None => self.say_snapshot(now),
        }
    }

    fn say_ok(&mut self, id: u32) {
        self.to_client.push(ServerFrame::Ok { id, fresh: None, expires_in_ms: None });
    }
}
