//! From wishes to frames: what is wanted, compared with what the server has confirmed.

use herenow_protocol::{Attributes, ClientFrame, MAX_MESSAGE_BYTES};

use crate::session::{Phase, Session};
use crate::slot::Known;
use crate::timers::Timer;
use crate::{Millis, SocketId, State};

/// Milliseconds without a wish before the connection is closed.
const IDLE_MS: u64 = 5_000;
/// What a message's frames take by our estimate, at most; the other half is for what the estimate is short by.
const MESSAGE_BYTES: usize = MAX_MESSAGE_BYTES / 2;

impl Session {
    pub(crate) fn flush(&mut self, now: Millis) {
        if self.ended.is_some() {
            return;
        }
        for channel in &mut self.channels.0 {
            channel.settle(&mut self.outbox);
        }
        self.channels.0.retain(|channel| !channel.is_spent());
        if self.hidden {
            return;
        }
        let busy = self.is_busy();
        match self.phase {
            Phase::Idle if busy => self.begin(now),
            Phase::Idle => self.outbox.state(&mut self.state, State::Idle, None, None),
            Phase::Open(socket) => self.make_frames(now, socket),
            Phase::Token | Phase::Opening(_) | Phase::Greeting(_) | Phase::Waiting => {}
        }
        if busy || self.phase == Phase::Idle {
            self.timers.stop(Timer::Idle);
        } else {
            let at = now.after(self.patience_ms());
            if self.timers.get(Timer::Idle).is_none_or(|planned| planned > at) {
                self.timers.set(Timer::Idle, at);
            }
        }
    }

    /// Milliseconds without a wish before everything is forgotten: not before the server has either said that an
    /// unwanted membership is over, or has ended it itself.
    fn patience_ms(&self) -> u64 {
        if self.channels.0.iter().any(|channel| channel.may_linger()) && !broken!(ForgetsUnclear) {
            self.ping_interval_ms.saturating_mul(2).saturating_add(self.grace_ms).saturating_add(IDLE_MS)
        } else {
            IDLE_MS
        }
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.channels.0.iter().any(|channel| channel.is_busy())
    }

    fn make_frames(&mut self, now: Millis, socket: SocketId) {
        for channel in &mut self.channels.0 {
            channel.end_waits(now);
        }
        let mut message = Message { socket, frames: Vec::new(), bytes: 0 };
        self.end_what_is_not_wanted(&mut message);
        self.begin_what_is_wanted(now, &mut message);
        message.send(self);
    }

    /// Leaves and unobserves: first, since they make room, and never held back.
    fn end_what_is_not_wanted(&mut self, message: &mut Message) {
        for at in 0..self.channels.0.len() {
            let channel = &mut self.channels.0[at];
            let name = channel.name.clone();
            let leave = channel.membership.next() == Some(false);
            let unobserve = channel.observation.next() == Some(false);
            if leave {
                let id = self.frame_id();
                self.channels.0[at].membership.in_flight = Some((id, false));
                message.push(self, ClientFrame::Leave { id, channel: String::from(&*name) });
                self.pace.spend(1);
            }
            if unobserve {
                let id = self.frame_id();
                self.channels.0[at].observation.in_flight = Some((id, false));
                message.push(self, ClientFrame::Unobserve { id, channel: String::from(&*name) });
                self.pace.spend(1);
            }
        }
    }

    /// Joins, sets and observes, as far as the pace allows. Where it ends it goes on next time.
    fn begin_what_is_wanted(&mut self, now: Millis, message: &mut Message) {
        self.timers.stop(Timer::Pace);
        let count = self.channels.0.len();
        for step in 0..count {
            let at = (self.turn + step) % count;
            if !self.serve(now, at, message) {
                self.turn = at;
                self.timers.set(Timer::Pace, self.pace.ready_at());
                return;
            }
        }
    }

    /// One channel's frames; `false` when the pace holds one back.
    fn serve(&mut self, now: Millis, at: usize, message: &mut Message) -> bool {
        let channel = &mut self.channels.0[at];
        if channel.membership.next() == Some(true) {
            if !self.pace.take(now) {
                return false;
            }
            let id = self.frame_id();
            let channel = &mut self.channels.0[at];
            channel.membership.in_flight = Some((id, true));
            let frame = ClientFrame::Join { id, channel: String::from(&*channel.name) };
            message.push(self, frame);
        }
        let channel = &mut self.channels.0[at];
        let membership = &channel.membership;
        // A set may follow its join in the same message.
        let joined = membership.is_flying(true)
            || (membership.server == Known::Present && membership.in_flight.is_none());
        if joined && membership.want && channel.setting.may_send() {
            if !self.pace.take(now) {
                return false;
            }
            let id = self.frame_id();
            let channel = &mut self.channels.0[at];
            if let Some(draft) = channel.setting.draft.take() {
                let attributes = draft.attributes.clone();
                channel.setting.in_flight = Some((id, draft));
                let frame = ClientFrame::Set { id, channel: String::from(&*channel.name), attributes };
                message.push(self, frame);
            }
        }
        let channel = &mut self.channels.0[at];
        let again = channel.resync && channel.is_followed() && channel.observation.in_flight.is_none();
        let observe = channel.observation.next() == Some(true);
        if observe || (again && channel.observation.retry_at.is_none()) {
            if !self.pace.take(now) {
                return false;
            }
            let id = self.frame_id();
            let channel = &mut self.channels.0[at];
            channel.observation.in_flight = Some((id, true));
            channel.resync = false;
            channel.void = false;
            let from = channel.asks(now);
            let frame = ClientFrame::Observe { id, channel: String::from(&*channel.name), from };
            message.push(self, frame);
        }
        true
    }
}

/// A message in the making.
struct Message {
    socket: SocketId,
    frames: Vec<ClientFrame>,
    bytes: usize,
}

impl Message {
    /// Adds a frame; what would become too large is sent before.
    fn push(&mut self, session: &mut Session, frame: ClientFrame) {
        let bytes = estimate(&frame);
        if self.bytes + bytes > MESSAGE_BYTES {
            self.send(session);
        }
        self.bytes += bytes;
        self.frames.push(frame);
    }

    fn send(&mut self, session: &mut Session) {
        self.bytes = 0;
        let frames = core::mem::take(&mut self.frames);
        if !frames.is_empty() {
            session.outbox.send(self.socket, frames);
        }
    }
}

/// About the bytes of a frame that names a channel.
fn estimate(frame: &ClientFrame) -> usize {
    const NAMES_AND_NUMBERS: usize = 64;
    const NO_ATTRIBUTES: &Attributes = &Attributes::new();
    let (channel, attributes) = match frame {
        ClientFrame::Set { channel, attributes, .. } => (channel.len(), attributes),
        ClientFrame::Join { channel, .. }
        | ClientFrame::Leave { channel, .. }
        | ClientFrame::Observe { channel, .. }
        | ClientFrame::Unobserve { channel, .. } => (channel.len(), NO_ATTRIBUTES),
        ClientFrame::Hello(_) | ClientFrame::Token { .. } | ClientFrame::Bye {} => (0, NO_ATTRIBUTES),
    };
    NAMES_AND_NUMBERS + channel + attributes.byte_len() + 8 * attributes.len()
}
