//! What listeners are told and what became of promises, held to the oracle.

use herenow_session::{Event as Told, Problem, PromiseId, Settled, State, StateChange};

use crate::client::{Promise, Purpose};
use crate::dice::luck;
use crate::failure::Invariant;
use crate::net::is_up;
use crate::oracle::session::Hold;
use crate::oracle::stream::Stream;
use crate::oracle::views::truths;
use crate::oracle::{Roster, channel_number};
use crate::plan::{CHANNELS, Call};
use crate::world::{Event, World};

/// Silence after which a session gives its socket up.
const SILENCE_MS: u64 = 25_000;

/// How far a node may be behind the log of a shared store, in milliseconds: on a good way, and on a bad one.
const LOG_MS: u64 = 1_000;
const BEHIND_MS: u64 = 60_000;

impl World {
    /// A listener begins with the roster that is there when it is told to be ready.
    pub(crate) fn begin_streams(&mut self, slot: usize) {
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        let mut outcome = Ok(());
        for (channel, name) in CHANNELS.iter().enumerate() {
            if tab.streams[channel].is_none()
                && let Some(roster) = tab.session.roster(name)
            {
                let node = tab.link.and_then(|link| self.links.get(&link)).map_or(0, |link| link.node);
                let called_ms = tab.observing[channel].called_ms;
                let is_behind =
                    self.shared.as_ref().is_some_and(|shared| shared.facts.is_troubled(node, called_ms));
                let behind_ms = match &self.shared {
                    Some(_) if is_behind => BEHIND_MS,
                    Some(_) => self.tick_ms + LOG_MS,
                    None => 0,
                };
                let called_ms = called_ms.saturating_sub(behind_ms);
                // A node that is behind may speak for an earlier life of the store.
                let epochs = if is_behind { 0 } else { tab.called_epochs[channel] };
                let truths = truths(&self.ledger, self.shared.as_ref(), channel);
                let begun = Stream::begin(copy(roster), truths, called_ms, epochs);
                match begun {
                    Ok(mut stream) => {
                        stream.early = tab.crowds[channel].is_some();
                        tab.streams[channel] = Some(stream);
                    }
                    Err(failure) => outcome = Err(failure),
                }
            }
        }
        self.check(outcome);
    }

    /// A listener is called.
    pub(crate) fn tell(&mut self, slot: usize, event: &Told) {
        let now = self.now;
        self.log(|| {
            format!(
                "tab {slot} is told {:?} {} {} {:?} sync {}",
                event.kind, event.user, event.channel, event.attributes, event.sync
            )
        });
        self.advance_oracle();
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        let Some(channel) = channel_number(&event.channel) else { return };
        let settling = now < tab.holds_until_ms[channel];
        let outcome = match &mut tab.streams[channel] {
            Some(stream) if stream.early => Ok(()),
            Some(stream) => {
                let truths = truths(&self.ledger, self.shared.as_ref(), channel);
                stream.hear(now, event, truths, settling, self.epochs)
            }
            // Who has not been told the roster is told what has changed of it.
            None if tab.crowds[channel].is_some() => Ok(()),
            None => Err((Invariant::NoGap, format!("an event of {} without a roster", event.channel))),
        };
        let react = now >= tab.reacted_ms + 100 && !self.healed;
        self.check(outcome);
        let mut dice = luck([self.seed, 24, slot as u64, now]);
        if react && dice.one_in(20) {
            if let Some(tab) = self.slots[slot].tab.as_mut() {
                tab.reacted_ms = now;
            }
            for call in crate::plan::some_calls(&mut dice, now) {
                if !matches!(call, Call::Close) {
                    self.intend(slot, &call);
                }
            }
        }
    }

    /// What was told, applied to the first roster, is the roster.
    pub(crate) fn compare_told(&mut self, slot: usize) {
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        let mut outcome = Ok(());
        for (channel, name) in CHANNELS.iter().enumerate() {
            let Some(roster) = tab.session.roster(name) else {
                if tab.crowds[channel].is_none() || !tab.observing[channel].want {
                    tab.streams[channel] = None;
                    tab.crowds[channel] = None;
                }
                continue;
            };
            let Some(stream) = &tab.streams[channel] else { continue };
            let same = roster.len() == stream.roster.len()
                && roster.iter().all(|(user, attributes)| stream.roster.get(user) == Some(attributes));
            if !same {
                let message = format!(
                    "tab {slot} was told {:?} of {name}, the roster is {:?}",
                    stream.roster,
                    copy(roster)
                );
                outcome = Err((Invariant::NoGap, message));
            }
        }
        self.check(outcome);
    }

    fn take_promise(&mut self, slot: usize, promise: PromiseId) -> Option<Promise> {
        let tab = self.slots[slot].tab.as_mut()?;
        let taken = tab.promises.remove(&promise.0);
        if taken.is_none() {
            self.fail(Invariant::Promises, format!("promise {} of tab {slot} is settled twice", promise.0));
        }
        taken
    }

    pub(crate) fn resolved(&mut self, slot: usize, promise: PromiseId, value: &Settled) {
        self.log(|| format!("tab {slot}: promise {} resolves", promise.0));
        let Some(known) = self.take_promise(slot, promise) else { return };
        self.advance_oracle();
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        let (user, secret) = (tab.user, tab.secret);
        let outcome = match known.purpose {
            Purpose::Join(channel) => {
                tab.joining[channel].resolved(promise.0);
                // What is joined already resolves at once, what is being joined with the answer that is on its way: that
                // the server is gone since cannot be known before its silence has lasted.
                let in_touch = tab.link.is_some_and(|link| {
                    let node = self.links.get(&link).map_or(0, |link| link.node);
                    let troubled =
                        self.shared.as_ref().is_some_and(|shared| shared.facts.is_troubled(node, self.now));
                    is_up(&self.links, link) && !troubled
                });
                // A node whose lease ended has to hear of a session before it asserts and tells it.
                let at_once = known.called_ms == self.now && self.shared.is_some();
                let unknowing = self.now < tab.heard_ms + SILENCE_MS && (!in_touch || at_once);
                let expected = tab.joining[channel].want && !unknowing;
                if expected && !self.held_since(user, secret, channel, known.called_ms) {
                    Err(format!("u{user}'s join of {} resolves and was not done", CHANNELS[channel]))
                } else {
                    Ok(())
                }
            }
            Purpose::Leave(channel) => {
                // A session that reached nobody for longer than the server keeps it takes itself for forgotten.
                let unknowing = known.called_ms == self.now
                    && self.now
                        > tab.heard_ms.max(tab.said_ms)
                            + 2 * self.ledger.times.ping_ms
                            + self.ledger.times.grace_ms
                    && !tab.link.is_some_and(|link| is_up(&self.links, link));
                let left_over = self
                    .shared
                    .as_ref()
                    .is_some_and(|shared| shared.facts.may_be_left_over(self.now, channel));
                let expected = !tab.joining[channel].want && !unknowing && !left_over;
                if expected && self.hold(user, secret, channel) == Hold::Yes {
                    Err(format!("u{user}'s leave of {} resolves and is not done", CHANNELS[channel]))
                } else {
                    Ok(())
                }
            }
            Purpose::Observe(channel) => {
                tab.observing[channel].resolved(promise.0);
                Ok(())
            }
            Purpose::Set(channel) => match value {
                Settled::Attributes(stored) if self.was_stored(secret, channel, stored, known.called_ms) => {
                    self.check_own_set(slot, channel, stored, known.called_ms);
                    Ok(())
                }
                Settled::Attributes(stored) => Err(format!(
                    "u{user}'s set in {} resolves with {stored:?}, which was not stored",
                    CHANNELS[channel]
                )),
                Settled::Done => Err("a set resolves without attributes".into()),
            },
            Purpose::Unobserve(_) | Purpose::Close => Ok(()),
        };
        self.check(outcome.map_err(|message| (Invariant::AckVisible, message)));
    }

    pub(crate) fn rejected(&mut self, slot: usize, promise: PromiseId, problem: &Problem) {
        self.log(|| {
            format!("tab {slot}: promise {} rejects, {:?} {}", promise.0, problem.code, problem.message)
        });
        let Some(known) = self.take_promise(slot, promise) else { return };
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        tab.rejected.push((promise.0, problem.code));
        let retryable = problem.code.retryable();
        match known.purpose {
            Purpose::Join(channel) => tab.joining[channel].rejected(promise.0, retryable),
            Purpose::Observe(channel) => tab.observing[channel].rejected(promise.0, retryable),
            Purpose::Leave(_) | Purpose::Set(_) | Purpose::Unobserve(_) | Purpose::Close => {}
        }
    }

    pub(crate) fn state_changed(&mut self, slot: usize, change: &StateChange) {
        self.log(|| {
            format!(
                "tab {slot} is {:?}, was {:?}: {:?} in {:?}",
                change.state, change.previous, change.reason, change.retry_in_ms
            )
        });
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        let known = tab.state;
        tab.state = change.state;
        if change.state == State::Connected {
            tab.connected_ms = self.now;
        }
        if change.previous != known {
            self.fail(
                Invariant::States,
                format!("a change from {:?}, but it was {known:?}", change.previous),
            );
        } else if known == State::Closed || (known == State::Failed && change.state != State::Closed) {
            self.fail(Invariant::States, format!("{:?} after {known:?}", change.state));
        }
    }

    pub(crate) fn end_if_over(&mut self, slot: usize) {
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        if tab.session.state() != tab.state {
            let message = format!("the state is {:?}, told was {:?}", tab.session.state(), tab.state);
            self.fail(Invariant::States, message);
            return;
        }
        if !tab.is_over() {
            return;
        }
        let life = tab.life;
        if let Some((promise, _)) = tab.promises.first_key_value() {
            let message = format!("promise {promise} of tab {slot} waits though the session is over");
            self.fail(Invariant::Promises, message);
            return;
        }
        let mut dice = luck([self.seed, 25, slot as u64, u64::from(life)]);
        let at = self.now + dice.between(100, 2_000);
        self.slots[slot].next_calls = crate::plan::first_calls(&mut dice);
        self.plan(at, Event::Begin { slot, life });
    }
}

fn copy(roster: &herenow_session::Roster) -> Roster {
    roster.iter().map(|(user, attributes)| (user.to_owned(), attributes.clone())).collect()
}
