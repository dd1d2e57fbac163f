//! How hard a run is.

use crate::dice::Dice;
use crate::plan::{Act, CHANNELS, Crash, SLOTS, Way, first_calls, some_calls};
use crate::shared::PARTITIONS;
use crate::topology::Topology;

/// How much goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Users act, little goes wrong.
    Calm,
    /// Something goes wrong every few seconds.
    Rough,
    /// Everything goes wrong all the time.
    Hell,
}

impl Profile {
    /// The profile of a name.
    pub fn parse(name: &str) -> Option<Self> {
        [Profile::Calm, Profile::Rough, Profile::Hell].into_iter().find(|profile| profile.name() == name)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Profile::Calm => "calm",
            Profile::Rough => "rough",
            Profile::Hell => "hell",
        }
    }

    /// Steps of a run.
    pub(crate) const fn steps(self) -> usize {
        match self {
            Profile::Calm => 300,
            Profile::Rough => 520,
            Profile::Hell => 800,
        }
    }

    /// Of a hundred steps, those that are faults.
    const fn faults(self) -> u64 {
        match self {
            Profile::Calm => 4,
            Profile::Rough => 28,
            Profile::Hell => 55,
        }
    }

    pub(crate) fn act(self, dice: &mut Dice, serial: u64) -> Act {
        let slot = dice.index(SLOTS);
        if dice.below(100) < self.faults() {
            return self.fault(dice, slot);
        }
        match dice.below(60) {
            0..=35 => Act::Calls(slot, some_calls(dice, serial)),
            36..=43 => Act::Read(slot, dice.index(CHANNELS.len())),
            44..=47 => Act::Open(slot, first_calls(dice)),
            48..=50 => Act::CloseTab(slot),
            51..=53 => Act::Reload(slot, first_calls(dice)),
            54 | 55 => Act::Hide(slot, dice.between(50, 20_000), dice.one_in(5)),
            56 | 57 => Act::Background(slot, [1_000, 60_000][dice.index(2)], dice.between(1_000, 120_000)),
            58 => Act::Nudge(slot),
            _ if dice.one_in(3) => Act::Flood(slot, dice.index(CHANNELS.len()), dice.between(5, 40), None),
            _ => Act::Freeze(slot, dice.between(100, 30_000)),
        }
    }

    /// Of a thousand steps, those that are faults of a shared store.
    pub(crate) const fn store_faults(self) -> u64 {
        match self {
            Profile::Calm => 4,
            Profile::Rough => 30,
            Profile::Hell => 90,
        }
    }

    pub(crate) fn store_fault(self, dice: &mut Dice) -> Act {
        let node = dice.index(Topology::Shared.nodes());
        match dice.below(12) {
            0..=3 => Act::StoreHole(node, long(dice)),
            4..=6 => Act::StoreLossy(node, long(dice)),
            7..=9 => Act::StoreSlow(node, long(dice)),
            10 => Act::StoreAway(long(dice)),
            _ => Act::StoreLoses(dice.index(usize::from(PARTITIONS))),
        }
    }

    fn fault(self, dice: &mut Dice, slot: usize) -> Act {
        match dice.below(100) {
            0..=21 => {
                let sees = |dice: &mut Dice| (!dice.one_in(4)).then(|| dice.below(3) * dice.below(2_000));
                let (client, server) = (sees(dice), sees(dice));
                Act::Cut(slot, client, server)
            }
            22..=31 => {
                let way = [Way::Up, Way::Down, Way::Both][dice.index(3)];
                Act::Stall(slot, way, long(dice))
            }
            32..=39 => Act::Hole(slot, long(dice)),
            40..=44 => Act::Refuse(slot, long(dice)),
            45..=50 => Act::Slow(slot, long(dice)),
            51..=54 => Act::Narrow(slot, long(dice)),
            55..=58 => Act::ResetHandshake(slot),
            59..=66 => Act::Crash(slot, [Crash::Closed, Crash::Reset, Crash::Vanished][dice.index(3)]),
            67..=70 => Act::Freeze(slot, long(dice)),
            71..=74 => {
                let hour = dice.one_in(6);
                Act::Sleep(slot, if hour { 3_600_000 } else { long(dice) })
            }
            75..=80 => Act::TokenTrouble(slot, long(dice)),
            81 | 82 => {
                let reader = Some(dice.index(SLOTS));
                Act::Flood(slot, dice.index(CHANNELS.len()), dice.between(50, 110), reader)
            }
            83 | 84 => Act::Nudge(slot),
            85 => Act::OldTokens(slot),
            86..=89 => Act::Kill(dice.between(10, 6_000), !dice.one_in(4)),
            90..=93 => Act::Pause(long(dice)),
            94 | 95 => Act::Shutdown(dice.between(200, 8_000), dice.between(10, 4_000)),
            96 | 97 => Act::Partition(long(dice)),
            _ if dice.one_in(2) => Act::LateHello(slot, Way::Up, dice.between(700, 4_800)),
            _ => Act::LateHello(slot, Way::Down, dice.between(10_500, 14_000)),
        }
    }
}

/// How long a fault lasts, in milliseconds.
fn long(dice: &mut Dice) -> u64 {
    match dice.below(10) {
        0..=4 => dice.between(50, 1_500),
        5..=7 => dice.between(1_000, 9_000),
        8 => dice.between(8_000, 13_000),
        _ => dice.between(10_000, 45_000),
    }
}
