//! ARP as a question to neighbours (RFC 5227). Knows frames, no sockets.

use std::net::IpAddr;

use super::Question;
use crate::base::arp;
use crate::base::mac::MacAddr;

pub(super) struct Arp;

impl Question for Arp {
    const ETHERTYPE: u16 = arp::ETHERTYPE;

    fn ask(from: MacAddr, ip: IpAddr) -> Option<Vec<u8>> {
        match ip {
            IpAddr::V4(ip) => Some(arp::probe(from, ip)),
            IpAddr::V6(_) => None,
        }
    }

    fn answer(frame: &[u8]) -> Option<(IpAddr, MacAddr)> {
        arp::claim(frame).map(|(ip, by)| (ip.into(), by))
    }
}
