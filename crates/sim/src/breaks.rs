//! The rules that can be broken on purpose, by name.

use herenow_registry::breaks::{self as registry, Break as Registry};
use herenow_session::breaks::{self as session, Break as Session};

use crate::{Profile, Topology};

/// A rule of one of the two crates.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// Of `registry`.
    Registry(Registry),
    /// Of `session`.
    Session(Session),
}

/// A rule that can be broken.
#[derive(Clone, Copy, Debug)]
pub struct Break {
    /// Its name on the command line.
    pub name: &'static str,
    /// What is broken.
    pub rule: Rule,
    /// The profile in which it shows.
    pub profile: Profile,
    /// On which servers.
    pub topology: Topology,
}

const fn rough(name: &'static str, rule: Rule) -> Break {
    Break { name, rule, profile: Profile::Rough, topology: Topology::Alone }
}

/// What only servers that share a store can do.
const fn shared(name: &'static str, rule: Registry) -> Break {
    Break { name, rule: Rule::Registry(rule), profile: Profile::Rough, topology: Topology::Shared }
}

/// What takes several faults at once, on servers that share a store.
const fn shared_hell(name: &'static str, rule: Registry) -> Break {
    Break { profile: Profile::Hell, ..shared(name, rule) }
}

/// What takes several faults at once.
const fn hell(name: &'static str, rule: Rule) -> Break {
    Break { name, rule, profile: Profile::Hell, topology: Topology::Alone }
}

/// Every break.
pub const ALL: &[Break] = &[
    rough("skip-grace", Rule::Registry(Registry::SkipsGrace)),
    rough("skip-linger", Rule::Registry(Registry::SkipsLinger)),
    rough("sweep-misses", Rule::Registry(Registry::SweepMisses)),
    rough("keep-silent-sockets", Rule::Registry(Registry::KeepsSilent)),
    rough("keep-attributes", Rule::Registry(Registry::KeepsAttributes)),
    rough("count-owners", Rule::Registry(Registry::CountsOwners)),
    rough("leave-for-all", Rule::Registry(Registry::LeavesForAll)),
    rough("leave-lingering", Rule::Registry(Registry::LeavesLingering)),
    rough("ignore-attempt", Rule::Registry(Registry::IgnoresAttempt)),
    rough("snapshot-unflushed", Rule::Registry(Registry::SnapshotsUnflushed)),
    rough("update-as-rejoin", Rule::Registry(Registry::TellsUpdateAsRejoin)),
    rough("tell-second-join", Rule::Registry(Registry::TellsSecondJoin)),
    rough("ack-undone", Rule::Registry(Registry::AcksUndone)),
    rough("settle-at-once", Rule::Registry(Registry::SettlesAtOnce)),
    rough("keep-unnamed", Rule::Registry(Registry::KeepsUnnamed)),
    rough("catch-up-late", Rule::Registry(Registry::CatchesUpLate)),
    rough("lose-diffs", Rule::Registry(Registry::LosesDiffs)),
    rough("spare-nobody", Rule::Registry(Registry::SparesNobody)),
    rough("time-out-stopping", Rule::Registry(Registry::TimesOutStopping)),
    rough("switch-at-once", Rule::Registry(Registry::SwitchesAtOnce)),
    rough("truncate-silently", Rule::Registry(Registry::TruncatesSilently)),
    rough("keep-own-secret", Rule::Registry(Registry::KeepsOwnSecret)),
    shared("renew-ended", Registry::RenewsEnded),
    shared("apply-twice", Registry::AppliesTwice),
    shared("sweep-at-once", Registry::SweepsAtOnce),
    shared("sweep-nobody", Registry::SweepsNobody),
    shared("forget-gone", Registry::ForgetsGone),
    shared("tell-older", Registry::TellsOlder),
    shared("assert-unheard", Registry::AssertsUnheard),
    rough("tell-unsettled", Rule::Session(Session::TellsUnsettled)),
    rough("settle-unasked", Rule::Session(Session::SettlesUnasked)),
    rough("ignore-prev", Rule::Session(Session::IgnoresPrev)),
    rough("keep-withdrawn", Rule::Session(Session::KeepsWithdrawn)),
    rough("forget-deadlines", Rule::Session(Session::ForgetsDeadlines)),
    rough("hear-old-sockets", Rule::Session(Session::HearsOldSockets)),
    rough("trust-silence", Rule::Session(Session::TrustsSilence)),
    hell("forget-unclear", Rule::Session(Session::ForgetsUnclear)),
    rough("apply-overlaps", Rule::Session(Session::AppliesOverlaps)),
    rough("trust-old-tokens", Rule::Session(Session::TrustsOldTokens)),
    rough("replace-silently", Rule::Session(Session::ReplacesSilently)),
    rough("name-nothing", Rule::Session(Session::NamesNothing)),
];

/// Mistakes that were made and show in one seed of thousands: for the regressions.
pub const RARE: &[Break] = &[
    Break {
        name: "forget-place",
        rule: Rule::Session(Session::ForgetsPlace),
        profile: Profile::Rough,
        topology: Topology::Shared,
    },
    rough("keep-absent", Rule::Session(Session::KeepsAbsent)),
    shared_hell("assert-reborn", Registry::AssertsReborn),
];

/// The rule of a name.
pub fn find(name: &str) -> Option<Rule> {
    ALL.iter().chain(RARE).find(|known| known.name == name).map(|found| found.rule)
}

/// Breaks one rule, or none, in this thread.
pub fn set(broken: Option<Rule>) {
    let (of_registry, of_session) = match broken {
        Some(Rule::Registry(rule)) => (Some(rule), None),
        Some(Rule::Session(rule)) => (None, Some(rule)),
        None => (None, None),
    };
    registry::set(of_registry);
    session::set(of_session);
}
