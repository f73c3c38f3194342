//! What passes between the story and its machines: orders out, news back.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use nix::errno::Errno;

use super::cable::CableError;
use super::client::dhcp::{DhcpError, Lease};
use super::client::dns::DnsError;
use super::client::http::HttpError;
use super::client::tftp::TftpError;
use crate::base::arch::ClientArch;
use crate::base::digest::Digest;
use crate::base::mac::MacAddr;
use crate::base::name::HostName;

/// What a machine is told to do.
pub(super) enum Order {
    /// Power on: from nothing to a name.
    Boot,
    /// Renew the lease again and again until told to rest.
    Renew,
    Rest,
}

/// What a machine tells.
pub(super) enum News {
    Leased(Lease),
    Loaded(Loaded),
    /// Its name, found by its address, leads back to it.
    Named(String),
    /// The first of many renewals was answered.
    Renewing,
    Renewed(Renewals),
    Failed(MachineError),
}

/// A boot program that was fetched.
pub(super) struct Loaded {
    pub(super) file: String,
    pub(super) protocol: &'static str,
    pub(super) bytes: usize,
    pub(super) digest: Digest,
}

/// What came of renewing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Renewals {
    pub(super) asked: u64,
    pub(super) answered: u64,
    pub(super) slowest: Duration,
}

/// Who a machine is.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) name: HostName,
    pub(super) mac: MacAddr,
    pub(super) arch: ClientArch,
}

/// Why a machine could not go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum MachineError {
    #[error("cannot start the machine's thread")]
    Thread(#[source] io::Error),
    #[error("cannot make the machine's namespace")]
    Namespace(#[source] Errno),
    #[error("cannot use {path}")]
    File {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Cable(#[from] CableError),
    #[error(transparent)]
    Dhcp(#[from] DhcpError),
    #[error(transparent)]
    Tftp(#[from] TftpError),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error(transparent)]
    Dns(#[from] DnsError),
    #[error("the name {name} leads to {found}, not back to {address}")]
    Name {
        name: String,
        address: Ipv4Addr,
        found: Ipv4Addr,
    },
    #[error("the machine has no lease to renew")]
    NoLease,
    #[error("the machine is gone")]
    Gone,
}
