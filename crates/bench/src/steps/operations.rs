//! Operations as fast as they are answered: how many a second, and what each costs servers and Redis.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::bench::{Bench, Meter, Watch};
use crate::error::BenchError;
use crate::redis::Done;
use crate::report::Progress;

/// The time before anything counts, in which as many as allowed are brought on their way.
const WARM: Duration = Duration::from_millis(500);

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Each sets its attributes.
    Sets,
    /// Each leaves, then joins and sets its attributes: three operations.
    Comings,
}

/// How many were done, and what they cost.
#[derive(Debug, Serialize)]
pub(crate) struct Operations {
    step: &'static str,
    kind: Kind,
    connections: usize,
    size: usize,
    /// On their way at once.
    window: u64,
    operations: u64,
    seconds: f64,
    per_second: f64,
    server_cpu_seconds: f64,
    client_cpu_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    redis: Option<Done>,
}

/// Keeps `window` operations on their way for `time`; then all are answered, and every roster is right.
pub(crate) fn operations(
    bench: &mut Bench,
    kind: Kind,
    window: u64,
    time: Duration,
) -> Result<Operations, BenchError> {
    let mut progress = Progress::new(match kind {
        Kind::Sets => "sets",
        Kind::Comings => "leaving and joining",
    });
    let mut turns = Turns { kind, window, at: 0, asked: 0, answers_before: bench.engine.tally.answers };
    turns.keep_on_for(bench, WARM, |_| {})?;
    let meter = Meter::start(bench)?;
    let before = bench.engine.tally.answers;
    turns.keep_on_for(bench, time, |share| progress.at(share))?;
    let operations = bench.engine.tally.answers - before;
    let cost = meter.cost(bench)?;
    come_to_rest(bench, &turns)?;
    let seconds = cost.elapsed.as_secs_f64();
    Ok(Operations {
        step: "operations",
        kind,
        connections: bench.engine.connections.len(),
        size: bench.engine.connections.first().map_or(0, |connection| connection.peer.expected() as usize),
        window,
        operations,
        seconds,
        per_second: operations as f64 / seconds,
        server_cpu_seconds: cost.server.as_secs_f64(),
        client_cpu_seconds: cost.client.as_secs_f64(),
        redis: cost.redis,
    })
}

/// Whose turn it is, and how much is on its way.
#[derive(Debug)]
struct Turns {
    kind: Kind,
    window: u64,
    at: usize,
    asked: u64,
    answers_before: u64,
}

impl Turns {
    fn under_way(&self, bench: &Bench) -> u64 {
        self.asked.saturating_sub(bench.engine.tally.answers - self.answers_before)
    }

    fn keep_on_for(
        &mut self,
        bench: &mut Bench,
        time: Duration,
        mut progress: impl FnMut(f64),
    ) -> Result<(), BenchError> {
        let start = Instant::now();
        while start.elapsed() < time {
            self.fill(bench);
            bench.engine.turn(Some(start + time))?;
            bench.check()?;
            progress(start.elapsed().as_secs_f64() / time.as_secs_f64());
        }
        Ok(())
    }

    /// Brings as many on their way as there may be, each of another connection that has nothing on its way.
    fn fill(&mut self, bench: &mut Bench) {
        let count = bench.engine.connections.len();
        for _ in 0..count {
            if self.under_way(bench) >= self.window {
                return;
            }
            let index = self.at;
            self.at = (self.at + 1) % count;
            let progress = &bench.engine.connections[index].peer.progress;
            if progress.answered != progress.request {
                continue;
            }
            let before = progress.request;
            match self.kind {
                Kind::Sets => bench.engine.update(index),
                Kind::Comings if progress.absent => bench.engine.join(index),
                Kind::Comings => bench.engine.leave(index),
            }
            self.asked += u64::from(bench.engine.connections[index].peer.progress.request - before);
        }
    }
}

/// Lets all be members again, and waits until all is answered and all rosters are right.
fn come_to_rest(bench: &mut Bench, turns: &Turns) -> Result<(), BenchError> {
    let mut asked = turns.asked;
    let mut watch = Watch::new("operations to be answered");
    for index in 0..bench.engine.connections.len() {
        let before = bench.engine.connections[index].peer.progress.request;
        bench.engine.join(index);
        asked += u64::from(bench.engine.connections[index].peer.progress.request - before);
    }
    loop {
        let answered = bench.engine.tally.answers - turns.answers_before;
        let left = asked.saturating_sub(answered);
        let wrong = if left == 0 { bench.wrong() } else { 0 };
        if left == 0 && wrong == 0 {
            return Ok(());
        }
        watch.look(left + wrong as u64, || format!("{left} are left, {wrong} entries are wrong"))?;
        bench.check()?;
        bench.engine.turn(None)?;
    }
}
