//! Every frame that the server says: at least one example of each.

use herenow_protocol::{
    Attributes, Code, Epoch, Granted, Limits, Member, Mode, Occupancy, Refused, ServerFrame, Snapshot,
    Transition, Welcome,
};

const EPOCH: Epoch = Epoch(0x9e37_79b9_7f4a_7c15);
const GUEST: &str = "guest-fd8d20ec4f1cab9f16eb9f27f84af1bf";

/// The number in the binary encoding and the key in JSON.
pub(crate) fn kind(frame: &ServerFrame) -> (u32, &'static str) {
    match frame {
        ServerFrame::Welcome(_) => (0, "welcome"),
        ServerFrame::Ok { .. } => (1, "ok"),
        ServerFrame::Error { .. } => (2, "error"),
        ServerFrame::Snapshot(_) => (3, "snapshot"),
        ServerFrame::Diff { .. } => (4, "diff"),
        ServerFrame::Tick {} => (5, "tick"),
        ServerFrame::GoingAway { .. } => (6, "going_away"),
        ServerFrame::Membership(_) => (7, "membership"),
        ServerFrame::Left(_) => (8, "left"),
        ServerFrame::Occupancy(_) => (9, "occupancy"),
    }
}

/// The frames of `fixtures/server.json`.
pub(crate) fn all() -> Vec<(&'static str, ServerFrame)> {
    let mut frames = answers();
    frames.extend(rosters());
    frames.extend(connection());
    frames
}

fn answers() -> Vec<(&'static str, ServerFrame)> {
    let welcome = Welcome {
        user: GUEST.into(),
        node: "node-1".into(),
        expires_in_ms: None,
        ping_interval_ms: 10_000,
        grace_ms: 10_000,
        limits: Limits::default(),
        joined: Vec::new(),
        refused: Vec::new(),
    };
    vec![
        ("welcome: a guest's first socket", ServerFrame::Welcome(welcome.clone())),
        (
            "welcome: one channel kept, one refused",
            ServerFrame::Welcome(Welcome {
                user: "ada".into(),
                expires_in_ms: Some(3_600_000),
                joined: vec![Granted { channel: "lobby".into(), fresh: false }],
                refused: vec![Refused { channel: "room/7".into(), code: Code::Forbidden }],
                ..welcome
            }),
        ),
        ("ok", ServerFrame::Ok { id: 2, fresh: None, expires_in_ms: None }),
        ("ok: a join that made a member", ServerFrame::Ok { id: 1, fresh: Some(true), expires_in_ms: None }),
        ("ok: a fresh token", ServerFrame::Ok { id: 8, fresh: None, expires_in_ms: Some(3_600_000) }),
        (
            "error",
            ServerFrame::Error {
                id: 3,
                code: Code::NotJoined,
                message: "attributes need a membership".into(),
                retry_in_ms: None,
            },
        ),
        (
            "error: try again later",
            ServerFrame::Error {
                id: 300,
                code: Code::RateLimited,
                message: "more than 50 frames a second".into(),
                retry_in_ms: Some(400),
            },
        ),
    ]
}

fn rosters() -> Vec<(&'static str, ServerFrame)> {
    let ada =
        Member { user: "ada".into(), attributes: Attributes::from_iter([("mood", "happy"), ("seat", "4")]) };
    let guest = Member { user: GUEST.into(), attributes: Attributes::new() };
    let snapshot = Snapshot {
        channel: "lobby".into(),
        epoch: EPOCH,
        seq: 130,
        mode: Mode::Full,
        settles_in_ms: 0,
        members: vec![ada.clone(), guest.clone()],
        more: false,
    };
    vec![
        ("snapshot", ServerFrame::Snapshot(snapshot.clone())),
        (
            "snapshot: a page of a server that has just restarted",
            ServerFrame::Snapshot(Snapshot {
                settles_in_ms: 9_800,
                members: vec![ada.clone()],
                more: true,
                ..snapshot.clone()
            }),
        ),
        (
            "snapshot: an empty channel",
            ServerFrame::Snapshot(Snapshot { seq: 0, members: Vec::new(), ..snapshot }),
        ),
        (
            "diff",
            ServerFrame::Diff {
                channel: "lobby".into(),
                prev: 130,
                seq: 137,
                transitions: vec![
                    Transition::Join { user: "eve".into() },
                    Transition::Set {
                        user: "eve".into(),
                        attributes: Attributes::from_iter([("__proto__", "🎲")]),
                    },
                    Transition::Leave { user: "ada".into() },
                    Transition::Timeout { user: GUEST.into() },
                ],
            },
        ),
        (
            "diff: only where the channel stands",
            ServerFrame::Diff { channel: "lobby".into(), prev: 137, seq: 137, transitions: Vec::new() },
        ),
        (
            "occupancy: count mode",
            ServerFrame::Occupancy(Occupancy {
                channel: "stadium".into(),
                epoch: EPOCH,
                seq: 90_210,
                mode: Mode::Count,
                count: 40_000,
                joins: 120,
                departures: 80,
                sample: vec![guest],
                changes: Vec::new(),
                truncated: false,
            }),
        ),
        (
            "occupancy: interval mode",
            ServerFrame::Occupancy(Occupancy {
                channel: "hall".into(),
                epoch: EPOCH,
                seq: 4_100,
                mode: Mode::Interval,
                count: 2_500,
                joins: 2,
                departures: 1,
                sample: Vec::new(),
                changes: vec![
                    Transition::Join { user: "eve".into() },
                    Transition::Leave { user: "ada".into() },
                ],
                truncated: true,
            }),
        ),
    ]
}

fn connection() -> Vec<(&'static str, ServerFrame)> {
    vec![
        ("tick", ServerFrame::Tick {}),
        ("going_away", ServerFrame::GoingAway { reconnect_in_ms: 1_250 }),
        ("membership", ServerFrame::Membership(Granted { channel: "lobby".into(), fresh: true })),
        ("left", ServerFrame::Left(Refused { channel: "lobby".into(), code: Code::Forbidden })),
    ]
}
