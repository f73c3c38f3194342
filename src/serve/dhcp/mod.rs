//! DHCPv4 (RFC 2131): a pure engine, and a thread that moves its bytes. Knows states and the store, never sites or plans.
//!
//! ```text
//!  link ──bytes──> socket ──Packet──> engine ──Persist──> store
//!   ^                │                  ^                   │
//!   └── Publish, then Send <────────────┴──── Committed ────┘
//! ```

mod allocate;
mod ask;
mod boot;
mod config;
mod counters;
mod ending;
mod engine;
mod expiry;
mod grant;
mod inform;
mod lease;
mod names;
mod options;
mod parameters;
mod reply;
mod request;
mod revoke;
mod socket;
mod table;
mod wire;

pub use config::Config;
pub use counters::Counters;
pub use engine::{Action, BatchId, Engine, Event, Input, Packet};
pub use lease::{Agent, ClientKey, Hardware, Lease, LeaseError, LeaseState, PREFIX};
pub use names::NameChange;
pub use reply::{Destination, Reply};
pub use socket::{ReleaseError, Server, ServerError};
