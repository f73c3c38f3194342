//! What goes over the host's network and no site declares: open sessions, ports in use, and the addresses and routes that a [`State`]
//! cannot say but packets take all the same.
//!
//! [`State`]: super::State

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::addr::{InterfaceAddr, Prefix};
use crate::base::name::LinkName;

/// A connection by which people or programs reach this host to manage it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Session {
    /// Whether whoever asks for the plan came by it.
    pub yours: bool,
    pub service: SessionService,
    /// This host's end.
    pub local: SocketAddr,
    pub remote: SocketAddr,
    /// The link that a link-local peer is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkName>,
}

/// What a session speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionService {
    Ssh,
}

/// The ends of the session by which a client reached this host, as sshd tells it in `SSH_CONNECTION`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSession {
    pub remote: SocketAddr,
    pub local: SocketAddr,
}

/// Why a text names no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the two addresses and ports of SSH_CONNECTION")]
pub struct ClientSessionError;

/// Addresses and routes beside those that a state can say: from leases and router advertisements, link-local ones, the loopback's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    pub addresses: Vec<BesideAddress>,
    pub routes: Vec<BesideRoute>,
}

/// An address that nobody set to stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BesideAddress {
    /// None for the loopback, which no plan takes down.
    pub link: Option<LinkName>,
    pub address: InterfaceAddr,
}

/// A route, or one way of several that it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BesideRoute {
    pub destination: Prefix,
    pub metric: u32,
    pub via: Option<IpAddr>,
    pub link: Option<LinkName>,
}

/// A port that another program listens on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusyPort {
    pub transport: Transport,
    /// Unspecified where the program takes whatever address is asked for.
    pub local: SocketAddr,
    /// The link that it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    Udp,
    Tcp,
}

impl SessionService {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ssh => "SSH",
        }
    }
}

impl Transport {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}

impl fmt::Display for ClientSession {
    /// As sshd writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { remote, local } = self;
        let (from, to) = (remote.ip(), local.ip());
        write!(f, "{from} {} {to} {}", remote.port(), local.port())
    }
}

impl FromStr for ClientSession {
    type Err = ClientSessionError;

    /// `CLIENT-ADDRESS CLIENT-PORT SERVER-ADDRESS SERVER-PORT` (sshd(8)); a link-local address may carry its zone.
    fn from_str(text: &str) -> Result<Self, ClientSessionError> {
        let words: Vec<&str> = text.split(' ').collect();
        let [from, from_port, to, to_port] = words.as_slice() else {
            return Err(ClientSessionError);
        };
        let end = |address: &str, port: &str| {
            let address = address.split('%').next().unwrap_or(address);
            let address: IpAddr = address.parse().map_err(|_| ClientSessionError)?;
            let port = port.parse().map_err(|_| ClientSessionError)?;
            Ok(SocketAddr::new(address.to_canonical(), port))
        };
        Ok(Self {
            remote: end(from, from_port)?,
            local: end(to, to_port)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sshd_says_is_read() {
        for (text, expected) in [
            (
                "10.0.0.50 51000 10.0.0.2 22",
                Some(("10.0.0.50:51000", "10.0.0.2:22")),
            ),
            (
                "::ffff:10.0.0.50 51000 ::ffff:10.0.0.2 2222",
                Some(("10.0.0.50:51000", "10.0.0.2:2222")),
            ),
            (
                "fe80::1%eno1 51000 fe80::2%eno1 22",
                Some(("[fe80::1]:51000", "[fe80::2]:22")),
            ),
            ("10.0.0.50 51000 10.0.0.2", None),
            ("10.0.0.50 51000 10.0.0.2 22 9", None),
            ("a b c d", None),
            ("10.0.0.50 51000 10.0.0.2 70000", None),
            ("", None),
        ] {
            let read = text.parse::<ClientSession>().ok();
            let read = read.map(|read| (read.remote.to_string(), read.local.to_string()));
            let expected = expected.map(|(remote, local)| (remote.to_owned(), local.to_owned()));
            assert_eq!(read, expected, "{text}");
        }
    }
}
