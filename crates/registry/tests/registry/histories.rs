//! Random histories: whatever happens, every observer ends with the exact roster, and nothing it was told contradicts
//! what it knew. A failure prints its seed.

use std::collections::BTreeMap;

use herenow_protocol::{Attributes, ClientFrame, ServerFrame};
use herenow_registry::ConnectionId;

use crate::harness::*;
use crate::watcher::Watcher;

const USERS: u64 = 4;
const CHANNELS: [&str; 3] = ["a", "b", "c"];
const SESSIONS: usize = 8;
const STEPS: usize = 400;
const SEEDS: u64 = 25;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn channel(&mut self) -> &'static str {
        CHANNELS[self.below(CHANNELS.len() as u64) as usize]
    }
}

/// A session as its client sees it.
struct Client {
    user: String,
    secret: u128,
    attempt: u32,
    socket: Option<ConnectionId>,
    wants: Vec<&'static str>,
    watches: BTreeMap<&'static str, Watcher>,
    stalled: bool,
}

struct History {
    world: World,
    random: Random,
    clients: Vec<Client>,
    secrets: u128,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let clients = (0..SESSIONS as u128).map(|secret| Client {
            user: format!("u{}", random.below(USERS)),
            secret,
            attempt: 0,
            socket: None,
            wants: Vec::new(),
            watches: BTreeMap::new(),
            stalled: false,
        });
        let clients = clients.collect();
        Self { world: World::with(unlimited()), random, clients, secrets: SESSIONS as u128 }
    }

    fn step(&mut self) {
        let who = self.random.below(SESSIONS as u64) as usize;
        let channel = self.random.channel();
        match self.random.below(100) {
            0..25 => self.request(who, channel, false),
            25..40 => self.request(who, channel, true),
            40..60 => self.set(who, channel),
            60..66 => self.watch(who, channel),
            66..69 => self.unwatch(who, channel),
            69..74 => self.cut(who),
            74..77 => self.reload(who),
            77..80 => self.stall(who),
            80..84 => self.flood(who, channel),
            84..90 => self.connect(who),
            90..94 => self.world.advance(self.random.below(300)),
            94..98 => self.world.advance(self.random.below(3_000)),
            _ => self.world.advance(self.random.below(15_000)),
        }
        // Some things arrive together, before anything is flushed.
        if self.random.below(3) > 0 {
            self.world.drain();
            self.read_all();
        }
    }

    fn deliver(&mut self, who: usize, frames: Vec<ClientFrame>) {
        if self.clients[who].socket.is_none() {
            self.connect(who);
        }
        if let Some(socket) = self.clients[who].socket {
            self.world.deliver(socket, frames);
        }
    }

    fn request(&mut self, who: usize, channel: &'static str, leave: bool) {
        self.clients[who].wants.retain(|wanted| *wanted != channel);
        let id = self.world.id();
        if leave {
            self.deliver(who, vec![ClientFrame::Leave { id, channel: channel.into() }]);
        } else {
            self.clients[who].wants.push(channel);
            self.deliver(who, vec![ClientFrame::Join { id, channel: channel.into() }]);
        }
    }

    fn set(&mut self, who: usize, channel: &'static str) {
        let id = self.world.id();
        let attributes = moods(&self.random.below(5).to_string());
        self.deliver(who, vec![ClientFrame::Set { id, channel: channel.into(), attributes }]);
    }

    /// Many large updates, enough to fill the outbox of one that does not read.
    fn flood(&mut self, who: usize, channel: &'static str) {
        if !self.clients[who].wants.contains(&channel) {
            self.request(who, channel, false);
        }
        for round in 0..self.random.below(60) {
            let attributes: Attributes =
                (0..8).map(|key| (format!("k{key}"), format!("{:>1000}", round + key))).collect();
            let id = self.world.id();
            self.deliver(who, vec![ClientFrame::Set { id, channel: channel.into(), attributes }]);
            self.world.advance(50);
            self.read_all();
        }
    }

    fn watch(&mut self, who: usize, channel: &'static str) {
        self.clients[who].watches.entry(channel).or_default();
        self.observe(who, channel);
    }

    /// Observes, or observes again, from where the watcher stands.
    fn observe(&mut self, who: usize, channel: &'static str) {
        let id = self.world.id();
        if let Some(watcher) = self.clients[who].watches.get_mut(channel) {
            // What is under way for an earlier request still comes whole.
            let from = watcher.position;
            self.deliver(who, vec![ClientFrame::Observe { id, channel: channel.into(), from }]);
        }
    }

    fn unwatch(&mut self, who: usize, channel: &'static str) {
        if self.clients[who].watches.remove(channel).is_some() {
            let id = self.world.id();
            self.deliver(who, vec![ClientFrame::Unobserve { id, channel: channel.into() }]);
            self.world.drain();
            self.read_all();
        }
    }

    fn cut(&mut self, who: usize) {
        self.read_all();
        if let Some(socket) = self.clients[who].socket.take() {
            self.clients[who].stalled = false;
            self.world.disconnect(socket);
        }
    }

    /// The page says goodbye and comes back as another session.
    fn reload(&mut self, who: usize) {
        self.read_all();
        if let Some(socket) = self.clients[who].socket.take() {
            self.world.bye(socket);
            let client = &mut self.clients[who];
            self.secrets += 1;
            client.secret = self.secrets;
            client.attempt = 0;
            client.stalled = false;
            client.watches.clear();
            if self.random.below(2) == 0 {
                client.wants.clear();
            }
        }
    }

    fn stall(&mut self, who: usize) {
        let client = &mut self.clients[who];
        let Some(socket) = client.socket else { return };
        if client.stalled {
            self.world.unstall(socket);
        } else {
            self.world.stall(socket);
        }
        client.stalled = !client.stalled;
    }

    fn connect(&mut self, who: usize) {
        self.world.drain();
        self.read_all();
        let client = &mut self.clients[who];
        client.attempt += 1;
        client.stalled = false;
        let socket = self.world.connect();
        client.socket = Some(socket);
        self.world.hello(socket, &client.user, client.secret, client.attempt, &client.wants);
        let watched: Vec<_> = client.watches.keys().copied().collect();
        for watcher in client.watches.values_mut() {
            watcher.forget_pages();
        }
        for channel in watched {
            self.observe(who, channel);
        }
    }

    /// Clients read what has come to them, and notice closed sockets.
    fn read_all(&mut self) {
        for who in 0..SESSIONS {
            let Some(socket) = self.clients[who].socket else { continue };
            let mut again = Vec::new();
            for frame in self.world.take(socket) {
                let channel = match &frame {
                    ServerFrame::Diff { channel, .. } => channel,
                    ServerFrame::Snapshot(page) => &page.channel,
                    _ => continue,
                };
                let channel = *CHANNELS.iter().find(|known| *known == channel).unwrap();
                if let Some(watcher) = self.clients[who].watches.get_mut(channel)
                    && !watcher.apply(frame)
                {
                    again.push(channel);
                }
            }
            if self.world.close_of(socket).is_some() {
                self.clients[who].socket = None;
                self.clients[who].stalled = false;
                continue;
            }
            again.dedup();
            for channel in again {
                self.observe(who, channel);
            }
        }
    }

    /// Everybody comes back and reads; then all that ended is over.
    fn settle(&mut self) {
        for who in 0..SESSIONS {
            if self.clients[who].stalled {
                self.stall(who);
            }
            if self.clients[who].socket.is_none() {
                self.connect(who);
            }
            self.world.drain();
            self.read_all();
        }
        for _ in 0..3 {
            self.world.advance(10_000);
            self.read_all();
        }
    }

    fn check(&self) {
        for channel in CHANNELS {
            let page = self.world.page(channel, None, 1_000);
            let actual: BTreeMap<_, _> =
                page.users.into_iter().map(|member| (member.user, member.attributes)).collect();
            let mut wanted: Vec<_> = self
                .clients
                .iter()
                .filter(|client| client.wants.contains(&channel))
                .map(|client| &client.user)
                .collect();
            wanted.sort();
            wanted.dedup();
            assert!(actual.keys().eq(wanted), "members are those who want to be in {channel}");
            for client in &self.clients {
                if let Some(watcher) = client.watches.get(channel) {
                    assert_eq!(
                        watcher.roster, actual,
                        "the roster of {channel} that {} was told",
                        client.secret
                    );
                }
            }
        }
    }
}

#[test]
fn every_observer_ends_with_the_exact_roster() {
    let (mut snapshots, mut diffs) = (0, 0);
    for seed in 0..SEEDS {
        let outcome = std::panic::catch_unwind(|| {
            let mut history = History::new(seed);
            for _ in 0..STEPS {
                history.step();
            }
            history.settle();
            history.check();
            let watchers = history.clients.iter().flat_map(|client| client.watches.values());
            watchers.fold((0, 0), |sum, watcher| (sum.0 + watcher.snapshots, sum.1 + watcher.diffs))
        });
        match outcome {
            Ok((more_snapshots, more_diffs)) => {
                snapshots += more_snapshots;
                diffs += more_diffs;
            }
            Err(panic) => {
                eprintln!("the history of seed {seed} failed");
                std::panic::resume_unwind(panic);
            }
        }
    }
    assert!(snapshots > 100 && diffs > 1_000, "{snapshots} snapshots and {diffs} diffs were seen");
}
