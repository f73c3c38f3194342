//! Routes that no site can say and packets take all the same: those of leases and router advertisements, over a link without a gateway,
//! along several ways at once. Only read.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::route::{RouteAttribute, RouteNextHop, RouteProtocol, RouteType};

use super::link::Links;
use super::pick;
use super::route::{destination, gateway};
use crate::state::{BesideRoute, Table};

/// The ways of a unicast route of the main table. What the kernel makes of an address follows from the address.
pub(super) fn read(message: &RouteNetlinkMessage, links: &Links) -> Vec<BesideRoute> {
    let RouteNetlinkMessage::NewRoute(message) = message else {
        return Vec::new();
    };
    let (header, attributes) = (&message.header, &message.attributes);
    let table = pick!(attributes, RouteAttribute::Table(table) => *table);
    let in_main = table.unwrap_or(header.table.into()) == Table::MAIN.0;
    let is_plain = header.kind == RouteType::Unicast && header.protocol != RouteProtocol::Kernel;
    let Some(destination) = destination(header, attributes).filter(|_| in_main && is_plain) else {
        return Vec::new();
    };
    let metric = pick!(attributes, RouteAttribute::Priority(metric) => *metric).unwrap_or(0);
    let way = |attributes: &[RouteAttribute], link: Option<u32>| BesideRoute {
        destination,
        metric,
        via: gateway(attributes),
        link: link.and_then(|index| links.name(index)),
    };
    let several = pick!(attributes, RouteAttribute::MultiPath(ways) => ways.as_slice());
    match several {
        Some(ways) => {
            let way = |hop: &RouteNextHop| way(&hop.attributes, Some(hop.interface_index));
            ways.iter().map(way).collect()
        }
        None => {
            let link = pick!(attributes, RouteAttribute::Oif(index) => *index);
            vec![way(attributes, link)]
        }
    }
}
