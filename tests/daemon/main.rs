//! The real daemon in a namespace: what it applies, `ip`, `dig`, `curl`, `atftp` and `udhcpc` find; what is broken, it
//! says, survives and undoes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

mod able;
mod adopt;
mod apply;
mod bindings;
mod bmc;
mod board;
mod care;
mod client;
mod clock;
mod confirm;
mod console;
#[allow(
    dead_code,
    reason = "what is shared with the drivers' tests, none uses whole"
)]
#[path = "../bmc/counterpart.rs"]
mod counterpart;
mod discover;
mod disk;
mod drift;
mod events;
mod faults;
mod follow;
mod gone;
mod hazard;
mod history;
mod hooks;
mod hostile;
mod interrupted;
mod ip;
mod killed;
mod kinds;
mod lab;
mod leaks;
mod leases;
mod managed;
mod media;
mod owned;
mod panics;
mod parts;
mod pool;
mod power;
mod proxy;
mod redfish;
mod relay;
mod secrets;
mod select;
mod settings;
mod shim;
mod squatter;
mod start;
#[path = "../support/mod.rs"]
mod support;
mod upgrade;
mod users;
mod waits;
mod watch;
mod webhooks;
mod why;
mod wish;
mod words;

#[allow(
    dead_code,
    reason = "what is shared with the drivers' tests, none uses whole"
)]
#[path = "../redfish/certificates.rs"]
mod certificates;
#[allow(
    dead_code,
    reason = "what is shared with the drivers' tests, none uses whole"
)]
#[path = "../redfish/emulator.rs"]
mod emulator;
#[allow(
    dead_code,
    reason = "what is shared with the drivers' tests, none uses whole"
)]
#[path = "../bmc/machine.rs"]
mod machine;

use support::sandbox;
