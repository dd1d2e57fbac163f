//! What `common.lua` refuses, before each script that works on a life.

use super::*;

const EARLIER: &str = "000000000000000a";

/// Each such script, with what makes it write where it writes.
fn all() -> Vec<(&'static str, &'static Script, Vec<&'static str>)> {
    let join = vec!["n1", "1", "join", "app/lobby", "ann", "ann", "1", "", "", "0"];
    vec![
        ("renew", &scripts::RENEW, vec!["n1", "1", "1000"]),
        ("apply", &scripts::APPLY, join),
        ("read", &scripts::READ, vec!["0", "10"]),
        ("ended", &scripts::ENDED, vec!["0", "10"]),
        ("left", &scripts::LEFT, vec!["10", "n1"]),
        ("sweep", &scripts::SWEEP, vec!["0", "1", "1", "n1", "app/lobby", "ann"]),
        ("tidy", &scripts::TIDY, vec![EARLIER, "n1", "app/lobby", "ann"]),
        ("roster", &scripts::ROSTER, vec!["app/lobby", "", "10", "1000"]),
        ("member", &scripts::MEMBER, vec!["app/lobby", "ann"]),
        ("channels", &scripts::CHANNELS, vec!["app/ann"]),
        ("largest", &scripts::LARGEST, vec!["app", "app/", "10", "10"]),
    ]
}

/// All keys with what they hold.
fn held(desk: &Desk) -> Vec<String> {
    desk.all_keys().iter().map(|key| format!("{key}: {}", desk.ask(&["DUMP", key]))).collect()
}

#[test]
fn where_there_is_no_life_nothing_is_done() {
    let desk = Desk::empty();
    for (name, script, given) in all() {
        let answer = desk.raw(script, LIFE, &given);
        assert_eq!((answer.shown().as_str(), answer.epoch.as_str()), ("unborn", "''"), "{name}");
    }
    assert_eq!(desk.all_keys(), Vec::<String>::new());
}

#[test]
fn on_another_server_nothing_is_done() {
    let desk = inhabited();
    desk.take_over();
    refuse(&desk, LIFE, "unborn");
}

#[test]
fn of_another_life_nothing_is_done() {
    let desk = inhabited();
    for other in ["00000000000000af", "00000000000000b1", "0"] {
        refuse(&desk, other, "reborn");
    }
}

/// With a member of a node whose lease has ended, so that every script would find something.
fn inhabited() -> Desk {
    let desk = Desk::new();
    desk.lease("n1", 10_000);
    assert_eq!(desk.apply("n1", 1, &[op("join", "app/lobby", "ann", 1)]), "applied 1 C 1");
    desk.lease("n1", -10_000);
    desk.ask(&["HSET", META, "earlier", EARLIER]);
    desk
}

fn refuse(desk: &Desk, epoch: &str, word: &str) {
    let before = held(desk);
    for (name, script, given) in all() {
        let answer = desk.raw(script, epoch, &given);
        assert_eq!((answer.shown().as_str(), answer.epoch.as_str()), (word, LIFE), "{name}");
    }
    assert_eq!(held(desk), before);
}

#[test]
fn each_does_something_where_it_may() {
    for (name, script, given) in all() {
        let answer = inhabited().run(script, &given);
        let word = answer.split(' ').next().unwrap();
        let refused = ["unborn", "reborn"].contains(&word);
        assert!(!refused, "{name}: {answer}");
    }
}
