//! What can be asked about channels and users.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::header::{CACHE_CONTROL, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use herenow_protocol::{Attributes, Code, Member, validate_channel, validate_user};
use herenow_registry::store::MAX_PAGE_BYTES;
use herenow_registry::{Capability, Identity, Millis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::{bearer, client_address, identify};
use super::error::{ApiError, json_in};
use super::openapi::Error;
use super::unread::{Full, Room};
use crate::accept::Peer;
use crate::app::App;
use crate::members::Settling;

/// The most users of one page.
const MAX_PAGE: usize = 1000;
/// A list of users may be this old, in a browser's cache.
const USERS_CACHE: HeaderValue = HeaderValue::from_static("private, max-age=3");

/// The parameters of all reads; unknown ones are ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct Parameters {
    client_id: Option<String>,
    channel: Option<String>,
    user: Option<String>,
    limit: Option<String>,
    after: Option<String>,
}

type Asked = Result<Query<Parameters>, QueryRejection>;

impl Parameters {
    pub(super) fn channel(&mut self) -> Result<String, ApiError> {
        let channel = self.channel.take().unwrap_or_default();
        validate_channel(&channel)?;
        Ok(channel)
    }

    pub(super) fn user(&mut self) -> Result<String, ApiError> {
        let user = self.user.take().unwrap_or_default();
        validate_user(&user)?;
        Ok(user)
    }

    pub(super) fn limit(&self) -> Result<usize, ApiError> {
        let Some(text) = &self.limit else { return Ok(MAX_PAGE) };
        let limit = text.parse().ok().filter(|limit| (1..=MAX_PAGE).contains(limit));
        limit.ok_or_else(|| ApiError::new(Code::InvalidArgument, "limit is a number from 1 to 1000"))
    }

    pub(super) fn after(&mut self) -> Result<Option<String>, ApiError> {
        let after = self.after.take();
        after.iter().try_for_each(|user| validate_user(user))?;
        Ok(after)
    }
}

/// Checks the token before anything else is said about the request, and waits for room for an answer.
async fn enter(
    app: &App,
    peer: Peer,
    headers: &HeaderMap,
    asked: Asked,
) -> Result<(Identity, Parameters, Room), ApiError> {
    let Query(parameters) = asked.map_err(|rejection| {
        ApiError::new(Code::InvalidArgument, format!("the query is wrong: {}", rejection.body_text()))
    })?;
    let now = app.actor.now();
    let identity = verified(app, now, peer, headers, parameters.client_id.as_deref())?;
    let address = client_address(peer, headers, &app.config.trusted_proxies);
    if let Err(retry_in_ms) = app.read_rates.take(now, &identity, app.auth.is_open().then_some(address)) {
        let error = ApiError::new(Code::RateLimited, "the user or its address reads more often than it may");
        return Err(error.with_retry(retry_in_ms));
    }
    let room = app.unread.room(address).await.map_err(|full| match full {
        Full::Address => ApiError::new(Code::RateLimited, "too many answers to this address are unread"),
        Full::All => ApiError::new(Code::Unavailable, "too many answers are unread"),
    })?;
    Ok((identity, parameters, room))
}

/// Who asks. A signature costs time to verify: where an address has brought too many wrong ones, none is.
fn verified(
    app: &App,
    now: Millis,
    peer: Peer,
    headers: &HeaderMap,
    client_id: Option<&str>,
) -> Result<Identity, ApiError> {
    let costs = !app.auth.is_open() && bearer(headers)?.is_some();
    if !costs {
        return identify(&app.auth, now, headers, client_id);
    }
    let address = client_address(peer, headers, &app.config.trusted_proxies);
    if let Err(retry_in_ms) = app.wrong_tokens.check(now, address) {
        let error = ApiError::new(Code::RateLimited, "too many tokens of this address were wrong");
        return Err(error.with_retry(retry_in_ms));
    }
    identify(&app.auth, now, headers, client_id).inspect_err(|error| {
        if matches!(error.code(), Code::Unauthorized | Code::TokenExpired) {
            app.wrong_tokens.count(now, address);
        }
    })
}

/// Checks that the token allows to read a channel.
fn may_list(identity: &Identity, channel: &str) -> Result<(), ApiError> {
    if identity.access.allows(Capability::List, channel) {
        return Ok(());
    }
    Err(ApiError::new(Code::Forbidden, "the token does not allow to read this channel (list)"))
}

/// Leaves out what makes a page too long as JSON, where some characters take six times their bytes; whether that was any.
fn shorten(users: &mut Vec<Member>) -> bool {
    let mut bytes = 0;
    let fitting = users.iter().take_while(|member| {
        bytes += serde_json::to_vec(member).map_or(0, |json| json.len() + 1);
        bytes <= MAX_PAGE_BYTES
    });
    let fitting = fitting.count().max(1);
    let is_too_long = fitting < users.len();
    users.truncate(fitting);
    is_too_long
}

#[derive(Serialize, ToSchema)]
pub(super) struct Users {
    #[schema(value_type = Vec<super::openapi::Member>)]
    users: Vec<Member>,
    count: u64,
    next: Option<String>,
    settles_in_ms: u64,
}

/// `GET /v1/channel/users?channel=&limit=&after=`
#[utoipa::path(
    get,
    path = "/v1/channel/users",
    description = "Who is in a channel, a page at a time, ordered by user id.",
    params(
        ("client_id" = Option<String>, Query, description = "The application; default: default", min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$"),
        ("channel" = String, Query, description = "The channel; bytes of UTF-8 count", example = "lobby", min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$"),
        ("limit" = Option<u64>, Query, description = "Users of one page; default: 1000", minimum = 1, maximum = 1000),
        ("after" = Option<String>, Query, description = "The `next` of the page before", min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$")
    ),
    responses(
        (status = 200, description = "A page", body = Users),
        (status = 400, description = "An argument is wrong", body = Error),
        (status = 401, description = "There is no valid token", body = Error),
        (status = 403, description = "The token or the origin does not allow it", body = Error),
        (status = 429, description = "Too many reads of this user, or too many wrong tokens of this address", body = Error, headers(("Retry-After" = u64, description = "Seconds"))),
        (status = 503, description = "The server stops, or does not reach its store", body = Error)
    ),
    security(("token" = []))
)]
pub(crate) async fn users(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (identity, mut asked, room) = enter(&app, peer, &headers, asked).await?;
    let (channel, limit, after) = (asked.channel()?, asked.limit()?, asked.after()?);
    may_list(&identity, &channel)?;
    let application = identity.application;
    let mut page = app.users(application, channel, after, limit).await?;
    if shorten(&mut page.users) {
        page.next = page.users.last().map(|member| member.user.clone());
    }
    let users =
        Users { users: page.users, count: page.count, next: page.next, settles_in_ms: page.settles_in_ms };
    let mut response = json_in(room, &users);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, USERS_CACHE);
    headers.append(VARY, HeaderValue::from_static("Authorization"));
    Ok(response)
}

#[derive(Serialize, ToSchema)]
pub(super) struct AttributesAnswer {
    #[schema(schema_with = super::openapi::attributes)]
    attributes: Attributes,
    settles_in_ms: u64,
}

/// `GET /v1/channel/attributes?channel=&user=`
#[utoipa::path(
    get,
    path = "/v1/channel/attributes",
    description = "The attributes of a member; none for a user who is no member.",
    params(
        ("client_id" = Option<String>, Query, description = "The application; default: default", min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$"),
        ("channel" = String, Query, description = "The channel; bytes of UTF-8 count", example = "lobby", min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$"),
        ("user" = String, Query, description = "The user's id; bytes of UTF-8 count", example = "alice", min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$"),
    ),
    responses(
        (status = 200, description = "All of them", body = AttributesAnswer),
        (status = 400, description = "An argument is wrong", body = Error),
        (status = 401, description = "There is no valid token", body = Error),
        (status = 403, description = "The token or the origin does not allow it", body = Error),
        (status = 429, description = "Too many reads of this user, or too many wrong tokens of this address", body = Error, headers(("Retry-After" = u64, description = "Seconds"))),
        (status = 503, description = "The server stops, or does not reach its store", body = Error)
    ),
    security(("token" = []))
)]
pub(crate) async fn attributes(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (identity, mut asked, room) = enter(&app, peer, &headers, asked).await?;
    let (channel, user) = (asked.channel()?, asked.user()?);
    may_list(&identity, &channel)?;
    let application = identity.application;
    let Settling(attributes, settles_in_ms) = app.attributes(application, channel, user).await?;
    Ok(json_in(room, &AttributesAnswer { attributes, settles_in_ms }))
}

#[derive(Serialize, ToSchema)]
pub(super) struct Count {
    count: u64,
    settles_in_ms: u64,
}

/// `GET /v1/channel/count?channel=`
#[utoipa::path(
    get,
    path = "/v1/channel/count",
    description = "How many members a channel has.",
    params(
        ("client_id" = Option<String>, Query, description = "The application; default: default", min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$"),
        ("channel" = String, Query, description = "The channel; bytes of UTF-8 count", example = "lobby", min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$"),
    ),
    responses(
        (status = 200, description = "The number", body = Count),
        (status = 400, description = "An argument is wrong", body = Error),
        (status = 401, description = "There is no valid token", body = Error),
        (status = 403, description = "The token or the origin does not allow it", body = Error),
        (status = 429, description = "Too many reads of this user, or too many wrong tokens of this address", body = Error, headers(("Retry-After" = u64, description = "Seconds"))),
        (status = 503, description = "The server stops, or does not reach its store", body = Error)
    ),
    security(("token" = []))
)]
pub(crate) async fn count(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (identity, mut asked, room) = enter(&app, peer, &headers, asked).await?;
    let channel = asked.channel()?;
    may_list(&identity, &channel)?;
    let application = identity.application;
    let Settling(count, settles_in_ms) = app.count(application, channel).await?;
    Ok(json_in(room, &Count { count, settles_in_ms }))
}

#[derive(Serialize, ToSchema)]
pub(super) struct Channels {
    channels: Vec<String>,
    settles_in_ms: u64,
}

/// `GET /v1/user/channels?user=`
#[utoipa::path(
    get,
    path = "/v1/user/channels",
    description = "The channels that a user is a member of, sorted.",
    params(
        ("client_id" = Option<String>, Query, description = "The application; default: default", min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$"),
        ("user" = String, Query, description = "The user's id; bytes of UTF-8 count", example = "alice", min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$"),
    ),
    responses(
        (status = 200, description = "Their names", body = Channels),
        (status = 400, description = "An argument is wrong", body = Error),
        (status = 401, description = "There is no valid token", body = Error),
        (status = 403, description = "The token or the origin does not allow it", body = Error),
        (status = 429, description = "Too many reads of this user, or too many wrong tokens of this address", body = Error, headers(("Retry-After" = u64, description = "Seconds"))),
        (status = 503, description = "The server stops, or does not reach its store", body = Error)
    ),
    security(("token" = []))
)]
pub(crate) async fn channels(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (identity, mut asked, room) = enter(&app, peer, &headers, asked).await?;
    let user = asked.user()?;
    let is_other = user != identity.user;
    if is_other && !identity.access.other_users() {
        return Err(ApiError::new(
            Code::Forbidden,
            "the token does not allow to read the channels of other users (user_channels)",
        ));
    }
    let Identity { application, access, .. } = identity;
    let Settling(mut channels, settles_in_ms) = app.channels_of(application, user).await?;
    // What another user is in says who is in a channel.
    channels.retain(|channel| !is_other || access.allows(Capability::List, channel));
    Ok(json_in(room, &Channels { channels, settles_in_ms }))
}
