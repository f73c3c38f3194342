//! Links: bridges are made, changed and removed; physical links are only set. Knows neither addresses nor routes.

use std::collections::BTreeMap;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    BridgeStpState, InfoBridge, InfoData, InfoKind, LinkAttribute, LinkFlags, LinkInfo,
    LinkMessage, Prop,
};
use nix::errno::Errno;

use crate::base::limit::MTU_DEFAULT;
use crate::base::mac::MacAddr;
use crate::base::name::{HostName, LinkName};
use crate::state::{Key, Link, LinkFact, LinkKind, Resource};

use super::error::HostError;
use super::host::HostObservation;
use super::netlink::Netlink;
use super::pick;

/// All links of the host, by the kernel's index.
pub(super) struct Links(BTreeMap<u32, Found>);

/// A link as the kernel describes it.
struct Found {
    index: u32,
    name: String,
    kind: LinkKind,
    loopback: bool,
    up: bool,
    mtu: Option<u32>,
    /// Index of the link that this one is a port of.
    controller: Option<u32>,
    marked: bool,
    fact: LinkFact,
}

impl Links {
    /// # Errors
    /// [`HostError::Observe`].
    pub(super) async fn read(netlink: &mut Netlink) -> Result<Self, HostError> {
        let request = RouteNetlinkMessage::GetLink(LinkMessage::default());
        let listed = netlink.dump(request).await;
        let listed = listed.map_err(HostError::observe("links"))?;
        let links = listed.iter().filter_map(Found::read);
        Ok(Self(links.map(|link| (link.index, link)).collect()))
    }

    /// The name of the link with this index; none for the loopback and for names that no site can write.
    pub(super) fn name(&self, index: u32) -> Option<LinkName> {
        let link = self.0.get(&index).filter(|link| !link.loopback)?;
        link.name.parse().ok()
    }

    pub(super) fn observe(&self, controller: &HostName, seen: &mut HostObservation) {
        for (index, found) in &self.0 {
            let Some(name) = self.name(*index) else {
                continue;
            };
            let link = Link {
                kind: found.kind,
                up: found.up,
                mtu: found.mtu,
                bridge: self.bridge_of(found),
            };
            let key = Key::Link {
                controller: controller.clone(),
                link: name.clone(),
            };
            seen.add(key, Resource::Link(link), found.marked);
            seen.links.insert(name, found.fact.clone());
        }
    }

    fn bridge_of(&self, port: &Found) -> Option<LinkName> {
        let controller = self.0.get(&port.controller?)?;
        match controller.kind {
            LinkKind::Bridge => controller.name.parse().ok(),
            LinkKind::Physical => None,
        }
    }
}

impl Found {
    fn read(message: &RouteNetlinkMessage) -> Option<Self> {
        let RouteNetlinkMessage::NewLink(message) = message else {
            return None;
        };
        let attributes = &message.attributes;
        let flags = message.header.flags;
        let name = pick!(attributes, LinkAttribute::IfName(name) => name.clone())?;
        let info = pick!(attributes, LinkAttribute::LinkInfo(info) => info.as_slice());
        let info = info.unwrap_or_default();
        let is_bridge = info.contains(&LinkInfo::Kind(InfoKind::Bridge));
        let names = pick!(attributes, LinkAttribute::PropList(names) => names.as_slice());
        let names = names.unwrap_or_default();
        // Zero is how drivers without a limit state it.
        let limit = |mtu: &u32| (*mtu != 0).then_some(*mtu);
        let fact = LinkFact {
            mac: pick!(attributes, LinkAttribute::Address(mac) => <[u8; 6]>::try_from(mac.as_slice()).ok())
                .flatten()
                .map(MacAddr),
            carrier: flags.contains(LinkFlags::LowerUp),
            mtu_min: pick!(attributes, LinkAttribute::MinMtu(mtu) => limit(mtu)).flatten(),
            mtu_max: pick!(attributes, LinkAttribute::MaxMtu(mtu) => limit(mtu)).flatten(),
        };
        Some(Self {
            index: message.header.index,
            kind: if is_bridge {
                LinkKind::Bridge
            } else {
                LinkKind::Physical
            },
            loopback: flags.contains(LinkFlags::Loopback),
            up: flags.contains(LinkFlags::Up),
            mtu: pick!(attributes, LinkAttribute::Mtu(mtu) => *mtu),
            controller: pick!(attributes, LinkAttribute::Controller(index) => *index)
                .filter(|index| *index != 0),
            marked: names.contains(&mark(&name)),
            fact,
            name,
        })
    }
}

/// The alternative name that says a link is ours. The kernel finds links by it, so it names the link as well.
fn mark(link: &str) -> Prop {
    Prop::AltIfName(format!("bedplate:{link}"))
}

/// The index of a link, by its name proper: the kernel would answer to alternative names too.
///
/// # Errors
/// [`HostError::Refused`] for reasons other than absence.
pub(super) async fn index(
    netlink: &mut Netlink,
    operation: &'static str,
    key: &Key,
    link: &LinkName,
) -> Result<Option<u32>, HostError> {
    let found = find(netlink, operation, key, link).await?;
    Ok(found.map(|found| found.index))
}

async fn find(
    netlink: &mut Netlink,
    operation: &'static str,
    key: &Key,
    link: &LinkName,
) -> Result<Option<Found>, HostError> {
    let mut message = LinkMessage::default();
    message
        .attributes
        .push(LinkAttribute::IfName(link.to_string()));
    match netlink.get(RouteNetlinkMessage::GetLink(message)).await {
        Ok(answer) => Ok(Found::read(&answer).filter(|found| found.name == link.as_str())),
        Err(error) if error.is(&[Errno::ENODEV]) => Ok(None),
        Err(error) => Err(HostError::refused(operation, key)(error)),
    }
}

/// Makes the link `name` as `wanted`. A bridge that cannot be made whole is taken away again.
///
/// # Errors
/// [`HostError`].
pub(super) async fn make(
    netlink: &mut Netlink,
    key: &Key,
    name: &LinkName,
    may_create: bool,
    wanted: &Link,
) -> Result<(), HostError> {
    let operation = if may_create { "create" } else { "change" };
    match (find(netlink, operation, key, name).await?, wanted.kind) {
        (Some(found), _) => change(netlink, key, &found, wanted).await,
        (None, LinkKind::Bridge) if may_create => {
            let made = create(netlink, key, name, wanted).await;
            if made.is_err() {
                // The first error is the one to report, and a bridge left behind is seen when the host is next observed.
                let _ = remove(netlink, key, name).await;
            }
            made
        }
        (None, LinkKind::Bridge | LinkKind::Physical) => Err(absent(operation, key, name)),
    }
}

/// Down first where it shall be down, up last where it shall be up, so that no frame passes with half of the attributes.
async fn change(
    netlink: &mut Netlink,
    key: &Key,
    found: &Found,
    wanted: &Link,
) -> Result<(), HostError> {
    if found.kind != wanted.kind {
        return Err(HostError::NotOurs { key: key.clone() });
    }
    if !wanted.up && found.up {
        let operation = "take down";
        set(netlink, operation, key, state(found.index, false)).await?;
    }
    if let Some(mtu) = wanted.mtu.filter(|mtu| Some(*mtu) != found.mtu) {
        let message = attribute(found.index, LinkAttribute::Mtu(mtu));
        set(netlink, "set the MTU of", key, message).await?;
    }
    match &wanted.bridge {
        Some(bridge) => join(netlink, key, found, bridge).await?,
        None => leave(netlink, key, found).await?,
    }
    if wanted.up && !found.up {
        set(netlink, "bring up", key, state(found.index, true)).await?;
    }
    Ok(())
}

/// Puts a link into a bridge, which takes it out of any other.
async fn join(
    netlink: &mut Netlink,
    key: &Key,
    found: &Found,
    bridge: &LinkName,
) -> Result<(), HostError> {
    let operation = "make a port of its bridge";
    let target = find(netlink, operation, key, bridge).await?;
    let target = target.ok_or_else(|| absent(operation, key, bridge))?;
    if target.kind != LinkKind::Bridge {
        return Err(HostError::NotABridge {
            operation,
            key: key.clone(),
            link: bridge.clone(),
        });
    }
    if found.controller == Some(target.index) {
        return Ok(());
    }
    let message = attribute(found.index, LinkAttribute::Controller(target.index));
    set(netlink, operation, key, message).await
}

/// Takes a link out of its bridge. A port of something else (a bond) stays where it is.
async fn leave(netlink: &mut Netlink, key: &Key, found: &Found) -> Result<(), HostError> {
    let Some(controller) = found.controller else {
        return Ok(());
    };
    let operation = "release from its bridge";
    let mut message = LinkMessage::default();
    message.header.index = controller;
    let answer = netlink.get(RouteNetlinkMessage::GetLink(message)).await;
    let answer = answer.map_err(HostError::refused(operation, key))?;
    if Found::read(&answer).is_none_or(|link| link.kind != LinkKind::Bridge) {
        return Ok(());
    }
    let message = attribute(found.index, LinkAttribute::Controller(0));
    set(netlink, operation, key, message).await
}

/// A new bridge, marked as ours, without spanning tree, forwarding at once.
///
/// A bridge's MTU follows the smallest of its ports until someone has changed it (`br_mtu_auto_adjust`), and setting
/// the MTU that it has is no change. So it begins one byte off and is then set.
async fn create(
    netlink: &mut Netlink,
    key: &Key,
    name: &LinkName,
    wanted: &Link,
) -> Result<(), HostError> {
    let operation = "create";
    let mtu = wanted.mtu.unwrap_or(MTU_DEFAULT);
    let mut message = LinkMessage::default();
    message.attributes = vec![
        LinkAttribute::IfName(name.to_string()),
        LinkAttribute::Mtu(mtu.saturating_sub(1)),
        LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Bridge),
            LinkInfo::Data(InfoData::Bridge(vec![
                InfoBridge::ForwardDelay(0),
                InfoBridge::StpState(BridgeStpState::Disabled),
            ])),
        ]),
    ];
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    let made = netlink
        .change(RouteNetlinkMessage::NewLink(message), flags)
        .await;
    made.map_err(HostError::refused(operation, key))?;
    let found = find(netlink, operation, key, name).await?;
    let found = found.ok_or_else(|| absent(operation, key, name))?;
    let mut naming = LinkMessage::default();
    naming.header.index = found.index;
    naming.attributes = vec![LinkAttribute::PropList(vec![mark(name.as_str())])];
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    let marked = netlink
        .change(RouteNetlinkMessage::NewLinkProp(naming), flags)
        .await;
    match marked {
        Ok(()) => {}
        // Kernels before 5.5 know no alternative names; the record in the store speaks for the link.
        Err(error) if error.is(&[Errno::EOPNOTSUPP]) => {}
        Err(error) => return Err(HostError::refused("mark", key)(error)),
    }
    let wanted = Link {
        mtu: Some(mtu),
        ..wanted.clone()
    };
    change(netlink, key, &found, &wanted).await
}

/// Removes a bridge; its ports stay as they are, and up.
///
/// # Errors
/// [`HostError::NotOurs`] where the link is no bridge, [`HostError::Refused`].
pub(super) async fn remove(
    netlink: &mut Netlink,
    key: &Key,
    name: &LinkName,
) -> Result<(), HostError> {
    let operation = "remove";
    let Some(found) = find(netlink, operation, key, name).await? else {
        return Ok(());
    };
    if found.kind != LinkKind::Bridge {
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

fn absent(operation: &'static str, key: &Key, link: &LinkName) -> HostError {
    HostError::NoLink {
        operation,
        key: key.clone(),
        link: link.clone(),
    }
}

fn state(index: u32, up: bool) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.header.change_mask = LinkFlags::Up;
    if up {
        message.header.flags = LinkFlags::Up;
    }
    message
}

fn attribute(index: u32, attribute: LinkAttribute) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes = vec![attribute];
    message
}

async fn set(
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
