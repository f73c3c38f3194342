//! Whether a BMC is at an address, asked without a password: by a ping of RMCP, and by the service root of Redfish.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;

use super::ipmi::{self, Patience};
use super::redfish::{self, Root};
use crate::world::https::{Trust, Trusted};

/// How long an address is given to answer at all.
const PING: Patience = Patience {
    first: Duration::from_millis(400),
    total: Duration::from_millis(1000),
};

/// How long one that takes a connection is given to say who it is.
const ROOT: Duration = Duration::from_secs(5);

/// What is at an address. Nothing of it is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// Whether IPMI is spoken there.
    pub ipmi: bool,
    pub redfish: Option<Root>,
    /// The machine's, where IPMI tells; else that of the Redfish service.
    pub uuid: Option<String>,
}

/// Looks at one address, at these ports or the usual ones; none where nobody answers. Nothing is told to whoever is there.
pub async fn look(address: IpAddr, ipmi: Option<u16>, redfish: Option<u16>) -> Option<Presence> {
    let of_ipmi = SocketAddr::new(address, ipmi.unwrap_or(ipmi::PORT));
    let mut endpoint = redfish::Endpoint::tls(address, Trusted::System(Trust::default()));
    endpoint.port = redfish.unwrap_or(endpoint.port);
    let (pong, root) = tokio::join!(ipmi::ping(of_ipmi, PING), root(endpoint));
    let ipmi = pong == Ok(true);
    let uuid = match ipmi {
        true => ipmi::system_uuid(of_ipmi, PING).await.ok().flatten(),
        false => None,
    };
    let uuid = uuid.or_else(|| root.as_ref()?.uuid.clone());
    (ipmi || root.is_some()).then_some(Presence {
        ipmi,
        redfish: root,
        uuid,
    })
}

/// Whether a route leads to an address. The kernel alone is asked, and nothing sent.
pub async fn has_route(address: IpAddr) -> bool {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let Ok(socket) = UdpSocket::bind((any, 0)).await else {
        return true;
    };
    let connected = socket.connect((address, ipmi::PORT)).await;
    let kind = connected.err().map(|error| error.kind());
    !matches!(
        kind,
        Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable)
    )
}

async fn root(endpoint: redfish::Endpoint) -> Option<Root> {
    // An address where nobody is does not answer at all: it is not waited for as long as a slow BMC is.
    let at = SocketAddr::new(endpoint.address, endpoint.port);
    let connected = tokio::time::timeout(PING.total, tokio::net::TcpStream::connect(at)).await;
    drop(connected.ok()?.ok()?);
    redfish::root(endpoint, ROOT).await.ok()
}
