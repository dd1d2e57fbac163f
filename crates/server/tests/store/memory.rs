//! The memory store behind the same trait, with the time of this machine.

use std::sync::Mutex;
use std::time::Instant;

use herenow_protocol::{Attributes, Epoch};
use herenow_registry::Millis;
use herenow_registry::store::{Answer, Channel, Request, SharedStore, User};
use herenow_server::store::{MembersPage, Store, StoreError};

pub(crate) struct Memory {
    start: Instant,
    store: Mutex<SharedStore>,
}

impl Memory {
    pub(crate) fn new(partitions: u16, lease_ms: u64) -> Self {
        let store = SharedStore::new(Millis(0), Epoch(1), partitions, lease_ms);
        Self { start: Instant::now(), store: Mutex::new(store) }
    }
}

impl Store for Memory {
    async fn ask(&self, request: &Request) -> Result<Option<Answer>, StoreError> {
        let now = Millis(self.start.elapsed().as_millis().try_into().unwrap());
        Ok(self.store.lock().unwrap().handle(now, request))
    }

    async fn members(
        &self,
        channel: &Channel,
        after: Option<&str>,
        limit: usize,
    ) -> Result<MembersPage, StoreError> {
        let store = self.store.lock().unwrap();
        let count = store.members(channel.application(), channel.name()).len() as u64;
        let (members, more) = store.page(channel, after, limit);
        Ok(MembersPage { members, count, more })
    }

    async fn attributes(&self, channel: &Channel, user: &str) -> Result<Attributes, StoreError> {
        Ok(self.store.lock().unwrap().attributes(channel.application(), channel.name(), user))
    }

    async fn largest(
        &self,
        application: &str,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        Ok(self.store.lock().unwrap().largest(application, prefix, limit))
    }

    async fn channels_of(&self, user: &User) -> Result<Vec<String>, StoreError> {
        Ok(self.store.lock().unwrap().user_channels(user.application(), user.id()))
    }
}
