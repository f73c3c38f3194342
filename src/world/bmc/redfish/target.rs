//! Which BMC is asked, by whom, and for how long.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::model::link::Link;
use crate::base::name::DomainName;
use crate::base::secret::Secret;
use crate::world::https::Trusted;

/// A BMC and the account on it. It has no `Debug`: it holds a password.
#[derive(Clone)]
pub struct Target {
    pub endpoint: Endpoint,
    pub username: String,
    pub password: Secret,
    /// The id or the UUID of one of its systems; none where it has only one.
    pub system: Option<String>,
    pub limits: Limits,
}

/// Where a BMC listens.
#[derive(Clone)]
pub struct Endpoint {
    pub address: IpAddr,
    pub port: u16,
    /// The name that its certificate is for, where that is not the address.
    pub name: Option<DomainName>,
    pub transport: Transport,
}

/// How it is spoken with.
#[derive(Clone)]
pub enum Transport {
    /// TLS; the certificate is verified always.
    Tls(Trusted),
    /// Nothing is hidden from those on the way: for labs alone.
    Plain,
}

/// How long is waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For one answer.
    pub request: Duration,
    /// For all that one call asks.
    pub whole: Duration,
    /// Until a change that was taken can be read back.
    pub settle: Duration,
}

impl Limits {
    /// What slow BMCs need.
    pub const USUAL: Self = Self {
        connect: Duration::from_secs(10),
        request: Duration::from_secs(30),
        whole: Duration::from_secs(120),
        settle: Duration::from_secs(10),
    };
}

impl Endpoint {
    /// HTTPS at its usual port.
    pub fn tls(address: IpAddr, trusted: Trusted) -> Self {
        Self {
            address,
            port: 443,
            name: None,
            transport: Transport::Tls(trusted),
        }
    }

    pub(super) fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }

    /// Host and port as the field `Host` has them (RFC 9110, section 7.2).
    pub(super) fn authority(&self) -> String {
        let host = match (&self.name, self.address) {
            (Some(name), _) => name.to_string(),
            (None, IpAddr::V4(address)) => address.to_string(),
            (None, IpAddr::V6(address)) => format!("[{address}]"),
        };
        match self.port == self.usual_port() {
            true => host,
            false => format!("{host}:{}", self.port),
        }
    }

    /// Whether a URL, or a path alone, is of this BMC, spoken with as now.
    pub(super) fn is_of(&self, url: &str) -> bool {
        let own = match self.transport {
            Transport::Tls(_) => "https",
            Transport::Plain => "http",
        };
        Link::authority(url).is_none_or(|(scheme, at)| scheme == own && self.is_at(at))
    }

    fn is_at(&self, authority: &str) -> bool {
        let full = match authority.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().is_ok() => authority.to_owned(),
            _ => format!("{authority}:{}", self.usual_port()),
        };
        let port = self.port;
        let is_address = full
            .parse::<SocketAddr>()
            .is_ok_and(|one| one == self.socket());
        let is_name = self
            .name
            .as_ref()
            .is_some_and(|name| full.eq_ignore_ascii_case(&format!("{name}:{port}")));
        is_address || is_name
    }

    fn usual_port(&self) -> u16 {
        match self.transport {
            Transport::Tls(_) => 443,
            Transport::Plain => 80,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Digest;

    #[test]
    fn only_its_own_authorities_are_a_bmc() {
        let tls = || Transport::Tls(Trusted::Pinned(Digest::of(b"")));
        for (address, port, name, transport, authority, is_own) in [
            ("192.0.2.1", 443, None, tls(), "192.0.2.1", true),
            ("192.0.2.1", 443, None, tls(), "192.0.2.1:443", true),
            ("192.0.2.1", 443, None, tls(), "192.0.2.1:80", false),
            ("192.0.2.1", 8443, None, tls(), "192.0.2.1", false),
            ("192.0.2.1", 80, None, Transport::Plain, "192.0.2.1", true),
            ("192.0.2.1", 443, None, tls(), "192.0.2.2", false),
            ("192.0.2.1", 443, None, tls(), "bmc.example", false),
            (
                "192.0.2.1",
                443,
                Some("bmc.example"),
                tls(),
                "BMC.example",
                true,
            ),
            (
                "192.0.2.1",
                443,
                Some("bmc.example"),
                tls(),
                "192.0.2.1",
                true,
            ),
            ("2001:db8::1", 443, None, tls(), "[2001:db8::1]", true),
            (
                "2001:db8::1",
                8443,
                None,
                tls(),
                "[2001:DB8:0::1]:8443",
                true,
            ),
            ("2001:db8::1", 443, None, tls(), "[2001:db8::2]", false),
            ("192.0.2.1", 443, None, tls(), "u@192.0.2.1", false),
        ] {
            let endpoint = Endpoint {
                address: address.parse().unwrap(),
                port,
                name: name.map(|name: &str| name.parse().unwrap()),
                transport,
            };
            let scheme = match endpoint.transport {
                Transport::Tls(_) => "https",
                Transport::Plain => "http",
            };
            for (url, expected) in [
                (format!("{scheme}://{authority}/a"), is_own),
                (format!("{scheme}://{authority}"), is_own),
                (format!("x{scheme}://{authority}/a"), true),
                ("/a".to_owned(), true),
            ] {
                assert_eq!(endpoint.is_of(&url), expected, "{url}");
            }
            let other = if scheme == "http" { "https" } else { "http" };
            assert!(!endpoint.is_of(&format!("{other}://{authority}/")));
        }
    }

    #[test]
    fn authorities_name_unusual_ports() {
        for (address, port, expected) in [
            ("192.0.2.1", 443, "192.0.2.1"),
            ("192.0.2.1", 8443, "192.0.2.1:8443"),
            ("2001:db8::1", 443, "[2001:db8::1]"),
            ("2001:db8::1", 8443, "[2001:db8::1]:8443"),
        ] {
            let trusted = Trusted::Pinned(Digest::of(b""));
            let mut endpoint = Endpoint::tls(address.parse().unwrap(), trusted);
            endpoint.port = port;
            assert_eq!(endpoint.authority(), expected);
        }
    }
}
