//! Neighbour solicitations as duplicate address detection sends them, and the advertisements that answer (RFC 4861 4.3, 4.4; RFC 4862
//! 5.4). Knows frames, no sockets.

use std::net::{IpAddr, Ipv6Addr};

use super::Question;
use crate::base::mac::MacAddr;

pub(super) struct Neighbour;

const ICMPV6: u8 = 58;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;

/// Of a message without options: type, code, checksum, flags and the target.
const LENGTH: u8 = 24;

/// What nobody beyond the link can have sent.
const HOPS: u8 = 255;

impl Question for Neighbour {
    const ETHERTYPE: u16 = 0x86dd;

    fn ask(from: MacAddr, ip: IpAddr) -> Option<Vec<u8>> {
        let IpAddr::V6(ip) = ip else {
            return None;
        };
        let [.., a, b, c] = ip.octets();
        let group = Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c]);
        let mut frame = vec![0x33, 0x33, 0xff, a, b, c];
        frame.extend(from.0);
        frame.extend(Self::ETHERTYPE.to_be_bytes());
        frame.extend([0x60, 0, 0, 0, 0, LENGTH, ICMPV6, HOPS]);
        frame.extend(Ipv6Addr::UNSPECIFIED.octets());
        frame.extend(group.octets());
        let head = [SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
        let [_, _, _, _, rest @ ..] = head;
        let pseudo = [0, 0, 0, LENGTH, 0, 0, 0, ICMPV6];
        let summed = [&group.octets()[..], &pseudo, &head, &ip.octets()].concat();
        frame.extend([SOLICITATION, 0]);
        frame.extend(checksum(&summed).to_be_bytes());
        frame.extend(rest);
        frame.extend(ip.octets());
        Some(frame)
    }

    /// The target of an advertisement is claimed; so is one that somebody else solicits as nobody, which is to probe for it.
    fn answer(frame: &[u8]) -> Option<(IpAddr, MacAddr)> {
        let (_, frame) = frame.split_first_chunk::<6>()?;
        let (mac, frame) = frame.split_first_chunk::<6>()?;
        let packet = frame.strip_prefix(&Self::ETHERTYPE.to_be_bytes())?;
        let (head, packet) = packet.split_first_chunk::<8>()?;
        let [_, _, _, _, _, _, next, hops] = *head;
        let (source, packet) = packet.split_first_chunk::<16>()?;
        let (_, packet) = packet.split_first_chunk::<16>()?;
        let (message, packet) = packet.split_first_chunk::<8>()?;
        let [kind, code, ..] = *message;
        let target = Ipv6Addr::from(*packet.first_chunk::<16>()?);
        let is_probe = kind == SOLICITATION && Ipv6Addr::from(*source).is_unspecified();
        let claims = kind == ADVERTISEMENT || is_probe;
        let is_sound = next == ICMPV6 && hops == HOPS && code == 0;
        (claims && is_sound).then_some((target.into(), MacAddr(*mac)))
    }
}

/// The sum of 16-bit words (RFC 1071) of a whole number of them.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.as_chunks::<2>().0.iter();
    let sum: u32 = words.map(|word| u32::from(u16::from_be_bytes(*word))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OWN: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

    #[test]
    fn a_solicitation_comes_from_nobody_to_the_solicited_nodes() {
        let ip: Ipv6Addr = "fd00::12:3456".parse().unwrap();
        let frame = Neighbour::ask(OWN, ip.into()).unwrap();
        let bytes: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = "3333ff123456 020000000001 86dd 6000000000183aff 00000000000000000000000000000000 \
            ff0200000000000000000001ff123456 8700 14d7 00000000 fd000000000000000000000000123456";
        assert_eq!(bytes, expected.replace(' ', ""));
        assert_eq!(Neighbour::ask(OWN, "10.0.0.2".parse().unwrap()), None);
        // Another one's probe for the same address is a conflict too.
        assert_eq!(Neighbour::answer(&frame), Some((ip.into(), OWN)));
        for length in 0..frame.len() {
            assert_eq!(Neighbour::answer(&frame[..length]), None, "{length}");
        }
    }

    proptest! {
        /// With its checksum, a message and its pseudo header sum up to all ones.
        #[test]
        fn checksums_hold(ip: [u8; 16]) {
            let frame = Neighbour::ask(OWN, Ipv6Addr::from(ip).into()).unwrap();
            let summed = [&frame[38..54], &[0, 0, 0, LENGTH, 0, 0, 0, ICMPV6], &frame[54..]].concat();
            prop_assert_eq!(checksum(&summed), 0);
        }

        #[test]
        fn nonsense_is_no_answer_and_no_panic(frame in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = Neighbour::answer(&frame);
        }
    }
}
