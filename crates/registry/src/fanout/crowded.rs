//! A mirror of a channel that is not told in full.

use std::sync::Arc;

use herenow_protocol::{Attributes, Mode, Position, ServerFrame, Snapshot, Transition};

use super::crowd::{Crowd, mode_of};
use super::log::Log;
use super::mirror::{Mirror, PerEncoding};
use super::observer::{Phase, Step};
use crate::config::Sizes;
use crate::outbox::{Outboxes, encode};
use crate::{ConnectionId, Millis};

impl Mirror {
    /// How the channel is told.
    pub(super) fn mode(&self) -> Mode {
        self.crowd.as_ref().map_or(Mode::Full, |crowd| crowd.mode())
    }

    fn at(&self) -> Position {
        Position { epoch: self.epoch, seq: self.seq }
    }

    /// From now on not every transition is told. Nothing is pending.
    pub(super) fn begin_crowd(&mut self, now: Millis, mode: Mode, sizes: &Sizes) {
        let mut crowd = Crowd::new(now, mode, sizes);
        for (connection, observer) in &self.observers {
            crowd.add_observer(Arc::clone(&observer.user), *connection);
        }
        self.crowd = Some(Box::new(crowd));
        self.pages = PerEncoding::none();
        self.piece = PerEncoding::none();
        self.log = Log::after_seq(self.seq);
    }

    /// Notes a transition, and tells it to the user it happened to.
    pub(super) fn record_crowded(
        &mut self,
        transition: Transition,
        before: Option<Attributes>,
        outboxes: &mut Outboxes,
    ) {
        let at = self.at();
        let Some(crowd) = &mut self.crowd else { return };
        crowd.note(&transition, before);
        let own: Vec<ConnectionId> = crowd.own(transition.user()).to_vec();
        if own.is_empty() || broken!(KeepsOwnSecret) {
            return;
        }
        let occupancy = crowd.own_change(&self.channel, at, &self.members, transition);
        let frame = ServerFrame::Occupancy(occupancy);
        for connection in own {
            if self.observers.get(&connection).is_some_and(|observer| matches!(observer.phase, Phase::Live)) {
                outboxes.send(connection, &frame);
            }
        }
    }

    /// Takes a channel that has grown to the mode of its size, after a flush. Gives back those that need a snapshot now.
    pub(super) fn leave_full(
        &mut self,
        now: Millis,
        sizes: &Sizes,
        outboxes: &mut Outboxes,
    ) -> Vec<ConnectionId> {
        let mode = mode_of(sizes, Mode::Full, self.members.len());
        if mode == Mode::Full || self.crowd.is_some() || self.is_loading() {
            return Vec::new();
        }
        self.begin_crowd(now, mode, sizes);
        for observer in self.observers.values_mut() {
            if matches!(observer.phase, Phase::Behind { .. } | Phase::Paging { .. }) {
                observer.phase = Phase::Wanting;
            }
        }
        // They know all up to here, but not yet how they are told from here on.
        self.tell_live(now, mode, outboxes)
    }

    /// Tells what has changed. Gives back those that need a snapshot now.
    pub(super) fn tell_crowd(
        &mut self,
        now: Millis,
        sizes: &Sizes,
        outboxes: &mut Outboxes,
    ) -> Vec<ConnectionId> {
        let Some(crowd) = &mut self.crowd else { return Vec::new() };
        crowd.planned = false;
        let before = crowd.mode();
        if self.is_loading() {
            return Vec::new();
        }
        let mode = mode_of(sizes, before, self.members.len());
        if mode != Mode::Full {
            return self.tell_live(now, mode, outboxes);
        }
        self.crowd = None;
        self.flushed_seq = self.seq;
        self.log = Log::after_seq(self.seq);
        let mut wanting = Vec::new();
        for (connection, observer) in &mut self.observers {
            if matches!(observer.phase, Phase::Live) {
                observer.phase = Phase::Wanting;
                wanting.push(*connection);
            }
        }
        wanting
    }

    fn tell_live(&mut self, now: Millis, mode: Mode, outboxes: &mut Outboxes) -> Vec<ConnectionId> {
        let at = self.at();
        let Some(crowd) = &mut self.crowd else { return Vec::new() };
        self.flushed_seq = at.seq;
        let frame = ServerFrame::Occupancy(crowd.tell(now, mode, &self.channel, at, &self.members));
        let mut frames = PerEncoding::none();
        let mut behind = Vec::new();
        for (connection, observer) in &mut self.observers {
            if !matches!(observer.phase, Phase::Live) {
                continue;
            }
            let encoded =
                frames.of(observer.encoding).get_or_insert_with(|| encode(&frame, observer.encoding));
            if !outboxes.offer(*connection, encoded) {
                observer.phase = Phase::Wanting;
                behind.push(*connection);
            }
        }
        behind
    }

    /// Tells somebody who has come, or fell behind, how things are.
    pub(super) fn greet_crowded(
        &mut self,
        connection: ConnectionId,
        settles_in_ms: u64,
        outboxes: &mut Outboxes,
    ) -> Step {
        let at = self.at();
        let (Some(crowd), Some(observer)) = (&mut self.crowd, self.observers.get_mut(&connection)) else {
            return Step::Done;
        };
        let snapshot = Snapshot {
            channel: self.channel.name().into(),
            epoch: at.epoch,
            seq: at.seq,
            mode: crowd.mode(),
            settles_in_ms,
            members: Vec::new(),
            more: false,
        };
        let occupancy = crowd.glance(&self.channel, at, &self.members);
        for frame in [ServerFrame::Snapshot(snapshot), ServerFrame::Occupancy(occupancy)] {
            outboxes.send_bulk(connection, encode(&frame, observer.encoding));
        }
        observer.phase = Phase::Live;
        observer.answer(connection, outboxes);
        Step::Done
    }
}
