//! Bedplate turns a version-controlled description of a bare-metal site into a running one.
//!
//! ```text
//! site.kdl -> lang -> site -> state (desired) -> plan -> apply -> world
//!                             state (observed) <- world <--------+
//! ```
//!
//! Layers, in order; each may import only those above it, and `tests/architecture.rs` checks that:
//!
//! | layer | knows |
//! |---|---|
//! | [`base`] | words everyone shares |
//! | [`site`] | the resolved site and its rules |
//! | [`state`] | what can exist |
//! | [`store`] | durable storage |

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
pub mod plan;
pub mod serve;
pub mod site;
pub mod state;
pub mod store;
pub mod world;
