//! The embedded store: killed, damaged, older than its journal, and on disks that fill up.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

mod full;
mod killed;
mod older;

use bedplate::store::{Batch, Write};

fn put(key: u32, bytes: usize) -> Batch {
    let (key, value) = (key.to_be_bytes().to_vec(), vec![7; bytes]);
    Batch {
        guards: Vec::new(),
        writes: vec![Write::Put { key, value }],
    }
}
