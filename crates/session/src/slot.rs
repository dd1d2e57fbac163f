//! Something that is wanted or not, and what the server has confirmed of it: a membership, an observation.

use herenow_protocol::FrameId;

use crate::Millis;
use crate::waiters::{Waiter, Waiters};

/// What the server holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Known {
    /// It holds nothing.
    #[default]
    Absent,
    /// It has confirmed on this connection.
    Present,
    /// It may hold something: an answer was lost, or the connection.
    Unclear,
}

/// A wish, with at most one request in flight for it.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    pub(crate) want: bool,
    /// What a withdrawn wish falls back to: true once the server has confirmed it, until it is given up.
    pub(crate) acked: bool,
    pub(crate) server: Known,
    /// The request in flight, and whether it asks for the thing or ends it.
    pub(crate) in_flight: Option<(FrameId, bool)>,
    pub(crate) waiters: Waiters,
    /// An error asked to wait until then.
    pub(crate) retry_at: Option<Millis>,
}

/// What became of a wish whose promises ran out of time.
#[derive(Debug, Default)]
pub(crate) struct Expired {
    pub(crate) promises: Waiters,
    /// The wish is withdrawn.
    pub(crate) withdrawn: bool,
}

impl Slot {
    pub(crate) fn wish(&mut self, want: bool, waiter: Waiter) {
        if self.want != want {
            self.want = want;
            self.retry_at = None;
        }
        if !want {
            self.acked = false;
        }
        self.waiters.push(waiter);
    }

    /// The wish is given up, not by the app.
    pub(crate) fn drop_wish(&mut self) {
        self.want = false;
        self.acked = false;
        self.retry_at = None;
    }

    /// Whether the server holds what is wanted.
    pub(crate) fn is_confirmed(&self) -> bool {
        match self.server {
            Known::Present => self.want && !self.is_flying(false),
            Known::Absent => !self.want && self.in_flight.is_none(),
            Known::Unclear => false,
        }
    }

    pub(crate) fn is_flying(&self, wants: bool) -> bool {
        self.in_flight.is_some_and(|(_, flying)| flying == wants)
    }

    /// What to ask for now, if anything.
    pub(crate) fn next(&self) -> Option<bool> {
        if self.in_flight.is_some() || self.retry_at.is_some() {
            return None;
        }
        let needed = match self.server {
            Known::Absent => self.want,
            Known::Present => !self.want,
            Known::Unclear => true,
        };
        needed.then_some(self.want)
    }

    /// The request in flight was granted. Says which it was.
    pub(crate) fn granted(&mut self) -> bool {
        let wants = self.in_flight.take().is_some_and(|(_, wants)| wants);
        self.server = if wants { Known::Present } else { Known::Absent };
        wants
    }

    /// The connection is lost; `lasting`: what the server holds may outlive it.
    pub(crate) fn detach(&mut self, lasting: bool) {
        let touched = self.in_flight.take().is_some() || self.server != Known::Absent;
        self.server = if lasting && touched { Known::Unclear } else { Known::Absent };
        self.retry_at = None;
    }

    /// Takes out the promises whose time is over, and withdraws a wish that nobody waits for any more. The opposite
    /// of a wish is never withdrawn; its request is sent again.
    pub(crate) fn expire(&mut self, now: Millis) -> Expired {
        let promises = self.waiters.take_expired(now);
        let mut withdrawn = false;
        for wants in [true, false] {
            let over = promises.any(wants) && !self.waiters.any(wants);
            if over && !(wants && self.acked) && !broken!(KeepsWithdrawn) {
                withdrawn |= wants && self.want;
                if wants {
                    self.drop_wish();
                }
                if self.is_flying(wants) {
                    self.in_flight = None;
                    self.server = Known::Unclear;
                }
            }
        }
        Expired { promises, withdrawn }
    }
}
