//! The Redfish driver against a service that is not ours, over TLS, and against a mock that does what real BMCs do wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

mod boot;
mod certificates;
mod console;
mod emulator;
mod hostile;
mod identify;
mod inventory;
mod log;
mod login;
mod media;
mod mock;
mod network;
mod power;
mod sensors;
mod stolen;
mod systems;
mod tls;
mod users;
