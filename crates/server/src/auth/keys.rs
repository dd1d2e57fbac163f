//! The keys that tokens are verified with, by the name that a token gives (`kid`).

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use herenow_registry::KeyId;
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use serde::Deserialize;

use super::key_set::{self, SetKey, Skipped};
use super::{jwk, pem};

/// Bytes of a secret, at least.
const MIN_SECRET_BYTES: usize = 32;
/// Bytes of a file with keys, at most.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// A file with a key, and the key's name: `FILE` or `KID=FILE`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct KeyFile {
    pub(super) kid: Option<String>,
    pub(super) path: PathBuf,
}

impl FromStr for KeyFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kid, path) = match text.split_once('=') {
            Some((kid, path)) => (Some(kid).filter(|kid| !kid.is_empty()), path),
            None => (None, text),
        };
        if path.is_empty() {
            return Err("write FILE, or KID=FILE for a key with a name".into());
        }
        Ok(Self { kid: kid.map(str::to_owned), path: path.into() })
    }
}

impl TryFrom<String> for KeyFile {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file is not to be used.
    #[error("{}: {problem}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong and what to do, in one line.
        problem: String,
    },
    /// Tokens could mean either of two keys.
    #[error("two keys are {0}; give each a name of its own as KID=FILE, which tokens carry as `kid`")]
    Twice(Name),
}

/// What tells keys apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// The key of tokens without `kid`.
    Unnamed,
    /// The key of tokens with this one.
    Kid(String),
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unnamed => formatter.write_str("without a name"),
            Self::Kid(kid) => write!(formatter, "called `{kid}`"),
        }
    }
}

/// A key and the one algorithm that it is used with.
#[derive(Debug)]
pub(super) struct Key {
    /// Of this key of this name, in this process.
    pub(super) id: KeyId,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

impl Key {
    fn new(algorithm: Algorithm, key: DecodingKey) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self { id: KeyId(LAST.fetch_add(1, Ordering::Relaxed) + 1), algorithm, key }
    }

    fn is_same(&self, other: &Self) -> bool {
        use DecodingKeyKind::{RsaModulusExponent, SecretOrDer};
        self.algorithm == other.algorithm
            && match (self.key.kind(), other.key.kind()) {
                (SecretOrDer(one), SecretOrDer(other)) => one == other,
                (RsaModulusExponent { n, e }, RsaModulusExponent { n: other_n, e: other_e }) => {
                    (n, e) == (other_n, other_e)
                }
                (SecretOrDer(_), RsaModulusExponent { .. }) | (RsaModulusExponent { .. }, SecretOrDer(_)) => {
                    false
                }
            }
    }
}

/// All keys of a server.
#[derive(Debug)]
pub(super) struct Keys {
    by_name: HashMap<Name, Key>,
}

impl Keys {
    /// One unnamed secret.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn of_secret(secret: &[u8]) -> Self {
        let key = Key::new(Algorithm::HS256, DecodingKey::from_secret(secret));
        Self { by_name: HashMap::from([(Name::Unnamed, key)]) }
    }

    /// These keys in place of the older ones, of which those that are the same keep their ids, and the ids of the others.
    pub(super) fn replacing(mut self, older: &Self) -> (Self, Vec<KeyId>) {
        let mut withdrawn = Vec::new();
        for (name, old) in &older.by_name {
            match self.by_name.get_mut(name) {
                Some(new) if new.is_same(old) => new.id = old.id,
                Some(_) | None => withdrawn.push(old.id),
            }
        }
        (self, withdrawn)
    }

    /// The key of tokens with this `kid`.
    pub(super) fn find(&self, kid: Option<&str>) -> Option<&Key> {
        self.by_name.get(&kid.map_or(Name::Unnamed, |kid| Name::Kid(kid.into())))
    }
}

/// Where keys are read from.
#[derive(Debug)]
pub(super) struct KeyFiles {
    pub(super) secrets: Vec<KeyFile>,
    pub(super) public_keys: Vec<KeyFile>,
}

impl KeyFiles {
    pub(super) fn read(&self) -> Result<Keys, KeyError> {
        let mut by_name = HashMap::new();
        let mut add = |name: Name, key: Key| match by_name.insert(name.clone(), key) {
            None => Ok(()),
            Some(_) => Err(KeyError::Twice(name)),
        };
        let name = |kid: &Option<String>| kid.clone().map_or(Name::Unnamed, Name::Kid);
        for file in &self.secrets {
            let key = DecodingKey::from_secret(&read_secret(&file.path)?);
            add(name(&file.kid), Key::new(Algorithm::HS256, key))?;
        }
        for file in &self.public_keys {
            let bytes = read(&file.path)?;
            if bytes.trim_ascii_start().starts_with(b"{") {
                for (kid, key) in key_set(&file.path, &bytes, file.kid.is_some())? {
                    add(kid, key)?;
                }
            } else {
                let (algorithm, key) =
                    pem::public_key(&bytes).map_err(|problem| wrong(&file.path, problem))?;
                add(name(&file.kid), Key::new(algorithm, key))?;
            }
        }
        Ok(Keys { by_name })
    }
}

/// The secret in a file, without the end of its line.
pub(super) fn read_secret(path: &Path) -> Result<Vec<u8>, KeyError> {
    let mut secret = read(path)?;
    for end in [b'\n', b'\r'] {
        secret.pop_if(|last| *last == end);
    }
    if String::from_utf8_lossy(&secret).contains("-----BEGIN") {
        // Everybody may have a public key: as a secret it would let them sign.
        let problem = "it holds a key in PEM, which is no secret: give a public key as --jwt-public-key-file, \
            or make a secret with openssl rand -hex 32";
        return Err(wrong(path, problem));
    }
    if let Some(problem) = jwk::refused_as_secret(&secret) {
        return Err(wrong(path, problem));
    }
    if secret.len() < MIN_SECRET_BYTES {
        let found = secret.len();
        let problem = format!(
            "a secret has at least {MIN_SECRET_BYTES} bytes, this one {found}: openssl rand -hex 32 makes one"
        );
        return Err(wrong(path, problem));
    }
    Ok(secret)
}

/// The bytes of a file, unless it is too large to be one of keys.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    let size = fs::metadata(path).map_err(|error| wrong(path, error.to_string()))?.len();
    if size > MAX_FILE_BYTES {
        return Err(wrong(path, format!("a file with keys has at most {MAX_FILE_BYTES} bytes")));
    }
    fs::read(path).map_err(|error| wrong(path, error.to_string()))
}

/// The keys of a JSON Web Key Set, each with its own name. Those that are skipped are logged.
fn key_set(path: &Path, bytes: &[u8], is_named: bool) -> Result<Vec<(Name, Key)>, KeyError> {
    if is_named {
        return Err(wrong(path, "the keys of a key set have names; give only FILE"));
    }
    let set = key_set::read(bytes).map_err(|problem| wrong(path, problem))?;
    for Skipped { kid, why } in set.skipped {
        let file = path.display();
        tracing::warn!(%file, kid = kid.as_deref().unwrap_or_default(), why, "a key of a key set is not used");
    }
    let key =
        |SetKey { kid, algorithm, key }| (kid.map_or(Name::Unnamed, Name::Kid), Key::new(algorithm, key));
    Ok(set.keys.into_iter().map(key).collect())
}

fn wrong(path: &Path, problem: impl Into<String>) -> KeyError {
    KeyError::File { path: path.into(), problem: problem.into() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::*;

    const SECRET: &str = "a secret of more than thirty-two bytes";

    fn read(folder: &TempDir, secret: &str, set: &[Value]) -> Keys {
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            KeyFile { kid: None, path }
        };
        let set = json!({ "keys": set }).to_string();
        KeyFiles { secrets: vec![file("secret", secret)], public_keys: vec![file("set", &set)] }
            .read()
            .unwrap()
    }

    #[test]
    fn a_key_that_is_read_again_keeps_its_id_and_one_that_is_not_is_withdrawn() {
        let rsa = |kid: &str, first: &str| json!({ "kty": "RSA", "kid": kid, "n": format!("{first}{}A", "_".repeat(340)), "e": "AQAB" });
        let ed = json!({ "kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        let folder = tempfile::tempdir().unwrap();
        let id = |keys: &Keys, kid| keys.find(kid).map(|key| key.id);
        let first = read(&folder, SECRET, &[rsa("r", "_"), ed.clone()]);
        let all = [None, Some("r"), Some("ed")];
        let ids = all.map(|kid| id(&first, kid).unwrap());

        let (same, withdrawn) =
            read(&folder, SECRET, &[ed.clone(), rsa("r", "_"), rsa("new", "9")]).replacing(&first);
        assert_eq!((all.map(|kid| id(&same, kid).unwrap()), withdrawn), (ids, vec![]));
        assert!(id(&same, Some("new")).is_some_and(|new| !ids.contains(&new)));

        let other = format!("{SECRET} and more");
        let (changed, mut withdrawn) = read(&folder, &other, &[rsa("r", "9")]).replacing(&same);
        withdrawn.sort_unstable();
        let mut gone = [&ids[..], &[id(&same, Some("new")).unwrap()]].concat();
        gone.sort_unstable();
        assert_eq!(withdrawn, gone);
        // One that comes back is not the one that was withdrawn.
        let (back, withdrawn) = read(&folder, SECRET, &[rsa("r", "9")]).replacing(&changed);
        assert!(id(&back, None).is_some_and(|back| !ids.contains(&back)));
        assert_eq!(withdrawn, [id(&changed, None).unwrap()]);
    }
}
