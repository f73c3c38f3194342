//! The DHCP server from outside: its engine with bytes and a clock, its socket with real clients.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

mod admit;
mod again;
mod assertions;
mod beginning;
mod beside;
mod boot;
mod booting;
mod bootp;
mod bounds;
#[path = "../support/cases.rs"]
mod cases;
mod classes;
mod clients;
mod conversation;
mod decline;
mod decode;
mod durable;
mod ending;
mod events;
mod expiry;
mod fields;
mod flood;
mod fuzz;
mod history;
mod hostile;
mod identity;
mod known;
mod limits;
mod load;
mod model;
mod names;
mod net;
mod offers;
mod outcomes;
mod overtaken;
mod parameters;
mod policy;
mod power;
mod probe;
mod proxy;
mod relays;
mod renewals;
mod requests;
mod reservations;
mod reuse;
mod revoke;
mod room;
mod scopes;
mod socket;
mod squatter;
mod starvation;
mod strain;
mod stranded;
mod support;
mod told;
mod tools;
