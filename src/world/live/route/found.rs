//! Routes as the kernel describes them. What a site cannot say is none of these: it could not be put back.

use std::net::IpAddr;

use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteNextHopFlags,
    RouteProtocol, RouteType, RouteVia,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{Place, pick};
use crate::base::addr::{InterfaceAddr, Prefix};
use crate::base::route::{LOCAL_TABLE, RouteKind};
use crate::state::{Hop, Route, Table};
use crate::world::live::link::Links;

/// A route that somebody set to stay.
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) route: Route,
    pub(super) protocol: RouteProtocol,
}

impl Found {
    pub(super) fn read(message: &RouteNetlinkMessage, links: &Links) -> Option<Self> {
        let RouteNetlinkMessage::NewRoute(RouteMessage {
            header, attributes, ..
        }) = message
        else {
            return None;
        };
        let table = pick!(attributes, RouteAttribute::Table(table) => *table);
        let table = table.unwrap_or(header.table.into());
        let is_plain = header.tos == 0
            && header.source_prefix_length == 0
            && !header.flags.contains(RouteFlags::Cloned);
        let automatic = [
            RouteProtocol::Kernel,
            RouteProtocol::IcmpRedirect,
            RouteProtocol::Ra,
            RouteProtocol::Dhcp,
        ];
        if table == LOCAL_TABLE || !is_plain || automatic.contains(&header.protocol) {
            return None;
        }
        let kind = match header.kind {
            RouteType::Unicast => RouteKind::Unicast,
            RouteType::BlackHole => RouteKind::Blackhole,
            RouteType::Unreachable => RouteKind::Unreachable,
            RouteType::Prohibit => RouteKind::Prohibit,
            RouteType::Unspec
            | RouteType::Local
            | RouteType::Broadcast
            | RouteType::Anycast
            | RouteType::Multicast
            | RouteType::Throw
            | RouteType::Nat
            | RouteType::ExternalResolve
            | RouteType::Other(_)
            | _ => return None,
        };
        // IPv6 has its dead ends on the loopback.
        let hops = if kind == RouteKind::Unicast {
            hops(header, attributes, links)?
        } else {
            Vec::new()
        };
        let source = pick!(attributes, RouteAttribute::PrefSource(RouteAddress::Inet(ip)) => IpAddr::V4(*ip))
            .or(pick!(attributes, RouteAttribute::PrefSource(RouteAddress::Inet6(ip)) => IpAddr::V6(*ip)));
        let metric = pick!(attributes, RouteAttribute::Priority(metric) => *metric);
        Some(Self {
            place: Place {
                destination: destination(header, attributes)?,
                table: Table(table),
                metric: metric.unwrap_or(0),
            },
            route: Route {
                kind,
                source,
                ..Route::by(hops)
            },
            protocol: header.protocol,
        })
    }
}

/// The ways on; none where one of them has no name here.
fn hops(header: &RouteHeader, attributes: &[RouteAttribute], links: &Links) -> Option<Vec<Hop>> {
    let Some(several) = pick!(attributes, RouteAttribute::MultiPath(several) => several) else {
        let index = pick!(attributes, RouteAttribute::Oif(index) => *index)?;
        return Some(vec![Hop {
            via: gateway(attributes),
            link: Some(links.name(index)?),
            weight: 1,
            onlink: header.flags.contains(RouteFlags::Onlink),
        }]);
    };
    let hops = several.iter().map(|hop| {
        Some(Hop {
            via: gateway(&hop.attributes),
            link: Some(links.name(hop.interface_index)?),
            weight: u16::from(hop.hops) + 1,
            onlink: hop.flags.contains(RouteNextHopFlags::Onlink),
        })
    });
    hops.collect()
}

pub(in crate::world::live) fn gateway(attributes: &[RouteAttribute]) -> Option<IpAddr> {
    pick!(attributes, RouteAttribute::Gateway(RouteAddress::Inet(ip)) => IpAddr::V4(*ip))
        .or(pick!(attributes, RouteAttribute::Gateway(RouteAddress::Inet6(ip)) => IpAddr::V6(*ip)))
        .or(pick!(attributes, RouteAttribute::Via(RouteVia::Inet6(ip)) => IpAddr::V6(*ip)))
}

/// Where a route leads.
pub(in crate::world::live) fn destination(
    header: &RouteHeader,
    attributes: &[RouteAttribute],
) -> Option<Prefix> {
    let destination = pick!(attributes, RouteAttribute::Destination(RouteAddress::Inet(ip)) => IpAddr::V4(*ip))
        .or(pick!(attributes, RouteAttribute::Destination(RouteAddress::Inet6(ip)) => IpAddr::V6(*ip)));
    match destination {
        Some(ip) => InterfaceAddr::new(ip, header.destination_prefix_length)
            .ok()
            .map(Prefix::holding),
        None if header.address_family == AddressFamily::Inet => Some(Prefix::EVERY_V4),
        None => Some(Prefix::EVERY_V6),
    }
}
