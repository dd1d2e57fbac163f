//! Messages that claim more than they hold: reading them costs memory and time in proportion to their bytes.

#![cfg(feature = "json")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use herenow_protocol::codec::postcard::{self, Kinds};
use herenow_protocol::codec::{compact, json};
use herenow_protocol::{ClientFrame, Decoded, MAX_MESSAGE_BYTES, ServerFrame};
use peak_alloc::PeakAlloc;

/// Counts what this process allocates. All of this file is one test, so that no other one is counted too.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What reading one message may allocate: so many bytes for each of its own, and some more.
const BYTES_PER_BYTE: usize = 150;
const BYTES_MORE: usize = 4096;

/// A varint of 64 bits that are all set but the last.
const HUGE: [u8; 10] = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
/// A varint of 2^31 - 1: a length that also a 32-bit machine can hold.
const LARGE: [u8; 5] = [0xff, 0xff, 0xff, 0xff, 0x07];

fn framed(body: &[u8]) -> Vec<u8> {
    let mut message = vec![body.len() as u8 & 0x7f | 0x80, (body.len() >> 7) as u8 & 0x7f | 0x80];
    message.push((body.len() >> 14) as u8);
    message.extend_from_slice(body);
    message
}

/// Reads a message and says how many bytes that needed at most.
fn peak(message: &[u8], read: impl FnOnce(&[u8])) -> usize {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    read(message);
    let peak = ALLOCATOR.peak_usage() - before;
    let allowed = message.len() * BYTES_PER_BYTE + BYTES_MORE;
    assert!(peak <= allowed, "{} bytes of message took {peak} bytes of memory", message.len());
    peak
}

fn all_malformed<F>(message: &[u8])
where
    F: Kinds + for<'a> serde::Deserialize<'a>,
{
    peak(message, |message| {
        let _ = compact::decode(message);
    });
    peak(message, |message| {
        let frames = postcard::decode::<F>(message).unwrap();
        assert!(!frames.is_empty());
        assert!(frames.iter().all(|frame| matches!(frame, Decoded::Malformed { .. })));
    });
}

#[test]
fn reading_costs_no_more_than_the_bytes_are_worth() {
    claimed_lengths();
    claimed_lengths_with_bytes_behind_them();
    many_small_frames();
    deep_nesting();
    many_attributes();
}

fn claimed_lengths() {
    for length in [HUGE.as_slice(), &LARGE] {
        let string = [&[1, 1], length, b"abc"].concat();
        all_malformed::<ClientFrame>(&framed(&string));
        let list = [&[0, 1, b'a', 0, 1, 1], length, &[1, b'a']].concat();
        all_malformed::<ClientFrame>(&framed(&list));
        let map = [&[3, 1, 1, b'a'], length, &[1, b'k', 1, b'v']].concat();
        all_malformed::<ClientFrame>(&framed(&map));
        let nothing_behind_it = [&[3, 1, 1, b'a'], length].concat();
        all_malformed::<ClientFrame>(&framed(&nothing_behind_it));
        let members = [&[3, 1, b'a', 7, 1, 0, 0], length].concat();
        all_malformed::<ServerFrame>(&framed(&members));
        let transitions = [&[4, 1, b'a', 1, 2], length, &[0, 1, b'u']].concat();
        all_malformed::<ServerFrame>(&framed(&transitions));
        let message = [length, &[7]].concat();
        assert!(postcard::decode::<ClientFrame>(&message).is_err());
    }
}

/// Lists that do have as many bytes as they claim elements: empty strings, one byte each.
fn claimed_lengths_with_bytes_behind_them() {
    let count = MAX_MESSAGE_BYTES - 16;
    let mut list = vec![0, 1, b'a', 0, 1, 1, count as u8 & 0x7f | 0x80, (count >> 7) as u8 & 0x7f | 0x80];
    list.push((count >> 14) as u8);
    list.resize(list.len() + count, 0);
    let message = framed(&list);
    peak(&message, |message| {
        let frames = postcard::decode::<ClientFrame>(message).unwrap();
        assert!(
            matches!(&frames[..], [Decoded::Frame(ClientFrame::Hello(hello))] if hello.joined.len() == count)
        );
    });
    let mut message =
        b"[{\"hello\":{\"session\":\"00000000000000000000000000000001\",\"joined\":[\"\"".to_vec();
    while message.len() < MAX_MESSAGE_BYTES {
        message.extend(b",\"\"");
    }
    message.extend(b"]}}]");
    peak(&message, |message| assert_eq!(json::decode::<ClientFrame>(message).unwrap().len(), 1));
}

fn many_small_frames() {
    let byes = [1, 7].repeat(MAX_MESSAGE_BYTES / 2);
    peak(&byes, |message| {
        assert_eq!(postcard::decode::<ClientFrame>(message).unwrap().len(), byes.len() / 2)
    });
    let list = [&[10, 0, 0, 0, 1, 1][..], &LARGE].concat();
    all_malformed::<ClientFrame>(&list.repeat(MAX_MESSAGE_BYTES / list.len()));
    let text = format!("[{}{{}}]", "{},".repeat(MAX_MESSAGE_BYTES / 3));
    peak(text.as_bytes(), |message| assert!(json::decode::<ClientFrame>(message).is_err()));
    let text = format!("[{}{{\"bye\":{{}}}}]", "{\"bye\":{}},".repeat(MAX_MESSAGE_BYTES / 11));
    peak(text.as_bytes(), |message| assert!(json::decode::<ClientFrame>(message).is_ok()));
}

fn deep_nesting() {
    let deep = format!("{}{}", "[".repeat(MAX_MESSAGE_BYTES / 2), "]".repeat(MAX_MESSAGE_BYTES / 2));
    peak(deep.as_bytes(), |message| assert!(json::decode::<ClientFrame>(message).is_err()));
    let inside = |text: &str| json::decode::<ClientFrame>(text.as_bytes()).unwrap();
    let ignored = format!("[{{\"join\":{{\"id\":7,\"channel\":\"a\",\"newer\":{deep}}}}}]");
    peak(ignored.as_bytes(), |_| {
        let join = ClientFrame::Join { id: 7, channel: "a".into() };
        assert_eq!(inside(&ignored), [Decoded::Frame(join)]);
    });
    let unknown = format!("[{{\"dance\":{{\"id\":7,\"deep\":{deep}}}}}]");
    peak(unknown.as_bytes(), |_| assert_eq!(inside(&unknown), [Decoded::Unknown { id: Some(7) }]));
    let malformed = format!("[{{\"join\":{{\"id\":7,\"channel\":{deep}}}}}]");
    peak(malformed.as_bytes(), |_| assert_eq!(inside(&malformed), [Decoded::Malformed { id: Some(7) }]));
    let not_closed = format!("[{{\"dance\":{}", "{\"a\":".repeat(MAX_MESSAGE_BYTES / 5));
    peak(not_closed.as_bytes(), |message| assert!(json::decode::<ClientFrame>(message).is_err()));
}

/// More attributes than are allowed are read to one beyond, which is enough to refuse them.
fn many_attributes() {
    let pairs: Vec<String> = (0..4000).map(|n| format!("\"{n}\":\"v\"")).collect();
    let text = format!("[{{\"set\":{{\"id\":1,\"channel\":\"a\",\"attributes\":{{{}}}}}}}]", pairs.join(","));
    let attributes = match &json::decode::<ClientFrame>(text.as_bytes()).unwrap()[..] {
        [Decoded::Frame(ClientFrame::Set { attributes, .. })] => attributes.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(attributes.len(), herenow_protocol::MAX_ATTRIBUTES + 1);
    assert!(herenow_protocol::validate_attributes(&attributes).is_err());
}
