//! All clients are cut at once and come back.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::returning::Returning;
use crate::bench::{Bench, Meter};
use crate::error::BenchError;
use crate::report::Progress;
use crate::steps::idle;

/// What it cost, and whether anybody was told something false.
#[derive(Debug, Serialize)]
pub(crate) struct Cut {
    step: &'static str,
    connections: usize,
    /// From the cut until all were back and knew their channels.
    seconds: f64,
    server_cpu_seconds: f64,
    /// Joins and departures that were told, though nobody came or went.
    false_events: u64,
    /// Diffs that did not follow what the connection had seen.
    gaps: u64,
    /// Connections whose roster is another one than that of the first in their channel.
    disagreeing: usize,
    before_bytes: u64,
    after_bytes: u64,
    idle_percent_before: f64,
    idle_percent_after: f64,
}

/// Cuts everybody, once all have joined; gives up after `patience`.
pub(crate) fn cut(bench: &mut Bench, quiet: Duration, patience: Duration) -> Result<Cut, BenchError> {
    let count = bench.engine.connections.len();
    let idle_before = idle(bench, quiet)?;
    let before_bytes = bench.server.resident_bytes();
    let tally = &mut bench.engine.tally;
    (tally.joins, tally.departures, tally.gaps) = (0, 0, 0);

    let mut progress = Progress::new("cut");
    let meter = Meter::start(bench.server);
    let start = Instant::now();
    let mut returning = Returning::new(count);
    for index in 0..count {
        bench.engine.cut(index);
        returning.lost(index);
    }
    while bench.engine.tally.complete < count && start.elapsed() < patience {
        returning.look(bench)?;
        bench.engine.turn(returning.next())?;
        progress.at(bench.engine.tally.complete as f64 / count as f64);
    }
    let cost = meter.cost();
    if bench.engine.tally.complete < count {
        let back = bench.engine.tally.complete;
        return Err(BenchError::Wrong(format!("only {back} of {count} are back after {patience:?}")));
    }

    // Grace must be over, so that what is held for the lost is gone, too.
    let idle_after = idle(bench, quiet)?;
    let tally = &bench.engine.tally;
    Ok(Cut {
        step: "cut",
        connections: count,
        seconds: cost.elapsed.as_secs_f64(),
        server_cpu_seconds: cost.server.as_secs_f64(),
        false_events: tally.joins + tally.departures,
        gaps: tally.gaps,
        disagreeing: bench.disagreeing(),
        before_bytes,
        after_bytes: bench.server.resident_bytes(),
        idle_percent_before: idle_before.percent,
        idle_percent_after: idle_after.percent,
    })
}
