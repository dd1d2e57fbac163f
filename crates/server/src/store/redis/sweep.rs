//! Ending what nodes have left behind that are gone.

use herenow_registry::store::Outcome;

use super::super::StoreError;
use super::commands::Commands;
use super::share::Share;
use super::{Reported, reported, scripts, unknown};

/// Members that one sweep ends: it holds up everybody else for about a millisecond.
const SLICE: usize = 100;
/// Nodes that are looked at in one go.
const NODES: usize = 64;

impl Share {
    pub(super) async fn sweep(
        &self,
        commands: &Commands,
        grace_ms: u64,
    ) -> Result<Option<Reported>, StoreError> {
        let asking = self.run(commands, &scripts::ENDED, None, |names, call| {
            call.key(names.leases()).arg(grace_ms).arg(NODES);
        });
        let mut reply = asking.await?;
        let began_ms = reply.now_ms;
        let nodes = reply.texts()?;
        if nodes.is_empty() {
            return reported(reply, Outcome::Swept { more: false });
        }
        // One more, to know whether that is all.
        let asking = self.run(commands, &scripts::LEFT, None, |names, call| {
            call.arg(SLICE + 1);
            for node in &nodes {
                call.key(names.node(node)).arg(node);
            }
        });
        let mut left = asking.await?.texts()?;
        let all = left.len() <= SLICE;
        left.truncate(SLICE);
        let pairs: Vec<(&str, &str)> = left.iter().filter_map(|entry| entry.rsplit_once('\0')).collect();
        let ending = self.run(commands, &scripts::SWEEP, None, |names, call| {
            call.key(names.leases()).key(names.last()).key(names.log());
            call.arg(grace_ms).arg(u8::from(all)).arg(nodes.len());
            for node in &nodes {
                call.key(names.node(node)).arg(node);
            }
            for (channel, user) in &pairs {
                names.give_member(channel, user, call);
                call.arg(channel).arg(user);
            }
        });
        // As of when it was known which nodes have ended.
        let mut reply = ending.await?;
        reply.now_ms = began_ms;
        match reply.word.as_str() {
            "swept" => reported(reply, Outcome::Swept { more: !all || nodes.len() == NODES }),
            _ => Err(unknown()),
        }
    }
}
