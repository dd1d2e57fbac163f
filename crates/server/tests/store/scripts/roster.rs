//! `roster.lua`.

use super::*;

const LOBBY: &str = "app/lobby";

/// Of so many members u000, u001, … the last transition of another channel.
fn with(members: u32) -> Desk {
    let desk = Desk::new();
    desk.lease("n1", 10_000);
    let names: Vec<String> = (0..members).map(|at| format!("u{at:03}")).collect();
    let joins: Vec<Op<'_>> = names.iter().map(|name| op("join", LOBBY, name, 1)).collect();
    desk.apply("n1", 1, &joins);
    desk.apply("n1", 2, &[op("join", "app/hall", "zoe", 1)]);
    desk
}

fn page(desk: &Desk, after: &str, limit: u32, max_bytes: u32) -> String {
    desk.run(&scripts::ROSTER, &[LOBBY, after, &limit.to_string(), &max_bytes.to_string()])
}

#[test]
fn pages_follow_each_other() {
    let desk = with(5);
    desk.apply("n1", 3, &[op("set", LOBBY, "u001", 1).set("{glad}", "", 0)]);
    desk.apply("n1", 4, &[op("goodbye", "app/hall", "zoe", 1)]);
    assert_eq!(page(&desk, "", 2, 1_000), "page 7 8 5 1 u000 '' u001 {glad}");
    assert_eq!(page(&desk, "u001", 2, 1_000), "page 7 8 5 1 u002 '' u003 ''");
    assert_eq!(page(&desk, "u003", 2, 1_000), "page 7 8 5 0 u004 ''");
    assert_eq!(page(&desk, "u004", 2, 1_000), "page 7 8 5 0");
    assert_eq!(page(&desk, "u0019", 1, 1_000), "page 7 8 5 1 u002 ''", "after one who is no member");
    assert_eq!(page(&desk, "", 5, 1_000).split(' ').nth(4), Some("0"), "just all of them");
    assert_eq!(page(&desk, "", 0, 1_000), "page 7 8 5 0", "only how many");
}

#[test]
fn an_empty_channel_was_told_up_to_what_was_forgotten() {
    let desk = with(2);
    assert_eq!(page(&desk, "", 10, 1_000), "page 2 3 2 0 u000 '' u001 ''");
    desk.apply("n1", 3, &[op("goodbye", LOBBY, "u000", 1), op("goodbye", LOBBY, "u001", 1)]);
    desk.apply("n1", 4, &[op("set", "app/hall", "zoe", 1).set("{glad}", "", 0)]);
    assert_eq!(page(&desk, "", 10, 1_000), "page 5 6 0 0");
}

#[test]
fn a_page_ends_at_so_many_bytes() {
    let desk = with(3);
    desk.apply("n1", 3, &[op("set", LOBBY, "u001", 1).set("0123456789", "", 0)]);
    assert_eq!(page(&desk, "", 10, 4), "page 5 5 3 1 u000 ''", "at least one");
    assert_eq!(
        page(&desk, "", 10, 5),
        "page 5 5 3 1 u000 '' u001 0123456789",
        "the one that goes beyond is told"
    );
    assert_eq!(page(&desk, "", 10, 19), "page 5 5 3 0 u000 '' u001 0123456789 u002 ''");
}

#[test]
fn a_page_of_many_is_read_in_parts() {
    let desk = with(130);
    let answer = page(&desk, "", 120, 100_000);
    let expected: String = (0..120).map(|at| format!(" u{at:03} ''")).collect();
    assert_eq!(answer, format!("page 130 131 130 1{expected}"));
}
