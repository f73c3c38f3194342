//! ARP probes and what contradicts them (RFC 5227 1.1, 2.1.1).

use std::net::Ipv4Addr;

use super::mac::MacAddr;

/// The kind of frames that ARP is carried in.
pub const ETHERTYPE: u16 = 0x0806;

/// Ethernet header, then hardware and protocol of 6 and 4 bytes (RFC 826).
const HEAD: [u8; 8] = [0x08, 0x06, 0, 1, 0x08, 0, 6, 4];

const REQUEST: u8 = 1;

/// The frame that asks a link's neighbours whether they have `address`, without claiming it.
pub fn probe(from: MacAddr, address: Ipv4Addr) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend(from.0);
    frame.extend(HEAD);
    frame.extend([0, REQUEST]);
    frame.extend(from.0);
    frame.extend([0; 4 + 6]);
    frame.extend(address.octets());
    frame
}

/// The address that a frame claims, and for whom: its sender's, or one that its sender probes for at the same time.
pub fn claim(frame: &[u8]) -> Option<(Ipv4Addr, MacAddr)> {
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
    Some((claimed, MacAddr(*mac)))
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
        let frame = probe(OWN, IP);
        let expected = "ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 00000000 000000000000 0a000002";
        let bytes: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(bytes, expected.replace(' ', ""));
        // Another one's probe for the same address is a conflict too.
        assert_eq!(claim(&frame), Some((IP, OWN)));
    }

    #[test]
    fn a_reply_claims_its_senders_address() {
        assert_eq!(claim(&reply()), Some((IP, OTHER)));
        for length in 0..reply().len() {
            assert_eq!(claim(&reply()[..length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn nonsense_is_no_answer_and_no_panic(frame in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = claim(&frame);
        }
    }
}
