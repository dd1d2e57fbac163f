//! What all requests and connections of one server share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use herenow_registry::ConnectionId;

use crate::actor::Actor;
use crate::admission::Admission;
use crate::config::Config;
use crate::origin::OriginRules;
use crate::shutdown::Lifecycle;

/// One server.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) actor: Actor,
    pub(crate) origins: OriginRules,
    pub(crate) admission: Arc<Admission>,
    pub(crate) lifecycle: Lifecycle,
    last_connection: AtomicU64,
}

impl App {
    pub(crate) fn new(config: Config, actor: Actor, loopback_only: bool) -> Self {
        let origins =
            OriginRules::new(loopback_only, config.public_url.clone(), config.allowed_origins.clone());
        let admission = Arc::new(Admission::new(config.max_handshakes, config.max_handshakes_per_address));
        let lifecycle = Lifecycle::new();
        Self { config, actor, origins, admission, lifecycle, last_connection: AtomicU64::new(0) }
    }

    /// A connection's number that was never used.
    pub(crate) fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.last_connection.fetch_add(1, Ordering::Relaxed) + 1)
    }
}
