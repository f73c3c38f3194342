//! From bytes as they come to text: a character that is cut in two is put together, and what is none is marked.

/// Longest character in UTF-8.
const LONGEST: usize = 4;

/// Reads text piece by piece.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// The begin of a character.
    rest: Vec<u8>,
}

impl Decoder {
    /// The text up to here, without a character that has only begun.
    pub(super) fn text(&mut self, bytes: &[u8]) -> String {
        self.rest.extend(bytes);
        let mut text = String::new();
        let mut chunks = self.rest.utf8_chunks().peekable();
        let mut left = Vec::new();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            let invalid = chunk.invalid();
            if chunks.peek().is_none() && may_go_on(invalid) {
                left = invalid.to_vec();
            } else if !invalid.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        self.rest = left;
        text
    }
}

/// Whether more bytes could make a character of these.
fn may_go_on(bytes: &[u8]) -> bool {
    let wanted = match bytes.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => LONGEST,
        Some(_) | None => return false,
    };
    bytes.len() < wanted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> String {
        let mut decoder = Decoder::default();
        pieces.iter().map(|piece| decoder.text(piece)).collect()
    }

    #[test]
    fn characters_are_put_together() {
        for (pieces, expected) in [
            (&[&b"login: "[..]][..], "login: "),
            (&[b"gr\xc3", b"\xbc\xc3\x9fe"], "grüße"),
            (&[b"\xe2", b"\x82", b"\xac"], "€"),
            (&[b"\xff\x1b[2J"], "\u{fffd}\u{1b}[2J"),
            (&[b"\xe2\x82", b"x"], "\u{fffd}x"),
        ] {
            assert_eq!(read(pieces), expected, "{pieces:?}");
        }
    }

    proptest! {
        #[test]
        fn where_it_is_cut_is_all_the_same(text in ".{0,40}", cut in 0usize..40) {
            let bytes = text.as_bytes();
            let (one, other) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(read(&[one, other]), text);
        }

        #[test]
        fn little_is_kept_of_random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut decoder = Decoder::default();
            let _ = decoder.text(&bytes);
            prop_assert!(decoder.rest.len() < LONGEST);
        }
    }
}
