//! The oracle: what must, may and must not be so, from what users did and what the network carried.
//!
//! It knows nothing of the code's state: [`replay`] reads the bytes that reached the server and the answers that left
//! it into a [`ledger`], [`truth`] keeps what followed for each user and channel, [`stream`] holds a listener to that, [`wish`] what each
//! tab wants. Where nodes share a store, [`facts`] keeps what they told it, and judges whether they had reason to.

pub(crate) mod facts;
pub(crate) mod ledger;
pub(crate) mod replay;
pub(crate) mod session;
pub(crate) mod stream;
pub(crate) mod truth;
pub(crate) mod views;
pub(crate) mod wish;

use herenow_registry::store::Partition;

/// Who is in a channel and with which attributes, by the user's name.
pub(crate) type Roster = std::collections::BTreeMap<String, herenow_protocol::Attributes>;

/// The number of a user from its name.
pub(crate) fn user_number(name: &str) -> Option<usize> {
    let number: usize = name.strip_prefix('u')?.parse().ok()?;
    (number < crate::plan::USERS).then_some(number)
}

/// The number of a channel from its name.
pub(crate) fn channel_number(name: &str) -> Option<usize> {
    crate::plan::CHANNELS.iter().position(|known| *known == name)
}

/// The partition of a channel among `count`.
pub(crate) fn partition_number(channel: &str, count: usize) -> usize {
    let channel = herenow_registry::store::Channel::new("default".into(), channel);
    usize::from(Partition::of(&channel, u16::try_from(count).unwrap_or(u16::MAX)).0)
}
