//! Records of the journal, byte by byte: a header with a checksum over all, and the changes of one group.
//! Must not know where they are kept.

use std::collections::BTreeMap;
use std::io;

use sha2::{Digest as _, Sha256};

/// What every key of a group holds once it is written; `None` where it is deleted.
pub(in crate::store) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Records begin at multiples of this: to write one never touches the page, or the disk's sector, of an earlier one.
pub(super) const SLOT: usize = 4096;

const HEADER: usize = 64;
const CHECKSUM: usize = 16;

/// Stands in the place of a value's length where the key is deleted.
const DELETED: u32 = u32::MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Opens a segment for a new generation.
    Start,
    /// The changes of one group.
    Changes,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Start, Self::Changes];

    /// Format and version.
    fn magic(self) -> [u8; 4] {
        match self {
            Self::Start => *b"BPS1",
            Self::Changes => *b"BPR1",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// The store's own, random: no client can make bytes in a payload that pass for a record.
    pub(super) nonce: u64,
    /// Grows with each change of segments.
    pub(super) generation: u64,
    /// The first sequence number of the generation; records of earlier ones count up to here only.
    pub(super) first: u64,
    pub(super) sequence: u64,
    /// All records before this one are in the tables for good.
    pub(super) stored: u64,
}

/// A record as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) kind: Kind,
    pub(super) header: Header,
    payload: &'a [u8],
}

/// Bytes that `changes` take in a segment.
pub(super) fn size(changes: &Changes) -> usize {
    let pair = |(key, value): (&Vec<u8>, &Option<Vec<u8>>)| {
        8 + key.len() + value.as_ref().map_or(0, Vec::len)
    };
    let payload: usize = changes.iter().map(pair).sum();
    (HEADER + payload).next_multiple_of(SLOT)
}

/// The record as it is written, filled up to whole slots.
///
/// # Errors
/// Where a length does not fit the format.
pub(super) fn encode(kind: Kind, header: &Header, changes: &Changes) -> io::Result<Vec<u8>> {
    let mut payload = Vec::with_capacity(size(changes));
    for (key, value) in changes {
        payload.extend(length(key.len())?.to_le_bytes());
        let marker = value.as_ref().map_or(Ok(DELETED), |v| length(v.len()))?;
        payload.extend(marker.to_le_bytes());
        payload.extend(key);
        payload.extend(value.iter().flatten());
    }
    let mut record = Vec::with_capacity(size(changes));
    record.extend(kind.magic());
    record.extend(length(payload.len())?.to_le_bytes());
    let Header {
        nonce,
        generation,
        first,
        sequence,
        stored,
    } = header;
    for field in [nonce, generation, first, sequence, stored] {
        record.extend(field.to_le_bytes());
    }
    record.extend(checksum(&record, &payload));
    record.append(&mut payload);
    record.resize(record.len().next_multiple_of(SLOT), 0);
    Ok(record)
}

/// The record that `bytes` begin with, if they begin with a whole one.
pub(super) fn decode(bytes: &[u8]) -> Option<Record<'_>> {
    let (head, _) = bytes.split_at_checked(HEADER - CHECKSUM)?;
    let mut rest = bytes;
    let magic = take::<4>(&mut rest)?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.magic() == magic)?;
    let length = u32::from_le_bytes(take(&mut rest)?);
    let mut field = || Some(u64::from_le_bytes(take(&mut rest)?));
    let header = Header {
        nonce: field()?,
        generation: field()?,
        first: field()?,
        sequence: field()?,
        stored: field()?,
    };
    let expected = take::<CHECKSUM>(&mut rest)?;
    let (payload, _) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let whole = checksum(head, payload) == expected;
    whole.then_some(Record {
        kind,
        header,
        payload,
    })
}

impl Record<'_> {
    /// Bytes that the record takes in its segment.
    pub(super) fn size(&self) -> usize {
        (HEADER + self.payload.len()).next_multiple_of(SLOT)
    }

    /// What the record changes; `None` where a checksum that holds covers what this version cannot read.
    pub(super) fn changes(&self) -> Option<Changes> {
        let (mut rest, mut changes) = (self.payload, Changes::new());
        while !rest.is_empty() {
            let key = u32::from_le_bytes(take(&mut rest)?);
            let value = u32::from_le_bytes(take(&mut rest)?);
            let key = part(&mut rest, key)?;
            let value = match value {
                DELETED => None,
                length => Some(part(&mut rest, length)?),
            };
            changes.insert(key, value);
        }
        Some(changes)
    }
}

fn length(bytes: usize) -> io::Result<u32> {
    let length = u32::try_from(bytes).ok().filter(|length| *length < DELETED);
    length.ok_or_else(|| io::ErrorKind::FileTooLarge.into())
}

/// Half of SHA-256: that a torn record passes is as unlikely as anything can be, and the processor helps.
fn checksum(head: &[u8], payload: &[u8]) -> [u8; CHECKSUM] {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(head)
        .chain_update(payload)
        .finalize()
        .into();
    let (checksum, _) = digest.split_first_chunk().unwrap_or((&[0; CHECKSUM], &[]));
    *checksum
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*head)
}

fn part(bytes: &mut &[u8], length: u32) -> Option<Vec<u8>> {
    let (head, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(head.to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> Header {
        Header {
            nonce: 0x0102_0304_0506_0708,
            generation: 3,
            first: 40,
            sequence: 41,
            stored: 39,
        }
    }

    fn small() -> Changes {
        Changes::from([
            (b"a".to_vec(), Some(b"value".to_vec())),
            (b"b".to_vec(), Some(Vec::new())),
            (b"c".to_vec(), None),
        ])
    }

    /// Bytes of the record before its filling.
    const USED: usize = HEADER + 3 * 8 + 3 + 5;

    #[test]
    fn a_record_is_these_bytes() {
        let bytes = encode(Kind::Changes, &header(), &small()).unwrap();
        assert_eq!(bytes.len(), SLOT);
        let fields = [
            "42505231 20000000 0807060504030201 0300000000000000 2800000000000000",
            " 2900000000000000 2700000000000000",
        ];
        let payload = concat!(
            "01000000 05000000 61 76616c7565 ",
            "01000000 00000000 62 ",
            "01000000 ffffffff 63"
        );
        let hex = |text: &str| {
            let text = text.replace(' ', "").to_uppercase();
            data_encoding::HEXUPPER.decode(text.as_bytes()).unwrap()
        };
        assert_eq!(bytes[..48], hex(&fields.concat()));
        assert_eq!(bytes[HEADER..USED], hex(payload));
        assert!(bytes[USED..].iter().all(|byte| *byte == 0));
        let record = decode(&bytes).unwrap();
        assert_eq!(record.kind, Kind::Changes);
        assert_eq!(record.header, header());
        assert_eq!(record.changes(), Some(small()));
        assert_eq!(record.size(), size(&small()));
    }

    #[test]
    fn no_cut_and_no_flipped_bit_passes() {
        let bytes = encode(Kind::Changes, &header(), &small()).unwrap();
        for cut in 0..USED {
            assert_eq!(decode(&bytes[..cut]), None, "cut at {cut}");
            let mut torn = bytes.clone();
            torn[cut..USED].fill(0);
            let unlike = torn != bytes;
            assert_eq!(decode(&torn).is_none(), unlike, "zeros from {cut}");
        }
        for bit in 0..USED * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&flipped), None, "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            changes in prop::collection::btree_map(
                prop::collection::vec(any::<u8>(), 0..40),
                prop::option::of(prop::collection::vec(any::<u8>(), 0..3000)),
                0..20,
            ),
            fields in any::<[u64; 5]>(),
        ) {
            let [nonce, generation, first, sequence, stored] = fields;
            let header = Header { nonce, generation, first, sequence, stored };
            let bytes = encode(Kind::Changes, &header, &changes).unwrap();
            prop_assert_eq!(bytes.len(), size(&changes));
            let record = decode(&bytes).unwrap();
            prop_assert_eq!(record.header, header);
            prop_assert_eq!(record.changes(), Some(changes));
        }

        #[test]
        fn anything_may_be_read(mut bytes in prop::collection::vec(any::<u8>(), 0..300), known in any::<bool>()) {
            if let Some(magic) = bytes.get_mut(..4).filter(|_| known) {
                magic.copy_from_slice(b"BPR1");
            }
            prop_assert_eq!(decode(&bytes), None);
        }
    }
}
