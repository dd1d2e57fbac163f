//! What holds for any bytes at all as a token, and as the claims of one that is signed. A fuzz target calls this, and the
//! test below.

use std::sync::OnceLock;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use herenow_protocol::{Code, validate_user};
use herenow_registry::{Capability, Millis};
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::Value;

use super::claims::verify;
use super::keys::Keys;

const SECRET: &[u8] = b"the fuzzer does not know how to use this";
const NOW: Millis = Millis(1_000);
/// Seconds by which clocks may differ, and one more for the time that the check takes.
const LEEWAY_S: f64 = 6.0;

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| Keys::of_secret(SECRET))
}

/// Bytes as a token, then as the claims of one.
pub fn token(bytes: &[u8]) {
    let time = SystemTime::now();
    if let Ok(text) = std::str::from_utf8(bytes) {
        let outcome = verify(keys(), "default", Some(text), NOW, time);
        assert!(outcome.is_err_and(|refusal| refusal.code == Code::Unauthorized), "a forged token: {text}");
    }
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(bytes));
    let Ok(signature) = sign(message.as_bytes(), &EncodingKey::from_secret(SECRET), Algorithm::HS256) else {
        return;
    };
    let token = format!("{message}.{signature}");
    let Ok(identity) = verify(keys(), "default", Some(&token), NOW, time) else { return };

    // What is not read of the claims may hold text that is no UTF-8.
    let text = String::from_utf8_lossy(bytes);
    let claims: Value = serde_json::from_str(&text).expect("claims that were taken are JSON");
    assert_eq!(claims["sub"].as_str(), Some(&*identity.user), "{claims}");
    assert_eq!(validate_user(&identity.user), Ok(()));
    assert_eq!(identity.application, "default");
    let now = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let exp = claims["exp"].as_f64().expect("claims that were taken have exp");
    assert!(exp > now - LEEWAY_S, "{claims}");
    assert!(identity.expires_at.is_some_and(|at| at >= NOW), "{claims}");
    assert!(claims["nbf"].as_f64().is_none_or(|nbf| nbf < now + LEEWAY_S), "{claims}");
    let is_ours = |aud: &Value| aud == "default";
    assert!(is_ours(&claims["aud"]) || claims["aud"].as_array().is_some_and(|all| all.iter().any(is_ours)));
    assert_eq!(identity.access.other_users(), claims["user_channels"] == true, "{claims}");
    let grants = |capability: Capability, channel: &str| {
        let Some(caps) = claims["caps"].as_object() else { return true };
        caps.iter().any(|(pattern, words)| {
            let begins = pattern.strip_suffix('*').is_some_and(|prefix| channel.starts_with(prefix));
            let has = |words: &Vec<Value>| words.iter().any(|word| word == capability.as_str());
            (begins || pattern == channel) && words.as_array().is_some_and(has)
        })
    };
    let own = claims["caps"].as_object().into_iter().flatten().map(|(pattern, _)| pattern.as_str());
    for channel in own.chain(["lobby", "room-1"]) {
        for capability in Capability::ALL {
            assert_eq!(identity.access.allows(capability, channel), grants(capability, channel), "{claims}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    const PIECES: &[&str] = &[
        "{\"sub\":\"ann\",\"aud\":\"default\",\"exp\":9999999999",
        "}",
        ",\"caps\":{\"room-*\":[\"join\",\"list\"],\"lobby\":[\"observe\"]}",
        ",\"caps\":{}",
        ",\"caps\":null",
        ",\"caps\":{\"*\":[]}",
        ",\"user_channels\":true",
        ",\"nbf\":1",
        ",\"nbf\":9999999999",
        ",\"nbf\":null",
        ",\"exp\":1",
        ",\"aud\":[\"default\"]",
        ",\"sub\":null",
        "e308",
        ".5",
        "\"",
        ",",
        "null",
        "eyJhbGciOiJub25lIn0",
        ".",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

        #[test]
        fn any_token_is_verified_or_refused(pieces in proptest::collection::vec(select(PIECES), 0..8), end in any::<bool>()) {
            let mut text = pieces.concat();
            if end {
                text.push('}');
            }
            token(text.as_bytes());
        }
    }
}
