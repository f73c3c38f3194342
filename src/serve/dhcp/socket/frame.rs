//! A UDP datagram as an Ethernet frame, for clients that do not answer ARP yet (RFC 2131 4.1). Must not know what it carries.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::base::mac::MacAddr;

const IP_HEADER: u16 = 20;
const UDP_HEADER: u16 = 8;
const UDP: u8 = 17;

/// The frame that brings `payload` from one address to another; `None` where it is too long for a datagram.
pub(super) fn frame(
    (from_mac, from): (MacAddr, SocketAddrV4),
    (to_mac, to): (MacAddr, SocketAddrV4),
    payload: &[u8],
) -> Option<Vec<u8>> {
    let udp_length = u16::try_from(payload.len()).ok()?.checked_add(UDP_HEADER)?;
    let ip_length = udp_length.checked_add(IP_HEADER)?;
    let mut bytes = Vec::with_capacity(14 + usize::from(ip_length));
    bytes.extend(to_mac.0);
    bytes.extend(from_mac.0);
    bytes.extend([0x08, 0x00]);
    let ip = ip_header(*from.ip(), *to.ip(), ip_length);
    bytes.extend(ip);
    let [from_port, to_port] = [from.port(), to.port()].map(u16::to_be_bytes);
    let udp = [from_port, to_port, udp_length.to_be_bytes()].concat();
    let pseudo = [&from.ip().octets()[..], &to.ip().octets(), &[0, UDP]].concat();
    let sum = add(0, &pseudo) + u32::from(udp_length);
    let checksum = match !fold(add(add(sum, &udp), payload)) {
        // RFC 768: zero means that there is none.
        0 => u16::MAX,
        sum => sum,
    };
    bytes.extend(udp);
    bytes.extend(checksum.to_be_bytes());
    bytes.extend_from_slice(payload);
    Some(bytes)
}

fn ip_header(from: Ipv4Addr, to: Ipv4Addr, length: u16) -> [u8; 20] {
    let [length_high, length_low] = length.to_be_bytes();
    let ([a, b, c, d], [e, f, g, h]) = (from.octets(), to.octets());
    let with = |[high, low]: [u8; 2]| {
        [
            0x45,
            0,
            length_high,
            length_low, // version, header length, service, length
            0,
            0,
            0x40,
            0, // never fragmented
            64,
            UDP,
            high,
            low, // time to live
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            h,
        ]
    };
    let checksum = !fold(add(0, &with([0, 0])));
    with(checksum.to_be_bytes())
}

/// Adds 16-bit words (RFC 1071); an odd byte counts as the high half of a word.
fn add(sum: u32, bytes: &[u8]) -> u32 {
    bytes.chunks(2).fold(sum, |sum, word| {
        let high = word.first().copied().unwrap_or(0);
        let low = word.get(1).copied().unwrap_or(0);
        sum + u32::from(u16::from_be_bytes([high, low]))
    })
}

fn fold(sum: u32) -> u16 {
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    u16::try_from(folded).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Summed with their checksums, header and datagram give all ones (RFC 1071 1).
        #[test]
        fn checksums_hold(from: [u8; 4], to: [u8; 4], payload in prop::collection::vec(any::<u8>(), 0..700)) {
            let mac = MacAddr([2; 6]);
            let (from, to) = (SocketAddrV4::new(from.into(), 67), SocketAddrV4::new(to.into(), 68));
            let bytes = frame((mac, from), (mac, to), &payload).unwrap();
            let (ip, udp) = (&bytes[14..34], &bytes[34..]);
            prop_assert_eq!(fold(add(0, ip)), 0xffff);
            let pseudo = [&ip[12..20], &[0, UDP]].concat();
            let length = u32::try_from(udp.len()).unwrap();
            prop_assert_eq!(fold(add(add(length, &pseudo), udp)), 0xffff);
            prop_assert_eq!(&udp[8..], &payload[..]);
        }
    }

    #[test]
    fn too_long_is_no_frame() {
        let end = (MacAddr([2; 6]), SocketAddrV4::new(Ipv4Addr::LOCALHOST, 67));
        assert_eq!(frame(end, end, &[0; 65_508]), None);
    }
}
