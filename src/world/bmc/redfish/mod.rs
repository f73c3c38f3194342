//! A tolerant driver for Redfish (DSP0266): asks a BMC over HTTPS, and reads its answers for what they mean. Told whom to ask; reads no
//! site and no environment.
//!
//! `model` is pure: what resources say, and what is written to them. `wire` speaks HTTP. The other files ask, in the order that each
//! matter needs, and report what was not done.

mod boot;
mod change;
mod client;
mod collection;
mod console;
mod error;
mod identify;
mod inventory;
mod log;
mod login;
mod media;
mod model;
mod network;
mod place;
mod power;
mod root;
mod sensors;
mod session;
mod system;
mod target;
mod task;
mod told;
mod users;
mod wire;

pub use error::{Error, Malformed, Refusal};
pub use root::{Root, root};
pub use session::Session;
pub use target::{Endpoint, Limits, Target, Transport};
pub use told::Told;

use std::time::Duration;

use crate::world::https::Certificate;

/// Whether a BMC is trusted as its endpoint says; nothing is told to it.
///
/// # Errors
/// Where it is not, or does not answer.
pub async fn verified(endpoint: Endpoint, within: Duration) -> Result<(), Error> {
    wire::verified(endpoint, within).await
}

/// The certificate that a BMC presents, for people to compare. Nothing of it is trusted, and nothing is told to the BMC.
pub async fn presented(endpoint: &Endpoint, within: Duration) -> Result<Certificate, Error> {
    wire::presented(endpoint, within).await
}
