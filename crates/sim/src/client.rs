//! A tab: one session with what the SDK around it and the browser do.

use std::collections::{BTreeMap, VecDeque};

use herenow_protocol::codec::compact;
use herenow_protocol::{Attributes, ClientFrame, Code, MAX_MESSAGE_BYTES, ServerFrame};
use herenow_session::{
    Config, Event as Told, Intent, Millis, Output, Problem, PromiseId, Seed, Session, Settled, SocketEvent,
    SocketId, State, StateChange,
};

use crate::air::Air;
use crate::dice::luck;
use crate::failure::Invariant;
use crate::net::{Begin, Browser, Down, Link, LinkId, Up, is_up};
use crate::oracle::stream::Stream;
use crate::oracle::wish::Wish;
use crate::oracle::{Roster, channel_number};
use crate::plan::{CHANNELS, Call, USERS, Value, Way};
use crate::world::{Event, World};

/// Milliseconds that a promise may take beyond its time.
pub(crate) const PROMISE_SLACK_MS: u64 = 500;
/// Outputs of one drain, at most.
const MAX_OUTPUTS: usize = 20_000;
/// Silence after which a session gives its socket up.
const SILENCE_MS: u64 = 25_000;

/// What the token source says.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Token(u64),
    Fails,
}

/// A place for a tab, and the network around it.
pub(crate) struct Slot {
    pub(crate) user: usize,
    /// Tabs that were here.
    pub(crate) lives: u32,
    pub(crate) tab: Option<Tab>,
    pub(crate) air: Air,
    /// What the next page does first.
    pub(crate) next_calls: Vec<Call>,
}

impl Slot {
    pub(crate) fn new(index: usize) -> Self {
        Self { user: index % USERS, lives: 0, tab: None, air: Air::default(), next_calls: Vec::new() }
    }
}

/// How a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Running,
    /// No JavaScript runs; the browser still answers pings.
    Frozen,
    /// In the back/forward cache.
    Hidden,
    /// The whole machine stands still.
    Asleep,
}

/// What waits for JavaScript to run.
#[derive(Debug)]
pub(crate) enum Task {
    Opened(SocketId),
    Data(SocketId, Vec<u8>),
    Closed(SocketId, u16, String),
    Token(Answer),
}

/// What a promise was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Join(usize),
    Leave(usize),
    Set(usize),
    Observe(usize),
    Unobserve(usize),
    Close,
}

#[derive(Debug)]
pub(crate) struct Promise {
    pub(crate) purpose: Purpose,
    pub(crate) called_ms: u64,
    pub(crate) deadline_ms: u64,
}

pub(crate) struct Tab {
    pub(crate) life: u32,
    pub(crate) user: usize,
    pub(crate) session: Session,
    pub(crate) page: Page,
    /// Timers fire only at multiples of this.
    pub(crate) throttle_ms: Option<u64>,
    /// When the last throttling ends.
    pub(crate) throttled_until_ms: u64,
    pub(crate) tasks: VecDeque<Task>,
    armed_ms: Option<u64>,
    pub(crate) promises: BTreeMap<u32, Promise>,
    last_promise: u32,
    pub(crate) timeout_ms: u64,
    pub(crate) joining: [Wish; CHANNELS.len()],
    pub(crate) observing: [Wish; CHANNELS.len()],
    /// Lives of servers when each channel was last called for.
    called_epochs: [usize; CHANNELS.len()],
    pub(crate) streams: [Option<Stream>; CHANNELS.len()],
    /// Until then the server had not settled when it last sent a snapshot.
    pub(crate) holds_until_ms: [u64; CHANNELS.len()],
    pub(crate) link: Option<LinkId>,
    /// The last socket that was asked for.
    socket: Option<SocketId>,
    /// The secret of the last hello.
    pub(crate) secret: u128,
    pub(crate) state: State,
    token_asked: bool,
    reacted_ms: u64,
    /// When the server was last heard.
    heard_ms: u64,
    /// Promises that were rejected, for the end.
    pub(crate) rejected: Vec<(u32, Code)>,
}

impl Tab {
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Closed | State::Failed)
    }
}

impl World {
    pub(crate) fn open_tab(&mut self, slot: usize, calls: &[Call]) {
        let place = &mut self.slots[slot];
        place.lives += 1;
        let life = place.lives;
        let mut dice = luck([self.seed, 20, slot as u64, u64::from(life)]);
        let secret = u128::from(dice.next()) << 64 | u128::from(dice.next());
        let timeout_ms = [10_000, 10_000, 4_000, 25_000][dice.index(4)];
        let config = Config {
            request_timeout_ms: timeout_ms,
            restore_attributes: dice.one_in(2),
            ..Config::default()
        };
        let tab = Tab {
            life,
            user: place.user,
            session: Session::new(config, Seed { session: secret, random: dice.next() }),
            page: Page::Running,
            throttle_ms: None,
            throttled_until_ms: 0,
            tasks: VecDeque::new(),
            armed_ms: None,
            promises: BTreeMap::new(),
            last_promise: 0,
            timeout_ms,
            joining: Default::default(),
            observing: Default::default(),
            called_epochs: Default::default(),
            streams: Default::default(),
            holds_until_ms: Default::default(),
            link: None,
            socket: None,
            secret,
            state: State::Idle,
            token_asked: false,
            reacted_ms: 0,
            heard_ms: 0,
            rejected: Vec::new(),
        };
        place.tab = Some(tab);
        self.log(|| format!("tab {slot}.{life} opens"));
        self.call(slot, calls);
    }

    pub(crate) fn begin_again(&mut self, slot: usize, life: u32) {
        let place = &mut self.slots[slot];
        if place.lives == life && place.tab.as_ref().is_none_or(Tab::is_over) {
            let calls = std::mem::take(&mut place.next_calls);
            place.tab = None;
            self.open_tab(slot, &calls);
        }
    }

    /// The app calls, all in one tick.
    pub(crate) fn call(&mut self, slot: usize, calls: &[Call]) {
        for call in calls {
            self.intend(slot, call);
        }
        self.drain(slot);
    }

    pub(crate) fn intend(&mut self, slot: usize, call: &Call) {
        let now = self.now;
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        tab.last_promise += 1;
        let number = tab.last_promise;
        let promise = PromiseId(number);
        let name = |channel: &usize| CHANNELS[*channel].to_owned();
        let (purpose, intent) = match call {
            Call::Join(channel) => {
                tab.joining[*channel].call(now, true, number);
                (Purpose::Join(*channel), Intent::Join { promise, channel: name(channel) })
            }
            Call::Leave(channel) => {
                tab.joining[*channel].call(now, false, number);
                (Purpose::Leave(*channel), Intent::Leave { promise, channel: name(channel) })
            }
            Call::Set(channel, value) => {
                let attributes = attributes(*value);
                (Purpose::Set(*channel), Intent::Set { promise, channel: name(channel), attributes })
            }
            Call::Observe(channel) => {
                tab.observing[*channel].call(now, true, number);
                if tab.observing[*channel].called_ms == now {
                    tab.called_epochs[*channel] = self.epochs;
                }
                (Purpose::Observe(*channel), Intent::Observe { promise, channel: name(channel) })
            }
            Call::Unobserve(channel) => {
                tab.observing[*channel].call(now, false, number);
                (Purpose::Unobserve(*channel), Intent::Unobserve { promise, channel: name(channel) })
            }
            Call::Close => (Purpose::Close, Intent::Close { promise }),
        };
        let deadline_ms = now + tab.timeout_ms + PROMISE_SLACK_MS;
        tab.promises.insert(number, Promise { purpose, called_ms: now, deadline_ms });
        tab.session.handle_intent(Millis(now), intent);
        let life = tab.life;
        self.log(|| format!("tab {slot}.{life} calls {call:?}, promise {number}"));
    }

    /// Carries out what the session asks for, then arms its timer and compares what was told.
    pub(crate) fn drain(&mut self, slot: usize) {
        let now = Millis(self.now);
        for round in 0.. {
            let Some(tab) = self.slots[slot].tab.as_mut() else { return };
            let Some(output) = tab.session.poll_output(now) else { break };
            if round > MAX_OUTPUTS {
                self.fail(Invariant::Bounds, "a session's outputs do not end".into());
                return;
            }
            self.perform(slot, output);
        }
        self.arm(slot);
        self.compare_told(slot);
        self.end_if_over(slot);
    }

    pub(crate) fn arm(&mut self, slot: usize) {
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        let at_ms = tab.session.poll_timeout().map(|at| {
            let late = luck([self.seed, 22, slot as u64, at.0]).below(4);
            let at = at.0.max(self.now) + late;
            tab.throttle_ms.map_or(at, |throttle| at.div_ceil(throttle) * throttle)
        });
        if at_ms == tab.armed_ms {
            return;
        }
        tab.armed_ms = at_ms;
        let life = tab.life;
        if let Some(at_ms) = at_ms {
            self.plan(at_ms, Event::TabTimer { slot, life, at_ms });
        }
    }

    pub(crate) fn tab_timer(&mut self, slot: usize, life: u32, at_ms: u64) {
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        if tab.life == life && tab.armed_ms == Some(at_ms) && tab.page == Page::Running {
            tab.armed_ms = None;
            self.time_out(slot);
        }
    }

    pub(crate) fn time_out(&mut self, slot: usize) {
        let now = self.now;
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        tab.session.handle_timeout(Millis(now));
        self.drain(slot);
        let Some(tab) = self.slots[slot].tab.as_ref() else { return };
        if let Some(next) = tab.session.poll_timeout()
            && next.0 <= now
        {
            self.fail(
                Invariant::Bounds,
                format!("tab {slot} wants to be woken at {}, which is not later", next.0),
            );
        }
    }

    fn perform(&mut self, slot: usize, output: Output) {
        let now = self.now;
        match output {
            Output::NeedToken { renew } => {
                let Some(tab) = self.slots[slot].tab.as_mut() else { return };
                if std::mem::replace(&mut tab.token_asked, true) {
                    self.fail(Invariant::States, "a second token is asked for meanwhile".into());
                }
                self.ask_token(slot, renew);
            }
            Output::Connect { socket } => self.connect(slot, socket),
            Output::Send { socket, frames } => self.send(slot, socket, &frames),
            Output::CloseSocket { socket, code, reason } => {
                self.log(|| format!("tab {slot} closes socket {} with {code}, {reason}", socket.0));
                self.close_socket(slot, socket, code);
            }
            Output::Resolve { promise, value } => self.resolved(slot, promise, &value),
            Output::Reject { promise, problem } => self.rejected(slot, promise, &problem),
            Output::Events(events) => {
                for event in events {
                    self.tell(slot, &event);
                }
            }
            Output::State(change) => self.state_changed(slot, &change),
            Output::Stale { .. } => {}
            Output::Warn(text) => self.log(|| format!("tab {slot} warns at {now}: {text}")),
        }
    }

    fn ask_token(&mut self, slot: usize, renew: bool) {
        let now = self.now;
        let place = &self.slots[slot];
        let Some(tab) = place.tab.as_ref() else { return };
        let (life, user) = (tab.life, place.user);
        let mut dice = luck([self.seed, 23, slot as u64, u64::from(life), now]);
        let ends_ms = match user {
            1 | 2 => now + dice.between(15_000, 90_000),
            3 => now + dice.between(11_000, 20_000),
            _ => u64::MAX,
        };
        let usual = dice.between(1, 120);
        let trouble = place.air.token_trouble_until_ms > now;
        let (wait_ms, answer) = match dice.below(10) {
            0..=5 if trouble => (usual, Answer::Fails),
            6..=8 if trouble => (dice.between(2_000, 20_000), Answer::Token(ends_ms)),
            9 if trouble => (usual, Answer::Token(now.saturating_sub(1))),
            _ => (usual, Answer::Token(ends_ms)),
        };
        self.log(|| format!("tab {slot}.{life} asks for a token (renew {renew}): {answer:?} in {wait_ms}"));
        self.plan(now + wait_ms, Event::Token { slot, life, answer });
    }

    pub(crate) fn token_answered(&mut self, slot: usize, life: u32, answer: Answer) {
        if self.slots[slot].tab.as_ref().is_some_and(|tab| tab.life == life) {
            self.post(slot, Task::Token(answer));
        }
    }

    fn connect(&mut self, slot: usize, socket: SocketId) {
        let now = self.now;
        self.last_link += 1;
        let id = self.last_link;
        let place = &mut self.slots[slot];
        let Some(tab) = place.tab.as_mut() else { return };
        let life = tab.life;
        tab.link = Some(id);
        tab.socket = Some(socket);
        let begin = Begin {
            id,
            slot,
            life,
            socket,
            node: 0,
            window: place.air.window(),
            seed: self.seed,
            stalled_until_ms: place.air.hole_until_ms,
        };
        let mut link = Link::new(begin);
        link.send_up(now, place.air.slow_ms(now), Up::Ask);
        self.links.insert(id, link);
        self.log(|| format!("tab {slot}.{life} opens socket {}, link {id}", socket.0));
        self.expect_up(id);
    }

    /// The link of a socket.
    fn link_of(&mut self, slot: usize, socket: SocketId) -> Option<&mut Link> {
        let tab = self.slots[slot].tab.as_ref()?;
        let life = tab.life;
        let id = tab.link?;
        self.links.get_mut(&id).filter(|link| link.socket == socket && link.life == life)
    }

    fn send(&mut self, slot: usize, socket: SocketId, frames: &[ClientFrame]) {
        let mut message = Vec::new();
        for frame in frames {
            compact::append(frame, &mut message);
        }
        if message.len() > MAX_MESSAGE_BYTES || frames.is_empty() {
            self.fail(Invariant::Bounds, format!("a message of {} bytes", message.len()));
        }
        self.compare_wishes(slot, frames);
        let mut late = None;
        if let Some(ClientFrame::Hello(hello)) = frames.first() {
            late = self.slots[slot].air.late_hello.take();
            if let Some((_, ms)) = late {
                self.slots[slot].air.trouble(self.now + ms);
            }
            if let Some(tab) = self.slots[slot].tab.as_mut() {
                tab.secret = hello.session.0;
            }
        }
        let now = self.now;
        let slow_ms = self.slots[slot].air.slow_ms(now);
        let Some(link) = self.link_of(slot, socket) else {
            // The browser may know of a close that the page has not heard of yet.
            if self.slots[slot].tab.as_ref().is_some_and(|tab| tab.socket != Some(socket)) {
                self.fail(Invariant::States, "a session sends on a socket that is none".into());
            }
            return;
        };
        let id = link.id;
        if link.browser == Browser::Opening {
            self.fail(Invariant::States, "a session sends on a socket that is not open".into());
            return;
        }
        if link.browser == Browser::Open {
            link.send_up(now, slow_ms, Up::Data(message));
        }
        match late {
            Some((Way::Up, ms)) => {
                link.up.stalled_until_ms = link.up.stalled_until_ms.max(now + ms);
                link.down.cut(0, Some((now + 20, Down::Reset)));
            }
            Some((Way::Down | Way::Both, ms)) => {
                link.down.stalled_until_ms = link.down.stalled_until_ms.max(now + ms);
            }
            None => {}
        }
        self.log(|| format!("tab {slot} sends on link {id}: {frames:?}"));
        self.expect_up(id);
        self.expect_down(id);
    }

    /// What the SDK asks for is what the app wants at this time.
    fn compare_wishes(&mut self, slot: usize, frames: &[ClientFrame]) {
        let Some(tab) = self.slots[slot].tab.as_ref() else { return };
        let wants = |name: &str| channel_number(name).is_some_and(|channel| tab.joining[channel].want);
        let mut wrong = None;
        for frame in frames {
            match frame {
                ClientFrame::Hello(hello) => {
                    for name in CHANNELS {
                        match (wants(name), hello.joined.iter().any(|named| named == name)) {
                            (true, false) => wrong = Some((Invariant::Grace, format!("hello leaves {name}"))),
                            (false, true) => {
                                wrong = Some((Invariant::NoGhosts, format!("hello joins {name}")))
                            }
                            (true, true) | (false, false) => {}
                        }
                    }
                }
                ClientFrame::Join { channel, .. } | ClientFrame::Set { channel, .. } if !wants(channel) => {
                    wrong = Some((Invariant::NoGhosts, format!("a join or set in {channel}")));
                }
                ClientFrame::Leave { channel, .. } if wants(channel) => {
                    wrong = Some((Invariant::Member, format!("a leave of {channel}")));
                }
                ClientFrame::Join { .. }
                | ClientFrame::Set { .. }
                | ClientFrame::Leave { .. }
                | ClientFrame::Observe { .. }
                | ClientFrame::Unobserve { .. }
                | ClientFrame::Token { .. }
                | ClientFrame::Bye {} => {}
            }
        }
        if let Some((invariant, what)) = wrong {
            self.fail(invariant, format!("tab {slot} says what its app does not want: {what}"));
        }
    }

    fn close_socket(&mut self, slot: usize, socket: SocketId, code: u16) {
        let now = self.now;
        let slow_ms = self.slots[slot].air.slow_ms(now);
        let Some(link) = self.link_of(slot, socket) else { return };
        let id = link.id;
        match link.browser {
            Browser::Opening => link.send_up(now, slow_ms, Up::Reset),
            Browser::Open => link.send_up(now, slow_ms, Up::Close(code)),
            Browser::Closed => {}
        }
        link.browser = Browser::Closed;
        self.expect_up(id);
    }

    // ---- what comes from outside

    /// A message of the server has come to the browser.
    pub(crate) fn deliver(&mut self, id: LinkId, message: Down) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        let (slot, life, socket) = (link.slot, link.life, link.socket);
        let slow_ms = self.slots[slot].air.slow_ms(now);
        let is_here = self.slots[slot].tab.as_ref().is_some_and(|tab| tab.life == life);
        let task = match message {
            Down::Accept if link.browser == Browser::Opening => {
                link.browser = Browser::Open;
                Task::Opened(socket)
            }
            Down::Accept => return,
            Down::Ping => {
                if link.browser == Browser::Open {
                    link.send_up(now, slow_ms, Up::Pong);
                    self.expect_up(id);
                }
                return;
            }
            Down::Data(bytes) => {
                link.in_flight = link.in_flight.saturating_sub(bytes.len());
                self.write(id);
                Task::Data(socket, bytes)
            }
            Down::Close(code, reason) => {
                if link.browser == Browser::Open {
                    link.send_up(now, slow_ms, Up::Close(code));
                    self.expect_up(id);
                }
                if let Some(link) = self.links.get_mut(&id) {
                    link.browser = Browser::Closed;
                }
                Task::Closed(socket, code, reason)
            }
            Down::Reset => {
                link.browser = Browser::Closed;
                Task::Closed(socket, 1006, String::new())
            }
        };
        if is_here {
            self.post(slot, task);
        }
    }

    /// Something for JavaScript: now, or when it runs again.
    fn post(&mut self, slot: usize, task: Task) {
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        if tab.page == Page::Running {
            self.handle(slot, task);
        } else {
            tab.tasks.push_back(task);
        }
    }

    pub(crate) fn handle(&mut self, slot: usize, task: Task) {
        let now = Millis(self.now);
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        match task {
            Task::Opened(socket) => tab.session.handle_socket(now, socket, SocketEvent::Opened),
            Task::Closed(socket, code, reason) => {
                tab.session.handle_socket(now, socket, SocketEvent::Closed { code, reason });
            }
            Task::Token(answer) => {
                tab.token_asked = false;
                let user = tab.user;
                let answer = match answer {
                    Answer::Token(ends_ms) => Ok(format!("u{user}|{ends_ms}")),
                    Answer::Fails => Err(Problem::new(Code::Unavailable, "the token source fails")),
                };
                tab.session.handle_token(now, answer);
            }
            Task::Data(socket, bytes) => {
                let Ok(frames) = compact::decode(&bytes) else {
                    self.fail(Invariant::States, "the server sends what is no message".into());
                    return;
                };
                for frame in frames {
                    self.hear_frame(slot, socket, frame);
                }
            }
        }
        self.drain(slot);
    }

    fn hear_frame(&mut self, slot: usize, socket: SocketId, frame: ServerFrame) {
        let now = self.now;
        if self.trace.is_some() {
            self.log(|| format!("tab {slot} hears on socket {}: {frame:?}", socket.0));
        }
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        if let ServerFrame::Snapshot(snapshot) = &frame
            && tab.socket == Some(socket)
            && let Some(channel) = channel_number(&snapshot.channel)
        {
            tab.holds_until_ms[channel] =
                if snapshot.settles_in_ms > 0 { now + snapshot.settles_in_ms } else { 0 };
        }
        tab.heard_ms = now;
        tab.session.handle_frame(Millis(now), socket, frame);
        self.begin_streams(slot);
    }

    /// A listener begins with the roster that is there when it is told to be ready.
    fn begin_streams(&mut self, slot: usize) {
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        let mut outcome = Ok(());
        for (channel, name) in CHANNELS.iter().enumerate() {
            if tab.streams[channel].is_none()
                && let Some(roster) = tab.session.roster(name)
            {
                let called_ms = tab.observing[channel].called_ms;
                let epochs = tab.called_epochs[channel];
                let begun = Stream::begin(copy(roster), &self.ledger.truths[channel], called_ms, epochs);
                match begun {
                    Ok(stream) => tab.streams[channel] = Some(stream),
                    Err(failure) => outcome = Err(failure),
                }
            }
        }
        self.check(outcome);
    }

    /// A listener is called.
    fn tell(&mut self, slot: usize, event: &Told) {
        let now = self.now;
        self.log(|| {
            format!(
                "tab {slot} is told {:?} {} {} {:?} sync {}",
                event.kind, event.user, event.channel, event.attributes, event.sync
            )
        });
        self.ledger.advance(now);
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        let Some(channel) = channel_number(&event.channel) else { return };
        let settling = now < tab.holds_until_ms[channel];
        let outcome = match &mut tab.streams[channel] {
            Some(stream) => stream.hear(now, event, &self.ledger.truths[channel], settling, self.epochs),
            None => Err((Invariant::NoGap, format!("an event of {} without a roster", event.channel))),
        };
        let react = now >= tab.reacted_ms + 100 && !self.healed;
        self.check(outcome);
        let mut dice = luck([self.seed, 24, slot as u64, now]);
        if react && dice.one_in(20) {
            if let Some(tab) = self.slots[slot].tab.as_mut() {
                tab.reacted_ms = now;
            }
            for call in crate::plan::some_calls(&mut dice, now) {
                if !matches!(call, Call::Close) {
                    self.intend(slot, &call);
                }
            }
        }
    }

    /// What was told, applied to the first roster, is the roster.
    fn compare_told(&mut self, slot: usize) {
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        let mut outcome = Ok(());
        for (channel, name) in CHANNELS.iter().enumerate() {
            let Some(roster) = tab.session.roster(name) else {
                tab.streams[channel] = None;
                continue;
            };
            let Some(stream) = &tab.streams[channel] else { continue };
            let same = roster.len() == stream.roster.len()
                && roster.iter().all(|(user, attributes)| stream.roster.get(user) == Some(attributes));
            if !same {
                let message = format!(
                    "tab {slot} was told {:?} of {name}, the roster is {:?}",
                    stream.roster,
                    copy(roster)
                );
                outcome = Err((Invariant::NoGap, message));
            }
        }
        self.check(outcome);
    }

    // ---- promises and states

    fn take_promise(&mut self, slot: usize, promise: PromiseId) -> Option<Promise> {
        let tab = self.slots[slot].tab.as_mut()?;
        let taken = tab.promises.remove(&promise.0);
        if taken.is_none() {
            self.fail(Invariant::Promises, format!("promise {} of tab {slot} is settled twice", promise.0));
        }
        taken
    }

    fn resolved(&mut self, slot: usize, promise: PromiseId, value: &Settled) {
        self.log(|| format!("tab {slot}: promise {} resolves", promise.0));
        let Some(known) = self.take_promise(slot, promise) else { return };
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        let (user, secret) = (tab.user, tab.secret);
        self.ledger.advance(self.now);
        let outcome = match known.purpose {
            Purpose::Join(channel) => {
                tab.joining[channel].resolved(promise.0);
                // What is joined already resolves at once, what is being joined with the answer that is on its way: that
                // the server is gone since cannot be known before its silence has lasted.
                let unknowing = self.now < tab.heard_ms + SILENCE_MS
                    && !tab.link.is_some_and(|link| is_up(&self.links, link));
                let expected = tab.joining[channel].want && !unknowing;
                if expected && !self.ledger.held_since(user, secret, channel, known.called_ms) {
                    Err(format!("u{user}'s join of {} resolves and was not done", CHANNELS[channel]))
                } else {
                    Ok(())
                }
            }
            Purpose::Leave(channel) => {
                // A session that reached nobody for longer than the server keeps it takes itself for forgotten.
                let unknowing = known.called_ms == self.now
                    && self.now > tab.heard_ms + 2 * self.ledger.times.ping_ms + self.ledger.times.grace_ms
                    && !tab.link.is_some_and(|link| is_up(&self.links, link));
                let expected = !tab.joining[channel].want && !unknowing;
                if expected && self.ledger.surely_holds(self.now, user, secret, channel) {
                    Err(format!("u{user}'s leave of {} resolves and is not done", CHANNELS[channel]))
                } else {
                    Ok(())
                }
            }
            Purpose::Observe(channel) => {
                tab.observing[channel].resolved(promise.0);
                Ok(())
            }
            Purpose::Set(channel) => match value {
                Settled::Attributes(stored)
                    if self.ledger.was_stored(secret, channel, stored, known.called_ms) =>
                {
                    Ok(())
                }
                Settled::Attributes(stored) => Err(format!(
                    "u{user}'s set in {} resolves with {stored:?}, which was not stored",
                    CHANNELS[channel]
                )),
                Settled::Done => Err("a set resolves without attributes".into()),
            },
            Purpose::Unobserve(_) | Purpose::Close => Ok(()),
        };
        self.check(outcome.map_err(|message| (Invariant::AckVisible, message)));
    }

    fn rejected(&mut self, slot: usize, promise: PromiseId, problem: &Problem) {
        self.log(|| {
            format!("tab {slot}: promise {} rejects, {:?} {}", promise.0, problem.code, problem.message)
        });
        let Some(known) = self.take_promise(slot, promise) else { return };
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        tab.rejected.push((promise.0, problem.code));
        let retryable = problem.code.retryable();
        match known.purpose {
            Purpose::Join(channel) => tab.joining[channel].rejected(promise.0, retryable),
            Purpose::Observe(channel) => tab.observing[channel].rejected(promise.0, retryable),
            Purpose::Leave(_) | Purpose::Set(_) | Purpose::Unobserve(_) | Purpose::Close => {}
        }
    }

    fn state_changed(&mut self, slot: usize, change: &StateChange) {
        self.log(|| {
            format!(
                "tab {slot} is {:?}, was {:?}: {:?} in {:?}",
                change.state, change.previous, change.reason, change.retry_in_ms
            )
        });
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        let known = tab.state;
        tab.state = change.state;
        if change.previous != known {
            self.fail(
                Invariant::States,
                format!("a change from {:?}, but it was {known:?}", change.previous),
            );
        } else if matches!(known, State::Closed | State::Failed) {
            self.fail(Invariant::States, format!("{:?} after {known:?}", change.state));
        }
    }

    fn end_if_over(&mut self, slot: usize) {
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        if tab.session.state() != tab.state {
            let message = format!("the state is {:?}, told was {:?}", tab.session.state(), tab.state);
            self.fail(Invariant::States, message);
            return;
        }
        if !tab.is_over() {
            return;
        }
        let life = tab.life;
        if let Some((promise, _)) = tab.promises.first_key_value() {
            let message = format!("promise {promise} of tab {slot} waits though the session is over");
            self.fail(Invariant::Promises, message);
            return;
        }
        let mut dice = luck([self.seed, 25, slot as u64, u64::from(life)]);
        let at = self.now + dice.between(100, 2_000);
        self.slots[slot].next_calls = crate::plan::first_calls(&mut dice);
        self.plan(at, Event::Begin { slot, life });
    }
}

fn copy(roster: &herenow_session::Roster) -> Roster {
    roster.iter().map(|(user, attributes)| (user.to_owned(), attributes.clone())).collect()
}

fn attributes(value: Value) -> Attributes {
    match value {
        Value::Mood(0) => Attributes::new(),
        Value::Mood(mood) => Attributes::from_iter([("mood", mood.to_string())]),
        Value::Unique(number) => {
            Attributes::from_iter([("mood", "unique".to_owned()), ("n", number.to_string())])
        }
        Value::Large(number) => (0..7).map(|key| (format!("k{key}"), format!("{number:>1020}"))).collect(),
    }
}
