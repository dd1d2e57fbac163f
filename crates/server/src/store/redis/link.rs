//! A connection to one Redis server that is opened when it is needed, and again after it broke.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, ServerErrorKind};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::super::StoreError;

/// How long connecting may take, and an answer beyond the time that a command blocks.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Link {
    client: Client,
    /// How long an answer may take.
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many were opened.
    opened: u64,
    connection: Option<MultiplexedConnection>,
}

/// An open connection, and which one it is.
pub(super) struct Open {
    number: u64,
    pub(super) connection: MultiplexedConnection,
}

impl Link {
    pub(super) fn new(client: Client, patience: Duration) -> Self {
        Self { client, patience, state: Mutex::default() }
    }

    /// The open connection, or a new one. All who ask at once get the same.
    pub(super) async fn open(&self) -> Result<Open, StoreError> {
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection {
            return Ok(Open { number: state.opened, connection: connection.clone() });
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(self.patience));
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let connection = timeout(PATIENCE, connecting).await.map_err(|_| StoreError::Timeout)??;
        state.opened += 1;
        state.connection = Some(connection.clone());
        Ok(Open { number: state.opened, connection })
    }

    /// After an error: a connection that is of no use any more is not used again.
    pub(super) async fn note(&self, used: &Open, error: &RedisError) {
        if !is_useless(error) {
            return;
        }
        let mut state = self.state.lock().await;
        if state.opened == used.number {
            state.connection = None;
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
