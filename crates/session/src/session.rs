//! The session: its public face.

use herenow_protocol::ServerFrame;

use crate::{Config, Intent, Lifecycle, Millis, Output, Problem, Roster, Seed, SocketEvent, SocketId, State};

/// One client of one user: what it wants, what the server has confirmed, and what has been told to the app.
#[derive(Debug)]
pub struct Session {
    state: State,
}

impl Session {
    /// A session that wants nothing yet.
    pub fn new(_config: Config, _seed: Seed) -> Self {
        Self { state: State::Idle }
    }

    /// The app wants something.
    pub fn handle_intent(&mut self, _now: Millis, _intent: Intent) {}

    /// Something happened to a socket.
    pub fn handle_socket(&mut self, _now: Millis, _socket: SocketId, _event: SocketEvent) {}

    /// The server said something.
    pub fn handle_frame(&mut self, _now: Millis, _socket: SocketId, _frame: ServerFrame) {}

    /// The answer to [`Output::NeedToken`].
    pub fn handle_token(&mut self, _now: Millis, _token: Result<String, Problem>) {}

    /// Something happened to the page.
    pub fn handle_lifecycle(&mut self, _now: Millis, _event: Lifecycle) {}

    /// The time of [`Session::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, _now: Millis) {}

    /// The next thing to do, until there is none. Intents become frames here.
    pub fn poll_output(&mut self, _now: Millis) -> Option<Output> {
        None
    }

    /// When [`Session::handle_timeout`] is to be called at the latest.
    pub fn poll_timeout(&self) -> Option<Millis> {
        None
    }

    /// The members of a channel as told so far; `None` unless it is observed in full mode.
    pub fn roster(&self, _channel: &str) -> Option<&Roster> {
        None
    }

    /// The state of the connection.
    pub fn state(&self) -> State {
        self.state
    }

    /// The own `userProfileId`, once the server has said it.
    pub fn user(&self) -> Option<&str> {
        None
    }
}
