//! Options as they go on the wire: values encoded, long ones split, all within the size that the client takes.

use std::net::{IpAddr, Ipv4Addr};

use crate::base::addr::Prefix;
use crate::base::name::DomainName;
use crate::base::option::OptionValue;

/// The value of an option on the wire.
pub(super) fn encode(value: &OptionValue) -> Vec<u8> {
    match value {
        OptionValue::Addresses(addresses) => addresses
            .iter()
            .flat_map(|address| address.octets())
            .collect(),
        OptionValue::Pairs(pairs) => pairs
            .iter()
            .flat_map(|(first, second)| [first.octets(), second.octets()].concat())
            .collect(),
        OptionValue::Routes(routes) => routes.iter().flat_map(route).collect(),
        OptionValue::Domains(domains) => domains.iter().flat_map(labels).collect(),
        OptionValue::Text(text) => text.as_bytes().to_vec(),
        OptionValue::Flag(flag) => vec![u8::from(*flag)],
        OptionValue::U8(number) => vec![*number],
        OptionValue::U16(number) => number.to_be_bytes().to_vec(),
        OptionValue::U16s(numbers) => numbers.iter().flat_map(|one| one.to_be_bytes()).collect(),
        OptionValue::U32(number) => number.to_be_bytes().to_vec(),
        OptionValue::I32(number) => number.to_be_bytes().to_vec(),
        OptionValue::Bytes(bytes) => bytes.clone(),
    }
}

/// A route: the length of its prefix, of this the octets that say something, and the router (RFC 3442).
fn route((to, via): &(Prefix, Ipv4Addr)) -> Vec<u8> {
    let network = match to.net().network() {
        IpAddr::V4(network) => network.octets(),
        // The language takes none of IPv6.
        IpAddr::V6(_) => return Vec::new(),
    };
    let told = usize::from(to.length().div_ceil(8));
    let significant = network.get(..told).unwrap_or(&network);
    [&[to.length()], significant, &via.octets()].concat()
}

/// Whether routes on the wire lead everywhere.
pub(super) fn has_default_route(mut routes: &[u8]) -> bool {
    while let [length, rest @ ..] = routes {
        if *length == 0 {
            return true;
        }
        let beyond = usize::from(length.div_ceil(8)) + 4;
        routes = rest.get(beyond..).unwrap_or_default();
    }
    false
}

/// The default route through the first of some routers, as it stands among routes.
pub(super) fn default_route(routers: &[u8]) -> Option<[u8; 5]> {
    let [a, b, c, d] = *routers.first_chunk()?;
    Some([0, a, b, c, d])
}

/// A name as labels (RFC 1035 3.1), uncompressed: RFC 3397 allows both, and pointers gain little at this size.
fn labels(name: &DomainName) -> Vec<u8> {
    let mut bytes: Vec<u8> = name
        .as_str()
        .split('.')
        .flat_map(|label| {
            let length = u8::try_from(label.len()).unwrap_or(0);
            [&[length], label.as_bytes()].concat()
        })
        .collect();
    bytes.push(0);
    bytes
}

/// Appends options to a message while they fit.
pub(super) struct Writer {
    bytes: Vec<u8>,
    /// Length of the message at most, the end mark included.
    most: usize,
}

impl Writer {
    /// Continues the message `bytes`, which may become `most` bytes long; `reserved` of them are kept for [`Self::finish`].
    pub(super) fn new(bytes: Vec<u8>, most: usize, reserved: usize) -> Self {
        Self {
            bytes,
            most: most.saturating_sub(reserved).saturating_sub(1),
        }
    }

    /// Adds an option, in parts where it is longer than 255 bytes (RFC 3396). Where it does not fit, it is left out whole, and the
    /// answer is `false`.
    pub(super) fn put(&mut self, code: u8, value: &[u8]) -> bool {
        let fits = self.bytes.len() + wire_length(value) <= self.most;
        if fits {
            self.append(code, value);
        }
        fits
    }

    /// Ends the message with `last`, for which room was kept, and pads it to what BOOTP relays and clients expect.
    pub(super) fn finish(mut self, last: Option<(u8, &[u8])>) -> Vec<u8> {
        if let Some((code, value)) = last {
            self.append(code, value);
        }
        self.bytes.push(255);
        // RFC 1542 2.1: a BOOTP message is 300 bytes long.
        if self.bytes.len() < 300 {
            self.bytes.resize(300, 0);
        }
        self.bytes
    }

    fn append(&mut self, code: u8, value: &[u8]) {
        let parts: &mut dyn Iterator<Item = &[u8]> = if value.is_empty() {
            &mut std::iter::once(value)
        } else {
            &mut value.chunks(255)
        };
        for part in parts {
            self.bytes.push(code);
            self.bytes.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
            self.bytes.extend_from_slice(part);
        }
    }
}

/// Bytes that an option takes, its codes and lengths included.
pub(super) fn wire_length(value: &[u8]) -> usize {
    value.len() + 2 * value.len().div_ceil(255).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_take_their_wire_form() {
        let domains = vec!["a.bc".parse().unwrap(), "d".parse().unwrap()];
        assert_eq!(
            encode(&OptionValue::Domains(domains)),
            b"\x01a\x02bc\x00\x01d\x00"
        );
        for (value, wire) in [
            (OptionValue::U16(9000), &[0x23, 0x28][..]),
            (OptionValue::I32(-2), &[0xff, 0xff, 0xff, 0xfe]),
            (OptionValue::Flag(true), &[1]),
            (OptionValue::U16s(vec![68, 296]), &[0, 68, 1, 40]),
            (
                OptionValue::Pairs(vec![([10, 0, 0, 0].into(), [10, 0, 0, 1].into())]),
                &[10, 0, 0, 0, 10, 0, 0, 1],
            ),
            (OptionValue::Bytes(vec![7, 8]), &[7, 8]),
            (
                OptionValue::Routes(vec![
                    ("10.99.0.0/16".parse().unwrap(), [10, 0, 0, 9].into()),
                    ("10.1.128.0/17".parse().unwrap(), [10, 0, 0, 8].into()),
                    ("192.0.2.7/32".parse().unwrap(), [0, 0, 0, 0].into()),
                ]),
                &[
                    16, 10, 99, 10, 0, 0, 9, 17, 10, 1, 128, 10, 0, 0, 8, 32, 192, 0, 2, 7, 0, 0,
                    0, 0,
                ],
            ),
        ] {
            assert_eq!(encode(&value), wire, "{value}");
        }
    }

    #[test]
    fn a_default_route_is_found_among_others() {
        for (routes, expected) in [
            (&[][..], false),
            (&[16, 10, 99, 10, 0, 0, 9], false),
            (&[16, 10, 99, 10, 0, 0, 9, 0, 10, 0, 0, 1], true),
            (&[16, 0, 0, 0], false),
            (&[33, 0], false),
        ] {
            assert_eq!(has_default_route(routes), expected, "{routes:?}");
        }
    }

    #[test]
    fn long_values_are_split_and_what_does_not_fit_is_left_out() {
        let mut writer = Writer::new(Vec::new(), 310, 2);
        writer.put(1, &[7; 300]);
        writer.put(2, &[]);
        writer.put(3, &[8]);
        let bytes = writer.finish(Some((82, &[])));
        assert_eq!(bytes.get(..2), Some(&[1, 255][..]));
        assert_eq!(bytes.get(257..259), Some(&[1, 45][..]));
        assert_eq!(bytes.get(304..), Some(&[2, 0, 82, 0, 255][..]));
        assert_eq!(Writer::new(Vec::new(), 576, 0).finish(None).len(), 300);
    }
}
