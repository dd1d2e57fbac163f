//! Rules that the simulation breaks on purpose, to show that its checks can fail. Only with the feature `breaks`.

use std::cell::Cell;

/// A rule that can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// Departures are told though the server has not settled.
    TellsUnsettled,
    /// What is held back is told when its time has come, without asking the server.
    SettlesUnasked,
    /// A diff is applied whatever sequence it follows.
    IgnoresPrev,
    /// A wish whose promises ran out of time is not withdrawn.
    KeepsWithdrawn,
    /// Promises do not run out of time.
    ForgetsDeadlines,
    /// What old sockets say is heard.
    HearsOldSockets,
    /// What is joined already is confirmed by a socket that has been silent for too long.
    TrustsSilence,
    /// With nothing wanted a membership that the server may hold is forgotten.
    ForgetsUnclear,
    /// A snapshot replaces the roster without telling how it differs.
    ReplacesSilently,
    /// A diff that overlaps with what was told is applied.
    AppliesOverlaps,
    /// A token is taken for a new one however long ago it was given.
    TrustsOldTokens,
    /// A large channel is observed again as if nothing were known of it.
    ForgetsPlace,
    /// Who seemed to be missing stays so, whatever is heard of it.
    KeepsAbsent,
    /// `hello` names no channel.
    NamesNothing,
}

thread_local! {
    static ON: Cell<Option<Break>> = const { Cell::new(None) };
}

/// Breaks one rule, or none, in this thread.
pub fn set(broken: Option<Break>) {
    ON.set(broken);
}

pub(crate) fn is_on(rule: Break) -> bool {
    ON.get() == Some(rule)
}
