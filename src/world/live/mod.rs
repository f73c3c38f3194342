//! The real world: this host's network, over netlink.
//!
//! One file per kind of thing: how it is read from the kernel's messages, and how it is made, changed and taken away.

mod address;
mod beside;
mod conversation;
mod error;
mod host;
mod indexes;
mod ledger;
mod link;
mod machine;
mod manager;
mod neighbour;
mod netlink;
mod ping;
mod probe;
mod route;
mod rule;
mod servers;
mod setting;
mod sockets;
mod world;

pub use error::HostError;
pub use host::{Host, HostObservation};
pub use ledger::LedgerError;
pub use machine::{Awaiting, Heard, Looked, MachineError, Progress, RefusedBefore, Sought};
pub use neighbour::{Neighbour, answering, neighbours};
pub use netlink::NetlinkError;
pub use world::Live;

/// The number that stands for Bedplate where the kernel records who made an address (`IFA_PROTO`) or a route
/// (`rtm_protocol`). Below 3 is the kernel's own, 186 and up are routing daemons; 98 has no other known user.
const PROTOCOL: u8 = 98;

/// The value of the first attribute of a kind.
macro_rules! pick {
    ($attributes:expr, $pattern:pat => $value:expr) => {
        $attributes.iter().find_map(|attribute| {
            if let $pattern = attribute {
                Some($value)
            } else {
                None
            }
        })
    };
}
use pick;
