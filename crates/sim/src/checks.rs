//! What is compared now and then, and at the end.

use herenow_registry::Millis;
use herenow_session::{Lifecycle, State};

use crate::client::Page;
use crate::crowds::{back_at, sizes};
use crate::failure::Invariant;
use crate::net::{LinkId, is_up};
use crate::oracle::Roster;
use crate::oracle::session::Hold;
use crate::plan::{CHANNELS, Call, USERS, Value};
use crate::world::{Event, World};

/// After the last fault everything must be as wanted within this: a half-open socket is noticed after 25 s of silence,
/// then come the backoff and the handshake; a request may have to be sent again.
const BOUND_MS: u64 = 60_000;
/// The rarest that timers of a page in the background fire.
const MAX_THROTTLE_MS: u64 = 61_000;
/// A change has reached every observer on a quiet link after a tick and this.
const TOLD_MS: u64 = 10;
/// The same for the log of a shared store on a quiet way.
const LOG_MS: u64 = 100;

impl World {
    /// Compares what can be compared at any time.
    pub(crate) fn look(&mut self) {
        self.advance_oracle();
        self.look_at_answers();
        if let Some(shared) = &self.shared {
            let outcome = shared.facts.no_ghosts(self.now, self.trouble_until_ms);
            self.check(outcome);
        }
        for slot in 0..self.slots.len() {
            self.look_at_promises(slot);
            for channel in 0..CHANNELS.len() {
                self.look_at_roster(slot, channel);
            }
            self.look_at_wishes(slot);
        }
    }

    /// Where nothing is under way, every request has been answered.
    fn look_at_answers(&mut self) {
        let limit_ms = self.now.saturating_sub(self.tick_ms + 250);
        let late = self.ledger.owed.iter().find(|((link, _), since)| {
            let is_idle = self.links.get(link).is_some_and(|link| link.is_quiet() && link.in_flight == 0);
            **since < limit_ms && is_idle && is_up(&self.links, *link)
        });
        if let Some(((link, id), since)) = late
            && !self.nodes[0].is_busy()
        {
            let message = format!("request {id} of link {link} is not answered since {since}");
            self.fail(Invariant::Promises, message);
        }
    }

    fn look_at_promises(&mut self, slot: usize) {
        let Some(tab) = self.slots[slot].tab.as_ref().filter(|tab| tab.page == Page::Running) else { return };
        let late_ms = if self.now < tab.throttled_until_ms + 100 { MAX_THROTTLE_MS } else { 0 };
        let late = tab.promises.iter().find(|(_, promise)| self.now > promise.deadline_ms + late_ms);
        if let Some((number, promise)) = late {
            let message = format!(
                "promise {number} of tab {slot} ({:?}) waits since {} ms",
                promise.purpose,
                self.now - promise.called_ms
            );
            self.fail(Invariant::Promises, message);
        }
    }

    /// Where nothing is under way, the SDK's roster is the server's.
    fn look_at_roster(&mut self, slot: usize, channel: usize) {
        let now = self.now;
        let Some(tab) = self.slots[slot].tab.as_ref().filter(|tab| tab.page == Page::Running) else { return };
        let wish = &tab.observing[channel];
        let Some(link) = tab.link.filter(|link| is_up(&self.links, *link)) else { return };
        let is_quiet = self.links.get(&link).is_some_and(|link| link.is_quiet());
        // What is held back is told by a timer, which may be late.
        let late_ms = if now < tab.throttled_until_ms + 100 { MAX_THROTTLE_MS } else { 100 };
        let settles_ms = tab.holds_until_ms[channel] + late_ms;
        if !(wish.want && wish.acked && wish.is_settled() && is_quiet)
            || tab.state != State::Connected
            || now < settles_ms
            || now < self.changed_ms(channel) + self.tick_ms + TOLD_MS
            || !self.is_greeted(link)
            || self.is_behind(link, channel)
        {
            return;
        }
        let listed = self.listed(channel);
        let full_members = sizes(self.seed).full_members;
        let Some(roster) = tab.session.roster(CHANNELS[channel]) else {
            let is_told = now > self.changed_ms(channel) + self.crowd_ms() + self.tick_ms + LOG_MS;
            let count = tab.crowds[channel].as_ref().map(|crowd| crowd.count);
            let fits = count == Some(listed.len() as u64) && listed.len() > back_at(full_members);
            if count.is_none() || (is_told && !fits) {
                let message = format!(
                    "tab {slot} observes {} without a roster, was told {count:?} of {} members",
                    CHANNELS[channel],
                    listed.len()
                );
                self.fail(Invariant::NoGap, message);
            }
            return;
        };
        if listed.len() > full_members {
            let message = format!("{} is told in full to tab {slot}: {listed:?}", CHANNELS[channel]);
            self.fail(Invariant::NoGap, message);
            return;
        }
        let told: Roster =
            roster.iter().map(|(user, attributes)| (user.into(), attributes.clone())).collect();
        if told != listed {
            let message = format!("{} is {listed:?}, tab {slot} believes {told:?}", CHANNELS[channel]);
            self.fail(Invariant::NoGap, message);
        }
    }

    /// Whether the node of a link may not know yet what the store knows.
    fn is_behind(&self, link: LinkId, channel: usize) -> bool {
        let Some(known) = self.links.get(&link) else { return true };
        let (node, slot) = (known.node, known.slot);
        let Some(tab) = self.slots[slot].tab.as_ref() else { return true };
        let logs_ms = match &self.shared {
            Some(shared) if shared.facts.is_troubled(node, self.now) => return true,
            // The node asks the store how far the log is before it answers who comes back.
            Some(_) if self.now < tab.connected_ms + 1_000 => return true,
            // And before it confirms what was held back.
            Some(_) if self.now < tab.holds_until_ms[channel] + 2_500 => return true,
            Some(_) => LOG_MS,
            None => 0,
        };
        self.nodes[node].is_busy() || self.now < self.changed_ms(channel) + self.tick_ms + TOLD_MS + logs_ms
    }

    fn listed(&self, channel: usize) -> Roster {
        if let Some(shared) = &self.shared {
            let members = shared.store.members("default", CHANNELS[channel]);
            return members.into_iter().map(|member| (member.user, member.attributes)).collect();
        }
        let Some(registry) = &self.nodes[0].registry else { return Roster::new() };
        let page = registry.users(Millis(self.now), "default", CHANNELS[channel], None, 100);
        let users = page.map(|page| page.users).unwrap_or_default();
        users.into_iter().map(|member| (member.user, member.attributes)).collect()
    }

    /// Long after the last trouble the server holds what the app wants.
    fn look_at_wishes(&mut self, slot: usize) {
        let now = self.now;
        let place = &self.slots[slot];
        let trouble_ms = place.air.trouble_until_ms.max(self.trouble_until_ms);
        let Some(tab) = place.tab.as_ref() else { return };
        let is_calm = now > trouble_ms + BOUND_MS && tab.page == Page::Running && tab.throttle_ms.is_none();
        if !is_calm || tab.is_over() || !tab.promises.is_empty() {
            return;
        }
        for (channel, name) in CHANNELS.iter().enumerate() {
            let want = tab.joining[channel].want;
            let held = self.hold(tab.user, tab.secret, channel);
            let message = match (want, held) {
                (true, Hold::Yes) | (false, Hold::No | Hold::Maybe) => continue,
                (true, Hold::No | Hold::Maybe) => format!("tab {slot} wants to be in {name} and is not"),
                (false, Hold::Yes) => format!("tab {slot} does not want to be in {name} and is"),
            };
            let invariant = if want { Invariant::Member } else { Invariant::NoGhosts };
            self.fail(invariant, message);
            return;
        }
        for (channel, name) in CHANNELS.iter().enumerate() {
            let Some(tab) = self.slots[slot].tab.as_ref() else { return };
            let observes = tab.streams[channel].is_some() || tab.crowds[channel].is_some();
            if tab.observing[channel].want != observes {
                let message = format!("tab {slot} wants to observe {name}: {}", tab.observing[channel].want);
                self.fail(Invariant::NoGap, message);
                return;
            }
        }
    }

    /// The end: everything heals, and after the bound everybody agrees.
    pub(crate) fn finish(&mut self) {
        if self.failure.is_some() {
            return;
        }
        self.heal();
        self.run_until(self.now + BOUND_MS + 15_000);
        if self.failure.is_some() {
            return;
        }
        let mut last = Vec::new();
        for slot in 0..self.slots.len() {
            let Some(tab) = self.slots[slot].tab.as_mut() else { continue };
            tab.rejected.clear();
            let mut calls = Vec::new();
            for channel in 0..CHANNELS.len() {
                if tab.joining[channel].want {
                    calls.push(Call::Set(channel, Value::Unique(1_000_000 + slot as u64)));
                }
                calls.push(Call::Observe(channel));
            }
            last.push(slot);
            self.call(slot, &calls);
        }
        self.run_until(self.now + 10_000);
        for slot in last {
            let Some(tab) = self.slots[slot].tab.as_ref() else { continue };
            if let Some((promise, code)) = tab.rejected.first() {
                let message =
                    format!("promise {promise} of tab {slot} rejects with {code:?}, though all is well");
                self.fail(Invariant::Promises, message);
            }
        }
        self.agree();
    }

    fn heal(&mut self) {
        self.healed = true;
        self.log(|| "everything heals".into());
        let now = self.now;
        for slot in 0..self.slots.len() {
            self.slots[slot].air = Default::default();
            self.set_windows(slot);
        }
        let ids: Vec<LinkId> = self.links.keys().copied().collect();
        for id in ids {
            if let Some(link) = self.links.get_mut(&id) {
                link.up.stalled_until_ms = 0;
                link.down.stalled_until_ms = 0;
            }
            self.expect_up(id);
            self.expect_down(id);
        }
        self.trouble_until_ms = now + 15_000;
        if let Some(shared) = &mut self.shared {
            shared.ways.fill_with(Default::default);
        }
        for node in 0..self.nodes.len() {
            let life = self.nodes[node].life;
            if self.nodes[node].registry.is_none() {
                self.plan(now + 100, Event::NodeStarts { node });
            }
            self.wake_node(node, life);
        }
        for slot in 0..self.slots.len() {
            let Some(tab) = self.slots[slot].tab.as_mut() else { continue };
            let life = tab.life;
            tab.throttle_ms = None;
            if tab.page == Page::Running {
                self.nudge(slot, Lifecycle::Visible);
                self.time_out(slot);
            } else {
                self.page_back(slot, life, now);
            }
        }
    }

    /// Every roster, the server's list and the oracle are equal.
    fn agree(&mut self) {
        if self.failure.is_some() {
            return;
        }
        self.look();
        for (channel, name) in CHANNELS.iter().enumerate() {
            let listed = self.listed(channel);
            for user in 0..USERS {
                let wanted: Vec<usize> = (0..self.slots.len())
                    .filter(|slot| {
                        let place = &self.slots[*slot];
                        place.user == user && place.tab.as_ref().is_some_and(|tab| tab.joining[channel].want)
                    })
                    .collect();
                let found = listed.get(&format!("u{user}"));
                let last_set = |slot: &usize| (1_000_000 + *slot as u64).to_string();
                let fits = match found {
                    None => wanted.is_empty(),
                    Some(attributes) => {
                        wanted.iter().any(|slot| attributes.get("n") == Some(last_set(slot).as_str()))
                    }
                };
                if !fits {
                    let message =
                        format!("at the end u{user} is {found:?} in {name}, wanted by tabs {wanted:?}");
                    let invariant = if wanted.is_empty() { Invariant::NoGhosts } else { Invariant::Member };
                    self.fail(invariant, message);
                    return;
                }
            }
            for slot in 0..self.slots.len() {
                let Some(tab) = self.slots[slot].tab.as_ref().filter(|tab| !tab.is_over()) else { continue };
                let told: Option<Roster> = tab
                    .session
                    .roster(name)
                    .map(|roster| roster.iter().map(|(user, known)| (user.into(), known.clone())).collect());
                let count = tab.crowds[channel].as_ref().map(|crowd| crowd.count);
                let sized = listed.len() > back_at(sizes(self.seed).full_members);
                if told.is_none() && sized && count == Some(listed.len() as u64) {
                    continue;
                }
                if told.as_ref() != Some(&listed) {
                    let message = format!("at the end {name} is {listed:?}, tab {slot} believes {told:?}");
                    self.fail(Invariant::NoGap, message);
                    return;
                }
            }
        }
    }
}
