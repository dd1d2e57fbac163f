//! What connections cost that do nothing: memory, and the processor time of keeping them.

use std::time::Duration;

use serde::Serialize;

use crate::bench::{Bench, Meter};
use crate::error::BenchError;
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
}

/// What the server does while nobody does anything.
#[derive(Debug, Serialize)]
pub(crate) struct Idle {
    step: &'static str,
    connections: usize,
    seconds: f64,
    server_cpu_seconds: f64,
    pub(crate) percent: f64,
}

/// Memory after a quiet second, less `before_bytes`.
pub(crate) fn memory(bench: &mut Bench, before_bytes: u64) -> Result<Memory, BenchError> {
    bench.serve(QUIET)?;
    let resident_bytes = bench.server.resident_bytes();
    let connections = bench.engine.connections.len();
    let more = resident_bytes.saturating_sub(before_bytes);
    Ok(Memory {
        step: "memory",
        connections,
        resident_bytes,
        before_bytes,
        bytes_per_connection: more as f64 / connections.max(1) as f64,
    })
}

/// Processor time over that long.
pub(crate) fn idle(bench: &mut Bench, time: Duration) -> Result<Idle, BenchError> {
    Progress::new("idle");
    let meter = Meter::start(bench.server);
    bench.serve(time)?;
    let cost = meter.cost();
    let seconds = cost.elapsed.as_secs_f64();
    Ok(Idle {
        step: "idle",
        connections: bench.engine.connections.len(),
        seconds,
        server_cpu_seconds: cost.server.as_secs_f64(),
        percent: 100.0 * cost.server.as_secs_f64() / seconds,
    })
}
