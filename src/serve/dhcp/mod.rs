//! DHCPv4 (RFC 2131): a pure engine, and a thread that moves its bytes. Knows states and the store, never sites or plans.
//!
//! ```text
//!  link ──bytes──> socket ──Packet──> engine ──Persist──> store
//!   ^                │                  ^                   │
//!   └── Publish, then Send <────────────┴──── Committed ────┘
//! ```

mod admit;
mod allocate;
mod ask;
mod boot;
mod bootp;
mod circuit;
mod class;
mod config;
mod counters;
mod ending;
mod engine;
mod event;
mod exchange;
mod expiry;
mod giving;
mod grant;
mod history;
mod holders;
mod idle;
mod inform;
mod known;
mod lease;
mod moved;
mod named;
mod names;
mod options;
mod outcome;
mod pace;
mod parameters;
mod probe;
mod program;
mod proxy;
mod quarantine;
mod queue;
mod rate;
mod reason;
mod record;
mod records;
mod renewal;
mod reply;
mod request;
mod restore;
mod revoke;
mod ring;
mod socket;
mod strain;
mod survey;
mod table;
mod told;
mod usage;
mod wire;

pub use admit::{WAITING as WAITING_MOST, Waiting};
pub use config::Config;
pub use counters::{Counters, ScopeCounters};
pub use engine::{Action, BatchId, Engine, Input, Packet};
pub use event::{Event, Release};
pub use exchange::{Exchange, InUse, Obstacle, Reserved, Said};
pub use history::{Ending, MOST as HISTORY_MOST, Past};
pub use lease::{Agent, ClientKey, Hardware, Known, Lease, LeaseError, LeaseState, PREFIX};
pub use names::NameChange;
pub use outcome::{Malformed, Outcome, Refusal, Silence};
pub use probe::{Probe, ProbeWay};
pub use program::{Booting, NoProgram, Program};
pub use reply::{Destination, Reply};
pub use socket::{Events, Heard, Page, ReleaseError, Server, ServerError, Told};
pub use strain::StoreTrouble;
pub use survey::ServedSubnet;
pub use wire::Kind;
