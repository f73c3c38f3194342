//! Links as ports of bonds, bridges and VRFs, and the VLANs that a bridge's ports carry.

use std::collections::BTreeMap;

use netlink_packet_route::link::{
    AfSpecBridge, BridgeFlag, BridgeVlanInfo, BridgeVlanInfoFlags, LinkAttribute, LinkExtentMask,
    LinkMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::found::{Form, Found};
use super::make::{absent, attribute, set, state};
use super::{at, find, pick, rebond};
use crate::base::name::LinkName;
use crate::state::{Key, Link, LinkKind, PortVlan};
use crate::world::live::error::HostError;
use crate::world::live::netlink::{Netlink, NetlinkError};

/// The VLANs of every port of a bridge, and of the bridges themselves, by index.
pub(super) async fn read(
    netlink: &mut Netlink,
) -> Result<BTreeMap<u32, BTreeMap<u16, PortVlan>>, NetlinkError> {
    let mut message = LinkMessage::default();
    message.header.interface_family = AddressFamily::Bridge;
    message.attributes = vec![LinkAttribute::ExtMask(vec![LinkExtentMask::Brvlan])];
    let listed = netlink.dump(RouteNetlinkMessage::GetLink(message)).await?;
    let members = listed.into_iter().filter_map(|message| {
        let RouteNetlinkMessage::NewLink(message) = message else {
            return None;
        };
        let spec = pick!(&message.attributes, LinkAttribute::AfSpecBridge(spec) => spec)?;
        let vlans = spec.iter().filter_map(|one| {
            if let AfSpecBridge::VlanInfo(info) = one {
                Some((info.vid, port_vlan(info)))
            } else {
                None
            }
        });
        Some((message.header.index, vlans.collect()))
    });
    Ok(members.collect())
}

fn port_vlan(info: &BridgeVlanInfo) -> PortVlan {
    PortVlan {
        pvid: info.flags.contains(BridgeVlanInfoFlags::Pvid),
        untagged: info.flags.contains(BridgeVlanInfoFlags::Untagged),
    }
}

/// Makes the link a port of what `wanted` names, or of nothing. Joining one takes it out of any other.
///
/// # Errors
/// [`HostError`].
pub(super) async fn place(
    netlink: &mut Netlink,
    key: &Key,
    found: &mut Found,
    wanted: Option<&LinkName>,
) -> Result<(), HostError> {
    let before = found.port_of;
    match wanted {
        Some(of) => join(netlink, key, found, of).await?,
        None => leave(netlink, key, found).await?,
    }
    if found.port_of != before {
        // A bond gives a port its own MTU and hardware address, and one that leaves those that it came with (`bond_enslave`,
        // `__bond_release_one`).
        if let Some(now) = at(netlink, "change", key, found.index).await? {
            (found.mtu, found.mac) = (now.mtu, now.mac);
        }
    }
    Ok(())
}

async fn join(
    netlink: &mut Netlink,
    key: &Key,
    found: &mut Found,
    of: &LinkName,
) -> Result<(), HostError> {
    let operation = "attach";
    let target = find(netlink, operation, key, of).await?;
    let target = target.ok_or_else(|| absent(operation, key, of))?;
    if !target.takes_ports() {
        return Err(HostError::TakesNoPorts {
            operation,
            key: key.clone(),
            link: of.clone(),
        });
    }
    if found.port_of == Some(target.index) {
        return Ok(());
    }
    // A bond does not take from another, and one that is left closes what it lets go.
    leave(netlink, key, found).await?;
    if matches!(target.form, Form::Bond { .. }) && found.up {
        // A bond takes in only what is down, and brings it up itself (`bond_enslave`).
        set(netlink, "take down", key, state(found.index, false)).await?;
    }
    let message = attribute(found.index, LinkAttribute::Controller(target.index));
    set(netlink, operation, key, message).await?;
    if matches!(target.form, Form::Bond { .. }) {
        found.up = true;
    }
    found.port_of = Some(target.index);
    Ok(())
}

/// A port of something that is none of our kinds stays where it is.
async fn leave(netlink: &mut Netlink, key: &Key, found: &mut Found) -> Result<(), HostError> {
    let Some(of) = found.port_of else {
        return Ok(());
    };
    let operation = "detach";
    let of = at(netlink, operation, key, of).await?;
    let Some(of) = of.filter(Found::takes_ports) else {
        return Ok(());
    };
    let message = attribute(found.index, LinkAttribute::Controller(0));
    set(netlink, operation, key, message).await?;
    rebond::left(netlink, key, &of).await?;
    found.port_of = None;
    // A bond closes what it lets go (`__bond_release_one`).
    found.up &= !matches!(of.form, Form::Bond { .. });
    Ok(())
}

/// The VLANs that a link shall carry as a port of a bridge, or as that bridge, and may not have yet.
///
/// # Errors
/// [`HostError`].
pub(super) async fn table(
    netlink: &mut Netlink,
    key: &Key,
    found: &Found,
    wanted: &Link,
    joined: bool,
) -> Result<Option<BTreeMap<u16, PortVlan>>, HostError> {
    let bridge = match (&wanted.kind, found.port_of) {
        (LinkKind::Bridge(bridge), _) => Some(bridge.clone()),
        (_, Some(of)) => {
            let of = at(netlink, "change", key, of).await?;
            of.and_then(|of| of.bridge().cloned())
        }
        (_, None) => None,
    };
    let Some(bridge) = bridge else {
        let vlans = &wanted.vlans;
        return Ok(Some(vlans.clone()).filter(|vlans| !vlans.is_empty()));
    };
    // The kernel keeps what a port carried while the bridge does not filter, and goes by it once that does (`br_vlan_filter_toggle`).
    let table = bridge.kept_vlans(&wanted.vlans);
    let is_new = joined && table == bridge.default_vlans();
    Ok(Some(table).filter(|_| !is_new))
}

/// Gives a port, or a bridge itself, the VLANs that it shall carry. The kernel says what it has, so that nothing is set twice; one that
/// knows no VLANs of bridges has none, which is well where nobody sees them.
///
/// # Errors
/// [`HostError`].
pub(super) async fn carry(
    netlink: &mut Netlink,
    key: &Key,
    found: &Found,
    wanted: &BTreeMap<u16, PortVlan>,
    is_unseen: bool,
) -> Result<(), HostError> {
    let listed = read(netlink).await;
    let listed = listed.map_err(HostError::observe("VLANs of bridges"))?;
    let has = listed.get(&found.index).cloned().unwrap_or_default();
    if is_unseen && has.is_empty() {
        return Ok(());
    }
    let itself = found.bridge().is_some();
    for id in has.keys().filter(|id| !wanted.contains_key(id)) {
        let message = membership(found.index, itself, *id, BridgeVlanInfoFlags::empty());
        let request = RouteNetlinkMessage::DelLink(message);
        let removed = netlink.change(request, 0).await;
        removed.map_err(HostError::refused("take a VLAN from", key))?;
    }
    for (id, how) in wanted.iter().filter(|(id, how)| has.get(id) != Some(how)) {
        let mut flags = BridgeVlanInfoFlags::empty();
        flags.set(BridgeVlanInfoFlags::Pvid, how.pvid);
        flags.set(BridgeVlanInfoFlags::Untagged, how.untagged);
        let message = membership(found.index, itself, *id, flags);
        set(netlink, "give a VLAN to", key, message).await?;
    }
    Ok(())
}

fn membership(index: u32, itself: bool, vid: u16, flags: BridgeVlanInfoFlags) -> LinkMessage {
    let mut spec = Vec::new();
    if itself {
        spec.push(AfSpecBridge::Flags(BridgeFlag::LowerDev));
    }
    spec.push(AfSpecBridge::VlanInfo(BridgeVlanInfo { flags, vid }));
    let mut message = attribute(index, LinkAttribute::AfSpecBridge(spec));
    message.header.interface_family = AddressFamily::Bridge;
    message
}
