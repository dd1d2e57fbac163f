//! The frames of a greeted socket.

use herenow_protocol::{
    Attributes, ClientFrame, CloseCode, Code, Decoded, FrameId, Position, Refusal, ServerFrame,
    validate_channel,
};

use super::Registry;
use super::changing::UNREACHED_RETRY_MS;
use super::connection::Stage;
use super::greeting::Early;
use crate::access::Capability;
use crate::changes::{IsFirst, Waiter};
use crate::sessions::SessionId;
use crate::store::Op;
use crate::{ConnectionId, Millis, trace};

/// A client that asks to observe one channel too often at once may try again after this.
const OBSERVE_RETRY_MS: u64 = 1_000;

const UNSUPPORTED: Refusal =
    Refusal { code: Code::Unsupported, message: "the server does not know this frame" };
const MALFORMED: Refusal =
    Refusal { code: Code::InvalidArgument, message: "a field of the frame is missing or of a wrong type" };

impl Registry {
    pub(super) fn frames(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        frames: Vec<Decoded<ClientFrame>>,
    ) {
        for frame in frames {
            match self.stage(connection) {
                Some(Stage::Greeted(_)) if self.is_greeting(connection) => {
                    self.keep_early(now, connection, Early::Frame(frame));
                }
                Some(Stage::Greeted(session)) => {
                    let _span = trace::frame(connection, session, &frame);
                    self.frame(now, connection, session, frame);
                    self.settle(now);
                }
                Some(Stage::Parted) | None => return,
            }
        }
    }

    fn frame(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        session: SessionId,
        frame: Decoded<ClientFrame>,
    ) {
        let frame = match frame {
            Decoded::Frame(frame) => frame,
            Decoded::Unknown { id } => {
                if let Some(id) = self.admit(now, connection, session, id) {
                    self.refuse(connection, id, UNSUPPORTED);
                }
                return;
            }
            Decoded::Malformed { id: None } => {
                self.close(now, connection, CloseCode::Protocol, "a frame is malformed");
                return;
            }
            Decoded::Malformed { id } => {
                if let Some(id) = self.admit(now, connection, session, id) {
                    self.refuse(connection, id, MALFORMED);
                }
                return;
            }
        };
        match frame {
            ClientFrame::Hello(_) => self.close(now, connection, CloseCode::Protocol, "a second hello"),
            // The driver verifies it and calls `handle_token`, which counts it.
            ClientFrame::Token { .. } => {}
            ClientFrame::Join { id, channel } => {
                if self.admit(now, connection, session, Some(id)).is_some() {
                    match self.join(now, session, &channel) {
                        Ok((op, is_first)) => {
                            self.submit_asked(session, op, Waiter::Join(connection, id, is_first));
                        }
                        Err(refusal) => self.refuse(connection, id, refusal),
                    }
                }
            }
            ClientFrame::Set { id, channel, attributes } => {
                if self.admit(now, connection, session, Some(id)).is_some() {
                    self.set(now, connection, session, id, &channel, attributes);
                }
            }
            ClientFrame::Observe { id, channel, from } => {
                if self.admit(now, connection, session, Some(id)).is_some() {
                    self.observe(now, connection, session, id, &channel, from);
                }
            }
            // Counted, but never refused: they make less work than keeping what they end.
            ClientFrame::Leave { id, channel } => {
                let _ = self.sessions.spend(now, session);
                match self.sessions.leave(session, &channel) {
                    Ok(op) => self.submit_asked(session, op, Waiter::Leave(connection, id)),
                    Err(refusal) => self.refuse(connection, id, refusal),
                }
            }
            ClientFrame::Unobserve { id, channel } => {
                let _ = self.sessions.spend(now, session);
                self.unobserve(now, connection, session, id, &channel);
            }
            ClientFrame::Bye {} => self.part(now, connection, session),
        }
    }

    /// Takes a frame from the session's rate. `None`, and an answer where there is an id, if it has none left.
    fn admit(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        session: SessionId,
        id: Option<FrameId>,
    ) -> Option<FrameId> {
        match (self.sessions.spend(now, session), id) {
            (Ok(()), id) => id,
            (Err(_), None) => None,
            (Err(retry_in_ms), Some(id)) => {
                self.refuse_rate(connection, id, retry_in_ms);
                None
            }
        }
    }

    fn join(&mut self, now: Millis, session: SessionId, name: &str) -> Result<(Op, IsFirst), Refusal> {
        let user = self.sessions.user_who_may(session, Capability::Join, name)?;
        let channel = user.channel(name);
        self.may_become_member(&channel, user)?;
        self.may_reach(now, &channel)?;
        let is_first = !self.sessions.joined(session).contains(&channel);
        Ok((self.sessions.join(session, name)?, is_first))
    }

    fn set(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        session: SessionId,
        id: FrameId,
        name: &str,
        attributes: Attributes,
    ) {
        let op = self.sessions.set(session, name, attributes);
        let op = op.and_then(|op| self.may_set(&op).map(|()| op));
        let op = op.and_then(|op| self.may_reach(now, &op.channel).map(|()| op));
        #[cfg(feature = "breaks")]
        if op.is_ok() && crate::breaks::now_and_then(crate::breaks::Break::AcksUndone, 8) {
            let ok = ServerFrame::Ok { id, fresh: None, expires_in_ms: None };
            return self.outboxes.send(connection, &ok);
        }
        match op {
            Ok(op) => self.submit_asked(session, op, Waiter::Set(connection, id)),
            Err(refusal) => self.refuse(connection, id, refusal),
        }
    }

    fn observe(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        session: SessionId,
        id: FrameId,
        name: &str,
        from: Option<Position>,
    ) {
        match self.begin_to_observe(now, connection, session, id, name, from) {
            Err(refusal) if refusal.code == Code::RateLimited => {
                self.refuse_for(connection, id, refusal, Some(OBSERVE_RETRY_MS));
            }
            Err(refusal) => self.refuse(connection, id, refusal),
            Ok(()) => {}
        }
    }

    fn begin_to_observe(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        session: SessionId,
        id: FrameId,
        name: &str,
        from: Option<Position>,
    ) -> Result<(), Refusal> {
        let user = self.sessions.user_who_may(session, Capability::Observe, name)?;
        let channel = user.channel(name);
        self.may_begin_to_observe(connection, &channel, from)?;
        // Who has observed before is told when the store answers again: asking anew takes a hidden page a minute.
        if from.is_none() && !self.fanout.has_roster(&channel) {
            self.may_reach(now, &channel)?;
        }
        let node = self.backing.reached(&channel, from.is_some());
        self.fanout.observe((connection, user.shared_id()), channel, from, id, node, &self.outboxes)
    }

    fn unobserve(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        session: SessionId,
        id: FrameId,
        name: &str,
    ) {
        if let Err(refusal) = validate_channel(name) {
            self.refuse(connection, id, refusal);
            return;
        }
        if let Some(user) = self.sessions.user(session) {
            self.fanout.unobserve(now, connection, &user.channel(name), &mut self.outboxes);
        }
        self.outboxes.send(connection, &ServerFrame::Ok { id, fresh: None, expires_in_ms: None });
    }

    pub(super) fn refuse(&mut self, connection: ConnectionId, id: FrameId, refusal: Refusal) {
        let retry_in_ms = (refusal.code == Code::Unavailable).then_some(UNREACHED_RETRY_MS);
        self.refuse_for(connection, id, refusal, retry_in_ms);
    }

    pub(super) fn refuse_rate(&mut self, connection: ConnectionId, id: FrameId, retry_in_ms: u64) {
        let message = "the session sends more frames than it may";
        let refusal = Refusal { code: Code::RateLimited, message };
        self.refuse_for(connection, id, refusal, Some(retry_in_ms));
    }

    pub(super) fn refuse_for(
        &mut self,
        connection: ConnectionId,
        id: FrameId,
        refusal: Refusal,
        retry_in_ms: Option<u64>,
    ) {
        let Refusal { code, message } = refusal;
        tracing::debug!(code = code.as_str(), why = message, "refused");
        let error = ServerFrame::Error { id, code, message: message.into(), retry_in_ms };
        self.outboxes.send(connection, &error);
    }
}
