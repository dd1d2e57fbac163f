//! Arbitrary frames survive both encodings, and arbitrary bytes break neither.

use herenow_protocol::codec::compact;
use herenow_protocol::codec::json::{self, Keys};
use herenow_protocol::codec::postcard::{self, Kinds};
use herenow_protocol::{
    Attributes, ClientFrame, Code, Decoded, Epoch, Granted, Hello, Limits, Member, Mode, Occupancy, Position,
    Refused, ServerFrame, SessionSecret, Snapshot, Transition, Welcome,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::checks::{self, json_message};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-z]{1,8}"]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    vec((text(), text()), 0..6).prop_map(Attributes::from_iter)
}

fn epoch() -> impl Strategy<Value = Epoch> {
    any::<u64>().prop_map(Epoch)
}

fn code() -> impl Strategy<Value = Code> {
    select(Code::ALL)
}

fn mode() -> impl Strategy<Value = Mode> {
    select(vec![Mode::Full, Mode::Interval, Mode::Count])
}

fn position() -> impl Strategy<Value = Position> {
    (epoch(), any::<u64>()).prop_map(|(epoch, seq)| Position { epoch, seq })
}

fn member() -> impl Strategy<Value = Member> {
    (text(), attributes()).prop_map(|(user, attributes)| Member { user, attributes })
}

fn granted() -> impl Strategy<Value = Granted> {
    (text(), any::<bool>()).prop_map(|(channel, fresh)| Granted { channel, fresh })
}

fn refused() -> impl Strategy<Value = Refused> {
    (text(), code()).prop_map(|(channel, code)| Refused { channel, code })
}

fn limits() -> impl Strategy<Value = Limits> {
    any::<[u32; 11]>().prop_map(|n| Limits {
        channel_bytes: n[0],
        user_bytes: n[1],
        attributes: n[2],
        key_bytes: n[3],
        value_bytes: n[4],
        attributes_bytes: n[5],
        message_bytes: n[6],
        joined: n[7],
        observed: n[8],
        frames_per_second: n[9],
        burst: n[10],
    })
}

fn transition() -> impl Strategy<Value = Transition> {
    prop_oneof![
        text().prop_map(|user| Transition::Join { user }),
        text().prop_map(|user| Transition::Leave { user }),
        text().prop_map(|user| Transition::Timeout { user }),
        member().prop_map(|Member { user, attributes }| Transition::Set { user, attributes }),
    ]
}

pub(crate) fn client_frame() -> impl Strategy<Value = ClientFrame> {
    let hello = (text(), option::of(text()), any::<u128>(), any::<u32>(), vec(text(), 0..4)).prop_map(
        |(client_id, token, session, attempt, joined)| {
            let session = SessionSecret(session);
            ClientFrame::Hello(Hello { client_id, token, session, attempt, joined })
        },
    );
    let request = || (any::<u32>(), text());
    prop_oneof![
        hello,
        request().prop_map(|(id, channel)| ClientFrame::Join { id, channel }),
        request().prop_map(|(id, channel)| ClientFrame::Leave { id, channel }),
        (any::<u32>(), text(), attributes()).prop_map(|(id, channel, attributes)| ClientFrame::Set {
            id,
            channel,
            attributes
        }),
        (any::<u32>(), text(), option::of(position())).prop_map(|(id, channel, from)| ClientFrame::Observe {
            id,
            channel,
            from
        }),
        request().prop_map(|(id, channel)| ClientFrame::Unobserve { id, channel }),
        request().prop_map(|(id, token)| ClientFrame::Token { id, token }),
        Just(ClientFrame::Bye {}),
    ]
}

fn welcome() -> impl Strategy<Value = ServerFrame> {
    let names = (text(), text());
    let times = (option::of(any::<u64>()), any::<u64>(), any::<u64>());
    (names, times, limits(), vec(granted(), 0..4), vec(refused(), 0..4)).prop_map(
        |((user, node), (expires_in_ms, ping_interval_ms, grace_ms), limits, joined, refused)| {
            ServerFrame::Welcome(Welcome {
                user,
                node,
                expires_in_ms,
                ping_interval_ms,
                grace_ms,
                limits,
                joined,
                refused,
            })
        },
    )
}

fn snapshot() -> impl Strategy<Value = ServerFrame> {
    (text(), position(), mode(), any::<u64>(), vec(member(), 0..4), any::<bool>()).prop_map(
        |(channel, Position { epoch, seq }, mode, settles_in_ms, members, more)| {
            ServerFrame::Snapshot(Snapshot { channel, epoch, seq, mode, settles_in_ms, members, more })
        },
    )
}

fn occupancy() -> impl Strategy<Value = ServerFrame> {
    let lists = (vec(member(), 0..4), vec(transition(), 0..4), any::<bool>());
    (text(), position(), mode(), any::<[u64; 3]>(), lists).prop_map(
        |(
            channel,
            Position { epoch, seq },
            mode,
            [count, joins, departures],
            (sample, changes, truncated),
        )| {
            ServerFrame::Occupancy(Occupancy {
                channel,
                epoch,
                seq,
                mode,
                count,
                joins,
                departures,
                sample,
                changes,
                truncated,
            })
        },
    )
}

pub(crate) fn server_frame() -> impl Strategy<Value = ServerFrame> {
    prop_oneof![
        welcome(),
        (any::<u32>(), any::<Option<bool>>(), any::<Option<u64>>())
            .prop_map(|(id, fresh, expires_in_ms)| ServerFrame::Ok { id, fresh, expires_in_ms }),
        (any::<u32>(), code(), text(), any::<Option<u64>>()).prop_map(|(id, code, message, retry_in_ms)| {
            ServerFrame::Error { id, code, message, retry_in_ms }
        }),
        snapshot(),
        (text(), any::<u64>(), any::<u64>(), vec(transition(), 0..6)).prop_map(
            |(channel, prev, seq, transitions)| ServerFrame::Diff { channel, prev, seq, transitions }
        ),
        Just(ServerFrame::Tick {}),
        any::<u64>().prop_map(|reconnect_in_ms| ServerFrame::GoingAway { reconnect_in_ms }),
        granted().prop_map(ServerFrame::Membership),
        refused().prop_map(ServerFrame::Left),
        occupancy(),
    ]
}

/// Encodes the frames as one message in both encodings and reads them back.
fn survives<F>(frames: Vec<F>) -> Result<(), TestCaseError>
where
    F: Serialize + DeserializeOwned + Keys + Kinds + PartialEq + std::fmt::Debug,
{
    let binary: Vec<u8> = frames.iter().flat_map(postcard::encode).collect();
    let text = json_message(&frames.iter().map(json::encode).collect::<Vec<_>>());
    let expected = Ok(frames.into_iter().map(Decoded::Frame).collect());
    prop_assert_eq!(&postcard::decode::<F>(&binary), &expected);
    prop_assert_eq!(&json::decode::<F>(&text), &expected);
    Ok(())
}

/// Gives the bytes to every decoder.
fn is_read(bytes: &[u8]) {
    checks::client_binary(bytes);
    checks::server_binary(bytes);
    checks::client_json(bytes);
    checks::server_json(bytes);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn client_frames_survive(frames in vec(client_frame(), 0..4)) {
        let mut message = Vec::new();
        for frame in &frames {
            compact::append(frame, &mut message);
        }
        prop_assert_eq!(message, frames.iter().flat_map(postcard::encode).collect::<Vec<_>>());
        survives(frames)?;
    }

    #[test]
    fn server_frames_survive(frames in vec(server_frame(), 0..4)) {
        let message: Vec<u8> = frames.iter().flat_map(postcard::encode).collect();
        prop_assert_eq!(compact::decode(&message), Ok(frames.clone()));
        survives(frames)?;
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        is_read(&bytes);
    }

    #[test]
    fn arbitrary_fields_are_read_or_refused(kind in 0..12_u8, fields in vec(any::<u8>(), 0..100)) {
        let length = fields.len() as u8 + 1;
        is_read(&[&[length, kind], fields.as_slice()].concat());
    }
}
