//! Routes, marked as ours by their protocol number. Which link a router is on is the kernel's to know where nobody says.

mod found;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::route::{
    RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteNextHop, RouteNextHopFlags,
    RouteProtocol, RouteScope, RouteType, RouteVia,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;
use std::net::IpAddr;

use crate::base::addr::Prefix;
use crate::base::name::HostName;
use crate::base::route::RouteKind;
use crate::state::{Hop, Key, Resource, Route, Table};

use super::beside;
use super::error::HostError;
use super::host::HostObservation;
use super::link::{self, Links};
use super::netlink::{Netlink, NetlinkError};
use super::{PROTOCOL, pick};
use found::Found;

pub(super) use found::{destination, gateway};

/// What tells a route from others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) destination: Prefix,
    pub(super) table: Table,
    pub(super) metric: u32,
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
            let Some(found) = Found::read(&message, links) else {
                seen.beside.routes.extend(beside::read(&message, links));
                continue;
            };
            let Place {
                destination,
                table,
                metric,
            } = found.place;
            let key = Key::Route {
                controller: controller.clone(),
                destination,
                table,
                metric,
            };
            let marked = found.protocol == RouteProtocol::Other(PROTOCOL);
            seen.add(key, Resource::Route(found.route), marked);
        }
    }
    Ok(())
}

/// Makes the route as wanted. One that was there is replaced in one step, so that no packet meets a gap; one that appeared since the plan
/// was made is not overwritten.
///
/// # Errors
/// [`HostError`].
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
    let mut message = message(netlink, operation, key, place, wanted).await?;
    message.header.protocol = RouteProtocol::Other(PROTOCOL);
    message.header.scope = scope(place, wanted);
    let request = RouteNetlinkMessage::NewRoute(message);
    let Err(error) = netlink.change(request, flags).await else {
        return Ok(());
    };
    if error.is(&[Errno::EEXIST]) {
        let found = list(netlink, place).await?;
        if found.iter().any(|found| is_as(wanted, &found.route)) {
            return Ok(());
        }
    }
    Err(HostError::refused(operation, key)(error))
}

/// Removes the route as it was. One that leads elsewhere is another's, and stays; so is one that a DHCP client or router advertisement
/// made, which the kernel would take for the same.
///
/// # Errors
/// [`HostError`].
pub(super) async fn remove(
    netlink: &mut Netlink,
    key: &Key,
    place: Place,
    was: &Route,
) -> Result<(), HostError> {
    let operation = "remove";
    let message = match message(netlink, operation, key, place, was).await {
        Ok(message) => message,
        // Without its link there is no route.
        Err(HostError::NoLink { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut ours = message.clone();
    ours.header.protocol = RouteProtocol::Other(PROTOCOL);
    // Most are ours. Looking for them takes as long as the table is.
    if delete(netlink, ours).await.is_ok() {
        return Ok(());
    }
    let found = list(netlink, place).await?;
    let Some(found) = found.iter().find(|found| is_as(was, &found.route)) else {
        return Ok(());
    };
    let mut theirs = message;
    theirs.header.protocol = found.protocol;
    match delete(netlink, theirs).await {
        Err(error) if !error.is(&[Errno::ESRCH]) => Err(HostError::refused(operation, key)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn delete(netlink: &mut Netlink, mut message: RouteMessage) -> Result<(), NetlinkError> {
    message.header.scope = RouteScope::NoWhere;
    let request = RouteNetlinkMessage::DelRoute(message);
    netlink.change(request, 0).await
}

fn is_as(wanted: &Route, found: &Route) -> bool {
    let (wanted, found) = (
        Resource::Route(wanted.clone()),
        Resource::Route(found.clone()),
    );
    wanted.changes_from(&found).is_empty()
}

/// Neighbours are on a link; whoever is behind a router, or nowhere, is not (`rtm_scope`). IPv6 knows no scopes.
fn scope(place: Place, route: &Route) -> RouteScope {
    let is_near =
        route.kind == RouteKind::Unicast && route.hops.iter().all(|hop| hop.via.is_none());
    if is_near && place.destination.net().addr().is_ipv4() {
        RouteScope::Link
    } else {
        RouteScope::Universe
    }
}

/// The routes in one place.
async fn list(netlink: &mut Netlink, place: Place) -> Result<Vec<Found>, HostError> {
    let links = Links::read(netlink).await?;
    let listed = dump(netlink, family(place.destination)).await;
    let listed = listed.map_err(HostError::observe("routes"))?;
    let found = listed
        .iter()
        .filter_map(|message| Found::read(message, &links));
    Ok(found.filter(|found| found.place == place).collect())
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

async fn message(
    netlink: &mut Netlink,
    operation: &'static str,
    key: &Key,
    place: Place,
    route: &Route,
) -> Result<RouteMessage, HostError> {
    let mut message = RouteMessage::default();
    message.header.address_family = family(place.destination);
    message.header.destination_prefix_length = place.destination.length();
    // Greater numbers stand in the attribute alone.
    let table = u8::try_from(place.table.0);
    message.header.table = table.unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
    message.header.kind = match route.kind {
        RouteKind::Unicast => RouteType::Unicast,
        RouteKind::Blackhole => RouteType::BlackHole,
        RouteKind::Unreachable => RouteType::Unreachable,
        RouteKind::Prohibit => RouteType::Prohibit,
    };
    message.attributes = vec![
        RouteAttribute::Destination(place.destination.net().addr().into()),
        RouteAttribute::Priority(place.metric),
        RouteAttribute::Table(place.table.0),
    ];
    let source = route
        .source
        .map(|source| RouteAttribute::PrefSource(source.into()));
    message.attributes.extend(source);
    let mut hops = Vec::new();
    for hop in &route.hops {
        hops.push(next_hop(netlink, operation, key, place, hop).await?);
    }
    match hops.as_slice() {
        [] => {}
        [hop] => {
            message.attributes.extend(hop.attributes.iter().cloned());
            if hop.interface_index != 0 {
                let index = hop.interface_index;
                message.attributes.push(RouteAttribute::Oif(index));
            }
            if hop.flags.contains(RouteNextHopFlags::Onlink) {
                message.header.flags = RouteFlags::Onlink;
            }
        }
        [_, ..] => message.attributes.push(RouteAttribute::MultiPath(hops)),
    }
    Ok(message)
}

async fn next_hop(
    netlink: &mut Netlink,
    operation: &'static str,
    key: &Key,
    place: Place,
    hop: &Hop,
) -> Result<RouteNextHop, HostError> {
    let mut next = RouteNextHop::default();
    if let Some(link) = &hop.link {
        let index = link::index(netlink, operation, key, link).await?;
        next.interface_index = index.ok_or_else(|| HostError::NoLink {
            operation,
            key: key.clone(),
            link: link.clone(),
        })?;
    }
    // The kernel counts from 0, and a site from 1 to 256.
    next.hops = u8::try_from(hop.weight.saturating_sub(1)).unwrap_or(u8::MAX);
    next.flags.set(RouteNextHopFlags::Onlink, hop.onlink);
    let gateway = hop
        .via
        .map(|via| match (place.destination.net().addr(), via) {
            // RFC 5549: an IPv4 destination behind an IPv6 neighbour.
            (IpAddr::V4(_), IpAddr::V6(ip)) => RouteAttribute::Via(RouteVia::Inet6(ip)),
            (IpAddr::V4(_) | IpAddr::V6(_), via) => RouteAttribute::Gateway(via.into()),
        });
    next.attributes.extend(gateway);
    Ok(next)
}
