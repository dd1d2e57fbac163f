//! The own attributes in one channel: what is to be stored, what is under way, what is stored.

use herenow_protocol::{Attributes, FrameId};

use crate::Millis;
use crate::waiters::{Waiter, Waiters};

/// Attributes on their way to the server, and who waits for them.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) attributes: Attributes,
    pub(crate) waiters: Waiters,
    /// The stored attributes were lost with the membership and are to be set again if this comes to nothing.
    pub(crate) restore: bool,
}

/// The own attributes in one channel.
#[derive(Debug, Default)]
pub(crate) struct Setting {
    /// What is to be sent: the newest wish, for which all wait whose wishes it replaced.
    pub(crate) draft: Option<Draft>,
    pub(crate) in_flight: Option<(FrameId, Draft)>,
    /// What the server stored last in this membership.
    pub(crate) stored: Option<Attributes>,
    /// An error asked to wait until then.
    pub(crate) retry_at: Option<Millis>,
}

impl Setting {
    pub(crate) fn is_idle(&self) -> bool {
        self.draft.is_none() && self.in_flight.is_none()
    }

    pub(crate) fn wish(&mut self, attributes: Attributes, waiter: Waiter) {
        let draft = self.draft.get_or_insert_with(|| Draft {
            attributes: Attributes::new(),
            waiters: Waiters::default(),
            restore: false,
        });
        draft.attributes = attributes;
        draft.waiters.push(waiter);
    }

    /// Whether there is something to send, nothing is under way, and no error asked to wait.
    pub(crate) fn may_send(&self) -> bool {
        self.draft.is_some() && self.in_flight.is_none() && self.retry_at.is_none()
    }

    /// The membership began anew, without attributes: the stored ones are set again unless newer ones are waiting.
    pub(crate) fn restore(&mut self) {
        let Some(stored) = self.stored.as_ref().filter(|stored| !stored.is_empty()) else { return };
        if let Some(draft) = &mut self.draft {
            draft.restore = true;
        } else if self.in_flight.is_none() {
            self.draft =
                Some(Draft { attributes: stored.clone(), waiters: Waiters::default(), restore: true });
        }
    }

    /// Nothing is stored any more, since the membership is over or began anew.
    pub(crate) fn forget(&mut self) {
        self.stored = None;
    }

    /// What was under way has to be sent again, unless something newer waits.
    pub(crate) fn send_again(&mut self) {
        let Some((_, sent)) = self.in_flight.take() else { return };
        self.put_back(sent);
    }

    pub(crate) fn put_back(&mut self, mut sent: Draft) {
        if let Some(newer) = self.draft.take() {
            sent.attributes = newer.attributes;
            sent.restore |= newer.restore;
            sent.waiters.append(newer.waiters);
        }
        if sent.restore || !sent.waiters.is_empty() {
            self.draft = Some(sent);
        }
    }

    /// Nothing waits to be sent any more. Gives those who waited.
    pub(crate) fn drop_draft(&mut self) -> Waiters {
        self.retry_at = None;
        self.draft.take().map(|draft| draft.waiters).unwrap_or_default()
    }

    /// Takes out the promises whose time is over, and withdraws what nobody waits for any more.
    pub(crate) fn expire(&mut self, now: Millis) -> Waiters {
        let mut expired = Waiters::default();
        if let Some((id, mut sent)) = self.in_flight.take() {
            let late = sent.waiters.take_expired(now);
            if late.is_empty() || !sent.waiters.is_empty() {
                self.in_flight = Some((id, sent));
            } else if sent.restore {
                self.restore();
            }
            expired.append(late);
        }
        if let Some(draft) = &mut self.draft {
            let late = draft.waiters.take_expired(now);
            if !late.is_empty() && draft.waiters.is_empty() {
                let restore = draft.restore;
                self.draft = None;
                if restore {
                    self.restore();
                }
            }
            expired.append(late);
        }
        expired
    }

    pub(crate) fn earliest(&self) -> Option<Millis> {
        let draft = self.draft.as_ref().and_then(|draft| draft.waiters.earliest());
        let sent = self.in_flight.as_ref().and_then(|(_, sent)| sent.waiters.earliest());
        [draft, sent].into_iter().flatten().min()
    }

    pub(crate) fn restart(&mut self, deadline: Millis, sockets_opened: u32) {
        if let Some(draft) = &mut self.draft {
            draft.waiters.restart(deadline, sockets_opened);
        }
        if let Some((_, sent)) = &mut self.in_flight {
            sent.waiters.restart(deadline, sockets_opened);
        }
    }
}
