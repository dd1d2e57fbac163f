//! Who may ask: origins (CORS) and tokens.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, AsHeaderName, HOST, HeaderMap,
    HeaderName, ORIGIN, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use herenow_protocol::{Code, DEFAULT_CLIENT_ID};
use herenow_registry::Identity;

use super::error::ApiError;
use crate::accept::Peer;
use crate::app::App;
use crate::auth::authenticate;
use crate::origin::OriginRules;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Lets only allowed origins through, answers their preflights, and tells browsers so.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let mut response = if !is_allowed(&app.origins, request.headers()) {
        ApiError::new(Code::Forbidden, "this origin or host is not allowed").into_response()
    } else if is_preflight(&request) {
        preflight()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin.filter(|_| response.status() != StatusCode::FORBIDDEN) {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response
}

/// Whether the origin and the host of a request are allowed.
pub(crate) fn is_allowed(rules: &OriginRules, headers: &HeaderMap) -> bool {
    let (origin, host) = (only(headers, ORIGIN), only(headers, HOST));
    match (origin, host) {
        (Ok(origin), Ok(host)) => rules.allow(origin, host),
        (Err(Unclear), _) | (_, Err(Unclear)) => false,
    }
}

/// A header is there more than once, or is no text.
struct Unclear;

fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Result<Option<&str>, Unclear> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Unclear),
        (Some(_), Some(_)) => Err(Unclear),
    }
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Authorization, Content-Type"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// The token of `Authorization: Bearer`, if there is one.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let wrong = || ApiError::new(Code::Unauthorized, "the Authorization header is not `Bearer` and a token");
    let Some(value) = only(headers, AUTHORIZATION).map_err(|Unclear| wrong())? else { return Ok(None) };
    let (scheme, token) = value.split_once(' ').ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(wrong());
    }
    Ok(Some(token.trim()))
}

/// Who asks, in the application of the query's `client_id`.
pub(crate) fn identify(headers: &HeaderMap, client_id: Option<&str>) -> Result<Identity, ApiError> {
    let token = bearer(headers)?;
    Ok(authenticate(client_id.unwrap_or(DEFAULT_CLIENT_ID), token)?)
}

/// The address of the client: of the peer, or if that is a trusted proxy, the last one that it names which is none.
pub(crate) fn client_address(peer: Peer, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let mut address = peer.0.ip().to_canonical();
    let values: Vec<&str> =
        headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    let mut hops = values.iter().flat_map(|value| value.split(',')).rev();
    while trusted.contains(&address) {
        let Some(Ok(before)) = hops.next().map(|hop| hop.trim().parse::<IpAddr>()) else { break };
        address = before.to_canonical();
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_name_the_client() {
        let peer = Peer(([10, 0, 0, 1], 1234).into());
        let trusted: Vec<IpAddr> = vec![[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
        let with = |values: &[&'static str], trusted: &[IpAddr]| {
            let headers = values
                .iter()
                .map(|value| (FORWARDED_FOR, HeaderValue::from_static(value)))
                .collect::<HeaderMap>();
            client_address(peer, &headers, trusted).to_string()
        };
        assert_eq!(with(&["1.1.1.1"], &[]), "10.0.0.1");
        assert_eq!(with(&["1.1.1.1"], &trusted), "1.1.1.1");
        assert_eq!(
            with(&["9.9.9.9, 1.1.1.1, 10.0.0.2"], &trusted),
            "1.1.1.1",
            "the client may forge the first"
        );
        assert_eq!(with(&[], &trusted), "10.0.0.1");
        assert_eq!(with(&["nonsense"], &trusted), "10.0.0.1");
    }
}
