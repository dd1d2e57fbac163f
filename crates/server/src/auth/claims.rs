//! JWTs (RFC 7519): a user of an application, until when, and what it may.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use herenow_protocol::{Code, Refusal, validate_user};
use herenow_registry::{Access, Capability, Identity, Millis};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use serde::Deserialize;

use super::guest::MISSING;
use super::keys::Keys;

/// Bytes of a token, at most.
const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// Patterns of a token, at most.
const MAX_PATTERNS: usize = 1_000;
/// Seconds by which the clock of who made the token may be wrong.
const LEEWAY_S: u64 = 5;

/// What this server reads of a token; `aud`, `exp` and `nbf` are checked by the library.
#[derive(Debug, Deserialize)]
struct Claims {
    sub: Option<String>,
    /// Seconds since 1970, perhaps with a fraction.
    exp: Option<f64>,
    /// What is allowed, by pattern. Words that this server does not know allow nothing.
    #[serde(default)]
    caps: Option<BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    user_channels: bool,
}

/// Verifies a token at `time`, which the registry calls `now`.
pub(super) fn verify(
    keys: &Keys,
    application: &str,
    token: Option<&str>,
    now: Millis,
    time: SystemTime,
) -> Result<Identity, Refusal> {
    let token = token.ok_or(MISSING)?;
    if token.len() > MAX_TOKEN_BYTES {
        return refuse("the token has more than 16384 bytes");
    }
    let header = decode_header(token).map_err(|_| NO_JWT)?;
    if header.crit.is_some() {
        // RFC 7515, 4.1.11: what is critical has to be understood, and this server knows no extensions.
        return refuse("the token has a critical header (crit), of which this server understands none");
    }
    let Some(key) = keys.find(header.kid.as_deref()) else {
        return refuse("the key that the token names (kid) is not configured");
    };
    let mut validation = Validation::new(key.algorithm);
    validation.leeway = LEEWAY_S;
    validation.validate_nbf = true;
    validation.set_audience(&[application]);
    validation.set_required_spec_claims(&["exp", "sub", "aud"]);
    let Claims { sub, exp, caps, user_channels } =
        decode(token, &key.key, &validation).map_err(|error| refusal(error.kind()))?.claims;
    let (Some(sub), Some(exp)) = (sub, exp) else { return Err(INCOMPLETE) };
    if validate_user(&sub).is_err() {
        return refuse("the token's sub is not a user's id: 1 to 128 bytes without control characters");
    }
    let access = match caps {
        Some(caps) if caps.len() > MAX_PATTERNS => return refuse("the token has more than 1000 patterns"),
        Some(caps) => Access::new(
            Some(caps.iter().map(|(pattern, words)| (pattern.as_str(), capabilities(words)))),
            user_channels,
        ),
        None => Access::new(None::<[(&str, [Capability; 0]); 0]>, user_channels),
    };
    let expires_at = Some(now.plus(millis_until(exp, time)));
    Ok(Identity { application: application.into(), user: sub, expires_at, access, key: Some(key.id) })
}

fn capabilities(words: &[String]) -> impl Iterator<Item = Capability> {
    Capability::ALL.into_iter().filter(|capability| words.iter().any(|word| word == capability.as_str()))
}

/// Milliseconds from `time` to `exp`; 0 when it is past.
fn millis_until(exp: f64, time: SystemTime) -> u64 {
    let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    // A float becomes the nearest integer there is: 0 for what is negative or no number.
    ((exp - since_1970.as_secs_f64()) * 1_000.0) as u64
}

const NO_JWT: Refusal = Refusal {
    code: Code::Unauthorized,
    message: "the token is no JWT, or its algorithm is not HS256, RS256, ES256 or EdDSA",
};

const INCOMPLETE: Refusal = Refusal {
    code: Code::Unauthorized,
    message: "the token lacks exp, sub or aud, or one is of a wrong type",
};

fn refuse<T>(message: &'static str) -> Result<T, Refusal> {
    Err(Refusal { code: Code::Unauthorized, message })
}

/// What an error of the library means. Its list grows with its releases.
fn refusal(kind: &ErrorKind) -> Refusal {
    let (code, message) = match kind {
        ErrorKind::ExpiredSignature => (Code::TokenExpired, "the token has expired"),
        ErrorKind::ImmatureSignature => (Code::Unauthorized, "the token is not valid yet (nbf)"),
        ErrorKind::InvalidSignature => {
            (Code::Unauthorized, "the token's signature is not of the configured key")
        }
        ErrorKind::InvalidAlgorithm => {
            (Code::Unauthorized, "the token's algorithm is not the one of the configured key")
        }
        ErrorKind::InvalidAudience => (Code::Unauthorized, "the token's aud is not the clientId"),
        ErrorKind::MissingRequiredClaim(_) => return INCOMPLETE,
        _ => (
            Code::Unauthorized,
            "the token is not of its form: sub a string, exp a number, caps an object of lists",
        ),
    };
    Refusal { code, message }
}
