//! A real server on a free port, and clients that speak to it over real sockets.

pub(crate) mod client;
pub(crate) mod jwt;
pub(crate) mod raw;

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::BoxFuture;
use herenow_registry::Registry;
use herenow_server::{Config, Listeners, RunError, bind, run, run_with};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Longer than anything takes here, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A valid guest's token.
pub(crate) fn guest(name: &str) -> String {
    format!("guest.{name:-<22}")
}

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<(), RunError>>,
}

impl Server {
    /// Starts one with the defaults.
    pub(crate) async fn start() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        Self::at("127.0.0.1:0", config).await
    }

    pub(crate) async fn at(address: &str, config: Config) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        Self::run(listener.local_addr().unwrap(), |stopped| run(listener, config, stopped))
    }

    /// Starts one on an address that it shares.
    pub(crate) async fn beside(address: &str, config: Config) -> Self {
        let listener = bind(address, config.reuse_port).await.unwrap();
        Self::run(listener.local_addr().unwrap(), |stopped| run(listener, config, stopped))
    }

    /// Starts one on listeners that are bound.
    pub(crate) async fn listening(listeners: Listeners, config: Config) -> Self {
        Self::run(listeners.main.local_addr().unwrap(), |stopped| run(listeners, config, stopped))
    }

    /// Starts one on a registry that holds something already.
    pub(crate) async fn on(registry: Registry, config: Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::run(listener.local_addr().unwrap(), |stopped| run_with(registry, listener, config, stopped))
    }

    fn run<R>(address: SocketAddr, run: impl FnOnce(BoxFuture<'static, ()>) -> R) -> Self
    where
        R: Future<Output = Result<(), RunError>> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(run(Box::pin(async { drop(stopped.await) })));
        Self { address, stop: Some(stop), running }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.address.port())
    }

    /// Tells it to stop.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits for its end.
    pub(crate) async fn ended(self) {
        tokio::time::timeout(PATIENCE, self.running).await.unwrap().unwrap().unwrap();
    }
}

/// An answer to an HTTP request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: serde_json::Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code of an error, which must be complete.
    pub(crate) fn error(&self) -> (u16, &str) {
        for field in ["message", "remedy"] {
            assert!(self.body[field].as_str().is_some_and(|text| !text.is_empty()), "{self:?}");
        }
        (self.status, self.body["code"].as_str().unwrap())
    }
}

/// Sends a request.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.timeout(PATIENCE).send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.unwrap();
    Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or_default() }
}

/// Gets a path as a guest.
pub(crate) async fn get(server: &Server, path: &str) -> Answer {
    answer(reqwest::Client::new().get(server.url(path)).bearer_auth(guest("reader"))).await
}
