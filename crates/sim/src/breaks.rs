//! The rules that can be broken on purpose, by name, with the invariants that may show it.

use herenow_registry::breaks::{self as registry, Break as Registry};
use herenow_session::breaks::{self as session, Break as Session};

/// A rule of one of the two crates.
#[derive(Clone, Copy, Debug)]
pub enum Break {
    /// Of `registry`.
    Registry(Registry),
    /// Of `session`; the second is what must go wrong in the registry for it to matter.
    Session(Session, Option<Registry>),
}

/// Every break, with its name.
pub const ALL: &[(&str, Break)] = &[
    ("skip-grace", Break::Registry(Registry::SkipsGrace)),
    ("skip-linger", Break::Registry(Registry::SkipsLinger)),
    ("sweep-misses", Break::Registry(Registry::SweepMisses)),
    ("keep-silent-sockets", Break::Registry(Registry::KeepsSilent)),
    ("keep-attributes", Break::Registry(Registry::KeepsAttributes)),
    ("count-owners", Break::Registry(Registry::CountsOwners)),
    ("leave-for-all", Break::Registry(Registry::LeavesForAll)),
    ("leave-lingering", Break::Registry(Registry::LeavesLingering)),
    ("ignore-attempt", Break::Registry(Registry::IgnoresAttempt)),
    ("snapshot-unflushed", Break::Registry(Registry::SnapshotsUnflushed)),
    ("update-as-rejoin", Break::Registry(Registry::TellsUpdateAsRejoin)),
    ("tell-second-join", Break::Registry(Registry::TellsSecondJoin)),
    ("ack-undone", Break::Registry(Registry::AcksUndone)),
    ("settle-at-once", Break::Registry(Registry::SettlesAtOnce)),
    ("keep-unnamed", Break::Registry(Registry::KeepsUnnamed)),
    ("catch-up-late", Break::Registry(Registry::CatchesUpLate)),
    ("lose-diffs", Break::Registry(Registry::LosesDiffs)),
    ("spare-nobody", Break::Registry(Registry::SparesNobody)),
    ("time-out-stopping", Break::Registry(Registry::TimesOutStopping)),
    ("tell-unsettled", Break::Session(Session::TellsUnsettled, None)),
    ("settle-unasked", Break::Session(Session::SettlesUnasked, None)),
    ("ignore-prev", Break::Session(Session::IgnoresPrev, None)),
    ("keep-withdrawn", Break::Session(Session::KeepsWithdrawn, None)),
    ("forget-deadlines", Break::Session(Session::ForgetsDeadlines, None)),
    ("hear-old-sockets", Break::Session(Session::HearsOldSockets, None)),
    ("trust-silence", Break::Session(Session::TrustsSilence, None)),
    ("forget-unclear", Break::Session(Session::ForgetsUnclear, None)),
    ("apply-overlaps", Break::Session(Session::AppliesOverlaps, None)),
    ("trust-old-tokens", Break::Session(Session::TrustsOldTokens, None)),
    ("replace-silently", Break::Session(Session::ReplacesSilently, None)),
    ("name-nothing", Break::Session(Session::NamesNothing, None)),
];

/// The break of a name.
pub fn find(name: &str) -> Option<Break> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, found)| *found)
}

/// Breaks one rule, or none, in this thread.
pub fn set(broken: Option<Break>) {
    let (of_registry, of_session) = match broken {
        Some(Break::Registry(rule)) => (Some(rule), None),
        Some(Break::Session(rule, helped_by)) => (helped_by, Some(rule)),
        None => (None, None),
    };
    registry::set(of_registry);
    session::set(of_session);
}
