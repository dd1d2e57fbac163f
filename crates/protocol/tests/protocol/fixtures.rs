//! The fixture files, and bytes by hand.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::value::RawValue;

/// One frame, or one message, in both encodings.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) name: String,
    pub(crate) json: String,
    pub(crate) postcard: Vec<u8>,
}

/// A file in `fixtures/`.
pub(crate) fn fixture_path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(file)
}

/// The examples of a file in `fixtures/`.
pub(crate) fn read_fixture(file: &str) -> Vec<Example> {
    #[derive(Deserialize)]
    struct Entry {
        name: String,
        json: Box<RawValue>,
        postcard: String,
    }
    let path = fixture_path(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let entries: Vec<Entry> =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    entries
        .into_iter()
        .map(|entry| Example {
            name: entry.name,
            json: entry.json.get().to_owned(),
            postcard: from_hex(&entry.postcard),
        })
        .collect()
}

/// What a file in `fixtures/` with these examples holds.
pub(crate) fn write_fixture(examples: &[Example]) -> String {
    let mut text = String::from("[\n");
    for (at, example) in examples.iter().enumerate() {
        let comma = if at + 1 < examples.len() { "," } else { "" };
        let name = serde_json::to_string(&example.name).unwrap();
        let (json, postcard) = (&example.json, to_hex(&example.postcard));
        write!(
            text,
            "  {{\n    \"name\": {name},\n    \"json\": {json},\n    \"postcard\": \"{postcard}\"\n  }}{comma}\n"
        )
        .unwrap();
    }
    text + "]\n"
}

/// Lower-case hexadecimal digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The bytes of hexadecimal digits.
pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "an odd number of hexadecimal digits: {text}");
    (0..text.len() / 2)
        .map(|at| {
            let digits = &text[2 * at..2 * at + 2];
            u8::from_str_radix(digits, 16).unwrap_or_else(|error| panic!("{digits}: {error}"))
        })
        .collect()
}

/// A varint, as the binary encoding writes it.
pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A frame's body with its length in front.
pub(crate) fn framed(body: &[u8]) -> Vec<u8> {
    [varint(body.len() as u64).as_slice(), body].concat()
}

/// The body of one encoded frame, without its length.
pub(crate) fn body(frame: &[u8]) -> &[u8] {
    let length_bytes = 1 + frame.iter().take_while(|byte| **byte & 0x80 != 0).count();
    &frame[length_bytes..]
}
