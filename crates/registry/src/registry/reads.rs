//! What HTTP asks: straight from the store, so that what was acknowledged is seen.

use herenow_protocol::Attributes;

use super::Registry;
use super::backing::Backing;
use crate::names::{Channel, User};
use crate::store::{MAX_PAGE_BYTES, Rosters};
use crate::{Millis, UsersPage};

impl Registry {
    /// The rosters of a node that shares no store. Those of a shared store are read there.
    pub(super) fn rosters(&self) -> Option<&Rosters> {
        match &self.backing {
            Backing::Own(own) => Some(&own.rosters),
            Backing::Shared(_) => None,
        }
    }

    /// Members of a channel, ordered by user id, those after `after`, at most `limit` (read as 1 if 0) and about
    /// [`MAX_PAGE_BYTES`]. `None` where the store is shared: it is asked itself.
    pub fn users(
        &self,
        now: Millis,
        application: &str,
        channel: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Option<UsersPage> {
        let rosters = self.rosters()?;
        let channel = Channel::new(application.into(), channel);
        let (users, more) = rosters.page(&channel, after, limit.max(1), MAX_PAGE_BYTES);
        let next = if more { users.last().map(|member| member.user.clone()) } else { None };
        let count = rosters.count(&channel) as u64;
        Some(UsersPage { users, count, next, settles_in_ms: self.settles_in_ms(now) })
    }

    /// The attributes of a member; none for a user who is no member. `None` where the store is shared.
    pub fn attributes(&self, application: &str, channel: &str, user: &str) -> Option<Attributes> {
        Some(self.rosters()?.attributes(&Channel::new(application.into(), channel), user))
    }

    /// How many members a channel has. `None` where the store is shared.
    pub fn count(&self, application: &str, channel: &str) -> Option<u64> {
        Some(self.rosters()?.count(&Channel::new(application.into(), channel)) as u64)
    }

    /// The channels that a user is a member of, sorted. `None` where the store is shared.
    pub fn user_channels(&self, application: &str, user: &str) -> Option<Vec<String>> {
        Some(self.rosters()?.channels_of(&User::new(application, user)))
    }

    /// Milliseconds for which members may still be missing after the start of the store; 0 when settled.
    pub fn settles_in_ms(&self, now: Millis) -> u64 {
        let settles_at = match &self.backing {
            Backing::Own(own) => own.settles_at,
            Backing::Shared(shared) => shared.port.settles_at().unwrap_or(now),
        };
        settles_at.since(now.max(self.now))
    }

    /// How many sockets are open.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// How many users have a session.
    pub fn users_here(&self) -> usize {
        let (_, _, users) = self.sessions.numbers();
        users
    }
}
