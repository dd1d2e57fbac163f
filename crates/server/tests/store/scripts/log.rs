//! `read.lua`, and how the log is trimmed.

use super::*;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.lease("n1", 60_000);
    desk
}

fn read(desk: &Desk, after: u64, batches: u64) -> String {
    desk.run(&scripts::READ, &[&after.to_string(), &batches.to_string()])
}

#[test]
fn it_goes_on_after_a_place() {
    let desk = desk();
    assert_eq!(read(&desk, 0, 10), "log []", "nothing has happened");
    desk.apply("n1", 1, &[op("join", "app/lobby", "ann", 1), op("join", "app/lobby", "bob", 1)]);
    desk.apply("n1", 2, &[op("goodbye", "app/lobby", "bob", 1)]);
    let first = "[2-0 [f 0 j app/lobby ann '' j app/lobby bob '']]";
    let second = "[3-0 [f 2 l app/lobby bob '']]";
    assert_eq!(read(&desk, 0, 10), format!("log [{first} {second}]"));
    assert_eq!(read(&desk, 0, 1), format!("log [{first}]"), "so many batches");
    assert_eq!(read(&desk, 2, 10), format!("log [{second}]"));
    assert_eq!(read(&desk, 3, 10), "log []");
    assert_eq!(desk.keys().len(), 9, "a read writes nothing: {:?}", desk.keys());
}

#[test]
fn a_place_that_it_does_not_have_is_refused() {
    let desk = desk();
    desk.apply("n1", 1, &[op("join", "app/lobby", "ann", 1), op("join", "app/lobby", "bob", 1)]);
    desk.apply("n1", 2, &[op("goodbye", "app/lobby", "bob", 1)]);
    assert_eq!(read(&desk, 1, 10), "trimmed 3", "in the middle of a batch");
    assert_eq!(read(&desk, 4, 10), "trimmed 3", "one to come");
    desk.of("XTRIM", "log", &["MAXLEN", "1"]);
    assert_eq!(read(&desk, 0, 10), "trimmed 3", "one that was trimmed");
    assert_eq!(read(&desk, 2, 10), "log [[3-0 [f 2 l app/lobby bob '']]]");
    desk.of("DEL", "log", &[]);
    assert_eq!(read(&desk, 2, 10), "trimmed 3");
    assert_eq!(read(&desk, 3, 10), "log []");
}

#[test]
fn about_a_thousand_batches_are_kept() {
    let desk = desk();
    for at in 0..2_500 {
        let (action, attempt) = (if at % 2 == 0 { "join" } else { "leave" }, at / 2);
        desk.apply("n1", u64::from(at) + 1, &[op(action, "app/lobby", "ann", attempt)]);
    }
    let kept: u64 = desk.of("XLEN", "log", &[]).parse().unwrap();
    // It is trimmed by whole nodes of the stream, 100 entries each by default.
    assert!((1_000..=1_100).contains(&kept), "{kept}");
    assert_eq!(read(&desk, 2_500 - kept - 1, 1), "trimmed 2500");
    assert!(read(&desk, 2_500 - kept, 1).starts_with("log [["));
}

#[test]
fn long_batches_are_kept_for_some_megabytes() {
    let desk = desk();
    desk.apply("n1", 1, &[op("join", "app/lobby", "ann", 1)]);
    for at in 2..=1_200 {
        let attributes = format!("{at}{}", "x".repeat(8_000));
        desk.apply("n1", at, &[op("set", "app/lobby", "ann", 1).set(&attributes, "", 0)]);
    }
    let kept: u64 = desk.of("XLEN", "log", &[]).parse().unwrap();
    assert!((400..=700).contains(&kept), "{kept}");
    let usage: u64 = desk.ask(&["MEMORY", "USAGE", &desk.key("log"), "SAMPLES", "0"]).parse().unwrap();
    assert!(usage < 8 * 1024 * 1024, "{usage}");
    // Short ones again, and more of them are kept.
    for at in 1_201..=2_400 {
        desk.apply("n1", at, &[op("set", "app/lobby", "ann", 1).set(&at.to_string(), "", 0)]);
    }
    let kept: u64 = desk.of("XLEN", "log", &[]).parse().unwrap();
    assert!((1_000..=1_200).contains(&kept), "{kept}");
}
