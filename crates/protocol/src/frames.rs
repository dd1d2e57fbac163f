//! The frames of both directions. Fields and variants are only ever appended: the binary encoding names neither.

use serde::{Deserialize, Serialize};

use crate::limits::DEFAULT_CLIENT_ID;
use crate::{Attributes, Code, Epoch, Position, SessionSecret};

/// Names a request of one connection; its answer carries the same number.
pub type FrameId = u32;

/// What a client says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientFrame {
    /// The first frame of a connection.
    Hello(Hello),
    /// Become present in a channel.
    Join {
        /// The request.
        id: FrameId,
        /// The channel.
        channel: String,
    },
    /// Stop being present in a channel.
    Leave {
        /// The request.
        id: FrameId,
        /// The channel.
        channel: String,
    },
    /// Replace the own attributes in a channel.
    Set {
        /// The request.
        id: FrameId,
        /// The channel.
        channel: String,
        /// All attributes from now on.
        #[serde(default)]
        attributes: Attributes,
    },
    /// Be told the transitions of a channel.
    Observe {
        /// The request.
        id: FrameId,
        /// The channel.
        channel: String,
        /// What the client has seen, if anything.
        #[serde(default)]
        from: Option<Position>,
    },
    /// Be told no more of a channel.
    Unobserve {
        /// The request.
        id: FrameId,
        /// The channel.
        channel: String,
    },
    /// A fresh token of the same user.
    Token {
        /// The request.
        id: FrameId,
        /// The token.
        token: String,
    },
    /// The page is closing.
    Bye {},
}

/// Who connects, and all it wants joined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// The application.
    #[serde(default = "default_client_id")]
    pub client_id: String,
    /// A JWT or a guest's token.
    #[serde(default)]
    pub token: Option<String>,
    /// The session's secret.
    pub session: SessionSecret,
    /// Grows with each socket of the session.
    #[serde(default = "first_attempt")]
    pub attempt: u32,
    /// Every channel that the session wants to be in; it leaves all others.
    #[serde(default)]
    pub joined: Vec<String>,
}

fn default_client_id() -> String {
    DEFAULT_CLIENT_ID.into()
}

fn first_attempt() -> u32 {
    1
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerFrame {
    /// The answer to `hello`.
    Welcome(Welcome),
    /// A request is done.
    Ok {
        /// The request.
        id: FrameId,
        /// For a join: whether it made the user a member.
        #[serde(default)]
        fresh: Option<bool>,
        /// For a token: how long it is valid.
        #[serde(default)]
        expires_in_ms: Option<u64>,
    },
    /// A request was refused and changed nothing.
    Error {
        /// The request.
        id: FrameId,
        /// The stable code.
        code: Code,
        /// What happened.
        message: String,
        /// When to try again.
        #[serde(default)]
        retry_in_ms: Option<u64>,
    },
    /// The roster of a channel, or a page of it.
    Snapshot(Snapshot),
    /// What happened in a channel.
    Diff {
        /// The channel.
        channel: String,
        /// The sequence that this follows.
        prev: u64,
        /// The sequence that this reaches.
        seq: u64,
        /// What happened, in order.
        #[serde(default)]
        transitions: Vec<Transition>,
    },
    /// Nothing new; the connection lives.
    Tick {},
    /// The server asks the client to reconnect.
    GoingAway {
        /// When, so that not everybody comes at once.
        reconnect_in_ms: u64,
    },
    /// A membership ended and began anew under a session that stayed.
    Membership(Granted),
    /// The session is no longer in a channel, not by its own will.
    Left(Refused),
    /// What is told of a large channel.
    Occupancy(Occupancy),
}

/// The answer to `hello`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The user's `userProfileId`.
    pub user: String,
    /// The node's name, for support.
    pub node: String,
    /// How long the token is valid; none for guests.
    #[serde(default)]
    pub expires_in_ms: Option<u64>,
    /// The silence after which the server says `tick`.
    pub ping_interval_ms: u64,
    /// How long a lost socket changes nothing.
    pub grace_ms: u64,
    /// What the server accepts.
    pub limits: Limits,
    /// The channels of `hello` that the session is in.
    #[serde(default)]
    pub joined: Vec<Granted>,
    /// The channels of `hello` that it may not be in.
    #[serde(default)]
    pub refused: Vec<Refused>,
}

/// What the server accepts. Sizes are bytes, `frames_per_second` 0 means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is the constant of the same name in `limits`")]
pub struct Limits {
    pub channel_bytes: u32,
    pub user_bytes: u32,
    pub attributes: u32,
    pub key_bytes: u32,
    pub value_bytes: u32,
    pub attributes_bytes: u32,
    pub message_bytes: u32,
    pub joined: u32,
    pub observed: u32,
    pub frames_per_second: u32,
    pub burst: u32,
}

/// A channel that a session is in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Granted {
    /// The channel.
    pub channel: String,
    /// Whether this join made the user a member, without attributes.
    pub fresh: bool,
}

/// A channel that a session may not be in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// The channel.
    pub channel: String,
    /// Why.
    pub code: Code,
}

/// How much of a channel is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every transition.
    Full,
    /// Net differences.
    Interval,
    /// Counts.
    Count,
}

/// A page of a roster. All pages of one snapshot carry the same position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The channel.
    pub channel: String,
    /// The life of its log.
    pub epoch: Epoch,
    /// The channel's last transition.
    pub seq: u64,
    /// How much is told from here on.
    pub mode: Mode,
    /// How long members may still be missing after a restart; 0 when settled.
    pub settles_in_ms: u64,
    /// The members.
    #[serde(default)]
    pub members: Vec<Member>,
    /// Whether another page follows.
    #[serde(default)]
    pub more: bool,
}

/// A user in a channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The user's `userProfileId`.
    pub user: String,
    /// What it says about itself.
    #[serde(default)]
    pub attributes: Attributes,
}

/// What happened to one member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// It became a member, without attributes.
    Join {
        /// Who.
        user: String,
    },
    /// It left by will.
    Leave {
        /// Who.
        user: String,
    },
    /// It was lost, and its grace is over.
    Timeout {
        /// Who.
        user: String,
    },
    /// Its attributes changed.
    Set {
        /// Who.
        user: String,
        /// All of them.
        #[serde(default)]
        attributes: Attributes,
    },
}

impl Transition {
    /// Whom it happened to.
    pub fn user(&self) -> &str {
        match self {
            Self::Join { user } | Self::Leave { user } | Self::Timeout { user } | Self::Set { user, .. } => {
                user
            }
        }
    }
}

/// What is told of a large channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Occupancy {
    /// The channel.
    pub channel: String,
    /// The life of its log.
    pub epoch: Epoch,
    /// The channel's last transition.
    pub seq: u64,
    /// How much is told.
    pub mode: Mode,
    /// Members.
    pub count: u64,
    /// Joins since the last one.
    #[serde(default)]
    pub joins: u64,
    /// Departures since the last one.
    #[serde(default)]
    pub departures: u64,
    /// Some members.
    #[serde(default)]
    pub sample: Vec<Member>,
    /// The net differences since the last one.
    #[serde(default)]
    pub changes: Vec<Transition>,
    /// Whether `changes` lacks some.
    #[serde(default)]
    pub truncated: bool,
}
