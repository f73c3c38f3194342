//! How names are written in records and parts: type and length in one byte, then the characters (IPMI 2.0, section 43.15; Platform
//! Management FRU 1.0, section 13).

use super::bytes::Reader;

/// How the characters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Binary,
    /// UTF-16 with the least byte first.
    Unicode,
    /// Two digits in a byte.
    BcdPlus,
    /// Four characters in three bytes.
    SixBit,
    Latin1,
}

/// The type and length that end a list of fields.
pub(crate) const END: u8 = 0xc1;

/// A name in a sensor's record.
pub(crate) fn record_name(reader: &mut Reader<'_>) -> Option<String> {
    let kind = reader.u8()?;
    let encoding = match kind >> 6 {
        0 => Encoding::Unicode,
        1 => Encoding::BcdPlus,
        2 => Encoding::SixBit,
        _ => Encoding::Latin1,
    };
    let written = reader.bytes(usize::from(kind & 0x1f))?;
    Some(decode(encoding, written))
}

/// A field of a part. `is_english` because other languages write UTF-16 in the place of Latin-1.
pub(crate) fn field(reader: &mut Reader<'_>, is_english: bool) -> Option<String> {
    let kind = reader.u8().filter(|kind| *kind != END)?;
    let encoding = match kind >> 6 {
        0 => Encoding::Binary,
        1 => Encoding::BcdPlus,
        2 => Encoding::SixBit,
        _ if is_english => Encoding::Latin1,
        _ => Encoding::Unicode,
    };
    let written = reader.bytes(usize::from(kind & 0x3f))?;
    Some(decode(encoding, written))
}

/// Bytes as they are looked at.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is written, without what a terminal would obey and without what fills it up.
fn decode(encoding: Encoding, bytes: &[u8]) -> String {
    let text: String = match encoding {
        Encoding::Binary => hex(bytes),
        Encoding::Unicode => {
            let (pairs, _) = bytes.as_chunks();
            let units: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
            String::from_utf16_lossy(&units)
        }
        Encoding::BcdPlus => bytes
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 0x0f])
            .map(bcd_plus)
            .collect(),
        Encoding::SixBit => bytes.chunks(3).flat_map(six_bit).collect(),
        Encoding::Latin1 => bytes.iter().copied().map(char::from).collect(),
    };
    let shown: String = text.chars().filter(|char| !char.is_control()).collect();
    shown.trim().to_owned()
}

fn bcd_plus(digit: u8) -> char {
    match digit {
        0..=9 => char::from(b'0' + digit),
        0x0a => ' ',
        0x0b => '-',
        0x0c => '.',
        0x0d => ':',
        0x0e => ',',
        _ => '_',
    }
}

/// The characters of three bytes, or of the one or two at the end: the first has the least bits.
fn six_bit(bytes: &[u8]) -> Vec<char> {
    let packed = bytes
        .iter()
        .rev()
        .fold(0_u32, |packed, byte| packed << 8 | u32::from(*byte));
    let characters = bytes.len() * 8 / 6;
    (0..characters)
        .filter_map(|at| char::from_u32((packed >> (6 * at) & 0x3f) + 0x20))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_encoding_is_read() {
        for (written, expected) in [
            (&b"\xc8CPU Temp"[..], Some("CPU Temp")),
            // The example of IPMI 2.0, section 43.15: "IPMI" in six bits.
            (b"\x83\x29\xdc\xa6", Some("IPMI")),
            (b"\x43\x12\x3b\x4c", Some("123-4.")),
            (b"\x06N\0\xfc\0x\0", Some("Nüx")),
            (b"\xc4\x1b[2J", Some("[2J")),
            (b"\xc5 ab\0 ", Some("ab")),
            (b"\xc0", Some("")),
            (b"\xc3ab", None),
            (b"", None),
        ] {
            let read = record_name(&mut Reader(written));
            assert_eq!(read.as_deref(), expected, "{written:?}");
        }
    }

    #[test]
    fn a_parts_fields_have_their_own_encodings() {
        for (written, is_english, expected) in [
            (&b"\xc3abc"[..], true, Some("abc")),
            (b"\xc4a\0b\0", false, Some("ab")),
            (b"\x02\x01\xff", true, Some("01ff")),
            (b"\x83\x29\xdc\xa6", true, Some("IPMI")),
            (b"\xc1", true, None),
        ] {
            let read = field(&mut Reader(written), is_english);
            assert_eq!(read.as_deref(), expected, "{written:?}");
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..70)) {
            for name in [record_name(&mut Reader(&bytes)), field(&mut Reader(&bytes), true)] {
                prop_assert!(!name.unwrap_or_default().contains(char::is_control));
            }
        }
    }
}
