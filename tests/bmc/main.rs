//! The drivers of BMCs against real counterparts: OpenIPMI's simulator, pyghmi's BMC, and ipmitool as the witness.
//!
//! Each test has network namespaces of its own, so that all of them use the standard port side by side.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

mod boot;
mod console;
mod counterpart;
mod faults;
mod inventory;
mod log;
mod machine;
mod network;
mod opening;
mod power;
mod relay;
mod repository;
#[allow(
    dead_code,
    unreachable_pub,
    reason = "what all test binaries share, none uses whole"
)]
#[path = "../support/sandbox.rs"]
mod sandbox;
mod sensors;
mod users;
