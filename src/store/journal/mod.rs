//! The journal of the embedded store: what makes a group of changes durable before the tables have it.
//! Must not know the tables, nor threads.
//!
//! Two segments take turns. A record is appended to one with a single write and sync. Once that one is full, the
//! other begins a new generation, for which the tables must have for good what it held before. A record whose write
//! failed may lie whole on the disk all the same; it is void as soon as the other segment begins with its number.
//!
//! Damage is told from a record that was never finished by what follows: no record is written before the one ahead
//! of it is durable, so that a gap before a whole record is damage. Damage to the very last record alone looks like
//! a write that the power was cut in, and is taken for one.

mod file;
mod record;
mod recover;

use std::hash::{BuildHasher as _, RandomState};
use std::io;

pub(super) use file::{OnDisk, Segment};
pub(super) use record::Changes;
use record::{Header, Kind, SLOT};

/// Bytes of a segment: some thousands of small groups between two checkpoints, little to replay at a start.
pub(super) const CAPACITY: u64 = 8 << 20;

/// Bytes of a segment that is not allocated, since the disk is almost full: what it holds needs room in the tables, too.
const LEAST: u64 = 16 * SLOT as u64;

/// A segment is allocated where so many of its size are free: others need some as well.
const ROOM: u64 = 4;

pub(super) struct Journal<S> {
    current: S,
    other: S,
    /// Bytes of a segment that is allocated.
    capacity: u64,
    /// Bytes that the current segment takes.
    limit: u64,
    /// Of the current generation; `sequence` is that of the next record.
    header: Header,
    /// Where the next record belongs.
    tail: u64,
    /// Whether the current segment takes no more records: a write failed, and may be there or not.
    is_broken: bool,
}

impl<S: Segment> Journal<S> {
    /// Opens the journal in two segments, with all that the tables may lack.
    ///
    /// # Errors
    /// Where the files cannot be used, and where a record is lost that was acknowledged.
    pub(super) fn open(segments: [S; 2], capacity: u64) -> io::Result<(Self, Changes)> {
        let [a, b] = segments;
        let (in_a, in_b) = (a.read()?, b.read()?);
        let recovered = recover::recover([&in_a, &in_b])?;
        let Some(found) = recovered else {
            return Ok((Self::begin(a, b, capacity)?, Changes::new()));
        };
        let (mut current, image, other) = match found.segment {
            0 => (a, in_a, b),
            _ => (b, in_b, a),
        };
        // Where its sync failed, the last record may be in the system's memory alone.
        let last = image.get(found.last.clone()).unwrap_or_default();
        write(&mut current, found.last.start as u64, last)?;
        let journal = Self {
            limit: limit(&current, capacity)?,
            current,
            other,
            capacity,
            header: found.header,
            tail: found.last.end as u64,
            is_broken: false,
        };
        Ok((journal, found.changes))
    }

    fn begin(a: S, b: S, capacity: u64) -> io::Result<Self> {
        let mut journal = Self {
            current: b,
            other: a,
            capacity,
            limit: 0,
            header: Header {
                nonce: RandomState::new().hash_one(()),
                generation: 0,
                first: 0,
                sequence: 0,
                stored: 0,
            },
            tail: 0,
            is_broken: true,
        };
        journal.switch(0)?;
        allocate(&mut journal.other, capacity)?;
        Ok(journal)
    }

    /// The number of the next record.
    pub(super) fn sequence(&self) -> u64 {
        self.header.sequence
    }

    /// All records before this one are in the tables for good, as far as the journal was told.
    pub(super) fn stored(&self) -> u64 {
        self.header.stored
    }

    /// Whether the current segment takes `changes`. One that is empty takes all: a record that is larger makes it grow.
    pub(super) fn fits(&self, changes: &Changes) -> bool {
        let Ok(size) = u64::try_from(record::size(changes)) else {
            return false;
        };
        let is_empty = self.tail == SLOT as u64;
        !self.is_broken && (is_empty || self.tail.saturating_add(size) <= self.limit)
    }

    /// Whether a write failed whose record is not void yet.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Makes `changes` durable. After a failure nothing is taken before a [`Self::switch`].
    ///
    /// # Errors
    /// Where the disk fails or is full.
    pub(super) fn append(&mut self, changes: &Changes) -> io::Result<()> {
        if self.is_broken {
            return Err(io::Error::other("the journal needs its other segment"));
        }
        let record = record::encode(Kind::Changes, &self.header, changes)?;
        // The file's length is not asked here: Linux stamps a file anew with the first write after it was looked at,
        // and its sync takes half as long again.
        if let Err(fault) = write(&mut self.current, self.tail, &record) {
            self.is_broken = true;
            // On a full disk the other segment may need the room. What remains is void all the same.
            let is_allocated = self.limit == self.capacity;
            let kept = if is_allocated { self.capacity } else { 0 };
            let _ = self.current.resize(self.tail.max(kept));
            return Err(fault);
        }
        self.tail += record.len() as u64;
        self.header.sequence += 1;
        Ok(())
    }

    /// Goes on in the other segment, all of whose records must be before `stored`; a record that failed is void then.
    ///
    /// # Errors
    /// Where the disk fails or is full. Nothing is taken before a later call succeeds.
    pub(super) fn switch(&mut self, stored: u64) -> io::Result<()> {
        self.is_broken = true;
        // Each try has a number of its own: one that failed may be on the disk, too.
        self.header.generation += 1;
        self.header.first = self.header.sequence;
        self.header.stored = stored;
        let start = record::encode(Kind::Start, &self.header, &Changes::new())?;
        write(&mut self.other, 0, &start)?;
        // Only now may what the segment held go: until the start is durable, it says what the tables have.
        allocate(&mut self.other, self.capacity)?;
        self.limit = limit(&self.other, self.capacity)?;
        std::mem::swap(&mut self.current, &mut self.other);
        self.tail = SLOT as u64;
        self.is_broken = false;
        Ok(())
    }
}

fn write(segment: &mut impl Segment, offset: u64, record: &[u8]) -> io::Result<()> {
    segment.write(offset, record)?;
    segment.sync()
}

/// Brings a segment to its size. One that the disk has no room for grows with its records instead: slower, no less safe.
fn allocate(segment: &mut impl Segment, capacity: u64) -> io::Result<()> {
    let len = segment.len()?;
    if len > capacity {
        return segment.resize(capacity);
    }
    let has_room = || Ok::<_, io::Error>(segment.room()? / ROOM >= capacity);
    if len < capacity && has_room()? && fill(segment, len, capacity).is_err() {
        segment.resize(len)?;
    }
    Ok(())
}

fn limit(segment: &impl Segment, capacity: u64) -> io::Result<u64> {
    let is_allocated = segment.len()? >= capacity;
    Ok(if is_allocated {
        capacity
    } else {
        capacity.min(LEAST)
    })
}

/// Writes zeros slot by slot: the system keeps large writes as large pages, in which small ones take longer.
fn fill(segment: &mut impl Segment, from: u64, to: u64) -> io::Result<()> {
    for at in (from..to).step_by(SLOT) {
        segment.write(at, &[0; SLOT])?;
    }
    segment.sync()
}
