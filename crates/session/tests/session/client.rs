//! A session with a clock, and a log of what it put out. The test plays the server.

use herenow_protocol::{
    Attributes, ClientFrame, Code, Epoch, Granted, Limits, Member, Mode, Refused, ServerFrame, Snapshot,
    Transition, Welcome,
};
use herenow_session::{
    Config, EventKind, Intent, Lifecycle, Millis, Output, Problem, PromiseId, Seed, Session, Settled,
    SocketEvent, SocketId, State, StateChange,
};

pub(crate) const EPOCH: Epoch = Epoch(7);

pub(crate) struct Client {
    pub(crate) session: Session,
    pub(crate) now: u64,
    /// Everything put out since the last `take`.
    pub(crate) log: Vec<Output>,
    /// Every promise that was settled.
    pub(crate) settled: Vec<(PromiseId, Result<Settled, Problem>)>,
    /// The last socket that was asked for and not closed by the session.
    pub(crate) socket: Option<SocketId>,
    /// Answer `NeedToken` at once.
    pub(crate) gives_tokens: bool,
    promises: u32,
}

impl Client {
    pub(crate) fn new() -> Self {
        Self::with(Config::default(), 1)
    }

    pub(crate) fn restoring() -> Self {
        Self::with(Config { restore_attributes: true, ..Config::default() }, 1)
    }

    pub(crate) fn with(config: Config, random: u64) -> Self {
        Self {
            session: Session::new(config, Seed { session: 0xfeed, random }),
            now: 1_000,
            log: Vec::new(),
            settled: Vec::new(),
            socket: None,
            gives_tokens: true,
            promises: 0,
        }
    }

    pub(crate) fn millis(&self) -> Millis {
        Millis(self.now)
    }

    // Intents: noted, not drained.

    fn intend(&mut self, intent: impl FnOnce(PromiseId) -> Intent) -> PromiseId {
        self.promises += 1;
        let promise = PromiseId(self.promises);
        self.session.handle_intent(self.millis(), intent(promise));
        promise
    }

    pub(crate) fn join(&mut self, channel: &str) -> PromiseId {
        self.intend(|promise| Intent::Join { promise, channel: channel.into() })
    }

    pub(crate) fn leave(&mut self, channel: &str) -> PromiseId {
        self.intend(|promise| Intent::Leave { promise, channel: channel.into() })
    }

    pub(crate) fn set(&mut self, channel: &str, value: &str) -> PromiseId {
        self.set_all(channel, mood(value))
    }

    pub(crate) fn set_all(&mut self, channel: &str, attributes: Attributes) -> PromiseId {
        self.intend(|promise| Intent::Set { promise, channel: channel.into(), attributes })
    }

    pub(crate) fn observe(&mut self, channel: &str) -> PromiseId {
        self.intend(|promise| Intent::Observe { promise, channel: channel.into() })
    }

    pub(crate) fn unobserve(&mut self, channel: &str) -> PromiseId {
        self.intend(|promise| Intent::Unobserve { promise, channel: channel.into() })
    }

    pub(crate) fn close(&mut self) -> PromiseId {
        self.intend(|promise| Intent::Close { promise })
    }

    // Draining and time.

    /// Drains the session into the log, then takes the frames that were sent since the last `take` or `frames`.
    pub(crate) fn frames(&mut self) -> Vec<ClientFrame> {
        self.messages().into_iter().flatten().collect()
    }

    pub(crate) fn messages(&mut self) -> Vec<Vec<ClientFrame>> {
        self.drain();
        let (sent, rest) = std::mem::take(&mut self.log)
            .into_iter()
            .partition(|output| matches!(output, Output::Send { .. }));
        self.log = rest;
        let frames = |output| match output {
            Output::Send { frames, .. } => Some(frames),
            _ => None,
        };
        Vec::into_iter(sent).filter_map(frames).collect()
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.session.poll_output(self.millis()) {
            match &output {
                Output::Connect { socket } => self.socket = Some(*socket),
                Output::CloseSocket { socket, .. } => {
                    assert_eq!(self.socket, Some(*socket), "closes the socket that there is");
                    self.socket = None;
                }
                Output::Send { socket, frames } => {
                    assert_eq!(self.socket, Some(*socket), "sends on the socket that there is");
                    assert!(!frames.is_empty());
                }
                Output::Resolve { promise, value } => self.settle(*promise, Ok(value.clone())),
                Output::Reject { promise, problem } => self.settle(*promise, Err(problem.clone())),
                Output::NeedToken { .. } if self.gives_tokens => {
                    self.session.handle_token(self.millis(), Ok("token".into()));
                }
                Output::NeedToken { .. }
                | Output::Occupancy(_)
                | Output::Events(_)
                | Output::State(_)
                | Output::Stale { .. }
                | Output::Warn(_) => {}
            }
            self.log.push(output);
        }
    }

    fn settle(&mut self, promise: PromiseId, result: Result<Settled, Problem>) {
        assert!(self.settled.iter().all(|(known, _)| *known != promise), "{promise:?} is settled twice");
        self.settled.push((promise, result));
    }

    /// Drains, then takes the log.
    pub(crate) fn take(&mut self) -> Vec<Output> {
        self.drain();
        std::mem::take(&mut self.log)
    }

    /// Lets time pass, with each deadline kept.
    pub(crate) fn advance(&mut self, ms: u64) {
        self.drain();
        let end = self.now + ms;
        while let Some(at) = self.session.poll_timeout().filter(|at| at.0 <= end) {
            self.now = self.now.max(at.0);
            self.timeout();
            if self.now == end {
                break;
            }
        }
        self.now = end;
        self.drain();
    }

    /// Calls the timeout now; afterwards no deadline may be over.
    pub(crate) fn timeout(&mut self) {
        self.session.handle_timeout(self.millis());
        self.drain();
        let next = self.session.poll_timeout();
        assert!(next.is_none_or(|at| at.0 > self.now), "{next:?} is not after {}", self.now);
    }

    // The socket.

    /// The socket opens; what is sent then.
    pub(crate) fn open(&mut self) -> Vec<ClientFrame> {
        self.drain();
        let socket = self.socket.expect("a socket was asked for");
        self.session.handle_socket(self.millis(), socket, SocketEvent::Opened);
        self.frames()
    }

    pub(crate) fn cut(&mut self) {
        self.closed(1006, "");
    }

    pub(crate) fn closed(&mut self, code: u16, reason: &str) {
        self.drain();
        let socket = self.socket.take().expect("there is a socket");
        let event = SocketEvent::Closed { code, reason: reason.into() };
        self.session.handle_socket(self.millis(), socket, event);
        self.drain();
    }

    pub(crate) fn lifecycle(&mut self, event: Lifecycle) {
        self.session.handle_lifecycle(self.millis(), event);
        self.drain();
    }

    // What the server says.

    pub(crate) fn hear(&mut self, frame: ServerFrame) {
        self.drain();
        let socket = self.socket.expect("there is a socket");
        self.session.handle_frame(self.millis(), socket, frame);
        self.drain();
    }

    pub(crate) fn ok(&mut self, frame: &ClientFrame) {
        self.hear(ServerFrame::Ok { id: id(frame), fresh: None, expires_in_ms: None });
    }

    pub(crate) fn fresh(&mut self, frame: &ClientFrame) {
        self.hear(ServerFrame::Ok { id: id(frame), fresh: Some(true), expires_in_ms: None });
    }

    pub(crate) fn error(&mut self, frame: &ClientFrame, code: Code, retry_in_ms: Option<u64>) {
        self.hear(ServerFrame::Error { id: id(frame), code, message: "no".into(), retry_in_ms });
    }

    pub(crate) fn welcome(&mut self, joined: &[(&str, bool)]) {
        self.welcome_with(joined, &[], |_| {});
    }

    pub(crate) fn welcome_with(
        &mut self,
        joined: &[(&str, bool)],
        refused: &[(&str, Code)],
        change: impl FnOnce(&mut Welcome),
    ) {
        let mut welcome = Welcome {
            user: "me".into(),
            node: "n1".into(),
            expires_in_ms: None,
            ping_interval_ms: 10_000,
            grace_ms: 10_000,
            limits: Limits::default(),
            joined: joined
                .iter()
                .map(|(channel, fresh)| Granted { channel: (*channel).into(), fresh: *fresh })
                .collect(),
            refused: refused
                .iter()
                .map(|(channel, code)| Refused { channel: (*channel).into(), code: *code })
                .collect(),
        };
        change(&mut welcome);
        self.hear(ServerFrame::Welcome(welcome));
    }

    pub(crate) fn tick(&mut self) {
        self.hear(ServerFrame::Tick {});
    }

    pub(crate) fn diff(&mut self, prev: u64, seq: u64, transitions: Vec<Transition>) {
        self.hear(ServerFrame::Diff { channel: "lobby".into(), prev, seq, transitions });
    }

    /// A whole snapshot of the lobby.
    pub(crate) fn snapshot(&mut self, epoch: Epoch, seq: u64, settles_in_ms: u64, members: &[(&str, &str)]) {
        self.hear(ServerFrame::Snapshot(page(epoch, seq, settles_in_ms, members, false)));
    }

    // Where a test begins.

    /// Joined in the lobby, everything confirmed, the log empty.
    pub(crate) fn joined() -> Self {
        let mut client = Self::new();
        client.join_lobby();
        client
    }

    pub(crate) fn join_lobby(&mut self) {
        let joined = self.join("lobby");
        self.open();
        self.welcome(&[("lobby", true)]);
        assert_eq!(self.result(joined), Some(Ok(Settled::Done)));
        self.take();
    }

    /// Observing the lobby from sequence 5 on, with these members, the log empty.
    pub(crate) fn observing(members: &[(&str, &str)]) -> Self {
        let mut client = Self::new();
        let observed = client.observe("lobby");
        let frames = client.open();
        client.welcome(&[]);
        client.snapshot(EPOCH, 5, 0, members);
        client.ok(&frames[1]);
        assert_eq!(client.result(observed), Some(Ok(Settled::Done)));
        client.take();
        client
    }

    /// After a loss: waits for the next attempt and opens it. What is sent then.
    pub(crate) fn reopen(&mut self) -> Vec<ClientFrame> {
        self.drain();
        if self.socket.is_none() {
            let at = self.session.poll_timeout().expect("an attempt is planned");
            let wait = at.0.saturating_sub(self.now);
            self.advance(wait);
        }
        self.open()
    }

    // What came of it.

    pub(crate) fn result(&mut self, promise: PromiseId) -> Option<Result<Settled, Problem>> {
        self.drain();
        self.settled.iter().find(|(known, _)| *known == promise).map(|(_, result)| result.clone())
    }

    pub(crate) fn is_done(&mut self, promise: PromiseId) -> bool {
        self.result(promise) == Some(Ok(Settled::Done))
    }

    pub(crate) fn stored(&mut self, promise: PromiseId) -> Option<Attributes> {
        match self.result(promise) {
            Some(Ok(Settled::Attributes(attributes))) => Some(attributes),
            _ => None,
        }
    }

    pub(crate) fn code(&mut self, promise: PromiseId) -> Option<Code> {
        self.result(promise)?.err().map(|problem| problem.code)
    }

    /// Takes the events told, in short: `+ann`, `-ann` (leave), `!ann` (timeout), `ann=mood`; `~` before derived ones.
    pub(crate) fn events(&mut self) -> Vec<String> {
        let log = self.take();
        let batches = log.into_iter().filter_map(|output| match output {
            Output::Events(events) => Some(events),
            _ => None,
        });
        batches
            .flatten()
            .map(|event| {
                let sync = if event.sync { "~" } else { "" };
                let user = event.user;
                assert_eq!(event.attributes.is_some(), event.kind == EventKind::Update);
                match event.kind {
                    EventKind::Join => format!("{sync}+{user}"),
                    EventKind::Leave => format!("{sync}-{user}"),
                    EventKind::Timeout => format!("{sync}!{user}"),
                    EventKind::Update => {
                        let attributes = event.attributes.unwrap();
                        format!("{sync}{user}={}", attributes.get("mood").unwrap_or(""))
                    }
                }
            })
            .collect()
    }

    /// The roster of the lobby, ordered, as `ann=mood`.
    pub(crate) fn roster(&self) -> Option<Vec<String>> {
        let roster = self.session.roster("lobby")?;
        let mut members: Vec<_> = roster
            .iter()
            .map(|(user, attributes)| format!("{user}={}", attributes.get("mood").unwrap_or("")))
            .collect();
        members.sort();
        Some(members)
    }

    /// Takes the changes of state.
    pub(crate) fn states(&mut self) -> Vec<StateChange> {
        let log = self.take();
        log.into_iter()
            .filter_map(|output| match output {
                Output::State(change) => Some(change),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn state(&mut self) -> State {
        self.drain();
        self.session.state()
    }
}

pub(crate) fn mood(value: &str) -> Attributes {
    if value.is_empty() { Attributes::new() } else { Attributes::from_iter([("mood", value)]) }
}

pub(crate) fn page(
    epoch: Epoch,
    seq: u64,
    settles_in_ms: u64,
    members: &[(&str, &str)],
    more: bool,
) -> Snapshot {
    let member = |(user, value): &(&str, &str)| Member { user: (*user).into(), attributes: mood(value) };
    Snapshot {
        channel: "lobby".into(),
        epoch,
        seq,
        mode: Mode::Full,
        settles_in_ms,
        members: members.iter().map(member).collect(),
        more,
    }
}

pub(crate) fn join(user: &str) -> Transition {
    Transition::Join { user: user.into() }
}

pub(crate) fn leave(user: &str) -> Transition {
    Transition::Leave { user: user.into() }
}

pub(crate) fn lost(user: &str) -> Transition {
    Transition::Timeout { user: user.into() }
}

pub(crate) fn set(user: &str, value: &str) -> Transition {
    Transition::Set { user: user.into(), attributes: mood(value) }
}

/// The number of a request.
pub(crate) fn id(frame: &ClientFrame) -> u32 {
    match frame {
        ClientFrame::Join { id, .. }
        | ClientFrame::Leave { id, .. }
        | ClientFrame::Set { id, .. }
        | ClientFrame::Observe { id, .. }
        | ClientFrame::Unobserve { id, .. }
        | ClientFrame::Token { id, .. } => *id,
        ClientFrame::Hello(_) | ClientFrame::Bye {} => panic!("{frame:?} is no request"),
    }
}

/// A frame in short: `join lobby`, `set lobby happy`, `observe lobby 5`, `hello a,b`.
pub(crate) fn short(frames: &[ClientFrame]) -> Vec<String> {
    frames
        .iter()
        .map(|frame| match frame {
            ClientFrame::Hello(hello) => format!("hello {}", hello.joined.join(",")),
            ClientFrame::Join { channel, .. } => format!("join {channel}"),
            ClientFrame::Leave { channel, .. } => format!("leave {channel}"),
            ClientFrame::Set { channel, attributes, .. } => {
                format!("set {channel} {}", attributes.get("mood").unwrap_or(""))
            }
            ClientFrame::Observe { channel, from, .. } => match from {
                Some(position) => format!("observe {channel} {}", position.seq),
                None => format!("observe {channel}"),
            },
            ClientFrame::Unobserve { channel, .. } => format!("unobserve {channel}"),
            ClientFrame::Token { token, .. } => format!("token {token}"),
            ClientFrame::Bye {} => "bye".into(),
        })
        .collect()
}
