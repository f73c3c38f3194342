//! Unicast routes of the main table, marked as ours by their protocol number. Leaves the choice of link to the kernel.

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope,
    RouteType, RouteVia,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;

use crate::base::addr::{InterfaceAddr, Prefix};
use crate::base::name::HostName;
use crate::state::{Key, Resource, Route, Table};

use super::beside;
use super::error::HostError;
use super::host::HostObservation;
use super::link::Links;
use super::netlink::{Netlink, NetlinkError};
use super::{PROTOCOL, pick};

/// What tells a route from others in its table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) destination: Prefix,
    pub(super) metric: u32,
}

/// A route as the kernel describes it.
struct Found {
    place: Place,
    via: IpAddr,
    protocol: RouteProtocol,
}

/// Adds the routes that people, routing daemons or Bedplate set.
///
/// # Errors
/// [`HostError::Observe`].
pub(super) async fn observe(
    netlink: &mut Netlink,
    controller: &HostName,
    links: &Links,
    seen: &mut HostObservation,
) -> Result<(), HostError> {
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let listed = dump(netlink, family).await;
        for message in listed.map_err(HostError::observe("routes"))? {
            let Some(found) = Found::read(&message) else {
                seen.beside.routes.extend(beside::read(&message, links));
                continue;
            };
            let key = Key::Route {
                controller: controller.clone(),
                destination: found.place.destination,
                table: Table::MAIN,
                metric: found.place.metric,
            };
            let marked = found.protocol == RouteProtocol::Other(PROTOCOL);
            seen.add(key, Resource::Route(Route { via: found.via }), marked);
        }
    }
    Ok(())
}

/// Makes the route through the wanted gateway. A route that was there is replaced in one step, so that no packet meets
/// a gap; one that appeared since the plan was made is not overwritten.
///
/// # Errors
/// [`HostError::Refused`].
pub(super) async fn make(
    netlink: &mut Netlink,
    key: &Key,
    place: Place,
    may_create: bool,
    wanted: &Route,
) -> Result<(), HostError> {
    let (operation, flags) = if may_create {
        ("create", NLM_F_CREATE | NLM_F_EXCL)
    } else {
        ("change", NLM_F_CREATE | NLM_F_REPLACE)
    };
    let mut message = message(place, wanted.via);
    message.header.protocol = RouteProtocol::Other(PROTOCOL);
    message.header.scope = RouteScope::Universe;
    let request = RouteNetlinkMessage::NewRoute(message);
    let Err(error) = netlink.change(request, flags).await else {
        return Ok(());
    };
    if error.is(&[Errno::EEXIST]) {
        let listed = list(netlink, family(place.destination)).await;
        let listed = listed.map_err(HostError::observe("routes"))?;
        let same = |found: &Found| found.place == place && found.via == wanted.via;
        if listed.iter().any(same) {
            return Ok(());
        }
    }
    Err(HostError::refused(operation, key)(error))
}

/// Removes the route through the gateway that it had. One through another gateway is another's, and stays; so is one
/// that a DHCP client or router advertisement made, which the kernel would take for the same.
///
/// # Errors
/// [`HostError::Refused`].
pub(super) async fn remove(
    netlink: &mut Netlink,
    key: &Key,
    place: Place,
    was: &Route,
) -> Result<(), HostError> {
    let listed = list(netlink, family(place.destination)).await;
    let listed = listed.map_err(HostError::observe("routes"))?;
    let same = |found: &&Found| found.place == place && found.via == was.via;
    let Some(found) = listed.iter().find(same) else {
        return Ok(());
    };
    let mut message = message(place, was.via);
    message.header.scope = RouteScope::NoWhere;
    message.header.protocol = found.protocol;
    let request = RouteNetlinkMessage::DelRoute(message);
    match netlink.change(request, 0).await {
        Err(error) if !error.is(&[Errno::ESRCH]) => Err(HostError::refused("remove", key)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

impl Found {
    /// The route, if it is one that a site could have asked for.
    fn read(message: &RouteNetlinkMessage) -> Option<Self> {
        let RouteNetlinkMessage::NewRoute(RouteMessage {
            header, attributes, ..
        }) = message
        else {
            return None;
        };
        let table = pick!(attributes, RouteAttribute::Table(table) => *table);
        let in_main = table.unwrap_or(header.table.into()) == Table::MAIN.0;
        let plain = header.kind == RouteType::Unicast
            && header.tos == 0
            && header.source_prefix_length == 0
            && !header.flags.contains(RouteFlags::Cloned);
        let automatic = [
            RouteProtocol::Kernel,
            RouteProtocol::IcmpRedirect,
            RouteProtocol::Ra,
            RouteProtocol::Dhcp,
        ];
        if !in_main || !plain || automatic.contains(&header.protocol) {
            return None;
        }
        let via = pick!(attributes, RouteAttribute::Gateway(RouteAddress::Inet(ip)) => IpAddr::V4(*ip))
            .or(pick!(attributes, RouteAttribute::Gateway(RouteAddress::Inet6(ip)) => IpAddr::V6(*ip)))
            .or(pick!(attributes, RouteAttribute::Via(RouteVia::Inet6(ip)) => IpAddr::V6(*ip)))
            .filter(is_expressible)?;
        let destination = destination(header, attributes)?;
        let metric = pick!(attributes, RouteAttribute::Priority(metric) => *metric);
        Some(Self {
            place: Place {
                destination,
                metric: metric.unwrap_or(0),
            },
            via,
            protocol: header.protocol,
        })
    }
}

/// Where a route leads.
pub(super) fn destination(header: &RouteHeader, attributes: &[RouteAttribute]) -> Option<Prefix> {
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

/// A link-local gateway means nothing without its link, which no site can name.
fn is_expressible(via: &IpAddr) -> bool {
    match via {
        IpAddr::V4(_) => true,
        IpAddr::V6(ip) => !ip.is_unicast_link_local(),
    }
}

async fn list(netlink: &mut Netlink, family: AddressFamily) -> Result<Vec<Found>, NetlinkError> {
    let listed = dump(netlink, family).await?;
    Ok(listed.iter().filter_map(Found::read).collect())
}

async fn dump(
    netlink: &mut Netlink,
    family: AddressFamily,
) -> Result<Vec<RouteNetlinkMessage>, NetlinkError> {
    let mut message = RouteMessage::default();
    message.header.address_family = family;
    netlink.dump(RouteNetlinkMessage::GetRoute(message)).await
}

fn family(destination: Prefix) -> AddressFamily {
    if destination.net().addr().is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    }
}

fn message(place: Place, via: IpAddr) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family(place.destination);
    message.header.destination_prefix_length = place.destination.length();
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.kind = RouteType::Unicast;
    let gateway = match (place.destination.net().addr(), via) {
        // RFC 5549: an IPv4 destination behind an IPv6 neighbour.
        (IpAddr::V4(_), IpAddr::V6(ip)) => RouteAttribute::Via(RouteVia::Inet6(ip)),
        (IpAddr::V4(_) | IpAddr::V6(_), via) => RouteAttribute::Gateway(via.into()),
    };
    message.attributes = vec![
        RouteAttribute::Destination(place.destination.net().addr().into()),
        RouteAttribute::Priority(place.metric),
        gateway,
    ];
    message
}
