//! What the server says: frames sorted, requests answered.

use herenow_protocol::{Code, FrameId, Refused, ServerFrame};

use crate::channel::{Channel, NOT_JOINED, RETRY_MS};
use crate::mirror::Teller;
use crate::outbox::Outbox;
use crate::session::Session;
use crate::slot::Known;
use crate::timers::Timer;
use crate::{Millis, Problem};

impl Session {
    pub(crate) fn hear(&mut self, now: Millis, frame: ServerFrame) {
        match frame {
            ServerFrame::Welcome(welcome) => self.welcomed(now, welcome),
            ServerFrame::Ok { id, fresh, expires_in_ms } => self.granted(now, id, fresh, expires_in_ms),
            ServerFrame::Error { id, code, message, retry_in_ms } => {
                self.failed(now, id, &Problem { code, message: message.into(), retry_in_ms });
            }
            ServerFrame::Snapshot(page) => self.follow_snapshot(now, page),
            ServerFrame::Diff { channel, prev, seq, transitions } => {
                self.follow_diff(&channel, prev, seq, transitions);
            }
            ServerFrame::Occupancy(occupancy) => self.follow_occupancy(occupancy),
            ServerFrame::Tick {} => {}
            ServerFrame::GoingAway { reconnect_in_ms } => {
                self.timers.set(Timer::GoingAway, now.after(reconnect_in_ms));
            }
            ServerFrame::Membership(granted) => {
                if let Some(channel) = self.channels.get_mut(&granted.channel)
                    && granted.fresh
                    && channel.membership.server == Known::Present
                {
                    channel.joined(true, self.config.restore_attributes, &mut self.outbox);
                }
            }
            ServerFrame::Left(refused) => self.thrown_out(&refused),
        }
    }

    fn granted(&mut self, now: Millis, id: FrameId, fresh: Option<bool>, expires_in_ms: Option<u64>) {
        if self.token.in_flight == Some(id) {
            self.token_frame_answered(now, Ok(expires_in_ms));
            return;
        }
        let restore = self.config.restore_attributes;
        let Some((channel, request)) = find(&mut self.channels.0, id) else { return };
        match request {
            Request::Membership => {
                let joined = channel.membership.granted();
                if joined {
                    channel.joined(fresh.unwrap_or(false), restore, &mut self.outbox);
                } else {
                    channel.left(&mut self.outbox);
                }
                self.outbox.done(channel.membership.waiters.take(joined));
            }
            Request::Set => {
                let Some((_, sent)) = channel.setting.in_flight.take() else { return };
                self.outbox.stale(&channel.name);
                self.outbox.stored(sent.waiters, &sent.attributes);
                channel.setting.stored = Some(sent.attributes);
            }
            Request::Observation => {
                channel.observation_granted(&mut self.outbox);
                if core::mem::take(&mut channel.confirms) && channel.is_followed() && !channel.resync {
                    let mut teller = Teller::new(&channel.name, true);
                    channel.mirror.settle(now, &mut teller);
                    self.outbox.tell(teller.into_events());
                }
                self.confirm_settled(now);
            }
        }
    }

    fn failed(&mut self, now: Millis, id: FrameId, problem: &Problem) {
        if self.token.in_flight == Some(id) {
            self.token_frame_answered(now, Err(problem));
            return;
        }
        let Some((channel, request)) = find(&mut self.channels.0, id) else { return };
        match request {
            Request::Membership => match channel.membership.in_flight.take() {
                Some((_, true)) => {
                    if problem.code == Code::Unavailable {
                        // The server may find later that it was done.
                        channel.membership.server = Known::Unclear;
                    }
                    channel.join_failed(now, problem, &mut self.outbox);
                }
                Some((_, false)) | None => channel.leave_failed(now, problem, &mut self.outbox),
            },
            Request::Set => channel.set_failed(now, problem, &mut self.outbox),
            Request::Observation => match channel.observation.in_flight.take() {
                Some((_, true)) => channel.observe_failed(now, problem, &mut self.outbox),
                Some((_, false)) | None => channel.unobserve_failed(now, problem, &mut self.outbox),
            },
        }
    }

    /// The server has ended a membership.
    fn thrown_out(&mut self, refused: &Refused) {
        let Some(channel) = self.channels.get_mut(&refused.channel) else { return };
        channel.membership.server = Known::Absent;
        let problem = Problem::new(refused.code, "the server ended the membership");
        channel.drop_membership(&problem, &mut self.outbox);
        channel.left(&mut self.outbox);
    }
}

/// Which request of a channel an answer belongs to.
enum Request {
    Membership,
    Set,
    Observation,
}

fn find(channels: &mut [Channel], id: FrameId) -> Option<(&mut Channel, Request)> {
    channels.iter_mut().find_map(|channel| {
        let has = |flying: Option<(FrameId, bool)>| flying.is_some_and(|(known, _)| known == id);
        let set = channel.setting.in_flight.as_ref().is_some_and(|(known, _)| *known == id);
        if has(channel.membership.in_flight) {
            Some((channel, Request::Membership))
        } else if set {
            Some((channel, Request::Set))
        } else if has(channel.observation.in_flight) {
            Some((channel, Request::Observation))
        } else {
            None
        }
    })
}

/// When to try again what failed.
fn retry_at(now: Millis, problem: &Problem) -> Millis {
    now.after(problem.retry_in_ms.unwrap_or(RETRY_MS).max(1))
}

impl Channel {
    /// A join was refused. One that the server confirmed earlier is not undone by an error that passes.
    pub(crate) fn join_failed(&mut self, now: Millis, problem: &Problem, outbox: &mut Outbox) {
        if self.membership.want && !(self.membership.acked && problem.code.retryable()) {
            self.drop_membership(problem, outbox);
            return;
        }
        outbox.fail(self.membership.waiters.take(true), problem);
        if self.membership.want {
            self.membership.retry_at = Some(retry_at(now, problem));
        }
    }

    /// A leave failed. It is never withdrawn, only tried again.
    fn leave_failed(&mut self, now: Millis, problem: &Problem, outbox: &mut Outbox) {
        outbox.fail(self.membership.waiters.take(false), problem);
        if problem.code.retryable() {
            self.membership.retry_at = Some(retry_at(now, problem));
        } else {
            self.membership.server = Known::Absent;
        }
    }

    fn set_failed(&mut self, now: Millis, problem: &Problem, outbox: &mut Outbox) {
        let Some((_, sent)) = self.setting.in_flight.take() else { return };
        let restoring = sent.restore && sent.waiters.is_empty();
        if problem.code == Code::RateLimited || (restoring && problem.code.retryable()) {
            self.setting.put_back(sent);
            self.setting.retry_at = Some(retry_at(now, problem));
            if !self.membership.want {
                outbox.fail(self.setting.drop_draft(), &NOT_JOINED);
            }
            return;
        }
        outbox.fail(sent.waiters, problem);
        if restoring {
            outbox.warn(&[
                "attributes of channel ",
                &self.name,
                " were not restored: ",
                problem.code.as_str(),
            ]);
        } else if sent.restore {
            self.setting.restore();
        }
    }

    fn observe_failed(&mut self, now: Millis, problem: &Problem, outbox: &mut Outbox) {
        self.void = false;
        outbox.fail(self.observation.waiters.take(true), problem);
        if !self.observation.want {
            return;
        }
        if self.observation.acked && problem.code.retryable() {
            self.observation.retry_at = Some(retry_at(now, problem));
            // What is observed already is asked for again only if something is missing.
            self.resync = self.observation.server == Known::Present;
        } else {
            self.drop_observation(problem, outbox);
        }
    }

    fn unobserve_failed(&mut self, now: Millis, problem: &Problem, outbox: &mut Outbox) {
        outbox.fail(self.observation.waiters.take(false), problem);
        if problem.code.retryable() {
            self.observation.retry_at = Some(retry_at(now, problem));
        } else {
            self.observation.server = Known::Absent;
        }
    }
}
