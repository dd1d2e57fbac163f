//! The names of keys, as the scripts make them.

use herenow_protocol::Epoch;
use herenow_registry::store::{Channel, Incarnation, OwnerId, Partition, User};

use super::commands::Call;

/// The names of one life of a partition.
#[derive(Clone, Debug)]
pub(super) struct Names {
    life: String,
}

/// The partition's metadata. Its braces put all that begins like it into one slot.
pub(super) fn meta(prefix: &str, partition: Partition) -> String {
    format!("{prefix}:{{{}}}", partition.0)
}

/// Application, zero byte, name: neither holds a control character.
pub(super) fn channel(channel: &Channel) -> String {
    format!("{}\0{}", channel.application(), channel.name())
}

/// Application, zero byte, user.
pub(super) fn user(user: &User) -> String {
    format!("{}\0{}", user.application(), user.id())
}

pub(super) fn node(node: Incarnation) -> String {
    format!("{:016x}", node.0)
}

pub(super) fn owner(owner: OwnerId) -> String {
    format!("{:032x}", owner.0)
}

impl Names {
    pub(super) fn new(meta: &str, epoch: Epoch) -> Self {
        Self { life: format!("{meta}:{epoch}:") }
    }

    fn key(&self, kind: &str, rest: &str) -> String {
        format!("{}{kind}{rest}", self.life)
    }

    pub(super) fn leases(&self) -> String {
        self.key("leases", "")
    }

    pub(super) fn last(&self) -> String {
        self.key("last", "")
    }

    pub(super) fn log(&self) -> String {
        self.key("log", "")
    }

    pub(super) fn members(&self, channel: &str) -> String {
        self.key("m:", channel)
    }

    pub(super) fn order(&self, channel: &str) -> String {
        self.key("o:", channel)
    }

    pub(super) fn user(&self, user: &str) -> String {
        self.key("u:", user)
    }

    pub(super) fn sizes(&self, application: &str) -> String {
        self.key("s:", application)
    }

    pub(super) fn node(&self, node: &str) -> String {
        self.key("n:", node)
    }

    pub(super) fn gone(&self, user: &str, owner: &str) -> String {
        self.key("g:", &format!("{user}\0{owner}"))
    }

    /// Names all that holds a member, of which an entry of its node tells.
    pub(super) fn give_member(&self, channel: &str, user: &str, call: &mut Call<'_>) {
        let application = channel.split_once('\0').map_or("", |(application, _)| application);
        call.key(self.members(channel)).key(self.order(channel));
        call.key(self.user(&format!("{application}\0{user}"))).key(self.sizes(application));
    }
}
