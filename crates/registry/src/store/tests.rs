//! The rules of the store that no single node can break by itself: ops that come late, from a node that a session
//! has left.

use herenow_protocol::{Attributes, Epoch, Transition};

use super::{Action, Effect, Incarnation, Op, OwnerId, Rosters, Sequenced};
use crate::Millis;
use crate::names::User;

const PAGE: OwnerId = OwnerId(1);
const OTHER_PAGE: OwnerId = OwnerId(2);
const NODE: Incarnation = Incarnation(1);

struct Ops {
    store: Rosters,
    told: Vec<Sequenced>,
}

impl Ops {
    fn new() -> Self {
        Self { store: Rosters::new(Epoch(1)), told: Vec::new() }
    }

    fn apply(&mut self, owner: OwnerId, attempt: u32, action: Action) -> Effect {
        let user = User::new("app", "ada");
        let op = Op { channel: user.channel("lobby"), user, owner, attempt, action };
        self.store.apply(Millis(0), NODE, op, &mut self.told)
    }

    fn told(&mut self) -> Vec<Transition> {
        std::mem::take(&mut self.told).into_iter().map(|told| told.transition).collect()
    }
}

fn mood(mood: &str) -> Attributes {
    Attributes::from_iter([("mood", mood)])
}

#[test]
fn an_op_of_a_lower_attempt_does_nothing() {
    for late in [
        Action::Join,
        Action::Leave,
        Action::Linger,
        Action::Goodbye,
        Action::Timeout,
        Action::Set(mood("late")),
    ] {
        let mut ops = Ops::new();
        ops.apply(PAGE, 2, Action::Join);
        ops.told();
        assert_eq!(ops.apply(PAGE, 1, late.clone()), Effect::Ignored, "{late:?}");
        assert_eq!(ops.told(), []);
        // Not even a mark: the owner does not linger, and still is of the newer attempt.
        ops.apply(OTHER_PAGE, 1, Action::Leave);
        assert_eq!(ops.apply(PAGE, 2, Action::Set(mood("now"))), Effect::Changed);
        assert_eq!(ops.apply(PAGE, 1, Action::Timeout), Effect::Ignored);
    }
}

#[test]
fn ops_of_one_who_is_no_owner_do_nothing() {
    for action in
        [Action::Leave, Action::Linger, Action::Goodbye, Action::Timeout, Action::Set(mood("happy"))]
    {
        let mut ops = Ops::new();
        assert_eq!(ops.apply(PAGE, 1, action.clone()), Effect::Ignored);
        ops.apply(OTHER_PAGE, 1, Action::Join);
        ops.told();
        assert_eq!(ops.apply(PAGE, 1, action), Effect::Ignored);
        assert_eq!(ops.told(), []);
    }
}

#[test]
fn an_op_yields_at_most_one_transition_and_each_has_a_greater_number() {
    let mut ops = Ops::new();
    for owner in [PAGE, OTHER_PAGE] {
        ops.apply(owner, 1, Action::Join);
        ops.apply(owner, 1, Action::Set(mood("happy")));
        ops.apply(owner, 1, Action::Linger);
    }
    assert_eq!(ops.apply(OwnerId(3), 1, Action::Leave), Effect::Changed);
    let numbers: Vec<_> = ops.told.iter().map(|told| told.seq).collect();
    assert_eq!(numbers, [1, 2, 3]);
    let user = || "ada".to_owned();
    assert_eq!(
        ops.told(),
        [
            Transition::Join { user: user() },
            Transition::Set { user: user(), attributes: mood("happy") },
            Transition::Leave { user: user() },
        ]
    );
}

#[test]
fn a_store_without_members_holds_nothing() {
    let mut ops = Ops::new();
    ops.apply(PAGE, 1, Action::Join);
    ops.apply(PAGE, 1, Action::Timeout);
    let user = User::new("app", "ada");
    assert_eq!(ops.store.count(&user.channel("lobby")), 0);
    assert_eq!(ops.store.channels_of(&user), Vec::<String>::new());
    assert_eq!(ops.store.roster(&user.channel("lobby")).0, 2, "what it may have reached is known");
}
