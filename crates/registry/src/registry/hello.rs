//! The first frame of a socket, and a fresh token later.

use herenow_protocol::{
    CloseCode, Code, Encoding, FrameId, Hello, Refusal, ServerFrame, validate_application, validate_user,
};

use super::Registry;
use super::connection::{Connection, Stage};
use super::greeting::{Early, Greeting};
use crate::changes::Waiter;
use crate::names::User;
use crate::sessions::Denied;
use crate::timers::Timer;
use crate::{ConnectionId, Identity, Millis};

/// Milliseconds that a client has to bring a fresh token after its own has ended.
const TOKEN_GRACE_MS: u64 = 30_000;

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
        let user = User::new(&identity.application, &identity.user);
        let attached = match self.sessions.attach(now, connection, &user, hello.session, hello.attempt) {
            Ok(attached) => attached,
            Err(Denied::Older) => {
                let reason = "a newer socket of the session is known";
                self.outboxes.close(connection, CloseCode::Replaced, reason);
                return;
            }
            Err(Denied::LimitReached) => {
                self.outboxes.close(connection, CloseCode::Kicked, Code::LimitReached.as_str());
                return;
            }
        };
        self.connections.insert(connection, Connection::new(now, attached.id));
        self.outboxes.open(connection, encoding);
        self.timers.clear(Timer::Session(attached.id));
        self.give_up(attached.id);
        self.watch(connection);
        self.expect_token(connection, identity.expires_at);
        if let Some(older) = attached.replaced {
            self.close(now, older, CloseCode::Replaced, "a newer socket of the session took over");
        }
        if let Some((evicted, ops)) = attached.evicted {
            self.timers.clear(Timer::Session(evicted));
            self.submit(evicted, ops);
        }
        let wish = self.sessions.reconcile(attached.id, hello.joined);
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
        outcome: Result<Identity, Refusal>,
    ) {
        if self.is_greeting(connection) {
            self.keep_early(now, connection, Early::Token(id, outcome));
            return;
        }
        let session = match self.stage(connection) {
            Some(Stage::Greeted(session)) => session,
            Some(Stage::Parted) | None => return,
        };
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
                self.expect_token(connection, identity.expires_at);
                let expires_in_ms = expires_in_ms(now, identity.expires_at);
                self.outboxes.send(connection, &ServerFrame::Ok { id, fresh: None, expires_in_ms });
            }
            Ok(_) => {
                let message = "the token is of another user or application than the connection";
                self.refuse(connection, id, Refusal { code: Code::Unauthorized, message });
            }
            Err(refusal) => self.refuse(connection, id, refusal),
        }
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
