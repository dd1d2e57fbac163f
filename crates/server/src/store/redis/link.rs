//! A connection to one Redis server that is opened when it is needed, and again after it broke.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, ServerErrorKind};

use super::super::StoreError;
use super::opening::{Open, Opening};

/// How long connecting may take, and an answer beyond the time that a command blocks.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Link {
    client: Client,
    /// How long an answer may take.
    patience: Duration,
    opening: Opening<MultiplexedConnection>,
}

impl Link {
    pub(super) fn new(client: Client, patience: Duration) -> Self {
        Self { client, patience, opening: Opening::within(PATIENCE) }
    }

    /// The open connection, or a new one. All who ask at once get the same.
    pub(super) async fn open(&self) -> Result<Open<MultiplexedConnection>, StoreError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(self.patience));
        self.opening.get(self.client.get_multiplexed_async_connection_with_config(&config)).await
    }

    /// After an error: a connection that is of no use any more is not used again.
    pub(super) async fn note(&self, used: &Open<MultiplexedConnection>, error: &RedisError) {
        if is_useless(error) {
            self.opening.close(used).await;
        }
    }
}

/// Whether another connection may fare better: this one broke, or leads to a server that may not be written to.
fn is_useless(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(kind) => matches!(
            kind,
            ServerErrorKind::ReadOnly
                | ServerErrorKind::MasterDown
                | ServerErrorKind::BusyLoading
                | ServerErrorKind::Moved
                | ServerErrorKind::Ask
                | ServerErrorKind::ClusterDown
        ),
        _ => true,
    }
}
