//! What can be asked about channels and users.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use herenow_protocol::{Attributes, Code, Member, validate_channel, validate_user};
use herenow_registry::Registry;
use serde::{Deserialize, Serialize};

use super::access::identify;
use super::error::{ApiError, json};
use crate::actor::Stopped;
use crate::app::App;

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

/// Checks the token before anything else is said about the request.
fn enter(headers: &HeaderMap, asked: Asked) -> Result<(String, Parameters), ApiError> {
    let Query(parameters) = asked.map_err(|rejection| {
        ApiError::new(Code::InvalidArgument, format!("the query is wrong: {}", rejection.body_text()))
    })?;
    let identity = identify(headers, parameters.client_id.as_deref())?;
    Ok((identity.application, parameters))
}

#[derive(Serialize)]
struct Users {
    users: Vec<Member>,
    count: u64,
    next: Option<String>,
    settles_in_ms: u64,
}

/// `GET /v1/channel/users?channel=&limit=&after=`
pub(crate) async fn users(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (application, mut asked) = enter(&headers, asked)?;
    let (channel, limit, after) = (asked.channel()?, asked.limit()?, asked.after()?);
    let page = app
        .actor
        .read(move |registry, now| registry.users(now, &application, &channel, after.as_deref(), limit))
        .await?
        .ok_or(Stopped)?;
    let users =
        Users { users: page.users, count: page.count, next: page.next, settles_in_ms: page.settles_in_ms };
    let mut response = json(&users);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, USERS_CACHE);
    headers.append(VARY, HeaderValue::from_static("Authorization"));
    Ok(response)
}

#[derive(Serialize)]
struct AttributesAnswer {
    attributes: Attributes,
    settles_in_ms: u64,
}

/// `GET /v1/channel/attributes?channel=&user=`
pub(crate) async fn attributes(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (application, mut asked) = enter(&headers, asked)?;
    let (channel, user) = (asked.channel()?, asked.user()?);
    let look = move |registry: &Registry, now| {
        let attributes = registry.attributes(&application, &channel, &user)?;
        Some(AttributesAnswer { attributes, settles_in_ms: registry.settles_in_ms(now) })
    };
    Ok(json(&app.actor.read(look).await?.ok_or(Stopped)?))
}

#[derive(Serialize)]
struct Count {
    count: u64,
    settles_in_ms: u64,
}

/// `GET /v1/channel/count?channel=`
pub(crate) async fn count(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (application, mut asked) = enter(&headers, asked)?;
    let channel = asked.channel()?;
    let look = move |registry: &Registry, now| {
        let count = registry.count(&application, &channel)?;
        Some(Count { count, settles_in_ms: registry.settles_in_ms(now) })
    };
    Ok(json(&app.actor.read(look).await?.ok_or(Stopped)?))
}

#[derive(Serialize)]
struct Channels {
    channels: Vec<String>,
    settles_in_ms: u64,
}

/// `GET /v1/user/channels?user=`
pub(crate) async fn channels(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (application, mut asked) = enter(&headers, asked)?;
    let user = asked.user()?;
    let look = move |registry: &Registry, now| {
        let channels = registry.user_channels(&application, &user)?;
        Some(Channels { channels, settles_in_ms: registry.settles_in_ms(now) })
    };
    Ok(json(&app.actor.read(look).await?.ok_or(Stopped)?))
}
