//! Policy rules, marked as ours by their protocol number. One of a family and priority counts; what a site cannot say is left alone.

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::route::RouteProtocol;
use netlink_packet_route::rule::{RuleAction as Kernel, RuleAttribute, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;

use super::error::HostError;
use super::host::HostObservation;
use super::netlink::{Netlink, NetlinkError};
use super::{PROTOCOL, pick};
use crate::base::addr::{InterfaceAddr, Prefix};
use crate::base::name::HostName;
use crate::base::route::{Family, RouteKind};
use crate::state::{Key, Resource, Rule, RuleAction, Table};

/// A rule as the kernel describes it.
struct Found {
    priority: u32,
    rule: Rule,
    protocol: Option<RouteProtocol>,
}

/// Adds the rules that people or Bedplate set.
///
/// # Errors
/// [`HostError::Observe`].
pub(super) async fn observe(
    netlink: &mut Netlink,
    controller: &HostName,
    seen: &mut HostObservation,
) -> Result<(), HostError> {
    for family in Family::ALL {
        let listed = list(netlink, family).await;
        let mut listed = listed.map_err(HostError::observe("rules"))?;
        // Where several have one priority, ours is the one that counts; else the first.
        listed.sort_by_key(|found| (found.priority, !found.is_marked()));
        listed.dedup_by_key(|found| found.priority);
        for found in listed {
            let key = Key::Rule {
                controller: controller.clone(),
                family,
                priority: found.priority,
            };
            let marked = found.is_marked();
            seen.add(key, Resource::Rule(found.rule), marked);
        }
    }
    Ok(())
}

/// Makes the rule as wanted. The kernel changes none: the new one comes before the old one goes, so that no packet meets a gap.
///
/// # Errors
/// [`HostError::Refused`].
pub(super) async fn make(
    netlink: &mut Netlink,
    key: &Key,
    (family, priority): (Family, u32),
    before: Option<&Rule>,
    wanted: &Rule,
) -> Result<(), HostError> {
    let operation = if before.is_none() { "create" } else { "change" };
    let mut message = message(family, priority, wanted);
    let protocol = RouteProtocol::Other(PROTOCOL);
    message.attributes.push(RuleAttribute::Protocol(protocol));
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    let made = netlink
        .change(RouteNetlinkMessage::NewRule(message), flags)
        .await;
    match made {
        Ok(()) => {}
        Err(error) if error.is(&[Errno::EEXIST]) => {}
        Err(error) => return Err(HostError::refused(operation, key)(error)),
    }
    match before.filter(|before| *before != wanted) {
        Some(before) => remove(netlink, key, (family, priority), before).await,
        None => Ok(()),
    }
}

/// Removes the rule as it was.
///
/// # Errors
/// [`HostError::Refused`].
pub(super) async fn remove(
    netlink: &mut Netlink,
    key: &Key,
    (family, priority): (Family, u32),
    was: &Rule,
) -> Result<(), HostError> {
    let listed = list(netlink, family).await;
    let listed = listed.map_err(HostError::observe("rules"))?;
    let same = |found: &&Found| found.priority == priority && found.rule == *was;
    let Some(found) = listed.iter().find(same) else {
        return Ok(());
    };
    let mut message = message(family, priority, was);
    let protocol = found.protocol.map(RuleAttribute::Protocol);
    message.attributes.extend(protocol);
    let removed = netlink
        .change(RouteNetlinkMessage::DelRule(message), 0)
        .await;
    match removed {
        Err(error) if !error.is(&[Errno::ENOENT]) => Err(HostError::refused("remove", key)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

impl Found {
    fn is_marked(&self) -> bool {
        self.protocol == Some(RouteProtocol::Other(PROTOCOL))
    }

    fn read(message: &RouteNetlinkMessage) -> Option<Self> {
        let RouteNetlinkMessage::NewRule(message) = message else {
            return None;
        };
        let (header, attributes) = (&message.header, &message.attributes);
        let protocol = pick!(attributes, RuleAttribute::Protocol(protocol) => *protocol);
        // The kernel's own, of all hosts and of VRFs.
        if protocol == Some(RouteProtocol::Kernel) || header.tos != 0 || !is_expressible(attributes)
        {
            return None;
        }
        let prefix = |ip: IpAddr, length| {
            let address = InterfaceAddr::new(ip, length).ok();
            address.map(Prefix::holding)
        };
        let table = pick!(attributes, RuleAttribute::Table(table) => *table);
        let action = match header.action {
            Kernel::ToTable => RuleAction::Table(Table(table.unwrap_or(header.table.into()))),
            Kernel::Blackhole => RuleAction::Drop(RouteKind::Blackhole),
            Kernel::Unreachable => RuleAction::Drop(RouteKind::Unreachable),
            Kernel::Prohibit => RuleAction::Drop(RouteKind::Prohibit),
            Kernel::Unspec | Kernel::Goto | Kernel::Nop | Kernel::Other(_) | _ => return None,
        };
        let from = pick!(attributes, RuleAttribute::Source(ip) => *ip);
        let to = pick!(attributes, RuleAttribute::Destination(ip) => *ip);
        let link = |name: Option<String>| name.map(|name| name.parse().ok());
        Some(Self {
            priority: pick!(attributes, RuleAttribute::Priority(priority) => *priority)
                .unwrap_or(0),
            rule: Rule {
                from: from.and_then(|ip| prefix(ip, header.src_len)),
                to: to.and_then(|ip| prefix(ip, header.dst_len)),
                incoming: link(pick!(attributes, RuleAttribute::Iifname(name) => name.clone()))
                    .flatten(),
                outgoing: link(pick!(attributes, RuleAttribute::Oifname(name) => name.clone()))
                    .flatten(),
                mark: pick!(attributes, RuleAttribute::FwMark(mark) => *mark),
                action,
            },
            protocol,
        })
    }
}

/// Whether nothing selects packets but what a site can say.
fn is_expressible(attributes: &[RuleAttribute]) -> bool {
    attributes.iter().all(|attribute| match attribute {
        RuleAttribute::FwMask(mask) => *mask == u32::MAX,
        // All ones is how the kernel says that there is none.
        RuleAttribute::SuppressIfGroup(limit) | RuleAttribute::SuppressPrefixLen(limit) => {
            *limit == u32::MAX
        }
        RuleAttribute::Goto(_)
        | RuleAttribute::TunId(_)
        | RuleAttribute::L3MDev(true)
        | RuleAttribute::UidRange(_)
        | RuleAttribute::IpProtocol(_)
        | RuleAttribute::SourcePortRange(_)
        | RuleAttribute::DestinationPortRange(_) => false,
        RuleAttribute::Destination(_)
        | RuleAttribute::Source(_)
        | RuleAttribute::Iifname(_)
        | RuleAttribute::Oifname(_)
        | RuleAttribute::Priority(_)
        | RuleAttribute::FwMark(_)
        | RuleAttribute::Realm(_)
        | RuleAttribute::Table(_)
        | RuleAttribute::L3MDev(false)
        | RuleAttribute::Protocol(_)
        | RuleAttribute::Other(_)
        | _ => true,
    })
}

async fn list(netlink: &mut Netlink, family: Family) -> Result<Vec<Found>, NetlinkError> {
    let mut message = RuleMessage::default();
    message.header.family = kernel(family);
    let listed = netlink.dump(RouteNetlinkMessage::GetRule(message)).await?;
    Ok(listed.iter().filter_map(Found::read).collect())
}

fn kernel(family: Family) -> AddressFamily {
    match family {
        Family::Ipv4 => AddressFamily::Inet,
        Family::Ipv6 => AddressFamily::Inet6,
    }
}

fn message(family: Family, priority: u32, rule: &Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = kernel(family);
    message.attributes = vec![RuleAttribute::Priority(priority)];
    if let Some(from) = rule.from {
        message.header.src_len = from.length();
        let address = from.net().addr();
        message.attributes.push(RuleAttribute::Source(address));
    }
    if let Some(to) = rule.to {
        message.header.dst_len = to.length();
        let address = to.net().addr();
        message.attributes.push(RuleAttribute::Destination(address));
    }
    let links = [
        rule.incoming
            .as_ref()
            .map(|link| RuleAttribute::Iifname(link.to_string())),
        rule.outgoing
            .as_ref()
            .map(|link| RuleAttribute::Oifname(link.to_string())),
        rule.mark.map(RuleAttribute::FwMark),
        rule.mark.map(|_| RuleAttribute::FwMask(u32::MAX)),
    ];
    message.attributes.extend(links.into_iter().flatten());
    message.header.action = match rule.action {
        RuleAction::Table(table) => {
            message.attributes.push(RuleAttribute::Table(table.0));
            Kernel::ToTable
        }
        RuleAction::Drop(RouteKind::Unreachable) => Kernel::Unreachable,
        RuleAction::Drop(RouteKind::Prohibit) => Kernel::Prohibit,
        RuleAction::Drop(RouteKind::Blackhole | RouteKind::Unicast) => Kernel::Blackhole,
    };
    message
}
