//! Owners that have gone from a channel, remembered for a while with their attempt: what is still on its way from an older
//! attempt, over a node that the session has left, must not make them members again, of any channel.

use std::collections::{HashMap, VecDeque};

use super::OwnerId;
use crate::Millis;
use crate::names::User;

/// How long one is remembered, in milliseconds: longer than a message and a batch can be on their way.
const REMEMBERED_MS: u64 = 60_000;
/// How many are remembered; beyond it the oldest are forgotten before their time.
const MAX_REMEMBERED: usize = 262_144;

/// Users choose their secrets themselves: an owner is one of a user.
type Key = (User, OwnerId);

#[derive(Debug, Default)]
pub(super) struct Gone {
    attempts: HashMap<Key, (u32, Millis)>,
    order: VecDeque<(Millis, Key)>,
}

impl Gone {
    /// An owner has gone in an attempt.
    pub(super) fn note(&mut self, now: Millis, key: Key, attempt: u32) {
        let known = self.attempts.entry(key.clone()).or_insert((attempt, now));
        *known = (known.0.max(attempt), now);
        self.order.push_back((now, key));
        while let Some((at, _)) = self.order.front()
            && (now.since(*at) >= REMEMBERED_MS || self.order.len() > MAX_REMEMBERED)
            && let Some((at, key)) = self.order.pop_front()
        {
            // It may have come and gone again since.
            if self.attempts.get(&key).is_some_and(|(_, latest)| *latest == at) {
                self.attempts.remove(&key);
            }
        }
    }

    /// Whether an owner has gone in a later attempt.
    pub(super) fn is_later(&self, now: Millis, key: &Key, attempt: u32) -> bool {
        let known = self.attempts.get(key);
        known.is_some_and(|(latest, at)| *latest > attempt && now.since(*at) < REMEMBERED_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_gone_is_remembered_for_a_minute_since_it_went_last() {
        let key = |user: &str, owner| (User::new("app", user), OwnerId(owner));
        let (page, other) = (key("ada", 1), key("ada", 2));
        let mut gone = Gone::default();
        gone.note(Millis(0), page.clone(), 3);
        assert!(gone.is_later(Millis(59_999), &page, 2));
        assert!(!gone.is_later(Millis(59_999), &key("bob", 1), 2), "another user may have the same secret");
        assert!(!gone.is_later(Millis(59_999), &page, 3));
        assert!(!gone.is_later(Millis(60_000), &page, 2));
        gone.note(Millis(50_000), page.clone(), 1);
        gone.note(Millis(70_000), other.clone(), 1);
        assert!(gone.is_later(Millis(109_999), &page, 2), "the greatest attempt counts");
        assert_eq!(gone.order.len(), 2);
        gone.note(Millis(200_000), other, 1);
        assert_eq!((gone.attempts.len(), gone.order.len()), (1, 1));
    }
}
