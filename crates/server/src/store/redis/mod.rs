//! Redis or Valkey as a store.
//!
//! The channels are shared out over partitions. All that belongs to one has a name with the partition in braces, so that a
//! Cluster keeps it in one slot, and is changed by scripts, each of which is one step for everybody. What a partition holds
//! belongs to one life of it, which has an epoch; its keys have the epoch in their names. A script that finds no life, or
//! that of another server, says so, and whoever reads that begins another life.

mod commands;
mod follower;
mod link;
mod log;
mod names;
mod nodes;
mod opening;
mod reply;
mod roster;
#[doc(hidden)]
pub mod scripts;
mod share;
mod start;
mod sweep;
mod tidy;

use std::fmt;

use herenow_protocol::{Attributes, Epoch};
use herenow_registry::store::{Action, Answer, Channel, Effect, Op, Outcome, Partition, Request, User};
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;

use super::{MembersPage, Store, StoreError};
use commands::{Call, Commands};
use follower::Follower;
use reply::{Reply, packed};
use share::Share;

pub(crate) use nodes::Kick;
pub use start::OpenError;

/// Batches of the log in one answer.
const LOG_BATCHES: u64 = 20;

/// A store on a Redis server.
pub struct RedisStore {
    prefix: Box<str>,
    lease_ms: u64,
    commands: Commands,
    /// For what operators ask alone.
    kicks: Follower,
    shares: Vec<Share>,
}

impl fmt::Debug for RedisStore {
    /// The address may hold a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RedisStore").field("partitions", &self.shares.len()).finish_non_exhaustive()
    }
}

impl RedisStore {
    /// A store behind `urls` (`redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS): one server, or servers
    /// of a Cluster. Its keys begin with `prefix`, leases last `lease_ms` milliseconds. Nothing is connected yet.
    ///
    /// # Errors
    /// When an address is none.
    pub fn new(
        urls: &[&str],
        is_cluster: bool,
        prefix: &str,
        partitions: u16,
        lease_ms: u64,
    ) -> Result<Self, StoreError> {
        // For `rediss://`: the library takes the default of the process. Another one that is there already will do.
        let _ = default_provider().install_default();
        Ok(Self {
            prefix: prefix.into(),
            lease_ms,
            commands: Commands::new(urls, is_cluster)?,
            kicks: Follower::default(),
            shares: (0..partitions.max(1)).map(|at| Share::new(prefix, Partition(at))).collect(),
        })
    }

    /// How many partitions there are.
    pub fn partitions(&self) -> u16 {
        u16::try_from(self.shares.len()).unwrap_or(u16::MAX)
    }

    fn share(&self, partition: Partition) -> Result<&Share, StoreError> {
        self.shares.get(usize::from(partition.0)).ok_or(StoreError::Answer("there is no such partition"))
    }

    fn share_of(&self, channel: &Channel) -> Result<&Share, StoreError> {
        self.share(Partition::of(channel, self.partitions()))
    }

    async fn outcome(&self, request: &Request) -> Result<Option<Reported>, StoreError> {
        let share = self.share(request.partition())?;
        let commands = &self.commands;
        match request {
            Request::Renew { node, begin, .. } => {
                let renewing = share.run(commands, &scripts::RENEW, None, |names, call| {
                    call.key(names.leases());
                    call.arg(names::node(*node)).arg(u8::from(*begin)).arg(self.lease_ms);
                });
                let mut reply = renewing.await?;
                let outcome = match reply.word.as_str() {
                    "renewed" => {
                        let (seq, age_ms, lag_ms) = (reply.number()?, reply.number()?, reply.number()?);
                        share.earlier.note(Epoch::parse(&reply.text()?));
                        Outcome::Renewed { node: *node, seq, age_ms, lag_ms }
                    }
                    "fenced" => Outcome::Fenced { node: *node },
                    _ => return Err(unknown()),
                };
                reported(reply, outcome)
            }
            Request::Apply { node, number, epoch, ops, .. } => {
                let only_ends = ops.iter().all(|op| op.action.ends());
                let script = if only_ends { &scripts::APPLY_ENDS } else { &scripts::APPLY };
                let applying = share.run(commands, script, Some(*epoch), |names, call| {
                    let node = names::node(*node);
                    call.key(names.leases()).key(names.last()).key(names.log()).key(names.node(&node));
                    call.arg(node).arg(*number);
                    for op in ops {
                        give(op, names, call);
                    }
                });
                let mut reply = applying.await?;
                let outcome = match reply.word.as_str() {
                    "applied" => Outcome::Applied {
                        node: *node,
                        number: reply.number()?,
                        effects: effects(&reply.text()?)?,
                        seq: reply.number()?,
                    },
                    "fenced" => Outcome::Fenced { node: *node },
                    "reborn" => Outcome::Reborn,
                    _ => return Err(unknown()),
                };
                reported(reply, outcome)
            }
            Request::Read { epoch, after, .. } => share.read(commands, *epoch, *after).await,
            Request::Roster { channel, .. } => share.roster(commands, channel).await,
            Request::Sweep { grace_ms, .. } => share.sweep(commands, *grace_ms).await,
        }
    }

    /// Removes a slice of what an earlier life of a partition has left behind, if a renewal has told of one; gives whether
    /// there is more.
    ///
    /// # Errors
    /// When there is no answer: the slice may have been removed or not.
    pub async fn tidy(&self, partition: Partition) -> Result<bool, StoreError> {
        self.share(partition)?.tidy(&self.commands).await
    }

    /// Whether it is this node's turn to do so, once a second.
    pub(crate) fn takes_turn_to_tidy(&self, partition: Partition) -> bool {
        self.share(partition).is_ok_and(|share| share.earlier.take_turn())
    }

    /// Answers a request, and says at which time of Redis, in milliseconds.
    ///
    /// # Errors
    /// When there is no answer: the request may have been carried out or not.
    pub async fn ask_at(&self, request: &Request) -> Result<Option<(Answer, u64)>, StoreError> {
        let reported = self.outcome(request).await?;
        Ok(reported.map(|Reported { epoch, now_ms, outcome }| {
            (Answer { partition: request.partition(), epoch, outcome }, now_ms)
        }))
    }
}

/// An outcome, in which life of the partition, and when.
struct Reported {
    epoch: Epoch,
    now_ms: u64,
    outcome: Outcome,
}

fn reported(reply: Reply, outcome: Outcome) -> Result<Option<Reported>, StoreError> {
    let epoch = reply.epoch.ok_or(StoreError::Answer("it has no epoch"))?;
    Ok(Some(Reported { epoch, now_ms: reply.now_ms, outcome }))
}

const fn unknown() -> StoreError {
    StoreError::Answer("a word that no script gives")
}

fn effects(letters: &str) -> Result<Vec<Effect>, StoreError> {
    let effect = |letter| match letter {
        'C' => Ok(Effect::Changed),
        'U' => Ok(Effect::Unchanged),
        'I' => Ok(Effect::Ignored),
        _ => Err(StoreError::Answer("an effect that no script gives")),
    };
    letters.chars().map(effect).collect()
}

/// Gives an op to `apply.lua`.
fn give(op: &Op, names: &names::Names, call: &mut Call<'_>) {
    let (channel, user, owner) = (names::channel(&op.channel), names::user(&op.user), names::owner(op.owner));
    call.key(names.members(&channel)).key(names.order(&channel));
    call.key(names.user(&user)).key(names.gone(&user, &owner));
    call.key(names.sizes(op.channel.application()));
    let action = match op.action {
        Action::Join => "join",
        Action::Leave => "leave",
        Action::Linger => "linger",
        Action::Goodbye => "goodbye",
        Action::Timeout => "timeout",
        Action::Set(_) => "set",
        Action::Restore { .. } => "restore",
    };
    call.arg(action).arg(channel).arg(op.user.id()).arg(owner).arg(op.attempt);
    match &op.action {
        Action::Set(attributes) => call.arg(packed(attributes)).arg("").arg(0),
        Action::Restore { attributes, set_at } => {
            call.arg(packed(attributes)).arg(set_at.epoch.to_string()).arg(set_at.seq)
        }
        _ => call.arg("").arg("").arg(0),
    };
}

impl Store for RedisStore {
    async fn ask(&self, request: &Request) -> Result<Option<Answer>, StoreError> {
        Ok(self.ask_at(request).await?.map(|(answer, _)| answer))
    }

    async fn members(
        &self,
        channel: &Channel,
        after: Option<&str>,
        limit: usize,
    ) -> Result<MembersPage, StoreError> {
        self.share_of(channel)?.members(&self.commands, channel, after, limit).await
    }

    async fn attributes(&self, channel: &Channel, user: &str) -> Result<Attributes, StoreError> {
        self.share_of(channel)?.attributes(&self.commands, channel, user).await
    }

    async fn largest(
        &self,
        application: &str,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let asked = self.shares.iter().map(|share| share.largest(&self.commands, application, prefix, limit));
        let mut channels = futures_util::future::try_join_all(asked).await?.concat();
        channels.sort_unstable_by(|(one, members), (other, others)| {
            others.cmp(members).then_with(|| one.cmp(other))
        });
        channels.truncate(limit);
        Ok(channels)
    }

    async fn channels_of(&self, user: &User) -> Result<Vec<String>, StoreError> {
        let asked = self.shares.iter().map(|share| share.channels_of(&self.commands, user));
        let mut channels = futures_util::future::try_join_all(asked).await?.concat();
        channels.sort_unstable();
        Ok(channels)
    }
}
