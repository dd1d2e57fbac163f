//! How often one user may read over HTTP, as often as a session may send frames, and how many wrong tokens an address
//! may bring.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use herenow_protocol::Limits;
use herenow_registry::{Bucket, Identity, Millis};

use crate::admission::network;

/// Users, and addresses, that are remembered. Beyond it all are forgotten: nobody is refused for the number of others.
const MAX_REMEMBERED: usize = 100_000;
/// So many are remembered before those whose buckets are full again are looked for; then twice as many as were left.
const FIRST_REMEMBERED: usize = 1_000;
/// Wrong tokens a second of one address.
const WRONG_TOKENS_PER_SECOND: u32 = 10;
/// Wrong tokens of one address at once.
const WRONG_TOKENS_AT_ONCE: u32 = 50;

/// How much more often than a user an address may read: of guests, who can be as many users as they like.
const USERS_OF_AN_ADDRESS: u32 = 10;

/// How often each user may read, and all guests of one address. An IPv6 network is one address.
#[derive(Debug)]
pub(crate) struct ReadRates {
    users: Buckets,
    addresses: Buckets,
}

/// How often tokens of each address may be wrong. An IPv6 network is one address.
#[derive(Debug)]
pub(crate) struct WrongTokens(Buckets);

/// Buckets by a hash of whose they are.
#[derive(Debug)]
struct Buckets {
    limits: Limits,
    hasher: RandomState,
    remembered: Mutex<Remembered>,
}

#[derive(Debug)]
struct Remembered {
    buckets: HashMap<u64, Bucket>,
    /// With so many, those whose buckets are full again are forgotten.
    most: usize,
}

impl Remembered {
    fn make_room(&mut self, now: Millis, limits: &Limits) {
        if self.buckets.len() < self.most {
            return;
        }
        self.buckets.retain(|_, bucket| !bucket.is_full(now, limits));
        if self.buckets.len() >= MAX_REMEMBERED {
            self.buckets.clear();
        }
        self.most = (2 * self.buckets.len()).clamp(FIRST_REMEMBERED, MAX_REMEMBERED);
        self.buckets.shrink_to(self.most);
    }
}

impl ReadRates {
    pub(crate) fn new(limits: Limits) -> Self {
        let of_addresses = Limits {
            frames_per_second: limits.frames_per_second.saturating_mul(USERS_OF_AN_ADDRESS),
            burst: limits.burst.saturating_mul(USERS_OF_AN_ADDRESS),
            ..limits
        };
        Self { users: Buckets::new(limits), addresses: Buckets::new(of_addresses) }
    }

    /// Takes one read of a user; `address` is a guest's.
    ///
    /// # Errors
    /// In how many milliseconds there is one.
    pub(crate) fn take(&self, now: Millis, identity: &Identity, address: Option<IpAddr>) -> Result<(), u64> {
        if let Some(address) = address {
            self.addresses.take(now, network(address))?;
        }
        self.users.take(now, (&identity.application, &identity.user))
    }
}

impl WrongTokens {
    pub(crate) fn new() -> Self {
        let limits = Limits { burst: WRONG_TOKENS_AT_ONCE, ..Limits::with_rate(WRONG_TOKENS_PER_SECOND) };
        Self(Buckets::new(limits))
    }

    /// Whether one more token of `address` may be verified. Those that are verified at the same moment may all be.
    ///
    /// # Errors
    /// In how many milliseconds it may.
    pub(crate) fn check(&self, now: Millis, address: IpAddr) -> Result<(), u64> {
        self.0.check(now, network(address))
    }

    /// A token of `address` was wrong.
    pub(crate) fn count(&self, now: Millis, address: IpAddr) {
        // Whether there is still one is asked before the next.
        let _ = self.0.take(now, network(address));
    }
}

impl Buckets {
    fn new(limits: Limits) -> Self {
        let remembered = Remembered { buckets: HashMap::new(), most: FIRST_REMEMBERED };
        Self { limits, hasher: RandomState::new(), remembered: Mutex::new(remembered) }
    }

    fn take(&self, now: Millis, who: impl Hash) -> Result<(), u64> {
        if self.limits.frames_per_second == 0 {
            return Ok(());
        }
        let who = self.hasher.hash_one(who);
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.make_room(now, &self.limits);
        let bucket = remembered.buckets.entry(who).or_insert_with(|| Bucket::full(now, &self.limits));
        bucket.take(now, &self.limits)
    }

    /// The same without taking.
    fn check(&self, now: Millis, who: impl Hash) -> Result<(), u64> {
        let who = self.hasher.hash_one(who);
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.buckets.get(&who).copied().map_or(Ok(()), |mut bucket| bucket.take(now, &self.limits))
    }
}

#[cfg(test)]
mod tests {
    use herenow_registry::Access;

    use super::*;

    impl Buckets {
        fn len(&self) -> usize {
            self.remembered.lock().expect("nobody panicked").buckets.len()
        }
    }

    fn user(name: String) -> Identity {
        Identity {
            application: "app".into(),
            user: name,
            expires_at: None,
            access: Access::default(),
            key: None,
        }
    }

    #[test]
    fn each_user_has_a_burst_and_then_the_rate() {
        let rates = ReadRates::new(Limits::with_rate(50));
        let (ann, bob) = (user("ann".into()), user("bob".into()));
        for _ in 0..200 {
            assert_eq!(rates.take(Millis(1_000), &ann, None), Ok(()));
        }
        assert_eq!(rates.take(Millis(1_000), &ann, None), Err(20));
        assert_eq!(rates.take(Millis(1_000), &bob, None), Ok(()));
        assert_eq!(rates.take(Millis(1_020), &ann, None), Ok(()));
        assert!(rates.take(Millis(1_020), &ann, None).is_err());
    }

    #[test]
    fn guests_of_an_address_are_not_without_end() {
        let rates = ReadRates::new(Limits::with_rate(50));
        let address = Some(IpAddr::from([10, 0, 0, 1]));
        for index in 0..2_000 {
            assert_eq!(rates.take(Millis(0), &user(index.to_string()), address), Ok(()));
        }
        assert_eq!(rates.take(Millis(0), &user("one more".into()), address), Err(2));
        assert_eq!(
            rates.take(Millis(0), &user("elsewhere".into()), Some(IpAddr::from([10, 0, 0, 2]))),
            Ok(())
        );
    }

    #[test]
    fn so_many_users_are_remembered_and_no_more() {
        let rates = ReadRates::new(Limits::with_rate(50));
        for index in 0..MAX_REMEMBERED + 10 {
            assert_eq!(rates.take(Millis(0), &user(index.to_string()), None), Ok(()));
        }
        assert!(rates.users.len() <= MAX_REMEMBERED);
    }

    #[test]
    fn who_has_not_read_for_a_while_is_forgotten() {
        let rates = ReadRates::new(Limits::with_rate(50));
        for index in 0..100_000 {
            let now = Millis(index / 10);
            assert_eq!(rates.take(now, &user(index.to_string()), None), Ok(()));
        }
        let remembered = rates.users.len();
        assert!(remembered < 3 * FIRST_REMEMBERED, "{remembered}");
    }

    #[test]
    fn wrong_tokens_of_an_address_are_counted_and_so_many_addresses_remembered() {
        let wrong = WrongTokens::new();
        let address = |index: u128| IpAddr::from(std::net::Ipv6Addr::from_bits(index));
        let count = u128::from(WRONG_TOKENS_AT_ONCE);
        for host in 0..count {
            assert_eq!(wrong.check(Millis(0), address(host)), Ok(()), "{host} of one network");
            wrong.count(Millis(0), address(host));
        }
        assert_eq!(wrong.check(Millis(0), address(count)), Err(100));
        assert_eq!(wrong.check(Millis(0), address(1 << 64)), Ok(()), "another network");
        assert_eq!(wrong.check(Millis(100), address(count)), Ok(()));
        for other in 0..MAX_REMEMBERED as u128 {
            wrong.count(Millis(100), address(other << 64));
        }
        assert!(wrong.0.len() <= MAX_REMEMBERED);
    }
}
