//! What resources of Redfish say, read tolerantly into the words that BMCs share, and what is written to them. Knows no socket, no clock.

pub(super) mod action;
pub(super) mod boot;
pub(super) mod console;
pub(super) mod date;
pub(super) mod link;
pub(super) mod log;
pub(super) mod media;
pub(super) mod message;
pub(super) mod network;
pub(super) mod part;
pub(super) mod read;
pub(super) mod sensor;
pub(super) mod system;
pub(super) mod task;
pub(super) mod user;

#[cfg(test)]
mod tests;
