//! Diffs and snapshots: which are taken, what they tell, and what is asked for when something is missing.

use herenow_protocol::{Epoch, ServerFrame};

use crate::client::{Client, EPOCH, join, leave, lost, page, set, short};

#[test]
fn a_diff_that_follows_is_told_in_order() {
    let mut client = Client::observing(&[("ann", "")]);
    client.diff(5, 9, vec![join("bob"), set("bob", "happy"), leave("ann"), lost("bob"), join("ann")]);
    assert_eq!(client.events(), ["+bob", "bob=happy", "-ann", "!bob", "+ann"]);
    assert_eq!(client.roster().unwrap(), ["ann="]);
}

#[test]
fn what_changes_nothing_is_not_told() {
    let mut client = Client::observing(&[("ann", "happy")]);
    client.diff(5, 9, vec![join("ann"), set("ann", "happy"), leave("bob"), lost("cid"), set("dan", "sad")]);
    assert_eq!(client.events(), [""; 0]);
    assert_eq!(client.roster().unwrap(), ["ann=happy"]);
}

#[test]
fn a_diff_that_is_known_is_dropped() {
    let mut client = Client::observing(&[("ann", "")]);
    client.diff(3, 5, vec![leave("ann")]);
    client.diff(1, 4, vec![leave("ann")]);
    assert_eq!(client.events(), [""; 0]);
    assert_eq!(client.frames(), []);
}

#[test]
fn a_gap_is_asked_for_once_and_caught_up_with() {
    let mut client = Client::observing(&[("ann", "")]);
    client.diff(6, 7, vec![join("cid")]);
    let frames = client.frames();
    assert_eq!(short(&frames), ["observe lobby 5"]);
    client.diff(7, 8, vec![join("dan")]);
    assert_eq!(client.frames(), [], "asked already");
    assert_eq!(client.events(), [""; 0]);
    client.diff(5, 8, vec![join("bob"), join("cid"), join("dan")]);
    client.ok(&frames[0]);
    client.diff(8, 9, vec![leave("bob")]);
    assert_eq!(client.events(), ["~+bob", "~+cid", "~+dan", "-bob"]);
    assert_eq!(client.frames(), []);
}

#[test]
fn a_diff_that_overlaps_is_asked_for_again_also_in_an_answer() {
    let mut client = Client::observing(&[("ann", "")]);
    client.diff(4, 7, vec![join("ann"), join("bob")]);
    let frames = client.frames();
    assert_eq!(short(&frames), ["observe lobby 5"]);
    // This one fits and was on its way before the answer.
    client.diff(5, 6, vec![join("bob")]);
    client.diff(5, 7, vec![join("bob"), leave("bob")]);
    client.ok(&frames[0]);
    let frames = client.frames();
    assert_eq!(short(&frames), ["observe lobby 6"]);
    client.diff(6, 7, vec![leave("bob")]);
    client.ok(&frames[0]);
    assert_eq!(client.events(), ["~+bob", "~-bob"]);
    assert_eq!(client.frames(), []);
}

#[test]
fn a_gap_right_after_catching_up_is_asked_for_again() {
    let mut client = Client::observing(&[]);
    client.diff(6, 7, vec![join("cid")]);
    let frames = client.frames();
    client.diff(5, 6, vec![join("bob")]);
    client.ok(&frames[0]);
    client.diff(7, 8, vec![join("dan")]);
    assert_eq!(short(&client.frames()), ["observe lobby 6"]);
}

#[test]
fn a_question_that_fails_for_now_is_asked_again() {
    let mut client = Client::observing(&[]);
    client.diff(6, 7, vec![join("cid")]);
    let frames = client.frames();
    client.error(&frames[0], herenow_protocol::Code::RateLimited, Some(100));
    client.diff(7, 8, vec![join("dan")]);
    assert_eq!(client.frames(), []);
    client.advance(100);
    assert_eq!(short(&client.frames()), ["observe lobby 5"]);
}

#[test]
fn missing_diffs_after_a_loss_are_told_with_sync_until_ok() {
    let mut client = Client::observing(&[("ann", "")]);
    client.cut();
    assert_eq!(client.roster().unwrap(), ["ann="], "the roster as told so far");
    let frames = client.reopen();
    assert_eq!(short(&frames), ["hello ", "observe lobby 5"]);
    client.welcome(&[]);
    client.diff(5, 6, vec![join("bob"), leave("bob"), join("bob")]);
    client.diff(6, 7, vec![leave("ann")]);
    client.ok(&frames[1]);
    client.diff(7, 8, vec![join("ann")]);
    assert_eq!(client.events(), ["~+bob", "~-bob", "~+bob", "~-ann", "+ann"]);
}

#[test]
fn an_empty_answer_says_that_nothing_was_missed() {
    let mut client = Client::observing(&[("ann", "")]);
    client.cut();
    let frames = client.reopen();
    client.welcome(&[]);
    client.diff(5, 5, Vec::new());
    client.ok(&frames[1]);
    client.diff(5, 6, vec![leave("ann")]);
    assert_eq!(client.events(), ["-ann"]);
}

#[test]
fn the_difference_to_a_snapshot_is_told_departures_first_then_joins_then_updates() {
    let mut client = Client::observing(&[("ann", "one"), ("bob", "two"), ("cid", ""), ("dan", "")]);
    client.cut();
    let frames = client.reopen();
    client.welcome(&[]);
    client.snapshot(
        EPOCH,
        50,
        0,
        &[("eve", "new"), ("cid", "three"), ("ann", "one"), ("fay", ""), ("bob", "")],
    );
    client.ok(&frames[1]);
    assert_eq!(client.events(), ["~-dan", "~+eve", "~eve=new", "~+fay", "~cid=three", "~bob="]);
    assert_eq!(client.roster().unwrap(), ["ann=one", "bob=", "cid=three", "eve=new", "fay="]);
    client.diff(50, 51, vec![leave("fay")]);
    assert_eq!(client.events(), ["-fay"]);
}

#[test]
fn a_departure_across_epochs_is_a_timeout() {
    let mut client = Client::observing(&[("ann", ""), ("bob", "")]);
    client.snapshot(Epoch(8), 1, 0, &[("bob", "")]);
    client.snapshot(Epoch(8), 2, 0, &[]);
    assert_eq!(client.events(), ["~!ann", "~-bob"]);
}

#[test]
fn an_unsolicited_snapshot_in_pages_is_compared_when_it_is_complete() {
    let mut client = Client::observing(&[("ann", ""), ("bob", "")]);
    client.hear(ServerFrame::Snapshot(page(EPOCH, 9, 0, &[("bob", "")], true)));
    assert_eq!(client.events(), [""; 0]);
    client.hear(ServerFrame::Snapshot(page(EPOCH, 9, 0, &[("cid", "")], false)));
    assert_eq!(client.events(), ["~-ann", "~+cid"]);
    client.diff(9, 10, vec![leave("bob")]);
    assert_eq!(client.events(), ["-bob"]);
}

#[test]
fn names_that_mean_something_elsewhere_are_names() {
    let mut client = Client::observing(&[]);
    client.diff(5, 6, vec![join("__proto__"), join("constructor"), join("👋")]);
    client.diff(6, 7, vec![leave("__proto__")]);
    assert_eq!(client.events(), ["+__proto__", "+constructor", "+👋", "-__proto__"]);
}

#[test]
fn a_diff_between_the_pages_of_a_snapshot_is_ignored() {
    let mut client = Client::observing(&[("ann", "")]);
    client.hear(ServerFrame::Snapshot(page(EPOCH, 9, 0, &[("ann", "")], true)));
    client.diff(5, 6, vec![leave("ann")]);
    client.hear(ServerFrame::Snapshot(page(EPOCH, 9, 0, &[], false)));
    assert_eq!(client.events(), [""; 0]);
    assert_eq!(client.roster().unwrap(), ["ann="]);
}

#[test]
fn a_snapshot_answers_a_question_that_still_waits() {
    let mut client = Client::observing(&[("ann", "")]);
    client.diff(6, 7, vec![join("cid")]);
    let frames = client.frames();
    client.error(&frames[0], herenow_protocol::Code::RateLimited, Some(1_000));
    client.snapshot(EPOCH, 7, 0, &[("ann", ""), ("cid", "")]);
    assert_eq!(client.events(), ["~+cid"]);
    client.advance(1_000);
    assert_eq!(client.frames(), []);
}
