//! `POST /v1/guests`: a new guest, or the profile of the one whose token is given.

use std::time::{Duration, SystemTime};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use herenow_protocol::{Code, DEFAULT_CLIENT_ID};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::access::bearer;
use super::error::{ApiError, json};
use crate::auth::{authenticate, new_guest};

/// Bytes of a request's body.
const MAX_BODY_BYTES: usize = 16 * 1024;
/// How long a body may take.
const BODY: Duration = Duration::from_secs(10);
/// Bytes of a nickname (UTF-8).
const MAX_NICKNAME_BYTES: usize = 128;
/// Digits of the user's id in a nickname that nobody chose.
const NICKNAME_DIGITS: usize = 4;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wish {
    client_id: Option<String>,
    nickname: Option<String>,
}

#[derive(Debug, Serialize)]
struct Profile {
    id: String,
    nickname: String,
    access_token: String,
    created_at: String,
}

/// Answers `{id, nickname, access_token, created_at}`. Nothing is stored: the token alone is the guest.
pub(crate) async fn create(request: Request) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    let known = bearer(&head.headers)?;
    let wish = read(body).await?;
    let token = match known {
        Some(token) => token.to_owned(),
        None => new_guest().map_err(|error| {
            tracing::error!(%error, "no guest could be made");
            ApiError::new(Code::Internal, "the server has no randomness")
        })?,
    };
    let identity = authenticate(wish.client_id.as_deref().unwrap_or(DEFAULT_CLIENT_ID), Some(&token))?;
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

async fn read(body: Body) -> Result<Wish, ApiError> {
    let bytes = timeout(BODY, to_bytes(body, MAX_BODY_BYTES))
        .await
        .map_err(|_| {
            ApiError::new(Code::Timeout, "the body did not arrive in time")
                .with_status(StatusCode::REQUEST_TIMEOUT)
        })?
        .map_err(|_| {
            ApiError::new(Code::TooLarge, "the body has more than 16384 bytes, or broke off")
                .with_remedy("Send only client_id and nickname.")
        })?;
    if bytes.is_empty() {
        return Ok(Wish::default());
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        ApiError::new(Code::InvalidArgument, format!("the body is not the JSON expected: {error}"))
    })
}
