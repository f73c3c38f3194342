//! Options as they go on the wire: values encoded, long ones split, all within the size that the client takes.

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

    /// Adds an option, in parts where it is longer than 255 bytes (RFC 3396); leaves it out whole where it does not fit.
    pub(super) fn put(&mut self, code: u8, value: &[u8]) {
        if self.bytes.len() + wire_length(value) <= self.most {
            self.append(code, value);
        }
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
        ] {
            assert_eq!(encode(&value), wire, "{value}");
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
