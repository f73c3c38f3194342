//! A process that is killed while it writes: what it was told is stored is there, and of all else one batch at most.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use bedplate::store::{Batch, Embedded, Store, Write};

const FOLDER: &str = "BEDPLATE_TEST_STORE";

type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// The batch of a number: small ones, large ones, one that is larger than a segment of the journal, deletions.
fn batch(number: u32) -> Batch {
    let key = vec![(number % 7) as u8];
    let length = match number % 30 {
        29 => 9_000_000,
        8 | 18 | 28 => 1_500_000,
        _ => 10,
    };
    let number_too = Write::Put {
        key: b"number".to_vec(),
        value: number.to_be_bytes().to_vec(),
    };
    let write = match number % 5 {
        3 => Write::Delete { key },
        _ => Write::Put {
            key,
            value: vec![number as u8; length],
        },
    };
    Batch {
        writes: vec![number_too, write],
        ..Batch::default()
    }
}

fn after(batches: u32) -> Pairs {
    let mut pairs = Pairs::new();
    for number in 0..batches {
        for write in batch(number).writes {
            match write {
                Write::Put { key, value } => drop(pairs.insert(key, value)),
                Write::Delete { key } => drop(pairs.remove(&key)),
            }
        }
    }
    pairs
}

/// How many batches a store holds, whole.
fn whole(store: &Embedded) -> u32 {
    let found: Pairs = store.range(b"").unwrap().into_iter().collect();
    let last = found.get(&b"number"[..]).map_or(0, |number| {
        u32::from_be_bytes(number.as_slice().try_into().unwrap()) + 1
    });
    assert!(found == after(last), "unlike after {last} batches");
    last
}

/// The process that is killed. It runs only as a child of the test below.
#[tokio::test]
#[ignore = "a part of `a_kill_costs_nothing_that_was_acknowledged`"]
async fn write_until_killed() {
    let folder = std::env::var(FOLDER).unwrap();
    let store = Embedded::open(Path::new(&folder)).unwrap();
    let from = whole(&store);
    eprintln!("found {from}");
    for number in from.. {
        store.commit(batch(number)).await.unwrap();
        eprintln!("stored {number}");
    }
}

/// Lets a child find `stored` batches or one more, and kills it once it has written `batches`; how many are stored then.
fn write(folder: &Path, stored: u32, batches: u32) -> u32 {
    let name = "killed::write_until_killed";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut found, mut next) = (None, 0);
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        let number = |word| line.strip_prefix(word)?.parse::<u32>().ok();
        found = found.or_else(|| number("found "));
        next = number("stored ").map_or(next, |number| number + 1);
        if next >= stored + batches {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    let found = found.expect("the child did not open the store");
    assert!((stored..=stored + 1).contains(&found), "{found}");
    assert!(next >= stored + batches, "the child ended by itself");
    next
}

#[test]
fn a_kill_costs_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let kills = [1, 4, 7, 18, 1, 31, 12].into_iter();
    let stored = kills.fold(0, |stored, batches| write(folder.path(), stored, batches));
    let last = whole(&Embedded::open(folder.path()).unwrap());
    assert!((stored..=stored + 1).contains(&last), "{last} of {stored}");
}
