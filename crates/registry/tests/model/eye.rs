//! An observer that follows the client's rule, one user at a time: what it was told, and the roster that follows from
//! that.

use std::collections::BTreeMap;

use herenow_protocol::{Attributes, Position, ServerFrame, Transition};
use herenow_registry::ConnectionId;

use crate::model::{Channel, Mood, Told};

/// What one connection observes.
#[derive(Debug)]
pub(crate) struct Eye {
    pub(crate) application: &'static str,
    pub(crate) connection: ConnectionId,
    pub(crate) watches: BTreeMap<Channel, Watch>,
}

/// One channel as it was told.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Whether it is observed just now.
    pub(crate) open: bool,
    pub(crate) position: Option<Position>,
    pub(crate) roster: BTreeMap<String, Mood>,
    /// Since the test compared it last.
    pub(crate) told: BTreeMap<String, Vec<Told>>,
    /// A snapshot came since then: what happened before it need not have been told one by one.
    pub(crate) jumped: bool,
}

impl Eye {
    pub(crate) fn apply(&mut self, frame: ServerFrame) {
        match frame {
            ServerFrame::Diff { channel, prev, seq, transitions } => {
                let watch = self.watch(&channel);
                let position = watch.position.as_mut().expect("a diff comes after a position");
                assert_eq!(prev, position.seq, "a diff of {channel} follows what was told");
                assert!(seq > prev || (seq == prev && transitions.is_empty()), "a diff of {channel} goes on");
                position.seq = seq;
                transitions.into_iter().for_each(|transition| watch.follow(transition));
            }
            ServerFrame::Snapshot(page) => {
                assert!(!page.more, "few members are on one page");
                let watch = self.watch(&page.channel);
                watch.position = Some(Position { epoch: page.epoch, seq: page.seq });
                let members = page.members.into_iter();
                watch.roster = members.map(|member| (member.user, mood_of(&member.attributes))).collect();
                watch.jumped = true;
            }
            ServerFrame::Tick {} | ServerFrame::Ok { .. } | ServerFrame::Welcome(_) => {}
            other => panic!("an observer was sent {other:?}"),
        }
    }

    fn watch(&mut self, channel: &str) -> &mut Watch {
        let watch = self.watches.get_mut(channel).expect("a channel that was asked for");
        assert!(watch.open, "{channel} is not observed any more");
        watch
    }
}

impl Watch {
    fn follow(&mut self, transition: Transition) {
        let (user, told) = match transition {
            Transition::Join { user } => {
                assert!(self.roster.insert(user.clone(), 0).is_none(), "{user} joined twice");
                (user, Told::Join)
            }
            Transition::Leave { user } => {
                assert!(self.roster.remove(&user).is_some(), "{user} left and was not there");
                (user, Told::Leave)
            }
            Transition::Timeout { user } => {
                assert!(self.roster.remove(&user).is_some(), "{user} timed out and was not there");
                (user, Told::Timeout)
            }
            Transition::Set { user, attributes } => {
                let mood = mood_of(&attributes);
                assert!(self.roster.insert(user.clone(), mood).is_some(), "{user} set and was not there");
                (user, Told::Set(mood))
            }
        };
        self.told.entry(user).or_default().push(told);
    }
}

/// Whether `told` is what observers may have been told of `happened`: everything in its order, but of several attribute
/// updates within a tick perhaps only the last.
pub(crate) fn tells(told: &[Told], happened: &[Told]) -> bool {
    let mut rest = happened.iter();
    told.iter().all(|told| rest.any(|happened| happened == told)) && essence(told) == essence(happened)
}

/// Joins and departures, and the attributes at the end.
fn essence(told: &[Told]) -> Vec<Told> {
    let is_set = |told: &Told| matches!(told, Told::Set(_));
    let moves = told.iter().filter(|told| !is_set(told));
    moves.chain(told.last().filter(|told| is_set(told))).copied().collect()
}

pub(crate) fn attributes_of(mood: Mood) -> Attributes {
    (mood > 0).then(|| ("mood", mood.to_string())).into_iter().collect()
}

pub(crate) fn mood_of(attributes: &Attributes) -> Mood {
    let mood = attributes.get("mood").map_or(0, |mood| mood.parse().expect("a number"));
    assert_eq!(*attributes, attributes_of(mood), "attributes that nobody set");
    mood
}
