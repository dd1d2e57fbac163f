//! Updates as fast as they can be sent: each member sends some back to back, then all is delivered.

use std::time::{Duration, Instant};

use crate::bench::{Bench, Meter};
use crate::error::BenchError;
use crate::report::Progress;

use super::paced::Delivered;

/// Updates between two looks at what has arrived.
const CHUNK: usize = 64;

/// Volleys in which each member sends updates back to back: together at least `deliveries`, and for at least `time`, so
/// that processor time, which is counted in 10 ms, is known well enough.
pub(crate) fn burst(bench: &mut Bench, deliveries: u64, time: Duration) -> Result<Delivered, BenchError> {
    let count = bench.engine.connections.len();
    let others =
        bench.engine.connections.first().map_or(1, |connection| connection.peer.expected() - 1).max(1);
    let each = deliveries.div_ceil(count as u64 * u64::from(others));
    let mut progress = Progress::new("burst");
    bench.engine.tally.forget_latency();
    let before = bench.engine.tally.deliveries;
    let meter = Meter::start(bench)?;
    let start = Instant::now();
    loop {
        for _ in 0..each {
            for index in 0..count {
                bench.engine.update(index);
                if index % CHUNK == 0 {
                    bench.engine.turn(Some(start))?;
                    bench.check()?;
                }
            }
        }
        bench.settle("the burst")?;
        let share = start.elapsed().as_secs_f64() / time.as_secs_f64().max(1e-9);
        if share >= 1.0 {
            break;
        }
        progress.at(share);
    }
    bench.agree("after bursts")?;
    let deliveries = bench.engine.tally.deliveries - before;
    let cost = meter.cost(bench)?;
    Ok(Delivered::new("burst", None, bench, deliveries, cost))
}
