//! Some readers stop reading while the others go on.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::bench::Bench;
use crate::error::BenchError;
use crate::report::Progress;
use crate::steps::{Arrivals, Order};

/// One in so many stops reading.
const OF: usize = 4;
/// Time between two volleys that fill the buffers of those who do not read.
const VOLLEYS: Duration = Duration::from_millis(200);

/// What it did to the server and to the others.
#[derive(Debug, Serialize)]
pub(crate) struct Stalled {
    step: &'static str,
    connections: usize,
    stalled: usize,
    /// Others that were lost: there should be none.
    lost: usize,
    before_bytes: u64,
    most_bytes: u64,
    p99_ms_before: f64,
    p99_ms_after: f64,
}

/// Steady updates for `time`, then a quarter stops reading, is sent volleys for `time`, and steady updates again.
pub(crate) fn stalled(bench: &mut Bench, rate: f64, time: Duration) -> Result<Stalled, BenchError> {
    let count = bench.engine.connections.len();
    let mut watch = Most::new(bench);
    let p99_ms_before = steady(bench, rate, time, &mut watch, "before")?;
    let before_bytes = bench.server.resident_bytes();
    for index in (0..count).step_by(OF) {
        bench.engine.deafen(index)?;
    }

    let mut progress = Progress::new("volleys");
    let start = Instant::now();
    let mut order = Order::new(bench, Arrivals::Even);
    while start.elapsed() < time {
        let next = Instant::now() + VOLLEYS;
        for _ in 0..count {
            let index = order.next();
            if !bench.engine.connections[index].deaf {
                bench.engine.update(index);
            }
            bench.engine.turn(Some(start))?;
        }
        while Instant::now() < next {
            bench.engine.turn(Some(next))?;
        }
        watch.look(bench);
        progress.at(start.elapsed().as_secs_f64() / time.as_secs_f64());
    }
    let p99_ms_after = steady(bench, rate, time, &mut watch, "after")?;

    let lost = bench.engine.lost.iter().filter(|(index, _)| !bench.engine.connections[*index].deaf).count();
    Ok(Stalled {
        step: "stalled",
        connections: count,
        stalled: count.div_ceil(OF),
        lost,
        before_bytes,
        most_bytes: watch.bytes,
        p99_ms_before,
        p99_ms_after,
    })
}

/// Updates at a steady rate of all that read; gives the p99 of their deliveries in ms.
fn steady(
    bench: &mut Bench,
    rate: f64,
    time: Duration,
    watch: &mut Most,
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
                bench.engine.update(index);
            }
            next += interval;
            watch.look(bench);
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
