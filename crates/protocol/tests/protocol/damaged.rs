//! Messages that are nearly right: bytes changed, inserted, removed, doubled and swapped, and JSON of any shape.

use herenow_protocol::codec::json::{self, Keys};
use herenow_protocol::codec::postcard;
use herenow_protocol::{ClientFrame, Decoded, ServerFrame};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::arbitrary::{client_frame, server_frame};
use crate::checks::{self, json_message};
use crate::fixtures::framed;

/// What may happen to a message on its way.
#[derive(Clone, Debug)]
enum Damage {
    Change(Index, u8),
    Flip(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Cut(Index),
    Repeat(Index, Index),
    Swap(Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Change(at, byte)),
        (at(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        at().prop_map(Damage::Remove),
        at().prop_map(Damage::Cut),
        (at(), at()).prop_map(|(from, to)| Damage::Repeat(from, to)),
        (at(), at()).prop_map(|(one, other)| Damage::Swap(one, other)),
    ]
}

impl Damage {
    fn apply(&self, message: &mut Vec<u8>) {
        if message.is_empty() {
            return;
        }
        let len = message.len();
        match self {
            Damage::Change(at, byte) => message[at.index(len)] = *byte,
            Damage::Flip(at, bit) => message[at.index(len)] ^= 1 << bit,
            Damage::Insert(at, byte) => message.insert(at.index(len), *byte),
            Damage::Remove(at) => _ = message.remove(at.index(len)),
            Damage::Cut(at) => message.truncate(at.index(len)),
            Damage::Repeat(from, to) => {
                let (from, to) = (from.index(len), to.index(len));
                let piece = message[from.min(to)..from.max(to)].to_vec();
                message.splice(to..to, piece);
            }
            Damage::Swap(one, other) => message.swap(one.index(len), other.index(len)),
        }
    }
}

fn damaged(mut message: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    damages.iter().for_each(|damage| damage.apply(&mut message));
    message
}

/// JSON with the protocol's own words in it, so that some of it is nearly a frame.
fn value() -> impl Strategy<Value = Value> {
    let words =
        vec!["lobby", "full", "not_joined", "0000000000000001", "00000000000000000000000000000001", ""];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (0..4_u32).prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(words).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(key(), inner, 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// A field's or a frame's name, or any other.
fn key() -> impl Strategy<Value = String> {
    let mut words = [ClientFrame::KEYS, ServerFrame::KEYS].concat();
    words.extend([
        "id",
        "channel",
        "client_id",
        "session",
        "attempt",
        "joined",
        "attributes",
        "from",
        "epoch",
        "seq",
        "prev",
        "user",
        "code",
        "message",
        "mode",
        "members",
        "transitions",
        "settles_in_ms",
        "reconnect_in_ms",
        "fresh",
    ]);
    prop_oneof![8 => select(words).prop_map(String::from), 1 => any::<String>()]
}

/// What a reader must make of one frame, as far as can be said without knowing its fields.
fn check_outcome<F>(key: &str, body: &Value) -> Result<(), TestCaseError>
where
    F: Keys + Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let frame = Value::Object(Map::from_iter([(key.to_owned(), body.clone())]));
    let message = Value::from(vec![frame]).to_string();
    let id = body.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
    match json::decode::<F>(message.as_bytes()).as_deref() {
        Ok([Decoded::Unknown { id: told }]) => {
            prop_assert!(!F::KEYS.contains(&key));
            prop_assert_eq!(*told, id);
        }
        Ok([Decoded::Malformed { id: told }]) => {
            prop_assert!(F::KEYS.contains(&key));
            prop_assert_eq!(*told, id);
        }
        Ok([Decoded::Frame(frame)]) => {
            let written: Value = serde_json::from_slice(&json::encode(frame)).unwrap();
            prop_assert!(written.get(key).is_some(), "{} was read as {}", message, written);
        }
        other => prop_assert!(false, "{} was read as {:?}", message, other),
    }
    Ok(())
}

/// The same JSON in another form: indented, and all but ASCII escaped.
fn rewritten(message: &[u8]) -> Vec<u8> {
    let value: Value = serde_json::from_slice(message).unwrap();
    let indented = serde_json::to_string_pretty(&value).unwrap();
    let mut escaped = String::new();
    for character in indented.chars() {
        if character.is_ascii() {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            escaped.push_str(&format!("\\u{unit:04X}"));
        }
    }
    escaped.into_bytes()
}

/// A length of 0 in ten bytes, where a text, a list and attributes begin.
#[test]
fn lengths_may_be_longer_than_they_need() {
    let length = [[0x80; 9].as_slice(), &[0]].concat();
    let error = [&[2, 4, 0], length.as_slice()].concat();
    let diff = [&[4, 1, b'c', 0, 1], length.as_slice()].concat();
    let set = [&[4, 1, b'c', 0, 1, 1, 3, 1, b'u'], length.as_slice()].concat();
    for body in [error, diff, set] {
        let message = framed(&body);
        assert!(
            matches!(postcard::decode::<ServerFrame>(&message).as_deref(), Ok([Decoded::Frame(_)])),
            "{body:?}"
        );
        checks::server_binary(&message);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_messages_of_clients(frames in vec(client_frame(), 1..4), damages in vec(damage(), 1..4)) {
        let binary = frames.iter().flat_map(postcard::encode).collect();
        checks::client_binary(&damaged(binary, &damages));
        let text = json_message(&frames.iter().map(json::encode).collect::<Vec<_>>());
        checks::client_json(&damaged(text, &damages));
    }

    #[test]
    fn damaged_messages_of_servers(frames in vec(server_frame(), 1..4), damages in vec(damage(), 1..4)) {
        let binary = frames.iter().flat_map(postcard::encode).collect();
        checks::server_binary(&damaged(binary, &damages));
        let text = json_message(&frames.iter().map(json::encode).collect::<Vec<_>>());
        checks::server_json(&damaged(text, &damages));
    }

    /// As when client and server were mixed up.
    #[test]
    fn messages_of_the_other_side(client in client_frame(), server in server_frame()) {
        checks::server_binary(&postcard::encode(&client));
        checks::client_binary(&postcard::encode(&server));
        checks::server_json(&json_message(&[json::encode(&client)]));
        checks::client_json(&json_message(&[json::encode(&server)]));
    }

    #[test]
    fn whatever_a_frame_holds_its_neighbours_are_read(
        before in client_frame(),
        body in vec(any::<u8>(), 1..100),
        after in client_frame(),
    ) {
        let message = [postcard::encode(&before), framed(&body), postcard::encode(&after)].concat();
        // A frame whose kind is no number spoils its message.
        if let Ok(frames) = postcard::decode(&message) {
            prop_assert_eq!(frames.len(), 3);
            prop_assert_eq!(&frames[0], &Decoded::Frame(before));
            prop_assert_eq!(&frames[2], &Decoded::Frame(after));
        }
    }

    #[test]
    fn json_of_any_shape_is_a_frame_or_none(key in key(), body in value()) {
        check_outcome::<ClientFrame>(&key, &body)?;
        check_outcome::<ServerFrame>(&key, &body)?;
        let message = Value::from(vec![body]).to_string();
        checks::client_json(message.as_bytes());
        checks::server_json(message.as_bytes());
    }

    #[test]
    fn json_means_the_same_however_it_is_written(client in client_frame(), server in server_frame()) {
        let text = json_message(&[json::encode(&client)]);
        prop_assert_eq!(json::decode(&rewritten(&text)), Ok(vec![Decoded::Frame(client)]));
        let text = json_message(&[json::encode(&server)]);
        prop_assert_eq!(json::decode(&rewritten(&text)), Ok(vec![Decoded::Frame(server)]));
    }
}
