//! Neighbours: whom the kernel knows of on whichever links, and who answers for an address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};

use super::netlink::{Netlink, NetlinkError};
use super::{pick, probe};
use crate::base::mac::MacAddr;
use crate::base::name::LinkName;

/// Somebody on a link of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    pub address: IpAddr,
    pub mac: MacAddr,
    /// Whether it answered a moment ago; else it did some time before.
    pub is_fresh: bool,
}

/// Whom the kernel knows, in no order. Needs no privileges.
///
/// # Errors
/// [`NetlinkError`] where the kernel does not tell.
pub async fn neighbours() -> Result<Vec<Neighbour>, NetlinkError> {
    let request = RouteNetlinkMessage::GetNeighbour(NeighbourMessage::default());
    let listed = Netlink::connect()?.dump(request).await?.into_iter();
    let found = listed.filter_map(|message| {
        if let RouteNetlinkMessage::NewNeighbour(message) = message {
            read(&message)
        } else {
            None
        }
    });
    Ok(found.collect())
}

/// Who answers for these addresses on their links now. Takes about a second, and less where all are answered for.
pub async fn answering(asked: &BTreeSet<(LinkName, IpAddr)>) -> BTreeMap<IpAddr, MacAddr> {
    probe::conflicts(asked, &BTreeSet::new()).await
}

fn read(message: &NeighbourMessage) -> Option<Neighbour> {
    // In other states nobody answered, or the address has no neighbours.
    const FRESH: [NeighbourState; 3] = [
        NeighbourState::Reachable,
        NeighbourState::Delay,
        NeighbourState::Probe,
    ];
    const KNOWN: [NeighbourState; 2] = [NeighbourState::Permanent, NeighbourState::Stale];
    let state = message.header.state;
    let is_fresh = FRESH.contains(&state);
    if !is_fresh && !KNOWN.contains(&state) {
        return None;
    }
    let attributes = &message.attributes;
    let address = pick!(attributes, NeighbourAttribute::Destination(address) => address)?;
    let address = if let NeighbourAddress::Inet(ip) = address {
        IpAddr::V4(*ip)
    } else if let NeighbourAddress::Inet6(ip) = address {
        IpAddr::V6(*ip)
    } else {
        return None;
    };
    let mac = pick!(attributes, NeighbourAttribute::LinkLayerAddress(mac) => mac)?;
    Some(Neighbour {
        address,
        mac: mac.as_slice().try_into().ok().map(MacAddr)?,
        is_fresh,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_with_an_address_and_a_mac_are_told() {
        let message = |state, mac: &[u8]| {
            let mut message = NeighbourMessage::default();
            message.header.state = state;
            let address = NeighbourAddress::Inet([10, 0, 0, 7].into());
            message.attributes = vec![
                NeighbourAttribute::Destination(address),
                NeighbourAttribute::LinkLayerAddress(mac.to_vec()),
            ];
            message
        };
        let mac = [2, 0, 0, 0, 0, 7];
        for (state, mac, expected) in [
            (NeighbourState::Reachable, &mac[..], Some(true)),
            (NeighbourState::Stale, &mac, Some(false)),
            (NeighbourState::Failed, &mac, None),
            (NeighbourState::Incomplete, &mac, None),
            (NeighbourState::Noarp, &mac, None),
            (NeighbourState::Reachable, &[], None),
        ] {
            let found = read(&message(state, mac));
            assert_eq!(found.map(|one| one.is_fresh), expected, "{state:?} {mac:?}");
        }
    }
}
