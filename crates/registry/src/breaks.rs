//! Rules that the simulation breaks on purpose, to show that its checks can fail. Only with the feature `breaks`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use herenow_protocol::Attributes;

/// A rule that can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// A lost session ends at once.
    SkipsGrace,
    /// A session that said goodbye ends at once.
    SkipsLinger,
    /// A lost session never ends.
    SweepMisses,
    /// Silent connections are kept.
    KeepsSilent,
    /// Attributes outlive the membership.
    KeepsAttributes,
    /// An owner that joins again is counted again.
    CountsOwners,
    /// A leave ends the membership whoever else is there.
    LeavesForAll,
    /// A leave leaves those that linger.
    LeavesLingering,
    /// An older attempt takes over.
    IgnoresAttempt,
    /// A snapshot is taken before its diff is flushed.
    SnapshotsUnflushed,
    /// An update is told as leave and join.
    TellsUpdateAsRejoin,
    /// A second session of a user is told as another join.
    TellsSecondJoin,
    /// A set is acknowledged and not done, once in a while.
    AcksUndone,
    /// A server that has just started says that it has settled.
    SettlesAtOnce,
    /// A channel that `hello` does not name is kept.
    KeepsUnnamed,
    /// Catching up forgets the first transition.
    CatchesUpLate,
    /// A diff that a full outbox cannot take is lost.
    LosesDiffs,
    /// After the node stood still, sessions end without time to come back.
    SparesNobody,
    /// While the node stops, lost sessions time out.
    TimesOutStopping,
    /// A lease that has ended is good.
    RenewsEnded,
    /// A batch that is repeated is applied again.
    AppliesTwice,
    /// What a node has left behind is swept as soon as its lease ends.
    SweepsAtOnce,
    /// A node whose lease ended asserts sessions of which it has heard nothing since.
    AssertsUnheard,
    /// A store that lost its data has all sessions asserted, though a lease in its new life has ended already.
    AssertsReborn,
    /// A node that is behind tells observers what is older than what they know.
    TellsOlder,
    /// A channel that is a little below a bound goes back to the mode before.
    SwitchesAtOnce,
    /// In a channel that is told by counts, users are not told of themselves.
    KeepsOwnSecret,
    /// That changes are cut short is not said.
    TruncatesSilently,
    /// Who is gone is not remembered.
    ForgetsGone,
    /// What a node has left behind is never swept.
    SweepsNobody,
}

thread_local! {
    static ON: Cell<Option<Break>> = const { Cell::new(None) };
    static KEPT: RefCell<HashMap<String, Attributes>> = RefCell::default();
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Breaks one rule, or none, in this thread.
pub fn set(broken: Option<Break>) {
    ON.set(broken);
    KEPT.take();
    COUNT.set(0);
}

pub(crate) fn is_on(rule: Break) -> bool {
    ON.get() == Some(rule)
}

/// Once in `count` calls.
pub(crate) fn now_and_then(rule: Break, count: u64) -> bool {
    is_on(rule) && {
        COUNT.set(COUNT.get() + 1);
        COUNT.get().is_multiple_of(count)
    }
}

/// Keeps attributes beyond their membership.
pub(crate) fn keep(user: &str, attributes: &Attributes) {
    KEPT.with_borrow_mut(|kept| kept.insert(user.into(), attributes.clone()));
}

/// What was kept.
pub(crate) fn kept(user: &str) -> Attributes {
    KEPT.with_borrow(|kept| kept.get(user).cloned()).unwrap_or_default()
}
