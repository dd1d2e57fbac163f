//! Some readers stop reading while the others go on.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::bench::{Bench, Watch};
use crate::error::BenchError;
use crate::metrics;
use crate::report::Progress;
use crate::steps::{Arrivals, Order};

/// One in so many stops reading.
const OF: usize = 4;
/// Time between two volleys, in which each channel is told some large updates.
const VOLLEYS: Duration = Duration::from_millis(200);
/// Members of each channel that send one in a volley.
const SENDERS: usize = 4;
/// Volleys while all read, so that what they need by themselves is there before memory is looked at.
const WARM: usize = 20;
/// The server closes who has not read for 30 s: until then it must have given up on those who do not.
const FILLING: Duration = Duration::from_secs(12);

/// What it did to the server and to the others.
#[derive(Debug, Serialize)]
pub(crate) struct Stalled {
    step: &'static str,
    connections: usize,
    stalled: usize,
    /// Times that the server dropped updates for a connection since its outbox was full.
    overflows: u64,
    /// Connections that were lost: there should be none.
    lost: usize,
    before_bytes: u64,
    most_bytes: u64,
    p99_ms_before: f64,
    /// Of those that read, while the others do not and all their buffers are full.
    p99_ms_during: f64,
    /// Diffs that did not follow what the connection had seen.
    gaps: u64,
    /// From reading again until all rosters were right.
    caught_up_seconds: f64,
}

/// Steady updates for `time`; then a quarter stops reading and is sent more than its outbox holds; steady updates of the
/// others for `time`; then all read again.
pub(crate) fn stalled(bench: &mut Bench, rate: f64, time: Duration) -> Result<Stalled, BenchError> {
    let count = bench.engine.connections.len();
    let stalled = count.div_ceil(OF);
    let mut order = Order::new(bench, Arrivals::Even);
    let mut most = Most::new(bench);
    for _ in 0..WARM {
        volley(bench, &mut order, &mut most)?;
    }
    bench.settle("the first volleys")?;
    let p99_ms_before = steady(bench, rate, time, &mut most, "before")?;
    bench.settle("the first updates")?;
    bench.agree("before readers stop")?;
    let before_bytes = bench.server.resident_bytes();
    most.bytes = before_bytes;

    for index in (0..count).step_by(OF) {
        bench.engine.deafen(index);
    }
    let overflows = fill(bench, &mut order, &mut most, stalled as u64)?;
    all_right(bench, "the others to be told")?;
    let p99_ms_during = steady(bench, rate, time, &mut most, "while others do not read")?;

    let again = Instant::now();
    for index in (0..count).step_by(OF) {
        bench.engine.hear(index);
    }
    all_right(bench, "catching up")?;
    let tally = &bench.engine.tally;
    if tally.errors > 0 {
        return Err(BenchError::Refused { count: tally.errors, last: tally.last_error.clone() });
    }
    Ok(Stalled {
        step: "stalled",
        connections: count,
        stalled,
        overflows,
        lost: bench.engine.lost.len(),
        before_bytes,
        most_bytes: most.bytes,
        p99_ms_before,
        p99_ms_during,
        gaps: tally.gaps,
        caught_up_seconds: again.elapsed().as_secs_f64(),
    })
}

/// Waits until the rosters of all that read are right.
fn all_right(bench: &mut Bench, what: &'static str) -> Result<(), BenchError> {
    let mut watch = Watch::new(what);
    loop {
        match bench.wrong() {
            0 => return Ok(()),
            wrong => watch.look(wrong as u64, || format!("{wrong} entries are wrong"))?,
        }
        bench.engine.turn(None)?;
    }
}

/// Sends volleys until so many outboxes are full, or for as long as that may take; gives how many were.
fn fill(bench: &mut Bench, order: &mut Order, most: &mut Most, wanted: u64) -> Result<u64, BenchError> {
    const NAME: &str = "herenow_outbox_overflows_total";
    let mut progress = Progress::new("filling");
    let server = bench.engine.server();
    let before = metrics::counter(server, NAME)?;
    let start = Instant::now();
    loop {
        volley(bench, order, most)?;
        let full = metrics::counter(server, NAME)?.saturating_sub(before);
        if full >= wanted || start.elapsed() > FILLING {
            return Ok(full);
        }
        progress.at(full as f64 / wanted as f64);
    }
}

/// Some of each channel that read send a large update.
fn volley(bench: &mut Bench, order: &mut Order, most: &mut Most) -> Result<(), BenchError> {
    let until = Instant::now() + VOLLEYS;
    for _ in 0..SENDERS * bench.engine.channels.len() {
        let index = order.next();
        if !bench.engine.connections[index].deaf {
            bench.engine.heavy_update(index);
        }
        bench.engine.look()?;
    }
    while Instant::now() < until {
        bench.engine.turn(Some(until))?;
    }
    most.look(bench);
    Ok(())
}

/// Updates at a steady rate of all that read; gives the p99 of their deliveries in ms.
fn steady(
    bench: &mut Bench,
    rate: f64,
    time: Duration,
    most: &mut Most,
    what: &str,
) -> Result<f64, BenchError> {
    let others = bench.engine.connections.first().map_or(1, |connection| connection.peer.expected() - 1);
    let interval = Duration::from_secs_f64(f64::from(others) / rate);
    let mut order = Order::new(bench, Arrivals::Even);
    let mut progress = Progress::new(format!("steady, {what}"));
    bench.engine.tally.latency.clear();
    let start = Instant::now();
    let mut next = start;
    while next < start + time {
        if Instant::now() >= next {
            let index = order.next();
            if !bench.engine.connections[index].deaf {
                bench.engine.update_due(index, next);
            }
            next += interval;
            most.look(bench);
        }
        bench.engine.turn(Some(next))?;
        progress.at(start.elapsed().as_secs_f64() / time.as_secs_f64());
    }
    Ok(bench.engine.tally.latency.quantile(0.99).as_secs_f64() * 1000.0)
}

/// The most memory that was seen, looked at now and then.
struct Most {
    bytes: u64,
    next: Instant,
}

impl Most {
    const PAUSE: Duration = Duration::from_millis(250);

    fn new(bench: &Bench) -> Self {
        Self { bytes: bench.server.resident_bytes(), next: Instant::now() }
    }

    fn look(&mut self, bench: &Bench) {
        let now = Instant::now();
        if now >= self.next {
            self.next = now + Self::PAUSE;
            self.bytes = self.bytes.max(bench.server.resident_bytes());
        }
    }
}
