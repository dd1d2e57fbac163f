//! Counts the fragments that continue a message. tungstenite gives whole messages only, so that a message without an end
//! would be read for ever and never be seen.

/// Follows the frames of a WebSocket (RFC 6455, section 5.2) through the bytes that arrive.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    at: At,
    count: u32,
}

/// What the next byte is.
#[derive(Clone, Copy, Debug, Default)]
enum At {
    /// The first of a frame, with its opcode.
    #[default]
    Opcode,
    /// The second, with the short length.
    Length,
    /// One of the `missing` bytes of a long length.
    LongLength { missing: u8, mask: u64, length: u64 },
    /// One of so many bytes of the mask and the payload.
    Rest(u64),
}

impl Fragments {
    /// Looks at the bytes that follow those before.
    pub(crate) fn follow(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, after)) = bytes.split_first() {
            if let At::Rest(left) = self.at {
                let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                bytes = &bytes[skipped..];
                self.at = rest(left - skipped as u64);
                continue;
            }
            bytes = after;
            self.at = self.next(byte);
        }
    }

    /// How many there were since this was asked last.
    pub(crate) fn take(&mut self) -> u32 {
        std::mem::take(&mut self.count)
    }

    fn next(&mut self, byte: u8) -> At {
        match self.at {
            At::Opcode => {
                self.count = self.count.saturating_add(u32::from(byte & 0x0f == 0));
                At::Length
            }
            At::Length => {
                let mask = if byte & 0x80 == 0 { 0 } else { 4 };
                match byte & 0x7f {
                    126 => At::LongLength { missing: 2, mask, length: 0 },
                    127 => At::LongLength { missing: 8, mask, length: 0 },
                    short => rest(mask + u64::from(short)),
                }
            }
            At::LongLength { missing, mask, length } => {
                let length = length << 8 | u64::from(byte);
                match missing {
                    ..=1 => rest(length.saturating_add(mask)),
                    _ => At::LongLength { missing: missing - 1, mask, length },
                }
            }
            At::Rest(left) => rest(left.saturating_sub(1)),
        }
    }
}

const fn rest(left: u64) -> At {
    if left == 0 { At::Opcode } else { At::Rest(left) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as clients send it.
    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![first];
        match u16::try_from(length) {
            Ok(short @ 0..126) => bytes.push(0x80 | short as u8),
            Ok(long) => {
                bytes.push(0x80 | 126);
                bytes.extend(long.to_be_bytes());
            }
            Err(_) => {
                bytes.push(0x80 | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        // A payload that looks like frames.
        bytes.resize(bytes.len() + 4 + length, 0);
        bytes
    }

    #[test]
    fn only_what_continues_a_message_is_counted_however_it_is_cut() {
        let mut bytes = Vec::new();
        let lengths = [0, 1, 125, 126, 65_535, 65_536];
        for length in lengths {
            bytes.extend(frame(0x01, length));
            bytes.extend(frame(0x89, 5));
            bytes.extend(frame(0x00, length));
            bytes.extend(frame(0x80, length));
            bytes.extend(frame(0x82, length));
        }
        // A frame of the length 0 without a mask ends with its second byte.
        bytes.extend([0x82, 0x00, 0x80, 0x00]);
        let expected = 2 * lengths.len() as u32 + 1;
        for cut in [1, 2, 3, 7, 1_024, bytes.len()] {
            let mut fragments = Fragments::default();
            bytes.chunks(cut).for_each(|chunk| fragments.follow(chunk));
            assert_eq!(fragments.take(), expected, "cut after {cut}");
            assert_eq!(fragments.take(), 0, "they are taken once");
        }
    }

    #[test]
    fn a_length_that_cannot_be_is_no_harm() {
        let mut fragments = Fragments::default();
        fragments.follow(&[0x80, 0xff]);
        fragments.follow(&[0xff; 8]);
        fragments.follow(&[0; 1_000]);
        assert_eq!(fragments.take(), 1);
    }
}
