//! `apply.lua` with `changes.lua`.

use super::*;

const LOBBY: &str = "app/lobby";

/// With the node `n1`.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.lease("n1", 10_000);
    desk
}

/// The last entry of the log.
fn last(desk: &Desk) -> String {
    desk.of("XREVRANGE", "log", &["+", "-", "COUNT", "1"])
}

#[test]
fn a_join_writes_every_key_that_others_read() {
    let desk = desk();
    assert_eq!(desk.apply("n1", 1, &[op("join", LOBBY, "ann", 3).owner("a1")]), "applied 1 C 1");
    let keys = ["last", "leases", "log", "m:app/lobby", "n:n1", "o:app/lobby", "s:app", "u:app/ann"];
    assert_eq!(desk.keys(), keys);
    assert_eq!(desk.member(LOBBY, "ann"), r#"["","",0,"a1","n1",3,0]"#);
    assert_eq!(desk.of("HGET", "m:app/lobby", &[""]), "1", "the channel's last number");
    assert_eq!(desk.of("ZRANGE", "o:app/lobby", &["0", "-1"]), "[ann]");
    assert_eq!(desk.of("SMEMBERS", "u:app/ann", &[]), "[app/lobby]");
    assert_eq!(desk.of("ZRANGE", "s:app", &["0", "-1", "WITHSCORES"]), "[app/lobby 1]");
    assert_eq!(desk.of("ZRANGE", "n:n1", &["0", "-1"]), "[app/lobby/ann]");
    assert_eq!(desk.of("HGETALL", "last", &[]), "[n1 1 C 1]");
    assert_eq!(last(&desk), "[[1-0 [f 0 j app/lobby ann '']]]");
    assert_eq!((desk.meta("seq"), desk.meta("forgotten")), ("1".into(), "0".into()));
}

#[test]
fn a_batch_is_one_entry_of_the_log() {
    let desk = desk();
    let ops = [
        op("join", LOBBY, "ann", 1),
        op("set", LOBBY, "ann", 1).set("{glad}", "", 0),
        op("join", "app/hall", "bob", 1),
        op("leave", LOBBY, "cid", 1),
        op("goodbye", LOBBY, "ann", 1),
    ];
    assert_eq!(desk.apply("n1", 1, &ops), "applied 1 CCCIC 4");
    let told = "f 0 j app/lobby ann '' s app/lobby ann {glad} j app/hall bob '' l app/lobby ann ''";
    assert_eq!(last(&desk), format!("[[4-0 [{told}]]]"));
    assert_eq!(desk.apply("n1", 2, &[op("join", "app/hall", "bob", 2)]), "applied 2 U 4");
    assert_eq!(desk.of("XLEN", "log", &[]), "1", "nothing was told");
    assert_eq!(desk.apply("n1", 3, &[op("timeout", "app/hall", "bob", 2)]), "applied 3 C 5");
    assert_eq!(last(&desk), "[[5-0 [f 4 t app/hall bob '']]]");
}

#[test]
fn a_batch_that_is_given_twice_is_answered_once() {
    let desk = desk();
    let batch = [op("join", LOBBY, "ann", 1), op("leave", LOBBY, "bob", 1)];
    assert_eq!(desk.apply("n1", 7, &batch), "applied 7 CI 1");
    assert_eq!(desk.apply("n1", 8, &[op("leave", LOBBY, "ann", 1)]), "applied 8 C 2");
    let before = (desk.keys(), desk.of("XLEN", "log", &[]), desk.of("GET", "g:app/ann/ann", &[]));
    assert_eq!(desk.apply("n1", 8, &[op("leave", LOBBY, "ann", 1)]), "applied 8 C 2", "with the same answer");
    assert_eq!(desk.apply("n1", 7, &batch), "applied 8 C 2", "an older one does not come back either");
    desk.lease("n1", -1);
    assert_eq!(desk.apply("n1", 8, &batch), "applied 8 C 2", "its answer outlives the lease");
    let after = (desk.keys(), desk.of("XLEN", "log", &[]), desk.of("GET", "g:app/ann/ann", &[]));
    assert_eq!((after, desk.meta("seq")), (before, "2".into()));
    desk.lease("n2", 10_000);
    assert_eq!(
        desk.apply("n2", 8, &[op("join", LOBBY, "bob", 1)]),
        "applied 8 C 3",
        "nodes count for themselves"
    );
}

#[test]
fn a_node_without_a_lease_is_fenced() {
    let desk = Desk::new();
    let batch = [op("join", LOBBY, "ann", 1)];
    assert_eq!(desk.apply("n1", 1, &batch), "fenced", "it never had one");
    desk.lease("n1", 0);
    assert_eq!(desk.apply("n1", 1, &batch), "fenced", "it has ended");
    assert_eq!((desk.keys(), desk.meta("seq")), (vec!["leases".into()], "0".into()));
    desk.lease("n1", 10_000);
    assert_eq!(desk.apply("n1", 1, &batch), "applied 1 C 1");
}

#[test]
fn the_last_leave_takes_every_key_along() {
    let desk = desk();
    let joins = [op("join", LOBBY, "ann", 1), op("join", LOBBY, "bob", 1), op("join", "app/hall", "ann", 1)];
    assert_eq!(desk.apply("n1", 1, &joins), "applied 1 CCC 3");
    assert_eq!(desk.apply("n1", 2, &[op("leave", LOBBY, "ann", 1)]), "applied 2 C 4");
    assert_eq!(desk.of("ZRANGE", "o:app/lobby", &["0", "-1"]), "[bob]");
    assert_eq!(desk.of("HGET", "m:app/lobby", &["ann"]), "nil");
    assert_eq!(desk.of("HGET", "m:app/lobby", &[""]), "4");
    assert_eq!(desk.of("SMEMBERS", "u:app/ann", &[]), "[app/hall]");
    assert_eq!(desk.of("ZSCORE", "s:app", &["app/lobby"]), "1");
    assert_eq!(desk.meta("forgotten"), "0");
    let leaves = [op("leave", LOBBY, "bob", 1), op("leave", "app/hall", "ann", 1)];
    assert_eq!(desk.apply("n1", 3, &leaves), "applied 3 CC 6");
    assert_eq!(desk.keys(), ["g:app/ann/ann", "g:app/bob/bob", "last", "leases", "log"]);
    assert_eq!(desk.meta("forgotten"), "6", "an empty channel was told up to here");
}

#[test]
fn a_member_stays_while_an_owner_does() {
    let desk = desk();
    desk.lease("n2", 10_000);
    let one = |action, owner, attempt| [op(action, LOBBY, "ann", attempt).owner(owner)];
    assert_eq!(desk.apply("n1", 1, &one("join", "a1", 1)), "applied 1 C 1");
    assert_eq!(desk.apply("n2", 1, &one("join", "a2", 1)), "applied 1 U 1");
    assert_eq!(desk.member(LOBBY, "ann"), r#"["","",0,"a1","n1",1,0,"a2","n2",1,0]"#);
    assert_eq!(desk.apply("n2", 2, &one("join", "a1", 2)), "applied 2 U 1", "a session moves");
    assert_eq!(desk.member(LOBBY, "ann"), r#"["","",0,"a1","n2",2,0,"a2","n2",1,0]"#);
    assert_eq!(desk.apply("n1", 2, &one("goodbye", "a1", 1)), "applied 2 I 1", "an older attempt");
    assert_eq!(desk.of("ZCARD", "n:n1", &[]), "0", "the node that it left speaks for it no more");
    assert_eq!(desk.apply("n1", 3, &one("timeout", "a1", 2)), "applied 3 I 1", "it is another node's");
    assert_eq!(desk.apply("n2", 3, &one("linger", "a2", 1)), "applied 3 U 1");
    assert_eq!(desk.member(LOBBY, "ann"), r#"["","",0,"a1","n2",2,0,"a2","n2",1,1]"#);
    assert_eq!(desk.apply("n2", 4, &one("goodbye", "a1", 2)), "applied 4 U 1", "who lingers is left");
    assert_eq!(desk.apply("n2", 5, &one("join", "a1", 3)), "applied 5 U 1");
    assert_eq!(
        desk.apply("n2", 6, &one("leave", "a1", 3)),
        "applied 6 C 2",
        "by will: who lingers goes as well"
    );
    assert_eq!(desk.keys(), ["g:app/ann/a1", "last", "leases", "log"]);
}

#[test]
fn attributes_are_replaced_and_restored_by_the_newest() {
    let desk = desk();
    let one = |action, attributes, epoch, seq| [op(action, LOBBY, "ann", 1).set(attributes, epoch, seq)];
    assert_eq!(desk.apply("n1", 1, &one("set", "{glad}", "", 0)), "applied 1 I 0", "no member");
    assert_eq!(desk.apply("n1", 2, &[op("join", LOBBY, "ann", 1)]), "applied 2 C 1");
    assert_eq!(desk.apply("n1", 3, &one("set", "{glad}", "", 0)), "applied 3 C 2");
    assert_eq!(desk.member(LOBBY, "ann"), format!(r#"["{{glad}}","{LIFE}",2,"ann","n1",1,0]"#));
    assert_eq!(desk.apply("n1", 4, &one("set", "{glad}", "", 0)), "applied 4 U 2");
    assert_eq!(desk.member(LOBBY, "ann"), format!(r#"["{{glad}}","{LIFE}",3,"ann","n1",1,0]"#));
    let (early, late) = ("00000000000000af", "00000000000000b1");
    assert_eq!(desk.apply("n1", 5, &one("restore", "{old}", early, 9)), "applied 5 I 2");
    assert_eq!(desk.apply("n1", 6, &one("restore", "{old}", LIFE, 3)), "applied 6 I 2", "of the same place");
    assert_eq!(desk.apply("n1", 7, &one("restore", "{new}", LIFE, 4)), "applied 7 C 3");
    assert_eq!(desk.apply("n1", 8, &one("restore", "{new}", late, 1)), "applied 8 U 3");
    assert_eq!(desk.member(LOBBY, "ann"), format!(r#"["{{new}}","{late}",1,"ann","n1",1,0]"#));
    let other = [op("set", LOBBY, "ann", 1).owner("a2").set("{sad}", "", 0)];
    assert_eq!(desk.apply("n1", 9, &other), "applied 9 I 3", "of an owner that has not joined");
    assert_eq!(last(&desk), "[[3-0 [f 2 s app/lobby ann {new}]]]");
}
