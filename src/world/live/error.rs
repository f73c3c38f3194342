//! Why the host's network could not be read or changed: always with the thing's key and the kernel's own words.

use std::path::PathBuf;

use crate::base::name::LinkName;
use crate::state::Key;

use super::netlink::NetlinkError;

/// Why the host's network could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error("cannot open a netlink socket")]
    Socket(#[source] std::io::Error),
    #[error("cannot read the host's {what}")]
    Observe {
        what: &'static str,
        #[source]
        source: NetlinkError,
    },
    #[error("cannot {operation} {key}")]
    Refused {
        operation: &'static str,
        key: Key,
        #[source]
        source: NetlinkError,
    },
    #[error("cannot {operation} {key}: this host has no link {link}")]
    NoLink {
        operation: &'static str,
        key: Key,
        link: LinkName,
    },
    #[error("cannot {operation} {key}: {link} takes no ports")]
    TakesNoPorts {
        operation: &'static str,
        key: Key,
        link: LinkName,
    },
    #[error("cannot create {key}: a DHCP client or router advertisement holds it; end that first")]
    HeldByAutomation { key: Key },
    #[error(
        "cannot create {key}: somebody else made a link of this name, or with this tag, since the plan was made; plan again"
    )]
    Taken { key: Key },
    #[error(
        "cannot create {key}: {link} was made for it and has another name now; rename it back (`ip link set {link} name {wanted}`), or delete it"
    )]
    Renamed {
        key: Box<Key>,
        link: String,
        wanted: LinkName,
    },
    #[error("cannot set {} of {key}", .path.display())]
    Setting {
        key: Key,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{key} with these attributes is not a thing of this host's network")]
    NotOurs { key: Key },
}

impl HostError {
    /// For `map_err` after a change that the kernel was asked for.
    pub(super) fn refused(operation: &'static str, key: &Key) -> impl FnOnce(NetlinkError) -> Self {
        move |source| Self::Refused {
            operation,
            key: key.clone(),
            source,
        }
    }

    /// For `map_err` after a dump.
    pub(super) fn observe(what: &'static str) -> impl FnOnce(NetlinkError) -> Self {
        move |source| Self::Observe { what, source }
    }
}
