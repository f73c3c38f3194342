//! ARP probes and what contradicts them (RFC 5227 1.1, 2.1.1). Knows frames, no sockets.

use std::net::{IpAddr, Ipv4Addr};

use super::Question;
use crate::base::mac::MacAddr;

pub(super) struct Arp;

/// Ethernet header, then hardware and protocol of 6 and 4 bytes (RFC 826).
const HEAD: [u8; 8] = [0x08, 0x06, 0, 1, 0x08, 0, 6, 4];

const REQUEST: u8 = 1;

impl Question for Arp {
    const ETHERTYPE: u16 = 0x0806;

    fn ask(from: MacAddr, ip: IpAddr) -> Option<Vec<u8>> {
        let IpAddr::V4(ip) = ip else {
            return None;
        };
        let mut frame = vec![0xff; 6];
        frame.extend(from.0);
        frame.extend(HEAD);
        frame.extend([0, REQUEST]);
        frame.extend(from.0);
        // Whoever takes an address must not claim it yet.
        frame.extend([0; 4 + 6]);
        frame.extend(ip.octets());
        Some(frame)
    }

    /// A sender's address is claimed; so is one that somebody else probes for at the same time.
    fn answer(frame: &[u8]) -> Option<(IpAddr, MacAddr)> {
        let (_, packet) = frame.split_at_checked(12)?;
        let packet = packet.strip_prefix(&HEAD)?;
        let (operation, packet) = packet.split_first_chunk::<2>()?;
        let (mac, packet) = packet.split_first_chunk::<6>()?;
        let (sender, packet) = packet.split_first_chunk::<4>()?;
        let (_, packet) = packet.split_first_chunk::<6>()?;
        let target = packet.first_chunk::<4>()?;
        let (sender, target) = (Ipv4Addr::from(*sender), Ipv4Addr::from(*target));
        let is_probe = *operation == [0, REQUEST] && sender.is_unspecified();
        let claimed = if is_probe { target } else { sender };
        Some((claimed.into(), MacAddr(*mac)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OWN: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const OTHER: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
    const IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    fn reply() -> Vec<u8> {
        let mut frame = OWN.0.to_vec();
        frame.extend(OTHER.0);
        frame.extend(HEAD);
        frame.extend([0, 2]);
        frame.extend(OTHER.0);
        frame.extend(IP.octets());
        frame.extend(OWN.0);
        frame.extend([0; 4]);
        frame
    }

    #[test]
    fn probes_are_as_the_rfc_says() {
        let frame = Arp::ask(OWN, IP.into()).unwrap();
        let expected = "ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 00000000 000000000000 0a000002";
        let bytes: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(bytes, expected.replace(' ', ""));
        assert_eq!(Arp::ask(OWN, "fd00::2".parse().unwrap()), None);
        // Another one's probe for the same address is a conflict too.
        assert_eq!(Arp::answer(&frame), Some((IP.into(), OWN)));
    }

    #[test]
    fn a_reply_claims_its_senders_address() {
        assert_eq!(Arp::answer(&reply()), Some((IP.into(), OTHER)));
        for length in 0..reply().len() {
            assert_eq!(Arp::answer(&reply()[..length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn nonsense_is_no_answer_and_no_panic(frame in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = Arp::answer(&frame);
        }
    }
}
