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
/// What the server waits for one who was cut: its default.
const GRACE: Duration = Duration::from_secs(10);
/// One in so many of those that are cut stays away longer than that.
const LONG: usize = 20;
const AWAY: Duration = Duration::from_secs(13);

/// What was done.
#[derive(Debug, Default, Serialize)]
struct Changes {
    joins: u64,
    leaves: u64,
    updates: u64,
    cuts: u64,
    /// Cuts after which the client stayed away for longer than the grace.
    long_cuts: u64,
}

/// What is left of it.
#[derive(Debug, Serialize)]
pub(crate) struct Churn {
    step: &'static str,
    connections: usize,
    seconds: f64,
    changes: u64,
    #[serde(flatten)]
    of_them: Changes,
    /// Timeouts that members were told.
    timeouts: u64,
    /// Diffs that did not follow what the connection had seen.
    gaps: u64,
    /// From the last change until all were back and each roster was right.
    agreed_seconds: f64,
    /// From half of all leaving until nobody was shown who had left, and all others were.
    gone_seconds: f64,
    /// The same of half of the rest, who were cut and stayed away; the grace is in it.
    timed_out_seconds: f64,
    /// Entries of rosters that were wrong within the first half of that grace: cut members are members.
    wrong_in_grace: usize,
    warm_bytes: u64,
    after_bytes: u64,
    drift_percent: f64,
}

/// `rate` changes a second for `time`; then all join, half of them leave, and a quarter is cut for good.
pub(crate) fn churn(bench: &mut Bench, rate: f64, time: Duration) -> Result<Churn, BenchError> {
    let count = bench.engine.connections.len();
    let mut returning = Returning::new(count);
    let (of_them, warm_bytes, seconds) = change_for(bench, &mut returning, rate, time)?;
    let after_bytes = bench.server.resident_bytes();
    let timeouts = bench.engine.tally.timeouts;

    returning.call_back(bench);
    (0..count).for_each(|index| bench.engine.join(index));
    let agreed = wait(bench, &mut returning, "all to be back", |bench| {
        count - bench.engine.tally.complete + bench.wrong()
    })?;
    (0..count).step_by(2).for_each(|index| bench.engine.leave(index));
    let gone = wait(bench, &mut returning, "half to be gone", Bench::wrong)?;

    (0..count).skip(1).step_by(4).for_each(|index| bench.engine.cut(index));
    bench.serve(GRACE / 2)?;
    let wrong_in_grace = bench.wrong();
    (0..count).skip(1).step_by(4).for_each(|index| bench.engine.join_no_more(index));
    let timed_out = wait(bench, &mut returning, "a quarter to time out", Bench::wrong)?;

    let tally = &bench.engine.tally;
    if tally.errors > 0 {
        return Err(BenchError::Refused { count: tally.errors, last: tally.last_error.clone() });
    }
    let Changes { joins, leaves, updates, cuts, .. } = of_them;
    Ok(Churn {
        step: "churn",
        connections: count,
        seconds,
        changes: joins + leaves + updates + cuts,
        of_them,
        timeouts,
        gaps: tally.gaps,
        agreed_seconds: agreed.as_secs_f64(),
        gone_seconds: gone.as_secs_f64(),
        timed_out_seconds: (GRACE / 2 + timed_out).as_secs_f64(),
        wrong_in_grace,
        warm_bytes,
        after_bytes,
        drift_percent: 100.0 * (after_bytes as f64 / warm_bytes.max(1) as f64 - 1.0),
    })
}

/// Changes at a rate for a time; gives what was done, the memory when it counted as warm, and the seconds it took.
fn change_for(
    bench: &mut Bench,
    returning: &mut Returning,
    rate: f64,
    time: Duration,
) -> Result<(Changes, u64, f64), BenchError> {
    let mut dice = Dice::default();
    let mut progress = Progress::new("churn");
    let interval = Duration::from_secs_f64(1.0 / rate);
    let (mut changes, mut warm_bytes) = (Changes::default(), 0);
    let start = Instant::now();
    let mut next = start;
    while next < start + time {
        returning.look(bench)?;
        while Instant::now() >= next {
            change(bench, returning, &mut dice, &mut changes);
            next += interval;
        }
        bench.engine.turn(Some(returning.next().map_or(next, |back| back.min(next))))?;
        let share = start.elapsed().as_secs_f64() / time.as_secs_f64();
        if warm_bytes == 0 && share >= WARM {
            warm_bytes = bench.server.resident_bytes();
        }
        progress.at(share);
    }
    Ok((changes, warm_bytes, start.elapsed().as_secs_f64()))
}

/// One change of somebody who is connected: an eighth are cuts; who is absent joins; others leave or update.
fn change(bench: &mut Bench, returning: &mut Returning, dice: &mut Dice, changes: &mut Changes) {
    let count = bench.engine.connections.len();
    let from = dice.below(count);
    let Some(index) = (0..count).map(|step| (from + step) % count).find(|index| bench.engine.open(*index))
    else {
        return;
    };
    let absent = bench.engine.connections[index].peer.progress.absent;
    match dice.below(8) {
        0 => {
            bench.engine.cut(index);
            changes.cuts += 1;
            if dice.below(LONG) == 0 {
                returning.away(index, AWAY);
                changes.long_cuts += 1;
            } else {
                returning.lost(bench, index);
            }
        }
        _ if absent => {
            bench.engine.join(index);
            changes.joins += 1;
        }
        1..=3 => {
            bench.engine.leave(index);
            changes.leaves += 1;
        }
        _ => {
            bench.engine.update(index);
            changes.updates += 1;
        }
    }
}

/// Waits until `left` is 0, or nothing moves any more; gives how long it took.
fn wait(
    bench: &mut Bench,
    returning: &mut Returning,
    what: &'static str,
    left: impl Fn(&Bench) -> usize,
) -> Result<Duration, BenchError> {
    let start = Instant::now();
    let mut watch = Watch::new(what);
    loop {
        let now = left(bench);
        if now == 0 {
            return Ok(start.elapsed());
        }
        watch.look(now as u64, || format!("{now} are left"))?;
        returning.look(bench)?;
        bench.engine.turn(returning.next())?;
    }
}
