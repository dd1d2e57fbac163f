//! `ended.lua`, `left.lua` and `sweep.lua`.

use super::*;

const GRACE_MS: &str = "5000";
/// A lease that ended longer ago than the grace, and one that did not.
const GONE: i64 = -6_000;
const ENDED: i64 = -4_000;

fn ended(desk: &Desk, nodes: &str) -> String {
    desk.run(&scripts::ENDED, &[GRACE_MS, nodes])
}

fn left(desk: &Desk, most: u32, nodes: &[&str]) -> Vec<String> {
    let most = most.to_string();
    let given: Vec<&str> = [most.as_str()].iter().chain(nodes).copied().collect();
    let answer = desk.run(&scripts::LEFT, &given);
    let entries = answer.strip_prefix("left [").and_then(|rest| rest.strip_suffix(']')).unwrap();
    entries.split_whitespace().map(str::to_owned).collect()
}

fn sweep(desk: &Desk, is_all: bool, nodes: &[&str], entries: &[String]) -> String {
    let count = nodes.len().to_string();
    let mut given = vec![GRACE_MS, if is_all { "1" } else { "0" }, &count];
    given.extend(nodes);
    let pairs: Vec<(&str, &str)> = entries.iter().map(|entry| entry.rsplit_once('/').unwrap()).collect();
    given.extend(pairs.iter().flat_map(|(channel, user)| [*channel, *user]));
    desk.run(&scripts::SWEEP, &given)
}

/// With members u000, u001, … of the node `n1`.
fn with(members: u32) -> Desk {
    let desk = Desk::new();
    desk.lease("n1", 10_000);
    let names: Vec<String> = (0..members).map(|at| format!("u{at:03}")).collect();
    let joins: Vec<Op<'_>> = names.iter().map(|name| op("join", "app/lobby", name, 1)).collect();
    desk.apply("n1", 1, &joins);
    desk
}

#[test]
fn nodes_have_ended_a_grace_after_their_leases() {
    let desk = Desk::new();
    assert_eq!(ended(&desk, "9"), "ended []");
    for (node, ends_in) in [("n1", 4_000), ("n2", ENDED), ("n3", GONE - 1_000), ("n4", GONE)] {
        desk.lease(node, ends_in);
    }
    assert_eq!(ended(&desk, "9"), "ended [n3 n4]");
    assert_eq!(ended(&desk, "1"), "ended [n3]");
    assert_eq!(desk.of("ZCARD", "leases", &[]), "4");
}

#[test]
fn what_nodes_left_behind_is_told_in_order_and_once() {
    let desk = with(3);
    desk.lease("n2", 10_000);
    let ops = [
        op("join", "app/lobby", "u001", 1).owner("other"),
        op("join", "app/hall", "ann", 1),
        op("join", "app/lobby", "u0015", 1),
    ];
    desk.apply("n2", 1, &ops);
    assert_eq!(left(&desk, 9, &["n1"]), ["app/lobby/u000", "app/lobby/u001", "app/lobby/u002"]);
    let both = ["app/hall/ann", "app/lobby/u000", "app/lobby/u001", "app/lobby/u0015", "app/lobby/u002"];
    assert_eq!(left(&desk, 9, &["n1", "n2"]), both);
    assert_eq!(left(&desk, 3, &["n1", "n2"]), both[..3]);
    assert_eq!(left(&desk, 9, &["n3"]), Vec::<String>::new());
}

#[test]
fn a_sweep_goes_on_in_slices_until_nothing_is_left() {
    let desk = with(250);
    desk.lease("n1", GONE);
    for (slice, more) in [(100, 150), (100, 50)] {
        let mut entries = left(&desk, 101, &["n1"]);
        assert_eq!(entries.len(), 101);
        entries.truncate(slice);
        assert_eq!(sweep(&desk, false, &["n1"], &entries), "swept 1");
        assert_eq!(desk.of("ZCARD", "n:n1", &[]), more.to_string());
        assert_eq!(desk.of("ZCARD", "o:app/lobby", &[]), more.to_string());
        assert_eq!(ended(&desk, "9"), "ended [n1]", "it is known until nothing is left");
    }
    assert_eq!(desk.of("XLEN", "log", &[]), "3", "a slice is an entry");
    let entries = left(&desk, 101, &["n1"]);
    assert_eq!((entries.len(), sweep(&desk, true, &["n1"], &entries)), (50, "swept 1".into()));
    assert_eq!(desk.keys(), ["log"], "nothing is left of the node, its lease and its last batch");
    assert_eq!((desk.meta("seq"), desk.meta("forgotten")), ("500".into(), "500".into()));
    let last = desk.of("XREVRANGE", "log", &["+", "-", "COUNT", "1"]);
    assert!(last.starts_with("[[500-0 [f 450 t app/lobby u200 '' t app/lobby u201 ''"), "{last}");
}

#[test]
fn who_has_an_owner_elsewhere_stays() {
    let desk = with(2);
    desk.lease("n2", 10_000);
    let ops = [op("join", "app/lobby", "u000", 1).owner("other"), op("join", "app/lobby", "u001", 2)];
    assert_eq!(desk.apply("n2", 1, &ops), "applied 1 UU 2");
    desk.lease("n1", GONE);
    let entries = left(&desk, 9, &["n1"]);
    assert_eq!(entries, ["app/lobby/u000", "app/lobby/u001"], "the one who moved is still spoken for");
    assert_eq!(sweep(&desk, true, &["n1"], &entries), "swept 1");
    assert_eq!(desk.member("app/lobby", "u000"), r#"["","",0,"other","n2",1,0]"#);
    assert_eq!(desk.member("app/lobby", "u001"), r#"["","",0,"u001","n2",2,0]"#);
    assert_eq!((desk.meta("seq"), desk.of("ZRANGE", "leases", &["0", "-1"])), ("2".into(), "[n2]".into()));
    assert_eq!(desk.of("HKEYS", "last", &[]), "[n2]");
    assert_eq!(desk.of("EXISTS", "n:n1", &[]), "0");
}

#[test]
fn only_who_has_ended_is_swept() {
    for ends_in in [ENDED, 4_000] {
        let desk = with(1);
        desk.lease("n1", ends_in);
        let before = desk.keys();
        assert_eq!(sweep(&desk, true, &["n1"], &["app/lobby/u000".into()]), "swept 0");
        assert_eq!((desk.keys(), desk.meta("seq")), (before, "1".into()));
        assert_eq!(desk.member("app/lobby", "u000"), r#"["","",0,"u000","n1",1,0]"#);
    }
}

#[test]
fn a_sweep_that_comes_late_does_nothing() {
    let desk = with(2);
    desk.lease("n1", GONE);
    let entries = left(&desk, 9, &["n1"]);
    assert_eq!(sweep(&desk, true, &["n1"], &entries), "swept 1");
    assert_eq!(sweep(&desk, true, &["n1"], &entries), "swept 0", "of two nodes one sweeps");
    assert_eq!((desk.meta("seq"), desk.of("XLEN", "log", &[])), ("4".into(), "2".into()));
}
