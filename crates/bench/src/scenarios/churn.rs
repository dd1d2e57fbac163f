//! People come and go, change, and are cut, all at a high rate.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::returning::Returning;
use crate::bench::{Bench, Watch};
use crate::dice::Dice;
use crate::error::BenchError;
use crate::report::Progress;

/// The share of the time after which memory counts as warm. Before that what is bounded fills: logs, and who has gone.
const WARM: f64 = 0.5;

/// What was done, and what is left of it.
#[derive(Debug, Serialize)]
pub(crate) struct Churn {
    step: &'static str,
    connections: usize,
    seconds: f64,
    /// Leaves, joins, updates and cuts.
    changes: u64,
    cuts: u64,
    /// Diffs that did not follow what the connection had seen.
    gaps: u64,
    /// Connections whose roster is another one than that of the first in their channel.
    disagreeing: usize,
    /// Members that connections still saw after half had left.
    ghosts: u64,
    warm_bytes: u64,
    after_bytes: u64,
    drift_percent: f64,
}

/// `rate` changes a second for `time`; then all join, and half of them leave.
pub(crate) fn churn(bench: &mut Bench, rate: f64, time: Duration) -> Result<Churn, BenchError> {
    let count = bench.engine.connections.len();
    let mut dice = Dice::default();
    let mut returning = Returning::new(count);
    let mut progress = Progress::new("churn");
    let interval = Duration::from_secs_f64(1.0 / rate);
    let (mut changes, mut cuts, mut warm_bytes) = (0, 0, 0);
    let start = Instant::now();
    let mut next = start;
    while next < start + time {
        returning.look(bench)?;
        while Instant::now() >= next {
            let index = dice.below(count);
            cuts += u64::from(change(bench, &mut returning, index, dice.below(8)));
            changes += 1;
            next += interval;
        }
        bench.engine.turn(Some(returning.next().map_or(next, |back| back.min(next))))?;
        let share = start.elapsed().as_secs_f64() / time.as_secs_f64();
        if warm_bytes == 0 && share >= WARM {
            warm_bytes = bench.server.resident_bytes();
        }
        progress.at(share);
    }
    let after_bytes = bench.server.resident_bytes();
    let seconds = start.elapsed().as_secs_f64();

    returning.settled();
    (0..count).for_each(|index| bench.engine.join(index));
    wait(bench, &mut returning, "all to be back", |bench| count - bench.engine.tally.complete)?;
    // Each roster has all its members; what they say must be the same for everybody, too.
    wait(bench, &mut returning, "all to agree", Bench::disagreeing)?;
    (0..count).step_by(2).for_each(|index| bench.engine.leave(index));
    wait(bench, &mut returning, "half to be gone", |bench| bench.ghosts() as usize)?;
    let tally = &bench.engine.tally;
    if tally.errors > 0 {
        return Err(BenchError::Refused { count: tally.errors, last: tally.last_error.clone() });
    }
    Ok(Churn {
        step: "churn",
        connections: count,
        seconds,
        changes,
        cuts,
        gaps: tally.gaps,
        disagreeing: bench.disagreeing(),
        ghosts: bench.ghosts(),
        warm_bytes,
        after_bytes,
        drift_percent: 100.0 * (after_bytes as f64 / warm_bytes.max(1) as f64 - 1.0),
    })
}

/// One change; whether it was a cut.
fn change(bench: &mut Bench, returning: &mut Returning, index: usize, which: usize) -> bool {
    if !bench.engine.open(index) {
        return false;
    }
    match which {
        0 => {
            bench.engine.cut(index);
            returning.lost(index);
            return true;
        }
        1 | 2 => bench.engine.leave(index),
        3 | 4 => bench.engine.join(index),
        _ if bench.engine.connections[index].peer.progress.absent => {}
        _ => bench.engine.update(index),
    }
    false
}

/// Waits until `left` is 0, or nothing moves any more.
fn wait(
    bench: &mut Bench,
    returning: &mut Returning,
    what: &'static str,
    left: impl Fn(&Bench) -> usize,
) -> Result<(), BenchError> {
    let mut watch = Watch::new(what);
    loop {
        let now = left(bench);
        if now == 0 {
            return Ok(());
        }
        watch.look(now as u64, || format!("{now} are left"))?;
        returning.look(bench)?;
        bench.engine.turn(returning.next())?;
    }
}
