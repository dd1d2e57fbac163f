//! What an operator asks. None of it changes anything.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use herenow_protocol::{Encoding, Mode};

use super::Registry;
use crate::Millis;
use crate::names::{Channel, User};

/// A channel as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelInfo {
    /// Its name.
    pub channel: String,
    /// Members.
    pub members: u64,
    /// Connections on this node that observe it.
    pub observers: u64,
    /// How it is told; `None` where nobody on this node observes it.
    pub mode: Option<Mode>,
}

/// A session as an operator sees it. Its secret stays with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// The encoding of its socket; `None` where it is on none, and may still come back.
    pub encoding: Option<Encoding>,
    /// Milliseconds since it came off its socket; `None` while it is on one.
    pub detached_ms: Option<u64>,
    /// The channels that it has joined, sorted.
    pub joined: Vec<String>,
    /// The channels that it observes, sorted.
    pub observed: Vec<String>,
}

impl Registry {
    /// The largest channels of an application whose names begin with `prefix`, largest first, at most `limit`. Looks once
    /// at each channel. `None` where the store is shared.
    pub fn largest_channels(
        &self,
        application: &str,
        prefix: &str,
        limit: usize,
    ) -> Option<Vec<ChannelInfo>> {
        // The smallest of those found is on top, to make room for a larger one.
        let mut found = BinaryHeap::new();
        for (channel, members) in self.rosters()?.sizes() {
            if channel.application() != application || !channel.name().starts_with(prefix) {
                continue;
            }
            found.push((Reverse(members), channel.name()));
            if found.len() > limit {
                found.pop();
            }
        }
        let info = |(Reverse(members), name): (Reverse<usize>, &str)| {
            self.channel_info(application, name, members as u64)
        };
        Some(found.into_sorted_vec().into_iter().map(info).collect())
    }

    /// A channel of so many members as this node sees it.
    pub fn channel_info(&self, application: &str, name: &str, members: u64) -> ChannelInfo {
        let seen = self.fanout.observed_as(&Channel::new(application.into(), name));
        let (mode, observers) = seen.unzip();
        ChannelInfo { channel: name.into(), members, observers: observers.unwrap_or(0) as u64, mode }
    }

    /// The sessions of a user on this node, oldest first.
    pub fn sessions_of(&self, now: Millis, application: &str, user: &str) -> Vec<SessionInfo> {
        let now = now.max(self.now);
        let mut sessions = self.sessions.of_user(&User::new(application, user));
        sessions.sort_unstable();
        let names = |channels: &[Channel]| {
            let mut names: Vec<String> = channels.iter().map(|channel| channel.name().into()).collect();
            names.sort_unstable();
            names
        };
        let info = |session| {
            let connection = self.sessions.connection(session);
            SessionInfo {
                encoding: connection.and_then(|connection| self.outboxes.encoding(connection)),
                detached_ms: self.sessions.detached_since(session).map(|since| now.since(since)),
                joined: names(self.sessions.joined(session)),
                observed: connection
                    .map(|connection| names(self.fanout.observed(connection)))
                    .unwrap_or_default(),
            }
        };
        sessions.into_iter().map(info).collect()
    }
}
