//! A roster as it was told, with what is known but held back while the server settles.

use herenow_protocol::{Attributes, Position, Snapshot, Transition};

use crate::mirror::Teller;
use crate::roster::Held;
use crate::{EventKind, Millis, Roster};

/// What listeners believe of a channel.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) roster: Roster,
    pub(crate) position: Position,
    /// When what is held back can be asked for, and told.
    pub(crate) settles_at: Option<Millis>,
}

impl Told {
    /// The first snapshot: the roster when listening began, not told as events.
    pub(crate) fn begin(snapshot: Snapshot, keys: [u64; 2]) -> Self {
        let mut roster = Roster::new(keys);
        for member in snapshot.members {
            if roster.find(&member.user).is_none() {
                roster.insert(member.user, member.attributes);
            }
        }
        let position = Position { epoch: snapshot.epoch, seq: snapshot.seq };
        Self { roster, position, settles_at: None }
    }

    /// Tells how a snapshot differs: departures, joins, updates. Who left and came back unseen is not told.
    ///
    /// While the server settles, absences and attributes that became empty are held back.
    pub(crate) fn compare(&mut self, now: Millis, snapshot: Snapshot, teller: &mut Teller<'_>) {
        let hold = snapshot.settles_in_ms > 0 && !broken!(TellsUnsettled);
        self.settles_at = hold.then(|| now.after(snapshot.settles_in_ms));
        let same_epoch = snapshot.epoch == self.position.epoch;
        self.position = Position { epoch: snapshot.epoch, seq: snapshot.seq };

        for entry in self.roster.entries_mut() {
            entry.seen = false;
        }
        for member in &snapshot.members {
            if let Some(at) = self.roster.find(&member.user) {
                let entry = &mut self.roster.entries_mut()[at];
                entry.seen = true;
                entry.held = Held::No;
            }
        }
        for entry in self.roster.entries_mut().iter_mut().filter(|entry| !entry.seen) {
            // The epoch may have changed before an absence that is held already.
            let told_in_this_epoch = same_epoch && entry.held != Held::Absent(EventKind::Timeout);
            entry.held = Held::Absent(if told_in_this_epoch { EventKind::Leave } else { EventKind::Timeout });
        }
        if !hold {
            self.tell_absences(teller);
        }
        let mut updates = Vec::new();
        for member in snapshot.members {
            match self.roster.find(&member.user) {
                None => self.join(member.user, member.attributes, teller),
                Some(at) => {
                    let entry = &mut self.roster.entries_mut()[at];
                    let differs = entry.attributes != member.attributes;
                    entry.held =
                        if differs && hold && member.attributes.is_empty() { Held::Bare } else { Held::No };
                    if differs && entry.held == Held::No {
                        updates.push((at, member.attributes));
                    }
                }
            }
        }
        // Nobody is removed in between: the positions are still good.
        for (at, attributes) in updates {
            self.update(at, attributes, teller);
        }
    }

    /// Applies a transition and tells it, unless it changes nothing.
    pub(crate) fn apply(&mut self, transition: Transition, teller: &mut Teller<'_>) {
        match transition {
            Transition::Join { user } => match self.roster.find(&user) {
                None => self.join(user, Attributes::new(), teller),
                Some(at) => {
                    let entry = &mut self.roster.entries_mut()[at];
                    if let Held::Absent(_) = entry.held {
                        entry.held = if entry.attributes.is_empty() { Held::No } else { Held::Bare };
                    }
                }
            },
            Transition::Leave { user } => self.depart(EventKind::Leave, &user, teller),
            Transition::Timeout { user } => self.depart(EventKind::Timeout, &user, teller),
            Transition::Set { user, attributes } => {
                let Some(at) = self.roster.find(&user) else { return };
                let entry = &mut self.roster.entries_mut()[at];
                match entry.held {
                    Held::Bare if attributes.is_empty() => {}
                    Held::Absent(_) if broken!(KeepsAbsent) => {}
                    // Who is held absent is there: of a large channel its join was not told.
                    Held::Absent(_) | Held::Bare | Held::No => {
                        entry.held = Held::No;
                        if entry.attributes != attributes {
                            self.update(at, attributes, teller);
                        }
                    }
                }
            }
        }
    }

    /// How many are there, without those whose departure is held back.
    pub(crate) fn present(&self) -> usize {
        self.roster.entries().iter().filter(|entry| !matches!(entry.held, Held::Absent(_))).count()
    }

    /// Whether something is held back.
    pub(crate) fn holds_back(&mut self) -> bool {
        self.roster.entries_mut().iter().any(|entry| entry.held != Held::No)
    }

    /// The server has settled: what is still missing is gone.
    pub(crate) fn settle(&mut self, teller: &mut Teller<'_>) {
        self.settles_at = None;
        self.tell_absences(teller);
        for at in 0..self.roster.len() {
            if self.roster.entries_mut()[at].held == Held::Bare {
                self.roster.entries_mut()[at].held = Held::No;
                self.update(at, Attributes::new(), teller);
            }
        }
    }

    fn tell_absences(&mut self, teller: &mut Teller<'_>) {
        let mut at = 0;
        while at < self.roster.len() {
            match self.roster.entries_mut()[at].held {
                // Another one takes this position.
                Held::Absent(kind) => teller.tell(kind, self.roster.remove(at).user, None),
                Held::No | Held::Bare => at += 1,
            }
        }
    }

    fn depart(&mut self, kind: EventKind, user: &str, teller: &mut Teller<'_>) {
        let Some(at) = self.roster.find(user) else { return };
        match self.roster.entries_mut()[at].held {
            Held::Absent(_) => {}
            Held::No | Held::Bare => teller.tell(kind, self.roster.remove(at).user, None),
        }
    }

    fn join(&mut self, user: String, attributes: Attributes, teller: &mut Teller<'_>) {
        teller.tell(EventKind::Join, user.clone(), None);
        if !attributes.is_empty() {
            teller.tell(EventKind::Update, user.clone(), Some(attributes.clone()));
        }
        self.roster.insert(user, attributes);
    }

    fn update(&mut self, at: usize, attributes: Attributes, teller: &mut Teller<'_>) {
        let entry = &mut self.roster.entries_mut()[at];
        entry.attributes.clone_from(&attributes);
        teller.tell(EventKind::Update, entry.user.clone(), Some(attributes));
    }
}
