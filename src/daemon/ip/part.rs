//! The parts of a subnet: its ranges, and what lies between them.

use std::net::IpAddr;

use super::row::AddressUse;
use crate::base::addr::{AddressRange, number, numbered};
use crate::site::inventory::SubnetInventory;

/// A run of addresses of one part, both ends included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) first: IpAddr,
    pub(super) last: IpAddr,
    pub(super) place: Place<'a>,
}

/// What a part is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    Dynamic(AddressRange),
    Reserved(AddressRange, Option<&'a str>),
    /// Outside of all ranges.
    Between,
}

impl<'a> Part<'a> {
    fn of(ends: Option<(IpAddr, IpAddr)>, place: Place<'a>) -> Option<Self> {
        let (first, last) = ends?;
        Some(Self { first, last, place })
    }
}

impl Place<'_> {
    pub(super) fn range(&self) -> Option<AddressRange> {
        match self {
            Self::Dynamic(range) | Self::Reserved(range, _) => Some(*range),
            Self::Between => None,
        }
    }

    pub(super) fn purpose(&self) -> Option<&str> {
        match self {
            Self::Reserved(_, purpose) => *purpose,
            Self::Dynamic(_) | Self::Between => None,
        }
    }

    /// What an address here is that nobody has. Where something else gives addresses, this site has its reserved ranges alone.
    pub(super) fn blank(&self, is_managed: bool) -> AddressUse {
        match (self, is_managed) {
            (Self::Dynamic(_) | Self::Between, true) | (Self::Reserved(..), false) => {
                AddressUse::Free
            }
            (Self::Reserved(..), true) => AddressUse::ReservedRange,
            (Self::Dynamic(_) | Self::Between, false) => AddressUse::Unmanaged,
        }
    }
}

/// The parts of a subnet in the order of their addresses, edges left out.
pub(super) fn parts(subnet: &SubnetInventory) -> Vec<Part<'_>> {
    let dynamic = subnet.dynamic.iter();
    let dynamic = dynamic.map(|range| (*range, Place::Dynamic(*range)));
    let reserved = subnet.reserved.iter().map(|(range, purpose)| {
        let place = Place::Reserved(*range, purpose.as_deref());
        (*range, place)
    });
    let mut ranges: Vec<(AddressRange, Place<'_>)> = dynamic.chain(reserved).collect();
    ranges.sort_by_key(|(range, _)| *range);
    let (first, last) = subnet.subnet.host_ends();
    let is_v4 = first.is_ipv4();
    let (mut parts, mut next) = (Vec::new(), Some(number(first)));
    let part = |from: u128, to: u128| {
        let ends = (numbered(is_v4, from)?, numbered(is_v4, to)?);
        (from <= to).then_some(ends)
    };
    let end = number(last);
    for (range, place) in &ranges {
        let Some(at) = next else {
            break;
        };
        let (from, to) = (number(range.first()).max(at), number(range.last()).min(end));
        if from > to {
            continue;
        }
        if from > at {
            parts.extend(Part::of(part(at, from - 1), Place::Between));
        }
        parts.extend(Part::of(part(from, to), *place));
        next = to.checked_add(1).filter(|next| *next <= end);
    }
    if let Some(at) = next {
        parts.extend(Part::of(part(at, end), Place::Between));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_what_lies_between_make_up_a_subnet() {
        for (subnet, dynamic, reserved, expected) in [
            (
                "10.0.0.0/30",
                &[][..],
                &[][..],
                &["10.0.0.1-10.0.0.2 -"][..],
            ),
            (
                "10.0.0.0/28",
                &["10.0.0.4-10.0.0.5"],
                &["10.0.0.6-10.0.0.7", "10.0.0.14-10.0.0.15"],
                &[
                    "10.0.0.1-10.0.0.3 -",
                    "10.0.0.4-10.0.0.5 10.0.0.4-10.0.0.5",
                    "10.0.0.6-10.0.0.7 10.0.0.6-10.0.0.7",
                    "10.0.0.8-10.0.0.13 -",
                    "10.0.0.14-10.0.0.14 10.0.0.14-10.0.0.15",
                ],
            ),
            (
                "10.0.0.0/31",
                &["10.0.0.0-10.0.0.1"],
                &[],
                &["10.0.0.0-10.0.0.1 10.0.0.0-10.0.0.1"],
            ),
            (
                "255.255.255.254/31",
                &["255.255.255.255-255.255.255.255"],
                &[],
                &[
                    "255.255.255.254-255.255.255.254 -",
                    "255.255.255.255-255.255.255.255 255.255.255.255-255.255.255.255",
                ],
            ),
            ("fd00::/127", &[], &[], &["fd00::-fd00::1 -"]),
        ] {
            let ranges = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
            let dynamic: Vec<AddressRange> = ranges(dynamic);
            let reserved: Vec<AddressRange> = ranges(reserved);
            let subnet = SubnetInventory {
                vlan: "f/v".parse().unwrap(),
                subnet: subnet.parse().unwrap(),
                managed: true,
                isolated: false,
                dynamic,
                reserved: reserved.into_iter().map(|range| (range, None)).collect(),
                holders: Vec::new(),
                free: Vec::new(),
            };
            let told = parts(&subnet).into_iter().map(|part| {
                let range = part.place.range().map(|range| range.to_string());
                let range = range.unwrap_or_else(|| "-".to_owned());
                format!("{}-{} {range}", part.first, part.last)
            });
            assert_eq!(told.collect::<Vec<_>>(), expected);
        }
    }
}
