//! Values of options as they go on the wire.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::OptionValue;
use crate::base::addr::Prefix;
use crate::base::name::DomainName;

/// The value of an option on the wire.
pub fn encode(value: &OptionValue) -> Vec<u8> {
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
        OptionValue::Encapsulated(suboptions) => encapsulated(suboptions),
        OptionValue::Identified(enterprises) => enterprises
            .iter()
            .flat_map(|(number, suboptions)| {
                let number = number.to_be_bytes().to_vec();
                [number, measured(&encapsulated(suboptions))].concat()
            })
            .collect(),
    }
}

/// A route: the length of its prefix, of this the octets that say something, and the router (RFC 3442).
fn route((to, via): &(Prefix, std::net::Ipv4Addr)) -> Vec<u8> {
    let network = match to.net().network() {
        IpAddr::V4(network) => network.octets(),
        // The language takes none of IPv6.
        IpAddr::V6(_) => return Vec::new(),
    };
    let told = usize::from(to.length().div_ceil(8));
    let significant = network.get(..told).unwrap_or(&network);
    [&[to.length()], significant, &via.octets()].concat()
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

/// Suboptions one after the other, without a mark at their end, which they need not have (RFC 2132 8.4).
fn encapsulated(suboptions: &BTreeMap<u8, OptionValue>) -> Vec<u8> {
    let suboptions = suboptions.iter();
    let encoded = suboptions.flat_map(|(code, value)| [vec![*code], measured(&encode(value))]);
    encoded.flatten().collect()
}

/// Bytes behind their number; the language takes none that are too many for it.
fn measured(bytes: &[u8]) -> Vec<u8> {
    let (length, bytes) = match u8::try_from(bytes.len()) {
        Ok(length) => (length, bytes),
        Err(_) => (0, &[][..]),
    };
    [&[length], bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within() -> BTreeMap<u8, OptionValue> {
        let text = OptionValue::Text("ab".to_owned());
        [(6, OptionValue::U8(8)), (1, text)].into()
    }

    fn suboptions() -> OptionValue {
        OptionValue::Encapsulated(within())
    }

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
            (suboptions(), &[1, 2, b'a', b'b', 6, 1, 8]),
            (
                OptionValue::Identified(
                    [
                        (42_623, within()),
                        (9, [(1, OptionValue::Flag(true))].into()),
                    ]
                    .into(),
                ),
                &[
                    0, 0, 0, 9, 3, 1, 1, 1, 0, 0, 0xa6, 0x7f, 7, 1, 2, b'a', b'b', 6, 1, 8,
                ],
            ),
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
}
