//! Random histories against the model server: what is told, applied in order to the first roster, is the roster.

use std::collections::{BTreeMap, VecDeque};

use herenow_protocol::{Attributes, ClientFrame, ServerFrame};
use herenow_session::{Config, Event, EventKind, Lifecycle, Output, PromiseId, SocketEvent, SocketId};

use crate::client::{Client, mood};
use crate::model::{Dice, Model};

type Roster = BTreeMap<String, Attributes>;

/// What an app sees.
#[derive(Default)]
struct Listener {
    /// The roster when observing began, and every event since applied to it.
    roster: Option<Roster>,
    departures: BTreeMap<String, u32>,
    events: usize,
    derived: usize,
}

impl Listener {
    fn hear(&mut self, event: Event) {
        self.events += 1;
        self.derived += usize::from(event.sync);
        let roster = self.roster.as_mut().expect("events come only while observing");
        let user = event.user;
        match event.kind {
            EventKind::Join => {
                let known = roster.insert(user.clone(), Attributes::new());
                assert_eq!(known, None, "{user} joins twice");
            }
            EventKind::Leave | EventKind::Timeout => {
                assert!(roster.remove(&user).is_some(), "{user} departs without having joined");
                *self.departures.entry(user).or_default() += 1;
            }
            EventKind::Update => {
                let known = roster.get_mut(&user).expect("only members are updated");
                let attributes = event.attributes.expect("an update has attributes");
                assert_ne!(*known, attributes, "{user}: an update changes something");
                *known = attributes;
            }
        }
    }
}

struct World {
    client: Client,
    model: Model,
    listener: Listener,
    /// The socket that the network knows, and whether it is open.
    socket: Option<(SocketId, bool)>,
    /// With the time of arrival; a later frame never overtakes.
    up: VecDeque<(u64, ClientFrame)>,
    down: VecDeque<(u64, ServerFrame)>,
    dice: Dice,
    hidden: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let config = Config { restore_attributes: seed.is_multiple_of(2), ..Config::default() };
        Self {
            client: Client::with(config, seed),
            model: Model::new(seed),
            listener: Listener::default(),
            socket: None,
            up: VecDeque::new(),
            down: VecDeque::new(),
            dice: Dice(seed.wrapping_mul(0xda94_2042_e4dd_58b5) | 1),
            hidden: false,
        }
    }

    /// Carries out what the session wants, and compares what was told with the roster.
    fn pump(&mut self) {
        for output in self.client.take() {
            match output {
                Output::Connect { socket } => self.socket = Some((socket, false)),
                Output::CloseSocket { .. } => self.hang_up(),
                Output::Send { frames, .. } => {
                    let last = self.up.back().map_or(0, |(at, _)| *at);
                    let at = last.max(self.client.now + self.dice.below(400));
                    self.up.extend(frames.into_iter().map(|frame| (at, frame)));
                }
                Output::Events(events) => {
                    for event in events {
                        self.listener.hear(event);
                    }
                }
                Output::NeedToken { .. }
                | Output::Resolve { .. }
                | Output::Reject { .. }
                | Output::Occupancy(_)
                | Output::State(_)
                | Output::Stale { .. }
                | Output::Warn(_) => {}
            }
        }
        let roster = self.client.session.roster("lobby").map(|roster| {
            assert_eq!(roster.len(), roster.iter().count());
            roster.iter().map(|(user, attributes)| (user.to_owned(), attributes.clone())).collect::<Roster>()
        });
        if roster.is_none() || self.listener.roster.is_none() {
            self.listener.roster = roster;
        } else {
            assert_eq!(self.listener.roster, roster, "what was told is the roster");
        }
        for (user, told) in &self.listener.departures {
            let happened = self.model.departures.get(user).copied().unwrap_or(0);
            assert!(*told <= happened, "{user} departed {happened} times, told {told} times");
        }
        self.collect();
    }

    /// What the server said goes on its way.
    fn collect(&mut self) {
        for frame in std::mem::take(&mut self.model.to_client) {
            if self.socket.is_some() {
                let last = self.down.back().map_or(0, |(at, _)| *at);
                let at = last.max(self.client.now + self.dice.below(400));
                self.down.push_back((at, frame));
            }
        }
    }

    /// A socket ends that the client has closed: what it sent before still arrives.
    fn hang_up(&mut self) {
        if self.socket.take().is_some_and(|(_, open)| open) {
            for (_, frame) in std::mem::take(&mut self.up) {
                self.model.hear(self.client.now, frame);
            }
        }
        self.up.clear();
        self.down.clear();
        self.model.cut(self.client.now);
    }

    /// A socket is lost, with all that is under way.
    fn cut(&mut self) {
        self.pump();
        self.up.clear();
        self.down.clear();
        self.model.cut(self.client.now);
        if let Some((socket, _)) = self.socket.take() {
            let event = SocketEvent::Closed { code: 1006, reason: String::new() };
            self.client.socket = None;
            self.client.session.handle_socket(self.client.millis(), socket, event);
        }
    }

    /// Delivers what has arrived.
    fn deliver(&mut self) {
        loop {
            self.pump();
            let now = self.client.now;
            if let Some((socket, open @ false)) = &mut self.socket {
                *open = true;
                let socket = *socket;
                self.client.session.handle_socket(self.client.millis(), socket, SocketEvent::Opened);
            } else if let Some((_, frame)) = pop_due(&mut self.up, now) {
                self.model.hear(now, frame);
            } else if let Some((_, frame)) = pop_due(&mut self.down, now) {
                let (socket, _) = self.socket.expect("frames arrive on a socket");
                self.client.session.handle_frame(self.client.millis(), socket, frame);
            } else {
                return;
            }
        }
    }

    fn wait(&mut self, ms: u64) {
        for tenth in 1..=ms.div_ceil(100) {
            self.client.advance(100);
            self.model.pass(self.client.now);
            if tenth % 10 == 0 {
                self.model.flush(self.client.now);
            }
            self.deliver();
            if self.socket.is_some_and(|(_, open)| open) && self.dice.one_in(20) {
                self.model.to_client.push(ServerFrame::Tick {});
            }
        }
    }

    fn step(&mut self) {
        let now = self.client.now;
        match self.dice.below(40) {
            0..=9 => self.model.stir(),
            10..=16 => self.model.flush(now),
            17 => self.model.overflow(now),
            18 => self.cut(),
            19 if self.dice.one_in(3) => {
                self.model.restart(now);
                self.cut();
            }
            20 | 21 => {
                self.client.join("lobby");
            }
            22 => {
                self.client.leave("lobby");
            }
            23..=25 => {
                let value = self.dice.below(4).to_string();
                self.client.set_all("lobby", mood(&value));
            }
            26 | 27 => {
                self.client.observe("lobby");
            }
            28 if self.dice.one_in(4) => {
                self.client.unobserve("lobby");
            }
            29 if self.dice.one_in(4) => {
                self.hidden = !self.hidden;
                let event = if self.hidden { Lifecycle::PageHide } else { Lifecycle::PageShow };
                self.client.session.handle_lifecycle(self.client.millis(), event);
            }
            30 if self.dice.one_in(4) => {
                self.client.session.handle_lifecycle(self.client.millis(), Lifecycle::Online);
            }
            31 if self.socket.is_some_and(|(_, open)| open) && self.dice.one_in(3) => {
                self.model.to_client.push(ServerFrame::GoingAway { reconnect_in_ms: 300 });
            }
            32..=35 => self.wait(self.dice.0 % 1_500),
            36 if self.dice.one_in(10) => self.wait(12_000),
            _ => self.wait(100),
        }
        if !self.dice.one_in(3) {
            self.deliver();
        }
    }

    /// Ends the trouble, lets everything settle, and compares.
    fn finish(&mut self) {
        self.model.moody = false;
        self.wait(30_000);
        if std::mem::take(&mut self.hidden) {
            self.client.session.handle_lifecycle(self.client.millis(), Lifecycle::PageShow);
        }
        self.deliver();
        let promises = [self.client.observe("lobby"), self.client.join("lobby")];
        let stored = self.client.set("lobby", "the end");
        self.wait(30_000);
        self.model.flush(self.client.now);
        self.wait(2_000);
        for promise in promises {
            assert!(self.client.is_done(promise));
        }
        assert_eq!(self.client.stored(stored), Some(mood("the end")));
        assert_eq!(self.listener.roster.as_ref(), Some(&self.model.roster), "the roster is the server's");
        assert_eq!(self.model.roster.get("me"), Some(&mood("the end")));
        for promise in 1..=stored.0 {
            assert!(self.client.result(PromiseId(promise)).is_some(), "{promise} is settled");
        }
    }
}

fn pop_due<T>(queue: &mut VecDeque<(u64, T)>, now: u64) -> Option<(u64, T)> {
    if queue.front().is_some_and(|(at, _)| *at <= now) { queue.pop_front() } else { None }
}

#[test]
fn what_is_told_is_what_is_so() {
    let (mut events, mut derived) = (0, 0);
    for seed in 1..=400 {
        let mut world = World::new(seed);
        // A failure prints the seed above its message.
        println!("seed {seed}");
        for _ in 0..800 {
            world.step();
        }
        world.finish();
        events += world.listener.events;
        derived += world.listener.derived;
    }
    assert!(events > 20_000 && derived > 2_000, "{events} events, {derived} of them derived, is no test");
}
