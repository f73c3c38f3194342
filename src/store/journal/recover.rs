//! What two segments hold after whatever happened to them: the records that count, or what speaks against going on.
//! Must not know files.

use std::collections::BTreeMap;
use std::io;
use std::ops::{Bound, Range};

use super::record::{Changes, Header, Kind, Record, SLOT, decode};

/// Why a journal is not read: to go on would lose what was acknowledged.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Damage {
    #[error(
        "the journal is damaged: record {0} was acknowledged and cannot be read; restore the store's folder from a backup"
    )]
    Missing(u64),
    #[error(
        "the journal is damaged: it has records, and no segment says whose they are; restore the store's folder from a backup"
    )]
    Ownerless,
    #[error(
        "journal.a and journal.b are of different stores; restore the store's folder as a whole"
    )]
    Mixed,
    #[error("record {0} of the journal is of a format that this version cannot read")]
    Unknown(u64),
}

impl From<Damage> for io::Error {
    fn from(damage: Damage) -> Self {
        Self::new(io::ErrorKind::InvalidData, damage)
    }
}

/// Where a journal goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Recovered {
    /// Of the newest generation; its `sequence` is that of the next record.
    pub(super) header: Header,
    /// The segment of the newest generation.
    pub(super) segment: usize,
    /// The place of its last record.
    pub(super) last: Range<usize>,
    /// All that the tables may lack.
    pub(super) changes: Changes,
}

/// A record and its place.
struct Found<'a> {
    segment: usize,
    at: Range<usize>,
    record: Record<'a>,
}

/// Reads both segments; `None` where no journal was ever begun in them.
pub(super) fn recover(images: [&[u8]; 2]) -> Result<Option<Recovered>, Damage> {
    let owner = owner(images)?;
    let mut found = Vec::new();
    for (segment, image) in images.into_iter().enumerate() {
        scan(segment, image, owner, &mut found);
    }
    if owner.is_none() && !found.is_empty() {
        return Err(Damage::Ownerless);
    }
    let newest = found.iter().max_by_key(|found| {
        let header = &found.record.header;
        (header.generation, found.at.end)
    });
    let Some(newest) = newest else {
        return Ok(None);
    };
    let mut header = newest.record.header;
    let stored = found.iter().map(|found| found.record.header.stored).max();
    header.stored = stored.unwrap_or(header.stored);
    let live = live(&found, header.stored);
    let next = live
        .last_key_value()
        .map(|(last, _)| last.saturating_add(1));
    header.sequence = next.unwrap_or(0).max(header.first).max(header.stored);
    Ok(Some(Recovered {
        header,
        segment: newest.segment,
        last: newest.at.clone(),
        changes: merge(&live, header)?,
    }))
}

/// The number of the store that the segments belong to. Only the first slot of one can tell: a client may have
/// written what looks like a record into a value, and a torn record leaves its inside bare.
fn owner(images: [&[u8]; 2]) -> Result<Option<u64>, Damage> {
    let starts = images.map(|image| decode(image).filter(|record| record.kind == Kind::Start));
    match starts.map(|start| start.map(|record| record.header.nonce)) {
        [Some(one), Some(other)] if one != other => Err(Damage::Mixed),
        [one, other] => Ok(one.or(other)),
    }
}

/// Every whole record, also behind damage and of earlier generations: what lies behind a gap tells that it is one.
fn scan<'a>(segment: usize, image: &'a [u8], owner: Option<u64>, found: &mut Vec<Found<'a>>) {
    let is_ours = |record: &Record<'_>, at| {
        let is_first = record.kind == Kind::Start;
        owner.is_none_or(|owner| record.header.nonce == owner) && is_first == (at == 0)
    };
    let mut at = 0;
    while let Some(bytes) = image.get(at..).filter(|bytes| !bytes.is_empty()) {
        let record = decode(bytes).filter(|record| is_ours(record, at));
        let end = at + record.map_or(SLOT, |record| record.size());
        found.extend(record.map(|record| Found {
            segment,
            at: at..end,
            record,
        }));
        at = end;
    }
}

/// The records that the tables may lack, less those whose write failed: a later generation begins with their number.
fn live<'f, 'a>(found: &'f [Found<'a>], stored: u64) -> BTreeMap<u64, &'f Record<'a>> {
    let mut firsts = BTreeMap::new();
    for found in found {
        firsts.insert(found.record.header.generation, found.record.header.first);
    }
    let counts = |header: &Header| {
        let mut later = firsts.range((Bound::Excluded(header.generation), Bound::Unbounded));
        header.sequence >= stored && later.all(|(_, first)| header.sequence < *first)
    };
    found
        .iter()
        .map(|found| &found.record)
        .filter(|record| record.kind == Kind::Changes && counts(&record.header))
        .map(|record| (record.header.sequence, record))
        .collect()
}

fn merge(live: &BTreeMap<u64, &Record<'_>>, next: Header) -> Result<Changes, Damage> {
    let mut changes = Changes::new();
    for sequence in next.stored..next.sequence {
        let record = live.get(&sequence).ok_or(Damage::Missing(sequence))?;
        changes.extend(record.changes().ok_or(Damage::Unknown(sequence))?);
    }
    Ok(changes)
}
