//! HTTP with one BMC: one connection, bounded in time, size and number, used again while it lasts. Must not know what is asked.

mod answer;
mod connect;
mod exchange;

pub(super) use answer::Answer;
pub(super) use connect::{Connector, presented, verified};
pub(super) use exchange::{Ask, Wire, malformed};

/// What is read of an answer's head, and of its body.
pub(super) const HEAD: usize = 64 * 1024;
pub(super) const BODY: usize = 4 * 1024 * 1024;
