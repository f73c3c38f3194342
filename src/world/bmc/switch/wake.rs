//! Wake-on-LAN: a packet that wakes a network card, by UDP to the subnet's broadcast address. Nothing answers it, and so nothing is known
//! of what became of it.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use tokio::net::UdpSocket;

use crate::base::addr::Prefix;
use crate::base::mac::MacAddr;

/// Where cards expect it, if anywhere: the port of "discard" (RFC 863).
const PORT: u16 = 9;

/// How often it is sent: nobody says whether it came.
const TIMES: usize = 3;

/// The machine's card, and the subnet that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    pub mac: MacAddr,
    pub subnet: Prefix,
}

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("this controller has no address in {0}, and routers do not pass such packets on")]
    Elsewhere(Prefix),
    #[error("the packet cannot be sent to {0}: {1}")]
    Send(Ipv4Addr, #[source] io::Error),
}

impl Target {
    pub(super) async fn wake(self) -> Result<(), Error> {
        let Some(broadcast) = self.broadcast() else {
            return Err(Error::Elsewhere(self.subnet));
        };
        let failed = |error| Error::Send(broadcast, error);
        let socket = UdpSocket::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)).await;
        let socket = socket.map_err(failed)?;
        socket.set_broadcast(true).map_err(failed)?;
        let connected = socket.connect(SocketAddrV4::new(broadcast, PORT)).await;
        connected.map_err(failed)?;
        let from = socket.local_addr().map_err(failed)?;
        // From elsewhere it would go to a router, which drops it (RFC 2644).
        if !self.subnet.contains(from.ip()) {
            return Err(Error::Elsewhere(self.subnet));
        }
        let packet = magic(self.mac);
        for _ in 0..TIMES {
            socket.send(&packet).await.map_err(failed)?;
        }
        Ok(())
    }

    fn broadcast(self) -> Option<Ipv4Addr> {
        match self.subnet.net().broadcast() {
            std::net::IpAddr::V4(address) => Some(address),
            std::net::IpAddr::V6(_) => None,
        }
    }
}

/// Six bytes of ones, then the address sixteen times (AMD, publication 20213, section 2.2).
fn magic(mac: MacAddr) -> Vec<u8> {
    let mut packet = vec![0xff; 6];
    packet.extend(mac.0.repeat(16));
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packet_is_as_cards_expect_it() {
        let packet = magic("02:00:00:00:70:02".parse().unwrap());
        assert_eq!(packet.len(), 102);
        assert_eq!(packet[..6], [0xff; 6]);
        for copy in packet[6..].chunks(6) {
            assert_eq!(copy, [0x02, 0, 0, 0, 0x70, 0x02]);
        }
    }
}
