//! The store that a node under test shares, and what may happen to it.

use herenow_protocol::{Attributes, Epoch};
use herenow_registry::store::{Answer, Incarnation, Op, Outcome, Partition, Request, SharedStore};
use herenow_registry::{Millis, Registry};

/// How the store can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Open,
    /// Nothing arrives.
    Blocked,
    /// What is asked is done, but no answer arrives.
    AnswersLost,
    /// The log tells nothing.
    LogBlocked,
}

pub(crate) struct Neighbour {
    store: SharedStore,
    pub(crate) way: Way,
    /// Reads of the log where nothing has happened yet.
    reads: Vec<Request>,
    /// Batches that were done.
    pub(crate) batches: usize,
}

impl Neighbour {
    pub(crate) fn new(store: SharedStore) -> Self {
        Self { store, way: Way::Open, reads: Vec::new(), batches: 0 }
    }

    /// Hands a request over, and gives back what is answered by then.
    pub(crate) fn ask(&mut self, now: Millis, request: Request, registry: &mut Registry) {
        self.batches += usize::from(self.way == Way::Open && matches!(request, Request::Apply { .. }));
        match (self.way, &request) {
            (_, Request::Read { .. }) => self.reads.push(request),
            (Way::Blocked, _) => registry.handle_store_failure(now, &request),
            (Way::AnswersLost, _) => {
                let _ = self.store.handle(now, &request);
                registry.handle_store_failure(now, &request);
            }
            (Way::Open | Way::LogBlocked, _) => {
                if let Some(answer) = self.store.handle(now, &request) {
                    registry.handle_store(now, answer);
                }
            }
        }
        self.tell_log(now, registry);
    }

    pub(crate) fn tell_log(&mut self, now: Millis, registry: &mut Registry) {
        if self.way != Way::Open {
            return;
        }
        let store = &mut self.store;
        self.reads.retain(|request| match store.handle(now, request) {
            Some(answer) => {
                registry.handle_store(now, answer);
                false
            }
            None => true,
        });
    }

    /// Another node begins a life with ops of its own.
    pub(crate) fn other_node(&mut self, now: Millis, node: Incarnation, op: Op, partitions: u16) {
        let partition = Partition::of(&op.channel, partitions);
        let renew = Request::Renew { partition, node, begin: true };
        let Some(Answer { epoch, outcome: Outcome::Renewed { .. }, .. }) = self.store.handle(now, &renew)
        else {
            panic!("no lease")
        };
        let apply = Request::Apply { partition, node, number: 1, epoch, ops: vec![op] };
        let answer = self.store.handle(now, &apply);
        assert!(matches!(answer, Some(Answer { outcome: Outcome::Applied { .. }, .. })), "{answer:?}");
    }

    /// All data is lost.
    pub(crate) fn lose_data(&mut self, now: Millis, epoch: Epoch, partitions: u16) {
        for at in 0..partitions {
            self.store.lose(now, Partition(at), epoch);
        }
    }

    pub(crate) fn users(&self, application: &str, channel: &str) -> Vec<String> {
        self.store.members(application, channel).into_iter().map(|member| member.user).collect()
    }

    pub(crate) fn attributes(&self, application: &str, channel: &str, user: &str) -> Attributes {
        self.store.attributes(application, channel, user)
    }
}
