//! The DHCP server from outside: its engine with bytes and a clock, its socket with real clients.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

mod beside;
mod clients;
mod durable;
mod engine;
mod fields;
mod hostile;
mod load;
mod net;
mod socket;
mod support;
