//! A node's turns: what has arrived goes to the registry, what it says to the sockets and to the oracle.

use std::collections::VecDeque;

use herenow_protocol::codec::{Decoded, compact};
use herenow_protocol::{ClientFrame, CloseCode, Encoding, Hello, ServerFrame};
use herenow_registry::{ConnectionId, Millis, Output};

use crate::failure::Invariant;
use crate::net::{Down, LinkId, Peer, Waiting};
use crate::oracle::replay::{Answers, Input};
use crate::oracle::{channel_number, user_number};
use crate::plan::{CHANNELS, USERS};
use crate::server::Command;
use crate::world::{Event, World};

/// How long reports of written bytes are gathered, in milliseconds.
const WRITTEN_DELAY_MS: u64 = 5;
/// Frames are joined up to this many bytes.
const MAX_JOINED_BYTES: usize = 64 * 1024;

impl World {
    pub(crate) fn want_turn(&mut self, node: usize, at_ms: u64) {
        let known = &mut self.nodes[node];
        if known.turn_at_ms.is_none_or(|planned| planned > at_ms) {
            known.turn_at_ms = Some(at_ms);
            self.plan(at_ms, Event::Turn { node, at_ms });
        }
    }

    pub(crate) fn turn_is_due(&mut self, node: usize, at_ms: u64) {
        if self.nodes[node].turn_at_ms == Some(at_ms) {
            self.turn(node);
        }
    }

    /// Handles all that has arrived and all that is due, then sends what came of it.
    pub(crate) fn turn(&mut self, node: usize) {
        let now = Millis(self.now);
        let known = &mut self.nodes[node];
        known.turn_at_ms = None;
        if known.paused_since.is_some() {
            return;
        }
        let Some(registry) = &mut known.registry else { return };
        for (link, bytes) in known.written.drain(..) {
            registry.handle_written(now, ConnectionId(link), bytes);
        }
        let mut inputs = Vec::new();
        let mut ends = false;
        for command in std::mem::take(&mut known.inbox) {
            match command {
                Command::Hello { link, hello, identity } => {
                    if let Some(user) = user_number(&identity.user) {
                        inputs.push(greeting(link, user, &hello));
                    }
                    registry.handle_hello(now, ConnectionId(link), Encoding::Postcard, *hello, identity);
                }
                Command::Frames { link, frames } => {
                    inputs.push(Input::Heard { link });
                    inputs.extend(frames.iter().filter_map(|frame| asked(link, frame)));
                    registry.handle_frames(now, ConnectionId(link), frames);
                }
                Command::Token { link, id, outcome } => {
                    inputs.push(Input::Heard { link });
                    registry.handle_token(now, ConnectionId(link), id, outcome.map_err(Into::into));
                }
                Command::Heard { link } => {
                    inputs.push(Input::Heard { link });
                    registry.handle_heard(now, ConnectionId(link));
                }
                Command::Gone { link } => {
                    inputs.push(Input::Gone { link });
                    registry.handle_disconnect(now, ConnectionId(link));
                }
                Command::Shutdown { over_ms } => {
                    inputs.push(Input::Shutdown);
                    registry.handle_shutdown(now, over_ms);
                }
                Command::CloseAll => ends = true,
                Command::Stored(answer) => registry.handle_store(now, *answer),
                Command::StoreFailed(request) => registry.handle_store_failure(now, &request),
            }
        }
        if registry.poll_timeout().is_some_and(|at| at <= now) {
            registry.handle_timeout(now);
        }
        let mut outputs = Vec::new();
        while let Some(output) = registry.poll_output(now) {
            outputs.push(output);
        }
        let next = registry.poll_timeout();
        if let Some(at) = next {
            if at <= now {
                self.fail(
                    Invariant::Bounds,
                    format!("the registry wants to be woken at {}, which is now", at.0),
                );
            }
            self.want_turn(node, at.0);
        }
        // Before the store is asked for what follows from it.
        if let Some(shared) = &mut self.shared {
            shared.facts.note(self.now, node, &inputs);
        }
        let answers = self.carry_out(node, outputs);
        if let Some(shared) = &mut self.shared {
            shared.facts.note_refused(&answers.replies);
        } else {
            let outcome = self.ledger.turn(self.now, inputs, &answers);
            self.check(outcome);
            self.compare_listings(node);
        }
        if ends {
            for id in self.links_to(node) {
                if self.links.get(&id).is_some_and(|link| link.peer == Peer::Greeted) {
                    self.end_socket(id, CloseCode::Restart, "the server restarts");
                }
            }
        }
    }

    fn carry_out(&mut self, node: usize, outputs: Vec<Output>) -> Answers {
        let mut answers = Answers::default();
        let mut touched = Vec::new();
        for output in outputs {
            match output {
                Output::Send { connection, frame } => {
                    note(&mut answers, connection.0, &frame);
                    if let Some(link) = self.links.get_mut(&connection.0) {
                        link.waiting.push_back(Waiting::Frame(frame));
                        touched.push(connection.0);
                    }
                }
                Output::Ask(request) => self.ask_store(node, request),
                Output::Ping { connection } => {
                    if let Some(link) = self.links.get_mut(&connection.0) {
                        link.waiting.push_back(Waiting::Ping);
                        touched.push(connection.0);
                    }
                }
                Output::Close { connection, code, reason } => {
                    answers.closed.push((connection.0, code));
                    self.end_socket(connection.0, code, reason);
                }
            }
        }
        touched.dedup();
        for id in touched {
            self.write(id);
        }
        answers
    }

    /// Writes what the network takes.
    pub(crate) fn write(&mut self, id: LinkId) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        let node = link.node;
        if self.nodes[node].paused_since.is_some() || link.peer == Peer::Closed {
            return;
        }
        let slow_ms = self.slots[link.slot].air.slow_ms(now);
        let mut written = 0;
        while link.in_flight < link.window {
            match next_message(&mut link.waiting) {
                Some(Message::Ping) => link.send_down(now, slow_ms, Down::Ping),
                Some(Message::Data(bytes, of_frames)) => {
                    written += of_frames;
                    link.in_flight += bytes.len();
                    link.send_down(now, slow_ms, Down::Data(bytes));
                }
                None => break,
            }
        }
        if written > 0 {
            self.nodes[node].written.push((id, written));
            self.want_turn(node, now + WRITTEN_DELAY_MS);
        }
        self.expect_down(id);
    }

    /// Compares what the registry lists with what must be.
    fn compare_listings(&mut self, node: usize) {
        let Some(registry) = &self.nodes[node].registry else { return };
        let mut outcome = Ok(());
        for (channel, name) in CHANNELS.iter().enumerate() {
            let Some(page) = registry.users(Millis(self.now), "default", name, None, 100) else { return };
            for user in 0..USERS {
                let listed = page.users.iter().find(|member| user_number(&member.user) == Some(user));
                let compared =
                    self.ledger.compare(self.now, user, channel, listed.map(|member| &member.attributes));
                outcome = outcome.and(compared);
            }
        }
        self.check(outcome);
    }
}

pub(crate) enum Message {
    Ping,
    Data(Vec<u8>, usize),
}

pub(crate) fn next_message(waiting: &mut VecDeque<Waiting>) -> Option<Message> {
    let mut message = Vec::new();
    loop {
        match waiting.front() {
            Some(Waiting::Ping) if message.is_empty() => {
                waiting.pop_front();
                return Some(Message::Ping);
            }
            Some(Waiting::Frame(frame))
                if message.is_empty() || message.len() + frame.len() <= MAX_JOINED_BYTES =>
            {
                message.extend_from_slice(frame);
                waiting.pop_front();
            }
            Some(Waiting::Ping | Waiting::Frame(_)) | None => break,
        }
    }
    let bytes = message.len();
    (bytes > 0).then_some(Message::Data(message, bytes))
}

fn greeting(link: LinkId, user: usize, hello: &Hello) -> Input {
    let joined = std::array::from_fn(|channel| hello.joined.iter().any(|name| name == CHANNELS[channel]));
    Input::Hello { link, user, secret: hello.session.0, attempt: hello.attempt, joined }
}

fn asked(link: LinkId, frame: &Decoded<ClientFrame>) -> Option<Input> {
    let Decoded::Frame(frame) = frame else { return None };
    Some(match frame {
        ClientFrame::Join { id, channel } => Input::Join { link, id: *id, channel: channel_number(channel)? },
        ClientFrame::Leave { id, channel } => {
            Input::Leave { link, id: *id, channel: channel_number(channel)? }
        }
        ClientFrame::Set { id, channel, attributes } => {
            Input::Set { link, id: *id, channel: channel_number(channel)?, attributes: attributes.clone() }
        }
        ClientFrame::Bye {} => Input::Bye { link },
        ClientFrame::Hello(_)
        | ClientFrame::Observe { .. }
        | ClientFrame::Unobserve { .. }
        | ClientFrame::Token { .. } => return None,
    })
}

/// Notes what an encoded frame answers.
fn note(answers: &mut Answers, link: LinkId, frame: &[u8]) {
    for frame in compact::decode(frame).unwrap_or_default() {
        match frame {
            ServerFrame::Welcome(welcome) => {
                let fresh = std::array::from_fn(|channel| {
                    welcome
                        .joined
                        .iter()
                        .find(|known| known.channel == CHANNELS[channel])
                        .map(|known| known.fresh)
                });
                answers.welcomes.insert(link, fresh);
            }
            ServerFrame::Ok { id, fresh, .. } => {
                answers.replies.insert((link, id), Ok(fresh));
            }
            ServerFrame::Error { id, code, .. } => {
                answers.replies.insert((link, id), Err(code));
            }
            ServerFrame::Snapshot(_)
            | ServerFrame::Diff { .. }
            | ServerFrame::Tick {}
            | ServerFrame::GoingAway { .. }
            | ServerFrame::Membership(_)
            | ServerFrame::Left(_)
            | ServerFrame::Occupancy(_) => {}
        }
    }
}
