//! `tidy.lua`.

use super::*;

const LATER: &str = "00000000000000b1";

/// After a life in which `n1` spoke for ann and bob and `n2` for ann, whose sessions are in two channels.
fn reborn() -> Desk {
    let desk = Desk::new();
    desk.lease("n1", 10_000);
    desk.lease("n2", 20_000);
    let ops = [
        op("join", "app/lobby", "ann", 1),
        op("join", "app/hall", "ann", 1),
        op("join", "other/hall", "bob", 1),
        op("join", "app/lobby", "cid", 1),
        op("leave", "app/lobby", "cid", 1),
    ];
    desk.apply("n1", 1, &ops);
    desk.apply("n2", 1, &[op("join", "app/lobby", "ann", 1).owner("a2")]);
    let keys = [
        "g:app/cid/cid",
        "last",
        "leases",
        "log",
        "m:app/hall",
        "m:app/lobby",
        "m:other/hall",
        "n:n1",
        "n:n2",
        "o:app/hall",
        "o:app/lobby",
        "o:other/hall",
        "s:app",
        "s:other",
        "u:app/ann",
        "u:other/bob",
    ];
    assert_eq!(desk.keys(), keys);
    desk.take_over();
    assert_eq!(desk.raw(&scripts::REBIRTH, LATER, &[]).shown(), format!("reborn {LIFE}"));
    desk.ask(&["ZADD", &format!("{META}:{LATER}:leases"), "9", "n1"]);
    desk.ask(&["SADD", &format!("{META}:{LATER}:u:app/ann"), "app/lobby"]);
    desk
}

fn tidy(desk: &Desk, life: &str, node: &str, entries: &[&str]) -> String {
    let pairs = entries.iter().map(|entry| entry.rsplit_once('/').unwrap());
    let given: Vec<&str> =
        [life, node].into_iter().chain(pairs.flat_map(|(channel, user)| [channel, user])).collect();
    let answer = desk.raw(&scripts::TIDY, LATER, &given);
    assert_eq!(answer.epoch, LATER);
    let later = format!("{META}:{LATER}:");
    let of_now = desk.all_keys().into_iter().filter(|key| key.starts_with(&later)).count();
    assert_eq!(of_now, 2, "what is of now stays");
    answer.shown()
}

#[test]
fn all_that_holds_the_members_of_a_slice_goes() {
    let desk = reborn();
    let more = format!("tidied {LIFE}");
    assert_eq!(tidy(&desk, LIFE, "n1", &["app/hall/ann", "app/lobby/ann"]), more);
    let left =
        ["g:app/cid/cid", "leases", "m:other/hall", "n:n1", "n:n2", "o:other/hall", "s:other", "u:other/bob"];
    assert_eq!(desk.keys(), left);
    assert_eq!(desk.of("ZRANGE", "n:n1", &["0", "-1"]), "[other/hall/bob]");
    assert_eq!(tidy(&desk, LIFE, "n1", &["app/hall/ann", "app/lobby/ann"]), more, "again");
    assert_eq!(desk.keys(), left);
    assert_eq!(tidy(&desk, LIFE, "n1", &["other/hall/bob"]), more);
    assert_eq!(desk.keys(), ["g:app/cid/cid", "leases", "n:n2"]);
    assert_eq!(desk.of("ZRANGE", "leases", &["0", "-1"]), "[n2]", "the node has nothing any more");
    assert_eq!(tidy(&desk, LIFE, "n2", &["app/lobby/ann"]), "tidied ''");
    assert_eq!(desk.keys(), ["g:app/cid/cid"], "which ends by itself");
    assert_eq!(desk.meta("earlier"), "nil");
    assert_eq!(tidy(&desk, LIFE, "n2", &["app/lobby/ann"]), "tidied ''", "of two nodes the later");
}

#[test]
fn a_life_without_nodes_is_over_at_once() {
    let desk = reborn();
    assert_eq!(tidy(&desk, LIFE, "", &[]), format!("tidied {LIFE}"), "not while it has some");
    desk.of("DEL", "leases", &[]);
    assert_eq!(tidy(&desk, LIFE, "", &[]), "tidied ''");
    assert_eq!(desk.meta("earlier"), "nil");
}

#[test]
fn lives_are_tidied_one_after_the_other() {
    let desk = reborn();
    let (before, after) = ("00000000000000a0", "00000000000000b0");
    desk.ask(&["HSET", META, "earlier", &format!("{before} {after}")]);
    assert_eq!(tidy(&desk, before, "", &[]), format!("tidied {after}"), "the first has left nothing");
    assert_eq!(desk.meta("earlier"), after);
}

#[test]
fn a_life_that_is_not_known_as_earlier_is_left_alone() {
    let desk = reborn();
    desk.ask(&["HSET", META, "earlier", "00000000000000a0"]);
    let before = desk.all_keys();
    for life in [LIFE, LATER] {
        assert_eq!(tidy(&desk, life, "n1", &["app/lobby/ann"]), "tidied 00000000000000a0");
    }
    assert_eq!(desk.all_keys(), before);
}
