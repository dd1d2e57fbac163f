//! Reads over HTTP.

use herenow_protocol::Attributes;
use herenow_registry::Millis;

use crate::failure::Invariant;
use crate::oracle::truth::Presence;
use crate::plan::{CHANNELS, USERS};
use crate::world::World;

impl World {
    /// A read over HTTP arrives.
    pub(crate) fn read(&mut self, slot: usize, channel: usize) {
        if self.shared.is_some() {
            // What the store lists is compared whenever it changes.
            return;
        }
        let now = self.now;
        let name = CHANNELS[channel];
        let node = &self.nodes[0];
        if node.paused_since.is_some() {
            return;
        }
        let Some(registry) = &node.registry else { return };
        self.ledger.advance(now);
        let Some(page) = registry.users(Millis(now), "default", name, None, 3) else { return };
        let mut listed: Vec<(String, Attributes)> =
            page.users.into_iter().map(|member| (member.user, member.attributes)).collect();
        let mut next = page.next;
        while let Some(after) = next {
            let Some(page) = registry.users(Millis(now), "default", name, Some(&after), 3) else { return };
            listed.extend(page.users.into_iter().map(|member| (member.user, member.attributes)));
            next = page.next;
        }
        let mut wrong = Vec::new();
        if page.count != listed.len() as u64 || registry.count("default", name) != Some(page.count) {
            wrong.push(format!("{name} counts {} members and lists {}", page.count, listed.len()));
        }
        for user in 0..USERS {
            let id = format!("u{user}");
            let found = listed.iter().find(|(known, _)| *known == id).map(|(_, attributes)| attributes);
            match self.ledger.truths[channel][user].presence {
                Presence::Yes if found.is_none() => wrong.push(format!("a read of {name} lacks {id}")),
                Presence::No | Presence::Limbo if found.is_some() => {
                    wrong.push(format!("a read of {name} names {id}"));
                }
                Presence::No | Presence::Yes | Presence::Maybe | Presence::Limbo => {}
            }
            let attributes = registry.attributes("default", name, &id).unwrap_or_default();
            if attributes != found.cloned().unwrap_or_default() {
                wrong.push(format!("the attributes of {id} in {name} differ between reads"));
            }
            let channels = registry.user_channels("default", &id).unwrap_or_default();
            if channels.iter().any(|known| known == name) != found.is_some() {
                wrong.push(format!("the channels of {id} are {channels:?}"));
            }
        }
        if let Some(message) = wrong.into_iter().next() {
            self.fail(Invariant::AckVisible, message);
        }
        self.log(|| format!("tab {slot} reads {name}: {listed:?}"));
    }
}
