//! What an operator can look at.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use herenow_protocol::{
    Code, DEFAULT_CLIENT_ID, MAX_CHANNEL_BYTES, Member, Mode, validate_application, validate_channel,
    validate_user,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};

use super::super::error::{ApiError, json};
use super::super::openapi::{self, Error};
use crate::app::App;
use crate::metrics::resident_bytes;
use crate::nodes::NodeInfo;

/// The most channels, or members, of one answer.
const MAX_ANSWER: usize = 100;

/// The parameters of all reads; unknown ones are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct Parameters {
    client_id: Option<String>,
    channel: Option<String>,
    user: Option<String>,
    prefix: Option<String>,
    after: Option<String>,
}

type Asked = Result<Query<Parameters>, QueryRejection>;

fn parameters(asked: Asked) -> Result<(String, Parameters), ApiError> {
    let Query(mut parameters) = asked.map_err(|rejection| {
        ApiError::new(Code::InvalidArgument, format!("the query is wrong: {}", rejection.body_text()))
    })?;
    let application = parameters.client_id.take().unwrap_or_else(|| DEFAULT_CLIENT_ID.into());
    validate_application(&application)?;
    Ok((application, parameters))
}

#[derive(Serialize, ToSchema)]
pub(super) struct Overview {
    node: String,
    version: &'static str,
    /// Milliseconds since the start.
    uptime_ms: u64,
    draining: bool,
    /// Open WebSockets, with those that have not said hello.
    sockets: usize,
    connections: usize,
    attached_sessions: usize,
    detached_sessions: usize,
    users: usize,
    channels: usize,
    members: usize,
    observers: usize,
    observed_channels: ByMode,
    /// Since the start.
    transitions: Transitions,
    /// Since the start.
    deliveries: u64,
    /// Where the system tells.
    #[schema(required = true)]
    memory_bytes: Option<u64>,
    /// All nodes on the same store, by name; none for a node alone, or while the store does not answer.
    nodes: Vec<NodeInfo>,
}

#[derive(Serialize, ToSchema)]
struct ByMode {
    full: usize,
    interval: usize,
    count: usize,
}

#[derive(Serialize, ToSchema)]
struct Transitions {
    join: u64,
    leave: u64,
    timeout: u64,
    set: u64,
}

/// `GET /v1/admin/overview`
#[utoipa::path(
    get,
    path = "/v1/admin/overview",
    operation_id = "admin_overview",
    tag = "operators",
    description = "Counts of this node.",
    responses(
        (status = 200, description = "The counts", body = Overview),
        (status = 401, description = "The token is not the operator's: `unauthorized`", body = Error),
        (status = 403, description = "The server is on a loopback address, and the Host is none that it knows: `forbidden`", body = Error),
        (status = 503, description = "The server stops: `unavailable`", body = Error, headers(("Retry-After" = u64, description = "Seconds")))
    ),
    security(("operator" = []))
)]
pub(super) async fn overview(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let look = |registry: &herenow_registry::Registry, now| {
        (registry.node().to_owned(), now, registry.counters().clone(), registry.gauges())
    };
    let (node, now, counters, gauges) = app.actor.read(look).await?;
    Ok(json(&Overview {
        node,
        version: env!("CARGO_PKG_VERSION"),
        uptime_ms: now.0,
        draining: app.lifecycle.is_draining(),
        sockets: app.lifecycle.sockets(),
        connections: gauges.connections,
        attached_sessions: gauges.attached_sessions,
        detached_sessions: gauges.detached_sessions,
        users: gauges.users,
        channels: gauges.channels,
        members: gauges.members,
        observers: gauges.observers,
        observed_channels: ByMode {
            full: gauges.full_channels,
            interval: gauges.interval_channels,
            count: gauges.count_channels,
        },
        transitions: Transitions {
            join: counters.joins,
            leave: counters.leaves,
            timeout: counters.timeouts,
            set: counters.sets,
        },
        deliveries: counters.deliveries,
        memory_bytes: resident_bytes(),
        nodes: app.nodes().await.unwrap_or_default(),
    }))
}

#[derive(Serialize, ToSchema)]
pub(super) struct LargestChannels {
    channels: Vec<ChannelSize>,
}

#[derive(Serialize, ToSchema)]
struct ChannelSize {
    channel: String,
    members: u64,
    observers: u64,
    /// How much its observers are told; null without observers.
    #[schema(schema_with = modes, required = true)]
    mode: Option<Mode>,
}

/// The words of [`Mode`], and null.
fn modes() -> RefOr<Schema> {
    let words = [Mode::Full, Mode::Interval, Mode::Count].map(|mode| serde_json::json!(mode));
    let types = SchemaType::from_iter([Type::String, Type::Null]);
    ObjectBuilder::new().schema_type(types).enum_values(Some(words.into_iter().chain([Value::Null]))).into()
}

/// `GET /v1/admin/channels?client_id=&prefix=`: the 100 largest.
#[utoipa::path(
    get,
    path = "/v1/admin/channels",
    operation_id = "admin_channels",
    tag = "operators",
    description = "The 100 channels with the most members, of those whose names begin with `prefix`.",
    params(
        ("client_id" = Option<String>, Query, description = "The application; default: default", min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$"),
        ("prefix" = Option<String>, Query, description = "How their names begin; bytes of UTF-8 count", max_length = 128)
    ),
    responses(
        (status = 200, description = "The largest first", body = LargestChannels),
        (status = 400, description = "An argument is wrong: `invalid_argument`", body = Error),
        (status = 401, description = "The token is not the operator's: `unauthorized`", body = Error),
        (status = 403, description = "The server is on a loopback address, and the Host is none that it knows: `forbidden`", body = Error),
        (status = 503, description = "The server stops: `unavailable`", body = Error, headers(("Retry-After" = u64, description = "Seconds")))
    ),
    security(("operator" = []))
)]
pub(super) async fn channels(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, ApiError> {
    let (application, asked) = parameters(asked)?;
    let prefix = asked.prefix.unwrap_or_default();
    if prefix.len() > MAX_CHANNEL_BYTES {
        return Err(ApiError::new(
            Code::InvalidArgument,
            "a prefix is at most as long as the name of a channel",
        ));
    }
    let found = app.largest_channels(application, prefix, MAX_ANSWER).await?;
    let channels = found.into_iter().map(|found| ChannelSize {
        channel: found.channel,
        members: found.members,
        observers: found.observers,
        mode: found.mode,
    });
    Ok(json(&LargestChannels { channels: channels.collect() }))
}

#[derive(Serialize, ToSchema)]
pub(super) struct Members {
    #[schema(value_type = Vec<openapi::Member>)]
    members: Vec<Member>,
    count: u64,
    /// The `after` of the next page.
    #[schema(required = true)]
    next: Option<String>,
}

/// `GET /v1/admin/channel/members?client_id=&channel=&after=`: a page of 100, by user.
#[utoipa::path(
    get,
    path = "/v1/admin/channel/members",
    operation_id = "admin_members",
    tag = "operators",
    description = "Who is in a channel, 100 a page, ordered by user id.",
    params(
        ("client_id" = Option<String>, Query, description = "The application; default: default", min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$"),
        ("channel" = String, Query, description = "The channel; bytes of UTF-8 count", example = "lobby", min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$"),
        ("after" = Option<String>, Query, description = "The `next` of the page before", min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$")
    ),
    responses(
        (status = 200, description = "A page", body = Members),
        (status = 400, description = "An argument is wrong: `invalid_argument`", body = Error),
        (status = 401, description = "The token is not the operator's: `unauthorized`", body = Error),
        (status = 403, description = "The server is on a loopback address, and the Host is none that it knows: `forbidden`", body = Error),
        (status = 503, description = "The server stops: `unavailable`", body = Error, headers(("Retry-After" = u64, description = "Seconds")))
    ),
    security(("operator" = []))
)]
pub(super) async fn members(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, ApiError> {
    let (application, asked) = parameters(asked)?;
    let channel = asked.channel.unwrap_or_default();
    validate_channel(&channel)?;
    let after = asked.after;
    after.iter().try_for_each(|user| validate_user(user))?;
    let page = app.users(application, channel, after, MAX_ANSWER).await?;
    Ok(json(&Members { members: page.users, count: page.count, next: page.next }))
}

#[derive(Serialize, ToSchema)]
pub(super) struct User {
    sessions: Vec<Session>,
}

#[derive(Serialize, ToSchema)]
struct Session {
    attached: bool,
    /// Milliseconds since its socket was lost, where it was.
    #[schema(required = true)]
    detached_ms: Option<u64>,
    /// The subprotocol of its socket, where it is on one.
    #[schema(required = true)]
    protocol: Option<&'static str>,
    joined: Vec<String>,
    observed: Vec<String>,
}

/// `GET /v1/admin/user?client_id=&user=`: the sessions of a user on this node.
#[utoipa::path(
    get,
    path = "/v1/admin/user",
    operation_id = "admin_user",
    tag = "operators",
    description = "The sessions of a user on this node.",
    params(
        ("client_id" = Option<String>, Query, description = "The application; default: default", min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$"),
        ("user" = String, Query, description = "The user's id; bytes of UTF-8 count", example = "alice", min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$")
    ),
    responses(
        (status = 200, description = "Those that are connected, and those that may still come back", body = User),
        (status = 400, description = "An argument is wrong: `invalid_argument`", body = Error),
        (status = 401, description = "The token is not the operator's: `unauthorized`", body = Error),
        (status = 403, description = "The server is on a loopback address, and the Host is none that it knows: `forbidden`", body = Error),
        (status = 503, description = "The server stops: `unavailable`", body = Error, headers(("Retry-After" = u64, description = "Seconds")))
    ),
    security(("operator" = []))
)]
pub(super) async fn user(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, ApiError> {
    let (application, asked) = parameters(asked)?;
    let user = asked.user.unwrap_or_default();
    validate_user(&user)?;
    let found = app.actor.read(move |registry, now| registry.sessions_of(now, &application, &user)).await?;
    let sessions = found.into_iter().map(|found| Session {
        attached: found.detached_ms.is_none(),
        detached_ms: found.detached_ms,
        protocol: found.encoding.map(herenow_protocol::Encoding::subprotocol),
        joined: found.joined,
        observed: found.observed,
    });
    Ok(json(&User { sessions: sessions.collect() }))
}
