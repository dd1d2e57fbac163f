//! Drives a registry and the model side by side, and compares what both say.

use std::collections::{BTreeMap, BTreeSet};

use herenow_protocol::{
    ClientFrame, CloseCode, Code, Decoded, Encoding, Hello, ServerFrame, SessionSecret, codec,
};
use herenow_registry::{Access, Config, ConnectionId, Identity, Millis, Output, Registry};

use crate::backing::Backing;
use crate::eye::{Eye, Watch, attributes_of, tells};
use crate::model::{Channel, GRACE_MS, Key, LINGER_MS, Model, Mood, Told, User};

pub(crate) const APPLICATIONS: [&str; 2] = ["one", "two"];
pub(crate) const CHANNELS: [Channel; 3] = ["a", "b", "c"];
const ANN: User = ("one", "ann");
const BOB: User = ("one", "bob");
/// The same name, and the same secret, in another application.
const OTHER_ANN: User = ("two", "ann");
const USERS: [User; 3] = [ANN, BOB, OTHER_ANN];
/// Ann has three tabs.
pub(crate) const SESSIONS: [Key; 6] = [(ANN, 1), (ANN, 2), (ANN, 3), (BOB, 1), (BOB, 5), (OTHER_ANN, 1)];

pub(crate) const TICK_MS: u64 = 50;
const PING_INTERVAL_MS: u64 = 10_000;
const START: u64 = 1_000_000;

pub(crate) struct Driver {
    registry: Registry,
    backing: Backing,
    model: Model,
    pub(crate) now: u64,
    /// The socket that each session was heard on last.
    sockets: BTreeMap<Key, ConnectionId>,
    /// The socket before that one, or the one that ended.
    dead: BTreeMap<Key, ConnectionId>,
    attempts: BTreeMap<Key, u32>,
    /// Sockets of machines that are gone, and since when.
    silent: BTreeMap<ConnectionId, (Key, u64)>,
    /// How a socket may be closed, beside being found silent.
    closable: BTreeSet<(ConnectionId, u16)>,
    closed: BTreeSet<ConnectionId>,
    received: BTreeMap<ConnectionId, Vec<ServerFrame>>,
    eyes: Vec<Eye>,
    /// The application and the channel in which a session joined, left or set last.
    pub(crate) asked_last: Option<(&'static str, Channel)>,
    last_connection: u64,
    last_id: u32,
}

impl Driver {
    /// With a store that is shared, if there are `partitions`.
    pub(crate) fn new(partitions: Option<u16>) -> Self {
        let config = Config {
            tick_ms: TICK_MS,
            grace_ms: GRACE_MS,
            goodbye_linger_ms: LINGER_MS,
            ping_interval_ms: PING_INTERVAL_MS,
            limits: herenow_protocol::Limits::with_rate(0),
            ..Config::default()
        };
        let (registry, backing) = Backing::start(config, partitions, Millis(START));
        let mut driver = Self {
            registry,
            backing,
            model: Model::default(),
            now: START,
            sockets: BTreeMap::new(),
            dead: BTreeMap::new(),
            attempts: BTreeMap::new(),
            silent: BTreeMap::new(),
            closable: BTreeSet::new(),
            closed: BTreeSet::new(),
            received: BTreeMap::new(),
            eyes: Vec::new(),
            asked_last: None,
            last_connection: 0,
            last_id: 0,
        };
        for application in APPLICATIONS {
            let connection = driver.greet(((application, "eye"), 9), 1, &[]);
            let watches = CHANNELS.map(|channel| (channel, Watch::default())).into_iter().collect();
            driver.eyes.push(Eye { application, connection, watches });
            for channel in CHANNELS {
                driver.observe(application, channel, true);
            }
        }
        driver
    }

    // --- what happens ---

    pub(crate) fn hello(&mut self, key: Key, attempt: u32, joined: &[Channel]) {
        let expected = self.model.hello(key, attempt, joined);
        let older = self.sockets.get(&key).copied();
        if expected.is_some()
            && let Some(older) = older
        {
            // Unless it has been closed already, or has said goodbye.
            self.closable.insert((older, CloseCode::Replaced.number()));
        }
        let connection = self.greet(key, attempt, joined);
        let welcomed = self.take(connection).into_iter().find_map(|frame| match frame {
            ServerFrame::Welcome(welcome) => Some(welcome),
            _ => None,
        });
        match (expected, welcomed) {
            (None, None) => assert!(self.closed.contains(&connection), "an older attempt is closed"),
            (Some(expected), Some(welcome)) => {
                let granted = welcome.joined.iter().map(|granted| (granted.channel.as_str(), granted.fresh));
                let mut granted: Vec<_> = granted.collect();
                granted.sort_unstable();
                assert_eq!(granted, expected, "what hello of {key:?} made of its channels");
                assert!(welcome.refused.is_empty(), "nothing is refused");
                self.attempts.insert(key, attempt);
                self.sockets.insert(key, connection);
                if let Some(older) = older {
                    self.silent.remove(&older);
                    self.dead.insert(key, older);
                }
            }
            (expected, welcomed) => panic!("hello of {key:?}: {expected:?} and {welcomed:?}"),
        }
    }

    /// The attempt of a next socket: `step` after the newest one that was welcomed. Of a session that has ended no older
    /// socket comes any more.
    pub(crate) fn attempt(&self, key: Key, step: i64) -> u32 {
        let newest = i64::from(self.attempts.get(&key).copied().unwrap_or(1));
        let step = if self.model.knows(key) { step } else { step.max(0) };
        u32::try_from(newest + step).unwrap_or(0)
    }

    pub(crate) fn join(&mut self, key: Key, channel: Channel) {
        if let Some(answer) = self.ask(key, channel, |id| ClientFrame::Join { id, channel: channel.into() }) {
            let fresh = self.model.join(key, channel);
            assert_eq!(answer, Ok(Some(fresh)), "join of {key:?} in {channel}");
        }
    }

    pub(crate) fn leave(&mut self, key: Key, channel: Channel) {
        if let Some(answer) = self.ask(key, channel, |id| ClientFrame::Leave { id, channel: channel.into() })
        {
            self.model.leave(key, channel);
            assert_eq!(answer, Ok(None), "leave of {key:?} in {channel}");
        }
    }

    pub(crate) fn set(&mut self, key: Key, channel: Channel, mood: Mood) {
        let attributes = attributes_of(mood);
        if let Some(answer) =
            self.ask(key, channel, |id| ClientFrame::Set { id, channel: channel.into(), attributes })
        {
            let expected = if self.model.set(key, channel, mood) { Ok(None) } else { Err(Code::NotJoined) };
            assert_eq!(answer, expected, "set of {key:?} in {channel}");
        }
    }

    /// The page closes. Its socket is closed as well, sooner or later.
    pub(crate) fn bye(&mut self, key: Key, closes: bool) {
        let Some(connection) = self.live(key) else { return };
        self.sockets.remove(&key);
        self.dead.insert(key, connection);
        self.model.bye(key, self.now);
        self.closable.insert((connection, CloseCode::Restart.number()));
        self.say(connection, vec![ClientFrame::Bye {}]);
        if closes {
            self.registry.handle_disconnect(Millis(self.now), connection);
        }
    }

    /// The socket is lost.
    pub(crate) fn cut(&mut self, key: Key) {
        let Some(connection) = self.sockets.remove(&key) else { return };
        self.silent.remove(&connection);
        self.dead.insert(key, connection);
        self.model.lose(key, self.now);
        self.registry.handle_disconnect(Millis(self.now), connection);
    }

    /// The machine is gone: nothing of it arrives any more.
    pub(crate) fn vanish(&mut self, key: Key) {
        if let Some(connection) = self.live(key) {
            self.silent.insert(connection, (key, self.now));
        }
    }

    /// Something of a socket arrives that is no longer the session's. It must change nothing.
    pub(crate) fn late(&mut self, key: Key, channel: Channel) {
        let Some(connection) = self.dead.get(&key).copied() else { return };
        let (id, channel) = (1, String::from(channel));
        let frames = vec![
            ClientFrame::Join { id, channel: channel.clone() },
            ClientFrame::Set { id, channel: channel.clone(), attributes: attributes_of(3) },
            ClientFrame::Leave { id, channel },
            ClientFrame::Bye {},
        ];
        self.take(connection);
        self.say(connection, frames);
        assert_eq!(self.take(connection), [], "a dead socket of {key:?} is answered");
        self.registry.handle_disconnect(Millis(self.now), connection);
    }

    /// Observes a channel from where the observer stands, or `anew`.
    pub(crate) fn observe(&mut self, application: &str, channel: Channel, anew: bool) {
        let id = self.id();
        let eye = self.eyes.iter_mut().find(|eye| eye.application == application).expect("one for each");
        let watch = eye.watches.entry(channel).or_default();
        watch.open = true;
        let from = if anew { None } else { watch.position };
        let connection = eye.connection;
        self.say(connection, vec![ClientFrame::Observe { id, channel: channel.into(), from }]);
        self.pass(TICK_MS);
    }

    /// Stops observing a channel, once all was told.
    pub(crate) fn unobserve(&mut self, application: &str, channel: Channel) {
        self.compare_streams();
        let id = self.id();
        let eye = self.eyes.iter_mut().find(|eye| eye.application == application).expect("one for each");
        eye.watches.entry(channel).or_default().open = false;
        let connection = eye.connection;
        self.say(connection, vec![ClientFrame::Unobserve { id, channel: channel.into() }]);
    }

    /// Time passes; the registry is woken at each of its deadlines.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.now + ms;
        while let Some(at) = self.registry.poll_timeout()
            && at.0 <= end
        {
            self.now = self.now.max(at.0);
            self.registry.handle_timeout(Millis(self.now));
            self.turn();
        }
        self.now = end;
        self.turn();
    }

    // --- the registry's side ---

    fn greet(&mut self, (user, secret): Key, attempt: u32, joined: &[Channel]) -> ConnectionId {
        self.last_connection += 1;
        let connection = ConnectionId(self.last_connection);
        let (application, name) = user;
        let hello = Hello {
            client_id: application.into(),
            token: None,
            session: SessionSecret(secret),
            attempt,
            joined: joined.iter().map(|channel| (*channel).into()).collect(),
        };
        let identity = Identity {
            application: application.into(),
            user: name.into(),
            expires_at: None,
            access: Access::default(),
            key: None,
        };
        // What an older attempt is told.
        self.closable.insert((connection, CloseCode::Replaced.number()));
        self.registry.handle_hello(Millis(self.now), connection, encoding(connection), hello, identity);
        self.turn();
        self.closable.remove(&(connection, CloseCode::Replaced.number()));
        connection
    }

    fn say(&mut self, connection: ConnectionId, frames: Vec<ClientFrame>) {
        let frames = frames.into_iter().map(Decoded::Frame).collect();
        self.registry.handle_frames(Millis(self.now), connection, frames);
        self.drain();
    }

    /// The socket of a session, if its machine is there.
    fn live(&self, key: Key) -> Option<ConnectionId> {
        self.sockets.get(&key).copied().filter(|connection| !self.silent.contains_key(connection))
    }

    /// Says a frame and gives its answer: `fresh`, or the code of an error. `None` if the session has no socket.
    fn ask(
        &mut self,
        key: Key,
        channel: Channel,
        frame: impl FnOnce(u32) -> ClientFrame,
    ) -> Option<Result<Option<bool>, Code>> {
        let connection = self.live(key)?;
        self.asked_last = Some((key.0.0, channel));
        let id = self.id();
        self.take(connection);
        self.say(connection, vec![frame(id)]);
        let answer = self.take(connection).into_iter().find_map(|frame| match frame {
            ServerFrame::Ok { id: of, fresh, .. } if of == id => Some(Ok(fresh)),
            ServerFrame::Error { id: of, code, .. } if of == id => Some(Err(code)),
            _ => None,
        });
        Some(answer.unwrap_or_else(|| panic!("{key:?} got no answer")))
    }

    fn id(&mut self) -> u32 {
        self.last_id += 1;
        self.last_id
    }

    fn take(&mut self, connection: ConnectionId) -> Vec<ServerFrame> {
        self.received.remove(&connection).unwrap_or_default()
    }

    /// Carries out what the registry wants, lets the model reach the same time, and compares.
    fn turn(&mut self) {
        self.drain();
        self.model.pass(self.now);
        self.compare_reads();
        for (key, since) in self.silent.values() {
            assert!(self.now - since <= 2 * PING_INTERVAL_MS + 1_000, "{key:?} is gone and still connected");
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.registry.poll_output(Millis(self.now)) {
            match output {
                Output::Send { connection, frame } => {
                    assert!(!self.closed.contains(&connection), "a frame after the close");
                    self.registry.handle_written(Millis(self.now), connection, frame.len());
                    let frame = decode(encoding(connection), &frame);
                    match self.eyes.iter_mut().find(|eye| eye.connection == connection) {
                        Some(eye) => eye.apply(frame),
                        None => self.received.entry(connection).or_default().push(frame),
                    }
                }
                Output::Ping { connection } => {
                    if !self.silent.contains_key(&connection) {
                        self.registry.handle_heard(Millis(self.now), connection);
                    }
                }
                Output::Ask(request) => {
                    self.backing.answer(&mut self.registry, Millis(self.now), request);
                }
                Output::Close { connection, code, reason } => self.close(connection, code, reason),
            }
        }
    }

    fn close(&mut self, connection: ConnectionId, code: CloseCode, reason: &str) {
        assert!(self.closed.insert(connection), "closed twice");
        if self.closable.remove(&(connection, code.number())) {
            return;
        }
        let gone = self.silent.remove(&connection).filter(|_| code == CloseCode::Silent);
        let Some((key, _)) = gone else { panic!("a socket was closed with {code:?}: {reason}") };
        self.sockets.remove(&key);
        self.dead.insert(key, connection);
        self.model.lose(key, self.now);
    }

    // --- comparing ---

    fn compare_reads(&self) {
        for application in APPLICATIONS {
            for channel in CHANNELS {
                let roster = self.backing.roster(&self.registry, Millis(self.now), application, channel);
                let expected = self.model.roster(application, channel);
                assert_eq!(roster, expected, "the members of {channel} in {application}");
            }
        }
        for user in USERS {
            for channel in CHANNELS {
                let mood = self.backing.mood(&self.registry, user, channel);
                assert_eq!(mood, self.model.mood(user, channel), "the attributes of {user:?} in {channel}");
            }
            let channels = self.backing.channels_of(&self.registry, user);
            assert_eq!(channels, self.model.channels_of(user), "the channels of {user:?}");
        }
    }

    /// Compares what observers were told, a tick later, when all of it must have gone out.
    pub(crate) fn compare_streams(&mut self) {
        self.pass(TICK_MS);
        for eye in &mut self.eyes {
            for (channel, watch) in eye.watches.iter_mut().filter(|(_, watch)| watch.open) {
                let roster = self.model.roster(eye.application, channel);
                assert_eq!(watch.roster, roster, "the roster of {channel} in {} as told", eye.application);
                let mut told = std::mem::take(&mut watch.told);
                let jumped = std::mem::take(&mut watch.jumped);
                for user in USERS.iter().filter(|user| user.0 == eye.application) {
                    let happened = self.model.told.remove(&(*user, *channel)).unwrap_or_default();
                    let told: Vec<Told> = told.remove(user.1).unwrap_or_default();
                    let fits = jumped || tells(&told, &happened);
                    assert!(fits, "of {user:?} in {channel} was told {told:?}, and it was {happened:?}");
                }
                assert!(told.is_empty(), "told of nobody known: {told:?}");
            }
        }
    }
}

fn encoding(connection: ConnectionId) -> Encoding {
    if connection.0.is_multiple_of(2) { Encoding::Json } else { Encoding::Postcard }
}

fn decode(encoding: Encoding, frame: &[u8]) -> ServerFrame {
    let frames = match encoding {
        Encoding::Json => codec::json::decode(&[b"[", frame, b"]"].concat()),
        Encoding::Postcard => codec::postcard::decode(frame),
    };
    match frames.map(|mut frames| frames.pop()) {
        Ok(Some(Decoded::Frame(frame))) => frame,
        other => panic!("not a frame: {other:?}"),
    }
}
