//! One run: virtual time, the queue of what is to happen, and who takes part.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

use herenow_registry::Config;
use herenow_registry::store::Answer as Stored;

use crate::client::{Answer, Slot};
use crate::crowds::sizes;
use crate::dice::luck;
use crate::failure::{Failure, Invariant};
use crate::net::{Link, LinkId};
use crate::oracle::ledger::{Ledger, Times};
use crate::plan::{SLOTS, Step};
use crate::server::Node;
use crate::shared::{Asking, Shared};
use crate::topology::Topology;

/// When a run begins, so that no time is 0.
pub(crate) const START_MS: u64 = 1_000;
/// Events of a run, at most; more means that something runs in circles.
const MAX_EVENTS: u64 = 5_000_000;

/// Something that is to happen.
#[derive(Debug)]
pub(crate) enum Event {
    Step(usize),
    Up(LinkId),
    Down(LinkId),
    /// The node handles what has arrived, or what is due.
    Turn {
        node: usize,
        at_ms: u64,
    },
    NodeWakes {
        node: usize,
        life: u32,
    },
    NodeStarts {
        node: usize,
    },
    /// The time for draining is over.
    NodeExits {
        node: usize,
        life: u32,
        down_ms: u64,
    },
    HelloLate(LinkId),
    TabTimer {
        slot: usize,
        life: u32,
        at_ms: u64,
    },
    Token {
        slot: usize,
        life: u32,
        answer: Answer,
    },
    /// A frozen, sleeping or hidden page is back.
    PageBack {
        slot: usize,
        life: u32,
        since_ms: u64,
    },
    Foreground {
        slot: usize,
        life: u32,
    },
    /// The app begins anew after its client has ended.
    Begin {
        slot: usize,
        life: u32,
    },
    Read {
        slot: usize,
        channel: usize,
    },
    Flood {
        slot: usize,
        life: u32,
        channel: usize,
        left: u64,
    },
    Widen {
        slot: usize,
    },
    StoreAsked(Box<Asking>),
    StoreAnswered(Box<(Asking, Stored)>),
    StoreFailed(Box<Asking>),
    /// Compare what can be compared.
    Look,
}

struct Due {
    at_ms: u64,
    /// Among those of one time the first that was planned is the first.
    number: u64,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at_ms, other.number).cmp(&(self.at_ms, self.number))
    }
}

/// A run.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) tick_ms: u64,
    pub(crate) now: u64,
    queue: BinaryHeap<Due>,
    planned: u64,
    pub(crate) steps: Vec<Step>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) links: BTreeMap<LinkId, Link>,
    pub(crate) last_link: LinkId,
    /// What one server must hold.
    pub(crate) ledger: Ledger,
    /// What several share.
    pub(crate) shared: Option<Shared>,
    /// Lives of stores so far.
    pub(crate) epochs: usize,
    /// Lives of servers so far.
    pub(crate) starts: u64,
    /// Until then something is wrong with the server or all of the network.
    pub(crate) trouble_until_ms: u64,
    /// No more faults: everything is to become good.
    pub(crate) healed: bool,
    pub(crate) failure: Option<Failure>,
    pub(crate) trace: Option<Vec<String>>,
    pub(crate) events: u64,
}

/// What the server is configured with: the defaults of its flags, but for the tick of some seeds.
pub(crate) fn config(seed: u64) -> Config {
    let tick_ms = [50, 50, 50, 200, 1_000][luck([seed, 2]).index(5)];
    Config { tick_ms, sizes: sizes(seed), ..Config::default() }
}

impl World {
    pub(crate) fn new(seed: u64, steps: Vec<Step>, topology: Topology, trace: bool) -> Self {
        let config = config(seed);
        let times = Times {
            grace_ms: config.grace_ms,
            linger_ms: config.goodbye_linger_ms,
            ping_ms: config.ping_interval_ms,
        };
        let mut world = Self {
            seed,
            tick_ms: config.tick_ms,
            now: START_MS,
            queue: BinaryHeap::new(),
            planned: 0,
            steps,
            slots: (0..SLOTS).map(Slot::new).collect(),
            nodes: Vec::new(),
            links: BTreeMap::new(),
            last_link: 0,
            ledger: Ledger::new(times),
            shared: match topology {
                Topology::Alone => None,
                Topology::Shared => Some(Shared::new(START_MS, times, config.node_lease_ms)),
            },
            epochs: 0,
            starts: 0,
            trouble_until_ms: 0,
            healed: false,
            failure: None,
            trace: trace.then(Vec::new),
            events: 0,
        };
        for node in 0..topology.nodes() {
            world.nodes.push(Node::new());
            world.start_node(node);
        }
        for at in 0..world.steps.len() {
            world.plan(START_MS + world.steps[at].at_ms, Event::Step(at));
        }
        world.plan(START_MS + 500, Event::Look);
        world
    }

    pub(crate) fn plan(&mut self, at_ms: u64, event: Event) {
        self.planned += 1;
        self.queue.push(Due { at_ms: at_ms.max(self.now), number: self.planned, event });
    }

    /// Notes that an invariant does not hold; the first one counts.
    pub(crate) fn fail(&mut self, invariant: Invariant, message: String) {
        if self.failure.is_none() {
            self.log(|| format!("FAILED {}: {message}", invariant.name()));
            self.failure = Some(Failure { invariant, at_ms: self.now - START_MS, message });
        }
    }

    pub(crate) fn check(&mut self, outcome: Result<(), (Invariant, String)>) {
        if let Err((invariant, message)) = outcome {
            self.fail(invariant, message);
        }
    }

    pub(crate) fn log(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9} {}", self.now - START_MS, line()));
        }
    }

    /// Runs all steps, then heals and compares everything.
    pub(crate) fn run(&mut self) {
        let end = START_MS + self.steps.last().map_or(0, |step| step.at_ms) + 1;
        self.run_until(end);
        self.finish();
    }

    pub(crate) fn run_until(&mut self, end: u64) {
        while self.failure.is_none()
            && let Some(due) = self.queue.peek()
            && due.at_ms <= end
        {
            let Some(due) = self.queue.pop() else { break };
            self.now = self.now.max(due.at_ms);
            self.events += 1;
            if self.events > MAX_EVENTS {
                self.fail(Invariant::Bounds, "the run does not come to an end".into());
            }
            self.happen(due.event);
        }
        self.now = self.now.max(end);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Step(at) => self.step(at),
            Event::Up(link) => self.pump_up(link),
            Event::Down(link) => self.pump_down(link),
            Event::Turn { node, at_ms } => self.turn_is_due(node, at_ms),
            Event::NodeWakes { node, life } => self.wake_node(node, life),
            Event::NodeStarts { node } => self.start_node(node),
            Event::NodeExits { node, life, down_ms } => self.exit_node(node, life, down_ms),
            Event::HelloLate(link) => self.hello_late(link),
            Event::TabTimer { slot, life, at_ms } => self.tab_timer(slot, life, at_ms),
            Event::Token { slot, life, answer } => self.token_answered(slot, life, answer),
            Event::PageBack { slot, life, since_ms } => self.page_back(slot, life, since_ms),
            Event::Foreground { slot, life } => self.foreground(slot, life),
            Event::Begin { slot, life } => self.begin_again(slot, life),
            Event::Read { slot, channel } => self.read(slot, channel),
            Event::Flood { slot, life, channel, left } => self.flood(slot, life, channel, left),
            Event::Widen { slot } => self.widen(slot),
            Event::StoreAsked(asking) => self.store_asked(*asking),
            Event::StoreAnswered(answered) => {
                let (asking, answer) = *answered;
                self.store_answered(&asking, answer);
            }
            Event::StoreFailed(asking) => self.store_failed(*asking),
            Event::Look => {
                self.look();
                self.plan(self.now + 500, Event::Look);
            }
        }
    }
}
