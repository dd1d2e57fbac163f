//! The first frame of a socket, and a fresh token later.

use herenow_protocol::{
    CloseCode, Code, Encoding, FrameId, Hello, Refusal, Refused, ServerFrame, validate_application,
    validate_channel, validate_user,
};

use super::Registry;
use super::connection::{Connection, Stage};
use super::greeting::{Early, Greeting};
use crate::access::{Access, Capability};
use crate::changes::Waiter;
use crate::names::{Channel, User};
use crate::sessions::{Denied, SessionId};
use crate::timers::Timer;
use crate::{ConnectionId, Identity, Millis, TokenRefusal, trace};

/// Milliseconds that a client has to bring a fresh token after its own has ended.
pub(super) const TOKEN_GRACE_MS: u64 = 30_000;

impl Registry {
    pub(super) fn hello(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        encoding: Encoding,
        hello: Hello,
        identity: Identity,
    ) {
        match self.stage(connection) {
            None => {}
            Some(Stage::Greeted(_)) => {
                self.close(now, connection, CloseCode::Protocol, "a second hello");
                return;
            }
            Some(Stage::Parted) => return,
        }
        if validate_application(&identity.application).is_err() || validate_user(&identity.user).is_err() {
            let reason = "the clientId or the user is not of its form";
            self.outboxes.close(connection, CloseCode::Protocol, reason);
            return;
        }
        let identity = self.unless_withdrawn(now, identity);
        let user = User::new(&identity.application, &identity.user);
        if self.is_short && !self.sessions.knows(&user, hello.session) {
            let reason = "the server is short of memory: try again";
            self.outboxes.close(connection, CloseCode::Restart, reason);
            return;
        }
        if self.backing.is_full() {
            let reason = "too much waits for the store: try again";
            self.outboxes.close(connection, CloseCode::Restart, reason);
            return;
        }
        let attached = match self.sessions.attach(
            now,
            connection,
            (&user, &identity.access),
            hello.session,
            hello.attempt,
        ) {
            Ok(attached) => attached,
            Err(Denied::Older) => {
                let reason = "a newer socket of the session is known";
                self.outboxes.close(connection, CloseCode::Replaced, reason);
                return;
            }
            Err(Denied::LimitReached) => {
                self.outboxes.counters.denied_sessions += 1;
                self.outboxes.close(connection, CloseCode::Kicked, Code::LimitReached.as_str());
                return;
            }
        };
        let _span = trace::session(connection, attached.id);
        tracing::debug!(resumed = attached.resumed, "attached");
        let counters = &mut self.outboxes.counters;
        *(if attached.resumed { &mut counters.resumed_sessions } else { &mut counters.new_sessions }) += 1;
        self.connections.insert(connection, Connection::new(now, attached.id, identity.key));
        self.outboxes.open(connection, encoding);
        self.timers.clear(Timer::Session(attached.id));
        self.give_up(attached.id);
        self.watch(connection);
        self.expect_token(connection, identity.expires_at);
        if let Some(older) = attached.replaced {
            self.close(now, older, CloseCode::Replaced, "a newer socket of the session took over");
        }
        if let Some((evicted, ops)) = attached.evicted {
            self.outboxes.counters.evicted_sessions += 1;
            self.timers.clear(Timer::Session(evicted));
            self.submit(evicted, ops);
        }
        let (joined, short) = self.split_wish(&user, &identity.access, hello.joined);
        let mut wish = self.sessions.reconcile(attached.id, joined);
        wish.refused.extend(short);
        self.backing.forget_hellos(attached.id);
        self.submit(attached.id, wish.leaves);
        let greeting = Greeting::new(identity, wish.refused, wish.joins.len());
        self.greet(now, connection, greeting);
        for op in wish.joins {
            self.submit_asked(attached.id, op, Waiter::Hello(connection));
        }
    }

    pub(super) fn token(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        id: FrameId,
        outcome: Result<Identity, TokenRefusal>,
    ) {
        if self.is_greeting(connection) {
            self.keep_early(now, connection, Early::Token(id, outcome));
            return;
        }
        let session = match self.stage(connection) {
            Some(Stage::Greeted(session)) => session,
            Some(Stage::Parted) | None => return,
        };
        let _span = trace::session(connection, session);
        if let Err(retry_in_ms) = self.sessions.spend(now, session) {
            self.refuse_rate(connection, id, retry_in_ms);
            return;
        }
        let same = |identity: &Identity| {
            let user = self.sessions.user(session);
            user.is_some_and(|user| user.application() == identity.application && user.id() == identity.user)
        };
        match outcome {
            Ok(identity) if same(&identity) => {
                let identity = self.unless_withdrawn(now, identity);
                if let Some(known) = self.connections.get_mut(&connection) {
                    known.key = identity.key;
                }
                self.expect_token(connection, identity.expires_at);
                let expires_in_ms = expires_in_ms(now, identity.expires_at);
                self.outboxes.send(connection, &ServerFrame::Ok { id, fresh: None, expires_in_ms });
                self.restrict(now, connection, session, identity.access);
            }
            Ok(_) => {
                let message = "the token is of another user or application than the connection";
                self.refuse(connection, id, Refusal { code: Code::Unauthorized, message });
            }
            Err(TokenRefusal { refusal, retry_in_ms }) => {
                self.refuse_for(connection, id, refusal, retry_in_ms);
            }
        }
    }

    /// Takes the channels that may not be joined now out of what a session wants joined. Where it is a member it stays one.
    /// What is refused anyway stays in, so that it is refused for its own reason.
    fn split_wish(&self, user: &User, access: &Access, joined: Vec<String>) -> (Vec<String>, Vec<Refused>) {
        if !self.is_short_of_memory() {
            return (joined, Vec::new());
        }
        let is_refused_anyway =
            |name: &str| validate_channel(name).is_err() || !access.allows(Capability::Join, name);
        let (may, may_not): (Vec<_>, Vec<_>) = joined.into_iter().partition(|name| {
            is_refused_anyway(name) || self.may_become_member(&user.channel(name), user).is_ok()
        });
        let refused = |channel| Refused { channel, code: Code::LimitReached };
        (may, may_not.into_iter().map(refused).collect())
    }

    /// A newer token may allow less than the one before.
    fn restrict(&mut self, now: Millis, connection: ConnectionId, session: SessionId, access: Access) {
        let lost = self.sessions.restrict(session, access);
        for op in &lost {
            self.tell_left(connection, op.channel.name());
        }
        self.submit(session, lost);
        let may = |channel: &Channel| self.sessions.may_observe(session, channel.name());
        if !self.fanout.observed(connection).iter().all(may) {
            // It comes back with the new token, and its observations are refused as any others.
            self.close(now, connection, CloseCode::Restart, "the new token allows less: connect again");
        }
        self.settle(now);
    }

    /// Closes the connection some time after its newest token has ended.
    fn expect_token(&mut self, connection: ConnectionId, expires_at: Option<Millis>) {
        match expires_at {
            Some(at) => self.timers.set(Timer::Token(connection), at.plus(TOKEN_GRACE_MS)),
            None => self.timers.clear(Timer::Token(connection)),
        }
    }
}

pub(super) fn expires_in_ms(now: Millis, expires_at: Option<Millis>) -> Option<u64> {
    expires_at.map(|at| at.since(now))
}
