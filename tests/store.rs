//! The embedded store on a disk that fills up, in a mount namespace of the test's own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that meets the unexpected should stop there"
)]

use std::path::Path;
use std::thread;

use bedplate::store::{Batch, Embedded, Store, StoreError, Write};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

fn put(key: u32, bytes: usize) -> Batch {
    let (key, value) = (key.to_be_bytes().to_vec(), vec![7; bytes]);
    Batch {
        guards: Vec::new(),
        writes: vec![Write::Put { key, value }],
    }
}

#[tokio::main(flavor = "current_thread")]
async fn fill_and_free(disk: &Path) {
    let ballast = disk.join("ballast");
    std::fs::write(&ballast, vec![0; 4 << 20]).unwrap();
    let folder = disk.join("store");
    let store = Embedded::open(&folder).unwrap();
    let mut stored = 0;
    let fault = loop {
        match store.commit(put(stored, 100_000)).await {
            Ok(()) => stored += 1,
            Err(fault) => break fault,
        }
    };
    assert!(matches!(fault, StoreError::Write(_)), "{fault:?}");
    assert!(stored > 0);
    let again = store.commit(put(stored, 100_000)).await;
    assert!(matches!(again, Err(StoreError::Write(_))), "still full");
    std::fs::remove_file(&ballast).unwrap();
    store
        .commit(put(1_000_000, 10))
        .await
        .expect("there is room again");
    let check = |store: &Embedded| {
        let keys: Vec<_> = store
            .range(b"")
            .unwrap()
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        let numbers = (0..stored).chain([1_000_000]);
        let expected: Vec<_> = numbers.map(|key| key.to_be_bytes().to_vec()).collect();
        assert_eq!(
            keys, expected,
            "what failed is not there, what succeeded is"
        );
    };
    check(&store);
    drop(store);
    check(&Embedded::open(&folder).unwrap());
}

#[test]
fn a_full_disk_costs_what_did_not_fit_and_nothing_else() {
    let mounted = tempfile::tempdir().unwrap();
    let path = mounted.path().to_owned();
    let test = thread::spawn(move || {
        let none: Option<&str> = None;
        unshare(CloneFlags::CLONE_NEWNS).expect("namespaces need root");
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        mount(
            Some("none"),
            &path,
            Some("tmpfs"),
            MsFlags::empty(),
            Some("size=12m"),
        )
        .unwrap();
        fill_and_free(&path);
    });
    test.join().unwrap();
}
