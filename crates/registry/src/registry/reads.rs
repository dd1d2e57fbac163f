//! What HTTP asks: straight from the store, so that what was acknowledged is seen.

use herenow_protocol::Attributes;

use super::Registry;
use crate::names::{Channel, User};
use crate::{Millis, UsersPage};

impl Registry {
    /// Members of a channel, ordered by user id, those after `after`, at most `limit` (read as 1 if 0).
    pub fn users(
        &self,
        now: Millis,
        application: &str,
        channel: &str,
        after: Option<&str>,
        limit: usize,
    ) -> UsersPage {
        let channel = Channel::new(application.into(), channel);
        let (users, more) = self.store.page(&channel, after, limit.max(1));
        let next = if more { users.last().map(|member| member.user.clone()) } else { None };
        let count = self.store.count(&channel) as u64;
        UsersPage { users, count, next, settles_in_ms: self.settles_in_ms(now) }
    }

    /// The attributes of a member; none for a user who is no member.
    pub fn attributes(&self, application: &str, channel: &str, user: &str) -> Attributes {
        self.store.attributes(&Channel::new(application.into(), channel), user)
    }

    /// How many members a channel has.
    pub fn count(&self, application: &str, channel: &str) -> u64 {
        self.store.count(&Channel::new(application.into(), channel)) as u64
    }

    /// The channels that a user is a member of, sorted.
    pub fn user_channels(&self, application: &str, user: &str) -> Vec<String> {
        self.store.channels_of(&User::new(application, user))
    }

    /// Milliseconds for which members may still be missing after the start; 0 when settled.
    pub fn settles_in_ms(&self, now: Millis) -> u64 {
        self.settles_at.since(now.max(self.now))
    }

    /// How many sockets are open.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }
}
