//! Real firmware in guests that boots through the real daemon: option ROM, UEFI by TFTP and UEFI by HTTP, each up to a kernel that
//! runs. Needs no kernel modules and no KVM: processors are emulated.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

mod boots;
#[allow(
    dead_code,
    reason = "what is shared with the drivers' tests, none uses whole"
)]
#[path = "../bmc/counterpart.rs"]
mod counterpart;
#[allow(dead_code, reason = "these tests use a part of it")]
#[path = "../daemon/lab.rs"]
mod lab;
mod machine;
mod power;
#[path = "../support/mod.rs"]
mod support;

use support::sandbox;
