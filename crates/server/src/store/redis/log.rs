//! Entries of the log: a batch each.

use herenow_protocol::Transition;
use herenow_registry::store::{Channel, Sequenced};
use redis::Value;

use super::super::StoreError;
use super::reply::{attributes, list, number, text};

/// Transitions, and the number that the first follows.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) after: u64,
    pub(super) entries: Vec<Sequenced>,
}

/// Reads entries as XRANGE gives them: `[id, ["f", after, kind, channel, user, attributes, …]]`.
pub(super) fn batches(entries: Vec<Value>) -> Result<Vec<Batch>, StoreError> {
    entries.into_iter().map(batch).collect()
}

fn batch(entry: Value) -> Result<Batch, StoreError> {
    let fields = list(entry)?.into_iter().nth(1).ok_or(StoreError::Answer("an entry has no fields"))?;
    let mut fields = list(fields)?.into_iter().skip(1);
    let mut next = || fields.next();
    let after = number(next().ok_or(StoreError::Answer("an entry has no number"))?)?;
    let mut batch = Batch { after, entries: Vec::new() };
    let mut seq = after;
    while let Some(kind) = next() {
        let (Some(channel), Some(user), Some(set)) = (next(), next(), next()) else {
            return Err(StoreError::Answer("an entry broke off"));
        };
        seq += 1;
        let user = text(user)?;
        let transition = match text(kind)?.as_str() {
            "j" => Transition::Join { user },
            "l" => Transition::Leave { user },
            "t" => Transition::Timeout { user },
            "s" => Transition::Set { user, attributes: attributes(set)? },
            _ => return Err(StoreError::Answer("a transition of an unknown kind")),
        };
        batch.entries.push(Sequenced { channel: parse_channel(&text(channel)?)?, seq, transition });
    }
    Ok(batch)
}

fn parse_channel(text: &str) -> Result<Channel, StoreError> {
    let (application, name) =
        text.split_once('\0').ok_or(StoreError::Answer("a channel has no application"))?;
    Ok(Channel::new(application.into(), name))
}
