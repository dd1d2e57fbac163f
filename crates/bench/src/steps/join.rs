//! Connections joined a second.

use serde::Serialize;

use crate::bench::{Bench, Meter, Watch};
use crate::error::BenchError;
use crate::redis::Done;
use crate::report::Progress;

/// Sockets that are on their way at once.
const OPENING: usize = 100;

/// How fast connections join.
#[derive(Debug, Serialize)]
pub(crate) struct Joined {
    step: &'static str,
    connections: usize,
    seconds: f64,
    per_second: f64,
    server_cpu_seconds: f64,
    client_cpu_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    redis: Option<Done>,
}

/// Connects until there are `count` connections, and waits until each is a member of its channel, observes it, and
/// knows all of its members.
pub(crate) fn join(bench: &mut Bench, count: usize) -> Result<Joined, BenchError> {
    let first = bench.engine.connections.len();
    bench.engine.grow(count);
    let mut progress = Progress::new(format!("join {count}"));
    let mut watch = Watch::new("joining");
    let meter = Meter::start(bench)?;
    let mut next = first;
    while bench.engine.tally.complete < count {
        while next < count && bench.engine.opening < OPENING {
            bench.engine.connect(next)?;
            next += 1;
        }
        bench.engine.turn(None)?;
        bench.check()?;
        let tally = &bench.engine.tally;
        watch.look(tally.joins + tally.complete as u64 + next as u64, || {
            format!("{} of {count} connections know their channel", tally.complete)
        })?;
        progress.at(tally.complete as f64 / count as f64);
    }
    let cost = meter.cost(bench)?;
    let (connections, seconds) = (count - first, cost.elapsed.as_secs_f64());
    Ok(Joined {
        step: "join",
        connections,
        seconds,
        per_second: connections as f64 / seconds,
        server_cpu_seconds: cost.server.as_secs_f64(),
        client_cpu_seconds: cost.client.as_secs_f64(),
        redis: cost.redis,
    })
}
