//! What has to be right before a node works on a server.

use redis::{ErrorKind, FromRedisValue, InfoDict, RedisError, cmd};

use super::super::StoreError;
use super::RedisStore;
use super::commands::Commands;
use super::reply::number;

/// Partitions of a store that has none yet, on one server and in a Cluster.
const PARTITIONS: u16 = 16;
const CLUSTER_PARTITIONS: u16 = 64;
const MAX_PARTITIONS: u16 = 1_024;
/// The oldest Redis that has what the scripts use.
const OLDEST: u32 = 7;

/// Why a server is not worked on.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is none.
    #[error("--redis: {0}; write for example redis://127.0.0.1:6379")]
    Address(RedisError),
    /// There is no address.
    #[error("--redis: no address is given")]
    Nowhere,
    /// Several servers that are none.
    #[error("--redis: only the servers of a Cluster may be several; give one address")]
    NoCluster,
    /// It cannot be reached.
    #[error("--redis: {0}; is it running, and do address, user and password fit?")]
    Store(#[from] StoreError),
    /// Something else answers.
    #[error(
        "--redis: what answers at this address is no Redis; are host and port right, and is it rediss:// if it speaks TLS?"
    )]
    NoRedis,
    /// It is too old.
    #[error("--redis: this is Redis {0}, and 7 or newer is needed")]
    Old(String),
    /// It may throw away members.
    #[error(
        "--redis: its maxmemory-policy is {0}, so it may throw away members; set it to noeviction (CONFIG SET maxmemory-policy noeviction, and in its file)"
    )]
    Evicts(String),
    /// Somebody else's data.
    #[error("--redis-prefix {0}: the key {0}:partitions holds something else; choose another prefix")]
    Partitions(String),
}

impl RedisStore {
    /// Connects to the server behind one of `urls`, or to the Cluster that it belongs to, and checks that it fits. How many
    /// partitions there are is fixed when the first node asks.
    ///
    /// # Errors
    /// When it cannot be reached or does not fit.
    pub async fn open(urls: &[&str], prefix: &str, lease_ms: u64) -> Result<Self, OpenError> {
        let mut answered = Err(OpenError::Nowhere);
        for url in urls {
            answered = inspect(url).await;
            if answered.is_ok() {
                break;
            }
        }
        let is_cluster = answered?;
        if urls.len() > 1 && !is_cluster {
            return Err(OpenError::NoCluster);
        }
        let probe = Self::new(urls, is_cluster, prefix, 1, lease_ms)?;
        let key = format!("{prefix}:partitions");
        let wanted = if is_cluster { CLUSTER_PARTITIONS } else { PARTITIONS };
        probe.commands.query(cmd("SET").arg(&key).arg(wanted).arg("NX")).await?;
        let found = probe.commands.query(cmd("GET").arg(&key)).await?;
        let partitions = number(found).ok().and_then(|found| u16::try_from(found).ok());
        match partitions.filter(|partitions| (1..=MAX_PARTITIONS).contains(partitions)) {
            Some(partitions) => Ok(Self::new(urls, is_cluster, prefix, partitions, lease_ms)?),
            None => Err(OpenError::Partitions(prefix.into())),
        }
    }
}

/// Checks one server; gives whether it is of a Cluster.
async fn inspect(url: &str) -> Result<bool, OpenError> {
    let commands = Commands::new(&[url], false).map_err(|error| match error {
        StoreError::Redis(error) => OpenError::Address(error),
        other => OpenError::Store(other),
    })?;
    let told = commands.query(&cmd("INFO")).await.map_err(|error| match error {
        StoreError::Redis(error) if error.kind() == ErrorKind::Parse => OpenError::NoRedis,
        other => OpenError::Store(other),
    })?;
    let info = InfoDict::from_redis_value(told);
    let info = info.map_err(|_| StoreError::Answer("INFO is not of its form"))?;
    let version = info.get::<String>("redis_version").unwrap_or_default();
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < OLDEST) {
        return Err(OpenError::Old(version));
    }
    let policy = info.get::<String>("maxmemory_policy").unwrap_or_default();
    if policy != "noeviction" {
        return Err(OpenError::Evicts(policy));
    }
    Ok(info.get::<u8>("cluster_enabled") == Some(1))
}
