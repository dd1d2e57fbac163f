//! `GET /v1/connect`: the upgrade to a WebSocket.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use herenow_protocol::Code;

use super::access::{client_address, is_allowed};
use super::error::ApiError;
use crate::accept::Peer;
use crate::admission::Full;
use crate::app::App;
use crate::socket::{Refused, Upgrade, serve};

/// Upgrades. A wrong origin or version is refused on the open socket, where browsers show it.
pub(crate) async fn connect(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
) -> Result<Response, ApiError> {
    if app.lifecycle.is_draining() {
        return Err(ApiError::new(Code::Unavailable, "the server is stopping"));
    }
    let upgrade = Upgrade::from_request(&mut request).ok_or_else(|| {
        ApiError::new(Code::InvalidArgument, "this path takes a WebSocket of version 13")
            .with_status(StatusCode::UPGRADE_REQUIRED)
            .with_remedy("Connect with a WebSocket client.")
    })?;
    let address = client_address(peer, request.headers(), &app.config.trusted_proxies);
    let admitted = app.admission.admit(address).map_err(|full| {
        app.metrics.not_admitted(full);
        match full {
            Full::Server => ApiError::new(Code::Unavailable, "too many sockets have not said who they are"),
            Full::Address => ApiError::new(
                Code::RateLimited,
                "too many sockets of this address have not said who they are",
            ),
        }
    })?;
    let encoding = if is_allowed(&app.origins, request.headers()) {
        upgrade.encoding().ok_or(Refused::Version)
    } else {
        Err(Refused::Origin)
    };
    let open = app.lifecycle.open_socket();
    Ok(upgrade.accept(move |socket| serve(app, socket, encoding, admitted, open)))
}
