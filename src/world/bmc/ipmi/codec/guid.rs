//! A machine's UUID, of which BMCs disagree how it is written (IPMI 2.0, section 20.8; SMBIOS 3, section 7.2.1; RFC 9562).

/// The UUID in sixteen bytes; none where none of the ways to write them yields one.
pub(crate) fn uuid(data: &[u8]) -> Option<String> {
    let bytes: [u8; 16] = data.try_into().ok()?;
    // Most write it as SMBIOS does, whatever IPMI says.
    [smbios(bytes), reversed(bytes), bytes]
        .into_iter()
        .find(is_uuid)
        .map(written)
}

/// The first three fields come with the least byte first.
fn smbios(bytes: [u8; 16]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
    let mut swapped = [d, c, b, a, f, e, h, g, 0, 0, 0, 0, 0, 0, 0, 0];
    for (to, from) in swapped.iter_mut().skip(8).zip(rest) {
        *to = from;
    }
    swapped
}

/// All of it comes with the least byte first.
fn reversed(mut bytes: [u8; 16]) -> [u8; 16] {
    bytes.reverse();
    bytes
}

/// Whether version and variant are such as there are (RFC 9562, sections 4.1 and 4.2).
fn is_uuid(bytes: &[u8; 16]) -> bool {
    let [_, _, _, _, _, _, version, _, variant, ..] = *bytes;
    matches!(version >> 4, 1..=8) && variant >> 6 == 2
}

fn written(bytes: [u8; 16]) -> String {
    let mut text = super::text::hex(&bytes);
    for at in [20, 16, 12, 8] {
        text.insert(at, '-');
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_way_of_writing_is_understood() {
        let text = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"; // RFC 9562's example
        let plain: Vec<u8> = (0..16)
            .map(|at| u8::from_str_radix(&text.replace('-', "")[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let plain: [u8; 16] = plain.try_into().unwrap();
        for bytes in [plain, smbios(plain), reversed(plain)] {
            assert_eq!(uuid(&bytes).as_deref(), Some(text));
        }
        assert_eq!(uuid(&[0; 16]), None);
        assert_eq!(uuid(&plain[1..]), None);
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 14..18)) {
            let _ = uuid(&bytes);
        }
    }
}
