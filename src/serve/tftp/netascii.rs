//! The netascii transfer mode: text with the line ends of a Telnet terminal (RFC 1350 1, RFC 764). Knows no packets.

/// `text` as netascii: a line feed becomes CR LF, a carriage return CR NUL.
pub(super) fn encode(text: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(text.len() + text.len() / 32);
    for byte in text {
        match byte {
            b'\n' => encoded.extend_from_slice(b"\r\n"),
            b'\r' => encoded.extend_from_slice(b"\r\0"),
            other => encoded.push(*other),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_converted() {
        let cases: [(&[u8], &[u8]); 4] = [
            (b"", b""),
            (b"plain", b"plain"),
            (b"a\nb\n", b"a\r\nb\r\n"),
            (b"a\r\nb\r", b"a\r\0\r\nb\r\0"),
        ];
        for (text, expected) in cases {
            assert_eq!(encode(text), expected, "{}", text.escape_ascii());
        }
    }
}
