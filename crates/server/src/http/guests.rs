//! `POST /v1/guests`: a new guest, or the profile of the one whose token is given.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{Request, State};
use axum::response::Response;
use herenow_protocol::{Code, DEFAULT_CLIENT_ID};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::bearer;
use super::body::json as json_body;
use super::error::{ApiError, json};
use super::openapi::Error;
use crate::app::App;
use crate::auth::new_guest;

/// Bytes of a nickname (UTF-8).
const MAX_NICKNAME_BYTES: usize = 128;
/// Digits of the user's id in a nickname that nobody chose.
const NICKNAME_DIGITS: usize = 4;

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct Wish {
    #[schema(min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$")]
    client_id: Option<String>,
    #[schema(max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]*$")]
    nickname: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Profile {
    id: String,
    nickname: String,
    access_token: String,
    created_at: String,
}

/// Answers `{id, nickname, access_token, created_at}`. Nothing is stored: the token alone is the guest.
///
/// # Errors
/// `unauthorized` where only tokens of the app's backend count.
#[utoipa::path(
    post,
    path = "/v1/guests",
    description = "Makes a guest, or says whose the given token is. Only in open mode.",
    request_body(content = Option<Wish>, content_type = "application/json"),
    responses(
        (status = 200, description = "The guest, with its token", body = Profile),
        (status = 400, description = "The body is wrong", body = Error),
        (status = 401, description = "The given token is wrong, or the server takes no guests", body = Error),
        (status = 403, description = "The origin is not allowed", body = Error),
        (status = 408, description = "The body did not arrive", body = Error),
        (status = 413, description = "The body is too large", body = Error)
    ),
    security((), ("token" = []))
)]
pub(crate) async fn create(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    if !app.auth.is_open() {
        return Err(ApiError::new(Code::Unauthorized, "this server takes no guests")
            .with_remedy("Give init an accessToken that your backend has signed."));
    }
    let (head, body) = request.into_parts();
    let known = bearer(&head.headers)?;
    let wish: Wish = json_body(body).await?;
    let token = match known {
        Some(token) => token.to_owned(),
        None => new_guest().map_err(|error| {
            tracing::error!(%error, "no guest could be made");
            ApiError::new(Code::Internal, "the server has no randomness")
        })?,
    };
    let application = wish.client_id.as_deref().unwrap_or(DEFAULT_CLIENT_ID);
    let identity = app.auth.verify(application, Some(&token), app.actor.now())?;
    let profile = Profile {
        nickname: nickname(wish.nickname, &identity.user)?,
        id: identity.user,
        access_token: token,
        created_at: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
    };
    Ok(json(&profile))
}

fn nickname(wish: Option<String>, user: &str) -> Result<String, ApiError> {
    let wish = wish.filter(|wish| !wish.is_empty());
    let Some(nickname) = wish else {
        let digits = user.get(user.len().saturating_sub(NICKNAME_DIGITS)..).unwrap_or_default();
        return Ok(format!("Guest {digits}"));
    };
    if nickname.len() > MAX_NICKNAME_BYTES || nickname.chars().any(char::is_control) {
        return Err(ApiError::new(
            Code::InvalidArgument,
            "a nickname is a string of at most 128 bytes of UTF-8 without control characters",
        ));
    }
    Ok(nickname)
}
