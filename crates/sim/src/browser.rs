//! What the browser does for a tab: sockets, tokens, and tasks that wait for JavaScript to run.

use herenow_protocol::codec::compact;
use herenow_protocol::{ClientFrame, Code, MAX_MESSAGE_BYTES, Mode, ServerFrame};
use herenow_session::{Millis, Problem, SocketEvent, SocketId};

use crate::client::{Answer, Page, Task};
use crate::dice::luck;
use crate::failure::Invariant;
use crate::net::{Begin, Browser, Down, Link, LinkId, Up};
use crate::oracle::channel_number;
use crate::plan::{CHANNELS, Way};
use crate::world::{Event, World};

impl World {
    pub(crate) fn ask_token(&mut self, slot: usize, renew: bool) {
        let now = self.now;
        let place = &self.slots[slot];
        let Some(tab) = place.tab.as_ref() else { return };
        let (life, user) = (tab.life, place.user);
        let mut dice = luck([self.seed, 23, slot as u64, u64::from(life), now]);
        let ends_ms = match user {
            1 | 2 => now + dice.between(15_000, 90_000),
            3 => now + dice.between(11_000, 20_000),
            _ => u64::MAX,
        };
        let usual = dice.between(1, 120);
        let trouble = place.air.token_trouble_until_ms > now;
        let air = &mut self.slots[slot].air;
        let old = air.old_tokens;
        air.old_tokens = old.saturating_sub(1);
        if old == 1 {
            air.refuse_until_ms = air.refuse_until_ms.max(now + 14_000);
        }
        if old > 0 {
            air.trouble(now + 14_000);
        }
        let (wait_ms, answer) = match dice.below(10) {
            _ if old == 2 => (usual, Answer::Token(now.saturating_sub(1))),
            _ if old == 1 => (usual, Answer::Token(now + 9_000)),
            0..=4 if trouble => (usual, Answer::Fails),
            5 | 6 if trouble => (dice.between(2_000, 20_000), Answer::Token(ends_ms)),
            7 if trouble => (usual, Answer::Token(now + dice.between(1_000, 12_000))),
            8 | 9 if trouble => (usual, Answer::Token(now.saturating_sub(1))),
            _ => (usual, Answer::Token(ends_ms)),
        };
        self.log(|| format!("tab {slot}.{life} asks for a token (renew {renew}): {answer:?} in {wait_ms}"));
        self.plan(now + wait_ms, Event::Token { slot, life, answer });
    }

    pub(crate) fn token_answered(&mut self, slot: usize, life: u32, answer: Answer) {
        if self.slots[slot].tab.as_ref().is_some_and(|tab| tab.life == life) {
            self.post(slot, Task::Token(answer));
        }
    }

    pub(crate) fn connect(&mut self, slot: usize, socket: SocketId) {
        let now = self.now;
        self.last_link += 1;
        let id = self.last_link;
        let node = self.node_for(slot);
        let place = &mut self.slots[slot];
        let Some(tab) = place.tab.as_mut() else { return };
        let life = tab.life;
        tab.link = Some(id);
        tab.socket = Some(socket);
        let begin = Begin {
            id,
            slot,
            life,
            socket,
            node,
            window: place.air.window(),
            seed: self.seed,
            stalled_until_ms: place.air.hole_until_ms,
        };
        let mut link = Link::new(begin);
        link.send_up(now, place.air.slow_ms(now), Up::Ask);
        self.links.insert(id, link);
        self.log(|| format!("tab {slot}.{life} opens socket {}, link {id}", socket.0));
        self.expect_up(id);
    }

    /// Where a new socket leads: mostly where the last one did, as far as a balancer knows that somebody is there.
    fn node_for(&mut self, slot: usize) -> usize {
        let mut dice = luck([self.seed, 26, slot as u64, self.last_link]);
        let count = self.nodes.len();
        let mut node = if dice.one_in(4) { dice.index(count) } else { self.slots[slot].node % count };
        for _ in 1..count {
            let known = &self.nodes[node];
            if (known.registry.is_none() || known.draining) && !dice.one_in(8) {
                node = (node + 1) % count;
            }
        }
        self.slots[slot].node = node;
        node
    }

    /// The link of a socket.
    fn link_of(&mut self, slot: usize, socket: SocketId) -> Option<&mut Link> {
        let tab = self.slots[slot].tab.as_ref()?;
        let life = tab.life;
        let id = tab.link?;
        self.links.get_mut(&id).filter(|link| link.socket == socket && link.life == life)
    }

    pub(crate) fn send(&mut self, slot: usize, socket: SocketId, frames: &[ClientFrame]) {
        let mut message = Vec::new();
        for frame in frames {
            compact::append(frame, &mut message);
        }
        if message.len() > MAX_MESSAGE_BYTES || frames.is_empty() {
            self.fail(Invariant::Bounds, format!("a message of {} bytes", message.len()));
        }
        self.compare_wishes(slot, frames);
        if let Some(tab) = self.slots[slot].tab.as_mut() {
            tab.said_ms = self.now;
        }
        let mut late = None;
        if let Some(ClientFrame::Hello(hello)) = frames.first() {
            late = self.slots[slot].air.late_hello.take();
            if let Some((_, ms)) = late {
                self.slots[slot].air.trouble(self.now + ms);
            }
            if let Some(tab) = self.slots[slot].tab.as_mut() {
                tab.secret = hello.session.0;
            }
        }
        let now = self.now;
        let slow_ms = self.slots[slot].air.slow_ms(now);
        let Some(link) = self.link_of(slot, socket) else {
            // The browser may know of a close that the page has not heard of yet.
            if self.slots[slot].tab.as_ref().is_some_and(|tab| tab.socket != Some(socket)) {
                self.fail(Invariant::States, "a session sends on a socket that is none".into());
            }
            return;
        };
        let id = link.id;
        if link.browser == Browser::Opening {
            self.fail(Invariant::States, "a session sends on a socket that is not open".into());
            return;
        }
        if link.browser == Browser::Open {
            link.send_up(now, slow_ms, Up::Data(message));
        }
        match late {
            Some((Way::Up, ms)) => {
                link.up.stalled_until_ms = link.up.stalled_until_ms.max(now + ms);
                link.down.cut(0, Some((now + 20, Down::Reset)));
            }
            Some((Way::Down | Way::Both, ms)) => {
                link.down.stalled_until_ms = link.down.stalled_until_ms.max(now + ms);
            }
            None => {}
        }
        self.log(|| format!("tab {slot} sends on link {id}: {frames:?}"));
        self.expect_up(id);
        self.expect_down(id);
    }

    /// What the SDK asks for is what the app wants at this time.
    fn compare_wishes(&mut self, slot: usize, frames: &[ClientFrame]) {
        let Some(tab) = self.slots[slot].tab.as_ref() else { return };
        let wants = |name: &str| channel_number(name).is_some_and(|channel| tab.joining[channel].want);
        let mut wrong = None;
        for frame in frames {
            match frame {
                ClientFrame::Hello(hello) => {
                    for name in CHANNELS {
                        match (wants(name), hello.joined.iter().any(|named| named == name)) {
                            (true, false) => wrong = Some((Invariant::Grace, format!("hello leaves {name}"))),
                            (false, true) => {
                                wrong = Some((Invariant::NoGhosts, format!("hello joins {name}")))
                            }
                            (true, true) | (false, false) => {}
                        }
                    }
                }
                ClientFrame::Join { channel, .. } | ClientFrame::Set { channel, .. } if !wants(channel) => {
                    wrong = Some((Invariant::NoGhosts, format!("a join or set in {channel}")));
                }
                ClientFrame::Leave { channel, .. } if wants(channel) => {
                    wrong = Some((Invariant::Member, format!("a leave of {channel}")));
                }
                ClientFrame::Join { .. }
                | ClientFrame::Set { .. }
                | ClientFrame::Leave { .. }
                | ClientFrame::Observe { .. }
                | ClientFrame::Unobserve { .. }
                | ClientFrame::Token { .. }
                | ClientFrame::Bye {} => {}
            }
        }
        if let Some((invariant, what)) = wrong {
            self.fail(invariant, format!("tab {slot} says what its app does not want: {what}"));
        }
    }

    pub(crate) fn close_socket(&mut self, slot: usize, socket: SocketId, code: u16) {
        if let Some(tab) = self.slots[slot].tab.as_mut().filter(|tab| tab.socket == Some(socket)) {
            tab.socket = None;
        }
        let now = self.now;
        let slow_ms = self.slots[slot].air.slow_ms(now);
        let Some(link) = self.link_of(slot, socket) else { return };
        let id = link.id;
        match link.browser {
            Browser::Opening => link.send_up(now, slow_ms, Up::Reset),
            Browser::Open => link.send_up(now, slow_ms, Up::Close(code)),
            Browser::Closed => {}
        }
        link.browser = Browser::Closed;
        self.expect_up(id);
    }

    /// A message of the server has come to the browser.
    pub(crate) fn deliver(&mut self, id: LinkId, message: Down) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        let (slot, life, socket) = (link.slot, link.life, link.socket);
        let slow_ms = self.slots[slot].air.slow_ms(now);
        let is_here = self.slots[slot].tab.as_ref().is_some_and(|tab| tab.life == life);
        let task = match message {
            Down::Accept if link.browser == Browser::Opening => {
                link.browser = Browser::Open;
                Task::Opened(socket)
            }
            Down::Accept => return,
            Down::Ping => {
                if link.browser == Browser::Open {
                    link.send_up(now, slow_ms, Up::Pong);
                    self.expect_up(id);
                }
                return;
            }
            Down::Data(bytes) => {
                link.in_flight = link.in_flight.saturating_sub(bytes.len());
                self.write(id);
                Task::Data(socket, bytes)
            }
            Down::Close(code, reason) => {
                if link.browser == Browser::Open {
                    link.send_up(now, slow_ms, Up::Close(code));
                    self.expect_up(id);
                }
                if let Some(link) = self.links.get_mut(&id) {
                    link.browser = Browser::Closed;
                }
                Task::Closed(socket, code, reason)
            }
            Down::Reset => {
                link.browser = Browser::Closed;
                Task::Closed(socket, 1006, String::new())
            }
        };
        if is_here {
            self.post(slot, task);
        }
    }

    /// Something for JavaScript: now, or when it runs again.
    fn post(&mut self, slot: usize, task: Task) {
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        if tab.page == Page::Running {
            self.handle(slot, task);
        } else {
            tab.tasks.push_back(task);
        }
    }

    pub(crate) fn handle(&mut self, slot: usize, task: Task) {
        let now = Millis(self.now);
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        match task {
            Task::Opened(socket) => tab.session.handle_socket(now, socket, SocketEvent::Opened),
            Task::Closed(socket, code, reason) => {
                tab.session.handle_socket(now, socket, SocketEvent::Closed { code, reason });
            }
            Task::Token(answer) => {
                tab.token_asked = false;
                let user = tab.user;
                let answer = match answer {
                    Answer::Token(ends_ms) => Ok(format!("u{user}|{ends_ms}")),
                    Answer::Fails => Err(Problem::new(Code::Unavailable, "the token source fails")),
                };
                tab.session.handle_token(now, answer);
            }
            Task::Data(socket, bytes) => {
                let Ok(frames) = compact::decode(&bytes) else {
                    self.fail(Invariant::States, "the server sends what is no message".into());
                    return;
                };
                for frame in frames {
                    self.hear_frame(slot, socket, frame);
                }
            }
        }
        self.drain(slot);
    }

    fn hear_frame(&mut self, slot: usize, socket: SocketId, frame: ServerFrame) {
        let now = self.now;
        if self.trace.is_some() {
            self.log(|| format!("tab {slot} hears on socket {}: {frame:?}", socket.0));
        }
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        if let ServerFrame::Snapshot(snapshot) = &frame
            && tab.socket == Some(socket)
            && let Some(channel) = channel_number(&snapshot.channel)
        {
            if snapshot.mode != Mode::Full {
                tab.greeted_ms[channel] = Some(now);
            }
            tab.holds_until_ms[channel] =
                if snapshot.settles_in_ms > 0 { now + snapshot.settles_in_ms } else { 0 };
        }
        if tab.socket == Some(socket) {
            tab.heard_ms = now;
        }
        tab.session.handle_frame(Millis(now), socket, frame);
        self.begin_streams(slot);
    }
}
