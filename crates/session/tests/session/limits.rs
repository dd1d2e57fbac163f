//! What is refused at once, what has to wait for its turn, and what a message may hold.

use herenow_protocol::{Attributes, ClientFrame, Code, Limits, codec};
use herenow_session::PromiseId;

use crate::client::{Client, EPOCH, join, short};

#[test]
fn bad_channels_are_refused_at_once() {
    let mut client = Client::new();
    let long = "x".repeat(129);
    for channel in ["", "a\u{0}", "\u{7f}", &long] {
        let promises = [
            client.join(channel),
            client.leave(channel),
            client.observe(channel),
            client.unobserve(channel),
            client.set(channel, "happy"),
        ];
        for promise in promises {
            assert_eq!(client.code(promise), Some(Code::InvalidArgument));
        }
    }
    assert_eq!(client.socket, None);
    let longest = client.join(&"x".repeat(128));
    assert_eq!(client.result(longest), None);
}

#[test]
fn a_hundred_channels_are_joined_and_a_hundred_observed() {
    let mut client = Client::new();
    for i in 0..100 {
        client.join(&format!("j{i}"));
        client.observe(&format!("o{i}"));
    }
    let (joined, observed) = (client.join("one more"), client.observe("one more"));
    assert_eq!(client.code(joined), Some(Code::LimitReached));
    assert_eq!(client.code(observed), Some(Code::LimitReached));
    let known = client.join("j5");
    assert_eq!(client.result(known), None);
    client.leave("j5");
    let instead = client.join("one more");
    assert_eq!(client.result(instead), None);
    let frames = client.open();
    assert_eq!(frames.len(), 101);
    let bytes = codec::postcard::encode(&frames).len();
    assert!(bytes < 64 * 1024, "{bytes}");
}

#[test]
fn the_servers_limits_count() {
    let mut client = Client::new();
    client.join("lobby");
    client.open();
    client.welcome_with(&[("lobby", true)], &[], |welcome| welcome.limits.joined = 1);
    let second = client.join("a");
    assert_eq!(client.code(second), Some(Code::LimitReached));
}

#[test]
fn ten_thousand_promises_wait_and_no_more() {
    let mut client = Client::new();
    client.join("lobby");
    for _ in 1..10_000 {
        client.set("lobby", "happy");
    }
    let over = client.set("lobby", "happy");
    assert_eq!(client.code(over), Some(Code::LimitReached));
    client.open();
    client.welcome(&[("lobby", true)]);
    let frames = client.frames();
    assert_eq!(frames.len(), 1);
    client.ok(&frames[0]);
    assert!(client.stored(PromiseId(10_000)).is_some());
    let again = client.join("lobby");
    assert!(client.is_done(again));
}

#[test]
fn large_sets_are_cut_into_messages_that_the_server_takes() {
    let mut client = Client::new();
    let names: Vec<String> = (0..100).map(|i| format!("{i:0>128}")).collect();
    let granted: Vec<_> = names.iter().map(|name| (name.as_str(), true)).collect();
    for name in &names {
        client.join(name);
    }
    client.open();
    client.welcome(&granted);
    let full: Attributes = (0..8).map(|i| (i.to_string(), "v".repeat(1_000))).collect();
    for name in &names {
        client.set_all(name, full.clone());
    }
    let messages = client.messages();
    assert_eq!(messages.iter().flatten().count(), 100);
    assert!(messages.len() > 10);
    for message in messages {
        assert!(codec::postcard::encode(&message).len() < 64 * 1024);
    }
}

/// A connection with a pace of ten a second and a burst of five, of which hello took one.
fn paced() -> Client {
    let mut client = Client::new();
    client.join("lobby");
    client.open();
    client.welcome_with(&[("lobby", true)], &[], |welcome| {
        welcome.limits = Limits { frames_per_second: 10, burst: 5, ..Limits::default() };
    });
    client.take();
    client
}

#[test]
fn joins_observes_and_sets_wait_for_their_turn() {
    let mut client = paced();
    for name in ["a", "b", "c"] {
        client.join(name);
        client.observe(name);
    }
    assert_eq!(client.frames().len(), 4);
    client.advance(99);
    assert_eq!(client.frames(), []);
    client.advance(1);
    assert_eq!(short(&client.frames()), ["join c"]);
    client.advance(100);
    assert_eq!(short(&client.frames()), ["observe c"]);
    assert_eq!(client.session.poll_timeout().map(|at| at.0 > client.now + 100), Some(true));
}

#[test]
fn sets_that_wait_for_their_turn_are_merged() {
    let mut client = paced();
    for name in ["a", "b", "c", "d"] {
        client.join(name);
    }
    client.frames();
    client.set("lobby", "one");
    assert_eq!(client.frames(), []);
    client.set("lobby", "two");
    client.advance(100);
    assert_eq!(short(&client.frames()), ["set lobby two"]);
}

#[test]
fn leaves_and_unobserves_never_wait() {
    let mut client = paced();
    for name in ["a", "b", "c", "d"] {
        client.observe(name);
    }
    let observes = client.frames();
    for frame in &observes {
        client.ok(frame);
    }
    client.join("e");
    client.leave("lobby");
    client.unobserve("a");
    assert_eq!(short(&client.frames()), ["unobserve a", "leave lobby"]);
}

#[test]
fn leaves_that_did_not_wait_are_counted_as_the_server_counts_them() {
    let mut client = paced();
    for name in ["a", "b", "c", "d"] {
        client.join(name);
    }
    let joins = client.frames();
    for frame in &joins {
        client.fresh(frame);
    }
    client.leave("a");
    client.leave("b");
    assert_eq!(client.frames().len(), 2);
    client.join("e");
    client.advance(299);
    assert_eq!(client.frames(), []);
    client.advance(1);
    assert_eq!(short(&client.frames()), ["join e"]);
}

#[test]
fn a_part_of_the_servers_burst_is_left_to_the_network() {
    let mut client = Client::new();
    client.join("lobby");
    client.open();
    client.welcome_with(&[("lobby", true)], &[], |welcome| {
        welcome.limits = Limits { frames_per_second: 10, burst: 16, ..Limits::default() };
    });
    client.take();
    for number in 0..20 {
        client.join(&format!("channel {number}"));
    }
    // Hello took one of the 16, and two are left.
    assert_eq!(client.frames().len(), 13);
}

#[test]
fn whoever_had_to_wait_is_served_first() {
    let mut client = paced();
    let names = ["a", "b", "c", "lobby"];
    for name in ["a", "b", "c"] {
        client.join(name);
    }
    let frames = client.frames();
    for frame in &frames {
        client.fresh(frame);
    }
    let mut served = Vec::new();
    for round in 0..40 {
        for name in names {
            client.set(name, &round.to_string());
        }
        client.advance(100);
        for frame in client.frames() {
            client.ok(&frame);
            let ClientFrame::Set { channel, .. } = frame else { panic!("{frame:?}") };
            served.push(channel);
        }
    }
    for name in names {
        let count = served.iter().filter(|channel| *channel == name).count();
        assert!(count >= served.len() / 4 - 2, "{name}: {count} of {}", served.len());
    }
}

#[test]
fn a_retry_that_is_due_while_the_pace_holds_everything_back_makes_no_noise() {
    let mut client = paced();
    client.observe("a");
    let frames = client.frames();
    client.snapshot(EPOCH, 1, 0, &[]);
    client.ok(&frames[0]);
    client.set("lobby", "one");
    let frames = client.frames();
    client.error(&frames[0], Code::RateLimited, Some(10));
    for name in ["b", "c", "d", "e", "f"] {
        client.join(name);
    }
    client.frames();
    client.diff(1, 2, vec![join("ann")]);
    client.advance(1_000);
    assert!(short(&client.frames()).contains(&"set lobby one".into()));
}

#[test]
fn no_limit_is_no_limit() {
    let mut client = Client::new();
    client.join("lobby");
    client.open();
    client.welcome_with(&[("lobby", true)], &[], |welcome| {
        welcome.limits = Limits { frames_per_second: 0, burst: 0, ..Limits::default() };
    });
    for i in 0..99 {
        client.join(&i.to_string());
        client.set(&i.to_string(), "happy");
    }
    assert_eq!(client.frames().len(), 198);
}
