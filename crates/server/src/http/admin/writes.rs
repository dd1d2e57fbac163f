//! What an operator can do.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use herenow_protocol::{DEFAULT_CLIENT_ID, validate_application, validate_channel, validate_user};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::body;
use super::super::error::{ApiError, json};
use super::super::openapi::Error;
use crate::app::App;

/// A field that is not known is refused: with `channel` misspelt, a kick would be from everything.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Kick {
    /// The application; default: default.
    #[schema(min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$")]
    client_id: Option<String>,
    /// The user's id; bytes of UTF-8 count.
    #[schema(
        required = true,
        example = "mallory",
        min_length = 1,
        max_length = 128,
        pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$"
    )]
    user: String,
    /// The channel; without one, all of them.
    #[schema(min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$")]
    channel: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Kicked {
    sessions: usize,
}

/// `POST /v1/admin/kick` {client_id?, user, channel?}: ends what the user's sessions have joined, `channel`
/// or everything, and then closes their sockets with 4503.
#[utoipa::path(
    post,
    path = "/v1/admin/kick",
    operation_id = "admin_kick",
    tag = "operators",
    description = "Ends what a user's sessions have joined, on every node: `channel`, or everything, and then closes their sockets. Nothing keeps the user from coming back.",
    request_body(content = Kick, content_type = "application/json"),
    responses(
        (status = 200, description = "How many sessions were concerned on this node", body = Kicked),
        (status = 400, description = "The body is wrong: `invalid_argument`", body = Error),
        (status = 401, description = "The token is not the operator's: `unauthorized`", body = Error),
        (status = 403, description = "The server is on a loopback address, and the Host is none that it knows: `forbidden`", body = Error),
        (status = 408, description = "The body did not arrive: `timeout`", body = Error, headers(("Retry-After" = u64, description = "Seconds"))),
        (status = 413, description = "The body is too large: `too_large`", body = Error),
        (status = 503, description = "The server stops: `unavailable`", body = Error, headers(("Retry-After" = u64, description = "Seconds")))
    ),
    security(("operator" = []))
)]
pub(super) async fn kick(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let Kick { client_id, user, channel } = body::json(request.into_body()).await?;
    let application = client_id.unwrap_or_else(|| DEFAULT_CLIENT_ID.into());
    validate_application(&application)?;
    validate_user(&user)?;
    channel.iter().try_for_each(|channel| validate_channel(channel))?;
    let sessions = app.kick(application, user, channel).await?;
    tracing::info!(sessions, "an operator has kicked a user");
    Ok(json(&Kicked { sessions }))
}

/// There is nothing to choose, and who asks for something else is told so.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Drain {}

#[derive(Serialize, ToSchema)]
pub(super) struct Draining {
    draining: bool,
}

/// `POST /v1/admin/drain`: stops as SIGTERM does. Answered at once.
#[utoipa::path(
    post,
    path = "/v1/admin/drain",
    operation_id = "admin_drain",
    tag = "operators",
    description = "Stops the server as SIGTERM does. It is answered at once.",
    request_body(content = Option<Drain>, content_type = "application/json"),
    responses(
        (status = 202, description = "It has begun", body = Draining),
        (status = 400, description = "The body is wrong: `invalid_argument`", body = Error),
        (status = 401, description = "The token is not the operator's: `unauthorized`", body = Error),
        (status = 403, description = "The server is on a loopback address, and the Host is none that it knows: `forbidden`", body = Error),
        (status = 408, description = "The body did not arrive: `timeout`", body = Error, headers(("Retry-After" = u64, description = "Seconds"))),
        (status = 413, description = "The body is too large: `too_large`", body = Error)
    ),
    security(("operator" = []))
)]
pub(super) async fn drain(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let Drain {} = body::json(request.into_body()).await?;
    app.lifecycle.ask_to_stop();
    let mut response = json(&Draining { draining: true });
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}
