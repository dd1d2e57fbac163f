//! What kind of key a PEM file holds.

use jsonwebtoken::{Algorithm, DecodingKey};

/// Bytes of the smallest RSA public key of 2048 bits (PKCS #1, DER).
const MIN_RSA_BYTES: usize = 266;
/// Bytes of a point on P-256, uncompressed.
pub(super) const P256_BYTES: usize = 65;

/// Reads a public key and gives the one algorithm that it is used with; the error says what to do.
pub(super) fn public_key(pem: &[u8]) -> Result<(Algorithm, DecodingKey), &'static str> {
    let text = String::from_utf8_lossy(pem);
    if text.contains("PRIVATE KEY") {
        return Err(
            "it holds a private key; give the public one, and keep the private one where tokens are made",
        );
    }
    if text.contains("BEGIN CERTIFICATE") {
        return Err("it holds a certificate; take its key out: openssl x509 -pubkey -noout -in FILE");
    }
    let bytes = |key: &DecodingKey| key.try_get_as_bytes().map_or(0, <[u8]>::len);
    if let Ok(key) = DecodingKey::from_rsa_pem(pem) {
        if bytes(&key) < MIN_RSA_BYTES {
            return Err("its RSA key has less than 2048 bits");
        }
        return Ok((Algorithm::RS256, key));
    }
    if let Ok(key) = DecodingKey::from_ec_pem(pem) {
        if bytes(&key) != P256_BYTES {
            return Err("its curve is not P-256, the one of ES256");
        }
        return Ok((Algorithm::ES256, key));
    }
    if let Ok(key) = DecodingKey::from_ed_pem(pem) {
        return Ok((Algorithm::EdDSA, key));
    }
    Err("it holds no public key in PEM: RSA, P-256 or Ed25519, between BEGIN PUBLIC KEY and END PUBLIC KEY")
}
