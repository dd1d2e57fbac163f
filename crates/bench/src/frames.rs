//! WebSocket frames, as a client writes and reads them. A client must mask what it sends: with a mask of zeros, which
//! leaves the bytes as they are.

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Kind {
    const fn opcode(self) -> u8 {
        match self {
            Kind::Text => 1,
            Kind::Binary => 2,
            Kind::Close => 8,
            Kind::Ping => 9,
            Kind::Pong => 10,
        }
    }

    fn from_first_byte(byte: u8) -> Option<Self> {
        // Whole messages only: no server here cuts them.
        [Kind::Text, Kind::Binary, Kind::Close, Kind::Ping, Kind::Pong]
            .into_iter()
            .find(|kind| byte == kind.opcode() | 0x80)
    }
}

/// A whole frame at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: Kind,
    pub(crate) payload: &'a [u8],
    /// Bytes of the frame with its header.
    pub(crate) length: usize,
}

/// Something that no server of the benchmark should send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unexpected;

/// The first frame of `bytes`, or `None` when there is none as a whole yet.
pub(crate) fn first(bytes: &[u8]) -> Result<Option<Frame<'_>>, Unexpected> {
    let [byte, short, rest @ ..] = bytes else { return Ok(None) };
    let kind = Kind::from_first_byte(*byte).ok_or(Unexpected)?;
    let (length, header) = match *short {
        126 => match rest.first_chunk() {
            Some(long) => (u64::from(u16::from_be_bytes(*long)), 4),
            None => return Ok(None),
        },
        127 => match rest.first_chunk() {
            Some(long) => (u64::from_be_bytes(*long), 10),
            None => return Ok(None),
        },
        masked if masked > 127 => return Err(Unexpected),
        short => (u64::from(short), 2),
    };
    let length = header + usize::try_from(length).map_err(|_| Unexpected)?;
    Ok(bytes.get(header..length).map(|payload| Frame { kind, payload, length }))
}

/// Appends a frame.
pub(crate) fn append(kind: Kind, payload: &[u8], out: &mut Vec<u8>) {
    out.push(kind.opcode() | 0x80);
    match payload.len() {
        short @ 0..126 => out.push(0x80 | short as u8),
        middle @ 126..65_536 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_a_whole() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![7; length];
            let mut bytes = Vec::new();
            append(Kind::Binary, &payload, &mut bytes);
            // A server does not mask.
            bytes[1] &= 0x7f;
            let mask = bytes.len() - length - 4;
            bytes.drain(mask..mask + 4);
            let frame = Frame { kind: Kind::Binary, payload: &payload, length: bytes.len() };
            assert_eq!(first(&bytes), Ok(Some(frame)));
            assert_eq!(first(&bytes[..bytes.len() - 1]), Ok(None));
        }
        assert_eq!(first(&[0x01, 0]), Err(Unexpected), "the beginning of a message");
    }
}
