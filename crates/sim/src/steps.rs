//! What each step does to the world.

use herenow_session::Lifecycle;

use crate::client::Page;
use crate::dice::luck;
use crate::plan::{Act, Way};
use crate::shared::Way as StoreWay;
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
            Act::OldTokens(slot) => self.slots[slot].air.old_tokens = 2,
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
                let node = self.some_node();
                if self.nodes[node].registry.is_some() {
                    self.kill_node(node, loudly);
                    self.plan(now + down_ms, Event::NodeStarts { node });
                }
            }
            Act::Pause(ms) => self.pause_node(self.some_node(), ms),
            Act::Shutdown(over_ms, down_ms) => self.shut_node_down(self.some_node(), over_ms, down_ms),
            Act::StoreHole(node, ms) => self.trouble_way(node, ms, |way| &mut way.hole_until_ms),
            Act::StoreLossy(node, ms) => self.trouble_way(node, ms, |way| &mut way.lossy_until_ms),
            Act::StoreSlow(node, ms) => self.trouble_way(node, ms, |way| &mut way.slow_until_ms),
            Act::StoreAway(ms) => {
                for node in 0..self.nodes.len() {
                    self.trouble_way(node, ms, |way| &mut way.hole_until_ms);
                }
            }
            Act::StoreLoses(partition) => self.lose_data(partition),
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

    fn some_node(&self) -> usize {
        luck([self.seed, 33, self.now]).index(self.nodes.len())
    }

    /// Something is wrong with the way of a node to the store for so long.
    fn trouble_way(&mut self, node: usize, ms: u64, which: impl Fn(&mut StoreWay) -> &mut u64) {
        let until_ms = self.now + ms;
        let Some(shared) = &mut self.shared else { return };
        let known = which(&mut shared.ways[node]);
        *known = until_ms.max(*known);
        shared.facts.trouble(node, until_ms);
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
            Act::Kill(ms, _)
            | Act::Pause(ms)
            | Act::Partition(ms)
            | Act::StoreHole(_, ms)
            | Act::StoreLossy(_, ms)
            | Act::StoreSlow(_, ms)
            | Act::StoreAway(ms) => {
                self.trouble_until_ms = self.trouble_until_ms.max(now + ms);
                return;
            }
            Act::StoreLoses(_) => {
                self.trouble_until_ms = self.trouble_until_ms.max(now);
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
            | Act::OldTokens(_)
            | Act::Wait => return,
        };
        self.slots[slot].air.trouble(until_ms);
    }

    pub(crate) fn runs(&self, slot: usize) -> bool {
        self.slots[slot].tab.as_ref().is_some_and(|tab| tab.page == Page::Running)
    }
}
