//! Folders that other versions wrote, and such as were damaged.

use std::fs;
use std::path::Path;

use bedplate::store::{Embedded, Store, StoreError};

use crate::put;

fn pairs(store: &Embedded) -> Vec<(Vec<u8>, Vec<u8>)> {
    store.range(b"").unwrap()
}

/// What fjall alone has in a folder.
fn without_journal(folder: &Path, write: Option<(&str, &str)>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let database = fjall::Database::builder(folder).open().unwrap();
    let pairs = database.keyspace("pairs", fjall::KeyspaceCreateOptions::default);
    let pairs = pairs.unwrap();
    if let Some((key, value)) = write {
        pairs.insert(key, value).unwrap();
        database.persist(fjall::PersistMode::SyncAll).unwrap();
    }
    let pair = |guard: fjall::Guard| guard.into_inner().unwrap();
    let found = pairs.iter().map(pair);
    found.map(|(k, v)| (k.to_vec(), v.to_vec())).collect()
}

#[tokio::test]
async fn stores_without_a_journal_are_opened_and_closed_ones_need_none() {
    let folder = tempfile::tempdir().unwrap();
    let old = without_journal(folder.path(), Some(("old", "value")));
    let store = Embedded::open(folder.path()).unwrap();
    assert_eq!(pairs(&store), old);
    store.commit(put(1, 10)).await.unwrap();
    let kept = pairs(&store);
    assert_eq!(kept.len(), 2);
    drop(store);
    assert_eq!(without_journal(folder.path(), None), kept);
    // An older version writes to it; what the journal held before does not come back.
    without_journal(folder.path(), Some(("\0\0\0\u{1}", "newer")));
    let store = Embedded::open(folder.path()).unwrap();
    let newer = store.get(&1_u32.to_be_bytes()).unwrap();
    assert_eq!(newer, Some(b"newer".to_vec()));
}

#[tokio::test]
async fn a_journal_that_is_damaged_is_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path()).unwrap();
    for key in 0..3 {
        store.commit(put(key, 10)).await.unwrap();
    }
    let left = tempfile::tempdir().unwrap();
    let path = left.path().join("journal.a");
    // As a kill leaves it: a store that is closed has nothing left in its journal.
    let mut bytes = fs::read(folder.path().join("journal.a")).unwrap();
    bytes[2 * 4096 + 70] ^= 1;
    fs::write(&path, bytes).unwrap();
    let Err(StoreError::Open { source, .. }) = Embedded::open(left.path()) else {
        panic!("a damaged journal was opened");
    };
    let said = source.to_string();
    assert!(said.contains("record 1 was acknowledged"), "{said}");
}
