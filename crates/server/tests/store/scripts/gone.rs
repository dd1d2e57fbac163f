//! How `apply.lua` remembers owners that have gone.

use super::*;

const LOBBY: &str = "app/lobby";
const KEY: &str = "g:app/ann/ann";

fn joined(attempt: u32) -> Desk {
    let desk = Desk::new();
    desk.lease("n1", 10_000);
    assert_eq!(desk.apply("n1", 1, &[op("join", LOBBY, "ann", attempt)]), "applied 1 C 1");
    desk
}

#[test]
fn each_way_of_going_is_remembered_for_a_minute() {
    for action in ["leave", "goodbye", "timeout"] {
        let desk = joined(3);
        assert_eq!(desk.of("EXISTS", KEY, &[]), "0");
        assert_eq!(desk.apply("n1", 2, &[op(action, LOBBY, "ann", 3)]), "applied 2 C 2");
        assert_eq!(desk.of("GET", KEY, &[]), "3", "{action}");
        let left: i64 = desk.of("PTTL", KEY, &[]).parse().unwrap();
        assert!((50_000..=60_000).contains(&left), "{left}");
    }
}

#[test]
fn what_was_on_its_way_does_not_bring_it_back() {
    let desk = joined(3);
    assert_eq!(desk.apply("n1", 2, &[op("leave", LOBBY, "ann", 3)]), "applied 2 C 2");
    assert_eq!(desk.apply("n1", 3, &[op("join", LOBBY, "ann", 2)]), "applied 3 I 2");
    assert_eq!(desk.apply("n1", 4, &[op("join", "app/hall", "ann", 2)]), "applied 4 I 2", "in no channel");
    assert_eq!(desk.keys(), [KEY, "last", "leases", "log"]);
    assert_eq!(
        desk.apply("n1", 5, &[op("join", LOBBY, "ann", 2).owner("a2")]),
        "applied 5 C 3",
        "another session"
    );
    let late =
        [op("set", LOBBY, "ann", 2).set("{sad}", "", 0), op("restore", LOBBY, "ann", 2).set("{sad}", "f", 9)];
    assert_eq!(desk.apply("n1", 6, &late), "applied 6 II 3");
    assert_eq!(desk.apply("n1", 7, &[op("join", LOBBY, "ann", 3)]), "applied 7 U 3", "it comes back itself");
}

#[test]
fn the_greatest_attempt_is_remembered() {
    let desk = joined(3);
    assert_eq!(desk.apply("n1", 2, &[op("leave", LOBBY, "ann", 5)]), "applied 2 C 2");
    assert_eq!(desk.apply("n1", 3, &[op("leave", LOBBY, "ann", 4)]), "applied 3 I 2");
    assert_eq!(desk.of("GET", KEY, &[]), "5");
    desk.of("PEXPIRE", KEY, &["1"]);
    while desk.of("EXISTS", KEY, &[]) == "1" {}
    assert_eq!(desk.apply("n1", 4, &[op("join", LOBBY, "ann", 1)]), "applied 4 C 3", "and then forgotten");
}
