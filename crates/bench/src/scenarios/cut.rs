//! All clients are cut at once and come back.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::returning::Returning;
use crate::bench::{Bench, Meter};
use crate::dice::Dice;
use crate::error::BenchError;
use crate::report::Progress;
use crate::steps::idle;

/// The pause between two updates of clients that are back already.
const UPDATES: Duration = Duration::from_millis(2);

/// What it cost, and whether anybody was told something false.
#[derive(Debug, Serialize)]
pub(crate) struct Cut {
    step: &'static str,
    connections: usize,
    /// From the cut until all were back and all rosters were right, with the updates that were sent meanwhile.
    seconds: f64,
    updates: u64,
    server_cpu_seconds: f64,
    /// Joins and departures that were told, though nobody came or went.
    false_events: u64,
    /// Diffs that did not follow what the connection had seen.
    gaps: u64,
    before_bytes: u64,
    after_bytes: u64,
    idle_percent_before: f64,
    idle_percent_after: f64,
}

/// Lets everybody say something, and cuts everybody; gives up after `patience`.
pub(crate) fn cut(bench: &mut Bench, quiet: Duration, patience: Duration) -> Result<Cut, BenchError> {
    let count = bench.engine.connections.len();
    for index in 0..count {
        bench.engine.update(index);
        bench.engine.look()?;
    }
    bench.settle("the first updates")?;
    let idle_before = idle(bench, quiet)?;
    let before_bytes = bench.server.resident_bytes();
    let tally = &mut bench.engine.tally;
    (tally.joins, tally.departures, tally.gaps) = (0, 0, 0);

    let mut progress = Progress::new("cut");
    let meter = Meter::start(bench)?;
    let start = Instant::now();
    let mut returning = Returning::new(count);
    for index in 0..count {
        bench.engine.cut(index);
        returning.lost(bench, index);
    }
    let updates = come_back(bench, &mut returning, start + patience, &mut progress)?;
    let cost = meter.cost(bench)?;

    // Grace must be over, so that what is held for the lost is gone, too.
    let idle_after = idle(bench, quiet)?;
    bench.agree("after the cut")?;
    let tally = &bench.engine.tally;
    Ok(Cut {
        step: "cut",
        connections: count,
        seconds: cost.elapsed.as_secs_f64(),
        updates,
        server_cpu_seconds: cost.server.as_secs_f64(),
        false_events: tally.joins + tally.departures,
        gaps: tally.gaps,
        before_bytes,
        after_bytes: bench.server.resident_bytes(),
        idle_percent_before: idle_before.percent,
        idle_percent_after: idle_after.percent,
    })
}

/// Until all are back and all rosters are right. Some of those who are back send updates, as long as others are not;
/// gives how many.
fn come_back(
    bench: &mut Bench,
    returning: &mut Returning,
    until: Instant,
    progress: &mut Progress,
) -> Result<u64, BenchError> {
    let count = bench.engine.connections.len();
    let (mut dice, mut updates, mut next) = (Dice::default(), 0, Instant::now());
    loop {
        let back = bench.engine.tally.complete;
        if back == count && bench.wrong() == 0 {
            return Ok(updates);
        }
        if Instant::now() > until {
            let wrong = bench.wrong();
            return Err(BenchError::Wrong(format!(
                "{back} of {count} are back, {wrong} entries of rosters are wrong"
            )));
        }
        returning.look(bench)?;
        if back < count && Instant::now() >= next {
            let index = dice.below(count);
            if bench.engine.open(index) {
                bench.engine.update(index);
                updates += 1;
            }
            next = Instant::now() + UPDATES;
        }
        bench.engine.turn(Some(returning.next().map_or(next, |back| back.min(next))))?;
        progress.at(back as f64 / count as f64);
    }
}
