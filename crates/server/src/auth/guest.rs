//! Guests: the token is a secret whose hash is the user.

use herenow_protocol::{Code, Refusal};
use herenow_registry::{Access, Identity};
use sha2::{Digest, Sha256};

/// What a guest's token begins with.
const PREFIX: &str = "guest.";
/// Characters of a guest's secret; the fewest hold 128 bits.
const SECRET_LEN: std::ops::RangeInclusive<usize> = 22..=128;
/// What is hashed first, so that these hashes are of no use elsewhere.
const DOMAIN: &[u8] = b"herenow guest v1";
/// Bytes of the hash that the user's id shows, as two digits each.
const ID_BYTES: usize = 16;
/// Characters of a secret that is made here: 6 bits each.
const MADE_LEN: usize = 22;
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(super) const MISSING: Refusal = Refusal { code: Code::Unauthorized, message: "there is no token" };
const NO_GUEST: Refusal = Refusal {
    code: Code::Unauthorized,
    message: "the token is not a guest's: `guest.` and a secret of 22 to 128 URL-safe characters",
};

/// Verifies `token` for `application`.
///
/// # Errors
/// `unauthorized` for a missing or wrong token.
pub(super) fn verify(application: &str, token: Option<&str>) -> Result<Identity, Refusal> {
    let secret = token.ok_or(MISSING)?.strip_prefix(PREFIX).ok_or(NO_GUEST)?;
    let url_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    if !SECRET_LEN.contains(&secret.len()) || !secret.bytes().all(url_safe) {
        return Err(NO_GUEST);
    }
    Ok(Identity {
        application: application.into(),
        user: guest_id(application, secret),
        expires_at: None,
        access: Access::default(),
        key: None,
    })
}

/// A new guest's token.
///
/// # Errors
/// When the operating system gives no randomness.
pub(crate) fn new_guest() -> Result<String, getrandom::Error> {
    let mut random = [0_u8; MADE_LEN];
    getrandom::fill(&mut random)?;
    let secret = random.iter().map(|byte| char::from(URL_SAFE[usize::from(byte & 63)]));
    Ok(PREFIX.chars().chain(secret).collect())
}

fn guest_id(application: &str, secret: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    hash.update((application.len() as u64).to_be_bytes());
    hash.update(application);
    hash.update(secret);
    let mut id = String::from("guest-");
    for byte in hash.finalize().iter().take(ID_BYTES) {
        for digit in [byte >> 4, byte & 15] {
            id.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "guest.abcdefghijklmnopqrstuv";

    #[test]
    fn a_secret_is_the_same_user_in_one_application_only() {
        let user = |application: &str| verify(application, Some(SECRET)).map(|identity| identity.user);
        assert_eq!(
            user("default"),
            Ok("guest-828811856e304aaa46dccbf2db5b9a57".into()),
            "ids outlive releases"
        );
        assert_eq!(user("default"), user("default"));
        assert_ne!(user("default"), user("other"));
    }

    #[test]
    fn a_short_long_or_odd_secret_is_refused() {
        let code = |token: &str| verify("default", Some(token)).map_err(|refusal| refusal.code).err();
        assert_eq!(code(SECRET), None);
        assert_eq!(code(&format!("guest.{}", "a".repeat(128))), None);
        for wrong in ["", "guest.", "abc", &SECRET[..27], &format!("guest.{}", "a".repeat(129))] {
            assert_eq!(code(wrong), Some(Code::Unauthorized), "{wrong}");
        }
        assert_eq!(code("guest.abcdefghijklmnop qrstuv"), Some(Code::Unauthorized));
        assert_eq!(code("guest.ééééééééééé"), Some(Code::Unauthorized));
        assert_eq!(verify("default", None).map_err(|refusal| refusal.code).err(), Some(Code::Unauthorized));
    }

    #[test]
    fn a_made_guest_is_valid_and_new() {
        let (one, other) = (new_guest().expect("randomness"), new_guest().expect("randomness"));
        assert_ne!(one, other);
        assert!(verify("default", Some(&one)).is_ok());
    }
}
