//! What the driver gives: time, names of connections, the configuration, verified identities.

use herenow_protocol::{Limits, Refusal};

use crate::Access;

/// Milliseconds of a monotonic clock that the driver chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Millis(pub u64);

impl Millis {
    /// The time `ms` milliseconds later.
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// The milliseconds from `earlier` to this; 0 if `earlier` is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Names one socket. The driver chooses it and never uses one twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// Names one key that verifies tokens. The driver chooses it, and uses none twice for different keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub u64);

/// How a registry behaves. The defaults are those of the server's flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The node's name, told in `welcome`, for support.
    pub node: String,
    /// Milliseconds between two diffs of a busy channel.
    pub tick_ms: u64,
    /// Milliseconds for which a lost socket changes nothing for others.
    pub grace_ms: u64,
    /// Milliseconds from a `bye` to the leave.
    pub goodbye_linger_ms: u64,
    /// Milliseconds of silence before a connection is asked whether it lives.
    pub ping_interval_ms: u64,
    /// Milliseconds for which a node that shares a store holds what is its own without renewing it.
    pub node_lease_ms: u64,
    /// From how many members on a channel is told otherwise than in full.
    pub sizes: Sizes,
    /// The limits told in `welcome`. Numbers of channels and the rate are taken from here; names and attributes are
    /// checked against the constants of the protocol.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            node: "local".into(),
            tick_ms: 50,
            grace_ms: 10_000,
            goodbye_linger_ms: 2_000,
            ping_interval_ms: 10_000,
            node_lease_ms: 10_000,
            sizes: Sizes::default(),
            limits: Limits::default(),
        }
    }
}

/// How channels are told by the number of their members. A channel goes back to the mode before when it is a fifth
/// below the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Members up to which every transition is told.
    pub full_members: usize,
    /// Members up to which net differences are told, and beyond which counts are.
    pub interval_members: usize,
    /// Milliseconds between two net differences, at least; at most twice as many.
    pub interval_ms: u64,
    /// Milliseconds between two counts.
    pub count_ms: u64,
    /// Net differences told at once; more are cut short.
    pub changes: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            full_members: 1_000,
            interval_members: 10_000,
            interval_ms: 1_000,
            count_ms: 5_000,
            changes: 200,
        }
    }
}

/// Why a fresh token does not take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenRefusal {
    /// What is wrong.
    pub refusal: Refusal,
    /// In how many milliseconds the next one is verified, where they come too fast.
    pub retry_in_ms: Option<u64>,
}

impl From<Refusal> for TokenRefusal {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, retry_in_ms: None }
    }
}

/// Who a verified token names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The application, `clientId`.
    pub application: String,
    /// The user, `userProfileId`.
    pub user: String,
    /// When the token ends; `None` for one that does not, as a guest's.
    pub expires_at: Option<Millis>,
    /// What the token allows.
    pub access: Access,
    /// What has verified the token, if that may be withdrawn: see [`Registry::handle_withdrawn_keys`].
    ///
    /// [`Registry::handle_withdrawn_keys`]: crate::Registry::handle_withdrawn_keys
    pub key: Option<KeyId>,
}
