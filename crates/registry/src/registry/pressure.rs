//! What is not begun while memory is short.

use herenow_protocol::{Code, Position, Refusal};

use super::Registry;
use crate::ConnectionId;
use crate::names::{Channel, User};
use crate::store::{Action, Op};

const NO_NEW_MEMBER: Refusal =
    Refusal { code: Code::LimitReached, message: "the server is short of memory and takes no new members" };
const NO_NEW_OBSERVER: Refusal =
    Refusal { code: Code::LimitReached, message: "the server is short of memory and takes no new observers" };
const NO_LARGER_ATTRIBUTES: Refusal = Refusal {
    code: Code::LimitReached,
    message: "the server is short of memory and takes no larger attributes",
};

impl Registry {
    /// Whether memory is short. While it is, there are no new sessions (they are closed with 4000 and may try again), no new
    /// members, no new observers and no larger attributes: these are refused with `limit_reached`. What there is stays, and
    /// comes back after a lost connection. Of the members of a shared store only the store knows: they are not looked at.
    pub const fn set_short_of_memory(&mut self, is_short: bool) {
        self.is_short = is_short;
    }

    /// Whether memory is short.
    pub const fn is_short_of_memory(&self) -> bool {
        self.is_short
    }

    /// Whether a join may go on: while memory is short, only that of a user who is a member already.
    pub(super) fn may_become_member(&self, channel: &Channel, user: &User) -> Result<(), Refusal> {
        let is_new = self.is_short && self.rosters().is_some_and(|rosters| !rosters.has(channel, user.id()));
        if is_new { Err(NO_NEW_MEMBER) } else { Ok(()) }
    }

    /// Whether a set, which the session may do otherwise, may go on.
    pub(super) fn may_set(&self, op: &Op) -> Result<(), Refusal> {
        let Action::Set(attributes) = &op.action else { return Ok(()) };
        let Some(rosters) = self.rosters().filter(|_| self.is_short) else { return Ok(()) };
        let is_larger = attributes.byte_len() > rosters.attributes(&op.channel, op.user.id()).byte_len();
        if is_larger { Err(NO_LARGER_ATTRIBUTES) } else { Ok(()) }
    }

    /// Whether a connection may observe a channel. `from`: what the client says it knows. It may not be invented: a channel
    /// without members is not begun, and the epoch has to be the present one.
    pub(super) fn may_begin_to_observe(
        &self,
        connection: ConnectionId,
        channel: &Channel,
        from: Option<Position>,
    ) -> Result<(), Refusal> {
        if !self.is_short || self.fanout.observes(connection, channel) {
            return Ok(());
        }
        let resumes = from.is_some_and(|from| {
            self.rosters().is_none_or(|rosters| rosters.epoch() == from.epoch && rosters.count(channel) > 0)
        });
        if resumes { Ok(()) } else { Err(NO_NEW_OBSERVER) }
    }
}
