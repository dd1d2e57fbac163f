//! A driver in virtual time: it delivers, reads, answers pings, and decodes what was sent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use herenow_protocol::{
    Attributes, ClientFrame, CloseCode, Code, Decoded, Encoding, Epoch, Hello, Member, Position, ServerFrame,
    SessionSecret, Snapshot, Transition, Welcome, codec,
};
use herenow_registry::store::{Request, SharedStore};
use herenow_registry::{Access, Config, ConnectionId, Identity, Millis, Output, Registry, UsersPage};

use crate::neighbour::{Neighbour, Way};

pub(crate) const APPLICATION: &str = "app";

/// The start of all tests: any time but 0, and on a tick's boundary.
pub(crate) const START: u64 = 1_000_000;

/// The partitions of a store that is shared.
pub(crate) const PARTITIONS: u16 = 2;

pub(crate) struct World {
    pub(crate) registry: Registry,
    /// What the registry shares, if it does.
    neighbour: Option<Neighbour>,
    pub(crate) now: u64,
    encodings: BTreeMap<ConnectionId, Encoding>,
    received: BTreeMap<ConnectionId, VecDeque<ServerFrame>>,
    closed: BTreeMap<ConnectionId, (CloseCode, &'static str)>,
    pings: BTreeMap<ConnectionId, u32>,
    /// Connections that answer no pings.
    silent: BTreeSet<ConnectionId>,
    /// Connections that read nothing, and how many bytes wait for them.
    stalled: BTreeMap<ConnectionId, usize>,
    last_connection: u64,
    last_id: u32,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        Self::of(Registry::new(config, 7, Millis(START)), None)
    }

    /// A node on a store that it shares, and that answers at once.
    pub(crate) fn sharing() -> Self {
        let config = Config::default();
        let store = SharedStore::new(Millis(START), Epoch(7), PARTITIONS, config.node_lease_ms);
        let registry = Registry::sharing(config, PARTITIONS, 7, Millis(START));
        Self::of(registry, Some(Neighbour::new(store)))
    }

    fn of(registry: Registry, neighbour: Option<Neighbour>) -> Self {
        Self {
            registry,
            neighbour,
            now: START,
            encodings: BTreeMap::new(),
            received: BTreeMap::new(),
            closed: BTreeMap::new(),
            pings: BTreeMap::new(),
            silent: BTreeSet::new(),
            stalled: BTreeMap::new(),
            last_connection: 0,
            last_id: 0,
        }
    }

    pub(crate) fn millis(&self) -> Millis {
        Millis(self.now)
    }

    // --- what clients do ---

    /// A socket that has not said hello.
    pub(crate) fn connect_as(&mut self, encoding: Encoding) -> ConnectionId {
        self.last_connection += 1;
        let connection = ConnectionId(self.last_connection);
        self.encodings.insert(connection, encoding);
        connection
    }

    pub(crate) fn connect(&mut self) -> ConnectionId {
        self.connect_as(Encoding::Json)
    }

    /// Connects and says hello, attempt 1, and takes the welcome.
    pub(crate) fn client(&mut self, user: &str, secret: u128, joined: &[&str]) -> ConnectionId {
        self.client_again(user, secret, 1, joined).0
    }

    pub(crate) fn client_again(
        &mut self,
        user: &str,
        secret: u128,
        attempt: u32,
        joined: &[&str],
    ) -> (ConnectionId, Welcome) {
        let connection = self.connect();
        self.hello(connection, user, secret, attempt, joined);
        let Some(ServerFrame::Welcome(welcome)) = self.next(connection) else {
            panic!("no welcome, but {:?}", self.closed.get(&connection));
        };
        (connection, welcome)
    }

    pub(crate) fn hello(
        &mut self,
        connection: ConnectionId,
        user: &str,
        secret: u128,
        attempt: u32,
        joined: &[&str],
    ) {
        let hello = Hello {
            client_id: APPLICATION.into(),
            token: None,
            session: SessionSecret(secret),
            attempt,
            joined: joined.iter().map(|name| (*name).into()).collect(),
        };
        self.hello_as(connection, hello, identity(user));
    }

    pub(crate) fn hello_as(&mut self, connection: ConnectionId, hello: Hello, identity: Identity) {
        let encoding = self.encodings[&connection];
        self.registry.handle_hello(self.millis(), connection, encoding, hello, identity);
        self.drain();
    }

    pub(crate) fn say(&mut self, connection: ConnectionId, frames: Vec<ClientFrame>) {
        self.deliver(connection, frames);
        self.drain();
    }

    /// Hands frames over without taking what comes of them.
    pub(crate) fn deliver(&mut self, connection: ConnectionId, frames: Vec<ClientFrame>) {
        let frames = frames.into_iter().map(Decoded::Frame).collect();
        self.registry.handle_frames(self.millis(), connection, frames);
    }

    pub(crate) fn id(&mut self) -> u32 {
        self.last_id += 1;
        self.last_id
    }

    pub(crate) fn join(&mut self, connection: ConnectionId, channel: &str) -> Answer {
        let id = self.id();
        self.say(connection, vec![ClientFrame::Join { id, channel: channel.into() }]);
        self.answer(connection, id)
    }

    pub(crate) fn leave(&mut self, connection: ConnectionId, channel: &str) -> Answer {
        let id = self.id();
        self.say(connection, vec![ClientFrame::Leave { id, channel: channel.into() }]);
        self.answer(connection, id)
    }

    pub(crate) fn set(&mut self, connection: ConnectionId, channel: &str, mood: &str) -> Answer {
        let id = self.id();
        self.say(connection, vec![ClientFrame::Set { id, channel: channel.into(), attributes: moods(mood) }]);
        self.answer(connection, id)
    }

    pub(crate) fn observe(
        &mut self,
        connection: ConnectionId,
        channel: &str,
        from: Option<Position>,
    ) -> Vec<ServerFrame> {
        let id = self.id();
        self.say(connection, vec![ClientFrame::Observe { id, channel: channel.into(), from }]);
        self.settle();
        let frames = self.take(connection);
        assert!(
            frames.iter().any(|frame| matches!(frame, ServerFrame::Ok { id: done, .. } if *done == id)),
            "not answered: {frames:?}"
        );
        frames
    }

    /// Observes from nothing and gives the one page of the snapshot.
    pub(crate) fn snapshot(&mut self, connection: ConnectionId, channel: &str) -> Snapshot {
        let frames = self.observe(connection, channel, None);
        match frames.as_slice() {
            [ServerFrame::Snapshot(snapshot), ServerFrame::Ok { .. }] => snapshot.clone(),
            other => panic!("expected a snapshot and ok, got {other:?}"),
        }
    }

    pub(crate) fn unobserve(&mut self, connection: ConnectionId, channel: &str) -> Answer {
        let id = self.id();
        self.say(connection, vec![ClientFrame::Unobserve { id, channel: channel.into() }]);
        self.answer(connection, id)
    }

    pub(crate) fn bye(&mut self, connection: ConnectionId) {
        self.say(connection, vec![ClientFrame::Bye {}]);
        self.disconnect(connection);
    }

    pub(crate) fn disconnect(&mut self, connection: ConnectionId) {
        self.registry.handle_disconnect(self.millis(), connection);
        self.drain();
    }

    /// The machine vanishes: nothing of it arrives any more.
    pub(crate) fn vanish(&mut self, connection: ConnectionId) {
        self.silent.insert(connection);
    }

    pub(crate) fn revive(&mut self, connection: ConnectionId) {
        self.silent.remove(&connection);
    }

    pub(crate) fn stall(&mut self, connection: ConnectionId) {
        self.stalled.insert(connection, 0);
    }

    pub(crate) fn waiting_bytes(&self, connection: ConnectionId) -> usize {
        self.stalled.get(&connection).copied().unwrap_or(0)
    }

    /// A stalled connection reads up to `bytes`.
    pub(crate) fn read(&mut self, connection: ConnectionId, bytes: usize) {
        let waiting = self.stalled.get_mut(&connection).unwrap();
        let read = bytes.min(*waiting);
        *waiting -= read;
        self.registry.handle_written(self.millis(), connection, read);
        self.drain();
    }

    /// A stalled connection reads everything that comes, from now on.
    pub(crate) fn unstall(&mut self, connection: ConnectionId) {
        let waiting = self.stalled.remove(&connection).unwrap();
        self.registry.handle_written(self.millis(), connection, waiting);
        self.drain();
    }

    // --- reads ---

    pub(crate) fn page(&self, channel: &str, after: Option<&str>, limit: usize) -> UsersPage {
        self.registry.users(self.millis(), APPLICATION, channel, after, limit).unwrap()
    }

    pub(crate) fn attributes(&self, channel: &str, user: &str) -> Attributes {
        self.registry.attributes(APPLICATION, channel, user).unwrap()
    }

    pub(crate) fn count(&self, channel: &str) -> u64 {
        self.registry.count(APPLICATION, channel).unwrap()
    }

    pub(crate) fn user_channels(&self, user: &str) -> Vec<String> {
        self.registry.user_channels(APPLICATION, user).unwrap()
    }

    // --- the driver ---

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.registry.poll_output(self.millis()) {
            match output {
                Output::Send { connection, frame } => {
                    assert!(!self.closed.contains_key(&connection), "a frame after the close");
                    let decoded = decode(self.encodings[&connection], &frame);
                    self.received.entry(connection).or_default().push_back(decoded);
                    match self.stalled.get_mut(&connection) {
                        Some(waiting) => *waiting += frame.len(),
                        None => self.registry.handle_written(self.millis(), connection, frame.len()),
                    }
                }
                Output::Ping { connection } => {
                    *self.pings.entry(connection).or_default() += 1;
                    if !self.silent.contains(&connection) {
                        self.registry.handle_heard(self.millis(), connection);
                    }
                }
                Output::Ask(request) => self.ask(request),
                Output::Close { connection, code, reason } => {
                    assert!(reason.len() <= 123, "a close frame holds 123 bytes of reason");
                    assert_eq!(self.closed.insert(connection, (code, reason)), None, "closed twice");
                }
            }
        }
    }

    fn ask(&mut self, request: Request) {
        let now = self.millis();
        let Some(neighbour) = &mut self.neighbour else {
            panic!("a node of its own asks nobody: {request:?}")
        };
        neighbour.ask(now, request, &mut self.registry);
    }

    /// The store that is shared.
    pub(crate) fn neighbour(&mut self) -> &mut Neighbour {
        self.neighbour.as_mut().unwrap()
    }

    /// Opens another way to it, or closes one.
    pub(crate) fn set_way(&mut self, way: Way) {
        let now = self.millis();
        let neighbour = self.neighbour.as_mut().unwrap();
        neighbour.way = way;
        neighbour.tell_log(now, &mut self.registry);
        self.drain();
    }

    /// Lets time pass, waking the registry at each of its deadlines.
    pub(crate) fn advance(&mut self, ms: u64) {
        let end = self.now + ms;
        while let Some(at) = self.registry.poll_timeout()
            && at.0 <= end
        {
            self.now = self.now.max(at.0);
            self.wake();
        }
        self.now = end;
        self.wake();
    }

    fn wake(&mut self) {
        self.registry.handle_timeout(self.millis());
        self.drain();
    }

    /// Lets what waits for a tick go out.
    pub(crate) fn settle(&mut self) {
        self.advance(50);
    }

    // --- what clients have got ---

    pub(crate) fn next(&mut self, connection: ConnectionId) -> Option<ServerFrame> {
        self.received.get_mut(&connection)?.pop_front()
    }

    pub(crate) fn take(&mut self, connection: ConnectionId) -> Vec<ServerFrame> {
        self.received.remove(&connection).map(Vec::from).unwrap_or_default()
    }

    /// The answer to a request, which must be the newest; other frames stay.
    pub(crate) fn answer(&mut self, connection: ConnectionId, id: u32) -> Answer {
        let frames = self.received.entry(connection).or_default();
        let at = frames.iter().position(|frame| match frame {
            ServerFrame::Ok { id: done, .. } | ServerFrame::Error { id: done, .. } => *done == id,
            _ => false,
        });
        match at.and_then(|at| frames.remove(at)) {
            Some(ServerFrame::Ok { fresh, .. }) => Answer(Ok(fresh)),
            Some(ServerFrame::Error { code, .. }) => Answer(Err(code)),
            other => panic!("no answer to {id}, but {other:?} and {frames:?}"),
        }
    }

    /// The transitions that `connection` was told of `channel`; everything else it got must be ticks.
    pub(crate) fn told(&mut self, connection: ConnectionId, channel: &str) -> Vec<Transition> {
        let mut told = Vec::new();
        for frame in self.take(connection) {
            match frame {
                ServerFrame::Diff { channel: of, transitions, .. } if of == channel => {
                    told.extend(transitions)
                }
                ServerFrame::Tick {} => {}
                other => panic!("unexpected {other:?}"),
            }
        }
        told
    }

    pub(crate) fn close_of(&self, connection: ConnectionId) -> Option<(CloseCode, &'static str)> {
        self.closed.get(&connection).copied()
    }

    pub(crate) fn close_code(&self, connection: ConnectionId) -> Option<CloseCode> {
        self.close_of(connection).map(|(code, _)| code)
    }

    pub(crate) fn pings(&self, connection: ConnectionId) -> u32 {
        self.pings.get(&connection).copied().unwrap_or(0)
    }

    pub(crate) fn users(&self, channel: &str) -> Vec<String> {
        self.members(channel).into_iter().map(|member| member.user).collect()
    }

    /// All, page by page.
    pub(crate) fn members(&self, channel: &str) -> Vec<Member> {
        let mut page = self.page(channel, None, 100_000);
        let mut members = page.users;
        while let Some(after) = page.next {
            page = self.page(channel, Some(&after), 100_000);
            members.append(&mut page.users);
        }
        members
    }
}

/// `fresh` of an ok, or the code of an error. Not a `Result`, since most tests need not look at it.
#[derive(Debug)]
pub(crate) struct Answer(pub(crate) Result<Option<bool>, Code>);

impl PartialEq<Result<Option<bool>, Code>> for Answer {
    fn eq(&self, other: &Result<Option<bool>, Code>) -> bool {
        self.0 == *other
    }
}

pub(crate) fn identity(user: &str) -> Identity {
    Identity {
        application: APPLICATION.into(),
        user: user.into(),
        expires_at: None,
        access: Access::default(),
        key: None,
    }
}

pub(crate) fn moods(mood: &str) -> Attributes {
    Attributes::from_iter([("mood", mood)])
}

pub(crate) fn joined(user: &str) -> Transition {
    Transition::Join { user: user.into() }
}

pub(crate) fn left(user: &str) -> Transition {
    Transition::Leave { user: user.into() }
}

pub(crate) fn timed_out(user: &str) -> Transition {
    Transition::Timeout { user: user.into() }
}

pub(crate) fn mood_of(user: &str, mood: &str) -> Transition {
    Transition::Set { user: user.into(), attributes: moods(mood) }
}

/// No limit of the rate.
pub(crate) fn unlimited() -> Config {
    Config { limits: herenow_protocol::Limits::with_rate(0), ..Config::default() }
}

fn decode(encoding: Encoding, frame: &[u8]) -> ServerFrame {
    let frames = match encoding {
        Encoding::Json => codec::json::decode(&[b"[", frame, b"]"].concat()),
        Encoding::Postcard => codec::postcard::decode(frame),
    };
    match frames.unwrap().pop() {
        Some(Decoded::Frame(frame)) => frame,
        other => panic!("not a frame: {other:?}"),
    }
}
