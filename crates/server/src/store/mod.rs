//! Where the members are when several nodes share them. A node alone keeps them in its registry.

use std::future::Future;

use herenow_protocol::{Attributes, Member};
use herenow_registry::store::{Answer, Channel, Request, User};

pub(crate) mod driver;
mod reach;
pub mod redis;

/// Members of a channel, and how many it has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MembersPage {
    /// Ordered by user id.
    pub members: Vec<Member>,
    /// Members of the channel.
    pub count: u64,
    /// Whether others follow.
    pub more: bool,
}

/// A store that several nodes share. What it has to do is what [`herenow_registry::store::SharedStore`] does; the
/// conformance suite holds each of them to it.
pub trait Store: Send + Sync {
    /// Answers a request of the registry; `None` for a read where nothing has happened for a while.
    fn ask(&self, request: &Request) -> impl Future<Output = Result<Option<Answer>, StoreError>> + Send;

    /// Members of a channel whose ids follow `after`, at most `limit`, and about [`herenow_registry::store::MAX_PAGE_BYTES`].
    fn members(
        &self,
        channel: &Channel,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<MembersPage, StoreError>> + Send;

    /// The attributes of a member; none for a user who is no member.
    fn attributes(
        &self,
        channel: &Channel,
        user: &str,
    ) -> impl Future<Output = Result<Attributes, StoreError>> + Send;

    /// The largest channels of an application whose names begin with `prefix`, largest first, at most `limit`, each with its
    /// members. Only the largest are looked at; of equal ones at the end any.
    fn largest(
        &self,
        application: &str,
        prefix: &str,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(String, u64)>, StoreError>> + Send;

    /// The channels that a user is a member of, sorted.
    fn channels_of(&self, user: &User) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;
}

/// Why a store gives no answer. What was asked may have been done or not.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or refuses.
    #[error("the store: {0}")]
    Redis(#[from] ::redis::RedisError),
    /// It took too long.
    #[error("the store did not answer in time")]
    Timeout,
    /// It answered something that no script of this release gives.
    #[error("the store answered what this release does not know: {0}")]
    Answer(&'static str),
}
