//! Older and newer versions that talk to each other, and clients that write less or other than we do.

use std::fmt::Debug;

use herenow_protocol::codec::json::{self, Keys};
use herenow_protocol::codec::postcard::{self, Kinds};
use herenow_protocol::codec::{Decoded, NotAMessage};
use herenow_protocol::{
    Attributes, ClientFrame, Code, Epoch, Granted, Hello, Mode, Occupancy, Refused, ServerFrame,
    SessionSecret, Snapshot,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fixtures::{body, framed, varint};
use crate::{client_frames, server_frames};

fn client_json(text: &str) -> Result<Vec<Decoded<ClientFrame>>, NotAMessage> {
    json::decode(text.as_bytes())
}

fn server_json(text: &str) -> Result<Vec<Decoded<ServerFrame>>, NotAMessage> {
    json::decode(text.as_bytes())
}

fn frame<F>(frame: F) -> Result<Vec<Decoded<F>>, NotAMessage> {
    Ok(vec![Decoded::Frame(frame)])
}

fn malformed<F>(id: Option<u32>) -> Result<Vec<Decoded<F>>, NotAMessage> {
    Ok(vec![Decoded::Malformed { id }])
}

fn unknown<F>(id: Option<u32>) -> Result<Vec<Decoded<F>>, NotAMessage> {
    Ok(vec![Decoded::Unknown { id }])
}

fn join() -> ClientFrame {
    ClientFrame::Join { id: 1, channel: "a".into() }
}

#[test]
fn appended_bytes_are_ignored_in_every_frame() {
    fn check<F>(frames: Vec<(&str, F)>)
    where
        F: Serialize + DeserializeOwned + Kinds + PartialEq + Debug,
    {
        for (name, value) in frames {
            let mut longer = body(&postcard::encode(&value)).to_vec();
            longer.extend([0xff; 40]);
            assert_eq!(postcard::decode(&framed(&longer)), frame(value), "{name}");
        }
    }
    check(client_frames::all());
    check(server_frames::all());
}

#[test]
fn appended_fields_are_ignored_in_every_frame() {
    fn check<F>(frames: Vec<(&str, F)>)
    where
        F: Serialize + DeserializeOwned + Keys + PartialEq + Debug,
    {
        for (name, value) in frames {
            let mut text: serde_json::Value = serde_json::from_slice(&json::encode(&value)).unwrap();
            let fields = text.as_object_mut().unwrap().values_mut().next().unwrap();
            fields["newer"] = serde_json::json!({"deep": [1, {"er": null}]});
            assert_eq!(json::decode(format!("[{text}]").as_bytes()), frame(value), "{name}");
        }
    }
    check(client_frames::all());
    check(server_frames::all());
}

#[test]
fn unknown_frames_are_passed_over() {
    let message = [
        postcard::encode(&join()),
        framed(&[varint(200), vec![9, 0xff, 0xff]].concat()),
        postcard::encode(&ClientFrame::Bye {}),
    ];
    let expected = Ok(vec![
        Decoded::Frame(join()),
        Decoded::Unknown { id: Some(9) },
        Decoded::Frame(ClientFrame::Bye {}),
    ]);
    assert_eq!(postcard::decode(&message.concat()), expected);
    let text = r#"[{"join":{"id":1,"channel":"a"}},{"dance":{"id":9,"channel":"a"}},{"bye":{}}]"#;
    assert_eq!(client_json(text), expected);
}

#[test]
fn an_unknown_frame_of_a_server_has_no_id_in_postcard() {
    for kind in [ServerFrame::KINDS, 127, 128, u32::MAX] {
        let message = framed(&[varint(kind.into()), vec![5, 5]].concat());
        assert_eq!(postcard::decode::<ServerFrame>(&message), unknown(None));
    }
    assert_eq!(server_json(r#"[{"weather":{"sun":true}}]"#), unknown(None));
    assert_eq!(server_json(r#"[{"weather":7}]"#), unknown(None));
}

#[test]
fn the_first_unknown_kind_is_the_one_after_the_last() {
    let kind = ClientFrame::KINDS as u8;
    assert_eq!(
        postcard::decode::<ClientFrame>(&[6, kind, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        unknown(Some(u32::MAX))
    );
    assert_eq!(postcard::decode::<ClientFrame>(&[1, kind]), unknown(None));
    assert_eq!(postcard::decode::<ClientFrame>(&[1, kind - 1]), frame(ClientFrame::Bye {}));
}

#[test]
fn missing_last_fields_read_as_zero_in_postcard() {
    let short = [varint(4).as_slice(), &[9, 1, b'a']].concat();
    assert_eq!(
        postcard::decode(&framed(&short)),
        frame(ClientFrame::Observe { id: 9, channel: "a".into(), from: None })
    );
    assert_eq!(
        postcard::decode(&framed(&[1, 9])),
        frame(ServerFrame::Ok { id: 9, fresh: None, expires_in_ms: None })
    );
    let short = [&[9, 1, b'a'][..], &varint(7), &[5, 0, 3]].concat();
    let occupancy = Occupancy {
        channel: "a".into(),
        epoch: Epoch(7),
        seq: 5,
        mode: Mode::Full,
        count: 3,
        joins: 0,
        departures: 0,
        sample: Vec::new(),
        changes: Vec::new(),
        truncated: false,
    };
    assert_eq!(postcard::decode(&framed(&short)), frame(ServerFrame::Occupancy(occupancy)));
}

#[test]
fn null_and_empty_fields_may_be_left_out_of_json() {
    let hello = Hello {
        client_id: "default".into(),
        token: None,
        session: SessionSecret(0xabc),
        attempt: 1,
        joined: Vec::new(),
    };
    assert_eq!(
        client_json(r#"[{"hello":{"session":"00000000000000000000000000000ABC"}}]"#),
        frame(ClientFrame::Hello(hello))
    );
    assert_eq!(
        client_json(r#"[{"set":{"channel":"a","id":1}}]"#),
        frame(ClientFrame::Set { id: 1, channel: "a".into(), attributes: Attributes::new() })
    );
    assert_eq!(
        client_json(r#" [ { "observe" : { "channel" : "a", "id" : 1 } } ] "#),
        frame(ClientFrame::Observe { id: 1, channel: "a".into(), from: None })
    );
    assert_eq!(
        server_json(r#"[{"ok":{"id":1}}]"#),
        frame(ServerFrame::Ok { id: 1, fresh: None, expires_in_ms: None })
    );
    let snapshot = Snapshot {
        channel: "a".into(),
        epoch: Epoch(1),
        seq: 0,
        mode: Mode::Interval,
        settles_in_ms: 0,
        members: Vec::new(),
        more: false,
    };
    let text = r#"[{"snapshot":{"channel":"a","epoch":"0000000000000001","seq":0,"mode":"interval","settles_in_ms":0}}]"#;
    assert_eq!(server_json(text), frame(ServerFrame::Snapshot(snapshot)));
}

#[test]
fn malformed_json_frames_keep_their_id() {
    for fields in [
        r#""channel":7"#,
        r#""chanel":"a""#,
        r#""channel":"a","channel":"b""#,
        r#""channel":"\ud800""#,
        r#""channel":null"#,
    ] {
        assert_eq!(
            client_json(&format!(r#"[{{"join":{{"id":8,{fields}}}}}]"#)),
            malformed(Some(8)),
            "{fields}"
        );
    }
    for id in ["-1", "4294967296", "1.5", "\"8\"", "null", "[8]"] {
        assert_eq!(
            client_json(&format!(r#"[{{"join":{{"id":{id},"channel":"a"}}}}]"#)),
            malformed(None),
            "{id}"
        );
    }
    assert_eq!(client_json(r#"[{"join":"a"}]"#), malformed(None));
    assert_eq!(client_json(r#"[{"bye":null}]"#), malformed(None));
    assert_eq!(client_json(r#"[{"hello":{"session":"0102"}}]"#), malformed(None));
    assert_eq!(client_json(r#"[{"hello":{"session":"g0000000000000000000000000000000"}}]"#), malformed(None));
    let attributes = r#"[{"set":{"id":8,"channel":"a","attributes":{"a":1}}}]"#;
    assert_eq!(client_json(attributes), malformed(Some(8)));
}

#[test]
fn malformed_postcard_frames_keep_their_id() {
    let not_utf8 = framed(&[1, 0xac, 0x02, 1, 0xff]);
    assert_eq!(postcard::decode::<ClientFrame>(&not_utf8), malformed(Some(300)));
    let cut = framed(&[1, 8, 5, b'l', b'o']);
    assert_eq!(postcard::decode::<ClientFrame>(&cut), malformed(Some(8)));
    let not_an_option = framed(&[4, 8, 1, b'a', 2]);
    assert_eq!(postcard::decode::<ClientFrame>(&not_an_option), malformed(Some(8)));
    let hello = framed(&[0, 1, 0xff]);
    assert_eq!(postcard::decode::<ClientFrame>(&hello), malformed(None));
    let unknown_mode = framed(&[3, 1, b'a', 7, 0, 3, 0, 0, 0]);
    assert_eq!(postcard::decode::<ServerFrame>(&unknown_mode), malformed(None));
}

#[test]
fn one_malformed_frame_does_not_spoil_the_message() {
    let message = [framed(&[1, 8, 5, b'l']), postcard::encode(&join())].concat();
    assert_eq!(
        postcard::decode(&message),
        Ok(vec![Decoded::Malformed { id: Some(8) }, Decoded::Frame(join())])
    );
    let text = r#"[{"join":{"id":8}},{"join":{"id":1,"channel":"a"}}]"#;
    assert_eq!(client_json(text), Ok(vec![Decoded::Malformed { id: Some(8) }, Decoded::Frame(join())]));
}

#[test]
fn what_is_no_list_of_frames_is_no_message() {
    for text in [
        "",
        "{}",
        "null",
        "[",
        "[]]",
        "[7]",
        "[null]",
        "[\"bye\"]",
        "[[]]",
        "[{}]",
        "[{\"bye\":{}},]",
        "[{\"bye\":{},\"join\":{}}]",
        "\u{feff}[]",
    ] {
        assert_eq!(client_json(text), Err(NotAMessage), "{text}");
    }
    assert_eq!(json::decode::<ClientFrame>(b"[{\"bye\":{\"\xff\":1}}]"), Err(NotAMessage));
    let messages: [&[u8]; 6] = [
        &[0],
        &[2, 7],
        &[0x80],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0xff, 0xff, 0xff, 0xff, 0x1f],
        &[0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
    ];
    for message in messages {
        assert_eq!(postcard::decode::<ClientFrame>(message), Err(NotAMessage), "{message:?}");
    }
}

#[test]
fn a_code_of_a_newer_version_reads_as_internal() {
    let left = ServerFrame::Left(Refused { channel: "a".into(), code: Code::Internal });
    assert_eq!(postcard::decode(&framed(&[8, 1, b'a', 0xfe])), frame(left.clone()));
    assert_eq!(server_json(r#"[{"left":{"channel":"a","code":"too_rainy"}}]"#), frame(left));
    for (at, code) in Code::ALL.iter().enumerate() {
        let left = ServerFrame::Left(Refused { channel: "a".into(), code: *code });
        assert_eq!(postcard::decode(&framed(&[8, 1, b'a', at as u8])), frame(left.clone()));
        let text = format!(r#"[{{"left":{{"channel":"a","code":"{code}"}}}}]"#);
        assert_eq!(server_json(&text), frame(left));
    }
}

#[test]
fn of_a_key_that_comes_twice_the_last_counts() {
    let set = |value: &str| ClientFrame::Set {
        id: 1,
        channel: "a".into(),
        attributes: Attributes::from_iter([("k", value), ("z", "0")]),
    };
    let text = r#"[{"set":{"id":1,"channel":"a","attributes":{"k":"1","z":"0","k":"2"}}}]"#;
    assert_eq!(client_json(text), frame(set("2")));
    let message = framed(b"\x03\x01\x01a\x03\x01k\x011\x01z\x010\x01k\x012");
    assert_eq!(postcard::decode(&message), frame(set("2")));
}

#[test]
fn any_name_that_is_valid_survives_both_encodings() {
    let longest = "🎲".repeat(32);
    for name in ["__proto__", "constructor", "toString", "café 🎲", "a/b/../c?d#e", " ", "\"\\", &longest]
    {
        let value = ServerFrame::Membership(Granted { channel: name.into(), fresh: true });
        assert_eq!(json::decode(&[b"[", &json::encode(&value)[..], b"]"].concat()), frame(value.clone()));
        assert_eq!(postcard::decode(&postcard::encode(&value)), frame(value));
        let set = ClientFrame::Set {
            id: 1,
            channel: name.into(),
            attributes: Attributes::from_iter([(name, name), ("\u{0}", "\u{85}\u{2028}")]),
        };
        assert_eq!(json::decode(&[b"[", &json::encode(&set)[..], b"]"].concat()), frame(set.clone()));
        assert_eq!(postcard::decode(&postcard::encode(&set)), frame(set));
    }
}
