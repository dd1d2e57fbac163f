//! Tells observers: mirrors of observed channels, when to flush them, and whose turn it is to be caught up.

mod crowd;
mod crowded;
mod log;
mod mirror;
mod observer;
mod pending;
mod schedule;
mod snapshot;
mod steps;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use herenow_protocol::{Code, FrameId, Mode, Position, Refusal, ServerFrame};
use rustc_hash::FxHashMap;

use crate::names::Channel;
use crate::outbox::Outboxes;
use crate::store::Sequenced;
use crate::{Config, ConnectionId, Millis, Sizes};
use mirror::{Mirror, Recorded};
use observer::{Observer, Step};
use schedule::Schedule;

pub(crate) use mirror::{Knowledge, Loaded};

/// Mirrors kept though nobody observes; beyond it the one unobserved for longest goes before its grace is over.
const MAX_IDLE: usize = 10_000;

/// All mirrors and observers of one node.
#[derive(Debug)]
pub(crate) struct Fanout {
    max_observed: usize,
    grace_ms: u64,
    mirrors: HashMap<Channel, Mirror>,
    readers: FxHashMap<ConnectionId, Reader>,
    schedule: Schedule,
    sizes: Sizes,
    /// Channels that are not told in full and have news, each once, and when they are told.
    crowds: BTreeSet<(Millis, Channel)>,
    /// Readers whose turns should be looked at, each once.
    awake: Vec<ConnectionId>,
    /// Readers that wait for the node to have caught up.
    ahead: Vec<ConnectionId>,
    /// Channels whose rosters have to be asked for; at most one for each mirror is on its way.
    wanted: Vec<Channel>,
    /// Mirrors that nobody observes and when they go, oldest first.
    idle: BTreeMap<u64, (Millis, Channel)>,
    last_idle: u64,
}

/// How far the node is in a log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reached {
    pub(crate) read_seq: u64,
    /// When somebody asked, as the node's side of the store counts.
    pub(crate) since: u64,
}

/// A connection that observes something.
#[derive(Debug, Default)]
struct Reader {
    /// At most `limits.observed`.
    observing: Vec<Channel>,
    /// Those of them that are not live, in the order in which they are caught up.
    turns: VecDeque<Channel>,
    awake: bool,
}

impl Fanout {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            max_observed: config.limits.observed as usize,
            grace_ms: config.grace_ms,
            mirrors: HashMap::new(),
            readers: FxHashMap::default(),
            schedule: Schedule::new(config.tick_ms),
            sizes: config.sizes,
            crowds: BTreeSet::new(),
            awake: Vec::new(),
            ahead: Vec::new(),
            wanted: Vec::new(),
            idle: BTreeMap::new(),
            last_idle: 0,
        }
    }

    /// Begins to tell `connection`, which is `user`'s, about `channel`, or begins again. The request `id` is answered when it is live.
    /// `node`: how far the node is in the log of the channel.
    pub(crate) fn observe(
        &mut self,
        (connection, user): (ConnectionId, Arc<str>),
        channel: Channel,
        from: Option<Position>,
        id: FrameId,
        node: Reached,
        outboxes: &Outboxes,
    ) -> Result<(), Refusal> {
        let Some(encoding) = outboxes.encoding(connection) else { return Ok(()) };
        let reader = self.readers.entry(connection).or_default();
        if !reader.observing.contains(&channel) {
            if reader.observing.len() >= self.max_observed {
                let message = "the session observes as many channels as it may";
                return Err(Refusal { code: Code::LimitReached, message });
            }
            reader.observing.push(channel.clone());
        }
        let mirror = self.mirrors.entry(channel.clone()).or_insert_with(|| {
            self.wanted.push(channel.clone());
            Mirror::new(channel.clone(), node.read_seq)
        });
        if let Some(idle) = mirror.idle.take() {
            self.idle.remove(&idle);
        }
        if mirror.observer_mut(connection).is_none() {
            mirror.insert_observer(connection, Observer::new(encoding, user));
        }
        if mirror.observer_mut(connection).is_some_and(|observer| !observer.ask(id, from, node.since)) {
            let message = "too many requests to observe the channel are not answered yet";
            return Err(Refusal { code: Code::RateLimited, message });
        }
        self.take_turn(connection, channel);
        Ok(())
    }

    /// Stops telling `connection` about `channel`.
    pub(crate) fn unobserve(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        channel: &Channel,
        outboxes: &mut Outboxes,
    ) {
        let Some(reader) = self.readers.get_mut(&connection) else { return };
        reader.observing.retain(|other| other != channel);
        reader.turns.retain(|other| other != channel);
        if reader.observing.is_empty() {
            self.readers.remove(&connection);
        }
        if let Some(mut observer) = self.remove_observer(now, connection, channel) {
            // It asked to observe and then not to: both are done.
            observer.answer(connection, outboxes);
        }
    }

    /// What a connection observes.
    pub(crate) fn observed(&self, connection: ConnectionId) -> &[Channel] {
        self.readers.get(&connection).map_or(&[], |reader| &reader.observing)
    }

    /// Forgets a connection.
    pub(crate) fn forget(&mut self, now: Millis, connection: ConnectionId) {
        let Some(reader) = self.readers.remove(&connection) else { return };
        for channel in &reader.observing {
            self.remove_observer(now, connection, channel);
        }
    }

    fn remove_observer(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        channel: &Channel,
    ) -> Option<Observer> {
        let mirror = self.mirrors.get_mut(channel)?;
        let removed = mirror.remove_observer(connection);
        if !mirror.is_observed() && mirror.idle.is_none() {
            self.last_idle += 1;
            mirror.idle = Some(self.last_idle);
            self.idle.insert(self.last_idle, (now.plus(self.grace_ms), channel.clone()));
            if self.idle.len() > MAX_IDLE
                && let Some((_, (_, oldest))) = self.idle.pop_first()
            {
                self.mirrors.remove(&oldest);
            }
        }
        removed
    }

    /// Takes a transition of any channel.
    pub(crate) fn record(&mut self, now: Millis, told: Sequenced, outboxes: &mut Outboxes) {
        let Sequenced { channel, seq, transition } = told;
        let Some(mirror) = self.mirrors.get_mut(&channel) else { return };
        match mirror.record(seq, transition, outboxes) {
            Recorded::Full => self.flush(now, &channel, outboxes),
            Recorded::Kept => self.plan(now, channel),
        }
    }

    /// Plans when the news of a channel are told.
    fn plan(&mut self, now: Millis, channel: Channel) {
        let Some(mirror) = self.mirrors.get_mut(&channel) else { return };
        if let Some(crowd) = &mut mirror.crowd {
            if crowd.has_news() && !std::mem::replace(&mut crowd.planned, true) {
                self.crowds.insert((crowd.due(now, &self.sizes, &channel), channel));
            }
        } else if mirror.has_pending() && !std::mem::replace(&mut mirror.scheduled, true) {
            self.schedule.plan(now, mirror.flushed_slot, channel);
        }
    }

    /// Answers a change that `connection` made in `channel`: once it has been told of it, if it observes the channel.
    pub(crate) fn acknowledge(
        &mut self,
        connection: ConnectionId,
        channel: &Channel,
        answer: ServerFrame,
        outboxes: &mut Outboxes,
    ) {
        let answer = match self.mirrors.get_mut(channel) {
            Some(mirror) => mirror.hold(connection, answer),
            None => Some(answer),
        };
        if let Some(answer) = answer {
            outboxes.send(connection, &answer);
        }
    }

    /// Takes the channels whose rosters have to be asked for.
    pub(crate) fn take_wanted(&mut self) -> Vec<Channel> {
        std::mem::take(&mut self.wanted)
    }

    /// Takes a roster in. Whoever asked for something else meanwhile does not need it.
    pub(crate) fn load(&mut self, now: Millis, channel: &Channel, loaded: Loaded, outboxes: &mut Outboxes) {
        let Some(mirror) = self.mirrors.get_mut(channel) else { return };
        let Some(waiting) = mirror.load(now, loaded, &self.sizes, outboxes) else {
            self.wanted.push(channel.clone());
            return;
        };
        self.plan(now, channel.clone());
        for connection in waiting {
            self.take_turn(connection, channel.clone());
        }
    }

    /// The log was lost track of: asks for the rosters of some channels again.
    pub(crate) fn reload(&mut self, read_seq: u64, affected: impl Fn(&Channel) -> bool) {
        let mut channels: Vec<_> = self.mirrors.keys().filter(|channel| affected(channel)).cloned().collect();
        // In an order that does not depend on how they are hashed.
        channels.sort_unstable();
        for channel in channels {
            if let Some(mirror) = self.mirrors.get_mut(&channel) {
                mirror.reload(read_seq);
                self.wanted.push(channel);
            }
        }
    }

    /// Mirrors by mode, full, interval and count, and observations. Looks at each of them.
    pub(crate) fn numbers(&self) -> ([usize; 3], usize) {
        let mut by_mode = [0; 3];
        for mirror in self.mirrors.values() {
            by_mode[mirror.mode() as usize] += 1;
        }
        (by_mode, self.readers.values().map(|reader| reader.observing.len()).sum())
    }

    /// How a channel is told, and to how many; `None` if nobody observes it.
    pub(crate) fn observed_as(&self, channel: &Channel) -> Option<(Mode, usize)> {
        let mirror = self.mirrors.get(channel).filter(|mirror| mirror.is_observed())?;
        Some((mirror.mode(), mirror.observers()))
    }

    /// Whether `connection` observes `channel`.
    pub(crate) fn observes(&self, connection: ConnectionId, channel: &Channel) -> bool {
        self.readers.get(&connection).is_some_and(|reader| reader.observing.contains(channel))
    }

    /// Whether the roster of `channel` is there.
    pub(crate) fn has_roster(&self, channel: &Channel) -> bool {
        self.mirrors.get(channel).is_some_and(|mirror| !mirror.is_loading())
    }

    fn flush(&mut self, now: Millis, channel: &Channel, outboxes: &mut Outboxes) {
        let Some(mirror) = self.mirrors.get_mut(channel) else { return };
        let mut to_pump = mirror.flush(self.schedule.slot(now), outboxes);
        to_pump.extend(mirror.leave_full(now, &self.sizes, outboxes));
        for connection in to_pump {
            self.take_turn(connection, channel.clone());
        }
    }

    /// Tells the channels that are not told in full and whose time has come.
    fn tell_crowds(&mut self, now: Millis, outboxes: &mut Outboxes) {
        while let Some((due, _)) = self.crowds.first()
            && *due <= now
            && let Some((_, channel)) = self.crowds.pop_first()
        {
            let Some(mirror) = self.mirrors.get_mut(&channel) else { continue };
            for connection in mirror.tell_crowd(now, &self.sizes, outboxes) {
                self.take_turn(connection, channel.clone());
            }
        }
    }

    fn take_turn(&mut self, connection: ConnectionId, channel: Channel) {
        let Some(reader) = self.readers.get_mut(&connection) else { return };
        if !reader.turns.contains(&channel) {
            reader.turns.push_back(channel);
        }
        self.wake(connection);
    }

    /// Looks at the turns of `connection` in the next [`Fanout::work`], if it has any.
    pub(crate) fn wake(&mut self, connection: ConnectionId) {
        if let Some(reader) = self.readers.get_mut(&connection)
            && !reader.awake
            && !reader.turns.is_empty()
        {
            reader.awake = true;
            self.awake.push(connection);
        }
    }

    /// The node has caught up a little: looks again at whoever waits for that.
    pub(crate) fn wake_ahead(&mut self) {
        for connection in std::mem::take(&mut self.ahead) {
            self.wake(connection);
        }
    }

    /// Flushes what is due, then catches up who has room. Gives back the connections that it looked at.
    pub(crate) fn work(
        &mut self,
        now: Millis,
        known: &impl Knowledge,
        outboxes: &mut Outboxes,
    ) -> Vec<ConnectionId> {
        for channel in self.schedule.take_due(now) {
            self.flush(now, &channel, outboxes);
        }
        self.tell_crowds(now, outboxes);
        let awake = std::mem::take(&mut self.awake);
        for connection in &awake {
            self.pump(now, *connection, known, outboxes);
        }
        awake
    }

    /// Takes the turns of one connection for as long as it has room.
    fn pump(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        known: &impl Knowledge,
        outboxes: &mut Outboxes,
    ) {
        let Some(reader) = self.readers.get_mut(&connection) else { return };
        reader.awake = false;
        let mut turn = 0;
        let mut progressed = false;
        let mut blocked = false;
        while let Some(channel) = reader.turns.get(turn) {
            if !outboxes.has_bulk_room(connection) {
                blocked = true;
                break;
            }
            let mirror = self.mirrors.get_mut(channel);
            match mirror.map_or(Step::Done, |mirror| mirror.step(now, connection, known, outboxes)) {
                Step::Done => {
                    reader.turns.remove(turn);
                }
                Step::Moved => {}
                Step::Sent => progressed = true,
                Step::Waits => turn += 1,
                Step::Ahead => {
                    turn += 1;
                    if !self.ahead.contains(&connection) {
                        self.ahead.push(connection);
                    }
                }
            }
        }
        outboxes.note_blocked(now, connection, blocked, progressed);
    }

    /// When [`Fanout::work`] or [`Fanout::handle_timeout`] has something to do next.
    pub(crate) fn deadline(&self) -> Option<Millis> {
        let idle = self.idle.first_key_value().map(|(_, (at, _))| *at);
        let crowd = self.crowds.first().map(|(at, _)| *at);
        self.schedule.deadline().into_iter().chain(idle).chain(crowd).min()
    }

    /// Drops mirrors that nobody observed for the grace.
    pub(crate) fn handle_timeout(&mut self, now: Millis) {
        while let Some(entry) = self.idle.first_entry()
            && entry.get().0 <= now
        {
            let (_, channel) = entry.remove();
            self.mirrors.remove(&channel);
        }
    }
}
