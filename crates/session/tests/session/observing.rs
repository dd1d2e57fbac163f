//! Observing: when it begins, ends, and what its promises wait for.

use herenow_protocol::{Code, Epoch, Mode, Occupancy, ServerFrame, Transition};
use herenow_session::Output;

use crate::client::{Client, EPOCH, join, leave, page, set, short};

#[test]
fn observing_resolves_after_the_snapshot_and_ok_and_tells_no_events() {
    let mut client = Client::joined();
    let observed = client.observe("lobby");
    let frames = client.frames();
    assert_eq!(short(&frames), ["observe lobby"]);
    client.snapshot(EPOCH, 5, 0, &[("ann", "happy"), ("bob", "")]);
    assert_eq!(client.result(observed), None);
    client.ok(&frames[0]);
    let log = client.take();
    let stale = log.iter().position(|o| *o == Output::Stale { channel: "lobby".into() });
    let done = log.iter().position(|o| matches!(o, Output::Resolve { promise, .. } if *promise == observed));
    assert!(stale.unwrap() < done.unwrap(), "{log:?}");
    assert!(!log.iter().any(|o| matches!(o, Output::Events(_))));
    assert_eq!(client.roster().unwrap(), ["ann=happy", "bob="]);
    let roster = client.session.roster("lobby").unwrap();
    assert_eq!(roster.len(), 2);
    assert!(!roster.is_empty());
    assert!(roster.get("bob").unwrap().is_empty());
    assert_eq!(roster.get("cid"), None);
}

#[test]
fn pages_are_gathered() {
    let mut client = Client::joined();
    client.observe("lobby");
    let frames = client.frames();
    client.hear(ServerFrame::Snapshot(page(EPOCH, 5, 0, &[("ann", "")], true)));
    assert_eq!(client.roster(), None);
    client.hear(ServerFrame::Snapshot(page(EPOCH, 5, 0, &[("bob", "")], true)));
    client.hear(ServerFrame::Snapshot(page(EPOCH, 5, 0, &[("cid", "")], false)));
    client.ok(&frames[0]);
    assert_eq!(client.roster().unwrap(), ["ann=", "bob=", "cid="]);
}

#[test]
fn pages_of_a_lost_connection_do_not_mix_with_later_ones() {
    let mut client = Client::joined();
    client.observe("lobby");
    client.frames();
    client.hear(ServerFrame::Snapshot(page(EPOCH, 5, 0, &[("ann", "")], true)));
    client.cut();
    let frames = client.reopen();
    assert_eq!(short(&frames), ["hello lobby", "observe lobby"]);
    client.welcome(&[("lobby", false)]);
    client.hear(ServerFrame::Snapshot(page(EPOCH, 5, 0, &[("bob", "")], false)));
    assert_eq!(client.roster().unwrap(), ["bob="]);
}

#[test]
fn diffs_before_the_snapshot_is_complete_are_ignored() {
    let mut client = Client::joined();
    client.observe("lobby");
    let frames = client.frames();
    client.diff(4, 5, vec![join("ann")]);
    client.hear(ServerFrame::Snapshot(page(EPOCH, 5, 0, &[("bob", "")], true)));
    client.diff(5, 6, vec![join("cid")]);
    client.hear(ServerFrame::Snapshot(page(EPOCH, 5, 0, &[], false)));
    client.ok(&frames[0]);
    assert_eq!(client.roster().unwrap(), ["bob="]);
    assert_eq!(client.events(), [""; 0]);
    assert_eq!(client.frames(), []);
}

#[test]
fn observing_twice_sends_nothing_more() {
    let mut client = Client::joined();
    let first = client.observe("lobby");
    let frames = client.frames();
    let second = client.observe("lobby");
    assert_eq!(client.frames(), []);
    assert_eq!(client.result(second), None);
    client.snapshot(EPOCH, 5, 0, &[]);
    client.ok(&frames[0]);
    assert!(client.is_done(first));
    assert!(client.is_done(second));
    let third = client.observe("lobby");
    assert!(client.is_done(third));
    assert_eq!(client.frames(), []);

    client.cut();
    let fourth = client.observe("lobby");
    assert_eq!(client.result(fourth), None, "not confirmed on this connection");
    let frames = client.reopen();
    client.welcome(&[("lobby", false)]);
    client.diff(5, 5, Vec::new());
    client.ok(&frames[1]);
    assert!(client.is_done(fourth));
}

#[test]
fn observe_unobserve_observe_in_one_drain_is_one_observe() {
    let mut client = Client::joined();
    let promises = [client.observe("lobby"), client.unobserve("lobby"), client.observe("lobby")];
    let frames = client.frames();
    assert_eq!(short(&frames), ["observe lobby"]);
    client.snapshot(EPOCH, 5, 0, &[]);
    client.ok(&frames[0]);
    for promise in promises {
        assert!(client.is_done(promise));
    }
}

#[test]
fn unobserve_and_observe_in_one_drain_keep_the_roster() {
    let mut client = Client::observing(&[("ann", "")]);
    let promises = [client.unobserve("lobby"), client.observe("lobby")];
    assert_eq!(client.frames(), []);
    for promise in promises {
        assert!(client.is_done(promise));
    }
    assert_eq!(client.roster().unwrap(), ["ann="]);
}

#[test]
fn unobserving_ends_events_at_once_and_resolves_with_ok() {
    let mut client = Client::observing(&[("ann", "")]);
    let unobserved = client.unobserve("lobby");
    let frames = client.frames();
    assert_eq!(short(&frames), ["unobserve lobby"]);
    client.diff(5, 6, vec![join("bob")]);
    assert_eq!(client.events(), [""; 0]);
    assert_eq!(client.roster(), None);
    assert_eq!(client.result(unobserved), None);
    client.ok(&frames[0]);
    assert!(client.is_done(unobserved));
}

#[test]
fn observing_anew_begins_with_a_snapshot_of_its_own() {
    let mut client = Client::observing(&[("ann", "")]);
    client.unobserve("lobby");
    let unobserve = client.frames();
    let observed = client.observe("lobby");
    assert_eq!(client.frames(), []);
    client.snapshot(EPOCH, 5, 0, &[("ann", "")]);
    client.diff(5, 6, vec![join("bob")]);
    assert_eq!(client.events(), [""; 0], "what belongs to the observation before is not told");
    assert_eq!(client.roster(), None);
    client.ok(&unobserve[0]);
    let frames = client.frames();
    assert_eq!(short(&frames), ["observe lobby"]);
    client.snapshot(EPOCH, 6, 0, &[("ann", ""), ("bob", "")]);
    client.ok(&frames[0]);
    assert!(client.is_done(observed));
    assert_eq!(client.roster().unwrap(), ["ann=", "bob="]);
    assert_eq!(client.events(), [""; 0]);
}

#[test]
fn an_answer_that_was_given_up_in_between_is_asked_for_again() {
    let mut client = Client::joined();
    let first = client.observe("lobby");
    let frames = client.frames();
    client.unobserve("lobby");
    client.drain();
    client.hear(ServerFrame::Snapshot(page(EPOCH, 5, 0, &[("ann", "")], true)));
    let second = client.observe("lobby");
    client.hear(ServerFrame::Snapshot(page(EPOCH, 5, 0, &[("bob", "")], false)));
    assert_eq!(client.roster(), None, "a part of a roster is none");
    client.ok(&frames[0]);
    assert_eq!(client.result(second), None);
    let frames = client.frames();
    assert_eq!(short(&frames), ["observe lobby"]);
    client.snapshot(EPOCH, 5, 0, &[("ann", ""), ("bob", "")]);
    client.ok(&frames[0]);
    assert!(client.is_done(first));
    assert!(client.is_done(second));
    assert_eq!(client.roster().unwrap(), ["ann=", "bob="]);
}

#[test]
fn a_refused_observe_rejects_and_withdraws() {
    let mut client = Client::joined();
    let observed = client.observe("lobby");
    let frames = client.frames();
    client.error(&frames[0], Code::Forbidden, None);
    assert_eq!(client.code(observed), Some(Code::Forbidden));
    client.cut();
    assert_eq!(short(&client.reopen()), ["hello lobby"]);
}

#[test]
fn a_confirmed_observation_outlives_an_error_that_passes_but_not_one_that_stays() {
    let mut client = Client::observing(&[("ann", "")]);
    client.cut();
    let frames = client.reopen();
    client.welcome(&[]);
    client.error(&frames[1], Code::Unavailable, Some(400));
    assert_eq!(client.frames(), []);
    client.advance(400);
    let frames = client.frames();
    assert_eq!(short(&frames), ["observe lobby 5"]);
    client.take();
    client.error(&frames[0], Code::Forbidden, None);
    assert!(client.take().contains(&Output::Warn("no longer observing channel lobby: forbidden".into())));
    assert_eq!(client.roster(), None);
}

#[test]
fn an_unobserve_that_fails_is_tried_again() {
    let mut client = Client::observing(&[]);
    let unobserved = client.unobserve("lobby");
    let frames = client.frames();
    client.error(&frames[0], Code::Unavailable, Some(400));
    assert_eq!(client.code(unobserved), Some(Code::Unavailable));
    client.advance(400);
    assert_eq!(short(&client.frames()), ["unobserve lobby"]);
}

fn occupancy(mode: Mode, count: u64, changes: Vec<Transition>) -> ServerFrame {
    ServerFrame::Occupancy(Occupancy {
        channel: "lobby".into(),
        epoch: EPOCH,
        seq: 9,
        mode,
        count,
        joins: 3,
        departures: 1,
        sample: Vec::new(),
        changes,
        truncated: true,
    })
}

/// The modes and counts that were told.
fn modes(client: &mut Client) -> Vec<(Mode, u64)> {
    let told = client.take().into_iter().filter_map(|output| match output {
        Output::Occupancy(told) => {
            assert_eq!(told.changes, [], "they are told as events");
            Some((told.mode, told.count))
        }
        _ => None,
    });
    told.collect()
}

#[test]
fn beyond_full_mode_there_is_no_roster_and_back_in_it_the_differences_are_told() {
    let mut client = Client::observing(&[("ann", ""), ("eve", "")]);
    client.hear(occupancy(
        Mode::Interval,
        2_000,
        vec![join("bob"), leave("eve"), join("ann"), leave("nobody")],
    ));
    assert_eq!(client.events(), ["+bob", "-eve"], "nobody joins twice, and nobody leaves who is not there");
    client.hear(occupancy(Mode::Count, 20_000, Vec::new()));
    assert_eq!(modes(&mut client), [(Mode::Count, 20_000)]);
    assert_eq!(client.roster(), None);
    client.diff(3, 12, vec![set("ann", "happy")]);
    assert_eq!(client.frames(), [], "nothing is asked for");
    client.snapshot(EPOCH, 20, 0, &[("bob", "glad"), ("cid", "")]);
    assert_eq!(client.roster().unwrap(), ["bob=glad", "cid="]);
    assert_eq!(client.events(), ["~-ann", "~+cid", "~bob=glad"]);
    client.diff(20, 21, vec![join("dan")]);
    assert_eq!(client.events(), ["+dan"]);
}

#[test]
fn who_leaves_full_mode_and_comes_back_asks_for_the_whole_roster() {
    let mut client = Client::observing(&[("cid", "")]);
    let mut interval = page(EPOCH, 30, 0, &[], false);
    interval.mode = Mode::Interval;
    client.hear(ServerFrame::Snapshot(interval));
    assert_eq!(client.roster(), None);
    client.cut();
    let frames = client.reopen();
    let nowhere = "observe lobby 9007199254740991";
    assert_eq!(short(&frames), ["hello ", nowhere], "a place that is answered with a snapshot");
    assert_eq!(client.events(), [""; 0]);
    client.snapshot(EPOCH, 40, 0, &[("cid", ""), ("dan", "")]);
    assert_eq!(modes(&mut client), [(Mode::Full, 2)]);
}

#[test]
fn who_is_held_absent_in_a_large_channel_is_there_when_it_is_heard_of() {
    let mut client = Client::observing(&[("ann", "glad")]);
    client.cut();
    client.reopen();
    client.hear(ServerFrame::Snapshot(page(Epoch(EPOCH.0 + 1), 1, 8_000, &[], false)));
    client.hear(occupancy(Mode::Count, 20_000, vec![set("ann", "calm")]));
    assert_eq!(client.events(), ["ann=calm"]);
}

#[test]
fn changes_of_a_channel_whose_roster_was_never_told_are_told_as_they_are() {
    let mut client = Client::joined();
    client.observe("lobby");
    let frames = client.frames();
    let mut interval = page(EPOCH, 30, 0, &[], false);
    interval.mode = Mode::Interval;
    client.hear(ServerFrame::Snapshot(interval));
    client.hear(occupancy(Mode::Interval, 2_000, Vec::new()));
    client.ok(&frames[0]);
    client.hear(occupancy(Mode::Interval, 2_000, vec![leave("eve"), join("ann"), set("ann", "glad")]));
    assert_eq!(client.events(), ["-eve", "+ann", "ann=glad"]);
}

#[test]
fn a_roster_without_end_is_given_up() {
    let mut client = Client::joined();
    let observed = client.observe("lobby");
    let frames = client.frames();
    let users: Vec<String> = (0..1_001).map(|i| format!("user {i}")).collect();
    let members: Vec<_> = users.iter().map(|user| (user.as_str(), "")).collect();
    for _ in 0..100 {
        client.hear(ServerFrame::Snapshot(page(EPOCH, 5, 0, &members, true)));
    }
    client.hear(ServerFrame::Snapshot(page(EPOCH, 5, 0, &[("last", "")], false)));
    client.ok(&frames[0]);
    assert!(client.is_done(observed));
    assert_eq!(client.roster(), None);
    client.snapshot(EPOCH, 6, 0, &[("ann", "")]);
    assert_eq!(client.roster().unwrap(), ["ann="]);
}

#[test]
fn events_of_one_message_make_one_batch() {
    let mut client = Client::observing(&[]);
    let socket = client.socket.unwrap();
    for seq in 6..9 {
        let transitions = vec![join(&format!("user {seq}"))];
        let frame = ServerFrame::Diff { channel: "lobby".into(), prev: seq - 1, seq, transitions };
        client.session.handle_frame(client.millis(), socket, frame);
    }
    let log = client.take();
    assert!(matches!(&log[..], [Output::Events(events)] if events.len() == 3), "{log:?}");
}

#[test]
fn an_unobserve_is_done_when_the_connection_is_lost() {
    let mut client = Client::observing(&[]);
    client.join("a");
    let unobserved = client.unobserve("lobby");
    client.drain();
    client.cut();
    assert!(client.is_done(unobserved), "observing does not outlive a connection");
    assert_eq!(short(&client.frames()), ["unobserve lobby", "join a"]);
    assert_eq!(short(&client.reopen()), ["hello a"]);
}
