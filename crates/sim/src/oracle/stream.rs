//! What one listener of a channel has been told, held to what happened.

use herenow_session::{Event, EventKind};

use super::truth::{Presence, Truth};
use super::{Roster, user_number};
use crate::failure::Invariant;
use crate::plan::USERS;

/// A listener's view.
#[derive(Debug)]
pub(crate) struct Stream {
    /// The roster when listening began, with every event since applied.
    pub(crate) roster: Roster,
    /// For each user the membership that was told last, or the next one if it was told to be over.
    cursor: [usize; USERS],
    /// Lives of servers when it was asked for.
    epochs: usize,
    /// What is told before that the channel is in full is older than the roster.
    pub(crate) early: bool,
}

type Check = Result<(), (Invariant, String)>;

impl Stream {
    /// Begins with a roster; `called_ms`: when the app asked to observe.
    pub(crate) fn begin(
        roster: Roster,
        truths: &[Truth],
        called_ms: u64,
        epochs: usize,
    ) -> Result<Self, (Invariant, String)> {
        let mut cursor = [0; USERS];
        for (user, truth) in truths.iter().enumerate() {
            cursor[user] = truth.first_after(called_ms);
            if roster.contains_key(&format!("u{user}")) && cursor[user] >= truth.intervals.len() {
                return Err((
                    Invariant::NoGhosts,
                    format!("the first roster names u{user}, who is no member"),
                ));
            }
        }
        Ok(Self { roster, cursor, epochs, early: false })
    }

    /// Applies an event. `settling`: what the listener's server said about itself is not over; `epochs`: lives of
    /// servers so far.
    pub(crate) fn hear(
        &mut self,
        now: u64,
        event: &Event,
        truths: &[Truth],
        settling: bool,
        epochs: usize,
    ) -> Check {
        let name = &event.user;
        let Some(user) = user_number(name) else {
            return Err((Invariant::Transitions, format!("an event names {name}, whom nobody knows")));
        };
        let truth = &truths[user];
        match event.kind {
            EventKind::Join => {
                if self.roster.insert(name.clone(), herenow_protocol::Attributes::new()).is_some() {
                    return Err((Invariant::Transitions, format!("{name} is told to join twice")));
                }
                if self.cursor[user] >= truth.intervals.len() {
                    return Err((Invariant::NoGhosts, format!("{name} is told to join and never did")));
                }
                Ok(())
            }
            EventKind::Leave | EventKind::Timeout => self.depart(now, event, user, truth, epochs),
            EventKind::Update => self.update(event, user, truth, settling),
        }
    }

    fn depart(&mut self, now: u64, event: &Event, user: usize, truth: &Truth, epochs: usize) -> Check {
        let name = &event.user;
        if self.roster.remove(name).is_none() {
            return Err((Invariant::Transitions, format!("{name} is told to depart without having joined")));
        }
        let from = self.cursor[user];
        let ended = |at: &usize| truth.intervals[*at].end_ms.is_some();
        let Some(first) = (from..truth.intervals.len()).find(ended) else {
            let doubted = |at: &usize| truth.intervals[*at].doubted_ms.is_some_and(|doubted| doubted <= now);
            if event.sync
                && event.kind == EventKind::Timeout
                && let Some(at) = (from..truth.intervals.len()).find(doubted)
            {
                self.cursor[user] = at;
                return Ok(());
            }
            let after_restart = epochs > self.epochs;
            let invariant = match truth.presence {
                Presence::Limbo => Invariant::Restart,
                _ if after_restart && event.sync => Invariant::Restart,
                Presence::No | Presence::Yes | Presence::Maybe => Invariant::Transitions,
            };
            return Err((
                invariant,
                format!("{name} is told to depart ({:?}, sync {}) and never did", event.kind, event.sync),
            ));
        };
        let derived = event.sync && (event.kind == EventKind::Leave || epochs > self.epochs);
        let fits = |at: &usize| ended(at) && truth.intervals[*at].kinds.allows(event.kind);
        let found = if derived { Some(first) } else { (first..truth.intervals.len()).find(fits) };
        let Some(at) = found else {
            let kinds = truth.intervals[first].kinds;
            return Err((
                Invariant::Transitions,
                format!("{name} is told {:?}, but it was {kinds:?}", event.kind),
            ));
        };
        self.cursor[user] = at + 1;
        Ok(())
    }

    fn update(&mut self, event: &Event, user: usize, truth: &Truth, settling: bool) -> Check {
        let name = &event.user;
        let Some(attributes) = &event.attributes else {
            return Err((Invariant::Transitions, format!("an update of {name} has no attributes")));
        };
        let Some(known) = self.roster.get_mut(name) else {
            return Err((Invariant::Transitions, format!("{name} is updated and no member")));
        };
        if known == attributes {
            return Err((Invariant::Transitions, format!("an update of {name} changes nothing")));
        }
        known.clone_from(attributes);
        let later = truth.intervals.iter().skip(self.cursor[user]);
        let mut values = later.flat_map(|interval| &interval.values).filter(|(value, _)| value == attributes);
        let (mut any, mut by_somebody) = (false, false);
        for (_, explicit) in &mut values {
            any = true;
            by_somebody |= explicit;
        }
        if !any {
            let message =
                format!("{name} is told with {attributes:?}, which it did not set in this membership");
            return Err((Invariant::AttributesDie, message));
        }
        if attributes.is_empty() && settling && event.sync && !by_somebody {
            return Err((
                Invariant::Restart,
                format!("attributes of {name} are told to be gone while the server settles"),
            ));
        }
        Ok(())
    }
}
