//! How many bytes of answers may wait for those who are slow to read them: a page of users is large, and it is easy to ask for
//! many.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::admission::network;

/// Bytes are counted in so many.
const UNIT_BYTES: usize = 1024;
/// What an answer is taken for before it is there: as much as it has at most.
const ANSWER_UNITS: u32 = 256;
/// For all answers of one address together, of an IPv6 network as one.
const ADDRESS_UNITS: usize = 8 * 1024;
/// For all answers together.
const ALL_UNITS: usize = 64 * 1024;
/// How long a request waits for room.
const PATIENCE: Duration = Duration::from_secs(3);
/// Addresses above which those without an answer on its way are forgotten.
const TIDY: usize = 1000;

/// The answers that are on their way.
#[derive(Debug)]
pub(crate) struct Unread {
    all: Arc<Semaphore>,
    /// Of addresses that have one on its way, and some others.
    addresses: Mutex<HashMap<IpAddr, Weak<Semaphore>>>,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The address leaves too many answers unread.
    Address,
    /// All together do.
    All,
}

/// Room for one answer.
#[derive(Debug)]
pub(crate) struct Room {
    /// Of its address, and of all.
    permits: [OwnedSemaphorePermit; 2],
}

/// An answer with its room, which is given back when the bytes are.
struct Held {
    bytes: Vec<u8>,
    _room: Room,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Unread {
    pub(crate) fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(ALL_UNITS)), addresses: Mutex::default() }
    }

    /// Waits until there is room for an answer to `address`.
    ///
    /// # Errors
    /// When there is none in time.
    pub(crate) async fn room(&self, address: IpAddr) -> Result<Room, Full> {
        let own = take(self.of(address)).await.ok_or(Full::Address)?;
        let common = take(Arc::clone(&self.all)).await.ok_or(Full::All)?;
        Ok(Room { permits: [own, common] })
    }

    fn of(&self, address: IpAddr) -> Arc<Semaphore> {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if addresses.len() >= TIDY {
            addresses.retain(|_, semaphore| semaphore.strong_count() > 0);
        }
        let known = addresses.entry(network(address)).or_default();
        known.upgrade().unwrap_or_else(|| {
            let made = Arc::new(Semaphore::new(ADDRESS_UNITS));
            *known = Arc::downgrade(&made);
            made
        })
    }
}

async fn take(semaphore: Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    timeout(PATIENCE, semaphore.acquire_many_owned(ANSWER_UNITS)).await.ok()?.ok()
}

impl Room {
    /// The answer's bytes. They keep as much room as they need, until they are read or their connection has ended.
    pub(crate) fn hold(mut self, bytes: Vec<u8>) -> Bytes {
        let needed = bytes.len().div_ceil(UNIT_BYTES);
        for permit in &mut self.permits {
            // What is dropped is given back.
            drop(permit.split(permit.num_permits().saturating_sub(needed)));
        }
        Bytes::from_owner(Held { bytes, _room: self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn other(index: u32) -> IpAddr {
        IpAddr::from(index.to_be_bytes())
    }

    fn page() -> Vec<u8> {
        vec![0; ANSWER_UNITS as usize * UNIT_BYTES]
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_has_room_for_so_much_that_is_unread() {
        let unread = Unread::new();
        let mut held = Vec::new();
        for _ in 0..ADDRESS_UNITS / ANSWER_UNITS as usize {
            held.push(unread.room(ADDRESS).await.map(|room| room.hold(page())).expect("room"));
        }
        assert_eq!(unread.room(ADDRESS).await.map(drop), Err(Full::Address));
        assert!(unread.room(other(1)).await.is_ok(), "another address");
        held.pop();
        assert!(unread.room(ADDRESS).await.is_ok(), "one was read");
    }

    #[tokio::test(start_paused = true)]
    async fn all_have_room_for_so_much_and_small_answers_keep_little() {
        let unread = Unread::new();
        let mut held = Vec::new();
        for index in 0..ALL_UNITS / ANSWER_UNITS as usize {
            held.push(unread.room(other(index as u32)).await.map(|room| room.hold(page())).expect("room"));
        }
        assert_eq!(unread.room(ADDRESS).await.map(drop), Err(Full::All));
        held.clear();
        for index in 0..10_000 {
            held.push(unread.room(other(index)).await.map(|room| room.hold(vec![0; 100])).expect("room"));
        }
        held.clear();
        let _ = unread.room(ADDRESS).await;
        let addresses = unread.addresses.lock().expect("nobody panicked").len();
        assert!(addresses <= TIDY, "{addresses} are remembered");
        assert_eq!(unread.all.available_permits(), ALL_UNITS);
    }
}
