//! The command line. The runner, `npm run bench`, writes it; people may, too.

use std::net::SocketAddr;

use clap::{Args, Parser, Subcommand};

use crate::steps::Arrivals;
use crate::targets::Name;

/// Load for a server of presence, and what it costs the server. Figures are told as JSON, a line each.
#[derive(Debug, Parser)]
#[command(name = "bench")]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) task: Task,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Joining, memory, idling, and deliveries, paced and in a burst, with a given number of connections.
    Load(Load),
    /// A quarter of the readers stops reading.
    Stalled(Scenario),
    /// All clients are cut at once.
    Cut(Scenario),
    /// Joins, leaves, updates and cuts at a high rate.
    Churn(Scenario),
}

/// Which server, or which several that share a Redis.
#[derive(Clone, Debug, Args)]
pub(crate) struct Server {
    /// The protocol.
    #[arg(long, value_enum)]
    pub(crate) target: Name,
    /// Where it listens; connections are spread over several, separated by commas.
    #[arg(long, value_delimiter = ',', required = true)]
    pub(crate) address: Vec<SocketAddr>,
    /// Its process; what that started counts, too. As many as addresses.
    #[arg(long, value_delimiter = ',', required = true)]
    pub(crate) pid: Vec<u32>,
    /// The Redis that they share: what it does is measured, too.
    #[arg(long)]
    pub(crate) redis: Option<SocketAddr>,
    /// Members of a channel.
    #[arg(long, default_value_t = 100)]
    pub(crate) size: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Load {
    #[command(flatten)]
    pub(crate) server: Server,
    /// Numbers of connections, separated by commas: at each of them all is measured.
    #[arg(long, value_delimiter = ',', default_value = "2000")]
    pub(crate) connections: Vec<usize>,
    /// Seconds of doing nothing; 0 leaves it out.
    #[arg(long, default_value_t = 5.0)]
    pub(crate) idle: f64,
    /// Seconds of steady updates; 0 leaves them out.
    #[arg(long, default_value_t = 20.0)]
    pub(crate) paced: f64,
    /// Deliveries a second of steady updates; several, separated by commas, are measured one after the other.
    #[arg(long, value_delimiter = ',', default_value = "20000")]
    pub(crate) rate: Vec<f64>,
    /// When they are sent.
    #[arg(long, value_enum, default_value_t = Arrivals::Even)]
    pub(crate) arrivals: Arrivals,
    /// Seconds of bursts at least; 0 leaves them out.
    #[arg(long, default_value_t = 5.0)]
    pub(crate) burst: f64,
    /// Deliveries of one burst at least.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) burst_deliveries: u64,
    /// Seconds of sets, and then of leaving and joining, as fast as they are answered; 0 leaves them out. Only for herenow.
    #[arg(long, default_value_t = 0.0)]
    pub(crate) operations: f64,
    /// Operations on their way at once.
    #[arg(long, default_value_t = 400)]
    pub(crate) window: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Scenario {
    #[command(flatten)]
    pub(crate) server: Server,
    /// Connections.
    #[arg(long, default_value_t = 2000)]
    pub(crate) connections: usize,
    /// Seconds of each part.
    #[arg(long, default_value_t = 20.0)]
    pub(crate) seconds: f64,
    /// Deliveries, or changes, a second.
    #[arg(long, default_value_t = 20_000.0)]
    pub(crate) rate: f64,
}
