//! Setting the own attributes.

use herenow_protocol::{Attributes, Code, Granted, ServerFrame};
use herenow_session::Output;

use crate::client::{Client, mood, short};

#[test]
fn a_set_needs_a_wish_to_be_joined() {
    let mut client = Client::joined();
    let elsewhere = client.set("a", "happy");
    assert_eq!(client.code(elsewhere), Some(Code::NotJoined));
    client.leave("lobby");
    let after_leave = client.set("lobby", "happy");
    assert_eq!(client.code(after_leave), Some(Code::NotJoined));
}

#[test]
fn a_set_travels_in_the_message_of_its_join() {
    let mut client = Client::joined();
    let joined = client.join("a");
    let stored = client.set("a", "happy");
    let messages = client.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(short(&messages[0]), ["join a", "set a happy"]);
    client.fresh(&messages[0][0]);
    assert!(client.is_done(joined));
    assert_eq!(client.result(stored), None);
    client.ok(&messages[0][1]);
    assert_eq!(client.stored(stored), Some(mood("happy")));
    assert!(client.take().contains(&Output::Stale { channel: "a".into() }));
}

#[test]
fn only_the_newest_unsent_set_is_sent_and_all_resolve_with_it() {
    let mut client = Client::joined();
    let first = client.set("lobby", "one");
    let frames = client.frames();
    assert_eq!(short(&frames), ["set lobby one"]);
    let second = client.set("lobby", "two");
    let third = client.set("lobby", "three");
    assert_eq!(client.frames(), [], "one is in flight");
    client.ok(&frames[0]);
    assert_eq!(client.stored(first), Some(mood("one")));
    let frames = client.frames();
    assert_eq!(short(&frames), ["set lobby three"]);
    client.ok(&frames[0]);
    assert_eq!(client.stored(second), Some(mood("three")));
    assert_eq!(client.stored(third), Some(mood("three")));
}

#[test]
fn a_leave_rejects_unsent_sets() {
    let mut client = Client::joined();
    let sent = client.set("lobby", "one");
    let frames = client.frames();
    let unsent = client.set("lobby", "two");
    client.leave("lobby");
    assert_eq!(client.code(unsent), Some(Code::NotJoined));
    assert_eq!(client.result(sent), None);
    client.ok(&frames[0]);
    assert_eq!(client.stored(sent), Some(mood("one")));
}

#[test]
fn a_leave_and_the_loss_of_the_connection_reject_a_set_in_flight() {
    let mut client = Client::joined();
    let sent = client.set("lobby", "one");
    client.frames();
    client.leave("lobby");
    client.cut();
    assert_eq!(client.code(sent), Some(Code::NotJoined));
}

#[test]
fn an_unacked_set_is_sent_again_after_reconnecting_unless_a_newer_one_waits() {
    let mut client = Client::joined();
    let first = client.set("lobby", "one");
    client.frames();
    client.cut();
    client.reopen();
    client.welcome(&[("lobby", false)]);
    assert_eq!(short(&client.frames()), ["set lobby one"]);
    client.cut();
    let second = client.set("lobby", "two");
    client.reopen();
    client.welcome(&[("lobby", false)]);
    let frames = client.frames();
    assert_eq!(short(&frames), ["set lobby two"]);
    client.ok(&frames[0]);
    assert_eq!(client.stored(first), Some(mood("two")));
    assert_eq!(client.stored(second), Some(mood("two")));
}

#[test]
fn a_rate_limited_set_is_kept_and_merged_until_its_time() {
    let mut client = Client::joined();
    let first = client.set("lobby", "one");
    let frames = client.frames();
    client.error(&frames[0], Code::RateLimited, Some(300));
    assert_eq!(client.result(first), None);
    let second = client.set("lobby", "two");
    client.advance(299);
    assert_eq!(client.frames(), []);
    client.advance(1);
    let frames = client.frames();
    assert_eq!(short(&frames), ["set lobby two"]);
    client.ok(&frames[0]);
    assert_eq!(client.stored(first), Some(mood("two")));
    assert_eq!(client.stored(second), Some(mood("two")));
}

#[test]
fn a_set_that_is_always_rate_limited_rejects_at_its_deadline() {
    let mut client = Client::joined();
    let stored = client.set("lobby", "one");
    for _ in 0..9 {
        let frames = client.frames();
        client.error(&frames[0], Code::RateLimited, Some(1_000));
        client.advance(1_000);
    }
    let frames = client.frames();
    client.error(&frames[0], Code::RateLimited, Some(5_000));
    client.advance(1_000);
    assert_eq!(client.code(stored), Some(Code::Timeout));
    client.take();
    client.tick();
    client.advance(5_000);
    assert!(!short(&client.frames()).contains(&"set lobby one".into()));
}

#[test]
fn another_error_rejects() {
    let mut client = Client::joined();
    let stored = client.set("lobby", "one");
    let frames = client.frames();
    client.error(&frames[0], Code::Forbidden, None);
    assert_eq!(client.code(stored), Some(Code::Forbidden));
    client.cut();
    client.reopen();
    client.welcome(&[("lobby", false)]);
    assert_eq!(client.frames(), []);
}

#[test]
fn a_failed_join_rejects_the_sets_that_wait_for_it() {
    let mut client = Client::joined();
    client.join("a");
    let sent = client.set("a", "one");
    let frames = client.frames();
    let unsent = client.set("a", "two");
    client.error(&frames[0], Code::Forbidden, None);
    assert_eq!(client.code(unsent), Some(Code::Forbidden));
    client.error(&frames[1], Code::NotJoined, None);
    assert_eq!(client.code(sent), Some(Code::NotJoined));
}

fn with_attributes(mut client: Client) -> Client {
    client.join_lobby();
    client.set("lobby", "happy");
    let frames = client.frames();
    client.ok(&frames[0]);
    client.take();
    client
}

#[test]
fn attributes_are_restored_when_the_membership_began_anew() {
    let mut client = with_attributes(Client::restoring());
    client.cut();
    client.reopen();
    client.welcome(&[("lobby", true)]);
    assert_eq!(short(&client.frames()), ["set lobby happy"]);
    client.cut();
    client.reopen();
    client.welcome(&[("lobby", false)]);
    let frames = client.frames();
    assert_eq!(short(&frames), ["set lobby happy"], "the first try was lost with its connection");
    client.ok(&frames[0]);
    client.hear(ServerFrame::Membership(Granted { channel: "lobby".into(), fresh: true }));
    assert_eq!(short(&client.frames()), ["set lobby happy"]);
}

#[test]
fn a_newer_set_is_not_overwritten_by_restoring() {
    let mut client = with_attributes(Client::restoring());
    client.cut();
    client.set("lobby", "sad");
    client.reopen();
    client.welcome(&[("lobby", true)]);
    let frames = client.frames();
    assert_eq!(short(&frames), ["set lobby sad"]);
    client.ok(&frames[0]);
    assert_eq!(client.frames(), []);
}

#[test]
fn nothing_is_restored_unless_asked_for_and_needed() {
    let mut client = with_attributes(Client::new());
    client.cut();
    client.reopen();
    client.welcome(&[("lobby", true)]);
    assert_eq!(client.frames(), [], "not asked for");

    let mut client = with_attributes(Client::restoring());
    client.cut();
    client.reopen();
    client.welcome(&[("lobby", false)]);
    client.hear(ServerFrame::Membership(Granted { channel: "lobby".into(), fresh: false }));
    assert_eq!(client.frames(), [], "the membership went on");
    client.leave("lobby");
    let frames = client.frames();
    client.ok(&frames[0]);
    client.join("lobby");
    let frames = client.frames();
    client.fresh(&frames[0]);
    assert_eq!(client.frames(), [], "attributes die with the membership");
}

#[test]
fn a_restore_that_is_refused_is_only_told() {
    let mut client = with_attributes(Client::restoring());
    client.cut();
    client.reopen();
    client.welcome(&[("lobby", true)]);
    let frames = client.frames();
    client.error(&frames[0], Code::Unavailable, None);
    client.advance(1_000);
    let frames = client.frames();
    assert_eq!(short(&frames), ["set lobby happy"]);
    client.error(&frames[0], Code::Forbidden, None);
    let warning = Output::Warn("attributes of channel lobby were not restored: forbidden".into());
    assert!(client.take().contains(&warning));
    client.advance(5_000);
    assert_eq!(client.frames(), []);
}

#[test]
fn a_newer_set_that_fails_leaves_the_restored_attributes() {
    let mut client = with_attributes(Client::restoring());
    client.cut();
    let newer = client.set("lobby", "sad");
    client.reopen();
    client.welcome(&[("lobby", true)]);
    let frames = client.frames();
    client.error(&frames[0], Code::Forbidden, None);
    assert_eq!(client.code(newer), Some(Code::Forbidden));
    assert_eq!(short(&client.frames()), ["set lobby happy"]);
}

#[test]
fn bad_attributes_are_refused_at_once() {
    let mut client = Client::joined();
    let empty_key = client.set_all("lobby", Attributes::from_iter([("", "x")]));
    assert_eq!(client.code(empty_key), Some(Code::InvalidArgument));
    let long = "v".repeat(1_025);
    let long_value = client.set_all("lobby", Attributes::from_iter([("k", long)]));
    assert_eq!(client.code(long_value), Some(Code::TooLarge));
    let many = (0..33).map(|i| (i.to_string(), "")).collect();
    let too_many = client.set_all("lobby", many);
    assert_eq!(client.code(too_many), Some(Code::TooLarge));
    assert_eq!(client.frames(), []);
}

#[test]
fn a_newer_set_replaces_one_in_flight_that_was_lost_or_came_too_fast() {
    for lost in [true, false] {
        let mut client = Client::joined();
        let first = client.set("lobby", "one");
        let frames = client.frames();
        let second = client.set("lobby", "two");
        assert_eq!(client.frames(), []);
        if lost {
            client.cut();
            client.reopen();
            client.welcome(&[("lobby", false)]);
        } else {
            client.error(&frames[0], Code::RateLimited, Some(100));
            client.advance(100);
        }
        let frames = client.frames();
        assert_eq!(short(&frames), ["set lobby two"]);
        client.ok(&frames[0]);
        assert_eq!(client.stored(first), Some(mood("two")));
        assert_eq!(client.stored(second), Some(mood("two")));
    }
}

#[test]
fn a_newer_set_that_runs_out_of_time_leaves_the_restored_attributes() {
    let mut client = with_attributes(Client::restoring());
    client.cut();
    let newer = client.set("lobby", "sad");
    client.reopen();
    client.welcome(&[("lobby", true)]);
    assert_eq!(short(&client.frames()), ["set lobby sad"]);
    client.advance(10_000);
    assert_eq!(client.code(newer), Some(Code::Timeout));
    assert_eq!(short(&client.frames()), ["unobserve ?", "set lobby happy"]);

    let mut client = with_attributes(Client::restoring());
    client.cut();
    let newer = client.set("lobby", "sad");
    client.reopen();
    client.welcome(&[("lobby", true)]);
    let frames = client.frames();
    client.error(&frames[0], Code::RateLimited, Some(20_000));
    client.advance(10_000);
    client.tick();
    assert_eq!(client.code(newer), Some(Code::Timeout));
    client.frames();
    client.advance(10_000);
    assert_eq!(short(&client.frames()), ["set lobby happy"]);
}

#[test]
fn a_membership_given_up_while_offline_takes_its_attributes_along() {
    let mut client = with_attributes(Client::restoring());
    client.cut();
    client.leave("lobby");
    client.join("lobby");
    client.reopen();
    client.welcome(&[("lobby", true)]);
    assert_eq!(client.frames(), []);
}

#[test]
fn a_set_waits_for_the_join_that_follows_a_leave() {
    let mut client = Client::joined();
    client.leave("lobby");
    let leave = client.frames();
    client.join("lobby");
    client.set("lobby", "happy");
    assert_eq!(client.frames(), []);
    client.ok(&leave[0]);
    assert_eq!(short(&client.frames()), ["join lobby", "set lobby happy"]);
}
