//! Records that are damaged after they were acknowledged: they are missed, and where they cannot be, it is known why.

use std::collections::BTreeMap;

use super::disk::{Fault, Shared, Torn};
use crate::store::journal::{Changes, Journal};

const SLOT: usize = 4096;
const CAPACITY: u64 = 8 * 4096;

fn one(number: u8) -> Changes {
    Changes::from([(vec![number], Some(vec![number; 10]))])
}

fn all(numbers: impl IntoIterator<Item = u8>) -> Changes {
    numbers.into_iter().flat_map(one).collect()
}

/// What of a journal is found, or why it is not read.
fn open(segments: &[Torn; 2]) -> Result<Changes, String> {
    let opened = Journal::open(segments.clone(), CAPACITY);
    opened
        .map(|(_, changes)| changes)
        .map_err(|fault| fault.to_string())
}

/// Records 0 to 3 in the first segment, 4 to 6 in the second, and none of them in the tables.
fn written() -> (Shared, [Torn; 2]) {
    let fate = Shared::default();
    let segments = [Torn::new(&fate), Torn::new(&fate)];
    let (mut journal, _) = Journal::open(segments.clone(), CAPACITY).unwrap();
    for number in 0..7 {
        if number == 4 {
            journal.switch(0).unwrap();
        }
        journal.append(&one(number)).unwrap();
    }
    (fate, segments)
}

fn flip(segment: &Torn, slot: usize) {
    segment.damage(|bytes| bytes[slot * SLOT + 70] ^= 4);
}

#[test]
fn an_acknowledged_record_that_is_damaged_is_missed() {
    assert_eq!(open(&written().1), Ok(all(0..7)));
    for number in 0..6 {
        let (_fate, segments) = written();
        let slot = if number < 4 { number + 1 } else { number - 3 };
        flip(&segments[number / 4], slot);
        let said = format!(
            "the journal is damaged: record {number} was acknowledged and cannot be read; restore the store's folder from a backup"
        );
        assert_eq!(open(&segments), Err(said));
    }
}

#[test]
fn the_last_record_alone_looks_like_one_that_was_never_finished() {
    let (_fate, segments) = written();
    flip(&segments[1], 3);
    assert_eq!(open(&segments), Ok(all(0..6)));
}

#[test]
fn starts_are_told_by_their_records() {
    let damage = |segment: &Torn| segment.damage(|bytes| bytes[20] ^= 1);
    for lost in 0..2 {
        let (_fate, segments) = written();
        damage(&segments[lost]);
        assert_eq!(open(&segments), Ok(all(0..7)));
    }
    let (_fate, segments) = written();
    segments.iter().for_each(damage);
    let said = open(&segments).unwrap_err();
    assert!(said.contains("no segment says whose they are"), "{said}");
}

#[test]
fn a_segment_that_is_missing_or_of_another_store_is_refused() {
    let (fate, [one, other]) = written();
    let said = open(&[one.clone(), written().1[1].clone()]).unwrap_err();
    assert!(said.contains("different stores"), "{said}");
    let said = open(&[Torn::new(&fate), other.clone()]).unwrap_err();
    assert!(said.contains("record 0 was acknowledged"), "{said}");
    assert_eq!(open(&[other, one]), Ok(all(0..7)), "names do not matter");
}

#[test]
fn what_the_tables_have_may_be_damaged() {
    let (_fate, segments) = written();
    let (mut journal, _) = Journal::open(segments.clone(), CAPACITY).unwrap();
    journal.switch(7).unwrap();
    flip(&segments[1], 2);
    assert_eq!(open(&segments), Ok(Changes::new()));
}

/// The bytes of a client that look like a record, inside a value whose own record is torn.
#[test]
fn a_value_does_not_pass_for_a_record() {
    let (_fate, [forger, _]) = written();
    let forged = forger_bytes(&forger);
    let (_fate, segments) = written();
    let (mut journal, _) = Journal::open(segments.clone(), CAPACITY).unwrap();
    // So long that the forged record begins with a slot.
    let value = [vec![0; SLOT - 64 - 8 - 1], forged].concat();
    journal
        .append(&Changes::from([(vec![9], Some(value))]))
        .unwrap();
    flip(&segments[1], 4);
    assert_eq!(open(&segments), Ok(all(0..7)));
}

/// The bytes of a whole record, of another store.
fn forger_bytes(segment: &Torn) -> Vec<u8> {
    let mut bytes = Vec::new();
    segment.damage(|all| bytes = all[SLOT..2 * SLOT].to_vec());
    bytes
}

#[test]
fn a_failed_record_is_void_once_the_other_segment_begins() {
    let (fate, segments) = written();
    let (mut journal, _) = Journal::open(segments.clone(), CAPACITY).unwrap();
    // The record is written whole, and its sync fails.
    fate.borrow_mut()
        .expect(&BTreeMap::from([(1, Fault::Fail)]));
    journal.append(&one(7)).unwrap_err();
    journal.append(&one(8)).unwrap_err();
    assert_eq!(open(&segments), Ok(all(0..8)), "it is there");
    journal.switch(4).unwrap();
    assert_eq!(open(&segments), Ok(all(4..7)));
    journal.append(&one(9)).unwrap();
    assert_eq!(open(&segments), Ok(all([4, 5, 6, 9])));
}
