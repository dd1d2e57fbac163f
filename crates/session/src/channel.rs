//! One channel: the own membership, the own attributes, what is observed of it.

use std::sync::Arc;

use herenow_protocol::{Code, Position};

use crate::mirror::Mirror;
use crate::outbox::Outbox;
use crate::setting::Setting;
use crate::slot::{Known, Slot};
use crate::waiters::Waiters;
use crate::{Millis, Problem};

/// Milliseconds before something that failed is tried again, where the server names no time.
pub(crate) const RETRY_MS: u64 = 1_000;

pub(crate) const NOT_JOINED: Problem = Problem::new(Code::NotJoined, "the channel is not joined");

/// A channel that is wanted, observed, or waited for.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) name: Arc<str>,
    pub(crate) membership: Slot,
    pub(crate) setting: Setting,
    pub(crate) observation: Slot,
    pub(crate) mirror: Mirror,
    /// A diff did not fit: observe again from the last known position.
    pub(crate) resync: bool,
    /// The `observe` in flight was given up in between: its answer is incomplete and worth nothing.
    pub(crate) void: bool,
    /// The `observe` in flight was sent after the server had settled: its answer says who is really gone.
    pub(crate) confirms: bool,
}

impl Channel {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            membership: Slot::default(),
            setting: Setting::default(),
            observation: Slot::default(),
            mirror: Mirror::default(),
            resync: false,
            void: false,
            confirms: false,
        }
    }

    /// Something is wanted of the server.
    pub(crate) fn is_busy(&self) -> bool {
        let slots = [&self.membership, &self.observation];
        slots.iter().any(|slot| slot.want || slot.in_flight.is_some() || !slot.waiters.is_empty())
            || !self.setting.is_idle()
    }

    /// The server may still hold a membership that is not wanted.
    pub(crate) fn may_linger(&self) -> bool {
        self.membership.server == Known::Unclear && !self.membership.want
    }

    /// There is nothing left to know of it.
    pub(crate) fn is_spent(&self) -> bool {
        !self.is_busy() && self.membership.server == Known::Absent && self.observation.server == Known::Absent
    }

    /// Whether snapshots and diffs of it are meant for what is observed now.
    pub(crate) fn is_followed(&self) -> bool {
        let slot = &self.observation;
        let answered = slot.server == Known::Present && !slot.is_flying(false);
        slot.want && !self.void && (answered || slot.is_flying(true))
    }

    /// Whether the answer to an `observe` is under way.
    pub(crate) fn is_catching_up(&self) -> bool {
        self.observation.is_flying(true)
    }

    /// An `observe` is made; from where.
    pub(crate) fn asks(&mut self, now: Millis) -> Option<Position> {
        self.confirms = self.mirror.settles_at().is_some_and(|at| at <= now);
        self.mirror.position()
    }

    /// When the server is asked whether what the mirror holds back is so: only while nothing can be missing.
    pub(crate) fn settles_at(&self) -> Option<Millis> {
        let current = self.is_followed() && !self.is_catching_up() && !self.resync;
        self.mirror.settles_at().filter(|_| current)
    }

    /// Resolves the promises whose wish is what the server holds.
    pub(crate) fn settle(&mut self, outbox: &mut Outbox) {
        for (slot, void) in [(&mut self.membership, false), (&mut self.observation, self.void)] {
            if slot.is_confirmed() && !void {
                slot.acked = slot.want;
                outbox.done(slot.waiters.take_all());
            }
        }
        if !self.observation.want {
            self.mirror = Mirror::default();
            self.resync = false;
            self.void = self.observation.is_flying(true);
        }
        if !self.membership.want {
            outbox.fail(self.setting.drop_draft(), &NOT_JOINED);
        }
    }

    /// The server has confirmed the membership; `fresh`: it began with that, without attributes.
    pub(crate) fn joined(&mut self, fresh: bool, restore: bool, outbox: &mut Outbox) {
        let anew = fresh || !self.membership.acked;
        if fresh && self.membership.acked && restore {
            self.setting.restore();
        } else if fresh {
            self.setting.forget();
        }
        if self.membership.want {
            self.membership.acked = true;
        }
        if anew {
            outbox.stale(&self.name);
        }
    }

    /// The answer to an `observe` or `unobserve` is complete.
    pub(crate) fn observation_granted(&mut self, outbox: &mut Outbox) {
        let observing = self.observation.granted();
        if core::mem::take(&mut self.void) && observing {
            self.observation.server = Known::Unclear;
            return;
        }
        if observing && self.observation.want {
            if !self.observation.acked {
                outbox.stale(&self.name);
            }
            self.observation.acked = true;
        }
        outbox.done(self.observation.waiters.take(observing));
    }

    /// The session is not in the channel any more.
    pub(crate) fn left(&mut self, outbox: &mut Outbox) {
        self.setting.forget();
        outbox.stale(&self.name);
    }

    /// The membership is refused or withdrawn: who waits for it or for attributes is told why.
    pub(crate) fn drop_membership(&mut self, problem: &Problem, outbox: &mut Outbox) {
        let held = self.membership.acked;
        let wanted = self.membership.want;
        outbox.fail(self.membership.waiters.take(true), problem);
        self.membership.drop_wish();
        outbox.fail(self.setting.drop_draft(), problem);
        if held && wanted {
            outbox.warn(&["no longer in channel ", &self.name, ": ", problem.code.as_str()]);
        }
    }

    /// The observation is refused.
    pub(crate) fn drop_observation(&mut self, problem: &Problem, outbox: &mut Outbox) {
        let held = self.observation.acked;
        self.observation.drop_wish();
        if held {
            outbox.warn(&["no longer observing channel ", &self.name, ": ", problem.code.as_str()]);
        }
    }

    /// The connection is lost. The session outlives it, observations do not.
    pub(crate) fn detach(&mut self) {
        self.membership.detach(true);
        self.setting.send_again();
        self.setting.retry_at = None;
        self.observation.detach(false);
        self.mirror.detach();
        self.resync = false;
        self.void = false;
    }

    /// Everybody who waits for something here.
    pub(crate) fn take_waiters(&mut self) -> Waiters {
        let mut all = self.membership.waiters.take_all();
        all.append(self.observation.waiters.take_all());
        if let Some((_, sent)) = self.setting.in_flight.take() {
            all.append(sent.waiters);
        }
        all.append(self.setting.drop_draft());
        all
    }

    /// The earliest deadline of a promise that waits here.
    pub(crate) fn earliest_promise(&self) -> Option<Millis> {
        let each = [
            self.membership.waiters.earliest(),
            self.observation.waiters.earliest(),
            self.setting.earliest(),
        ];
        each.into_iter().flatten().min()
    }

    /// Gives everybody who waits the whole time again.
    pub(crate) fn restart_promises(&mut self, deadline: Millis, sockets_opened: u32) {
        self.membership.waiters.restart(deadline, sockets_opened);
        self.observation.waiters.restart(deadline, sockets_opened);
        self.setting.restart(deadline, sockets_opened);
    }

    /// Lets go what an error has kept until now.
    pub(crate) fn end_waits(&mut self, now: Millis) {
        let all = [&mut self.membership.retry_at, &mut self.observation.retry_at, &mut self.setting.retry_at];
        for retry_at in all {
            if retry_at.is_some_and(|at| at <= now) {
                *retry_at = None;
            }
        }
    }

    /// The earliest time at which something may be tried again.
    pub(crate) fn earliest_retry(&self) -> Option<Millis> {
        let each = [self.membership.retry_at, self.observation.retry_at, self.setting.retry_at];
        each.into_iter().flatten().min()
    }
}

/// Channels, ordered by name. There are as many as limits and promises allow.
#[derive(Debug, Default)]
pub(crate) struct Channels(pub(crate) Vec<Channel>);

impl Channels {
    pub(crate) fn get(&self, name: &str) -> Option<&Channel> {
        self.find(name).ok().map(|at| &self.0[at])
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Channel> {
        self.find(name).ok().map(|at| &mut self.0[at])
    }

    pub(crate) fn ensure(&mut self, name: &str) -> &mut Channel {
        let at = match self.find(name) {
            Ok(at) => at,
            Err(at) => {
                self.0.insert(at, Channel::new(name));
                at
            }
        };
        &mut self.0[at]
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|channel| channel.name.as_ref().cmp(name))
    }
}
