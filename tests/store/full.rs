//! Disks that fill up, in mount namespaces of the tests' own.

use std::fs::{self, File};
use std::path::Path;
use std::thread;

use bedplate::store::{Embedded, Store, StoreError};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::put;

/// What is stored under `keys`, each as [`put`] wrote it.
fn check(store: &Embedded, keys: impl Iterator<Item = u32>) {
    let found: Vec<_> = store.range(b"").unwrap();
    let found: Vec<_> = found.into_iter().map(|(key, _)| key).collect();
    let expected: Vec<_> = keys.map(|key| key.to_be_bytes().to_vec()).collect();
    assert!(
        found == expected,
        "what failed is not there, what succeeded is: {} of {}",
        found.len(),
        expected.len()
    );
}

/// Stores pairs of `bytes` from `first` on until the disk is full; how many.
async fn fill(store: &Embedded, first: u32, bytes: usize) -> u32 {
    let mut stored = 0;
    let fault = loop {
        match store.commit(put(first + stored, bytes)).await {
            Ok(()) => stored += 1,
            Err(fault) => break fault,
        }
    };
    assert!(matches!(fault, StoreError::Write(_)), "{fault:?}");
    let again = store.commit(put(first + stored, bytes)).await;
    assert!(matches!(again, Err(StoreError::Write(_))), "still full");
    stored
}

#[tokio::main(flavor = "current_thread")]
async fn fill_and_free(disk: &Path) {
    let ballast = disk.join("ballast");
    fs::write(&ballast, vec![0; 4 << 20]).unwrap();
    let folder = disk.join("store");
    let store = Embedded::open(&folder).unwrap();
    let stored = fill(&store, 0, 100_000).await;
    assert!(stored > 0);
    fs::remove_file(&ballast).unwrap();
    let last = store.commit(put(1_000_000, 10)).await;
    last.expect("there is room again");
    check(&store, (0..stored).chain([1_000_000]));
    drop(store);
    let store = Embedded::open(&folder).unwrap();
    check(&store, (0..stored).chain([1_000_000]));
}

/// The journal is allocated while there is room: it goes on where nothing else can be written.
#[tokio::main(flavor = "current_thread")]
async fn fill_what_is_allocated(disk: &Path) {
    let folder = disk.join("store");
    let store = Embedded::open(&folder).unwrap();
    let ballast = disk.join("ballast");
    let mut file = File::create(&ballast).unwrap();
    while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
    let stored = fill(&store, 0, 100_000).await;
    assert!(stored > 100, "{stored}");
    check(&store, 0..stored);
    drop(store);
    let store = Embedded::open(&folder).unwrap();
    check(&store, 0..stored);
    drop(file);
    fs::remove_file(&ballast).unwrap();
    let last = store.commit(put(1_000_000, 10)).await;
    last.expect("there is room again");
    check(&store, (0..stored).chain([1_000_000]));
}

/// Runs `test` on a disk of `size`.
fn on_a_disk_of(size: &'static str, test: fn(&Path)) {
    let mounted = tempfile::tempdir().unwrap();
    let path = mounted.path().to_owned();
    let test = thread::spawn(move || {
        let none: Option<&str> = None;
        unshare(CloneFlags::CLONE_NEWNS).expect("namespaces need root");
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        let options = format!("size={size}");
        let (kind, flags) = (Some("tmpfs"), MsFlags::empty());
        mount(Some("none"), &path, kind, flags, Some(&*options)).unwrap();
        test(&path);
    });
    test.join().unwrap();
}

#[test]
fn a_full_disk_costs_what_did_not_fit_and_nothing_else() {
    on_a_disk_of("12m", fill_and_free);
}

#[test]
fn on_a_full_disk_the_journal_goes_on_for_a_while_and_loses_nothing() {
    on_a_disk_of("64m", fill_what_is_allocated);
}
