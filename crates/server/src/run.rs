//! Serving a listener until a future says stop, and stopping well.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use herenow_registry::{Millis, Registry};
use tokio::net::{TcpListener, TcpSocket, lookup_host};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::accept::{Service, accept};
use crate::actor::{Actor, Command};
use crate::app::App;
use crate::auth::KeyError;
use crate::config::{AuthMode, Config, RedisUrl, millis};
use crate::http::{operators_router, router};
use crate::memory;
use crate::metrics::MetricsFlag;
use crate::nodes::keep_in_touch;
use crate::signals::Hangups;
use crate::store::redis::{OpenError, RedisStore};
use crate::tls::TlsError;

/// Connections that the operating system keeps until they are accepted.
const BACKLOG: u32 = 1024;
/// How long closed sockets may take to say goodbye at the end, at most.
const LAST_WORDS: Duration = Duration::from_millis(2_500);
/// How long HTTP answers on their way may take after that, at most.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// Each of the two is at most this part of the time for draining, in which they are contained.
const LAST_PART: u32 = 8;

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error(
        "cannot listen on {address}: the port is in use; stop the program that uses it, or choose another with {flag} ADDR:PORT"
    )]
    InUse {
        /// Where.
        address: String,
        /// The option that says so.
        flag: &'static str,
    },
    /// The operating system does not allow it.
    #[error("cannot listen on {address}: permission denied; choose a port above 1023 with {flag} ADDR:PORT")]
    Denied {
        /// Where.
        address: String,
        /// The option that says so.
        flag: &'static str,
    },
    /// Anything else.
    #[error("cannot listen on {address}: {error}; give an address of this machine with {flag} ADDR:PORT")]
    Other {
        /// Where.
        address: String,
        /// The option that says so.
        flag: &'static str,
        /// What happened.
        error: io::Error,
    },
}

/// Why the server stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The listener is not usable.
    #[error("the listener failed: {0}")]
    Listener(#[from] io::Error),
    /// There is no randomness.
    #[error("the operating system gives no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
    /// The keys of tokens cannot be read.
    #[error("{0}")]
    Keys(#[from] KeyError),
    /// The certificate or its key cannot be used.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// The store that nodes share cannot be used.
    #[error("{0}")]
    Store(#[from] OpenError),
    /// The task that owns the registry has ended: a mistake of herenow.
    #[error("the registry stopped; please report this with the log above")]
    Registry,
}

/// Binds `address`, `host:port`. `reuse_port`: also where a server listens that was bound in this way, too; only on
/// Unix.
///
/// # Errors
/// When the port is taken, forbidden, or not of this machine.
pub async fn bind(address: &str, reuse_port: bool) -> Result<TcpListener, BindError> {
    bind_for("--listen", address, reuse_port).await
}

/// The same; `flag` is the option that names the address.
async fn bind_for(flag: &'static str, address: &str, reuse_port: bool) -> Result<TcpListener, BindError> {
    let bound = if reuse_port { bind_beside(address).await } else { TcpListener::bind(address).await };
    bound.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address: address.into(), flag },
        io::ErrorKind::PermissionDenied => BindError::Denied { address: address.into(), flag },
        _ => BindError::Other { address: address.into(), flag, error },
    })
}

/// Binds the first address that `address` stands for.
async fn bind_beside(address: &str) -> io::Result<TcpListener> {
    let mut all = lookup_host(address).await?;
    let address = all.next().ok_or_else(|| io::Error::other("the name has no address"))?;
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    #[cfg(all(unix, not(target_os = "solaris"), not(target_os = "illumos")))]
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Where a server listens.
#[derive(Debug)]
pub struct Listeners {
    /// For clients.
    pub main: TcpListener,
    /// For `/metrics` alone, where it has an address of its own.
    pub metrics: Option<TcpListener>,
}

impl Listeners {
    /// Binds what the configuration names.
    ///
    /// # Errors
    /// When a port is taken, forbidden, or not of this machine.
    pub async fn bind(config: &Config) -> Result<Self, BindError> {
        let metrics = match &config.metrics {
            MetricsFlag::At(address) => Some(bind_for("--metrics", address, config.reuse_port).await?),
            MetricsFlag::On | MetricsFlag::Off => None,
        };
        Ok(Self { main: bind(&config.listen, config.reuse_port).await?, metrics })
    }
}

impl From<TcpListener> for Listeners {
    fn from(main: TcpListener) -> Self {
        Self { main, metrics: None }
    }
}

/// Serves `listeners` until `shutdown` is ready, then drains for at most `config.drain`.
///
/// # Errors
/// When the server cannot go on.
pub async fn run(
    listeners: impl Into<Listeners> + Send,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let store = open_store(&config).await?;
    run_on(store, listeners, config, shutdown).await
}

/// Connects to the store that the configuration names, if it does.
///
/// # Errors
/// When it cannot be reached or does not fit.
pub async fn open_store(config: &Config) -> Result<Option<Arc<RedisStore>>, OpenError> {
    if config.redis.is_empty() {
        return Ok(None);
    }
    let urls: Vec<&str> = config.redis.iter().map(RedisUrl::as_str).collect();
    let store = RedisStore::open(&urls, &config.redis_prefix, millis(config.node_lease)).await?;
    Ok(Some(Arc::new(store)))
}

/// The same as [`run`] on a store that is connected, or on none.
///
/// # Errors
/// When the server cannot go on.
pub async fn run_on(
    store: Option<Arc<RedisStore>>,
    listeners: impl Into<Listeners> + Send,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let seed = u64::from_ne_bytes(random()?);
    let node = format!("node-{:08x}", u32::from_ne_bytes(random()?));
    let registry = match &store {
        None => Registry::new(config.registry(node), seed, Millis(0)),
        Some(store) => Registry::sharing(config.registry(node), store.partitions(), seed, Millis(0)),
    };
    serve(registry, store, listeners.into(), config, shutdown).await
}

/// The same with a registry that may hold members already; its clock stands at 0.
///
/// # Errors
/// When the server cannot go on.
pub async fn run_with(
    registry: Registry,
    listeners: impl Into<Listeners> + Send,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    serve(registry, None, listeners.into(), config, shutdown).await
}

async fn serve(
    registry: Registry,
    store: Option<Arc<RedisStore>>,
    listeners: Listeners,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let Listeners { main: listener, metrics } = listeners;
    let address = listener.local_addr()?;
    let loopback_only = is_loopback(address);
    let only_this_machine = loopback_only && config.public_url.is_none();
    if config.auth == AuthMode::Open && !only_this_machine {
        warn_that_open(address);
    }
    tracing::info!(%address, node = registry.node(), "serving");
    // Before files are read: who changes one later is heard.
    let mut hangups = Hangups::new()?;
    let (actor, mut registry) = Actor::start(registry, store.clone());
    let app = Arc::new(App::new(config, actor, store, loopback_only)?);
    let (end, ending) = oneshot::channel::<()>();
    let service = Service {
        router: router(Arc::clone(&app)),
        tls: app.tls.clone(),
        metrics: Arc::clone(&app.metrics),
        admission: Arc::clone(&app.http_admission),
        trusted: app.config.trusted_proxies.clone(),
        user_timeout: app.config.ping_interval * 2,
        last_answers: at_the_end(LAST_ANSWERS, app.config.drain),
    };
    let http = tokio::spawn(accept(
        listener,
        service,
        leaving(Arc::clone(&app)),
        // Dropping the sender ends it too.
        async { drop(ending.await) },
    ));
    let operators = match metrics {
        Some(listener) => {
            let loopback_only = is_loopback(listener.local_addr()?);
            Some(tokio::spawn(serve_operators(listener, Arc::clone(&app), loopback_only)))
        }
        None => None,
    };
    let memory =
        app.config.max_memory.map(|max_bytes| tokio::spawn(memory::watch(Arc::clone(&app), max_bytes)));
    let others = app.store.clone().map(|store| tokio::spawn(keep_in_touch(Arc::clone(&app), store)));
    let mut shutdown = std::pin::pin!(shutdown);
    let outcome = loop {
        tokio::select! {
            () = &mut shutdown => break drain(&app, &mut registry).await,
            () = app.lifecycle.asked_to_stop() => {
                tracing::info!("an operator asked to stop: draining");
                break drain(&app, &mut registry).await;
            }
            _ = &mut registry => break Err(RunError::Registry),
            () = hangups.next() => app.reload().await,
        }
    };
    drop(end);
    if let Err(error) = http.await {
        tracing::error!(%error, "the task that accepts connections failed");
    }
    for task in [operators, memory, others].into_iter().flatten() {
        task.abort();
    }
    registry.abort();
    outcome
}

/// Serves the numbers on an address of their own, to the end of the process.
async fn serve_operators(listener: TcpListener, app: Arc<App>, loopback_only: bool) {
    let service = Service {
        router: operators_router(Arc::clone(&app), loopback_only),
        tls: None,
        metrics: Arc::clone(&app.metrics),
        admission: Arc::clone(&app.http_admission),
        trusted: app.config.trusted_proxies.clone(),
        user_timeout: app.config.ping_interval * 2,
        last_answers: LAST_ANSWERS,
    };
    let never = std::future::pending;
    accept(listener, service, never(), never()).await;
}

/// Whether only this machine reaches an address. IPv4 may be written as IPv6.
fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Ready when a server that shares its address stops: who connects from now on is for its successor.
async fn leaving(app: Arc<App>) {
    if app.config.reuse_port {
        app.lifecycle.draining().await;
    } else {
        std::future::pending().await
    }
}

/// How much of the time for draining something at its end may take.
fn at_the_end(at_most: Duration, drain: Duration) -> Duration {
    at_most.min(drain / LAST_PART)
}

async fn drain(app: &App, registry: &mut JoinHandle<()>) -> Result<(), RunError> {
    let drain = app.config.drain;
    let last_words = at_the_end(LAST_WORDS, drain);
    let over = drain - last_words - at_the_end(LAST_ANSWERS, drain);
    app.lifecycle.drain();
    app.actor.send(Command::Shutdown { over_ms: millis(over) }).await.map_err(|_| RunError::Registry)?;
    tokio::select! {
        drained = timeout(over, app.lifecycle.no_sockets()) => if drained.is_ok() {
            return Ok(());
        },
        _ = registry => return Err(RunError::Registry),
    }
    app.actor.send(Command::CloseAll).await.map_err(|_| RunError::Registry)?;
    if timeout(last_words, app.lifecycle.no_sockets()).await.is_err() {
        tracing::warn!("some clients did not close their sockets in time");
    }
    Ok(())
}

fn warn_that_open(address: SocketAddr) {
    tracing::warn!(
        %address,
        "open mode on an address that others can reach: anybody may enter as a guest, join and read every channel; --auth jwt lets in whom your backend signs a token for"
    );
}

fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
