//! Addresses on links, marked as ours by their protocol number. Knows links only by index and name.

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, CacheInfo,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;

use crate::base::addr::{InterfaceAddr, is_link_local};
use crate::base::name::{HostName, LinkName};
use crate::state::{Address, BesideAddress, Key, Resource};

use super::error::HostError;
use super::host::HostObservation;
use super::link::{self, Links};
use super::netlink::{Netlink, NetlinkError};
use super::{PROTOCOL, pick};

/// A lifetime without an end (`INFINITY_LIFE_TIME`).
const FOREVER: u32 = u32::MAX;

/// An address as the kernel describes it.
struct Found {
    index: u32,
    address: InterfaceAddr,
    protocol: Option<AddressProtocol>,
    flags: AddressFlags,
    message: AddressMessage,
}

/// Adds the addresses that people or Bedplate set.
///
/// # Errors
/// [`HostError::Observe`].
pub(super) async fn observe(
    netlink: &mut Netlink,
    controller: &HostName,
    links: &Links,
    seen: &mut HostObservation,
) -> Result<(), HostError> {
    let listed = list(netlink, None).await;
    for found in listed.map_err(HostError::observe("addresses"))? {
        let link = links.name(found.index);
        let Some(link) = link.clone().filter(|_| found.is_static()) else {
            let address = found.address;
            seen.beside.addresses.push(BesideAddress { link, address });
            continue;
        };
        let key = Key::Address {
            controller: controller.clone(),
            link,
            address: found.address,
        };
        seen.add(key, Resource::Address(found.flags()), found.is_marked());
    }
    Ok(())
}

/// Puts `address` on a link.
///
/// # Errors
/// [`HostError`].
pub(super) async fn make(
    netlink: &mut Netlink,
    key: &Key,
    link: &LinkName,
    address: InterfaceAddr,
    may_create: bool,
    wanted: &Address,
) -> Result<(), HostError> {
    let operation = if may_create { "create" } else { "change" };
    let absent = || HostError::NoLink {
        operation,
        key: key.clone(),
        link: link.clone(),
    };
    let index = link::index(netlink, operation, key, link).await?;
    let index = index.ok_or_else(absent)?;
    let mut message = message(index, address);
    // Networks of two addresses and one have no broadcast address (RFC 3021 2.1).
    if let (IpAddr::V4(broadcast), 0..31) =
        (address.prefix().net().broadcast(), address.prefix_len())
    {
        message
            .attributes
            .push(AddressAttribute::Broadcast(broadcast));
    }
    let protocol = AddressProtocol::Other(PROTOCOL);
    message
        .attributes
        .push(AddressAttribute::Protocol(protocol));
    message.attributes.extend(attributes(wanted));
    if may_create {
        create(netlink, key, message, address, absent).await?;
    } else {
        let changed = netlink
            .change(RouteNetlinkMessage::NewAddress(message), NLM_F_REPLACE)
            .await;
        changed.map_err(HostError::refused(operation, key))?;
    }
    if wanted.secondary == Some(false) {
        lead(netlink, key, index, address).await?;
    }
    Ok(())
}

/// Adds an address that may be there, to a link that may have gone.
async fn create(
    netlink: &mut Netlink,
    key: &Key,
    message: AddressMessage,
    address: InterfaceAddr,
    absent: impl FnOnce() -> HostError,
) -> Result<(), HostError> {
    let index = message.header.index;
    let Err(error) = add(netlink, message).await else {
        return Ok(());
    };
    // It went since its index was learnt.
    if error.is(&[Errno::ENODEV]) {
        return Err(absent());
    }
    if !error.is(&[Errno::EEXIST]) {
        return Err(HostError::refused("create", key)(error));
    }
    let listed = list(netlink, Some(index))
        .await
        .map_err(HostError::observe("addresses"))?;
    let same = |found: &&Found| found.address == address;
    match listed.iter().find(same) {
        Some(found) if found.is_static() => Ok(()),
        Some(_) => Err(HostError::HeldByAutomation { key: key.clone() }),
        None => Err(HostError::refused("create", key)(error)),
    }
}

/// Makes an IPv4 address that is there the first of its prefix. The kernel knows no such request: the others make room, and come back
/// after it as they were.
async fn lead(
    netlink: &mut Netlink,
    key: &Key,
    index: u32,
    address: InterfaceAddr,
) -> Result<(), HostError> {
    let refused = || HostError::refused("put in the first place", key);
    let listed = list(netlink, Some(index)).await;
    let mut others = listed.map_err(HostError::observe("addresses"))?;
    let is_later = |found: &Found| found.address == address && found.is_later();
    let Some(at) = others.iter().position(is_later) else {
        return Ok(());
    };
    let own = others.remove(at);
    others.retain(|found| found.is_beside(address));
    // The first one last, so that the link has an address of the prefix as long as can be.
    for other in others.iter().rev() {
        let message = RouteNetlinkMessage::DelAddress(other.message.clone());
        match netlink.change(message, 0).await {
            Err(error) if !error.is(&[Errno::EADDRNOTAVAIL]) => return Err(refused()(error)),
            Ok(()) | Err(_) => {}
        }
    }
    for found in [own].into_iter().chain(others) {
        match add(netlink, found.again()).await {
            Err(error) if !error.is(&[Errno::EEXIST]) => return Err(refused()(error)),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Takes `address` from a link.
///
/// The kernel takes an IPv4 subnet's secondary addresses along with its first one, unless `promote_secondaries` is set;
/// those that went are put back as they were.
///
/// # Errors
/// [`HostError`].
pub(super) async fn remove(
    netlink: &mut Netlink,
    key: &Key,
    link: &LinkName,
    address: InterfaceAddr,
) -> Result<(), HostError> {
    let operation = "remove";
    let Some(index) = link::index(netlink, operation, key, link).await? else {
        return Ok(());
    };
    let observe = || HostError::observe("addresses");
    let mut others = list(netlink, Some(index)).await.map_err(observe())?;
    let same = others.iter().find(|found| found.address == address);
    if !same.is_some_and(Found::is_static) {
        // Gone, or held by a DHCP client or router advertisement: then it was refused to us, and is not ours to take.
        return Ok(());
    }
    others.retain(|found| found.is_later() && found.is_beside(address));
    let message = message(index, address);
    let removed = netlink
        .change(RouteNetlinkMessage::DelAddress(message), 0)
        .await;
    match removed {
        Ok(()) => {}
        Err(error) if error.is(&[Errno::EADDRNOTAVAIL, Errno::ENODEV]) => return Ok(()),
        Err(error) => return Err(HostError::refused(operation, key)(error)),
    }
    if others.is_empty() {
        return Ok(());
    }
    let left = list(netlink, Some(index)).await.map_err(observe())?;
    let is_left = |other: &Found| left.iter().any(|found| found.address == other.address);
    for other in others.into_iter().filter(|other| !is_left(other)) {
        let put_back = add(netlink, other.again()).await;
        put_back.map_err(HostError::refused("keep the neighbours of", key))?;
    }
    Ok(())
}

impl Found {
    fn read(message: RouteNetlinkMessage) -> Option<Self> {
        let RouteNetlinkMessage::NewAddress(message) = message else {
            return None;
        };
        let attributes = &message.attributes;
        let peer = pick!(attributes, AddressAttribute::Address(ip) => *ip);
        // IFA_LOCAL is the host's own; where it differs from IFA_ADDRESS that one is the far end of a line, and its
        // prefix is not this host's. No site can say that.
        let local = pick!(attributes, AddressAttribute::Local(ip) => *ip).or(peer)?;
        if peer.is_some_and(|peer| peer != local) {
            return None;
        }
        let header_flags = AddressFlags::from_bits_retain(message.header.flags.bits().into());
        Some(Self {
            index: message.header.index,
            address: InterfaceAddr::new(local, message.header.prefix_len).ok()?,
            protocol: pick!(attributes, AddressAttribute::Protocol(protocol) => *protocol),
            flags: pick!(attributes, AddressAttribute::Flags(flags) => *flags)
                .unwrap_or(header_flags),
            message,
        })
    }

    fn flags(&self) -> Address {
        let is_v4 = self.address.ip().is_ipv4();
        Address {
            prefix_route: !self.flags.contains(AddressFlags::Noprefixroute),
            preferred: !self.flags.contains(AddressFlags::Deprecated),
            duplicate_detection: is_v4 || !self.flags.contains(AddressFlags::Nodad),
            duplicate: !is_v4 && self.flags.contains(AddressFlags::Dadfailed),
            secondary: is_v4.then(|| self.is_later()),
        }
    }

    /// The message that makes it as it was. Of an address that stays the kernel says that it is preferred for ever, also where a flag says
    /// that it is not (`inet_fill_ifaddr`).
    fn again(self) -> AddressMessage {
        let mut message = self.message;
        if self.flags.contains(AddressFlags::Deprecated) {
            for attribute in &mut message.attributes {
                if let AddressAttribute::CacheInfo(lifetimes) = attribute {
                    lifetimes.ifa_preferred = 0;
                }
            }
        }
        message
    }

    /// Whether it comes after another one. For IPv6 the flag means something else: a temporary address, which is its parent's to lose.
    fn is_later(&self) -> bool {
        self.address.ip().is_ipv4() && self.flags.contains(AddressFlags::Secondary)
    }

    fn is_beside(&self, other: InterfaceAddr) -> bool {
        self.address.ip() != other.ip() && self.address.prefix() == other.prefix()
    }

    fn is_marked(&self) -> bool {
        self.protocol == Some(AddressProtocol::Other(PROTOCOL))
    }

    /// Whether someone set it to stay: not link-local, not from a lease or a router advertisement.
    fn is_static(&self) -> bool {
        // IFA_F_TEMPORARY shares its bit with IFA_F_SECONDARY, which IPv4 uses for something else.
        let temporary = self.address.ip().is_ipv6() && self.flags.contains(AddressFlags::Secondary);
        self.flags.contains(AddressFlags::Permanent)
            && !self.flags.contains(AddressFlags::Managetempaddr)
            && self.protocol != Some(AddressProtocol::RouterAnnouncement)
            && !is_link_local(self.address.ip())
            // The kernel's own, on the loopback of every host.
            && !self.address.ip().is_loopback()
            && !temporary
    }
}

/// What the kernel is to do with the address.
fn attributes(wanted: &Address) -> Vec<AddressAttribute> {
    let mut flags = AddressFlags::empty();
    flags.set(AddressFlags::Noprefixroute, !wanted.prefix_route);
    flags.set(AddressFlags::Nodad, !wanted.duplicate_detection);
    let mut attributes = vec![AddressAttribute::Flags(flags)];
    let mut lifetimes = CacheInfo::default();
    lifetimes.ifa_valid = FOREVER;
    lifetimes.ifa_preferred = if wanted.preferred { FOREVER } else { 0 };
    attributes.push(AddressAttribute::CacheInfo(lifetimes));
    attributes
}

/// All addresses, or those of the link with the index `on`.
async fn list(netlink: &mut Netlink, on: Option<u32>) -> Result<Vec<Found>, NetlinkError> {
    let mut message = AddressMessage::default();
    message.header.index = on.unwrap_or_default();
    let request = RouteNetlinkMessage::GetAddress(message);
    let listed = netlink.dump(request).await?;
    let found = listed.into_iter().filter_map(Found::read);
    Ok(found
        .filter(|found| on.is_none_or(|on| found.index == on))
        .collect())
}

async fn add(netlink: &mut Netlink, message: AddressMessage) -> Result<(), NetlinkError> {
    let request = RouteNetlinkMessage::NewAddress(message);
    netlink.change(request, NLM_F_CREATE | NLM_F_EXCL).await
}

fn message(index: u32, address: InterfaceAddr) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = index;
    message.header.prefix_len = address.prefix_len();
    message.header.family = match address.ip() {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    message.attributes = vec![
        AddressAttribute::Local(address.ip()),
        AddressAttribute::Address(address.ip()),
    ];
    message
}
