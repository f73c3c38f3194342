//! IPMI 2.0 over LAN (RMCP+), with cipher suites 3 and 17.
//!
//! ```text
//! Session     what one does with a BMC            session/     waits
//!    | Link   sends, waits, sends again           socket.rs    waits
//!    | codec  bytes to words and back             codec/       knows no socket, clock or randomness
//! ```
//!
//! A session is opened with one try, gives one command at a time, and is closed. Whatever a BMC sends is bounded and checked, and what
//! is not signed by it is nobody's.

mod codec;
mod error;
mod session;
mod socket;
mod target;

pub use codec::sel::LogInfo;
pub use codec::user::LONG_PASSWORD;
pub use codec::{CipherSuite, Command, Completion};
pub use error::{IpmiError, Refusal};
pub use session::{Console, ConsoleKeys, ConsoleScreen, LogPage, Session, ping, system_uuid};
pub use target::{PORT, Patience, Privilege, Target};
