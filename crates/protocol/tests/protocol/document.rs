//! `PROTOCOL.md` says what the code does: its tables, its frames and their fields, and every example.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use herenow_protocol::codec::json::Keys;
use herenow_protocol::{
    ClientFrame, CloseCode, Code, Decoded, HELLO_TIMEOUT_MS, Limits, MAX_APPLICATION_BYTES, MAX_OUTBOX_BYTES,
    MAX_SEQ, MAX_SESSIONS_PER_USER, SLOW_READER_MS, ServerFrame,
};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::fixtures::{Example, from_hex, read_fixture, to_hex};

fn document() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../PROTOCOL.md");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text of the section with this heading, to the next heading of the same level or above.
fn section(document: &str, heading: &str) -> String {
    let level = heading.bytes().take_while(|byte| *byte == b'#').count();
    let mut lines = document.lines().skip_while(|line| *line != heading);
    assert!(lines.next().is_some(), "no heading {heading}");
    let ends = |line: &str| {
        let hashes = line.bytes().take_while(|byte| *byte == b'#').count();
        (1..=level).contains(&hashes) && line[hashes..].starts_with(' ')
    };
    let mut in_fence = false;
    lines
        .take_while(|line| {
            in_fence ^= line.starts_with("```");
            in_fence || !ends(line)
        })
        .fold(String::new(), |text, line| text + line + "\n")
}

/// The rows of all tables in a text whose first column has this head, without the rows of heads.
fn rows(text: &str, first_head: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    };
    let mut rows = Vec::new();
    let mut in_table = false;
    for line in text.lines() {
        if !line.starts_with('|') {
            in_table = false;
            continue;
        }
        let row = cells(line);
        if row[0] == first_head {
            in_table = true;
        } else if in_table && !row[0].starts_with("---") {
            rows.push(row);
        }
    }
    rows
}

#[test]
fn error_codes_are_those_of_the_source() {
    let rows = rows(&section(&document(), "### Error codes"), "number");
    let expected: Vec<Vec<String>> = Code::ALL
        .iter()
        .enumerate()
        .map(|(number, code)| {
            let retryable = if code.retryable() { "yes" } else { "no" };
            vec![
                number.to_string(),
                code.to_string(),
                code.status().to_string(),
                retryable.into(),
                code.remedy().into(),
            ]
        })
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn close_codes_are_those_of_the_source() {
    let rows = rows(&section(&document(), "### Close codes"), "code");
    assert_eq!(rows.len(), CloseCode::ALL.len());
    for (row, code) in rows.iter().zip(CloseCode::ALL) {
        assert_eq!(row[0], code.number().to_string());
        let words = format!("{code:?}").chars().fold(String::new(), |mut words, letter| {
            if letter.is_uppercase() && !words.is_empty() {
                words.push(' ');
            }
            words.extend(letter.to_lowercase());
            words
        });
        assert_eq!(row[1], words);
        let comes_back = CloseCode::fatal(code.number(), "").is_none();
        assert_eq!(row[2].starts_with("yes"), comes_back, "{row:?}");
        assert_eq!(row[2].starts_with("no"), !comes_back, "{row:?}");
    }
}

#[test]
fn limits_are_those_of_the_source() {
    let rows = rows(&section(&document(), "### Limits"), "limit");
    let mut documented: BTreeMap<String, u64> =
        rows.iter().map(|row| (row[0].clone(), row[1].parse().unwrap())).collect();
    assert_eq!(documented.len(), rows.len(), "a limit comes twice");
    let unsent = [
        ("application_bytes", MAX_APPLICATION_BYTES as u64),
        ("sessions_per_user", MAX_SESSIONS_PER_USER as u64),
        ("outbox_bytes", MAX_OUTBOX_BYTES as u64),
        ("slow_reader_ms", SLOW_READER_MS),
        ("hello_timeout_ms", HELLO_TIMEOUT_MS),
        ("seq", MAX_SEQ),
    ];
    for (name, value) in unsent {
        assert_eq!(documented.remove(name), Some(value), "{name}");
    }
    let sent: BTreeMap<String, u64> =
        serde_json::from_value(serde_json::to_value(Limits::default()).unwrap()).unwrap();
    assert_eq!(documented, sent);
}

/// The keys of an object in their order.
struct OrderedKeys(Vec<String>);

impl<'de> Deserialize<'de> for OrderedKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = OrderedKeys;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OrderedKeys, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(OrderedKeys(keys))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Checks that each frame has a section with its number, and a table of its fields in order.
fn check_frames(document: &str, heading: &str, keys: &[&str], examples: &[Example]) {
    let part = section(document, heading);
    let headings: Vec<_> = part.lines().filter(|line| line.starts_with("### ")).collect();
    let expected: Vec<_> =
        keys.iter().enumerate().map(|(number, key)| format!("### `{key}` ({number})")).collect();
    assert_eq!(headings, expected);
    for (heading, key) in headings.iter().zip(keys) {
        let frame = examples
            .iter()
            .find_map(|example| {
                let frame: BTreeMap<String, &RawValue> = serde_json::from_str(&example.json).unwrap();
                frame.get(*key).map(|fields| serde_json::from_str::<OrderedKeys>(fields.get()).unwrap())
            })
            .unwrap_or_else(|| panic!("no example of {key}"));
        let fields: Vec<_> =
            rows(&section(document, heading), "field").into_iter().map(|row| row[0].clone()).collect();
        assert_eq!(fields, frame.0, "{key}");
    }
}

#[test]
fn each_frame_is_described_with_its_number_and_its_fields_in_order() {
    let document = document();
    let client = read_fixture("client.json");
    check_frames(&document, "## Frames from the client", ClientFrame::KEYS, &client);
    let server = read_fixture("server.json");
    check_frames(&document, "## Frames from the server", ServerFrame::KEYS, &server);
}

#[test]
fn limits_of_welcome_are_listed_in_order() {
    let limits = serde_json::to_string(&Limits::default()).unwrap();
    let OrderedKeys(keys) = serde_json::from_str(&limits).unwrap();
    let listed = keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    let text = section(&document(), "### `welcome` (0)").replace('\n', " ");
    assert!(text.contains(&format!("in this order: {listed}.")), "{listed}");
}

/// Every pair of a `json` and a `hex` block.
fn examples(document: &str) -> Vec<(Value, String)> {
    let mut blocks: Vec<(&str, String)> = Vec::new();
    let mut open = None;
    for line in document.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(kind), None) => open = Some((kind, String::new())),
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some((kind, text))) => open = Some((kind, text + line + "\n")),
            (None, None) => {}
        }
    }
    let mut pairs = Vec::new();
    let mut blocks = blocks.into_iter().filter(|(kind, _)| matches!(*kind, "json" | "hex"));
    while let Some((kind, json)) = blocks.next() {
        assert_eq!(kind, "json", "a hex block follows a json block: {json}");
        let value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
        let hex = blocks.next().filter(|(kind, _)| *kind == "hex");
        let (_, hex) = hex.unwrap_or_else(|| panic!("no hex block follows {json}"));
        let digits = hex.lines().map(|line| line.split('#').next().unwrap()).collect::<String>();
        pairs.push((value, digits.split_whitespace().collect()));
    }
    pairs
}

#[test]
fn examples_are_the_golden_ones_and_complete() {
    let document = document();
    let mut golden: Vec<Example> = read_fixture("client.json");
    golden.extend(read_fixture("server.json"));
    let shown = examples(&document);
    for (json, hex) in &shown {
        let example = golden
            .iter()
            .find(|example| serde_json::from_str::<Value>(&example.json).unwrap() == *json)
            .unwrap_or_else(|| panic!("not in the fixtures: {json}"));
        assert_eq!(*hex, to_hex(&example.postcard), "{}", example.name);
        assert_eq!(from_hex(hex), example.postcard);
    }
    for example in &golden {
        let json: Value = serde_json::from_str(&example.json).unwrap();
        assert!(shown.iter().any(|(shown, _)| *shown == json), "not in PROTOCOL.md: {}", example.name);
    }
}

#[test]
fn messages_shown_in_json_can_be_read() {
    let document = document();
    let messages: Vec<_> = document.lines().filter(|line| line.starts_with("[{")).collect();
    assert!(!messages.is_empty());
    for message in messages {
        let frames = herenow_protocol::codec::json::decode::<ClientFrame>(message.as_bytes()).unwrap();
        assert!(frames.iter().all(|frame| matches!(frame, Decoded::Frame(_))), "{frames:?}");
    }
}

#[test]
fn links_within_the_document_lead_somewhere() {
    let document = document();
    let anchors: Vec<String> = document
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect();
    let links: Vec<_> = document.split("](#").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    assert!(!links.is_empty());
    for link in links {
        assert!(anchors.iter().any(|anchor| anchor == link), "no heading for #{link}");
    }
}
