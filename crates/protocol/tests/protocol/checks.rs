//! What holds for any bytes at all that arrive as a message. The targets in `fuzz/` call the same functions.

use std::fmt::Debug;

use herenow_protocol::codec::compact;
use herenow_protocol::codec::json::{self, Keys};
use herenow_protocol::codec::postcard::{self, Kinds};
use herenow_protocol::{ClientFrame, Decoded, ServerFrame};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A message of a client in JSON.
pub(crate) fn client_json(bytes: &[u8]) {
    if let Ok(frames) = json::decode(bytes) {
        reads_back::<ClientFrame>(known(frames));
    }
}

/// A message of a server in JSON.
pub(crate) fn server_json(bytes: &[u8]) {
    if let Ok(frames) = json::decode(bytes) {
        reads_back::<ServerFrame>(known(frames));
    }
}

/// A binary message of a client: both writers write what was understood alike.
pub(crate) fn client_binary(bytes: &[u8]) {
    let Ok(frames) = postcard::decode(bytes) else { return };
    let frames = known::<ClientFrame>(frames);
    for frame in &frames {
        let mut compactly = Vec::new();
        compact::append(frame, &mut compactly);
        assert_eq!(compactly, postcard::encode(frame), "both writers write alike");
    }
    reads_back(frames);
}

/// A binary message of a server: both readers find the same in it.
pub(crate) fn server_binary(bytes: &[u8]) {
    let frames = postcard::decode(bytes).map(known::<ServerFrame>);
    assert_eq!(compact::decode(bytes), frames, "both readers read alike");
    if let Ok(frames) = frames {
        reads_back(frames);
    }
}

/// The frames that were understood.
pub(crate) fn known<F>(frames: Vec<Decoded<F>>) -> Vec<F> {
    let known = |frame| match frame {
        Decoded::Frame(frame) => Some(frame),
        Decoded::Unknown { .. } | Decoded::Malformed { .. } => None,
    };
    frames.into_iter().filter_map(known).collect()
}

/// A list of frames as one JSON message.
pub(crate) fn json_message(frames: &[Vec<u8>]) -> Vec<u8> {
    [b"[".as_slice(), &frames.join(&b','), b"]"].concat()
}

/// Whatever was understood can be written in both encodings, and means the same in both.
fn reads_back<F>(frames: Vec<F>)
where
    F: Serialize + DeserializeOwned + Keys + Kinds + PartialEq + Debug,
{
    let text = json_message(&frames.iter().map(json::encode).collect::<Vec<_>>());
    let binary: Vec<u8> = frames.iter().flat_map(postcard::encode).collect();
    let expected = Ok(frames.into_iter().map(Decoded::Frame).collect());
    assert_eq!(json::decode(&text), expected, "JSON means the same");
    assert_eq!(postcard::decode(&binary), expected, "the binary encoding means the same");
}
