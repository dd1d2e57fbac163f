//! Asks the store what the registry wants to know, and hands back what it answers.

use std::sync::Arc;

use herenow_registry::store::{Partition, Request};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use super::Store;
use super::reach::Reach;
use super::redis::RedisStore;
use crate::actor::Command;
use crate::metrics::{Asked, Metrics};

/// Rosters and sweeps at once, so that many who begin to observe do not hold up leases and batches, of which a partition has
/// one at a time.
const LONG_REQUESTS: usize = 32;

/// The way to the store.
#[derive(Clone, Debug)]
pub(crate) struct Driver {
    store: Arc<RedisStore>,
    /// Weak: requests on their way do not keep the registry's task alive.
    commands: mpsc::WeakSender<Command>,
    metrics: Arc<Metrics>,
    long: Arc<Semaphore>,
    reach: Arc<Reach>,
}

impl Driver {
    pub(crate) fn new(
        store: Arc<RedisStore>,
        commands: mpsc::WeakSender<Command>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let long = Arc::new(Semaphore::new(LONG_REQUESTS));
        Self { store, commands, metrics, long, reach: Arc::default() }
    }

    /// Asks; the answer, or that there is none, becomes a command.
    pub(crate) fn ask(&self, request: Request) {
        let driver = self.clone();
        tokio::spawn(async move {
            let renews = matches!(request, Request::Renew { .. }).then(|| request.partition());
            let Some(command) = driver.answer(request).await else { return };
            if let Some(commands) = driver.commands.upgrade() {
                // The registry may have stopped: then nobody misses the answer.
                let _ = commands.send(command).await;
            }
            if let Some(partition) = renews {
                driver.tidy(partition).await;
            }
        });
    }

    /// Removes a part of what an earlier life has left behind. If that fails, a later renewal tells of it again.
    async fn tidy(&self, partition: Partition) {
        if !self.store.takes_turn_to_tidy(partition) {
            return;
        }
        if let Err(error) = self.store.tidy(partition).await {
            tracing::debug!(%error, "what an earlier life has left behind is not removed yet");
        }
    }

    /// `None` where nobody waits any more.
    async fn answer(&self, request: Request) -> Option<Command> {
        let _permit = match request {
            Request::Roster { .. } | Request::Sweep { .. } => self.long.acquire().await.ok(),
            Request::Renew { .. } | Request::Apply { .. } | Request::Read { .. } => None,
        };
        loop {
            let began = Instant::now();
            match self.store.ask(&request).await {
                Ok(answer) => {
                    self.reach.note_answer(Instant::now());
                    if let Some(asked) = asked(&request) {
                        self.metrics.store_answered(asked, began.elapsed());
                    }
                    match answer {
                        Some(answer) => return Some(Command::Answered(answer)),
                        // A read where nothing has happened yet.
                        None if self.commands.strong_count() > 0 => {}
                        None => return None,
                    }
                }
                Err(error) => {
                    self.metrics.store_failed();
                    self.reach.note_failure(Instant::now(), &error.to_string());
                    return Some(Command::Unanswered(request));
                }
            }
        }
    }
}

/// Reads wait for something to happen: how long says nothing.
const fn asked(request: &Request) -> Option<Asked> {
    match request {
        Request::Renew { .. } => Some(Asked::Renew),
        Request::Apply { .. } => Some(Asked::Apply),
        Request::Roster { .. } => Some(Asked::Roster),
        Request::Sweep { .. } => Some(Asked::Sweep),
        Request::Read { .. } => None,
    }
}
