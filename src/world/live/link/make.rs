//! Making, changing and removing links, one attribute at a time, so that an error leaves as little half-done as the kernel allows.

use std::collections::BTreeMap;

use netlink_packet_core::{DefaultNla, NLM_F_CREATE, NLM_F_EXCL, Nla as _};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    BridgeStpState, InfoBond, InfoBridge, InfoData, InfoKind, InfoVlan, InfoVrf, LinkAttribute,
    LinkFlags, LinkInfo, LinkMessage, VlanProtocol as Protocol,
};
use nix::errno::Errno;

use super::found::{Form, Found, mark};
use super::{bond, find, index, port, rebond};
use crate::base::bond::{BondParameter, BondValue};
use crate::base::limit::MTU_DEFAULT;
use crate::base::name::LinkName;
use crate::base::vlan::VlanProtocol;
use crate::state::{Bridge, Key, Link, LinkKind};
use crate::world::live::error::HostError;
use crate::world::live::netlink::Netlink;
use crate::world::live::setting;

/// Makes the link `name` as `wanted`. One that cannot be made whole is taken away again.
///
/// # Errors
/// [`HostError`].
pub(in crate::world::live) async fn make(
    netlink: &mut Netlink,
    key: &Key,
    name: &LinkName,
    may_create: bool,
    wanted: &Link,
) -> Result<(), HostError> {
    if may_create && wanted.kind.is_made() {
        return create(netlink, key, name, wanted).await;
    }
    let operation = if may_create { "create" } else { "change" };
    let found = find(netlink, operation, key, name).await?;
    let found = found.ok_or_else(|| absent(operation, key, name))?;
    change(netlink, key, name, found, wanted).await
}

/// Down first where it shall be down, up last where it shall be up, so that no frame passes with half of the attributes.
async fn change(
    netlink: &mut Netlink,
    key: &Key,
    name: &LinkName,
    mut found: Found,
    wanted: &Link,
) -> Result<(), HostError> {
    if !wanted.up && found.up {
        let operation = "take down";
        set(netlink, operation, key, state(found.index, false)).await?;
        found.up = false;
    }
    own(netlink, key, name, &mut found, wanted).await?;
    let was_of = found.port_of;
    let placed = port::place(netlink, key, &mut found, wanted.port_of.as_ref()).await;
    // Its size is set all the same: on the way back, what it was a port of may be gone.
    if let Some(mtu) = wanted.mtu.filter(|mtu| Some(*mtu) != found.mtu) {
        let message = attribute(found.index, LinkAttribute::Mtu(mtu));
        set(netlink, "set the MTU of", key, message).await?;
    }
    placed?;
    // A bridge follows its ports until it is told, be it what it has (`br_stp_recalculate_bridge_id`).
    let follows = matches!(found.form, Form::Bridge(_));
    if let Some(mac) = wanted.mac.filter(|mac| follows || Some(*mac) != found.mac) {
        let message = attribute(found.index, LinkAttribute::Address(mac.0.to_vec()));
        set(netlink, "set the hardware address of", key, message).await?;
    }
    let joined = found.port_of != was_of && found.bridge().is_none();
    if let Some(table) = port::table(netlink, key, &found, wanted, joined).await? {
        port::carry(netlink, key, &found, &table, wanted.vlans.is_empty()).await?;
    }
    setting::write(key, name, &found.settings, &wanted.settings)?;
    if wanted.up && !found.up {
        set(netlink, "bring up", key, state(found.index, true)).await?;
    }
    Ok(())
}

/// Changes what the link's kind has of its own.
async fn own(
    netlink: &mut Netlink,
    key: &Key,
    name: &LinkName,
    found: &mut Found,
    wanted: &Link,
) -> Result<(), HostError> {
    match (&found.form, &wanted.kind) {
        (Form::Physical, LinkKind::Physical)
        | (Form::Loopback, LinkKind::Loopback)
        | (Form::Dummy, LinkKind::Dummy) => Ok(()),
        (Form::Bridge(from), LinkKind::Bridge(to)) => {
            for part in bridge_changes(from, to) {
                let info = InfoData::Bridge(part);
                change_kind(netlink, key, found.index, InfoKind::Bridge, info).await?;
            }
            Ok(())
        }
        (Form::Bond { .. }, LinkKind::Bond(to)) => {
            rebond::change(netlink, key, name, found, to).await
        }
        (Form::Tagged { on, id, protocol }, LinkKind::Tagged(to))
            if *id == to.id && *protocol == to.protocol =>
        {
            let below = index(netlink, "change", key, &to.on).await?;
            if below == Some(*on) {
                return Ok(());
            }
            Err(HostError::NotOurs { key: key.clone() })
        }
        (Form::Vrf(from), LinkKind::Vrf(to)) if from == to => Ok(()),
        _ => Err(HostError::NotOurs { key: key.clone() }),
    }
}

/// The messages that make one bridge of the other, in the order in which the kernel takes them: a delay of the spanning tree protocol is
/// checked while that runs, and a default VLAN changes only while nothing filters (`br_set_forward_delay`, `br_vlan_set_default_pvid`).
fn bridge_changes(from: &Bridge, to: &Bridge) -> Vec<Vec<InfoBridge>> {
    let stp = |on| {
        InfoBridge::StpState(if on {
            BridgeStpState::KernelStp
        } else {
            BridgeStpState::Disabled
        })
    };
    let mut parts = Vec::new();
    if from.stp && !to.stp {
        parts.push(vec![stp(false)]);
    }
    if from.forward_delay != to.forward_delay {
        parts.push(vec![InfoBridge::ForwardDelay(to.forward_delay)]);
    }
    if !from.stp && to.stp {
        parts.push(vec![stp(true)]);
    }
    let mut filters = from.vlan_filtering;
    if from.default_pvid != to.default_pvid {
        if filters {
            parts.push(vec![InfoBridge::VlanFiltering(false)]);
            filters = false;
        }
        parts.push(vec![InfoBridge::VlanDefaultPvid(to.default_pvid)]);
    }
    if filters != to.vlan_filtering {
        parts.push(vec![InfoBridge::VlanFiltering(to.vlan_filtering)]);
    }
    parts
}

/// A new link, marked as ours. One of ours that is there already is changed: the kernel says so when it is asked for another, and need
/// not be asked before.
async fn create(
    netlink: &mut Netlink,
    key: &Key,
    name: &LinkName,
    wanted: &Link,
) -> Result<(), HostError> {
    let operation = "create";
    let mut attributes = vec![LinkAttribute::IfName(name.to_string())];
    attributes.extend(kind_attributes(netlink, key, &wanted.kind).await?);
    attributes.extend(wanted.mac.map(|mac| LinkAttribute::Address(mac.0.to_vec())));
    // A bridge's MTU follows the smallest of its ports until someone has changed it (`br_mtu_auto_adjust`), and setting the MTU that it
    // has is no change. So it begins one byte off and is then set.
    let mtu = wanted.mtu.unwrap_or(MTU_DEFAULT);
    let is_bridge = matches!(wanted.kind, LinkKind::Bridge(_));
    let first_mtu = if is_bridge {
        mtu.saturating_sub(1)
    } else {
        mtu
    };
    attributes.push(LinkAttribute::Mtu(first_mtu));
    let is_whole = !is_bridge
        && wanted.port_of.is_none()
        && wanted.vlans.is_empty()
        && wanted.settings.is_empty();
    let mut message = LinkMessage::default();
    if is_whole && wanted.up {
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
    }
    message.attributes = attributes;
    let request = RouteNetlinkMessage::NewLink(message);
    let told = match netlink.made(request, NLM_F_CREATE | NLM_F_EXCL).await {
        Ok(told) => told,
        Err(error) => {
            if !error.is(&[Errno::EEXIST]) {
                return Err(HostError::refused(operation, key)(error));
            }
            // A tag that another link has, or an alternative name, is taken as well.
            return match find(netlink, operation, key, name).await? {
                Some(found) if found.marked => change(netlink, key, name, found, wanted).await,
                Some(_) | None => Err(HostError::Taken { key: key.clone() }),
            };
        }
    };
    let told = told.as_ref().and_then(Found::read);
    if let Some(told) = &told {
        netlink.indexes.learn(name, told.index);
    }
    let finished = finish(netlink, key, name, told, wanted, is_whole).await;
    if finished.is_err() {
        // The first error is the one to report, and a link left behind is seen when the host is next observed.
        let _ = remove(netlink, key, name).await;
    }
    finished
}

/// Marks a link that was just made, and gives it what it could not be made with. `told` is what the kernel said that it made.
async fn finish(
    netlink: &mut Netlink,
    key: &Key,
    name: &LinkName,
    told: Option<Found>,
    wanted: &Link,
    is_whole: bool,
) -> Result<(), HostError> {
    let operation = "create";
    marked(netlink, key, name, told.as_ref()).await?;
    if is_whole {
        return Ok(());
    }
    let found = match told {
        Some(found) => Some(found),
        None => find(netlink, operation, key, name).await?,
    };
    let found = found.ok_or_else(|| absent(operation, key, name))?;
    change(netlink, key, name, found, wanted).await
}

/// What a new link's kind asks for.
async fn kind_attributes(
    netlink: &mut Netlink,
    key: &Key,
    kind: &LinkKind,
) -> Result<Vec<LinkAttribute>, HostError> {
    let operation = "create";
    let (kind, data, on) = match kind {
        LinkKind::Physical | LinkKind::Loopback => {
            return Err(HostError::NotOurs { key: key.clone() });
        }
        LinkKind::Dummy => (InfoKind::Dummy, None, None),
        LinkKind::Vrf(vrf) => {
            let data = vec![InfoVrf::TableId(vrf.table.0)];
            (InfoKind::Vrf, Some(InfoData::Vrf(data)), None)
        }
        LinkKind::Tagged(tagged) => {
            let below = index(netlink, operation, key, &tagged.on).await?;
            let below = below.ok_or_else(|| absent(operation, key, &tagged.on))?;
            let protocol = match tagged.protocol {
                VlanProtocol::Dot1q => Protocol::Ieee8021Q,
                VlanProtocol::Dot1ad => Protocol::Ieee8021Ad,
            };
            let data = vec![InfoVlan::Id(tagged.id), InfoVlan::Protocol(protocol)];
            (InfoKind::Vlan, Some(InfoData::Vlan(data)), Some(below))
        }
        LinkKind::Bridge(bridge) => {
            // A new one of the kernel's: it forwards after 15 s, and filters nothing.
            let new = Bridge::plain(true);
            let new = Bridge { stp: false, ..new };
            let data = bridge_changes(&new, bridge).concat();
            (InfoKind::Bridge, Some(InfoData::Bridge(data)), None)
        }
        LinkKind::Bond(bond) => {
            let mut indexes = BTreeMap::new();
            if let Some(BondValue::Port(port)) = bond.parameters.get(&BondParameter::Primary)
                && let Some(found) = index(netlink, operation, key, port).await?
            {
                indexes.insert(port.clone(), found);
            }
            let mut data = vec![InfoBond::Mode(bond.mode.number().into())];
            let said = bond.parameters.keys().copied();
            data.extend(bond::attributes(bond, said, &indexes));
            (InfoKind::Bond, Some(InfoData::Bond(data)), None)
        }
    };
    let mut info = vec![LinkInfo::Kind(kind)];
    info.extend(data.map(LinkInfo::Data));
    let mut attributes = vec![LinkAttribute::LinkInfo(info)];
    attributes.extend(on.map(LinkAttribute::Link));
    Ok(attributes)
}

async fn marked(
    netlink: &mut Netlink,
    key: &Key,
    name: &LinkName,
    told: Option<&Found>,
) -> Result<(), HostError> {
    let mut naming = LinkMessage::default();
    match told {
        Some(found) => naming.header.index = found.index,
        None => naming.attributes = vec![LinkAttribute::IfName(name.to_string())],
    }
    let names = vec![mark(name.as_str())];
    naming.attributes.push(LinkAttribute::PropList(names));
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    let marked = netlink
        .change(RouteNetlinkMessage::NewLinkProp(naming), flags)
        .await;
    match marked {
        Ok(()) => Ok(()),
        // Kernels before 5.5 know no alternative names; the record in the store speaks for the link.
        Err(error) if error.is(&[Errno::EOPNOTSUPP]) => Ok(()),
        Err(error) if error.is(&[Errno::EEXIST]) => match marked_so(netlink, name).await {
            Some(link) => Err(HostError::Renamed {
                key: Box::new(key.clone()),
                link,
                wanted: name.clone(),
            }),
            None => Err(HostError::refused("mark", key)(error)),
        },
        Err(error) => Err(HostError::refused("mark", key)(error)),
    }
}

/// The name of the link that carries the mark of `name`.
async fn marked_so(netlink: &mut Netlink, name: &LinkName) -> Option<String> {
    let mut message = LinkMessage::default();
    let marked = mark(name.as_str());
    let mut value = vec![0; marked.value_len()];
    marked.emit_value(&mut value);
    let by_name = DefaultNla::new(marked.kind(), value);
    message.attributes = vec![LinkAttribute::Other(by_name)];
    let found = netlink.get(RouteNetlinkMessage::GetLink(message)).await;
    found
        .ok()
        .as_ref()
        .and_then(Found::read)
        .map(|found| found.name)
}

/// Removes a link that is made; its ports stay as they are.
///
/// # Errors
/// [`HostError::NotOurs`] where the link is a device, [`HostError::Refused`].
pub(in crate::world::live) async fn remove(
    netlink: &mut Netlink,
    key: &Key,
    name: &LinkName,
) -> Result<(), HostError> {
    let operation = "remove";
    netlink.indexes.remove(name);
    let Some(found) = find(netlink, operation, key, name).await? else {
        return Ok(());
    };
    if matches!(found.form, Form::Physical | Form::Loopback) {
        return Err(HostError::NotOurs { key: key.clone() });
    }
    let mut message = LinkMessage::default();
    message.header.index = found.index;
    match netlink
        .change(RouteNetlinkMessage::DelLink(message), 0)
        .await
    {
        Err(error) if !error.is(&[Errno::ENODEV]) => Err(HostError::refused(operation, key)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn absent(operation: &'static str, key: &Key, link: &LinkName) -> HostError {
    HostError::NoLink {
        operation,
        key: key.clone(),
        link: link.clone(),
    }
}

pub(super) fn state(index: u32, up: bool) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.header.change_mask = LinkFlags::Up;
    if up {
        message.header.flags = LinkFlags::Up;
    }
    message
}

pub(super) fn attribute(index: u32, attribute: LinkAttribute) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes = vec![attribute];
    message
}

pub(super) async fn set(
    netlink: &mut Netlink,
    operation: &'static str,
    key: &Key,
    message: LinkMessage,
) -> Result<(), HostError> {
    let changed = netlink
        .change(RouteNetlinkMessage::SetLink(message), 0)
        .await;
    changed.map_err(HostError::refused(operation, key))
}

/// Changes what a kind has of its own, which only the message that makes links can (`rtnl_newlink`).
pub(super) async fn change_kind(
    netlink: &mut Netlink,
    key: &Key,
    index: u32,
    kind: InfoKind,
    data: InfoData,
) -> Result<(), HostError> {
    let info = vec![LinkInfo::Kind(kind), LinkInfo::Data(data)];
    let message = attribute(index, LinkAttribute::LinkInfo(info));
    let changed = netlink
        .change(RouteNetlinkMessage::NewLink(message), 0)
        .await;
    changed.map_err(HostError::refused("change", key))
}
