//! What connections cost that do nothing: memory, and the processor time of keeping them.

use std::time::Duration;

use serde::Serialize;

use crate::bench::{Bench, Meter};
use crate::error::BenchError;
use crate::redis::{Done, Held, Redis};
use crate::report::Progress;

/// The silence before memory is measured.
const QUIET: Duration = Duration::from_secs(1);

/// What the server's processes hold in memory.
#[derive(Debug, Serialize)]
pub(crate) struct Memory {
    step: &'static str,
    connections: usize,
    resident_bytes: u64,
    before_bytes: u64,
    bytes_per_connection: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    redis: Option<RedisMemory>,
}

/// What Redis holds more than before the first connection.
#[derive(Debug, Serialize)]
struct RedisMemory {
    used_bytes: u64,
    /// Of these, the logs of all partitions, which grow to a bound and not with the connections.
    log_bytes: u64,
    /// Without the logs.
    bytes_per_connection: f64,
}

/// Memory before the first connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    resident_bytes: u64,
    redis: Option<Held>,
}

/// Memory as it is now.
pub(crate) fn held(bench: &mut Bench) -> Result<Before, BenchError> {
    let resident_bytes = bench.server.resident_bytes();
    Ok(Before { resident_bytes, redis: bench.redis.as_mut().map(Redis::held).transpose()? })
}

/// What the server does while nobody does anything.
#[derive(Debug, Serialize)]
pub(crate) struct Idle {
    step: &'static str,
    connections: usize,
    seconds: f64,
    server_cpu_seconds: f64,
    pub(crate) percent: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    redis: Option<Done>,
}

/// Memory after a quiet second, less what it was before.
pub(crate) fn memory(bench: &mut Bench, before: Before) -> Result<Memory, BenchError> {
    bench.serve(QUIET)?;
    let now = held(bench)?;
    let connections = bench.engine.connections.len();
    let each = |bytes: u64| bytes as f64 / connections.max(1) as f64;
    let redis = now.redis.zip(before.redis).map(|(now, before)| {
        let used_bytes = now.used_bytes.saturating_sub(before.used_bytes);
        let log_bytes = now.log_bytes.saturating_sub(before.log_bytes);
        let bytes_per_connection = each(used_bytes.saturating_sub(log_bytes));
        RedisMemory { used_bytes, log_bytes, bytes_per_connection }
    });
    let (resident_bytes, before_bytes) = (now.resident_bytes, before.resident_bytes);
    Ok(Memory {
        step: "memory",
        connections,
        resident_bytes,
        before_bytes,
        bytes_per_connection: each(resident_bytes.saturating_sub(before_bytes)),
        redis,
    })
}

/// Processor time over that long.
pub(crate) fn idle(bench: &mut Bench, time: Duration) -> Result<Idle, BenchError> {
    Progress::new("idle");
    let meter = Meter::start(bench)?;
    bench.serve(time)?;
    let cost = meter.cost(bench)?;
    let seconds = cost.elapsed.as_secs_f64();
    Ok(Idle {
        step: "idle",
        connections: bench.engine.connections.len(),
        seconds,
        server_cpu_seconds: cost.server.as_secs_f64(),
        percent: 100.0 * cost.server.as_secs_f64() / seconds,
        redis: cost.redis,
    })
}
