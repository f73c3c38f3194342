//! What integration tests share: a sandbox of network namespaces, a guest with a kernel of its own, independent
//! witnesses, and reviewed texts. Knows nothing of Bedplate itself.
//!
//! Each test binary is a crate of its own and uses only a part of this one.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test binary compiles this module and none uses all of it"
)]

pub mod golden;
pub mod guest;
pub mod normalise;
pub mod rack;
pub mod sandbox;
pub mod witness;
