//! Updates at a steady rate: what a delivery costs and how late it is.

use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::Serialize;

use crate::bench::{Bench, Cost, Meter};
use crate::dice::Dice;
use crate::error::BenchError;
use crate::histogram::Histogram;
use crate::redis::Done;
use crate::report::Progress;

/// When the next update is sent, and whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Arrivals {
    /// At equal intervals, one channel after the other, so that all of one channel are equally far from each other.
    Even,
    /// At equal intervals, of anybody: now and then several meet in a channel.
    Random,
}

/// How updates are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paced {
    /// Deliveries a second.
    pub(crate) rate: f64,
    pub(crate) time: Duration,
    pub(crate) arrivals: Arrivals,
}

/// What deliveries cost.
#[derive(Debug, Serialize)]
pub(crate) struct Delivered {
    step: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    arrivals: Option<Arrivals>,
    connections: usize,
    size: u32,
    deliveries: u64,
    seconds: f64,
    server_cpu_seconds: f64,
    cpu_seconds_per_million: f64,
    server_cpu_percent: f64,
    client_cpu_percent: f64,
    /// Of the time, how much server and client waited for a processor that another program had.
    server_waited_percent: f64,
    client_waited_percent: f64,
    p50_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    /// With several servers: of deliveries to another server than the sender's.
    #[serde(skip_serializing_if = "Option::is_none")]
    elsewhere: Option<Late>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redis: Option<Done>,
}

/// How late deliveries are.
#[derive(Debug, Serialize)]
struct Late {
    p50_ms: f64,
    p99_ms: f64,
}

impl Delivered {
    /// Of all deliveries since the tally was last begun.
    pub(super) fn new(
        step: &'static str,
        arrivals: Option<Arrivals>,
        bench: &Bench,
        deliveries: u64,
        cost: Cost,
    ) -> Self {
        let seconds = cost.elapsed.as_secs_f64();
        let tally = &bench.engine.tally;
        let ms = |of: &Histogram, share| of.quantile(share).as_secs_f64() * 1000.0;
        let (here, there) = (&tally.latency, &tally.elsewhere);
        Self {
            step,
            arrivals,
            connections: bench.engine.connections.len(),
            size: bench.engine.connections.first().map_or(0, |connection| connection.peer.expected()),
            deliveries,
            seconds,
            server_cpu_seconds: cost.server.as_secs_f64(),
            cpu_seconds_per_million: cost.server.as_secs_f64() * 1e6 / deliveries.max(1) as f64,
            server_cpu_percent: 100.0 * cost.server.as_secs_f64() / seconds,
            client_cpu_percent: 100.0 * cost.client.as_secs_f64() / seconds,
            server_waited_percent: 100.0 * cost.server_waited.as_secs_f64() / seconds,
            client_waited_percent: 100.0 * cost.client_waited.as_secs_f64() / seconds,
            p50_ms: ms(here, 0.5),
            p99_ms: ms(here, 0.99),
            p999_ms: ms(here, 0.999),
            elsewhere: (there.count() > 0).then(|| Late { p50_ms: ms(there, 0.5), p99_ms: ms(there, 0.99) }),
            redis: cost.redis,
        }
    }
}

/// Sends updates at a steady rate.
pub(crate) fn paced(bench: &mut Bench, paced: Paced) -> Result<Delivered, BenchError> {
    let mut order = Order::new(bench, paced.arrivals);
    let others =
        bench.engine.connections.first().map_or(1, |connection| connection.peer.expected() - 1).max(1);
    let interval = Duration::from_secs_f64(f64::from(others) / paced.rate);
    let mut progress = Progress::new("paced");
    bench.engine.tally.forget_latency();
    let before = bench.engine.tally.deliveries;
    let meter = Meter::start(bench)?;
    let start = Instant::now();
    let mut next = start;
    while next < start + paced.time {
        if Instant::now() >= next {
            bench.engine.update_due(order.next(), next);
            next += interval;
        }
        bench.engine.look()?;
        bench.check()?;
        progress.at(start.elapsed().as_secs_f64() / paced.time.as_secs_f64());
    }
    bench.settle("the last updates")?;
    bench.agree("after paced updates")?;
    let deliveries = bench.engine.tally.deliveries - before;
    let cost = meter.cost(bench)?;
    Ok(Delivered::new("paced", Some(paced.arrivals), bench, deliveries, cost))
}

/// Whose turn it is.
#[derive(Debug)]
pub(crate) struct Order {
    arrivals: Arrivals,
    count: usize,
    size: usize,
    at: usize,
    dice: Dice,
}

impl Order {
    pub(crate) fn new(bench: &Bench, arrivals: Arrivals) -> Self {
        let connections = &bench.engine.connections;
        let size = connections.first().map_or(1, |connection| connection.peer.expected() as usize);
        Self { arrivals, count: connections.len(), size, at: 0, dice: Dice::default() }
    }

    pub(crate) fn next(&mut self) -> usize {
        match self.arrivals {
            Arrivals::Even => {
                let channels = self.count.div_ceil(self.size);
                let (round, channel) = (self.at / channels, self.at % channels);
                self.at += 1;
                (channel * self.size + round % self.size).min(self.count - 1)
            }
            Arrivals::Random => self.dice.below(self.count),
        }
    }
}
