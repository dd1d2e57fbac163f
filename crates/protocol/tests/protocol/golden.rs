//! The golden files: each frame reads from them and writes to them, in both encodings.
//!
//! A frame that no longer matches breaks every client that is out there. After adding a frame or a field, run this
//! with `HERENOW_WRITE_FIXTURES=1` to write the files anew, and see in the difference that old lines are unchanged.

use std::collections::BTreeSet;
use std::fmt::Debug;

use herenow_protocol::codec::compact;
use herenow_protocol::codec::json::{self, Keys};
use herenow_protocol::codec::postcard::{self, Kinds};
use herenow_protocol::{ClientFrame, Decoded, ServerFrame};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::checks::json_message;
use crate::fixtures::{self, Example, fixture_path, read_fixture, write_fixture};
use crate::{client_frames, server_frames};

/// Compares the frames with a file, both ways and in both encodings.
fn check<F>(file: &str, frames: &[(&str, F)])
where
    F: Serialize + DeserializeOwned + Keys + Kinds + PartialEq + Debug + Clone,
{
    let examples: Vec<Example> = frames
        .iter()
        .map(|(name, frame)| Example {
            name: (*name).into(),
            json: String::from_utf8(json::encode(frame)).unwrap(),
            postcard: postcard::encode(frame),
        })
        .collect();
    if std::env::var_os("HERENOW_WRITE_FIXTURES").is_some() {
        std::fs::write(fixture_path(file), write_fixture(&examples)).unwrap();
    }
    let golden = read_fixture(file);
    assert_eq!(golden.len(), frames.len(), "{file} has another number of examples");
    for ((example, (name, frame)), written) in golden.iter().zip(frames).zip(&examples) {
        assert_eq!(example.name, *name);
        assert_eq!(written.json, example.json, "{name}");
        assert_eq!(fixtures::to_hex(&written.postcard), fixtures::to_hex(&example.postcard), "{name}");
        let expected = Ok(vec![Decoded::Frame(frame.clone())]);
        assert_eq!(json::decode(&json_message(&[example.json.clone().into_bytes()])), expected, "{name}");
        assert_eq!(postcard::decode(&example.postcard), expected, "{name}");
    }
}

/// The kinds that the examples have, as (number, key), checked against both encodings.
fn check_kinds<F>(frames: &[(&str, F)], kind: impl Fn(&F) -> (u32, &'static str))
where
    F: Serialize + DeserializeOwned + Keys + Kinds,
{
    let mut seen = BTreeSet::new();
    for (name, frame) in frames {
        let (number, key) = kind(frame);
        assert_eq!(u32::from(fixtures::body(&postcard::encode(frame))[0]), number, "{name}");
        let object: serde_json::Map<_, _> = serde_json::from_slice(&json::encode(frame)).unwrap();
        assert_eq!(object.keys().collect::<Vec<_>>(), [key], "{name}");
        seen.insert((number, key));
    }
    let keys: Vec<_> = seen.iter().map(|(_, key)| *key).collect();
    assert_eq!(keys, F::KEYS, "each kind has an example and a key, in the order of the binary encoding");
    assert_eq!(
        seen.into_iter().map(|(number, _)| number).collect::<Vec<_>>(),
        (0..F::KINDS).collect::<Vec<_>>()
    );
}

#[test]
fn client_frames_are_those_of_the_golden_file() {
    check("client.json", &client_frames::all());
    for (example, (name, frame)) in read_fixture("client.json").iter().zip(client_frames::all()) {
        let mut message = Vec::new();
        compact::append(&frame, &mut message);
        assert_eq!(fixtures::to_hex(&message), fixtures::to_hex(&example.postcard), "{name}");
    }
}

#[test]
fn server_frames_are_those_of_the_golden_file() {
    check("server.json", &server_frames::all());
    for (example, (name, frame)) in read_fixture("server.json").iter().zip(server_frames::all()) {
        assert_eq!(compact::decode(&example.postcard), Ok(vec![frame]), "{name}");
    }
}

#[test]
fn kinds_and_keys_of_client_frames_are_those_of_the_type() {
    check_kinds(&client_frames::all(), client_frames::kind);
}

#[test]
fn kinds_and_keys_of_server_frames_are_those_of_the_type() {
    check_kinds(&server_frames::all(), server_frames::kind);
}

#[test]
fn frames_that_begin_with_an_id_are_said_to() {
    fn check<F: Serialize + Kinds>(frames: &[(&str, F)], kind: impl Fn(&F) -> (u32, &'static str)) {
        for (name, frame) in frames {
            let (number, key) = kind(frame);
            let value: serde_json::Value = serde_json::from_slice(&json::encode(frame)).unwrap();
            let id = value[key].get("id").and_then(serde_json::Value::as_u64);
            assert_eq!(F::begins_with_id(number), id.is_some(), "{name}");
            if let Some(id) = id {
                let encoded = postcard::encode(frame);
                assert!(fixtures::body(&encoded)[1..].starts_with(&fixtures::varint(id)), "{name}");
            }
        }
    }
    check(&client_frames::all(), client_frames::kind);
    check(&server_frames::all(), server_frames::kind);
    assert!(ClientFrame::begins_with_id(ClientFrame::KINDS), "what is appended can be refused");
}

#[test]
fn a_message_holds_all_frames_in_order() {
    fn check<F>(frames: &[(&str, F)])
    where
        F: Serialize + DeserializeOwned + Keys + Kinds + PartialEq + Debug + Clone,
    {
        let expected = Ok(frames.iter().map(|(_, frame)| Decoded::Frame(frame.clone())).collect());
        let text: Vec<_> = frames.iter().map(|(_, frame)| json::encode(frame)).collect();
        assert_eq!(json::decode(&json_message(&text)), expected);
        let binary: Vec<_> = frames.iter().flat_map(|(_, frame)| postcard::encode(frame)).collect();
        assert_eq!(postcard::decode(&binary), expected);
    }
    check(&client_frames::all());
    check(&server_frames::all());
    assert_eq!(json::decode::<ServerFrame>(b"[]"), Ok(Vec::new()));
    assert_eq!(postcard::decode::<ServerFrame>(b""), Ok(Vec::new()));
}
