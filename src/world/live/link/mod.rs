//! Links: those that are made, changed and removed, and physical ones, which are only set. Knows neither addresses nor routes.

mod bond;
mod found;
mod make;
mod port;
mod rebond;

use std::collections::BTreeMap;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage};
use nix::errno::Errno;

use crate::base::name::{HostName, LinkName};
use crate::state::{Key, Link, LinkKind, Resource, Tagged};

use super::error::HostError;
use super::host::HostObservation;
use super::netlink::Netlink;
use super::pick;
use found::{Form, Found};

pub(super) use make::{make, remove};

/// All links of the host, by the kernel's index.
pub(super) struct Links(BTreeMap<u32, Found>);

impl Links {
    /// # Errors
    /// [`HostError::Observe`].
    pub(super) async fn read(netlink: &mut Netlink) -> Result<Self, HostError> {
        let request = RouteNetlinkMessage::GetLink(plain());
        let listed = netlink.dump(request).await;
        let listed = listed.map_err(HostError::observe("links"))?;
        let links = listed.iter().filter_map(Found::read);
        let mut links: BTreeMap<u32, Found> = links.map(|link| (link.index, link)).collect();
        if links.values().any(|link| link.bridge().is_some()) {
            let members = port::read(netlink).await;
            for (index, vlans) in members.map_err(HostError::observe("VLANs of bridges"))? {
                if let Some(link) = links.get_mut(&index) {
                    link.vlans = vlans;
                }
            }
        }
        Ok(Self(links))
    }

    /// The name of the link with this index; none for names that no site can write.
    pub(super) fn name(&self, index: u32) -> Option<LinkName> {
        self.0.get(&index)?.name.parse().ok()
    }

    pub(super) fn observe(&self, controller: &HostName, seen: &mut HostObservation) {
        for (index, found) in &self.0 {
            let Some(name) = self.name(*index) else {
                continue;
            };
            let key = Key::link(controller, &name);
            seen.add(key, Resource::Link(self.link(found)), found.marked);
            seen.links.insert(name, found.fact.clone());
        }
    }

    /// The link in the terms of a state.
    fn link(&self, found: &Found) -> Link {
        let of = found.port_of.and_then(|of| self.0.get(&of));
        Link {
            kind: self.kind(&found.form),
            up: found.up,
            mtu: found.mtu,
            mac: found.mac,
            port_of: of
                .filter(|of| of.takes_ports())
                .and_then(|of| of.name.parse().ok()),
            settings: found.settings.clone(),
            vlans: match found.bridge().or_else(|| of?.bridge()) {
                Some(bridge) => bridge.shown_vlans(found.vlans.clone()),
                None => BTreeMap::new(),
            },
        }
    }

    fn kind(&self, form: &Form) -> LinkKind {
        match form {
            Form::Physical => LinkKind::Physical,
            Form::Loopback => LinkKind::Loopback,
            Form::Bond { mode, values } => {
                LinkKind::Bond(bond::named(*mode, values, |index| self.name(index)))
            }
            Form::Tagged { on, id, protocol } => self.name(*on).map_or(LinkKind::Physical, |on| {
                LinkKind::Tagged(Tagged {
                    on,
                    id: *id,
                    protocol: *protocol,
                })
            }),
            Form::Bridge(bridge) => LinkKind::Bridge(bridge.clone()),
            Form::Dummy => LinkKind::Dummy,
            Form::Vrf(vrf) => LinkKind::Vrf(vrf.clone()),
        }
    }
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
    if let Some(index) = netlink.indexes.get(link) {
        return Ok(Some(index));
    }
    let found = find(netlink, operation, key, link).await?;
    let index = found.map(|found| found.index);
    if let Some(index) = index {
        netlink.indexes.learn(link, index);
    }
    Ok(index)
}

/// Whether a link carries our mark. One that is not there is nobody else's.
///
/// # Errors
/// [`HostError::Refused`] for reasons other than absence.
pub(super) async fn is_marked(
    netlink: &mut Netlink,
    key: &Key,
    name: &LinkName,
) -> Result<bool, HostError> {
    let found = find(netlink, "look at", key, name).await?;
    Ok(found.is_none_or(|found| found.marked))
}

async fn find(
    netlink: &mut Netlink,
    operation: &'static str,
    key: &Key,
    link: &LinkName,
) -> Result<Option<Found>, HostError> {
    let mut message = plain();
    message
        .attributes
        .push(LinkAttribute::IfName(link.to_string()));
    let found = ask(netlink, operation, key, message).await?;
    Ok(found.filter(|found| found.name == link.as_str()))
}

/// The link with this index; none where it is gone.
async fn at(
    netlink: &mut Netlink,
    operation: &'static str,
    key: &Key,
    index: u32,
) -> Result<Option<Found>, HostError> {
    let mut message = plain();
    message.header.index = index;
    ask(netlink, operation, key, message).await
}

/// A question about links, but not about their counters, which are most of what there is to say.
fn plain() -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes = vec![LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats])];
    message
}

async fn ask(
    netlink: &mut Netlink,
    operation: &'static str,
    key: &Key,
    message: LinkMessage,
) -> Result<Option<Found>, HostError> {
    match netlink.get(RouteNetlinkMessage::GetLink(message)).await {
        Ok(answer) => Ok(Found::read(&answer)),
        Err(error) if error.is(&[Errno::ENODEV]) => Ok(None),
        Err(error) => Err(HostError::refused(operation, key)(error)),
    }
}
