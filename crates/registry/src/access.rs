//! What a token allows: capabilities on channels.

use std::sync::Arc;

/// Something that a token may allow on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// To be present.
    Join,
    /// To be told what happens.
    Observe,
    /// To read who is there, how many, and their attributes.
    List,
    /// To set the own attributes.
    Attributes,
}

impl Capability {
    /// Every capability.
    pub const ALL: [Self; 4] = [Self::Join, Self::Observe, Self::List, Self::Attributes];

    /// The word in a token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Observe => "observe",
            Self::List => "list",
            Self::Attributes => "attributes",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Which channels a rule is about: one of this name, or with a `*` at the end those whose names begin so.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    pattern: Box<str>,
    allowed: u8,
}

impl Rule {
    fn matches(&self, channel: &str) -> bool {
        match self.pattern.strip_suffix('*') {
            Some(prefix) => channel.starts_with(prefix),
            None => *self.pattern == *channel,
        }
    }
}

/// What a verified token allows. [`Access::default`] is everything, as for guests. Cloning shares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// `None`: everything on every channel.
    rules: Option<Arc<[Rule]>>,
    other_users: bool,
}

impl Default for Access {
    fn default() -> Self {
        Self { rules: None, other_users: true }
    }
}

impl Access {
    /// Access by rules, each a pattern (a channel's name, or a prefix and `*`) with what it allows; rules that overlap
    /// are united. Without rules every channel is allowed. `other_users`: whether the channels of other users may be
    /// read.
    pub fn new<'a, R, C>(rules: Option<R>, other_users: bool) -> Self
    where
        R: IntoIterator<Item = (&'a str, C)>,
        C: IntoIterator<Item = Capability>,
    {
        let rule = |(pattern, allowed): (&str, C)| Rule {
            pattern: pattern.into(),
            allowed: allowed.into_iter().fold(0, |bits, capability| bits | capability.bit()),
        };
        Self { rules: rules.map(|rules| rules.into_iter().map(rule).collect()), other_users }
    }

    /// Whether something is allowed on a channel.
    pub fn allows(&self, capability: Capability, channel: &str) -> bool {
        let Some(rules) = &self.rules else { return true };
        rules.iter().any(|rule| rule.allowed & capability.bit() != 0 && rule.matches(channel))
    }

    /// Whether the channels of other users may be read.
    pub const fn other_users(&self) -> bool {
        self.other_users
    }
}

#[cfg(test)]
mod tests {
    use super::Capability::{Attributes, Join, List, Observe};
    use super::*;

    #[test]
    fn a_pattern_is_a_name_or_a_prefix_and_rules_are_united() {
        let rules = [("room-*", vec![Join]), ("room-1", vec![Observe, List]), ("a*b", vec![Join])];
        let access = Access::new(Some(rules), false);
        assert!(access.allows(Join, "room-1") && access.allows(Observe, "room-1"));
        assert!(access.allows(Join, "room-") && access.allows(Join, "room-2"));
        for (capability, channel) in [
            (Observe, "room-2"),
            (Observe, "room-11"),
            (List, "room-"),
            (Join, "room"),
            (Join, "Room-1"),
            (Join, "xroom-1"),
            (Join, "*"),
            (Join, "axb"),
            (Attributes, "room-1"),
        ] {
            assert!(!access.allows(capability, channel), "{capability:?} {channel}");
        }
        assert!(access.allows(Join, "a*b"), "a star that is not the last character is one");
        assert!(!access.other_users());
    }

    #[test]
    fn a_lone_star_is_every_channel_no_rule_none_and_no_rules_all() {
        let all = Access::new(Some([("*", [List])]), true);
        assert!(all.allows(List, "any") && !all.allows(Join, "any"));
        let none = Access::new(Some([("", Capability::ALL); 0]), true);
        let open = Access::default();
        for capability in Capability::ALL {
            assert!(!none.allows(capability, "any"), "{capability:?}");
            assert!(open.allows(capability, "any"), "{capability:?}");
        }
    }
}
