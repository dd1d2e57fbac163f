//! Who may ask: origins (CORS) and tokens.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
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
use herenow_registry::{Identity, Millis};

use super::error::ApiError;
use crate::accept::Peer;
use crate::app::App;
use crate::auth::Auth;
use crate::origin::OriginRules;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Lets only allowed origins through, answers their preflights, and tells browsers so.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let allowed = is_allowed(&app.origins, request.headers());
    let origin = request.headers().get(ORIGIN).cloned().filter(|_| allowed);
    let mut response = if !allowed {
        ApiError::new(Code::Forbidden, "this origin or host is not allowed").into_response()
    } else if is_preflight(&request) {
        preflight()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    // With every status: a page can act only on a refusal that it can read.
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
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

/// Lets nobody through who asks a server of this machine by a name that it does not know.
pub(crate) async fn known_host(
    State(rules): State<Arc<OriginRules>>,
    request: Request,
    next: Next,
) -> Response {
    match only(request.headers(), HOST) {
        Ok(host) if rules.allow_host(host) => next.run(request).await,
        Ok(_) | Err(Unclear) => ApiError::new(Code::Forbidden, "this host is not allowed")
            .with_remedy("Ask by localhost or 127.0.0.1, or give the server its name with --public-url.")
            .into_response(),
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
pub(crate) fn identify(
    auth: &Auth,
    now: Millis,
    headers: &HeaderMap,
    client_id: Option<&str>,
) -> Result<Identity, ApiError> {
    let token = bearer(headers)?;
    Ok(auth.verify(client_id.unwrap_or(DEFAULT_CLIENT_ID), token, now)?)
}

/// The address of the client: of the peer, or if that is a trusted proxy, the last one that it names which is none.
/// `trusted` is in canonical form, as in the configuration.
pub(crate) fn client_address(peer: Peer, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let mut address = peer.0.ip().to_canonical();
    // Several lines are one list. Whatever bytes a client put into it, what a proxy appended is told apart by a comma.
    let lines = headers.get_all(FORWARDED_FOR).iter();
    let mut hops = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).rev();
    while trusted.contains(&address) {
        let Some(before) = hops.next().and_then(hop_address) else { break };
        address = before.to_canonical();
    }
    address
}

/// Proxies write an address with or without its port, and IPv6 with or without brackets.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop.trim_ascii()).ok()?;
    let plain = || hop.parse::<IpAddr>().ok();
    let with_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || hop.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    plain().or_else(with_port).or_else(in_brackets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_name_the_client() {
        let peer = Peer(([10, 0, 0, 1], 1234).into());
        let trusted: Vec<IpAddr> = vec![[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
        let of_bytes = |values: &[&[u8]], trusted: &[IpAddr]| {
            let value = |bytes: &&[u8]| HeaderValue::from_bytes(bytes).expect("a header may hold it");
            let headers: HeaderMap = values.iter().map(|bytes| (FORWARDED_FOR, value(bytes))).collect();
            client_address(peer, &headers, trusted).to_string()
        };
        let with = |values: &[&str], trusted: &[IpAddr]| {
            of_bytes(&values.iter().map(|value| value.as_bytes()).collect::<Vec<_>>(), trusted)
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
        let lines = ["9.9.9.9", "8.8.8.8, 1.1.1.1", "10.0.0.2"];
        assert_eq!(with(&lines, &trusted), "1.1.1.1", "more lines are one list");
        for forged in [&b"\xff, 1.1.1.1"[..], b"9.9.9.9, \xc3\xa4,1.1.1.1, 10.0.0.2"] {
            assert_eq!(of_bytes(&[forged], &trusted), "1.1.1.1", "{}", forged.escape_ascii());
        }
        assert_eq!(of_bytes(&[b"\xff", b"1.1.1.1"], &trusted), "1.1.1.1");
        assert_eq!(of_bytes(&[b"1.1.1.1, \xff"], &trusted), "10.0.0.1", "what the proxy wrote is no address");
        for (hop, address) in [
            ("1.1.1.1:443", "1.1.1.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[::ffff:1.1.1.1]:443", "1.1.1.1"),
            ("9.9.9.9, 1.1.1.1:5, 10.0.0.2:6", "1.1.1.1"),
            ("1.1.1.1:", "10.0.0.1"),
            ("[1.1.1.1]:443", "10.0.0.1"),
        ] {
            assert_eq!(with(&[hop], &trusted), address, "{hop}");
        }
    }
}
