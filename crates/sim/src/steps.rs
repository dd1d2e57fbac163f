//! What each step does to the world.

use herenow_protocol::Attributes;
use herenow_registry::Millis as ServerMillis;
use herenow_session::{Lifecycle, Millis};

use crate::client::{PROMISE_SLACK_MS, Page};
use crate::dice::luck;
use crate::failure::Invariant;
use crate::net::{Browser, Down, LinkId, Up};
use crate::oracle::truth::Presence;
use crate::plan::{Act, CHANNELS, Call, Crash, USERS, Value, Way};
use crate::world::{Event, World};

impl World {
    pub(crate) fn step(&mut self, at: usize) {
        let act = self.steps[at].act.clone();
        self.log(|| format!("step {at}: {act:?}"));
        let now = self.now;
        match act {
            Act::Open(slot, calls) => {
                if self.slots[slot].tab.is_none() {
                    self.open_tab(slot, &calls);
                } else if self.runs(slot) {
                    self.call(slot, &calls);
                }
            }
            Act::Calls(slot, calls) => {
                if self.runs(slot) {
                    self.call(slot, &calls);
                }
            }
            Act::Read(slot, channel) => {
                let late = luck([self.seed, 30, slot as u64, now]).between(1, 60);
                self.plan(now + late, Event::Read { slot, channel });
            }
            Act::CloseTab(slot) => self.close_tab(slot),
            Act::Crash(slot, crash) => self.crash(slot, crash),
            Act::Reload(slot, calls) => {
                if self.slots[slot].tab.is_none() {
                    return;
                }
                self.close_tab(slot);
                let life = self.slots[slot].lives;
                self.slots[slot].next_calls = calls;
                let load_ms = luck([self.seed, 31, slot as u64, now]).between(20, 2_500);
                self.plan(now + load_ms, Event::Begin { slot, life });
            }
            Act::Freeze(slot, ms) => self.stop_page(slot, Page::Frozen, ms),
            Act::Sleep(slot, ms) => {
                self.stop_page(slot, Page::Asleep, ms);
                self.stall(slot, Way::Both, now + ms);
                self.slots[slot].air.hole_until_ms = self.slots[slot].air.hole_until_ms.max(now + ms);
            }
            Act::Hide(slot, ms, evicted) => self.hide(slot, ms, evicted),
            Act::Background(slot, throttle_ms, ms) => {
                let Some(tab) = self.slots[slot].tab.as_mut() else { return };
                tab.throttle_ms = Some(throttle_ms);
                let life = tab.life;
                tab.throttled_until_ms = tab.throttled_until_ms.max(now + ms);
                self.arm(slot);
                self.slots[slot].air.trouble(now + ms);
                self.plan(now + ms, Event::Foreground { slot, life });
            }
            Act::Nudge(slot) => self.nudge(slot, Lifecycle::Online),
            Act::Cut(slot, client, server) => self.cut(slot, client, server),
            Act::Stall(slot, way, ms) => self.stall(slot, way, now + ms),
            Act::Hole(slot, ms) => {
                self.stall(slot, Way::Both, now + ms);
                self.slots[slot].air.hole_until_ms = self.slots[slot].air.hole_until_ms.max(now + ms);
            }
            Act::Refuse(slot, ms) => self.slots[slot].air.refuse_until_ms = now + ms,
            Act::Slow(slot, ms) => self.slots[slot].air.slow_until_ms = now + ms,
            Act::Narrow(slot, ms) => {
                self.slots[slot].air.narrow = true;
                self.set_windows(slot);
                self.plan(now + ms, Event::Widen { slot });
            }
            Act::ResetHandshake(slot) => self.slots[slot].air.reset_next = true,
            Act::LateHello(slot, way, ms) => {
                self.slots[slot].air.late_hello = Some((way, ms));
                self.cut(slot, Some(0), Some(0));
            }
            Act::Flood(slot, channel, count, reader) => {
                if let Some(reader) = reader {
                    self.stall(reader, Way::Down, now + 60 * count + 2_000);
                    self.slots[reader].air.trouble(now + 60 * count + 2_000);
                }
                let Some(tab) = self.slots[slot].tab.as_ref() else { return };
                let life = tab.life;
                self.plan(now, Event::Flood { slot, life, channel, left: count });
            }
            Act::TokenTrouble(slot, ms) => self.slots[slot].air.token_trouble_until_ms = now + ms,
            Act::Kill(down_ms, loudly) => {
                if self.nodes[0].registry.is_some() {
                    self.kill_node(0, loudly);
                    self.plan(now + down_ms, Event::NodeStarts { node: 0 });
                }
            }
            Act::Pause(ms) => self.pause_node(0, ms),
            Act::Shutdown(over_ms, down_ms) => self.shut_node_down(0, over_ms, down_ms),
            Act::Wait => {}
            Act::Partition(ms) => {
                for slot in 0..self.slots.len() {
                    self.stall(slot, Way::Both, now + ms);
                    self.slots[slot].air.hole_until_ms = self.slots[slot].air.hole_until_ms.max(now + ms);
                }
            }
        }
        self.note_trouble(at);
    }

    /// A fault makes the tab, or all, worse for a while.
    fn note_trouble(&mut self, at: usize) {
        let now = self.now;
        let (slot, until_ms) = match self.steps[at].act {
            Act::Freeze(slot, ms)
            | Act::Sleep(slot, ms)
            | Act::Hide(slot, ms, _)
            | Act::Stall(slot, _, ms)
            | Act::Hole(slot, ms)
            | Act::Refuse(slot, ms)
            | Act::Slow(slot, ms)
            | Act::Narrow(slot, ms)
            | Act::TokenTrouble(slot, ms) => (slot, now + ms),
            Act::Cut(slot, ..)
            | Act::ResetHandshake(slot)
            | Act::LateHello(slot, ..)
            | Act::Flood(slot, ..) => (slot, now + 15_000),
            Act::Kill(ms, _) | Act::Pause(ms) | Act::Partition(ms) => {
                self.trouble_until_ms = self.trouble_until_ms.max(now + ms);
                return;
            }
            Act::Shutdown(over_ms, down_ms) => {
                self.trouble_until_ms = self.trouble_until_ms.max(now + over_ms + down_ms);
                return;
            }
            Act::Open(..)
            | Act::Calls(..)
            | Act::Read(..)
            | Act::CloseTab(_)
            | Act::Crash(..)
            | Act::Reload(..)
            | Act::Background(..)
            | Act::Nudge(_)
            | Act::Wait => return,
        };
        self.slots[slot].air.trouble(until_ms);
    }

    fn runs(&self, slot: usize) -> bool {
        self.slots[slot].tab.as_ref().is_some_and(|tab| tab.page == Page::Running)
    }

    // ---- pages

    /// Links of the tab that is here.
    fn own_links(&self, slot: usize) -> Vec<LinkId> {
        let life = self.slots[slot].lives;
        self.links
            .values()
            .filter(|link| link.slot == slot && link.life == life)
            .map(|link| link.id)
            .collect()
    }

    fn close_tab(&mut self, slot: usize) {
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        match tab.page {
            Page::Running => {
                tab.session.handle_lifecycle(Millis(self.now), Lifecycle::PageHide);
                self.drain(slot);
                self.slots[slot].tab = None;
            }
            Page::Frozen | Page::Hidden | Page::Asleep => self.crash(slot, Crash::Closed),
        }
    }

    fn crash(&mut self, slot: usize, crash: Crash) {
        if self.slots[slot].tab.take().is_none() {
            return;
        }
        let now = self.now;
        for id in self.own_links(slot) {
            let Some(link) = self.links.get_mut(&id) else { continue };
            if link.browser == Browser::Closed {
                continue;
            }
            link.browser = Browser::Closed;
            let (kept, _) = link.kept(now);
            match crash {
                Crash::Closed => link.send_up(now, 0, Up::Close(1001)),
                Crash::Reset => link.up.cut(kept, Some((now + 5, Up::Reset))),
                Crash::Vanished => {
                    link.up.cut(kept, None);
                    link.down.dead = true;
                    link.down.queue.clear();
                }
            }
            self.expect_up(id);
        }
    }

    fn stop_page(&mut self, slot: usize, page: Page, ms: u64) {
        let now = self.now;
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        if tab.page != Page::Running {
            return;
        }
        tab.page = page;
        let life = tab.life;
        self.plan(now + ms, Event::PageBack { slot, life, since_ms: now });
    }

    fn hide(&mut self, slot: usize, ms: u64, evicted: bool) {
        if !self.runs(slot) {
            return;
        }
        if evicted {
            self.close_tab(slot);
            return;
        }
        if let Some(tab) = self.slots[slot].tab.as_mut() {
            tab.session.handle_lifecycle(Millis(self.now), Lifecycle::PageHide);
        }
        self.drain(slot);
        self.stop_page(slot, Page::Hidden, ms);
    }

    pub(crate) fn page_back(&mut self, slot: usize, life: u32, since_ms: u64) {
        let now = self.now;
        let Some(tab) = self.slots[slot].tab.as_mut().filter(|tab| tab.life == life) else { return };
        let page = std::mem::replace(&mut tab.page, Page::Running);
        for promise in tab.promises.values_mut() {
            promise.deadline_ms = promise.deadline_ms.max(now + tab.timeout_ms + PROMISE_SLACK_MS);
        }
        self.log(|| format!("page {slot} runs again after {}", now - since_ms));
        let mut dice = luck([self.seed, 32, slot as u64, now]);
        let lifecycles: &[Lifecycle] = match page {
            Page::Running => return,
            Page::Frozen => &[Lifecycle::Resume, Lifecycle::Visible],
            Page::Hidden => &[Lifecycle::PageShow],
            Page::Asleep => &[Lifecycle::Online, Lifecycle::Visible],
        };
        let late_lifecycle = dice.one_in(2);
        if dice.one_in(3) {
            self.time_out(slot);
        }
        if !late_lifecycle {
            lifecycles.iter().for_each(|event| self.nudge(slot, *event));
        }
        while let Some(task) = self.slots[slot].tab.as_mut().and_then(|tab| tab.tasks.pop_front()) {
            self.handle(slot, task);
        }
        if late_lifecycle {
            lifecycles.iter().for_each(|event| self.nudge(slot, *event));
        }
        self.time_out(slot);
    }

    pub(crate) fn nudge(&mut self, slot: usize, event: Lifecycle) {
        if !self.runs(slot) {
            return;
        }
        if let Some(tab) = self.slots[slot].tab.as_mut() {
            tab.session.handle_lifecycle(Millis(self.now), event);
        }
        self.drain(slot);
    }

    pub(crate) fn foreground(&mut self, slot: usize, life: u32) {
        let Some(tab) = self.slots[slot].tab.as_mut().filter(|tab| tab.life == life) else { return };
        tab.throttle_ms = None;
        self.nudge(slot, Lifecycle::Visible);
        if self.runs(slot) {
            self.time_out(slot);
        }
    }

    pub(crate) fn flood(&mut self, slot: usize, life: u32, channel: usize, left: u64) {
        let here = self.slots[slot].tab.as_ref().is_some_and(|tab| tab.life == life && !tab.is_over());
        if !here || self.healed {
            return;
        }
        if self.runs(slot) {
            let mut calls = Vec::new();
            if self.slots[slot].tab.as_ref().is_some_and(|tab| !tab.joining[channel].want) {
                calls.push(Call::Join(channel));
            }
            calls.push(Call::Set(channel, Value::Large(left)));
            self.call(slot, &calls);
        }
        if left > 1 {
            self.plan(self.now + 60, Event::Flood { slot, life, channel, left: left - 1 });
        }
    }

    // ---- the network

    fn cut(&mut self, slot: usize, client: Option<u64>, server: Option<u64>) {
        let now = self.now;
        for id in self.own_links(slot) {
            let Some(link) = self.links.get_mut(&id) else { continue };
            let (up, down) = link.kept(now);
            link.up.cut(up, server.map(|ms| (now + ms, Up::Reset)));
            link.down.cut(down, client.map(|ms| (now + ms, Down::Reset)));
            self.expect_up(id);
            self.expect_down(id);
        }
    }

    fn stall(&mut self, slot: usize, way: Way, until_ms: u64) {
        for id in self.own_links(slot) {
            let Some(link) = self.links.get_mut(&id) else { continue };
            let (up, down) = match way {
                Way::Up => (true, false),
                Way::Down => (false, true),
                Way::Both => (true, true),
            };
            if up {
                link.up.stalled_until_ms = link.up.stalled_until_ms.max(until_ms);
            }
            if down {
                link.down.stalled_until_ms = link.down.stalled_until_ms.max(until_ms);
            }
        }
    }

    pub(crate) fn set_windows(&mut self, slot: usize) {
        let window = self.slots[slot].air.window();
        for id in self.own_links(slot) {
            if let Some(link) = self.links.get_mut(&id) {
                link.window = window;
            }
            self.write(id);
        }
    }

    pub(crate) fn widen(&mut self, slot: usize) {
        self.slots[slot].air.narrow = false;
        self.set_windows(slot);
    }

    pub(crate) fn expect_up(&mut self, id: LinkId) {
        if let Some(due) = self.links.get(&id).and_then(|link| link.up.due()) {
            self.plan(due, Event::Up(id));
        }
    }

    pub(crate) fn expect_down(&mut self, id: LinkId) {
        if let Some(due) = self.links.get(&id).and_then(|link| link.down.due()) {
            self.plan(due, Event::Down(id));
        }
    }

    /// Carries what is due to the server.
    pub(crate) fn pump_up(&mut self, id: LinkId) {
        while let Some(link) = self.links.get_mut(&id)
            && let Some(due) = link.up.due()
        {
            if due > self.now {
                self.plan(due, Event::Up(id));
                return;
            }
            if let Some((_, message)) = link.up.queue.pop_front() {
                self.arrive(id, message);
            }
        }
        self.forget_if_over(id);
    }

    /// Carries what is due to the browser.
    pub(crate) fn pump_down(&mut self, id: LinkId) {
        while let Some(link) = self.links.get_mut(&id)
            && let Some(due) = link.down.due()
        {
            if due > self.now {
                self.plan(due, Event::Down(id));
                return;
            }
            if let Some((_, message)) = link.down.queue.pop_front() {
                self.deliver(id, message);
            }
        }
        self.forget_if_over(id);
    }

    fn forget_if_over(&mut self, id: LinkId) {
        if self.links.get(&id).is_some_and(|link| link.is_over()) {
            self.links.remove(&id);
        }
    }

    // ---- reads

    /// A read over HTTP arrives.
    pub(crate) fn read(&mut self, slot: usize, channel: usize) {
        let now = self.now;
        let name = CHANNELS[channel];
        let node = &self.nodes[0];
        if node.paused_since.is_some() {
            return;
        }
        let Some(registry) = &node.registry else { return };
        self.ledger.advance(now);
        let page = registry.users(ServerMillis(now), "default", name, None, 3);
        let mut listed: Vec<(String, Attributes)> =
            page.users.into_iter().map(|member| (member.user, member.attributes)).collect();
        let mut next = page.next;
        while let Some(after) = next {
            let page = registry.users(ServerMillis(now), "default", name, Some(&after), 3);
            listed.extend(page.users.into_iter().map(|member| (member.user, member.attributes)));
            next = page.next;
        }
        let mut wrong = Vec::new();
        if page.count != listed.len() as u64 || registry.count("default", name) != page.count {
            wrong.push(format!("{name} counts {} members and lists {}", page.count, listed.len()));
        }
        for user in 0..USERS {
            let id = format!("u{user}");
            let found = listed.iter().find(|(known, _)| *known == id).map(|(_, attributes)| attributes);
            match self.ledger.truths[channel][user].presence {
                Presence::Yes if found.is_none() => wrong.push(format!("a read of {name} lacks {id}")),
                Presence::No | Presence::Limbo if found.is_some() => {
                    wrong.push(format!("a read of {name} names {id}"));
                }
                Presence::No | Presence::Yes | Presence::Maybe | Presence::Limbo => {}
            }
            let attributes = registry.attributes("default", name, &id);
            if attributes != found.cloned().unwrap_or_default() {
                wrong.push(format!("the attributes of {id} in {name} differ between reads"));
            }
            let channels = registry.user_channels("default", &id);
            if channels.iter().any(|known| known == name) != found.is_some() {
                wrong.push(format!("the channels of {id} are {channels:?}"));
            }
        }
        if let Some(message) = wrong.into_iter().next() {
            self.fail(Invariant::AckVisible, message);
        }
        self.log(|| format!("tab {slot} reads {name}: {listed:?}"));
    }
}
