//! One partition: its lives, and how scripts are run on the present one.

use std::sync::atomic::{AtomicU64, Ordering};

use herenow_protocol::{Attributes, Epoch};
use herenow_registry::store::{Channel, Outcome, Partition, Sequenced, User};
use redis::Script;

use super::super::StoreError;
use super::commands::{Call, Commands};
use super::follower::Follower;
use super::log::{Batch, batches};
use super::names::{self, Names};
use super::reply::{Reply, attributes, list, number, text};
use super::tidy::Earlier;
use super::{LOG_BATCHES, Reported, reported, scripts, unknown};

/// How many of the largest channels of a partition are looked at for names that begin in some way.
const LOOKED_AT: usize = 1_000;
/// How often a script is run again after another life has begun meanwhile.
const TRIES: usize = 4;

#[derive(Debug)]
pub(super) struct Share {
    pub(super) meta: String,
    /// The life that was seen last; 0 for none.
    epoch: AtomicU64,
    pub(super) earlier: Earlier,
    /// For the log alone.
    log: Follower,
}

impl Share {
    pub(super) fn new(prefix: &str, partition: Partition) -> Self {
        Self {
            meta: names::meta(prefix, partition),
            epoch: AtomicU64::new(0),
            earlier: Earlier::default(),
            log: Follower::default(),
        }
    }

    /// Runs a script on the life `pinned`, or else on the present one. `give` adds the keys beyond the metadata, and the
    /// arguments beyond the epoch. An answer that another life has begun comes back only where one is pinned.
    pub(super) async fn run(
        &self,
        commands: &Commands,
        script: &Script,
        pinned: Option<Epoch>,
        give: impl Fn(&Names, &mut Call<'_>),
    ) -> Result<Reply, StoreError> {
        for _ in 0..TRIES {
            let epoch = pinned.unwrap_or(Epoch(self.epoch.load(Ordering::Relaxed)));
            let mut call = commands.call(script, &self.meta);
            call.arg(epoch.to_string());
            give(&Names::new(&self.meta, epoch), &mut call);
            let reply = Reply::new(commands.invoke(&call).await?)?;
            match (reply.word.as_str(), reply.epoch) {
                ("unborn", before) => self.begin_life(commands, before).await?,
                ("reborn", Some(present)) if pinned.is_none() && present < epoch => {
                    self.begin_life(commands, Some(present)).await?;
                }
                ("reborn", Some(present)) if pinned.is_none() => self.see(present),
                (_, present) => {
                    if let Some(present) = present {
                        self.see(present);
                    }
                    return Ok(reply);
                }
            }
        }
        Err(StoreError::Answer("the partition begins one life after another"))
    }

    fn see(&self, epoch: Epoch) {
        self.epoch.fetch_max(epoch.0, Ordering::Relaxed);
    }

    /// Begins another life, unless somebody else has.
    async fn begin_life(&self, commands: &Commands, before: Option<Epoch>) -> Result<(), StoreError> {
        let seen = Epoch(self.epoch.load(Ordering::Relaxed)).max(before.unwrap_or(Epoch(0)));
        let next = Epoch(seen.0.saturating_add(1).max(by_the_clock()?));
        let mut call = commands.call(&scripts::REBIRTH, &self.meta);
        call.arg(next.to_string()).arg(seen.to_string());
        let reply = Reply::new(commands.invoke(&call).await?)?;
        match (reply.word.as_str(), reply.epoch) {
            // A life that is known to be over already does not come back: two servers took turns.
            ("reborn" | "alive" | "early", Some(epoch)) => {
                match reply.word.as_str() {
                    "reborn" if seen.0 > 0 => tracing::warn!(
                        partition = self.meta, %epoch,
                        "the store lost the data of this partition, or another server took over: it begins anew"
                    ),
                    "reborn" => tracing::debug!(partition = self.meta, %epoch, "this partition begins"),
                    _ => {}
                }
                self.see(epoch);
                Ok(())
            }
            _ => Err(unknown()),
        }
    }

    /// What happened after a place of the log; waits a while for something to happen.
    pub(super) async fn read(
        &self,
        commands: &Commands,
        epoch: Epoch,
        after: u64,
    ) -> Result<Option<Reported>, StoreError> {
        if let Some(entries) = self.follow(commands, epoch, after).await? {
            let outcome = Outcome::Log { after, entries };
            return Ok(Some(Reported { epoch, now_ms: 0, outcome }));
        }
        self.log(commands, epoch, after).await
    }

    /// The same without waiting.
    pub(super) async fn log(
        &self,
        commands: &Commands,
        epoch: Epoch,
        after: u64,
    ) -> Result<Option<Reported>, StoreError> {
        let reading = self.run(commands, &scripts::READ, Some(epoch), |names, call| {
            call.key(names.log()).arg(after).arg(LOG_BATCHES);
        });
        let mut reply = reading.await?;
        let outcome = match reply.word.as_str() {
            "log" => match joined(after, batches(list(reply.value()?)?)?) {
                Some(entries) if entries.is_empty() => return Ok(None),
                Some(entries) => Outcome::Log { after, entries },
                None => return Err(StoreError::Answer("the log has a gap")),
            },
            "trimmed" => Outcome::Trimmed { seq: reply.number()? },
            "reborn" => Outcome::Reborn,
            _ => return Err(unknown()),
        };
        reported(reply, outcome)
    }

    /// What the log tells by itself, where it goes on without a gap.
    async fn follow(
        &self,
        commands: &Commands,
        epoch: Epoch,
        after: u64,
    ) -> Result<Option<Vec<Sequenced>>, StoreError> {
        let log = Names::new(&self.meta, epoch).log();
        let entries = self.log.entries(commands, &log, &format!("{after}-0"), LOG_BATCHES).await?;
        Ok(joined(after, batches(entries)?).filter(|entries| !entries.is_empty()))
    }

    pub(super) async fn attributes(
        &self,
        commands: &Commands,
        channel: &Channel,
        user: &str,
    ) -> Result<Attributes, StoreError> {
        let channel = names::channel(channel);
        let asking = self.run(commands, &scripts::MEMBER, None, |names, call| {
            call.key(names.members(&channel)).arg(&channel).arg(user);
        });
        attributes(asking.await?.value()?)
    }

    /// The largest channels of an application whose names begin with `prefix`, at most `limit`, and their members.
    pub(super) async fn largest(
        &self,
        commands: &Commands,
        application: &str,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let asking = self.run(commands, &scripts::LARGEST, None, |names, call| {
            call.key(names.sizes(application));
            call.arg(application).arg(format!("{application}\0{prefix}")).arg(limit).arg(LOOKED_AT);
        });
        let mut rest = asking.await?.rest();
        let mut found = Vec::new();
        while let (Some(channel), Some(members)) = (rest.next(), rest.next()) {
            let channel = text(channel)?;
            let name = channel.split_once('\0').map_or("", |(_, name)| name);
            found.push((name.to_owned(), number(members)?));
        }
        Ok(found)
    }

    /// The names of the channels.
    pub(super) async fn channels_of(
        &self,
        commands: &Commands,
        user: &User,
    ) -> Result<Vec<String>, StoreError> {
        let user = names::user(user);
        let asking = self.run(commands, &scripts::CHANNELS, None, |names, call| {
            call.key(names.user(&user)).arg(&user);
        });
        let name = |channel: String| channel.split_once('\0').map(|(_, name)| name.to_owned());
        Ok(asking.await?.texts()?.into_iter().filter_map(name).collect())
    }
}

/// The transitions of batches that follow `after` and each other; `None` where something is missing.
fn joined(after: u64, batches: Vec<Batch>) -> Option<Vec<Sequenced>> {
    let mut entries = Vec::new();
    let mut reached = after;
    for batch in batches {
        if batch.after != reached {
            return None;
        }
        reached = batch.entries.last().map_or(reached, |last| last.seq);
        entries.extend(batch.entries);
    }
    Some(entries)
}

/// A number that grows with the time: milliseconds since 1970, and 20 random bits, so that no two lives have the same.
fn by_the_clock() -> Result<u64, StoreError> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|_| StoreError::Answer("there is no randomness"))?;
    let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    Ok((millis << 20) | u64::from(u32::from_ne_bytes(random) >> 12))
}
