//! A node: one registry, with what the server around it does with sockets.

use std::collections::VecDeque;

use herenow_protocol::codec::{Decoded, postcard};
use herenow_protocol::{ClientFrame, CloseCode, Code, HELLO_TIMEOUT_MS, Hello, Refusal};
use herenow_registry::store::{Answer, Request};
use herenow_registry::{Access, Identity, Millis, Registry};

use crate::dice::luck;
use crate::failure::Invariant;
use crate::net::{Down, LinkId, Peer, Up};
use crate::shared::PARTITIONS;
use crate::turns::{Message, next_message};
use crate::world::{Event, World, config};

/// What the sockets ask of the registry.
#[derive(Debug)]
pub(crate) enum Command {
    Hello { link: LinkId, hello: Box<Hello>, identity: Identity },
    Frames { link: LinkId, frames: Vec<Decoded<ClientFrame>> },
    Token { link: LinkId, id: u32, outcome: Result<Identity, Refusal> },
    Heard { link: LinkId },
    Gone { link: LinkId },
    Shutdown { over_ms: u64 },
    CloseAll,
    Stored(Box<Answer>),
    StoreFailed(Box<Request>),
}

/// A server.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) registry: Option<Registry>,
    /// Counts its lives.
    pub(crate) life: u32,
    /// Since when it stands still.
    pub(crate) paused_since: Option<u64>,
    pub(crate) draining: bool,
    /// What arrived while it stood still.
    backlog: VecDeque<(LinkId, Up)>,
    pub(crate) inbox: VecDeque<Command>,
    pub(crate) written: Vec<(LinkId, usize)>,
    pub(crate) turn_at_ms: Option<u64>,
}

impl Node {
    pub(crate) const fn new() -> Self {
        Self {
            registry: None,
            life: 0,
            paused_since: None,
            draining: false,
            backlog: VecDeque::new(),
            inbox: VecDeque::new(),
            written: Vec::new(),
            turn_at_ms: None,
        }
    }

    /// Something has arrived that is not handled yet, or it stands still.
    pub(crate) fn is_busy(&self) -> bool {
        self.registry.is_none()
            || self.paused_since.is_some()
            || !self.inbox.is_empty()
            || !self.backlog.is_empty()
    }
}

impl World {
    pub(crate) fn start_node(&mut self, node: usize) {
        if self.nodes[node].registry.is_some() {
            return;
        }
        let seed = luck([self.seed, 11, self.starts]).next();
        self.starts += 1;
        let now = self.now;
        let registry = if self.shared.is_some() {
            Registry::sharing(config(self.seed), PARTITIONS, seed, Millis(now))
        } else {
            self.epochs += 1;
            self.ledger.start(now);
            Registry::new(config(self.seed), seed, Millis(now))
        };
        let known = &mut self.nodes[node];
        let life = known.life + 1;
        *known = Node { registry: Some(registry), life, ..Node::new() };
        self.log(|| format!("node {node} starts, life {life}"));
        self.want_turn(node, now);
    }

    /// The process is gone. `loudly`: the machine says so to the other ends.
    pub(crate) fn kill_node(&mut self, node: usize, loudly: bool) {
        if self.nodes[node].registry.take().is_none() {
            return;
        }
        self.log(|| format!("node {node} is gone"));
        let life = self.nodes[node].life;
        self.nodes[node] = Node { life, ..Node::new() };
        match &mut self.shared {
            Some(shared) => shared.facts.trouble(node, self.now),
            None => self.ledger.lose_all(self.now),
        }
        for id in self.links_to(node) {
            let at = self.now + luck([self.seed, 12, id]).below(40);
            let Some(link) = self.links.get_mut(&id) else { continue };
            if link.peer == Peer::Closed {
                continue;
            }
            let (_, kept) = link.kept(self.now);
            link.peer = Peer::Closed;
            link.waiting.clear();
            link.up.cut(0, None);
            link.down.cut(kept, loudly.then_some((at, Down::Reset)));
            self.plan(at, Event::Down(id));
        }
    }

    pub(crate) fn pause_node(&mut self, node: usize, ms: u64) {
        let known = &mut self.nodes[node];
        if known.registry.is_none() || known.paused_since.is_some() {
            return;
        }
        known.paused_since = Some(self.now);
        match &mut self.shared {
            Some(shared) => shared.facts.trouble(node, self.now + ms),
            None => self.ledger.pause(self.now),
        }
        let life = known.life;
        self.plan(self.now + ms, Event::NodeWakes { node, life });
    }

    pub(crate) fn wake_node(&mut self, node: usize, life: u32) {
        if self.nodes[node].life != life {
            return;
        }
        let Some(since) = self.nodes[node].paused_since.take() else { return };
        self.log(|| format!("node {node} wakes"));
        match &mut self.shared {
            Some(shared) => shared.facts.trouble(node, self.now),
            None => self.ledger.wake(self.now, since),
        }
        // A task of the server may look at the clock before any looks at its socket.
        if luck([self.seed, 13, self.now]).one_in(2) {
            self.turn(node);
        }
        for (link, message) in std::mem::take(&mut self.nodes[node].backlog) {
            self.reached(link, message);
        }
        for id in self.links_to(node) {
            self.write(id);
        }
        self.turn(node);
    }

    pub(crate) fn shut_node_down(&mut self, node: usize, over_ms: u64, down_ms: u64) {
        let known = &mut self.nodes[node];
        if known.registry.is_none() || known.draining {
            return;
        }
        known.draining = true;
        let life = known.life;
        known.inbox.push_back(Command::Shutdown { over_ms });
        for id in self.links_to(node) {
            if self.links.get(&id).is_some_and(|link| link.peer == Peer::Accepted) {
                self.end_socket(id, CloseCode::Restart, "the server restarts");
            }
        }
        self.want_turn(node, self.now);
        self.plan(self.now + over_ms, Event::NodeExits { node, life, down_ms });
    }

    pub(crate) fn exit_node(&mut self, node: usize, life: u32, down_ms: u64) {
        if self.nodes[node].life != life || self.nodes[node].registry.is_none() {
            return;
        }
        if self.nodes[node].paused_since.is_some() {
            self.plan(self.now + 100, Event::NodeExits { node, life, down_ms });
            return;
        }
        self.nodes[node].inbox.push_back(Command::CloseAll);
        self.turn(node);
        self.kill_node(node, true);
        self.plan(self.now + down_ms, Event::NodeStarts { node });
    }

    pub(crate) fn links_to(&self, node: usize) -> Vec<LinkId> {
        self.links.values().filter(|link| link.node == node).map(|link| link.id).collect()
    }

    // ---- sockets

    /// A message has come to the machine of the node.
    pub(crate) fn arrive(&mut self, id: LinkId, message: Up) {
        let Some(link) = self.links.get(&id) else { return };
        let node = link.node;
        let known = &mut self.nodes[node];
        if known.registry.is_some() && known.paused_since.is_some() {
            known.backlog.push_back((id, message));
        } else {
            self.reached(id, message);
        }
    }

    /// A message has come to the process.
    fn reached(&mut self, id: LinkId, message: Up) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        let (node, slot) = (link.node, link.slot);
        let known = &mut self.nodes[node];
        match (link.peer, message) {
            (Peer::Unseen, Up::Ask) => {
                let air = &mut self.slots[slot].air;
                let refused = air.refuse_until_ms > now || std::mem::take(&mut air.reset_next);
                if refused {
                    air.trouble(now);
                }
                if refused || known.registry.is_none() || known.draining {
                    link.peer = Peer::Closed;
                    link.send_down(now, 0, Down::Reset);
                } else {
                    link.peer = Peer::Accepted;
                    link.node_life = known.life;
                    link.send_down(now, 0, Down::Accept);
                    self.plan(now + HELLO_TIMEOUT_MS, Event::HelloLate(id));
                }
                self.expect_down(id);
            }
            (Peer::Unseen, Up::Data(_) | Up::Pong | Up::Close(_) | Up::Reset) => link.peer = Peer::Closed,
            (Peer::Accepted, Up::Data(bytes)) => self.greet(id, &bytes),
            (Peer::Accepted, Up::Close(_)) => {
                link.peer = Peer::Closed;
                link.send_down(now, 0, Down::Close(1000, String::new()));
                self.expect_down(id);
            }
            (Peer::Accepted, Up::Reset) => link.peer = Peer::Closed,
            (Peer::Accepted | Peer::Greeted, Up::Ask) | (Peer::Accepted, Up::Pong) | (Peer::Closed, _) => {}
            (Peer::Greeted, Up::Data(bytes)) => self.hear(id, &bytes),
            (Peer::Greeted, Up::Pong) => {
                known.inbox.push_back(Command::Heard { link: id });
                self.want_turn(node, now);
            }
            (Peer::Greeted, Up::Close(code)) => {
                link.peer = Peer::Closed;
                link.waiting.clear();
                link.send_down(now, 0, Down::Close(code, String::new()));
                known.inbox.push_back(Command::Gone { link: id });
                self.want_turn(node, now);
                self.expect_down(id);
            }
            (Peer::Greeted, Up::Reset) => {
                link.peer = Peer::Closed;
                link.waiting.clear();
                known.inbox.push_back(Command::Gone { link: id });
                self.want_turn(node, now);
            }
        }
    }

    pub(crate) fn hello_late(&mut self, id: LinkId) {
        let Some(link) = self.links.get(&id) else { return };
        if link.peer == Peer::Accepted && self.nodes[link.node].life == link.node_life {
            if self.nodes[link.node].paused_since.is_some() {
                self.plan(self.now + 100, Event::HelloLate(id));
            } else {
                self.end_socket(id, CloseCode::Silent, "there was no hello in time");
            }
        }
    }

    /// Closes a socket of which the registry knows nothing, or no more.
    pub(crate) fn end_socket(&mut self, id: LinkId, code: CloseCode, reason: &str) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.peer == Peer::Closed {
            return;
        }
        link.peer = Peer::Closed;
        while let Some(message) = next_message(&mut link.waiting) {
            if let Message::Data(bytes, _) = message {
                link.in_flight += bytes.len();
                link.send_down(now, 0, Down::Data(bytes));
            }
        }
        link.send_down(now, 0, Down::Close(code.number(), reason.into()));
        self.log(|| format!("node closes link {id} with {code:?}, {reason}"));
        self.expect_down(id);
    }

    fn greet(&mut self, id: LinkId, bytes: &[u8]) {
        let mut frames = postcard::decode::<ClientFrame>(bytes).unwrap_or_default();
        if frames.is_empty() {
            self.fail(Invariant::States, "the first message is empty or not one".into());
            return;
        }
        let rest = frames.split_off(1);
        let Some(Decoded::Frame(ClientFrame::Hello(hello))) = frames.pop() else {
            self.fail(Invariant::States, "the first frame is not a hello".into());
            return;
        };
        match authenticate(&hello.client_id, hello.token.as_deref(), self.now) {
            Err(refusal) => self.end_socket(id, CloseCode::Unauthorized, refusal.code.as_str()),
            Ok(identity) => {
                let Some(link) = self.links.get_mut(&id) else { return };
                link.peer = Peer::Greeted;
                let node = link.node;
                self.nodes[node].inbox.push_back(Command::Hello {
                    link: id,
                    hello: Box::new(hello),
                    identity,
                });
                self.forward(id, rest);
            }
        }
    }

    fn hear(&mut self, id: LinkId, bytes: &[u8]) {
        match postcard::decode::<ClientFrame>(bytes) {
            Ok(frames) => self.forward(id, frames),
            Err(_) => self.fail(Invariant::States, "the SDK sends what is no message".into()),
        }
    }

    fn forward(&mut self, id: LinkId, frames: Vec<Decoded<ClientFrame>>) {
        let Some(link) = self.links.get(&id) else { return };
        let node = link.node;
        let mut chunk = Vec::new();
        let now = self.now;
        let inbox = &mut self.nodes[node].inbox;
        for frame in frames {
            match frame {
                Decoded::Frame(ClientFrame::Token { id: request, token }) => {
                    inbox.push_back(Command::Frames { link: id, frames: std::mem::take(&mut chunk) });
                    let outcome = authenticate("default", Some(&token), now);
                    inbox.push_back(Command::Token { link: id, id: request, outcome });
                }
                other => chunk.push(other),
            }
        }
        if !chunk.is_empty() {
            inbox.push_back(Command::Frames { link: id, frames: chunk });
        }
        // What arrives within a moment is handled together.
        let later = luck([self.seed, 14, self.now]).below(3);
        self.want_turn(node, self.now + later);
    }
}

/// A token names the user, and when it ends.
fn authenticate(application: &str, token: Option<&str>, now: u64) -> Result<Identity, Refusal> {
    const WRONG: Refusal = Refusal { code: Code::Unauthorized, message: "the token is wrong" };
    let (user, ends) = token.and_then(|token| token.split_once('|')).ok_or(WRONG)?;
    let ends_ms: u64 = ends.parse().map_err(|_| WRONG)?;
    if ends_ms <= now {
        return Err(Refusal { code: Code::TokenExpired, message: "the token has expired" });
    }
    let expires_at = (ends_ms < u64::MAX).then_some(Millis(ends_ms));
    let (application, user) = (application.into(), user.into());
    Ok(Identity { application, user, expires_at, access: Access::default(), key: None })
}
