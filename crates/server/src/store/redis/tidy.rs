//! Removing what earlier lives of a partition have left behind: nobody reads it any more.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use herenow_protocol::Epoch;
use redis::cmd;

use super::super::StoreError;
use super::commands::Commands;
use super::names::Names;
use super::reply::{list, text};
use super::share::Share;
use super::{scripts, unknown};

/// Members whose keys one slice removes: it holds up everybody else for about a millisecond.
const SLICE: usize = 200;
/// There is no hurry, and after another server took over there is other work.
const EVERY: Duration = Duration::from_secs(1);

/// What a node knows of earlier lives.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// The first that has left something behind; 0 for none.
    epoch: AtomicU64,
    /// When this node had its turn last.
    turn: Mutex<Option<Instant>>,
}

impl Earlier {
    pub(super) fn note(&self, epoch: Option<Epoch>) {
        self.epoch.store(epoch.map_or(0, |epoch| epoch.0), Ordering::Relaxed);
    }

    fn epoch(&self) -> Option<Epoch> {
        Some(Epoch(self.epoch.load(Ordering::Relaxed))).filter(|epoch| epoch.0 > 0)
    }

    /// Whether it is time to tidy; if so, the next time is later.
    pub(super) fn take_turn(&self) -> bool {
        if self.epoch().is_none() {
            return false;
        }
        // Nobody panics while holding it.
        let Ok(mut turn) = self.turn.lock() else { return false };
        if turn.is_some_and(|turn| turn.elapsed() < EVERY) {
            return false;
        }
        *turn = Some(Instant::now());
        true
    }
}

impl Share {
    /// Removes a slice; gives whether there is more. Two nodes may do it at once, and each may stop anywhere: a slice that was
    /// removed already is removed again.
    pub(super) async fn tidy(&self, commands: &Commands) -> Result<bool, StoreError> {
        let Some(life) = self.earlier.epoch() else { return Ok(false) };
        let names = Names::new(&self.meta, life);
        let first = |key: &str, count: usize| {
            let mut command = cmd("ZRANGE");
            command.arg(key).arg(0).arg(count - 1);
            command
        };
        let nodes = list(commands.query(&first(&names.leases(), 1)).await?)?;
        let node = nodes.into_iter().next().map(text).transpose()?.unwrap_or_default();
        let key = names.node(&node);
        let entries = list(commands.query(&first(&key, SLICE)).await?)?;
        let entries = entries.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
        let tidying = self.run(commands, &scripts::TIDY, None, |_, call| {
            call.key(names.leases()).key(names.last()).key(names.log()).key(&key);
            call.arg(life.to_string()).arg(&node);
            for entry in &entries {
                let (channel, user) = entry.rsplit_once('\0').unwrap_or_default();
                names.give_member(channel, user, call);
                call.arg(channel).arg(user);
            }
        });
        let mut reply = tidying.await?;
        if reply.word != "tidied" {
            return Err(unknown());
        }
        let left = Epoch::parse(&reply.text()?);
        self.earlier.note(left);
        Ok(left.is_some())
    }
}
