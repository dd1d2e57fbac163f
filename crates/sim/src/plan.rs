//! What happens in a run: a list of timed steps, made from the seed before anything runs, so that any can be dropped.

use crate::dice::Dice;
use crate::profile::Profile;
use crate::topology::Topology;

/// Users of a run.
pub(crate) const USERS: usize = 5;
/// Places for tabs; each belongs to the user `slot % USERS`.
pub(crate) const SLOTS: usize = 12;
/// The channels.
pub(crate) const CHANNELS: [&str; 3] = ["a", "b", "c"];

/// A timed step.
#[derive(Clone, Debug)]
pub struct Step {
    /// Virtual milliseconds.
    pub at_ms: u64,
    /// What happens.
    pub(crate) act: Act,
}

impl Step {
    /// Keeps a run from ending before its time.
    pub(crate) const fn wait(at_ms: u64) -> Self {
        Self { at_ms, act: Act::Wait }
    }
}

/// A call of the app.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Join(usize),
    Leave(usize),
    Set(usize, Value),
    Observe(usize),
    Unobserve(usize),
    Close,
}

/// Attributes to set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    /// One of few, so that equal ones meet; 0 is none at all.
    Mood(u64),
    /// One that nobody else sets.
    Unique(u64),
    /// A large one, about 8 KiB.
    Large(u64),
}

/// How a tab ends that says no goodbye.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Crash {
    /// The browser closes the socket with 1001.
    Closed,
    /// The operating system resets it.
    Reset,
    /// Nothing is heard of it any more.
    Vanished,
}

/// A direction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Up,
    Down,
    Both,
}

/// What can happen.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// A tab opens, with what its app does first.
    Open(usize, Vec<Call>),
    Calls(usize, Vec<Call>),
    /// Users, count, attributes and channels over HTTP.
    Read(usize, usize),
    /// The page is closed: goodbye.
    CloseTab(usize),
    Crash(usize, Crash),
    /// Goodbye, and a new page that does this first.
    Reload(usize, Vec<Call>),
    /// JavaScript stands still for so long.
    Freeze(usize, u64),
    /// Into the back/forward cache for so long; perhaps it never comes back.
    Hide(usize, u64, bool),
    /// Timers fire once in so many milliseconds, for so long.
    Background(usize, u64, u64),
    /// The machine sleeps.
    Sleep(usize, u64),
    /// The browser says that the network is there, or the page visible.
    Nudge(usize),
    /// The connection breaks; each end sees it after so long, or not at all.
    Cut(usize, Option<u64>, Option<u64>),
    /// A direction stands still for so long.
    Stall(usize, Way, u64),
    /// Nothing passes for so long, new connections neither.
    Hole(usize, u64),
    Refuse(usize, u64),
    Slow(usize, u64),
    /// The network takes few bytes for so long.
    Narrow(usize, u64),
    /// The next handshake is reset.
    ResetHandshake(usize),
    /// The next hello, or what answers it, arrives so late that the browser has opened another socket by then.
    LateHello(usize, Way, u64),
    /// Many large updates, while perhaps another tab does not read.
    Flood(usize, usize, u64, Option<usize>),
    /// The token source is slow, fails, or gives old tokens, for so long.
    TokenTrouble(usize, u64),
    /// The next token has expired, and the one after that does before anybody can be reached.
    OldTokens(usize),
    /// The node is killed, and comes back after so long with nothing; whether its clients see that at once.
    Kill(u64, bool),
    /// The node stands still for so long.
    Pause(u64),
    /// The node stops by its rules within the first time, and is back after the second.
    Shutdown(u64, u64),
    /// Nobody reaches the node for so long.
    Partition(u64),
    /// A node does not reach the store for so long.
    StoreHole(usize, u64),
    /// Every third message between a node and the store is lost for so long.
    StoreLossy(usize, u64),
    /// The store is slow for a node for so long.
    StoreSlow(usize, u64),
    /// Nobody reaches the store for so long.
    StoreAway(u64),
    /// The store loses the data of a partition.
    StoreLoses(usize),
    /// Nothing; the run does not end before.
    Wait,
}

/// The steps of a seed. Those of nodes that share a store have faults of the store among them.
pub fn steps(seed: u64, profile: Profile, topology: Topology) -> Vec<Step> {
    let mut dice = Dice::new(seed ^ 0x5eed_0000_c0de);
    let mut steps = Vec::new();
    let mut at_ms = 10;
    for slot in 0..SLOTS {
        if slot < USERS || dice.one_in(3) {
            let calls = first_calls(&mut dice);
            steps.push(Step { at_ms, act: Act::Open(slot, calls) });
            at_ms += dice.below(200);
        }
    }
    let count = profile.steps();
    let mut serial = 0;
    while steps.len() < count {
        at_ms += gap(&mut dice);
        serial += 1;
        steps.push(Step { at_ms, act: profile.act(&mut dice, serial) });
    }
    if topology == Topology::Shared {
        let mut dice = Dice::new(seed ^ 0x0057_04e5_0000);
        for step in &mut steps {
            if dice.below(1_000) < profile.store_faults() {
                step.act = profile.store_fault(&mut dice);
            }
        }
    }
    steps
}

/// Milliseconds between two steps.
fn gap(dice: &mut Dice) -> u64 {
    match dice.below(20) {
        0..=3 => 0,
        4..=9 => dice.between(1, 60),
        10..=15 => dice.between(50, 600),
        16..=18 => dice.between(500, 3_000),
        _ => dice.between(2_000, 13_000),
    }
}

/// What a page does when it has loaded.
pub(crate) fn first_calls(dice: &mut Dice) -> Vec<Call> {
    let mut calls = Vec::new();
    for channel in 0..CHANNELS.len() {
        if dice.one_in(2) {
            calls.push(Call::Observe(channel));
        }
        if dice.one_in(2) {
            calls.push(Call::Join(channel));
            if dice.one_in(2) {
                calls.push(Call::Set(channel, Value::Mood(dice.below(5))));
            }
        }
    }
    calls
}

/// Calls of one tick of the app.
pub(crate) fn some_calls(dice: &mut Dice, serial: u64) -> Vec<Call> {
    let count = [1, 1, 1, 1, 2, 2, 3, 5][dice.index(8)];
    let channel = dice.index(CHANNELS.len());
    (0..count)
        .map(|_| {
            let channel = if dice.one_in(4) { dice.index(CHANNELS.len()) } else { channel };
            match dice.below(40) {
                0..=9 => Call::Join(channel),
                10..=15 => Call::Leave(channel),
                16..=27 => Call::Set(channel, value(dice, serial)),
                28..=34 => Call::Observe(channel),
                35..=38 => Call::Unobserve(channel),
                _ if dice.one_in(6) => Call::Close,
                _ => Call::Join(channel),
            }
        })
        .collect()
}

pub(crate) fn value(dice: &mut Dice, serial: u64) -> Value {
    match dice.below(8) {
        0..=4 => Value::Mood(dice.below(5)),
        _ => Value::Unique(serial),
    }
}
