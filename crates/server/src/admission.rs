//! How many sockets may be open that have not said who they are: in all, and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// The bits of an IPv6 address that name a network: one user usually has all of the rest.
const NETWORK_BITS: u32 = 64;

/// Counts them.
#[derive(Debug)]
pub(crate) struct Admission {
    max: usize,
    max_per_address: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    count: usize,
    /// Only addresses with an open socket, so never more than `max`.
    by_address: HashMap<IpAddr, usize>,
}

/// Why a socket is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The server has too many.
    Server,
    /// The address has too many.
    Address,
}

/// One admitted socket; counts until it is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Admitted {
    admission: Arc<Admission>,
    address: IpAddr,
}

impl Admission {
    pub(crate) fn new(max: usize, max_per_address: usize) -> Self {
        Self { max, max_per_address, open: Mutex::default() }
    }

    /// How many there are.
    pub(crate) fn open(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    /// Admits a socket from `address`.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Admitted, Full> {
        let address = network(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.count >= self.max {
            return Err(Full::Server);
        }
        let of_address = open.by_address.get(&address).copied().unwrap_or_default();
        if of_address >= self.max_per_address {
            return Err(Full::Address);
        }
        open.by_address.insert(address, of_address + 1);
        open.count += 1;
        Ok(Admitted { admission: Arc::clone(self), address })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = self.admission.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.count = open.count.saturating_sub(1);
        if let Some(of_address) = open.by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

/// What counts as one address: for IPv6 the network.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let mask = u128::MAX << (u128::BITS - NETWORK_BITS);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn the_bounds_hold_and_a_dropped_socket_makes_room() {
        let admission = Arc::new(Admission::new(3, 2));
        let (one, other) = (address("10.0.0.1"), address("10.0.0.2"));
        let first = admission.admit(one);
        let second = admission.admit(one);
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(admission.admit(one).err(), Some(Full::Address));
        let third = admission.admit(other);
        assert!(third.is_ok());
        assert_eq!(admission.admit(other).err(), Some(Full::Server));
        drop(first);
        assert!(admission.admit(one).is_ok());
        drop((second, third));
        assert!(admission.open.lock().expect("nothing panicked").by_address.is_empty());
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let admission = Arc::new(Admission::new(9, 1));
        let held = admission.admit(address("2001:db8:1:2::1"));
        assert!(held.is_ok());
        assert_eq!(admission.admit(address("2001:db8:1:2:ffff::9")).err(), Some(Full::Address));
        assert!(admission.admit(address("2001:db8:1:3::1")).is_ok());
        let mapped = admission.admit(address("::ffff:10.0.0.1"));
        assert!(mapped.is_ok());
        assert_eq!(admission.admit(address("10.0.0.1")).err(), Some(Full::Address));
    }
}
