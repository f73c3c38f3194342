//! What resources of Redfish say, read tolerantly into the words that BMCs share, and what is written to them. Knows no socket, no clock.

pub(super) mod action;
pub(super) mod boot;
pub(super) mod link;
pub(super) mod message;
pub(super) mod read;
pub(super) mod system;
pub(super) mod task;
