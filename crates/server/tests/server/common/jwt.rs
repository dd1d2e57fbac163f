//! Keys and tokens, right ones and wrong ones.

use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use herenow_server::{AuthMode, Config, KeyFile};
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::KeyPair;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A secret that is long enough.
pub(crate) const SECRET: &str = "a secret of more than thirty-two bytes";

/// A folder with the files of keys.
pub(crate) struct Keys {
    pub(crate) folder: TempDir,
}

/// What signs.
pub(crate) struct Signer {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: EncodingKey,
    /// The public key, PEM.
    pub(crate) public: String,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A file that options name as `[KID=]FILE`.
    pub(crate) fn file(&self, kid: Option<&str>, name: &str, content: &str) -> KeyFile {
        let path = self.write(name, content);
        let kid = kid.map(|kid| format!("{kid}=")).unwrap_or_default();
        format!("{kid}{}", path.display()).parse().unwrap()
    }

    /// A server that takes tokens signed with [`SECRET`].
    pub(crate) fn config(&self) -> Config {
        let secret = self.file(None, "secret", &format!("{SECRET}\n"));
        Config { auth: AuthMode::Jwt, jwt_secret_files: vec![secret], ..Config::default() }
    }
}

pub(crate) fn secret(secret: &str) -> Signer {
    let key = EncodingKey::from_secret(secret.as_bytes());
    Signer { algorithm: Algorithm::HS256, key, public: String::new() }
}

pub(crate) fn rsa() -> Signer {
    let pair = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let key = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
    Signer { algorithm: Algorithm::RS256, key, public: pair.public_key_pem() }
}

pub(crate) fn p256() -> (Signer, String) {
    let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let private = pair.serialize_pem();
    let key = EncodingKey::from_ec_pem(private.as_bytes()).unwrap();
    (Signer { algorithm: Algorithm::ES256, key, public: pair.public_key_pem() }, private)
}

pub(crate) fn ed25519() -> Signer {
    let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let key = EncodingKey::from_ed_pem(pair.serialize_pem().as_bytes()).unwrap();
    Signer { algorithm: Algorithm::EdDSA, key, public: pair.public_key_pem() }
}

/// Seconds since 1970, `later` from now.
pub(crate) fn seconds(later: i64) -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 + later
}

/// What a right token says of Alice.
pub(crate) fn claims() -> Value {
    json!({ "sub": "alice", "aud": "default", "exp": seconds(3_600) })
}

/// [`claims`] with others over them; `null` takes one away.
pub(crate) fn claims_with(changes: Value) -> Value {
    let mut claims = claims();
    let all = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(all.remove(name)),
            value => drop(all.insert(name.clone(), value.clone())),
        }
    }
    claims
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token of any header and claims, signed over both.
pub(crate) fn token_of(header: &Value, claims: &Value, signer: &Signer) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = sign(message.as_bytes(), &signer.key, signer.algorithm).unwrap();
    format!("{message}.{signature}")
}

/// A token without a signature.
pub(crate) fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}.", encoded(header), encoded(claims))
}

impl Signer {
    pub(crate) fn name(&self) -> &'static str {
        match self.algorithm {
            Algorithm::HS256 => "HS256",
            Algorithm::RS256 => "RS256",
            Algorithm::ES256 => "ES256",
            Algorithm::EdDSA => "EdDSA",
            other => panic!("{other:?} is none of ours"),
        }
    }

    /// A token as a backend makes it.
    pub(crate) fn token(&self, kid: Option<&str>, claims: &Value) -> String {
        let header = match kid {
            Some(kid) => json!({ "alg": self.name(), "typ": "JWT", "kid": kid }),
            None => json!({ "alg": self.name(), "typ": "JWT" }),
        };
        token_of(&header, claims, self)
    }
}
