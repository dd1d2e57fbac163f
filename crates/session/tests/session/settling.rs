//! A server that restarted does not yet know who is there: absences are held back until it has settled.

use herenow_protocol::{Code, Epoch};

use crate::client::{Client, EPOCH, join, leave, lost, set};

const NEW: Epoch = Epoch(8);
const NONE: [&str; 0] = [];

/// Observing two with attributes and one without; the server restarts and has settled after eight seconds.
fn restarted(members: &[(&str, &str)]) -> Client {
    let mut client = Client::observing(&[("ann", "one"), ("bob", "two"), ("cid", "")]);
    client.cut();
    let frames = client.reopen();
    client.welcome(&[]);
    client.snapshot(NEW, 1, 8_000, members);
    client.ok(&frames[1]);
    client
}

/// Eight seconds with the connection alive.
fn settle(client: &mut Client) {
    client.advance(7_999);
    assert_eq!(client.events(), NONE, "not before the time");
    client.advance(1);
    confirm(client);
}

/// The server is asked whether what is missing is gone, if anything is, and has nothing to add.
fn confirm(client: &mut Client) {
    for frame in client.frames() {
        assert_eq!(client.events(), NONE, "not before the server has confirmed it");
        client.ok(&frame);
    }
}

#[test]
fn additions_and_changes_are_told_at_once() {
    let mut client = restarted(&[("ann", "other"), ("dan", "new")]);
    assert_eq!(client.events(), ["~+dan", "~dan=new", "~ann=other"]);
    assert_eq!(client.roster().unwrap(), ["ann=other", "bob=two", "cid=", "dan=new"]);
}

#[test]
fn what_is_still_missing_is_told_when_the_server_has_settled() {
    let mut client = restarted(&[("ann", "")]);
    assert_eq!(client.events(), NONE);
    assert_eq!(client.roster().unwrap(), ["ann=one", "bob=two", "cid="], "held members are in it");
    settle(&mut client);
    assert_eq!(client.events(), ["~!bob", "~!cid", "~ann="]);
    assert_eq!(client.roster().unwrap(), ["ann="]);
}

#[test]
fn who_comes_back_is_not_told() {
    let mut client = restarted(&[]);
    client.diff(1, 2, vec![join("ann"), join("bob"), join("cid")]);
    client.diff(2, 4, vec![set("ann", "one"), set("bob", "changed")]);
    assert_eq!(client.events(), ["bob=changed"]);
    settle(&mut client);
    assert_eq!(client.events(), NONE);
    assert_eq!(client.roster().unwrap(), ["ann=one", "bob=changed", "cid="]);
}

#[test]
fn attributes_that_do_not_come_back_are_told_as_empty() {
    let mut client = restarted(&[("bob", ""), ("cid", "")]);
    client.diff(1, 2, vec![join("ann")]);
    settle(&mut client);
    assert_eq!(client.events(), ["~ann=", "~bob="]);
}

#[test]
fn attributes_that_are_emptied_after_coming_back_are_told_at_once() {
    let mut client = restarted(&[("ann", ""), ("bob", ""), ("cid", "")]);
    client.diff(1, 3, vec![set("ann", "one"), set("ann", "")]);
    assert_eq!(client.events(), ["ann="]);
}

#[test]
fn a_departure_in_the_new_epoch_is_told_at_once() {
    let mut client = restarted(&[("ann", "one"), ("bob", "")]);
    client.diff(1, 2, vec![leave("ann"), lost("bob"), leave("cid")]);
    assert_eq!(client.events(), ["-ann", "!bob"], "cid is not known to be back");
    client.diff(2, 3, vec![join("cid"), leave("cid")]);
    assert_eq!(client.events(), ["-cid"]);
    settle(&mut client);
    assert_eq!(client.events(), NONE);
}

#[test]
fn who_came_back_and_left_while_we_catch_up_is_told() {
    let mut client = restarted(&[]);
    client.diff(1, 3, vec![join("ann"), leave("ann"), join("ann")]);
    assert_eq!(client.events(), ["-ann", "+ann"]);
}

#[test]
fn another_snapshot_recomputes() {
    let mut client = restarted(&[("bob", "two")]);
    client.advance(1_000);
    // Settling still: bob left in this epoch, ann is back, cid is missing since the epoch before.
    client.snapshot(NEW, 5, 7_000, &[("ann", "one")]);
    assert_eq!(client.events(), NONE);
    client.advance(7_000);
    confirm(&mut client);
    assert_eq!(client.events(), ["~-bob", "~!cid"]);
    assert_eq!(client.roster().unwrap(), ["ann=one"]);
}

#[test]
fn a_snapshot_of_a_settled_server_tells_all_that_was_held() {
    let mut client = restarted(&[]);
    client.snapshot(NEW, 5, 0, &[("ann", "")]);
    assert_eq!(client.events(), ["~!bob", "~!cid", "~ann="]);
    settle(&mut client);
    assert_eq!(client.events(), NONE);
}

#[test]
fn a_second_restart_holds_again() {
    let mut client = restarted(&[]);
    client.snapshot(Epoch(9), 1, 9_000, &[("bob", "two")]);
    client.advance(8_999);
    assert_eq!(client.events(), NONE);
    client.advance(1);
    confirm(&mut client);
    assert_eq!(client.events(), ["~!ann", "~!cid"]);
}

#[test]
fn nothing_held_is_told_while_it_cannot_be_known() {
    let mut client = restarted(&[]);
    client.advance(4_000);
    client.cut();
    client.advance(400_000);
    assert_eq!(client.events(), NONE, "away when the server settled");
    if client.socket.is_none() {
        client.advance(5_000);
    }
    let frames = client.open();
    client.welcome(&[]);
    client.diff(1, 2, vec![join("ann"), set("ann", "one")]);
    assert_eq!(client.events(), NONE);
    client.ok(frames.last().unwrap());
    assert_eq!(client.events(), ["~!bob", "~!cid"]);
}

#[test]
fn nothing_held_is_told_while_something_is_missing() {
    let mut client = restarted(&[]);
    client.advance(7_000);
    client.diff(3, 4, vec![]);
    let frames = client.frames();
    client.advance(2_000);
    assert_eq!(client.events(), NONE);
    client.diff(1, 4, vec![join("cid")]);
    client.ok(&frames[0]);
    confirm(&mut client);
    assert_eq!(client.events(), ["~!ann", "~!bob"]);
}

#[test]
fn who_comes_back_on_a_slow_connection_is_not_told() {
    let mut client = restarted(&[("bob", "two")]);
    client.advance(8_000);
    let frames = client.frames();
    assert_eq!(frames.len(), 1, "asks");
    client.diff(1, 3, vec![join("ann"), set("ann", "one")]);
    client.ok(&frames[0]);
    assert_eq!(client.events(), ["~!cid"]);
}

#[test]
fn nothing_held_is_told_by_a_dead_connection() {
    let mut client = restarted(&[]);
    client.advance(8_000);
    assert_eq!(client.frames().len(), 1, "asks");
    client.advance(20_000);
    assert_eq!(client.events(), NONE);
}

#[test]
fn a_first_snapshot_of_a_settling_server_is_just_the_beginning() {
    let mut client = Client::new();
    client.observe("lobby");
    let frames = client.open();
    client.welcome(&[]);
    client.snapshot(EPOCH, 1, 8_000, &[("ann", "")]);
    client.ok(&frames[1]);
    client.diff(1, 2, vec![join("bob")]);
    client.advance(8_000);
    assert_eq!(client.events(), ["+bob"]);
}

#[test]
fn attributes_that_are_said_to_be_empty_while_they_are_missing_stay_held() {
    let mut client = restarted(&[("ann", ""), ("bob", "two"), ("cid", "")]);
    client.diff(1, 2, vec![set("ann", "")]);
    assert_eq!(client.events(), NONE);
    settle(&mut client);
    assert_eq!(client.events(), ["~ann="]);
}

#[test]
fn nothing_held_is_told_while_a_question_has_to_wait() {
    let mut client = restarted(&[]);
    client.advance(5_000);
    client.diff(3, 4, vec![]);
    let frames = client.frames();
    client.error(&frames[0], Code::RateLimited, Some(4_000));
    client.advance(3_999);
    assert_eq!(client.events(), NONE);
    client.advance(1);
    let frames = client.frames();
    client.diff(1, 4, vec![join("cid")]);
    client.ok(&frames[0]);
    assert_eq!(client.events(), ["~!ann", "~!bob"]);
}
