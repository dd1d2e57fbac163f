//! A tab: one session with what the SDK around it and the browser do.

use std::collections::{BTreeMap, VecDeque};

use herenow_protocol::{Attributes, Code};
use herenow_session::{Config, Intent, Millis, Output, PromiseId, Seed, Session, SocketId, State};

use crate::air::Air;
use crate::crowds::Crowd;
use crate::dice::luck;
use crate::failure::Invariant;
use crate::net::LinkId;
use crate::oracle::stream::Stream;
use crate::oracle::wish::Wish;
use crate::plan::{CHANNELS, Call, USERS, Value};
use crate::world::{Event, World};

/// Milliseconds that a promise may take beyond its time.
pub(crate) const PROMISE_SLACK_MS: u64 = 500;
/// Outputs of one drain, at most.
const MAX_OUTPUTS: usize = 20_000;

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
    /// Where its last socket led.
    pub(crate) node: usize,
    /// What the next page does first.
    pub(crate) next_calls: Vec<Call>,
}

impl Slot {
    pub(crate) fn new(index: usize) -> Self {
        Self {
            user: index % USERS,
            lives: 0,
            tab: None,
            air: Air::default(),
            node: index,
            next_calls: Vec::new(),
        }
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
    pub(crate) called_epochs: [usize; CHANNELS.len()],
    pub(crate) streams: [Option<Stream>; CHANNELS.len()],
    /// Where a channel is not told in full.
    pub(crate) crowds: [Option<Crowd>; CHANNELS.len()],
    /// When a snapshot last said that a channel is not told in full.
    pub(crate) greeted_ms: [Option<u64>; CHANNELS.len()],
    /// Until then the server had not settled when it last sent a snapshot.
    pub(crate) holds_until_ms: [u64; CHANNELS.len()],
    pub(crate) link: Option<LinkId>,
    /// The last socket that was asked for.
    pub(crate) socket: Option<SocketId>,
    /// The secret of the last hello.
    pub(crate) secret: u128,
    pub(crate) state: State,
    /// When it last became connected.
    pub(crate) connected_ms: u64,
    pub(crate) token_asked: bool,
    pub(crate) reacted_ms: u64,
    /// When the server was last heard.
    pub(crate) heard_ms: u64,
    /// When something was last said to it.
    pub(crate) said_ms: u64,
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
            crowds: Default::default(),
            greeted_ms: Default::default(),
            holds_until_ms: Default::default(),
            link: None,
            socket: None,
            secret,
            state: State::Idle,
            connected_ms: 0,
            token_asked: false,
            reacted_ms: 0,
            heard_ms: 0,
            said_ms: 0,
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
            Output::Occupancy(told) => self.told_occupancy(slot, &told),
            Output::State(change) => self.state_changed(slot, &change),
            Output::Stale { .. } => {}
            Output::Warn(text) => self.log(|| format!("tab {slot} warns at {now}: {text}")),
        }
    }
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
