//! Where the members are kept: by the node itself, or by a store that nodes share and that answers at once.

use std::collections::BTreeMap;

use herenow_protocol::Epoch;
use herenow_registry::store::{Request, SharedStore};
use herenow_registry::{Config, Millis, Registry};

use crate::eye::mood_of;
use crate::model::{Channel, Mood, User};

const SEED: u64 = 7;

#[derive(Debug)]
pub(crate) enum Backing {
    Own,
    Shared {
        store: SharedStore,
        /// Reads of the log where nothing has happened yet.
        waiting: Vec<Request>,
    },
}

impl Backing {
    /// A registry with nobody in it; one that shares a store if there are `partitions`.
    pub(crate) fn start(config: Config, partitions: Option<u16>, now: Millis) -> (Registry, Self) {
        match partitions {
            None => (Registry::new(config, SEED, now), Backing::Own),
            Some(partitions) => {
                let store = SharedStore::new(now, Epoch(SEED), partitions, config.node_lease_ms);
                let registry = Registry::sharing(config, partitions, SEED, now);
                (registry, Backing::Shared { store, waiting: Vec::new() })
            }
        }
    }

    /// Answers a request, and the reads that it ends.
    pub(crate) fn answer(&mut self, registry: &mut Registry, now: Millis, request: Request) {
        let Backing::Shared { store, waiting } = self else { panic!("a node of its own asks {request:?}") };
        waiting.insert(0, request);
        waiting.retain(|request| match store.handle(now, request) {
            Some(answer) => {
                registry.handle_store(now, answer);
                false
            }
            None => true,
        });
    }

    /// The members of a channel, as pages of two.
    pub(crate) fn roster(
        &self,
        registry: &Registry,
        now: Millis,
        application: &str,
        channel: Channel,
    ) -> BTreeMap<String, Mood> {
        let mut members = Vec::new();
        match self {
            Backing::Shared { store, .. } => members = store.members(application, channel),
            Backing::Own => {
                let mut after: Option<String> = None;
                loop {
                    let page = registry.users(now, application, channel, after.as_deref(), 2);
                    let page = page.expect("it has its own");
                    members.extend(page.users);
                    after = page.next;
                    if after.is_none() {
                        let count = registry.count(application, channel);
                        assert_eq!(
                            (count, page.count),
                            (Some(page.count), members.len() as u64),
                            "the counts"
                        );
                        break;
                    }
                }
            }
        }
        let count = members.len();
        let roster: BTreeMap<_, _> =
            members.into_iter().map(|member| (member.user, mood_of(&member.attributes))).collect();
        assert_eq!(roster.len(), count, "each member comes once");
        roster
    }

    pub(crate) fn mood(&self, registry: &Registry, user: User, channel: Channel) -> Mood {
        let attributes = match self {
            Backing::Own => registry.attributes(user.0, channel, user.1).expect("it has its own"),
            Backing::Shared { store, .. } => store.attributes(user.0, channel, user.1),
        };
        mood_of(&attributes)
    }

    pub(crate) fn channels_of(&self, registry: &Registry, user: User) -> Vec<String> {
        match self {
            Backing::Own => registry.user_channels(user.0, user.1).expect("it has its own"),
            Backing::Shared { store, .. } => store.user_channels(user.0, user.1),
        }
    }
}
