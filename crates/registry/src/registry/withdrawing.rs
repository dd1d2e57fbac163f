//! Keys of tokens that count no longer: who came with one needs a token of another.

use super::Registry;
use super::hello::TOKEN_GRACE_MS;
use crate::timers::Timer;
use crate::{ConnectionId, Identity, KeyId, Millis};

impl Registry {
    /// Takes the tokens that these keys have verified for expired, on connections and on those that come with one that
    /// was verified just before. A connection that brings no other is closed with 4501 within 30 s, and not before half of
    /// that is over. The times are spread, so that they do not all come back at once.
    pub fn handle_withdrawn_keys(&mut self, now: Millis, keys: &[KeyId]) {
        let now = self.advance(now);
        self.withdrawn_keys.extend(keys);
        let is_concerned = |connection: &ConnectionId| {
            self.connections.get(connection).is_some_and(|known| self.is_withdrawn(known.key))
        };
        let mut concerned: Vec<_> = self.greeted().filter(is_concerned).collect();
        concerned.sort_unstable();
        for connection in concerned {
            let ends = now.plus(TOKEN_GRACE_MS - self.random.up_to(TOKEN_GRACE_MS / 2));
            self.timers.set_no_later(Timer::Token(connection), ends);
        }
    }

    /// Who a token names, which has expired if its key was withdrawn since it was verified.
    pub(super) fn unless_withdrawn(&self, now: Millis, identity: Identity) -> Identity {
        if !self.is_withdrawn(identity.key) {
            return identity;
        }
        let expires_at = identity.expires_at.map_or(now, |at| at.min(now));
        Identity { expires_at: Some(expires_at), ..identity }
    }

    fn is_withdrawn(&self, key: Option<KeyId>) -> bool {
        key.is_some_and(|key| self.withdrawn_keys.contains(&key))
    }
}
