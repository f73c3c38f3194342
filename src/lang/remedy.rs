//! What a value that its place cannot take was likely meant to be, in the form that it can take.

use std::net::{IpAddr, Ipv4Addr};

use super::schema::Kind;
use crate::base::addr::{AddressRange, InterfaceAddr, Prefix};
use crate::base::mac::MacAddr;

/// A line of help for `written`, which is no value of `kind`.
pub(super) fn remedy(written: &str, kind: Kind) -> Option<String> {
    let meant = match kind {
        Kind::Mac => mac(written)?.to_string(),
        Kind::Prefix => return prefix(written),
        Kind::Range => return range(written),
        Kind::Ip | Kind::Ipv4 | Kind::Ipv6 | Kind::Address | Kind::DnsServer => {
            return address(written, kind);
        }
        Kind::HostName => {
            let (label, _) = written
                .split_once('.')
                .filter(|(label, _)| is_label(label))?;
            return Some(format!(
                "a host's name is one word, to which the site's domain is added: \"{label}\""
            ));
        }
        Kind::Text
        | Kind::Name
        | Kind::LinkName
        | Kind::DomainName
        | Kind::Reference
        | Kind::VlanReference
        | Kind::Path
        | Kind::TimeServer
        | Kind::Duration
        | Kind::Percent
        | Kind::Milliseconds
        | Kind::Arch
        | Kind::Integer { .. }
        | Kind::Flag
        | Kind::Words(_)
        | Kind::Secret
        | Kind::RecordLabel
        | Kind::KeyPattern
        | Kind::OptionName
        | Kind::OptionValue
        | Kind::RoutingTable
        | Kind::Label
        | Kind::Octets
        | Kind::Uuid
        | Kind::Url => return None,
    };
    Some(format!("write \"{meant}\""))
}

fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Twelve hexadecimal digits in any of the forms that switches and spreadsheets have.
fn mac(written: &str) -> Option<MacAddr> {
    let is_separator = |c: char| matches!(c, ':' | '-' | '.' | '_' | ' ');
    let parts: Vec<&str> = written.trim().split(is_separator).collect();
    let digits: String = match parts.len() {
        // `0:1:2:a:b:c`, as some tools leave leading zeros out.
        6 if parts.iter().all(|part| matches!(part.len(), 1 | 2)) => {
            parts.iter().map(|part| format!("{part:0>2}")).collect()
        }
        _ => parts.concat(),
    };
    let digits = digits.strip_prefix("0x").unwrap_or(&digits);
    if digits.len() != 12 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = u64::from_str_radix(digits, 16).ok()?;
    let [_, _, bytes @ ..] = number.to_be_bytes();
    Some(MacAddr(bytes))
}

/// An address without leading zeros, spaces and the zone that one host knows it by.
fn plain(written: &str) -> Option<IpAddr> {
    let text = written.trim();
    let text = text.split_once('%').map_or(text, |(address, _)| address);
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let octets: Vec<u8> = text
        .split('.')
        .map(|part| part.parse().ok().filter(|_| !part.starts_with('+')))
        .collect::<Option<_>>()?;
    let octets: [u8; 4] = octets.try_into().ok()?;
    Some(IpAddr::V4(Ipv4Addr::from(octets)))
}

fn address(written: &str, kind: Kind) -> Option<String> {
    let (text, length) = match written.split_once('/') {
        Some((text, length)) => (text, Some(length)),
        None => (written, None),
    };
    let address = plain(text)?;
    let other = if address.is_ipv4() {
        Kind::Ipv6
    } else {
        Kind::Ipv4
    };
    if kind == other {
        return None;
    }
    if kind == Kind::Address && length.is_some() {
        let most = if address.is_ipv4() { 32 } else { 128 };
        return Some(format!(
            "write \"{address}\", or its length of 0 to {most} bits behind it"
        ));
    }
    if text.contains('%') {
        return Some(format!(
            "write \"{address}\": a zone is of one host, and the link gives it"
        ));
    }
    Some(format!("write \"{address}\""))
}

fn prefix(written: &str) -> Option<String> {
    let Some((text, length)) = written.split_once('/') else {
        if written == "default" {
            return Some("write \"0.0.0.0/0\" for IPv4, \"::/0\" for IPv6".to_owned());
        }
        let address = plain(written)?;
        let (usual, whole) = if address.is_ipv4() {
            (24, 32)
        } else {
            (64, 128)
        };
        // With host bits set the usual length would be the next fault.
        let starts =
            InterfaceAddr::new(address, usual).is_ok_and(|it| it.prefix().net().addr() == address);
        let length = if starts { usual } else { whole };
        return Some(format!("add its length, as in \"{address}/{length}\""));
    };
    let address = plain(text)?;
    let length = length.trim();
    let length = match length.parse::<Ipv4Addr>() {
        Ok(mask) => mask_length(mask)?,
        Err(_) => length.parse().ok()?,
    };
    let Ok(whole) = InterfaceAddr::new(address, length) else {
        let most = if address.is_ipv4() { 32 } else { 128 };
        return Some(format!("a prefix of this family has at most {most} bits"));
    };
    Some(format!("write \"{}\"", Prefix::holding(whole)))
}

/// The length of a netmask; none where its bits are not side by side.
fn mask_length(mask: Ipv4Addr) -> Option<u8> {
    let ones = mask.to_bits().leading_ones();
    (mask.to_bits().count_ones() == ones).then(|| u8::try_from(ones).ok())?
}

fn range(written: &str) -> Option<String> {
    let write = |range: AddressRange| format!("write \"{range}\"");
    if let Some(address) = plain(written) {
        return AddressRange::new(address, address).ok().map(write);
    }
    if written.contains('/') {
        return prefix(written);
    }
    let separators = ["-", "..", "–", "—", " to ", ","];
    let (first, last) = separators
        .iter()
        .find_map(|mark| written.split_once(mark))?;
    let first = plain(first)?;
    let last = last.trim_start_matches('.').trim();
    let last = plain(last).or_else(|| {
        // `10.0.0.10-20`, where only the last octet is told again.
        let [a, b, c, _] = match first {
            IpAddr::V4(first) => first.octets(),
            IpAddr::V6(_) => return None,
        };
        Some(IpAddr::from([a, b, c, last.parse().ok()?]))
    })?;
    let ordered = (first.min(last), first.max(last));
    AddressRange::new(ordered.0, ordered.1).ok().map(write)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: &str = "write \"52:54:00:00:00:0a\"";

    const CASES: &[(Kind, &str, Option<&str>)] = &[
        (Kind::Mac, "5254.0000.000A", Some(MAC)),
        (Kind::Mac, "52540000000a", Some(MAC)),
        (Kind::Mac, "0x52540000000a", Some(MAC)),
        (Kind::Mac, "52:54:0:0:0:a", Some(MAC)),
        (Kind::Mac, "52 54 00 00 00 0a", Some(MAC)),
        (Kind::Mac, "52:54:00:00:00:gg", None),
        (Kind::Mac, "eth0", None),
        (Kind::Prefix, "10.0.0.7/24", Some("write \"10.0.0.0/24\"")),
        (
            Kind::Prefix,
            "10.0.0.0/255.255.0.0",
            Some("write \"10.0.0.0/16\""),
        ),
        (Kind::Prefix, "10.0.0.0/255.0.255.0", None),
        (
            Kind::Prefix,
            "010.04.0.0 /24",
            Some("write \"10.4.0.0/24\""),
        ),
        (
            Kind::Prefix,
            "10.0.0.0/33",
            Some("a prefix of this family has at most 32 bits"),
        ),
        (
            Kind::Prefix,
            "10.0.0.0",
            Some("add its length, as in \"10.0.0.0/24\""),
        ),
        (
            Kind::Prefix,
            "fd00::",
            Some("add its length, as in \"fd00::/64\""),
        ),
        (
            Kind::Prefix,
            "10.0.0.2",
            Some("add its length, as in \"10.0.0.2/32\""),
        ),
        (
            Kind::Prefix,
            "fd00::2",
            Some("add its length, as in \"fd00::2/128\""),
        ),
        (
            Kind::Prefix,
            "default",
            Some("write \"0.0.0.0/0\" for IPv4, \"::/0\" for IPv6"),
        ),
        (Kind::Ip, "10.0.0.1/24", Some("write \"10.0.0.1\"")),
        (Kind::Ip, " 10.0.0.01", Some("write \"10.0.0.1\"")),
        (Kind::Ip, "10.0.0.256", None),
        (Kind::Ipv4, "fd00::1%eth0", None),
        (
            Kind::Range,
            "10.0.0.10-20",
            Some("write \"10.0.0.10-10.0.0.20\""),
        ),
        (
            Kind::Range,
            "10.0.0.20-10.0.0.10",
            Some("write \"10.0.0.10-10.0.0.20\""),
        ),
        (
            Kind::Range,
            "10.0.0.1..10.0.0.9",
            Some("write \"10.0.0.1-10.0.0.9\""),
        ),
        (
            Kind::Range,
            "10.0.0.1–10.0.0.9",
            Some("write \"10.0.0.1-10.0.0.9\""),
        ),
        (Kind::Range, "10.0.0.1", Some("write \"10.0.0.1-10.0.0.1\"")),
        (Kind::Range, "10.0.0.1-fd00::1", None),
        (Kind::Range, "10.0.0.1/24", Some("write \"10.0.0.0/24\"")),
    ];

    #[test]
    fn what_was_meant_is_told_in_the_form_that_counts() {
        for (kind, written, expected) in CASES {
            assert_eq!(remedy(written, *kind).as_deref(), *expected, "{written}");
        }
        let zone = remedy("fe80::1%eno1", Kind::Ip).unwrap();
        assert!(zone.starts_with("write \"fe80::1\""), "{zone}");
        let host = remedy("node.01", Kind::HostName).unwrap();
        assert!(host.ends_with("\"node\""), "{host}");
    }
}
