//! What happens to links, and the carrying itself.

use crate::net::{Down, LinkId, Up};
use crate::plan::Way;
use crate::world::{Event, World};

impl World {
    pub(crate) fn cut(&mut self, slot: usize, client: Option<u64>, server: Option<u64>) {
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

    pub(crate) fn stall(&mut self, slot: usize, way: Way, until_ms: u64) {
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
}
