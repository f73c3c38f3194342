//! The embedded servers: for each protocol a pure engine and a thin socket. Knows states, never sites or plans.

pub mod dhcp;
pub mod dns;
mod files;
pub mod http;
mod listen;
mod places;
mod tally;
pub mod tftp;

use std::net::IpAddr;

use crate::base::name::LinkName;
use crate::state::Service;

pub use files::BootFiles;

/// Why a server cannot answer on an address.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("{service} cannot listen on {address} port {port}")]
    Socket {
        service: Service,
        address: IpAddr,
        port: u16,
        #[source]
        source: std::io::Error,
    },
    #[error("{service} cannot listen on {link}: no such link")]
    NoLink { service: Service, link: LinkName },
}
