//! The members of a channel.

use herenow_protocol::Attributes;

/// The members of a channel with their attributes, as told so far.
#[derive(Debug, Default)]
pub struct Roster {
    entries: Vec<(String, Attributes)>,
}

impl Roster {
    /// How many members there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The attributes of a member; `None` for somebody who is none.
    pub fn get(&self, user: &str) -> Option<&Attributes> {
        self.entries.iter().find(|(known, _)| known == user).map(|(_, attributes)| attributes)
    }

    /// The members, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Attributes)> {
        self.entries.iter().map(|(user, attributes)| (user.as_str(), attributes))
    }
}
