//! What still works on a server that has reached its `maxmemory`.

use redis::Script;

use super::*;

/// What a script answers, or why it does not run.
fn attempt(desk: &Desk, script: &Script, given: &[&str]) -> Result<String, String> {
    desk.attempt(script, LIFE, given).map(|answer| answer.shown()).map_err(|error| error.to_string())
}

fn fill(desk: &Desk) {
    desk.ask(&["CONFIG", "SET", "maxmemory", "1"]);
}

#[test]
fn leases_hold_and_memberships_end() {
    let desk = Desk::new();
    desk.lease("n1", 60_000);
    desk.lease("n2", -20_000);
    desk.apply("n1", 1, &[op("join", "app/lobby", "ann", 1), op("join", "app/lobby", "bob", 1)]);
    fill(&desk);
    let renewed = attempt(&desk, &scripts::RENEW, &["n1", "0", "10000"]);
    assert!(renewed.as_ref().is_ok_and(|answer| answer.starts_with("renewed ")), "{renewed:?}");
    let goodbye = ["n1", "2", "goodbye", "app/lobby", "ann", "ann", "1", "", "", "0"];
    assert_eq!(attempt(&desk, &scripts::APPLY_ENDS, &goodbye), Ok("applied 2 C 3".into()));
    assert_eq!(attempt(&desk, &scripts::SWEEP, &["10000", "1", "1", "n2"]), Ok("swept 1".into()));
    desk.take_over();
    let reborn = desk.attempt(&scripts::REBIRTH, "00000000000000b1", &[""]);
    assert!(reborn.is_ok_and(|answer| answer.word == "reborn"));
}

#[test]
fn memberships_do_not_begin() {
    let desk = Desk::new();
    desk.lease("n1", 60_000);
    fill(&desk);
    let join = ["n1", "1", "join", "app/lobby", "ann", "ann", "1", "", "", "0"];
    let refused = attempt(&desk, &scripts::APPLY, &join).unwrap_err();
    assert!(refused.contains("OOM"), "{refused}");
    desk.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(attempt(&desk, &scripts::APPLY, &join), Ok("applied 1 C 1".into()), "nothing was done of it");
}
