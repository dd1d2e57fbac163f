//! Where the frames of a message begin and end, without reading them: most are known from another connection.

use herenow_protocol::Encoding;

/// The frames of a message; in JSON without the brackets around them.
pub(super) fn frame_bytes(message: &[u8], encoding: Encoding) -> Option<&[u8]> {
    match encoding {
        Encoding::Json => message.strip_prefix(b"[")?.strip_suffix(b"]"),
        Encoding::Postcard => Some(message),
    }
}

/// The first frame.
pub(super) fn first_frame(frames: &[u8], encoding: Encoding) -> Option<&[u8]> {
    let length = match encoding {
        Encoding::Json => object_length(frames),
        Encoding::Postcard => postcard_length(frames),
    };
    frames.get(..length?)
}

/// Where the next frame begins, in what is behind the one before.
pub(super) fn behind(rest: &[u8], encoding: Encoding) -> &[u8] {
    match encoding {
        Encoding::Json => rest.strip_prefix(b",").unwrap_or(rest),
        Encoding::Postcard => rest,
    }
}

/// Bytes of the object that `text` begins with.
fn object_length(text: &[u8]) -> Option<usize> {
    let mut depth = 0_u32;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at += 1 + string_length(&text[at + 1..])?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Bytes before the quote that ends a string.
fn string_length(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })
}

/// Bytes of a frame with the length in front of it.
fn postcard_length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0_usize;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some(at + 1 + length);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_end_where_they_end() {
        let message = br#"[{"a":{"b":"}\"]\\"}},{"tick":{}}]"#;
        let frames = frame_bytes(message, Encoding::Json);
        let first = frames.and_then(|frames| first_frame(frames, Encoding::Json));
        assert_eq!(first, Some(&br#"{"a":{"b":"}\"]\\"}}"#[..]));
        assert_eq!(first_frame(br#"{"a":"#, Encoding::Json), None);
        assert_eq!(first_frame(&[1, 5, 1, 5], Encoding::Postcard), Some(&[1, 5][..]));
        assert_eq!(first_frame(&[0x80], Encoding::Postcard), None);
    }
}
