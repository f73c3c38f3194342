//! What the commands say that explain a site: its objects with their sources, what a change means, how things hang together.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

mod diff;
mod git;
mod graph;
mod lab;
mod show;
mod sources;
#[path = "../support/mod.rs"]
mod support;
mod told;
