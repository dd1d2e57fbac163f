//! What an observer has been told of a channel, and how snapshots and diffs become events.

use std::sync::Arc;

use herenow_protocol::{Attributes, MAX_SEQ, Mode, Occupancy, Position, Snapshot, Transition};

use crate::told::Told;
use crate::{Event, EventKind, Millis, Roster};

/// Members that are kept of one channel. The server leaves full mode far below this; a channel that is larger
/// nevertheless is given up like one in another mode: reads go to the server, no events are derived.
const MAX_MEMBERS: usize = 100_000;

/// The roster of one observed channel.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    told: Option<Told>,
    /// The pages of a snapshot that is not complete yet; at most [`MAX_MEMBERS`] members.
    pages: Option<Snapshot>,
    /// The snapshot in `pages` is over the bound: its pages are skipped.
    skipping: bool,
    /// The channel is not in full mode: what was told is kept, and is not the roster.
    limited: bool,
}

/// What became of a diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It was applied, or there was nothing to apply.
    Good,
    /// Something is missing before it.
    Gap,
    /// It holds what was told already beside what was not, and does not say which is which.
    Overlap,
}

/// Where events are put.
pub(crate) struct Teller<'a> {
    channel: &'a Arc<str>,
    sync: bool,
    events: Vec<Event>,
}

impl<'a> Teller<'a> {
    /// `sync`: what is told was found out while catching up.
    pub(crate) fn new(channel: &'a Arc<str>, sync: bool) -> Self {
        Self { channel, sync, events: Vec::new() }
    }

    pub(crate) fn tell(&mut self, kind: EventKind, user: String, attributes: Option<Attributes>) {
        self.events.push(Event { channel: self.channel.clone(), kind, user, attributes, sync: self.sync });
    }

    /// Tells a change as it is.
    fn pass(&mut self, change: Transition) {
        match change {
            Transition::Join { user } => self.tell(EventKind::Join, user, None),
            Transition::Leave { user } => self.tell(EventKind::Leave, user, None),
            Transition::Timeout { user } => self.tell(EventKind::Timeout, user, None),
            Transition::Set { user, attributes } => self.tell(EventKind::Update, user, Some(attributes)),
        }
    }

    pub(crate) fn into_events(self) -> Vec<Event> {
        self.events
    }
}

impl Mirror {
    pub(crate) fn roster(&self) -> Option<&Roster> {
        self.current().map(|told| &told.roster)
    }

    /// Where an `observe` begins. What is known of a channel that is not in full has no place in its log: one that is never
    /// reached asks for a snapshot, and for one that is not older than what is known.
    pub(crate) fn position(&self) -> Option<Position> {
        let position = self.told.as_ref()?.position;
        if self.limited && broken!(ForgetsPlace) {
            return None;
        }
        Some(if self.limited { Position { seq: MAX_SEQ - 1, ..position } } else { position })
    }

    pub(crate) fn is_limited(&self) -> bool {
        self.limited
    }

    /// Whether the server has said how things are.
    pub(crate) fn has_begun(&self) -> bool {
        self.limited || self.told.is_some()
    }

    /// What was told, unless more has happened by now.
    fn current(&self) -> Option<&Told> {
        self.told.as_ref().filter(|_| !self.limited)
    }

    /// When the server has settled and [`Mirror::settle`] may have something to tell.
    pub(crate) fn settles_at(&self) -> Option<Millis> {
        self.current().and_then(|told| told.settles_at)
    }

    /// Whether something is known but not told yet.
    pub(crate) fn holds_back(&mut self) -> bool {
        self.told.as_mut().is_some_and(|told| told.holds_back())
    }

    /// The connection is lost: pages that it has not completed are worth nothing.
    pub(crate) fn detach(&mut self) {
        self.pages = None;
        self.skipping = false;
    }

    /// The channel is not told in full. What was told is kept: the next snapshot in full is compared with it.
    fn limit(&mut self) {
        self.limited = true;
        self.detach();
    }

    /// The channel is larger than what is kept: the next snapshot in full starts anew.
    fn overflow(&mut self) {
        self.limit();
        self.told = None;
    }

    /// Some of what happened in a channel that is not told in full.
    pub(crate) fn limited(&mut self, changes: Vec<Transition>, teller: &mut Teller<'_>) {
        self.limit();
        for change in changes {
            match &mut self.told {
                Some(told) => told.apply(change, teller),
                None => teller.pass(change),
            }
        }
        self.bound();
    }

    /// What is said of a channel that is told in full.
    pub(crate) fn in_full(&self, channel: &str) -> Option<Occupancy> {
        let told = self.current()?;
        Some(Occupancy {
            channel: channel.into(),
            epoch: told.position.epoch,
            seq: told.position.seq,
            mode: Mode::Full,
            count: told.present() as u64,
            joins: 0,
            departures: 0,
            sample: Vec::new(),
            changes: Vec::new(),
            truncated: false,
        })
    }

    fn bound(&mut self) {
        if self.told.as_ref().is_some_and(|told| told.roster.len() > MAX_MEMBERS) {
            self.overflow();
        }
    }

    /// A page of a roster; `keys` are random.
    pub(crate) fn snapshot(&mut self, now: Millis, page: Snapshot, keys: [u64; 2], teller: &mut Teller<'_>) {
        if page.mode != Mode::Full {
            self.limit();
            return;
        }
        let mut snapshot = match self.pages.take() {
            Some(mut pages) if pages.epoch == page.epoch && pages.seq == page.seq => {
                pages.members.extend(page.members);
                pages.settles_in_ms = page.settles_in_ms;
                pages.more = page.more;
                pages
            }
            Some(_) | None => {
                self.skipping = false;
                page
            }
        };
        let skip = self.skipping || snapshot.members.len() > MAX_MEMBERS;
        if skip {
            self.overflow();
            self.skipping = snapshot.more;
            snapshot.members = Vec::new();
        }
        if snapshot.more {
            self.pages = Some(snapshot);
            return;
        }
        if skip {
            return;
        }
        self.limited = false;
        match &mut self.told {
            Some(told) if !broken!(ReplacesSilently) => told.compare(now, snapshot, teller),
            Some(told) => *told = Told::begin(snapshot, keys),
            None => self.told = Some(Told::begin(snapshot, keys)),
        }
    }

    /// What happened in the channel.
    pub(crate) fn diff(
        &mut self,
        prev: u64,
        seq: u64,
        transitions: Vec<Transition>,
        teller: &mut Teller<'_>,
    ) -> Fit {
        if self.limited || self.pages.is_some() {
            return Fit::Good;
        }
        let Some(told) = &mut self.told else { return Fit::Gap };
        let last = told.position.seq;
        if seq <= last {
            return Fit::Good;
        }
        let (is_gap, overlaps) = (prev > last, prev < last && !broken!(AppliesOverlaps));
        if (is_gap || overlaps) && !broken!(IgnoresPrev) {
            return if is_gap { Fit::Gap } else { Fit::Overlap };
        }
        told.position.seq = seq;
        for transition in transitions {
            told.apply(transition, teller);
        }
        self.bound();
        Fit::Good
    }

    /// Tells what was held back, if its time has come.
    pub(crate) fn settle(&mut self, now: Millis, teller: &mut Teller<'_>) {
        if self.settles_at().is_some_and(|at| at <= now)
            && let Some(told) = &mut self.told
        {
            told.settle(teller);
        }
    }
}
