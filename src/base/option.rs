//! The one table of DHCP options: code, KDL name and type. Language, schema and engine all read it.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::name::DomainName;

/// How an option's value looks on the wire (RFC 2132 unless the row says otherwise).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionKind {
    Addresses,
    Domains,
    Text,
    U16,
    U32,
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
    Domains(Vec<DomainName>),
    Text(String),
    U16(u16),
    U32(u32),
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
pub const NTP_SERVERS: u8 = 42;
pub const DOMAIN_SEARCH: u8 = 119;

/// Options that a scope or a reservation may carry, by code.
pub const OPTIONS: [OptionRow; 9] = [
    row(SUBNET_MASK, "subnet-mask", OptionKind::Addresses),
    row(ROUTERS, "routers", OptionKind::Addresses),
    row(DNS_SERVERS, "dns-servers", OptionKind::Addresses),
    row(HOST_NAME, "host-name", OptionKind::Text),
    row(DOMAIN_NAME, "domain-name", OptionKind::Text),
    row(INTERFACE_MTU, "interface-mtu", OptionKind::U16),
    row(BROADCAST, "broadcast-address", OptionKind::Addresses),
    row(NTP_SERVERS, "ntp-servers", OptionKind::Addresses),
    row(DOMAIN_SEARCH, "domain-search", OptionKind::Domains), // RFC 3397
];

/// The KDL name of an option, where the table has it.
pub fn option_name(code: u8) -> Option<&'static str> {
    OPTIONS
        .iter()
        .find(|row| row.code == code)
        .map(|row| row.name)
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
