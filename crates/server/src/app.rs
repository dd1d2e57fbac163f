//! What all requests and connections of one server share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use herenow_protocol::Limits;
use herenow_registry::ConnectionId;

use crate::actor::{Actor, Command};
use crate::admission::Admission;
use crate::auth::{AdminToken, Auth};
use crate::config::Config;
use crate::http::{ReadRates, Unread, WrongTokens};
use crate::metrics::Metrics;
use crate::origin::OriginRules;
use crate::run::RunError;
use crate::shutdown::Lifecycle;
use crate::store::redis::RedisStore;
use crate::tls::Tls;

/// Connections without a WebSocket of one address, for each handshake that it may have open.
const HTTP_FOR_A_HANDSHAKE: usize = 4;

/// Three quarters of the files that may be open: the rest is for WebSockets.
fn most_http_connections() -> usize {
    let files = rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(u64::MAX, |(soft, _)| soft);
    usize::try_from(files / 4 * 3).unwrap_or(usize::MAX)
}

/// One server.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) actor: Actor,
    /// What this node shares with others, if it does.
    pub(crate) store: Option<Arc<RedisStore>>,
    pub(crate) auth: Auth,
    /// Without one there is nothing for operators.
    pub(crate) admin: Option<AdminToken>,
    /// Without it connections are plain.
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) origins: Arc<OriginRules>,
    pub(crate) admission: Arc<Admission>,
    /// The same for connections that are no WebSockets.
    pub(crate) http_admission: Arc<Admission>,
    pub(crate) read_rates: ReadRates,
    pub(crate) unread: Unread,
    pub(crate) wrong_tokens: WrongTokens,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) metrics: Arc<Metrics>,
    last_connection: AtomicU64,
}

impl App {
    /// `loopback_only`: only this machine reaches the server.
    ///
    /// # Errors
    /// When a file that the configuration names cannot be used.
    pub(crate) fn new(
        config: Config,
        actor: Actor,
        store: Option<Arc<RedisStore>>,
        loopback_only: bool,
    ) -> Result<Self, RunError> {
        let auth = config.authentication()?;
        let admin = config.operator()?;
        let tls = config.tls()?.map(Arc::new);
        let origins = Arc::new(OriginRules::new(
            auth.is_open(),
            loopback_only,
            config.public_url.clone(),
            config.allowed_origins.clone(),
        ));
        let admission = Arc::new(Admission::new(config.max_handshakes, config.max_handshakes_per_address));
        let http_per_address = config.max_handshakes_per_address.saturating_mul(HTTP_FOR_A_HANDSHAKE);
        let http_admission = Arc::new(Admission::new(most_http_connections(), http_per_address));
        let read_rates = ReadRates::new(Limits::with_rate(config.frames_per_second));
        let lifecycle = Lifecycle::new();
        let metrics = Arc::clone(actor.metrics());
        Ok(Self {
            config,
            actor,
            store,
            auth,
            admin,
            tls,
            origins,
            admission,
            http_admission,
            read_rates,
            unread: Unread::new(),
            wrong_tokens: WrongTokens::new(),
            lifecycle,
            metrics,
            last_connection: AtomicU64::new(0),
        })
    }

    /// Reads again what may change while the server runs. What cannot be read stays as it was.
    pub(crate) async fn reload(&self) {
        match self.auth.reload() {
            Ok(_) if self.auth.is_open() => {}
            Ok(withdrawn) => {
                tracing::info!(withdrawn = withdrawn.len(), "read the keys of tokens again");
                // Without the registry the server stops, and everybody is closed.
                let _ = self.actor.send(Command::Withdraw(withdrawn)).await;
            }
            Err(error) => tracing::error!(%error, "the keys of tokens stay as they were"),
        }
        match self.tls.as_ref().map(|tls| tls.reload()) {
            None => {}
            Some(Ok(())) => tracing::info!("read the certificate again"),
            Some(Err(error)) => tracing::error!(%error, "the certificate stays as it was"),
        }
        match self.admin.as_ref().map(AdminToken::reload) {
            None => {}
            Some(Ok(())) => tracing::info!("read the operator's token again"),
            Some(Err(error)) => tracing::error!(%error, "the operator's token stays as it was"),
        }
    }

    /// A connection's number that was never used.
    pub(crate) fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.last_connection.fetch_add(1, Ordering::Relaxed) + 1)
    }
}
