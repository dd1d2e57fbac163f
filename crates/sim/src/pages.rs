//! What happens to a page: closed, crashed, frozen, hidden, back.

use herenow_session::{Lifecycle, Millis};

use crate::client::{PROMISE_SLACK_MS, Page};
use crate::dice::luck;
use crate::net::{Browser, LinkId, Up};
use crate::plan::{Call, Crash, Value};
use crate::world::{Event, World};

impl World {
    /// Links of the tab that is here.
    pub(crate) fn own_links(&self, slot: usize) -> Vec<LinkId> {
        let life = self.slots[slot].lives;
        self.links
            .values()
            .filter(|link| link.slot == slot && link.life == life)
            .map(|link| link.id)
            .collect()
    }

    pub(crate) fn close_tab(&mut self, slot: usize) {
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

    pub(crate) fn crash(&mut self, slot: usize, crash: Crash) {
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

    pub(crate) fn stop_page(&mut self, slot: usize, page: Page, ms: u64) {
        let now = self.now;
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        if tab.page != Page::Running {
            return;
        }
        tab.page = page;
        let life = tab.life;
        self.plan(now + ms, Event::PageBack { slot, life, since_ms: now });
    }

    pub(crate) fn hide(&mut self, slot: usize, ms: u64, evicted: bool) {
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
}
