//! What requests ask of members: the registry of a node alone, or else the store that it shares.

use std::future::Future;
use std::time::Duration;

use herenow_protocol::Attributes;
use herenow_registry::store::{Channel, User};
use herenow_registry::{ChannelInfo, UsersPage};
use tokio::time::timeout;

use crate::actor::Stopped;
use crate::app::App;
use crate::store::{Store, StoreError};

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unavailable {
    /// The server stops.
    Stopped,
    /// The store does not answer.
    Store,
}

impl From<Stopped> for Unavailable {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<StoreError> for Unavailable {
    fn from(error: StoreError) -> Self {
        tracing::debug!(%error, "a read of the store failed");
        Self::Store
    }
}

/// How long a read of the store may take. While the store says nothing, one may wait for a connection first, and then for an
/// answer.
const PATIENCE: Duration = Duration::from_secs(2);

async fn in_time<T>(reading: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(PATIENCE, reading).await.unwrap_or(Err(StoreError::Timeout))
}

/// Something, and milliseconds for which members may be missing from it.
pub(crate) struct Settling<T>(pub(crate) T, pub(crate) u64);

impl App {
    /// Members of a channel, ordered by user id, those after `after`, at most `limit`.
    pub(crate) async fn users(
        &self,
        application: String,
        channel: String,
        after: Option<String>,
        limit: usize,
    ) -> Result<UsersPage, Unavailable> {
        let Some(store) = &self.store else {
            let look = move |registry: &herenow_registry::Registry, now| {
                registry.users(now, &application, &channel, after.as_deref(), limit)
            };
            return Ok(self.actor.read(look).await?.ok_or(Stopped)?);
        };
        let channel = Channel::new(application.into(), &channel);
        let page = in_time(store.members(&channel, after.as_deref(), limit.max(1))).await?;
        let next = if page.more { page.members.last().map(|member| member.user.clone()) } else { None };
        let settles_in_ms = self.settles_in_ms().await?;
        Ok(UsersPage { users: page.members, count: page.count, next, settles_in_ms })
    }

    /// The attributes of a member; none for a user who is no member.
    pub(crate) async fn attributes(
        &self,
        application: String,
        channel: String,
        user: String,
    ) -> Result<Settling<Attributes>, Unavailable> {
        let Some(store) = &self.store else {
            let look = move |registry: &herenow_registry::Registry, now| {
                let attributes = registry.attributes(&application, &channel, &user)?;
                Some(Settling(attributes, registry.settles_in_ms(now)))
            };
            return Ok(self.actor.read(look).await?.ok_or(Stopped)?);
        };
        let channel = Channel::new(application.into(), &channel);
        let attributes = in_time(store.attributes(&channel, &user)).await?;
        Ok(Settling(attributes, self.settles_in_ms().await?))
    }

    /// How many members a channel has.
    pub(crate) async fn count(
        &self,
        application: String,
        channel: String,
    ) -> Result<Settling<u64>, Unavailable> {
        let Some(store) = &self.store else {
            let look = move |registry: &herenow_registry::Registry, now| {
                Some(Settling(registry.count(&application, &channel)?, registry.settles_in_ms(now)))
            };
            return Ok(self.actor.read(look).await?.ok_or(Stopped)?);
        };
        let channel = Channel::new(application.into(), &channel);
        let page = in_time(store.members(&channel, None, 0)).await?;
        Ok(Settling(page.count, self.settles_in_ms().await?))
    }

    /// The largest channels of an application whose names begin with `prefix`. `observers` and `mode` are of this node.
    pub(crate) async fn largest_channels(
        &self,
        application: String,
        prefix: String,
        limit: usize,
    ) -> Result<Vec<ChannelInfo>, Unavailable> {
        let Some(store) = &self.store else {
            let look = move |registry: &herenow_registry::Registry, _| {
                registry.largest_channels(&application, &prefix, limit)
            };
            return Ok(self.actor.read(look).await?.ok_or(Stopped)?);
        };
        let found = in_time(store.largest(&application, &prefix, limit)).await?;
        let look = move |registry: &herenow_registry::Registry, _| {
            let info = |(name, members): (String, u64)| registry.channel_info(&application, &name, members);
            found.into_iter().map(info).collect()
        };
        Ok(self.actor.read(look).await?)
    }

    /// The channels that a user is a member of, sorted.
    pub(crate) async fn channels_of(
        &self,
        application: String,
        user: String,
    ) -> Result<Settling<Vec<String>>, Unavailable> {
        let Some(store) = &self.store else {
            let look = move |registry: &herenow_registry::Registry, now| {
                Some(Settling(registry.user_channels(&application, &user)?, registry.settles_in_ms(now)))
            };
            return Ok(self.actor.read(look).await?.ok_or(Stopped)?);
        };
        let channels = in_time(store.channels_of(&User::new(&application, &user))).await?;
        Ok(Settling(channels, self.settles_in_ms().await?))
    }

    async fn settles_in_ms(&self) -> Result<u64, Stopped> {
        self.actor.read(|registry, now| registry.settles_in_ms(now)).await
    }
}
