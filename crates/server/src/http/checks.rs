//! What holds for any bytes at all that arrive in a query or in a header. Fuzz targets call these, and the tests below.
//!
//! Each has a second opinion of its own, written from the specification and not from the parser.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::Query;
use axum::http::header::{AUTHORIZATION, HeaderMap, HeaderName};
use axum::http::{HeaderValue, Uri};
use herenow_protocol::{validate_application, validate_channel, validate_user};
use herenow_registry::Millis;

use super::access::{client_address, identify};
use super::reads::Parameters;
use crate::accept::Peer;
use crate::auth::Auth;
use crate::origin::{Origin, OriginRules};

const NAMES: [&str; 5] = ["client_id", "channel", "user", "limit", "after"];
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The query of a read.
pub fn query(bytes: &[u8]) {
    let Ok(uri) = Uri::try_from([b"/v1/channel/users?".as_slice(), bytes].concat()) else { return };
    let pairs = decoded(uri.query().unwrap_or_default());
    let of =
        |name: &str| pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value).collect::<Vec<_>>();
    let twice = NAMES.iter().any(|name| of(name).len() > 1);
    let Ok(Query(mut parameters)) = Query::<Parameters>::try_from_uri(&uri) else {
        assert!(twice, "refused for no reason: {uri}");
        return;
    };
    assert!(!twice, "a parameter that comes twice is not clear: {uri}");
    let one = |name| of(name).first().map(|value| value.as_str());

    let channel = one("channel").filter(|channel| validate_channel(channel).is_ok());
    assert_eq!(parameters.channel().ok().as_deref(), channel);
    let user = one("user").filter(|user| validate_user(user).is_ok());
    assert_eq!(parameters.user().ok().as_deref(), user);
    let after = one("after").map(|after| Some(after).filter(|after| validate_user(after).is_ok()));
    assert_eq!(
        parameters.after().ok().as_ref().map(Option::as_deref),
        after.map_or(Some(None), |ok| ok.map(Some))
    );
    let limit = one("limit")
        .map_or(Some(1_000), |text| text.parse().ok().filter(|limit| (1..=1_000).contains(limit)));
    assert_eq!(parameters.limit().ok(), limit);
}

/// `Authorization` headers, one a line, after a line with the application, which may be empty for none.
pub fn authorization(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let Ok(application) = std::str::from_utf8(lines.next().unwrap_or_default()) else { return };
    let application = Some(application).filter(|application| !application.is_empty());
    let headers: HeaderMap =
        lines.filter_map(|line| Some((AUTHORIZATION, HeaderValue::from_bytes(line).ok()?))).collect();

    let given: Vec<_> = headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes).collect();
    let known_application = application.unwrap_or("default");
    let expected = match given[..] {
        [value] => is_bearer_of_a_guest(value) && validate_application(known_application).is_ok(),
        [] | [..] => false,
    };
    let open = |application| identify(&Auth::Open, Millis(0), &headers, application);
    let identity = open(application);
    assert_eq!(identity.is_ok(), expected, "{given:?} in {application:?}");
    let Ok(identity) = identity else { return };
    assert_eq!(identity.application, known_application);
    assert!(identity.user.strip_prefix("guest-").is_some_and(|digits| digits.len() == 32));
    assert_eq!(validate_user(&identity.user), Ok(()));
    let elsewhere = open(Some("an application of that name is unlikely"));
    assert!(elsewhere.is_ok_and(|other| other.user != identity.user), "a guest is of one application");
}

/// `Origin`, `Host` and `X-Forwarded-For`, each on a line.
pub fn origin(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.split('\n');
    let (origin, host) = (lines.next(), lines.next());
    let parsed = origin.and_then(|origin| origin.parse::<Origin>().ok());
    if let Some(parsed) = &parsed {
        assert_eq!(parsed.to_string().parse().as_ref(), Ok(parsed), "an origin is read as it is written");
    }

    let allowed = vec![known("https://app.example.com")];
    let loopback = OriginRules::new(true, true, None, allowed.clone());
    if loopback.allow(origin, host) {
        assert!(host.is_some_and(names_this_machine), "a rebound name: {host:?}");
        let local = |origin: &Origin| names_this_machine(authority(&origin.to_string()));
        let friend = |origin| local(origin) || allowed.contains(origin);
        assert!(origin.is_none() || parsed.as_ref().is_some_and(friend), "a stranger: {origin:?}");
    }
    let public = OriginRules::new(true, false, Some(known("https://here.example")), allowed.clone());
    if let Some(origin) = origin
        && public.allow(Some(origin), host)
    {
        let friend = |origin: &Origin| *origin == known("https://here.example") || allowed.contains(origin);
        assert!(parsed.as_ref().is_some_and(friend), "a stranger: {origin:?}");
    }

    let peer = Peer(([127, 0, 0, 1], 1).into());
    let trusted = [IpAddr::from(Ipv4Addr::LOCALHOST)];
    let headers: HeaderMap =
        lines.filter_map(|line| Some((FORWARDED_FOR, HeaderValue::from_str(line).ok()?))).collect();
    assert_eq!(client_address(peer, &headers, &[]), trusted[0], "nobody is believed who is not trusted");
    let address = client_address(peer, &headers, &trusted).to_string();
    let named = |value: &HeaderValue| !value.as_bytes().trim_ascii().is_empty();
    assert!(address == "127.0.0.1" || headers.values().any(named), "nobody named {address}");
}

/// The pairs of a query, as `application/x-www-form-urlencoded` has them.
fn decoded(query: &str) -> Vec<(String, String)> {
    let text = |encoded: &str| {
        let (mut bytes, mut rest) = (Vec::new(), encoded.as_bytes());
        while let [first, after @ ..] = rest {
            let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
            let (byte, after) = match (first, digit(0), digit(1)) {
                (b'%', Some(high), Some(low)) => ((high * 16 + low) as u8, &after[2..]),
                (b'+', ..) => (b' ', after),
                (other, ..) => (*other, after),
            };
            bytes.push(byte);
            rest = after;
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (text(key), text(value)))
        .collect()
}

/// `Bearer`, a space, and a guest's token, with any white space around it.
fn is_bearer_of_a_guest(value: &[u8]) -> bool {
    let Some((scheme, token)) = value.split_at_checked(7) else { return false };
    let Some(secret) = token.trim_ascii().strip_prefix(b"guest.") else { return false };
    let url_safe = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    scheme.eq_ignore_ascii_case(b"bearer ")
        && (22..=128).contains(&secret.len())
        && secret.iter().all(url_safe)
}

/// Whether a host, perhaps with a port, is the machine itself by its name or address.
fn names_this_machine(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let without_port =
        host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map_or(&*host, |(host, _)| host);
    without_port == "localhost"
        || without_port.ends_with(".localhost")
        || without_port.parse::<Ipv4Addr>().is_ok_and(|address| address.octets()[0] == 127)
        || without_port.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).is_some_and(|address| {
            address
                .parse::<std::net::Ipv6Addr>()
                .is_ok_and(|address| address.segments() == [0, 0, 0, 0, 0, 0, 0, 1])
        })
}

fn authority(origin: &str) -> &str {
    origin.split_once("://").map_or("", |(_, authority)| authority)
}

fn known(text: &str) -> Origin {
    text.parse().expect("an origin")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// Texts made of the pieces that matter to a parser, and of anything else.
    fn pieces(known: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            6 => select(known).prop_map(|piece| piece.as_bytes().to_vec()),
            2 => "[ -~]{0,6}".prop_map(String::into_bytes),
            1 => proptest::collection::vec(any::<u8>(), 0..4),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    const QUERY: &[&str] = &[
        "channel=",
        "user=",
        "limit=",
        "after=",
        "client_id=",
        "&",
        "&",
        "&",
        "=",
        "+",
        "%",
        "%41",
        "%C3%A9",
        "%ff",
        "%00",
        "%zz",
        "1000",
        "1001",
        "0",
        "-1",
        "%2B5",
        "lobby",
        "channel",
        ";",
        "#",
        "a.b",
    ];
    const AUTHORIZATION_PIECES: &[&str] = &[
        "\nBearer guest.abcdefghijklmnopqrstuv",
        "shop",
        "\n",
        "Bearer ",
        "bearer ",
        "BEARER",
        "Basic ",
        "guest.",
        "abcdefghijklmnopqrstuv",
        "~",
        " ",
        "\t",
        "eyJ0.eyJ1.c2ln",
        "é",
        "\r",
    ];
    const ORIGIN_PIECES: &[&str] = &[
        "http://localhost:5173",
        "https://app.example.com",
        "https://here.example",
        "http://",
        "https://",
        "://",
        "null",
        "localhost",
        "127.0.0.1",
        "[::1]",
        ":8787",
        ":443",
        ".localhost",
        "evil.example",
        "\n",
        "\n",
        "\n",
        "10.0.0.1",
        ", ",
        "::1",
        "/",
        "@",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1_000, ..ProptestConfig::default() })]

        #[test]
        fn any_query_is_read_or_refused(bytes in pieces(QUERY)) {
            query(&bytes);
        }

        #[test]
        fn any_authorization_is_read_or_refused(bytes in pieces(AUTHORIZATION_PIECES)) {
            authorization(&bytes);
        }

        #[test]
        fn any_origin_is_read_or_refused(bytes in pieces(ORIGIN_PIECES)) {
            origin(&bytes);
        }
    }
}
