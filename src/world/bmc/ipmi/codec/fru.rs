//! What a part's own memory says it is (Platform Management FRU Information Storage Definition 1.0, sections 8 to 12).

use super::bytes::Reader;
use super::text::field;

/// What precedes everything: which areas there are.
pub(crate) const HEADER: usize = 8;

/// Sizes and places are in units of as many bytes.
const UNIT: u16 = 8;

/// Where the areas of a part are, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Areas {
    pub(crate) chassis: Option<u16>,
    pub(crate) board: Option<u16>,
    pub(crate) product: Option<u16>,
}

/// What a part says of itself. Every field may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Fru {
    pub(crate) chassis_serial: Option<String>,
    pub(crate) board: Identity,
    pub(crate) product: Identity,
    pub(crate) asset_tag: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Identity {
    pub(crate) manufacturer: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) serial: Option<String>,
}

impl Areas {
    /// The common header (section 8).
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let header = Reader(bytes).array::<HEADER>()?;
        let [version, _, chassis, board, product, _, _, _] = header;
        let place = |units: u8| (units != 0).then_some(u16::from(units) * UNIT);
        let is_sound = version & 0x0f == 1 && sum(&header) == 0;
        is_sound.then_some(Self {
            chassis: place(chassis),
            board: place(board),
            product: place(product),
        })
    }
}

/// How long an area is that begins so.
pub(crate) fn length(bytes: &[u8]) -> Option<u16> {
    let [version, units] = Reader(bytes).array()?;
    let is_sound = version & 0x0f == 1 && units != 0;
    is_sound.then_some(u16::from(units) * UNIT)
}

impl Fru {
    /// Takes in a whole area for the chassis (section 10). One whose sum is wrong says nothing.
    pub(crate) fn take_chassis(&mut self, area: &[u8]) {
        if let Some(mut reader) = sound(area) {
            reader.u8(); // what kind of chassis
            let _part_number = field(&mut reader, true);
            self.chassis_serial = known(field(&mut reader, true));
        }
    }

    /// Takes in a whole area for the board (section 11).
    pub(crate) fn take_board(&mut self, area: &[u8]) {
        if let Some(mut reader) = sound(area) {
            let is_english = is_english(reader.u8());
            reader.bytes(3); // when it was made
            let mut next = || known(field(&mut reader, is_english));
            self.board.manufacturer = next();
            self.board.name = next();
            // Serial numbers are in English whatever the language is.
            self.board.serial = known(field(&mut reader, true));
        }
    }

    /// Takes in a whole area for the product (section 12).
    pub(crate) fn take_product(&mut self, area: &[u8]) {
        if let Some(mut reader) = sound(area) {
            let is_english = is_english(reader.u8());
            self.product.manufacturer = known(field(&mut reader, is_english));
            self.product.name = known(field(&mut reader, is_english));
            let _part_number = field(&mut reader, is_english);
            let _version = field(&mut reader, is_english);
            self.product.serial = known(field(&mut reader, true));
            self.asset_tag = known(field(&mut reader, is_english));
        }
    }
}

/// An area behind its version and length, where its sum is right.
fn sound(area: &[u8]) -> Option<Reader<'_>> {
    let mut reader = Reader(area);
    let length = usize::from(length(area)?);
    let is_whole = area.len() == length && sum(area) == 0;
    reader.bytes(2)?;
    is_whole.then_some(reader)
}

/// Languages by number (section 15): both 0 and 25 are English.
fn is_english(language: Option<u8>) -> bool {
    matches!(language, Some(0 | 25))
}

fn known(field: Option<String>) -> Option<String> {
    field.filter(|text| !text.is_empty())
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An area of these fields, filled up and with its sum.
    fn area(head: &[u8], fields: &[&[u8]]) -> Vec<u8> {
        let mut area = [&[1, 0], head].concat();
        for field in fields {
            area.extend_from_slice(field);
        }
        area.push(0xc1);
        while area.len() % 8 != 7 {
            area.push(0);
        }
        area[1] = u8::try_from(area.len() / 8 + 1).unwrap();
        area.push(sum(&area).wrapping_neg());
        area
    }

    #[test]
    fn areas_are_found() {
        let header = [1, 0, 1, 3, 8, 0, 0, 0xf3];
        let expected = Areas {
            chassis: Some(8),
            board: Some(24),
            product: Some(64),
        };
        assert_eq!(Areas::read(&header), Some(expected));
        let mut spoilt = header;
        spoilt[2] = 2;
        assert_eq!(Areas::read(&spoilt), None);
        assert_eq!(Areas::read(&header[..7]), None);
    }

    #[test]
    fn parts_are_read() {
        let mut fru = Fru::default();
        fru.take_chassis(&area(&[0x17], &[b"\xc2PN", b"\xc3C42"]));
        fru.take_board(&area(
            &[0, 1, 2, 3],
            &[b"\xc4Acme", b"\x83\x29\xdc\xa6", b"\x42\x12\x34", b"\xc0"],
        ));
        fru.take_product(&area(&[25], &[b"\xc4Acme", b"\xc5R-100", b"\xc0", b"\xc1"]));
        let expected = Fru {
            chassis_serial: Some("C42".to_owned()),
            board: Identity {
                manufacturer: Some("Acme".to_owned()),
                name: Some("IPMI".to_owned()),
                serial: Some("1234".to_owned()),
            },
            product: Identity {
                manufacturer: Some("Acme".to_owned()),
                name: Some("R-100".to_owned()),
                serial: None,
            },
            asset_tag: None,
        };
        assert_eq!(fru, expected);
    }

    #[test]
    fn an_area_that_is_not_sound_says_nothing() {
        let whole = area(&[0x17], &[b"\xc2PN", b"\xc3C42"]);
        for at in 0..whole.len() {
            let mut spoilt = whole.clone();
            spoilt[at] ^= 0x20;
            for bytes in [&spoilt[..], &whole[..at]] {
                let mut fru = Fru::default();
                fru.take_chassis(bytes);
                assert_eq!(fru, Fru::default(), "byte {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut fru = Fru::default();
            let _ = Areas::read(&bytes);
            for area in [bytes.clone(), area(&bytes, &[])] {
                fru.take_chassis(&area);
                fru.take_board(&area);
                fru.take_product(&area);
            }
        }
    }
}
