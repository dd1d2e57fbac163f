//! Many frames of one drain to one WebSocket message.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};
use herenow_protocol::Encoding;

/// Frames are joined up to this many bytes; a larger frame is a message of its own.
const MAX_JOINED_BYTES: usize = 64 * 1024;
/// The most bytes of a frame's header (RFC 6455, 5.2); the server sends no mask.
const MAX_HEADER_BYTES: usize = 10;
/// First byte of a header: the only frame of its message.
const FINAL: u8 = 0x80;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
/// An empty ping.
const PING: &[u8] = &[FINAL | 9, 0];

/// Takes frames from the front of `queue` and joins them to a message with its header, after a ping if there is to be
/// one. Gives both and the bytes of the frames; `None` if there is nothing to send.
pub(crate) fn join(queue: &mut VecDeque<Bytes>, encoding: Encoding, ping: bool) -> Option<(Bytes, usize)> {
    let ping = if ping { PING } else { &[] };
    let mut frames_bytes = 0;
    let fits = |frame: &&Bytes| {
        let first = frames_bytes == 0;
        frames_bytes += frame.len();
        first || frames_bytes <= MAX_JOINED_BYTES
    };
    let count = queue.iter().take_while(fits).count();
    if count == 0 {
        return (!ping.is_empty()).then_some((Bytes::from_static(ping), 0));
    }
    let frames_bytes: usize = queue.iter().take(count).map(Bytes::len).sum();
    match encoding {
        Encoding::Json => {
            // Brackets around, commas between.
            let mut message = begin_message(ping, encoding, frames_bytes + count + 1);
            let mut before = b'[';
            for frame in queue.drain(..count) {
                message.put_u8(before);
                message.put_slice(&frame);
                before = b',';
            }
            message.put_u8(b']');
            Some((message.freeze(), frames_bytes))
        }
        Encoding::Postcard => {
            let mut message = begin_message(ping, encoding, frames_bytes);
            queue.drain(..count).for_each(|frame| message.put_slice(&frame));
            Some((message.freeze(), frames_bytes))
        }
    }
}

/// A buffer that begins with `ping` and the header of a message of `len` bytes, with room for those.
fn begin_message(ping: &[u8], encoding: Encoding, len: usize) -> BytesMut {
    let mut message = BytesMut::with_capacity(ping.len() + MAX_HEADER_BYTES + len);
    message.put_slice(ping);
    message.put_u8(match encoding {
        Encoding::Json => FINAL | TEXT,
        Encoding::Postcard => FINAL | BINARY,
    });
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short @ 0..=125), _) => message.put_u8(short),
        (_, Ok(medium)) => {
            message.put_u8(126);
            message.put_u16(medium);
        }
        (_, Err(_)) => {
            message.put_u8(127);
            message.put_u64(len as u64);
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(frames: &[&'static str]) -> VecDeque<Bytes> {
        frames.iter().map(|frame| Bytes::from_static(frame.as_bytes())).collect()
    }

    #[test]
    fn frames_of_one_drain_are_one_message() {
        let mut frames = queue(&["{\"a\":1}", "{\"b\":2}"]);
        let joined = join(&mut frames, Encoding::Json, false);
        assert_eq!(joined, Some((Bytes::from_static(b"\x81\x11[{\"a\":1},{\"b\":2}]"), 14)));
        assert_eq!(join(&mut frames, Encoding::Json, false), None);
        assert_eq!(
            join(&mut queue(&["ab", "cd"]), Encoding::Postcard, false),
            Some((Bytes::from_static(b"\x82\x04abcd"), 4))
        );
    }

    #[test]
    fn a_message_is_bounded_but_for_one_large_frame() {
        let large = Bytes::from(vec![b'x'; MAX_JOINED_BYTES + 1]);
        let half = Bytes::from(vec![b'x'; MAX_JOINED_BYTES / 2]);
        let mut frames = VecDeque::from([large, half.clone(), half.clone(), half]);
        let mut sizes = Vec::new();
        while let Some((_, bytes)) = join(&mut frames, Encoding::Postcard, false) {
            sizes.push(bytes);
        }
        assert_eq!(sizes, [MAX_JOINED_BYTES + 1, MAX_JOINED_BYTES, MAX_JOINED_BYTES / 2]);
    }

    #[test]
    fn the_header_tells_kind_and_length_in_the_fewest_bytes() {
        let header = |encoding, len| begin_message(&[], encoding, len).to_vec();
        assert_eq!(header(Encoding::Json, 0), [0x81, 0]);
        assert_eq!(header(Encoding::Postcard, 125), [0x82, 125]);
        assert_eq!(header(Encoding::Json, 126), [0x81, 126, 0, 126]);
        assert_eq!(header(Encoding::Json, 255), [0x81, 126, 0, 255]);
        assert_eq!(header(Encoding::Json, 65_535), [0x81, 126, 255, 255]);
        assert_eq!(header(Encoding::Json, 65_536), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_ping_goes_first() {
        let joined = join(&mut queue(&["ab"]), Encoding::Postcard, true);
        assert_eq!(joined, Some((Bytes::from_static(b"\x89\x00\x82\x02ab"), 2)));
        assert_eq!(
            join(&mut VecDeque::new(), Encoding::Json, true),
            Some((Bytes::from_static(b"\x89\x00"), 0))
        );
    }
}
