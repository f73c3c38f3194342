//! The one table of DHCP options: code, KDL name and type. Language, schema and engine all read it.

mod wire;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::addr::Prefix;
use super::name::DomainName;
pub use wire::encode;

/// How an option's value looks on the wire (RFC 2132 unless the row says otherwise).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionKind {
    Address,
    Addresses,
    /// Two addresses each, such as a destination and its router.
    Pairs,
    /// Prefixes, each with its router (RFC 3442).
    Routes,
    Domains,
    Text,
    Flag,
    U8,
    U16,
    U16s,
    U32,
    I32,
    /// Bytes that nothing here understands, in hexadecimal.
    Bytes,
    /// Options of a vendor within the option (RFC 2132 8.4).
    Encapsulated,
    /// The same of several vendors, by their enterprise numbers (RFC 3925).
    Identified,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct OptionRow {
    pub code: u8,
    pub name: &'static str,
    pub kind: OptionKind,
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptionValue {
    Addresses(Vec<Ipv4Addr>),
    Pairs(Vec<(Ipv4Addr, Ipv4Addr)>),
    /// Of IPv4; a router of 0.0.0.0 is the link itself.
    Routes(Vec<(Prefix, Ipv4Addr)>),
    Domains(Vec<DomainName>),
    Text(String),
    Flag(bool),
    U8(u8),
    U16(u16),
    U16s(Vec<u16>),
    U32(u32),
    I32(i32),
    Bytes(Vec<u8>),
    Encapsulated(BTreeMap<u8, Self>),
    Identified(BTreeMap<u32, BTreeMap<u8, Self>>),
}

const fn row(code: u8, name: &'static str, kind: OptionKind) -> OptionRow {
    OptionRow { code, name, kind }
}

pub const SUBNET_MASK: u8 = 1;
pub const ROUTERS: u8 = 3;
pub const DNS_SERVERS: u8 = 6;
pub const HOST_NAME: u8 = 12;
pub const DOMAIN_NAME: u8 = 15;
pub const INTERFACE_MTU: u8 = 26;
pub const BROADCAST: u8 = 28;
pub const STATIC_ROUTES: u8 = 33;
pub const NTP_SERVERS: u8 = 42;
pub const VENDOR_OPTIONS: u8 = 43;
pub const DOMAIN_SEARCH: u8 = 119;
pub const CLASSLESS_ROUTES: u8 = 121;
pub const IDENTIFIED_OPTIONS: u8 = 125;
pub const TFTP_SERVERS: u8 = 150;

/// What PXELINUX looks for in the answer that its ROM had (RFC 5071).
pub const PXELINUX: [u8; 3] = [209, 210, 211];

/// Options that a scope or a reservation may carry, by code.
pub const OPTIONS: &[OptionRow] = &[
    row(SUBNET_MASK, "subnet-mask", OptionKind::Address),
    row(2, "time-offset", OptionKind::I32),
    row(ROUTERS, "routers", OptionKind::Addresses),
    row(4, "time-servers", OptionKind::Addresses),
    row(5, "name-servers", OptionKind::Addresses),
    row(DNS_SERVERS, "dns-servers", OptionKind::Addresses),
    row(7, "log-servers", OptionKind::Addresses),
    row(8, "cookie-servers", OptionKind::Addresses),
    row(9, "lpr-servers", OptionKind::Addresses),
    row(10, "impress-servers", OptionKind::Addresses),
    row(11, "resource-location-servers", OptionKind::Addresses),
    row(HOST_NAME, "host-name", OptionKind::Text),
    row(13, "boot-file-size", OptionKind::U16),
    row(14, "merit-dump", OptionKind::Text),
    row(DOMAIN_NAME, "domain-name", OptionKind::Text),
    row(16, "swap-server", OptionKind::Address),
    row(17, "root-path", OptionKind::Text),
    row(18, "extensions-path", OptionKind::Text),
    row(19, "ip-forwarding", OptionKind::Flag),
    row(20, "non-local-source-routing", OptionKind::Flag),
    row(21, "policy-filter", OptionKind::Pairs),
    row(22, "max-datagram-reassembly", OptionKind::U16),
    row(23, "default-ip-ttl", OptionKind::U8),
    row(24, "path-mtu-aging-timeout", OptionKind::U32),
    row(25, "path-mtu-plateau-table", OptionKind::U16s),
    row(INTERFACE_MTU, "interface-mtu", OptionKind::U16),
    row(27, "all-subnets-local", OptionKind::Flag),
    row(BROADCAST, "broadcast-address", OptionKind::Address),
    row(29, "perform-mask-discovery", OptionKind::Flag),
    row(30, "mask-supplier", OptionKind::Flag),
    row(31, "router-discovery", OptionKind::Flag),
    row(32, "router-solicitation-address", OptionKind::Address),
    row(STATIC_ROUTES, "static-routes", OptionKind::Pairs),
    row(34, "trailer-encapsulation", OptionKind::Flag),
    row(35, "arp-cache-timeout", OptionKind::U32),
    row(36, "ethernet-encapsulation", OptionKind::Flag),
    row(37, "default-tcp-ttl", OptionKind::U8),
    row(38, "tcp-keepalive-interval", OptionKind::U32),
    row(39, "tcp-keepalive-garbage", OptionKind::Flag),
    row(40, "nis-domain", OptionKind::Text),
    row(41, "nis-servers", OptionKind::Addresses),
    row(NTP_SERVERS, "ntp-servers", OptionKind::Addresses),
    row(VENDOR_OPTIONS, "vendor-options", OptionKind::Encapsulated),
    row(44, "netbios-name-servers", OptionKind::Addresses),
    row(45, "netbios-datagram-servers", OptionKind::Addresses),
    row(46, "netbios-node-type", OptionKind::U8),
    row(47, "netbios-scope", OptionKind::Text),
    row(48, "font-servers", OptionKind::Addresses),
    row(49, "x-display-managers", OptionKind::Addresses),
    row(64, "nisplus-domain", OptionKind::Text),
    row(65, "nisplus-servers", OptionKind::Addresses),
    row(66, "tftp-server-name", OptionKind::Text),
    row(67, "boot-file-name", OptionKind::Text),
    row(68, "mobile-ip-home-agents", OptionKind::Addresses),
    row(69, "smtp-servers", OptionKind::Addresses),
    row(70, "pop3-servers", OptionKind::Addresses),
    row(71, "nntp-servers", OptionKind::Addresses),
    row(72, "www-servers", OptionKind::Addresses),
    row(73, "finger-servers", OptionKind::Addresses),
    row(74, "irc-servers", OptionKind::Addresses),
    row(75, "streettalk-servers", OptionKind::Addresses),
    row(76, "streettalk-directory-servers", OptionKind::Addresses),
    row(100, "posix-timezone", OptionKind::Text), // RFC 4833
    row(101, "tzdb-timezone", OptionKind::Text),  // RFC 4833
    row(108, "ipv6-only-preferred", OptionKind::U32), // RFC 8925
    row(112, "netinfo-servers", OptionKind::Addresses),
    row(113, "netinfo-tag", OptionKind::Text),
    row(114, "captive-portal", OptionKind::Text), // RFC 8910
    row(116, "auto-configure", OptionKind::U8),   // RFC 2563
    row(117, "name-service-search", OptionKind::U16s), // RFC 2937
    row(DOMAIN_SEARCH, "domain-search", OptionKind::Domains), // RFC 3397
    row(
        CLASSLESS_ROUTES,
        "classless-static-routes",
        OptionKind::Routes,
    ), // RFC 3442
    row(124, "vendor-identified-class", OptionKind::Bytes), // RFC 3925
    row(
        IDENTIFIED_OPTIONS,
        "vendor-identified-options",
        OptionKind::Identified,
    ), // RFC 3925
    row(138, "capwap-controllers", OptionKind::Addresses), // RFC 5417
    row(TFTP_SERVERS, "tftp-servers", OptionKind::Addresses), // RFC 5859
    row(209, "pxelinux-config-file", OptionKind::Text), // RFC 5071
    row(210, "pxelinux-path-prefix", OptionKind::Text), // RFC 5071
    row(211, "pxelinux-reboot-time", OptionKind::U32), // RFC 5071
    row(252, "wpad-url", OptionKind::Text),
];

/// The row of a code, where the table has it.
pub fn option_row(code: u8) -> Option<&'static OptionRow> {
    OPTIONS.iter().find(|row| row.code == code)
}

/// The row of a KDL name, where the table has it.
pub fn option_named(name: &str) -> Option<&'static OptionRow> {
    OPTIONS.iter().find(|row| row.name == name)
}

/// The KDL name of an option, where the table has it.
pub fn option_name(code: u8) -> Option<&'static str> {
    option_row(code).map(|row| row.name)
}

/// How an option is named among the attributes of a thing: as the language names it, else by its code.
pub fn option_attribute(code: u8) -> Cow<'static, str> {
    match option_name(code) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("option {code}")),
    }
}

/// Who alone says an option, so that a site does not: what the site says in words of its own, or the protocol itself.
pub fn said_elsewhere(code: u8) -> Option<&'static str> {
    Some(match code {
        SUBNET_MASK | BROADCAST => "the subnet's prefix gives it",
        HOST_NAME => "the machine's own name gives it",
        51 => "`lease-time` gives it",
        66 | 67 => "the image gives it",
        0 | 255 => "it is no option",
        50 | 52..=61 | 77 | 82 | 90 | 93 | 94 | 97 | 118 => "the protocol itself uses it",
        _ => return None,
    })
}

/// The least value of an option that is a number (RFC 2132; 68 is IPv4's own least, RFC 791 3.2).
pub fn least_value(code: u8) -> i64 {
    match code {
        INTERFACE_MTU => 68,
        22 => 576,
        23 | 37 => 1,
        _ => 0,
    }
}

impl OptionKind {
    pub fn describe(self) -> &'static str {
        match self {
            Self::Address => "an IPv4 address",
            Self::Addresses => "IPv4 addresses",
            Self::Pairs => "pairs of IPv4 addresses",
            Self::Routes => "IPv4 prefixes, each with its router",
            Self::Domains => "domain names",
            Self::Text => "a text",
            Self::Flag => "#true or #false",
            Self::U8 => "a number from 0 to 255",
            Self::U16 => "a number from 0 to 65535",
            Self::U16s => "numbers from 0 to 65535",
            Self::U32 => "a number from 0 to 4294967295",
            Self::I32 => "a number from -2147483648 to 2147483647",
            Self::Bytes => "(hex)\"…\"",
            Self::Encapsulated => "suboptions, or (hex)\"…\"",
            Self::Identified => "suboptions of enterprises, or (hex)\"…\"",
        }
    }
}

impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn joined<T: ToString>(values: &[T]) -> String {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            values.join(", ")
        }
        match self {
            Self::Addresses(addresses) => f.write_str(&joined(addresses)),
            Self::Pairs(pairs) => {
                let pairs: Vec<String> = pairs.iter().map(|(a, b)| format!("{a} {b}")).collect();
                f.write_str(&pairs.join(", "))
            }
            Self::Routes(routes) => {
                let routes = routes.iter().map(|(to, via)| format!("{to} via {via}"));
                f.write_str(&routes.collect::<Vec<_>>().join(", "))
            }
            Self::Domains(domains) => f.write_str(&joined(domains)),
            Self::Text(text) => f.write_str(text),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::U8(number) => write!(f, "{number}"),
            Self::U16(number) => write!(f, "{number}"),
            Self::U16s(numbers) => f.write_str(&joined(numbers)),
            Self::U32(number) => write!(f, "{number}"),
            Self::I32(number) => write!(f, "{number}"),
            Self::Encapsulated(suboptions) => f.write_str(&within(suboptions)),
            Self::Identified(enterprises) => {
                let enterprises = enterprises.iter();
                let all = enterprises.map(|(number, all)| format!("{number}: {}", within(all)));
                f.write_str(&all.collect::<Vec<_>>().join("; "))
            }
            Self::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

/// Suboptions as people read them.
fn within(suboptions: &BTreeMap<u8, OptionValue>) -> String {
    let all = suboptions
        .iter()
        .map(|(code, value)| format!("{code} {value}"));
    all.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_unique_and_sorted() {
        assert!(OPTIONS.is_sorted_by(|a, b| a.code < b.code));
        let mut names: Vec<_> = OPTIONS.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), OPTIONS.len());
    }
}
