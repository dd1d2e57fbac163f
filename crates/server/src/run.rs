//! Serving a listener until a future says stop, and stopping well.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use herenow_registry::{Millis, Registry};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::accept::accept;
use crate::actor::{Actor, Command};
use crate::app::App;
use crate::config::{Config, millis};
use crate::http::router;

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
        "cannot listen on {0}: the port is in use; stop the program that uses it, or choose another with --listen ADDR:PORT"
    )]
    InUse(String),
    /// The operating system does not allow it.
    #[error("cannot listen on {0}: permission denied; choose a port above 1023 with --listen ADDR:PORT")]
    Denied(String),
    /// Anything else.
    #[error("cannot listen on {0}: {1}; give an address of this machine with --listen ADDR:PORT")]
    Other(String, io::Error),
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
    /// The task that owns the registry has ended: a mistake of herenow.
    #[error("the registry stopped; please report this with the log above")]
    Registry,
}

/// Binds `address`, `host:port`.
///
/// # Errors
/// When the port is taken, forbidden, or not of this machine.
pub async fn bind(address: &str) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(address.into()),
        io::ErrorKind::PermissionDenied => BindError::Denied(address.into()),
        _ => BindError::Other(address.into(), error),
    })
}

/// Serves `listener` until `shutdown` is ready, then drains for at most `config.drain`.
///
/// # Errors
/// When the server cannot go on.
pub async fn run(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let seed = u64::from_ne_bytes(random()?);
    let node = format!("node-{:08x}", u32::from_ne_bytes(random()?));
    let registry = Registry::new(config.registry(node), seed, Millis(0));
    run_with(registry, listener, config, shutdown).await
}

/// The same with a registry that may hold members already; its clock stands at 0.
///
/// # Errors
/// When the server cannot go on.
pub async fn run_with(
    registry: Registry,
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let address = listener.local_addr()?;
    let loopback_only = address.ip().is_loopback();
    warn_if_open(address, loopback_only && config.public_url.is_none());
    tracing::info!(%address, node = registry.node(), "serving");
    let (actor, mut registry) = Actor::start(registry);
    let app = Arc::new(App::new(config, actor, loopback_only));
    let (end, ending) = oneshot::channel::<()>();
    let http = tokio::spawn(accept(
        listener,
        router(Arc::clone(&app)),
        app.config.ping_interval * 2,
        at_the_end(LAST_ANSWERS, app.config.drain),
        // Dropping the sender ends it too.
        async { drop(ending.await) },
    ));
    let outcome = tokio::select! {
        () = shutdown => drain(&app, &mut registry).await,
        _ = &mut registry => Err(RunError::Registry),
    };
    drop(end);
    if let Err(error) = http.await {
        tracing::error!(%error, "the task that accepts connections failed");
    }
    registry.abort();
    outcome
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

fn warn_if_open(address: SocketAddr, only_this_machine: bool) {
    if !only_this_machine {
        tracing::warn!(
            %address,
            "open mode on an address that others can reach: anybody may enter as a guest, join and read every channel"
        );
    }
}

fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
