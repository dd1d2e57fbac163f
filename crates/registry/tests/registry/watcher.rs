//! An observer that follows the client's rule and checks what it is told.

use std::collections::BTreeMap;

use herenow_protocol::{Attributes, Epoch, Position, ServerFrame, Transition};

#[derive(Debug, Default)]
pub(crate) struct Watcher {
    pub(crate) position: Option<Position>,
    pub(crate) roster: BTreeMap<String, Attributes>,
    /// The pages of a snapshot so far.
    pages: Option<(Epoch, u64, BTreeMap<String, Attributes>)>,
    pub(crate) snapshots: usize,
    pub(crate) diffs: usize,
}

impl Watcher {
    /// One that knows an empty channel at `position`.
    pub(crate) fn at(position: Position) -> Self {
        Self { position: Some(position), ..Self::default() }
    }

    /// Applies a frame about the one channel it watches. False: it must observe again.
    #[must_use]
    pub(crate) fn apply(&mut self, frame: ServerFrame) -> bool {
        match frame {
            ServerFrame::Snapshot(page) => {
                let (epoch, seq, members) =
                    self.pages.get_or_insert_with(|| (page.epoch, page.seq, BTreeMap::new()));
                assert_eq!((*epoch, *seq), (page.epoch, page.seq), "all pages carry one position");
                for member in page.members {
                    let twice = members.insert(member.user, member.attributes);
                    assert!(twice.is_none(), "a member is on two pages");
                }
                if !page.more {
                    let (epoch, seq, members) = self.pages.take().unwrap();
                    self.position = Some(Position { epoch, seq });
                    self.roster = members;
                    self.snapshots += 1;
                }
                true
            }
            ServerFrame::Diff { prev, seq, transitions, .. } => {
                assert!(self.pages.is_none(), "a diff between the pages of a snapshot");
                let Some(position) = &mut self.position else { return false };
                if seq <= position.seq {
                    return true;
                }
                if prev != position.seq {
                    return false;
                }
                position.seq = seq;
                self.diffs += 1;
                for transition in transitions {
                    self.follow(transition);
                }
                true
            }
            _ => true,
        }
    }

    fn follow(&mut self, transition: Transition) {
        match transition {
            Transition::Join { user } => {
                assert!(self.roster.insert(user, Attributes::new()).is_none(), "two joins");
            }
            Transition::Leave { user } | Transition::Timeout { user } => {
                assert!(self.roster.remove(&user).is_some(), "a departure without a join");
            }
            Transition::Set { user, attributes } => {
                *self.roster.get_mut(&user).expect("an update of a member") = attributes;
            }
        }
    }

    /// Takes all frames, none of which may be refused.
    pub(crate) fn apply_all(&mut self, frames: Vec<ServerFrame>) {
        for frame in frames {
            assert!(self.apply(frame.clone()), "does not follow: {frame:?} at {:?}", self.position);
        }
    }

    /// The connection was lost: half a snapshot is worth nothing.
    pub(crate) fn forget_pages(&mut self) {
        self.pages = None;
    }
}
