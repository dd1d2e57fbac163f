//! Servers under measurement, and what every step needs of them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::connection::Phase;
use crate::crowd::{ABSENT, Peer};
use crate::engine::Engine;
use crate::error::BenchError;
use crate::process::{Tree, own_processor_time, own_waiting_time};
use crate::redis::{Counts, Done, Redis};
use crate::targets::Target;

/// A step in which nothing moves for so long has failed.
const STUCK: Duration = Duration::from_secs(30);
/// A server that has not told its own clients after so long what others know will not.
const ECHO: Duration = Duration::from_secs(2);

/// The processes of one server, or of several that share a Redis, and the connections to them.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) server: Tree,
    pub(crate) redis: Option<Redis>,
}

/// What a piece of work cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) elapsed: Duration,
    /// The server's processor time.
    pub(crate) server: Duration,
    /// Our own.
    pub(crate) client: Duration,
    /// Time in which the server had to wait for a processor, and we.
    pub(crate) server_waited: Duration,
    pub(crate) client_waited: Duration,
    /// What Redis had to do, where there is one.
    pub(crate) redis: Option<Done>,
}

/// Measures from here on.
pub(crate) struct Meter {
    started: Instant,
    server: Duration,
    client: Duration,
    server_waited: Duration,
    client_waited: Duration,
    redis: Option<Counts>,
}

impl Meter {
    pub(crate) fn start(bench: &mut Bench) -> Result<Self, BenchError> {
        Ok(Self {
            redis: bench.redis.as_mut().map(Redis::counts).transpose()?,
            started: Instant::now(),
            server: bench.server.processor_time(),
            client: own_processor_time(),
            server_waited: bench.server.waiting_time(),
            client_waited: own_waiting_time(),
        })
    }

    pub(crate) fn cost(&self, bench: &mut Bench) -> Result<Cost, BenchError> {
        let elapsed = self.started.elapsed();
        let now = bench.redis.as_mut().map(Redis::counts).transpose()?;
        Ok(Cost {
            elapsed,
            server: bench.server.processor_time().saturating_sub(self.server),
            client: own_processor_time().saturating_sub(self.client),
            server_waited: bench.server.waiting_time().saturating_sub(self.server_waited),
            client_waited: own_waiting_time().saturating_sub(self.client_waited),
            redis: now.zip(self.redis).map(|(now, before)| now.since(before)),
        })
    }
}

/// Notices that nothing moves.
pub(crate) struct Watch {
    what: &'static str,
    value: u64,
    since: Instant,
}

impl Watch {
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, value: u64::MAX, since: Instant::now() }
    }

    /// `value` changes as long as something moves.
    pub(crate) fn look(&mut self, value: u64, state: impl FnOnce() -> String) -> Result<(), BenchError> {
        if value != self.value {
            (self.value, self.since) = (value, Instant::now());
        } else if self.since.elapsed() > STUCK {
            let seconds = STUCK.as_secs();
            return Err(BenchError::Stuck { what: self.what, seconds, state: state() });
        }
        Ok(())
    }
}

impl Bench {
    /// Of servers at `addresses`, over which the connections are spread, whose processes are `servers`.
    ///
    /// # Errors
    /// When the operating system refuses something, or there is no Redis at that address.
    pub(crate) fn new(
        target: Box<dyn Target>,
        addresses: Vec<SocketAddr>,
        servers: &[u32],
        redis: Option<SocketAddr>,
        size: usize,
    ) -> Result<Self, BenchError> {
        Ok(Self {
            engine: Engine::new(target, addresses, size)?,
            server: Tree::new(servers),
            redis: redis.map(Redis::connect).transpose()?,
        })
    }

    /// Fails if a connection was lost, something was refused, or the server ended.
    pub(crate) fn check(&mut self) -> Result<(), BenchError> {
        if !self.server.lives() {
            return Err(BenchError::ServerEnded);
        }
        let tally = &self.engine.tally;
        if tally.errors > 0 {
            return Err(BenchError::Refused { count: tally.errors, last: tally.last_error.clone() });
        }
        match self.engine.lost.pop() {
            Some((index, why)) => Err(BenchError::Lost { index, why }),
            None => Ok(()),
        }
    }

    /// Where rosters differ from what was done: a member that is gone but shown, one that is there but not shown, one
    /// whose newest update was not seen; each counts once for each connection that is open and reads.
    pub(crate) fn wrong(&self) -> usize {
        let truth = self.truth();
        let connections = self.engine.connections.iter();
        let read = connections.filter(|connection| connection.phase == Phase::Open && !connection.deaf);
        read.map(|connection| off(&connection.peer, &truth[connection.peer.channel as usize])).sum()
    }

    /// By channel and slot: the newest update of each member.
    fn truth(&self) -> Vec<Vec<u32>> {
        let mut truth: Vec<Vec<u32>> = vec![Vec::new(); self.engine.channels.len()];
        for connection in &self.engine.connections {
            let peer = &connection.peer;
            let Some(slot) = peer.slot().filter(|_| !peer.progress.absent) else { continue };
            let members = &mut truth[peer.channel as usize];
            if members.len() <= slot as usize {
                members.resize(slot as usize + 1, ABSENT);
            }
            members[slot as usize] = self.engine.channels[peer.channel as usize].updates(slot);
        }
        truth
    }

    /// Fails if a roster differs from what was done. Where there are several servers, what somebody did may be told to the
    /// others before it is told to them.
    pub(crate) fn agree(&mut self, when: &str) -> Result<(), BenchError> {
        let until = Instant::now() + if self.engine.has_several_servers() { ECHO } else { Duration::ZERO };
        loop {
            match self.wrong() {
                wrong if wrong > 0 && self.engine.exact() && Instant::now() < until => {
                    self.engine.turn(Some(until))?;
                }
                wrong if wrong > 0 && self.engine.exact() => {
                    return Err(BenchError::Wrong(format!("{when}: {wrong} entries of rosters are wrong")));
                }
                _ => return Ok(()),
            }
        }
    }

    /// Serves the connections for that long.
    pub(crate) fn serve(&mut self, time: Duration) -> Result<(), BenchError> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.engine.turn(Some(until))?;
        }
        self.check()
    }

    /// Serves until every connection has seen the newest update of each member.
    ///
    /// # Errors
    /// When nothing moves any more before that.
    pub(crate) fn settle(&mut self, what: &'static str) -> Result<(), BenchError> {
        let mut watch = Watch::new(what);
        loop {
            let (seen, due) = (self.engine.tally.deliveries, self.engine.tally.due);
            if seen >= due {
                return self.check();
            }
            watch.look(seen, || format!("{seen} of {due} deliveries"))?;
            self.check()?;
            self.engine.turn(None)?;
        }
    }
}

/// Entries of what a connection knows that are not as they should be.
fn off(peer: &Peer, truth: &[u32]) -> usize {
    let entry = |entries: &[u32], slot: usize| entries.get(slot).copied().unwrap_or(ABSENT);
    (0..truth.len().max(peer.seen().len()))
        .filter(|slot| entry(peer.seen(), *slot) != entry(truth, *slot))
        .count()
}
