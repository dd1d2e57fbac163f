//! One user in one channel: when it was a member, and with which attributes.

use herenow_protocol::Attributes;
use herenow_session::EventKind;

/// How a membership may have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds {
    pub(crate) leave: bool,
    pub(crate) timeout: bool,
}

impl Kinds {
    pub(crate) const LEAVE: Self = Self { leave: true, timeout: false };
    pub(crate) const TIMEOUT: Self = Self { leave: false, timeout: true };

    pub(crate) fn add(&mut self, other: Kinds) {
        self.leave |= other.leave;
        self.timeout |= other.timeout;
    }

    pub(crate) fn allows(self, kind: EventKind) -> bool {
        match kind {
            EventKind::Leave => self.leave,
            EventKind::Timeout => self.timeout,
            EventKind::Join | EventKind::Update => false,
        }
    }
}

/// A membership.
#[derive(Debug)]
pub(crate) struct Interval {
    pub(crate) end_ms: Option<u64>,
    pub(crate) kinds: Kinds,
    /// From then on an observer may believe that it has ended: a server said that it would have settled by then, and
    /// died before.
    pub(crate) doubted_ms: Option<u64>,
    /// What it said about itself; whether somebody set that.
    pub(crate) values: Vec<(Attributes, bool)>,
}

/// Whether it is a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    No,
    Yes,
    /// A deadline is just over: it may have ended.
    Maybe,
    /// The server lost its memory: it ends unless the user comes back before that has settled.
    Limbo,
}

#[derive(Debug)]
pub(crate) struct Truth {
    pub(crate) presence: Presence,
    pub(crate) intervals: Vec<Interval>,
    /// What the attributes may be.
    pub(crate) possible: Vec<Attributes>,
    /// Kinds of departure that may have happened since it became unsure.
    pub(crate) pending: Kinds,
}

impl Truth {
    pub(crate) const fn new() -> Self {
        Self {
            presence: Presence::No,
            intervals: Vec::new(),
            possible: Vec::new(),
            pending: Kinds { leave: false, timeout: false },
        }
    }

    /// A membership begins.
    pub(crate) fn begin(&mut self) {
        self.presence = Presence::Yes;
        self.pending = Kinds::default();
        self.possible = vec![Attributes::new()];
        self.intervals.push(Interval {
            end_ms: None,
            kinds: Kinds::default(),
            doubted_ms: None,
            values: vec![(Attributes::new(), false)],
        });
    }

    /// The membership goes on in a server that has lost its memory: without attributes.
    pub(crate) fn resume(&mut self) {
        self.presence = Presence::Yes;
        self.pending = Kinds::default();
        self.possible = vec![Attributes::new()];
        if let Some(last) = self.intervals.last_mut() {
            last.values.push((Attributes::new(), false));
        }
    }

    pub(crate) fn end(&mut self, at_ms: u64, kinds: Kinds) {
        self.presence = Presence::No;
        self.possible.clear();
        if let Some(last) = self.intervals.last_mut() {
            last.end_ms = Some(at_ms);
            last.kinds.add(kinds);
            last.kinds.add(self.pending);
        }
        self.pending = Kinds::default();
    }

    pub(crate) fn set(&mut self, attributes: &Attributes) {
        self.possible = vec![attributes.clone()];
        if let Some(last) = self.intervals.last_mut() {
            last.values.push((attributes.clone(), true));
        }
    }

    /// The first membership that was not over before `at_ms`.
    pub(crate) fn first_after(&self, at_ms: u64) -> usize {
        let over = |interval: &Interval| interval.end_ms.is_some_and(|end| end < at_ms);
        self.intervals.iter().position(|interval| !over(interval)).unwrap_or(self.intervals.len())
    }
}
