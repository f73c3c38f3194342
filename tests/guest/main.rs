//! The host network on kinds of links that this machine's kernel may lack: in a guest with Debian's, with `ip` as the witness.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

mod boot;
mod cases;
mod daemon;
mod faults;
mod kinds;
mod lab;
mod links;
mod pairs;
#[path = "../support/host.rs"]
mod rig;
mod snapshot;
mod start;
#[path = "../support/mod.rs"]
mod support;
