//! JSON Web Key Sets (RFC 7517), as identity providers publish them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse, RSAKeyParameters,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::pem::P256_BYTES;

/// Bits of an RSA key, at least.
const MIN_RSA_BITS: usize = 2_048;
/// Bytes of an Ed25519 key.
const ED25519_BYTES: usize = 32;

/// What one set holds.
#[derive(Debug, Default)]
pub(super) struct KeySet {
    pub(super) keys: Vec<SetKey>,
    /// Keys that are not for this server, and why. A set serves more than one purpose.
    pub(super) skipped: Vec<Skipped>,
}

/// A key, its name and its algorithm.
#[derive(Debug)]
pub(super) struct SetKey {
    pub(super) kid: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// A key that is not used.
#[derive(Debug)]
pub(super) struct Skipped {
    pub(super) kid: Option<String>,
    pub(super) why: &'static str,
}

/// Each key is read on its own, so that one that is not understood does not take the others away.
#[derive(Deserialize)]
struct Members {
    keys: Vec<Value>,
}

/// Reads a set and takes the keys that tokens can be verified with.
///
/// # Errors
/// What is wrong and what to do, when there is no such key.
pub(super) fn read(bytes: &[u8]) -> Result<KeySet, String> {
    let members: Members =
        serde_json::from_slice(bytes).map_err(|error| format!("it is no JSON Web Key Set: {error}"))?;
    let mut set = KeySet::default();
    for member in members.keys {
        let kid = member.get("kid").and_then(Value::as_str).map(str::to_owned);
        match usable(member) {
            Ok((algorithm, key)) => set.keys.push(SetKey { kid, algorithm, key }),
            Err(why) => set.skipped.push(Skipped { kid, why }),
        }
    }
    if !set.keys.is_empty() {
        return Ok(set);
    }
    let found = match set.skipped.first() {
        None => "it has none".to_owned(),
        Some(Skipped { kid: Some(kid), why }) => format!("`{}`: {why}", kid.escape_debug()),
        Some(Skipped { kid: None, why }) => format!("a key without `kid`: {why}"),
    };
    Err(format!("no key of this set can be used ({found}); add an RSA, P-256 or Ed25519 key for signatures"))
}

/// The key and its algorithm. Its kind decides that; an `alg` beside it does not count.
fn usable(member: Value) -> Result<(Algorithm, DecodingKey), &'static str> {
    const UNREADABLE: &str = "it is not of the form of its kind";
    let jwk: Jwk = serde_json::from_value(member).map_err(|_| UNREADABLE)?;
    if jwk.common.public_key_use.is_some_and(|usage| usage != PublicKeyUse::Signature) {
        return Err("its `use` is not `sig`");
    }
    if jwk.common.key_operations.is_some_and(|operations| !operations.contains(&KeyOperations::Verify)) {
        return Err("its `key_ops` do not hold `verify`");
    }
    match &jwk.algorithm {
        AlgorithmParameters::RSA(RSAKeyParameters { n, e, .. }) => {
            if modulus_bits(n).ok_or(UNREADABLE)? < MIN_RSA_BITS {
                return Err("its RSA key has less than 2048 bits");
            }
            Ok((Algorithm::RS256, DecodingKey::from_rsa_components(n, e).map_err(|_| UNREADABLE)?))
        }
        AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => {
            let key = DecodingKey::from_ec_components(&point.x, &point.y).map_err(|_| UNREADABLE)?;
            sized(key, P256_BYTES).map(|key| (Algorithm::ES256, key)).ok_or(UNREADABLE)
        }
        AlgorithmParameters::OctetKeyPair(point) if point.curve == EllipticCurve::Ed25519 => {
            let key = DecodingKey::from_ed_components(&point.x).map_err(|_| UNREADABLE)?;
            sized(key, ED25519_BYTES).map(|key| (Algorithm::EdDSA, key)).ok_or(UNREADABLE)
        }
        // Symmetric keys, other curves, and kinds that the library does not know yet.
        _ => Err("only RSA, P-256 and Ed25519 can be used"),
    }
}

fn sized(key: DecodingKey, bytes: usize) -> Option<DecodingKey> {
    let is_right = key.try_get_as_bytes().is_ok_and(|found| found.len() == bytes);
    is_right.then_some(key)
}

fn modulus_bits(n: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(n).ok()?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let top = bytes.get(zeros).map_or(0, |byte| byte.leading_zeros() as usize);
    Some((bytes.len() - zeros) * 8 - top)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test")]
mod tests {
    use serde_json::json;

    use super::*;

    fn rsa(bits: usize) -> Value {
        let mut modulus = vec![0xff_u8; bits.div_ceil(8)];
        modulus[0] = 0xff >> (modulus.len() * 8 - bits);
        json!({ "kty": "RSA", "kid": bits.to_string(), "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB" })
    }

    fn with(mut key: Value, name: &str, value: Value) -> Value {
        key[name] = value;
        key
    }

    fn point(kty: &str, curve: &str, bytes: usize) -> Value {
        let part = URL_SAFE_NO_PAD.encode(vec![1_u8; bytes]);
        json!({ "kty": kty, "kid": curve, "crv": curve, "x": part, "y": part })
    }

    #[test]
    fn a_key_that_is_not_for_this_server_is_skipped_and_the_others_stay() {
        for (odd, why) in [
            (point("EC", "P-384", 48), "only RSA"),
            (point("EC", "secp256k1", 32), "only RSA"),
            (point("OKP", "X25519", 32), "only RSA"),
            (point("OKP", "Ed448", 57), "only RSA"),
            (json!({ "kty": "AKP", "kid": "new", "alg": "ML-DSA-44", "pub": "AAAA" }), "only RSA"),
            (json!({ "kty": "oct", "k": "c2VjcmV0" }), "only RSA"),
            (json!({}), "only RSA"),
            (json!("text"), "form"),
            (with(rsa(2_048), "kid", json!(7)), "form"),
            (with(rsa(2_048), "n", json!("?")), "form"),
            (point("EC", "P-256", 31), "form"),
            (point("OKP", "Ed25519", 31), "form"),
            (with(rsa(2_048), "use", json!("enc")), "use"),
            (with(rsa(2_048), "key_ops", json!(["encrypt", "sign"])), "key_ops"),
            (rsa(2_047), "2048 bits"),
            (rsa(1_024), "2048 bits"),
        ] {
            let text = json!({ "keys": [odd, rsa(2_048)] }).to_string();
            let set = read(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(set.keys.len(), 1, "{text}");
            assert_eq!(set.keys[0].kid.as_deref(), Some("2048"), "{text}");
            assert_eq!(set.skipped.len(), 1, "{text}");
            assert!(set.skipped[0].why.contains(why), "{text}: {}", set.skipped[0].why);

            let error = read(json!({ "keys": [odd] }).to_string().as_bytes()).map(|_| ()).unwrap_err();
            assert!(error.contains(why) && error.contains("add an RSA"), "{text}: {error}");
        }
    }

    #[test]
    fn a_key_for_signatures_is_taken() {
        for key in [
            rsa(2_048),
            rsa(4_096),
            with(rsa(2_048), "use", json!("sig")),
            with(rsa(2_048), "key_ops", json!(["verify"])),
            point("EC", "P-256", 32),
            point("OKP", "Ed25519", 32),
        ] {
            let text = json!({ "keys": [key] }).to_string();
            assert!(read(text.as_bytes()).is_ok_and(|set| set.skipped.is_empty()), "{text}");
        }
    }

    #[test]
    fn a_set_without_keys_is_refused_with_a_remedy() {
        let error = read(br#"{"keys":[]}"#).map(|_| ()).unwrap_err();
        assert!(error.contains("it has none") && error.contains("add an RSA"), "{error}");
        assert!(read(b"{}").is_err_and(|error| error.contains("no JSON Web Key Set")));
    }
}
