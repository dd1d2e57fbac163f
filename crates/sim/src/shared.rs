//! The store that nodes share, and the network between them and it.

use herenow_protocol::Epoch;
use herenow_registry::Millis;
use herenow_registry::store::{Answer, Outcome, Partition, Request, SharedStore};

use crate::dice::luck;
use crate::oracle::facts::Facts;
use crate::oracle::ledger::Times;
use crate::oracle::partition_number;
use crate::plan::CHANNELS;
use crate::server::Command;
use crate::topology::Topology;
use crate::world::{Event, World};

/// Partitions of the store.
pub(crate) const PARTITIONS: u16 = 2;
/// How long a node waits for an answer, in milliseconds.
const PATIENCE_MS: u64 = 1_000;

/// The store and the ways to it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: SharedStore,
    pub(crate) facts: Facts,
    pub(crate) ways: Vec<Way>,
    /// Reads for which nothing has happened yet.
    parked: Vec<Asking>,
    asked: u64,
    epoch: u64,
}

/// The way between a node and the store.
#[derive(Debug, Default)]
pub(crate) struct Way {
    /// Nothing passes.
    pub(crate) hole_until_ms: u64,
    /// Every third message is lost.
    pub(crate) lossy_until_ms: u64,
    pub(crate) slow_until_ms: u64,
}

/// A request on its way.
#[derive(Clone, Debug)]
pub(crate) struct Asking {
    node: usize,
    /// The life of the node.
    life: u32,
    number: u64,
    request: Request,
}

impl Shared {
    pub(crate) fn new(now: u64, times: Times, lease_ms: u64) -> Self {
        let nodes = Topology::Shared.nodes();
        let epoch = 1;
        Self {
            store: SharedStore::new(Millis(now), Epoch(epoch), PARTITIONS, lease_ms),
            facts: Facts::new(now, times, lease_ms, Epoch(epoch), PARTITIONS, nodes),
            ways: (0..nodes).map(|_| Way::default()).collect(),
            parked: Vec::new(),
            asked: 0,
            epoch,
        }
    }
}

/// The channels of a partition.
fn channels_of(partition: Partition) -> impl Iterator<Item = usize> {
    let is_in = move |channel: &usize| {
        partition_number(CHANNELS[*channel], usize::from(PARTITIONS)) == usize::from(partition.0)
    };
    (0..CHANNELS.len()).filter(is_in)
}

impl World {
    /// A node asks the store.
    pub(crate) fn ask_store(&mut self, node: usize, request: Request) {
        let life = self.nodes[node].life;
        let Some(shared) = &mut self.shared else { return };
        shared.asked += 1;
        let asking = Asking { node, life, number: shared.asked, request };
        match self.passes(node, asking.number) {
            Some(delay_ms) => self.plan(self.now + delay_ms, Event::StoreAsked(Box::new(asking))),
            None => self.plan(self.now + PATIENCE_MS, Event::StoreFailed(Box::new(asking))),
        }
    }

    /// How long a message between a node and the store takes; `None` if it is lost.
    fn passes(&self, node: usize, number: u64) -> Option<u64> {
        let way = &self.shared.as_ref()?.ways[node];
        let mut dice = luck([self.seed, 50, node as u64, number, self.now]);
        let lost = way.hole_until_ms > self.now || (way.lossy_until_ms > self.now && dice.one_in(3));
        let slow_ms = if way.slow_until_ms > self.now { dice.below(700) } else { 0 };
        (!lost).then(|| dice.below(3) + slow_ms)
    }

    /// A request has come to the store.
    pub(crate) fn store_asked(&mut self, asking: Asking) {
        let now = self.now;
        let Some(shared) = &mut self.shared else { return };
        let Asking { node, life: process, request, .. } = &asking;
        let partition = request.partition();
        let Some(answer) = shared.store.handle(Millis(now), request) else {
            shared.parked.push(asking);
            return;
        };
        let at = usize::from(partition.0);
        let facts = &mut shared.facts;
        facts.advance(now);
        let outcome = match (request, &answer.outcome) {
            (Request::Renew { node: life, begin, .. }, outcome) => {
                let granted = matches!(outcome, Outcome::Renewed { .. });
                facts.renewed(now, at, (*node, *process), *life, *begin, granted)
            }
            (Request::Apply { node: life, number, ops, .. }, Outcome::Applied { number: answered, .. })
                if number == answered =>
            {
                facts.applied(now, at, (*node, *life, *number), ops)
            }
            (Request::Sweep { .. }, _) => facts.swept(now, at, channels_of(partition)),
            (Request::Apply { .. } | Request::Read { .. } | Request::Roster { .. }, _) => Ok(()),
        };
        match (request, &answer.outcome) {
            (Request::Renew { begin: false, .. }, Outcome::Renewed { .. })
            | (Request::Sweep { .. }, Outcome::Swept { .. })
            | (Request::Read { .. }, Outcome::Log { .. }) => {}
            (request, outcome) => self.log(|| format!("store: node {node} {request:?}: {outcome:?}")),
        }
        self.check(outcome);
        let changes = matches!(request, Request::Apply { .. } | Request::Sweep { .. });
        self.reply(&asking, answer);
        if changes {
            self.store_changed(partition);
        }
    }

    /// Something may have happened: whoever waits for it is told.
    fn store_changed(&mut self, partition: Partition) {
        let now = self.now;
        let Some(shared) = &mut self.shared else { return };
        let mut outcome = Ok(());
        for channel in channels_of(partition) {
            let listed = shared.store.members("default", CHANNELS[channel]);
            outcome = outcome.and(shared.facts.compare(channel, &listed));
        }
        let parked = std::mem::take(&mut shared.parked);
        let mut told = Vec::new();
        for asking in parked {
            let is_there = asking.request.partition() == partition;
            match shared.store.handle(Millis(now), &asking.request).filter(|_| is_there) {
                Some(answer) => told.push((asking, answer)),
                None => shared.parked.push(asking),
            }
        }
        self.check(outcome);
        for (asking, answer) in told {
            self.reply(&asking, answer);
        }
    }

    fn reply(&mut self, asking: &Asking, answer: Answer) {
        let asking = asking.clone();
        match self.passes(asking.node, asking.number + 1_000_000_000) {
            Some(delay_ms) => {
                self.plan(self.now + delay_ms, Event::StoreAnswered(Box::new((asking, answer))));
            }
            None => self.plan(self.now + PATIENCE_MS, Event::StoreFailed(Box::new(asking))),
        }
    }

    pub(crate) fn store_answered(&mut self, asking: &Asking, answer: Answer) {
        let known = &mut self.nodes[asking.node];
        if known.life == asking.life && known.registry.is_some() {
            known.inbox.push_back(Command::Stored(Box::new(answer)));
            self.want_turn(asking.node, self.now);
        }
    }

    /// Nobody answered in time.
    pub(crate) fn store_failed(&mut self, asking: Asking) {
        let known = &mut self.nodes[asking.node];
        if known.life == asking.life && known.registry.is_some() {
            known.inbox.push_back(Command::StoreFailed(Box::new(asking.request)));
            self.want_turn(asking.node, self.now);
        }
    }

    /// The store loses the data of a partition.
    pub(crate) fn lose_data(&mut self, partition: usize) {
        let now = self.now;
        let Some(shared) = &mut self.shared else { return };
        let partition = Partition(u16::try_from(partition).unwrap_or(0) % PARTITIONS);
        shared.epoch += 1;
        let epoch = Epoch(shared.epoch);
        shared.store.lose(Millis(now), partition, epoch);
        shared.facts.lost(now, usize::from(partition.0), epoch, channels_of(partition));
        self.epochs += 1;
        self.log(|| format!("the store loses {partition:?}"));
        self.store_changed(partition);
    }
}
