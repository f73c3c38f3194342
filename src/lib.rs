//! Bedplate turns a version-controlled description of a bare-metal site into a running one.
//!
//! ```text
//! site.kdl
//!    | lang     text -> spanned, typed nodes
//!    v
//!   site        names resolved, profiles applied, rules checked
//!    | state    what should exist                       desired
//!    v
//!   plan  <---- observed: state and facts, read back from the world
//!    | ordered, explained steps
//!    v
//!   apply ----> world   kernel by netlink, embedded servers; verified by observing again
//!
//!   daemon      owns the world and answers the API;  cli  compiles, and asks the daemon
//! ```
//!
//! Layers, in order; each may import only those above it, and `tests/architecture.rs` checks that:
//!
//! | layer | knows | never |
//! |---|---|---|
//! | [`base`] | words everyone shares | anything else here |
//! | [`diag`] | codes, faults and how they look | how they were found |
//! | [`lang`] | KDL text to typed, spanned nodes; the schema | I/O beyond reading text through a trait |
//! | [`site`] | the resolved site and its rules | KDL |
//! | [`state`] | what can exist, one file a kind | I/O, async, clock |
//! | [`plan`] | difference, order, hazards, the way back, rendering | I/O, async, clock |
//! | [`store`] | durable storage | what is stored |
//! | [`serve`] | the embedded servers: a pure engine and a thin socket each | the site language, plans |
//! | [`world`] | one trait: live, or simulated; drivers of BMCs | planning decisions |
//! | [`apply`] | runs a plan against any world | how to decide |
//! | [`watch`] | that something changed around the daemon | how to change anything |
//! | [`daemon`] | wires it together, API | protocol details |
//! | [`cli`] | arguments, output, exit codes | business rules |
//!
//! Where do I add …
//!
//! * a node of the language: `lang/node/`, a row in `lang/schema.rs`, a field in `site/model.rs`, its resolver, its line in
//!   `site/catalog/`; an example;
//! * a rule: `site/check/`, a code in `diag/code.rs` with its explanation, a bad example in `tests/bad/`;
//! * a kind of thing: `state/KIND.rs`, `world/live/KIND.rs` and a row in `base/kind.rs`; the compiler names every match to extend;
//! * a DHCP option: one row in `base/option/mod.rs`;
//! * a driver of BMCs: a folder in `world/bmc/`, its words in `base/bmc/`; of what only switches the power: a file in `world/bmc/switch/`;
//! * a way in which a BMC may be in trouble: `base/bmc/news.rs`, and how it is found out in `daemon/bmc/board.rs`;
//! * what a BMC of Redfish tells: its reader in `world/bmc/redfish/model/`, beside it who asks, in `base/bmc/` the word for it;
//! * a command: `cli/args.rs` and one file in `cli/`.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "a test that meets the unexpected should stop there"
    )
)]

pub mod apply;
pub mod base;
pub mod cli;
pub mod daemon;
pub mod diag;
pub mod lang;
pub mod plan;
pub mod serve;
pub mod site;
pub mod state;
pub mod store;
pub mod watch;
pub mod world;
