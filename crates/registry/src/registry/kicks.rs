//! An operator throws a user out.

use herenow_protocol::{CloseCode, Code, Refused, ServerFrame, validate_channel};

use super::Registry;
use crate::names::User;
use crate::timers::Timer;
use crate::{ConnectionId, Millis};

impl Registry {
    /// Ends what the sessions of a user on this node have joined: `channel`, or with `None` everything, and then their
    /// sockets are closed with 4503. Observers are told of a leave. Gives how many sessions were concerned.
    ///
    /// Nothing keeps the user from coming back but a token that does not allow it.
    pub fn kick(&mut self, now: Millis, application: &str, user: &str, channel: Option<&str>) -> usize {
        let now = self.advance(now);
        let user = User::new(application, user);
        let concerned = match channel {
            Some(name) => self.kick_from(&user, name),
            None => self.kick_out(now, &user),
        };
        self.outboxes.counters.kicked_sessions += concerned as u64;
        self.settle(now);
        concerned
    }

    fn kick_from(&mut self, user: &User, name: &str) -> usize {
        if validate_channel(name).is_err() {
            return 0;
        }
        let channel = user.channel(name);
        let mut concerned = 0;
        for session in self.sessions.of_user(user) {
            if !self.sessions.joined(session).contains(&channel) {
                continue;
            }
            concerned += 1;
            if let Some(connection) = self.sessions.connection(session) {
                self.tell_left(connection, name);
            }
            if let Ok(op) = self.sessions.leave(session, name) {
                self.submit(session, vec![op]);
            }
        }
        concerned
    }

    fn kick_out(&mut self, now: Millis, user: &User) -> usize {
        let sessions = self.sessions.of_user(user);
        for session in &sessions {
            let connection = self.sessions.connection(*session);
            self.give_up(*session);
            let ops = self.sessions.expel(*session);
            self.submit(*session, ops);
            self.timers.clear(Timer::Session(*session));
            if let Some(connection) = connection {
                self.close(now, connection, CloseCode::Kicked, "kicked");
            }
        }
        sessions.len()
    }

    pub(super) fn tell_left(&mut self, connection: ConnectionId, name: &str) {
        let left = Refused { channel: name.into(), code: Code::Forbidden };
        self.outboxes.send(connection, &ServerFrame::Left(left));
    }
}
