//! The network: links that carry messages in order, late, in part, or not at all.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use herenow_session::SocketId;

use crate::dice::luck;

/// A link, also the registry's number of the connection.
pub(crate) type LinkId = u64;

/// From the browser to the server.
#[derive(Clone, Debug)]
pub(crate) enum Up {
    /// The handshake.
    Ask,
    Data(Vec<u8>),
    Pong,
    Close(u16),
    Reset,
}

/// From the server to the browser.
#[derive(Clone, Debug)]
pub(crate) enum Down {
    /// The handshake is answered.
    Accept,
    Data(Vec<u8>),
    Ping,
    Close(u16, String),
    Reset,
}

/// One direction of a link.
#[derive(Debug)]
pub(crate) struct Pipe<M> {
    /// With the time of arrival; nothing overtakes.
    pub(crate) queue: VecDeque<(u64, M)>,
    last_ms: u64,
    sent: u64,
    pub(crate) stalled_until_ms: u64,
    /// What is sent goes nowhere.
    pub(crate) dead: bool,
}

impl<M> Pipe<M> {
    fn new(stalled_until_ms: u64) -> Self {
        Self { queue: VecDeque::new(), last_ms: 0, sent: 0, stalled_until_ms, dead: false }
    }

    /// When the first message is due.
    pub(crate) fn due(&self) -> Option<u64> {
        self.queue.front().map(|(at, _)| (*at).max(self.stalled_until_ms))
    }

    fn push(&mut self, at_ms: u64, message: M) {
        if self.dead {
            return;
        }
        self.last_ms = self.last_ms.max(at_ms);
        self.queue.push_back((self.last_ms, message));
    }

    /// Breaks: of what is under way the first `keep` messages arrive, then `last`, if any.
    pub(crate) fn cut(&mut self, keep: usize, last: Option<(u64, M)>) {
        if self.dead {
            return;
        }
        self.queue.truncate(keep);
        if let Some((at, message)) = last {
            self.push(at, message);
        }
        self.dead = true;
    }
}

/// What the browser knows of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Browser {
    Opening,
    Open,
    Closed,
}

/// What the server knows of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// It has not seen the handshake.
    Unseen,
    /// It waits for hello.
    Accepted,
    /// The registry knows it.
    Greeted,
    Closed,
}

/// What waits on the server's side.
#[derive(Clone, Debug)]
pub(crate) enum Waiting {
    Frame(Bytes),
    Ping,
}

/// A WebSocket of a tab.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) slot: usize,
    /// Which tab of the slot.
    pub(crate) life: u32,
    pub(crate) socket: SocketId,
    pub(crate) node: usize,
    /// Which life of the node answered.
    pub(crate) node_life: u32,
    pub(crate) browser: Browser,
    pub(crate) peer: Peer,
    pub(crate) up: Pipe<Up>,
    pub(crate) down: Pipe<Down>,
    /// The server's outbox.
    pub(crate) waiting: VecDeque<Waiting>,
    /// Bytes between the server and the page.
    pub(crate) in_flight: usize,
    pub(crate) window: usize,
    seed: u64,
}

/// How a link begins.
pub(crate) struct Begin {
    pub(crate) id: LinkId,
    pub(crate) slot: usize,
    pub(crate) life: u32,
    pub(crate) socket: SocketId,
    pub(crate) node: usize,
    pub(crate) window: usize,
    pub(crate) seed: u64,
    pub(crate) stalled_until_ms: u64,
}

impl Link {
    pub(crate) fn new(begin: Begin) -> Self {
        let Begin { id, slot, life, socket, node, window, seed, stalled_until_ms } = begin;
        let seed = luck([seed, slot as u64, u64::from(life), u64::from(socket.0)]).next();
        Self {
            id,
            slot,
            life,
            socket,
            node,
            node_life: 0,
            browser: Browser::Opening,
            peer: Peer::Unseen,
            up: Pipe::new(stalled_until_ms),
            down: Pipe::new(stalled_until_ms),
            waiting: VecDeque::new(),
            in_flight: 0,
            window,
            seed,
        }
    }

    /// Sends up; `slow_ms`: how much slower than usual, at most.
    pub(crate) fn send_up(&mut self, now_ms: u64, slow_ms: u64, message: Up) {
        self.up.sent += 1;
        let delay = delay(self.seed ^ 1, self.up.sent, slow_ms);
        self.up.push(now_ms + delay, message);
    }

    pub(crate) fn send_down(&mut self, now_ms: u64, slow_ms: u64, message: Down) {
        self.down.sent += 1;
        let delay = delay(self.seed ^ 2, self.down.sent, slow_ms);
        self.down.push(now_ms + delay, message);
    }

    /// How many messages under way survive a cut.
    pub(crate) fn kept(&self, at_ms: u64) -> (usize, usize) {
        let mut dice = luck([self.seed, 3, at_ms]);
        let mut kept = |len: usize| match dice.below(3) {
            0 => len,
            1 => 0,
            _ => dice.index(len + 1),
        };
        (kept(self.up.queue.len()), kept(self.down.queue.len()))
    }

    /// Nothing is under way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.up.queue.is_empty() && self.down.queue.is_empty() && self.waiting.is_empty()
    }

    pub(crate) fn is_over(&self) -> bool {
        let peer_is_off = self.peer == Peer::Closed
            || (self.up.dead && self.up.queue.is_empty() && self.peer == Peer::Unseen);
        self.browser == Browser::Closed
            && peer_is_off
            && self.up.queue.is_empty()
            && self.down.queue.is_empty()
    }
}

fn delay(seed: u64, number: u64, slow_ms: u64) -> u64 {
    let mut dice = luck([seed, number]);
    let usual = match dice.below(40) {
        0 => dice.between(100, 600),
        1..=10 => dice.between(10, 80),
        _ => dice.between(1, 12),
    };
    usual + dice.below(slow_ms + 1)
}

/// Whether both ends of a link know each other.
pub(crate) fn is_up(links: &BTreeMap<LinkId, Link>, id: LinkId) -> bool {
    links.get(&id).is_some_and(|link| {
        link.browser == Browser::Open && link.peer == Peer::Greeted && !link.up.dead && !link.down.dead
    })
}
