//! What the operator's Prometheus reads: the registry's numbers and the server's own, in one text.
//!
//! Labels are of small fixed sets: never a channel, a user or an address.

mod flag;
mod node;
mod process;

use std::ops::Deref;
use std::time::Duration;

use herenow_protocol::{CloseCode, Code};
use herenow_registry::{Counters, Gauges};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::admission::Full;
use node::Node;
use process::Process;

pub use flag::MetricsFlag;
pub(crate) use process::resident_bytes;

/// The `Content-Type` of the text.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Bytes of a flush: from one short frame to all that an outbox holds.
const FLUSH_BYTES: [f64; 8] = [64.0, 256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0];
/// Seconds of a turn of the registry's task.
const TURN_SECONDS: [f64; 8] = [0.000_01, 0.000_1, 0.001, 0.005, 0.01, 0.05, 0.1, 1.0];

/// Seconds of an answer of the store.
const STORE_SECONDS: [f64; 8] = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.01, 0.05, 0.25, 1.0];

type Labels<const N: usize> = [(&'static str, String); N];

/// What the server counts beside the registry.
#[derive(Debug)]
pub(crate) struct Metrics {
    http: Family<Labels<3>, Counter>,
    http_refusals: Family<Labels<1>, Counter>,
    closes: Family<Labels<1>, Counter>,
    failed: Family<Labels<1>, Counter>,
    handshakes_refused: Family<Labels<1>, Counter>,
    turns: Histogram,
    flushes: Histogram,
    store: Family<Labels<1>, Histogram, fn() -> Histogram>,
    store_failures: Counter,
    process: Process,
}

/// What the store is asked that it answers at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Renew,
    Apply,
    Roster,
    Sweep,
}

impl Asked {
    const ALL: [Self; 4] = [Self::Renew, Self::Apply, Self::Roster, Self::Sweep];

    const fn name(self) -> &'static str {
        match self {
            Self::Renew => "renew",
            Self::Apply => "apply",
            Self::Roster => "roster",
            Self::Sweep => "sweep",
        }
    }
}

/// Why a connection ended before it was one of HTTP, or in the middle of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// A handshake of TLS that was none.
    Tls,
    /// A handshake of TLS that took too long.
    TlsTimeout,
    /// What came was no HTTP, or broke off.
    Http,
    /// No whole head of a request in time.
    HttpTimeout,
    /// The operating system gave none, as when files run out.
    Accept,
    /// The address, or everybody together, has too many open.
    TooMany,
}

impl Failed {
    const ALL: [Self; 6] =
        [Self::Tls, Self::TlsTimeout, Self::Http, Self::HttpTimeout, Self::Accept, Self::TooMany];

    const fn reason(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::TlsTimeout => "tls_timeout",
            Self::Http => "http",
            Self::HttpTimeout => "http_timeout",
            Self::Accept => "accept",
            Self::TooMany => "too_many",
        }
    }
}

/// What is looked up when somebody asks.
#[derive(Clone, Debug)]
pub(crate) struct Now {
    pub(crate) counters: Counters,
    pub(crate) gauges: Gauges,
    /// Open WebSockets, with those that have not said hello.
    pub(crate) sockets: usize,
    /// Sockets that have not said hello.
    pub(crate) handshakes: usize,
    /// Connections that are no WebSockets.
    pub(crate) http_connections: usize,
    pub(crate) draining: bool,
    pub(crate) ready: bool,
    pub(crate) short_of_memory: bool,
}

impl Metrics {
    /// Everything that has a known set of labels is there from the start, as 0.
    pub(crate) fn new() -> Self {
        let metrics = Self {
            http: Family::default(),
            http_refusals: Family::default(),
            closes: Family::default(),
            failed: Family::default(),
            handshakes_refused: Family::default(),
            turns: Histogram::new(TURN_SECONDS),
            flushes: Histogram::new(FLUSH_BYTES),
            store: Family::new_with_constructor(|| Histogram::new(STORE_SECONDS)),
            store_failures: Counter::default(),
            process: Process::new(),
        };
        for code in CloseCode::ALL {
            drop(metrics.closes_of(*code));
        }
        for code in Code::ALL {
            drop(metrics.refusals_of(*code));
        }
        for failed in Failed::ALL {
            drop(metrics.failures_of(failed));
        }
        for asked in Asked::ALL {
            drop(metrics.store_of(asked));
        }
        for full in [Full::Server, Full::Address] {
            drop(metrics.refused_handshakes(full));
        }
        metrics
    }

    fn closes_of(&self, code: CloseCode) -> impl Deref<Target = Counter> {
        self.closes.get_or_create(&[("code", code.number().to_string())])
    }

    fn refusals_of(&self, code: Code) -> impl Deref<Target = Counter> {
        self.http_refusals.get_or_create(&[("code", code.as_str().into())])
    }

    fn store_of(&self, asked: Asked) -> impl Deref<Target = Histogram> {
        self.store.get_or_create(&[("request", asked.name().into())])
    }

    fn failures_of(&self, failed: Failed) -> impl Deref<Target = Counter> {
        self.failed.get_or_create(&[("reason", failed.reason().into())])
    }

    fn refused_handshakes(&self, full: Full) -> impl Deref<Target = Counter> {
        let limit = match full {
            Full::Server => "server",
            Full::Address => "address",
        };
        self.handshakes_refused.get_or_create(&[("limit", limit.into())])
    }

    /// A request was answered. `route` is the template of the path, not what was asked.
    pub(crate) fn answered(&self, method: &'static str, route: &str, status: u16) {
        let labels =
            [("method", method.into()), ("route", route.into()), ("status", format!("{}xx", status / 100))];
        self.http.get_or_create(&labels).inc();
    }

    /// A request was refused.
    pub(crate) fn refused(&self, code: Code) {
        self.refusals_of(code).inc();
    }

    /// The server closes a WebSocket.
    pub(crate) fn closed(&self, code: CloseCode) {
        self.closes_of(code).inc();
    }

    /// The store has answered.
    pub(crate) fn store_answered(&self, asked: Asked, took: Duration) {
        self.store_of(asked).observe(took.as_secs_f64());
    }

    /// The store has not answered.
    pub(crate) fn store_failed(&self) {
        self.store_failures.inc();
    }

    /// A connection has failed.
    pub(crate) fn failed(&self, failed: Failed) {
        self.failures_of(failed).inc();
    }

    /// A socket was not admitted.
    pub(crate) fn not_admitted(&self, full: Full) {
        self.refused_handshakes(full).inc();
    }

    /// The registry's task has handled what had arrived.
    pub(crate) fn turned(&self, took: Duration) {
        self.turns.observe(took.as_secs_f64());
    }

    /// So many bytes of frames have left for one connection.
    pub(crate) fn flushed(&self, bytes: usize) {
        self.flushes.observe(bytes as f64);
    }

    /// The text, in the OpenMetrics format.
    pub(crate) fn text(&self, now: Now) -> String {
        let mut all = Registry::with_prefix("herenow");
        let gauge = |value: usize| ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
        all.register("sockets", "Open WebSockets", gauge(now.sockets));
        all.register("handshakes", "Open WebSockets that have not said hello", gauge(now.handshakes));
        all.register(
            "http_connections",
            "Open connections that are no WebSockets, without those of trusted proxies",
            gauge(now.http_connections),
        );
        all.register("draining", "1 while the server stops", gauge(usize::from(now.draining)));
        all.register("store_ready", "1 while the store can be reached", gauge(usize::from(now.ready)));
        let short = gauge(usize::from(now.short_of_memory));
        all.register(
            "short_of_memory",
            "1 while new sessions, members and observers are refused: see --max-memory",
            short,
        );
        all.register("closes", "WebSockets that the server closed, by close code", self.closes.clone());
        all.register(
            "handshakes_refused",
            "WebSockets that were refused since too many had not said hello, on the server or of one address",
            self.handshakes_refused.clone(),
        );
        all.register(
            "connections_failed",
            "Connections that ended before an answer, by reason",
            self.failed.clone(),
        );
        all.register("http_requests", "Requests that were answered", self.http.clone());
        all.register(
            "http_refusals",
            "Requests that were refused, by error code",
            self.http_refusals.clone(),
        );
        all.register_with_unit(
            "turn",
            "How long the registry's task took for what had arrived at once",
            Unit::Seconds,
            self.turns.clone(),
        );
        all.register_with_unit(
            "flush",
            "Frames that left for one connection at once",
            Unit::Bytes,
            self.flushes.clone(),
        );
        all.register_with_unit(
            "store",
            "How long the shared store took to answer, by request",
            Unit::Seconds,
            self.store.clone(),
        );
        all.register(
            "store_failures",
            "Requests that the shared store did not answer",
            self.store_failures.clone(),
        );
        all.register_collector(Box::new(Node { counters: now.counters, gauges: now.gauges }));
        all.register_collector(Box::new(self.process));
        let mut text = String::new();
        // A string takes everything.
        let _ = encode(&mut text, &all);
        text
    }
}
