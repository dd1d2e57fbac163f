//! JSON Web Keys where a secret belongs. Their text is no secret: everybody may have that of a public key.

use serde_json::Value;

const NO_SECRET: &str = "it holds JSON, which is no secret: give a public key (JWK) as --jwt-public-key-file, in a set \
    {\"keys\":[...]}, or make a secret with openssl rand -hex 32";
const WRAPPED: &str = "it holds a secret as a JSON Web Key (`kty` is `oct`): write only the bytes of its `k` into the \
    file, decoded from base64url";

/// What is wrong and what to do, if the text of a file is not to be taken as a secret since it is JSON.
pub(super) fn refused_as_secret(bytes: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim();
    match serde_json::from_str(text) {
        Ok(Value::Object(set)) => match set.get("keys").and_then(Value::as_array) {
            Some(keys) => Some(why(keys.iter())),
            None => Some(why([&Value::Object(set)].into_iter())),
        },
        Ok(Value::Array(keys)) => Some(why(keys.iter())),
        // A key that is cut off, or has a comment in it, is one nevertheless.
        Ok(_) | Err(_) => text.contains("\"kty\"").then_some(NO_SECRET),
    }
}

fn why<'a>(mut keys: impl ExactSizeIterator<Item = &'a Value>) -> &'static str {
    let is_secret = |key: &Value| key.get("kty").is_some_and(|kind| kind == "oct");
    if keys.len() > 0 && keys.all(is_secret) { WRAPPED } else { NO_SECRET }
}
