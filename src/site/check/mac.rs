//! Hardware addresses: each names one interface, and an interface with a reserved address has one.

use std::collections::BTreeSet;

use super::claim::{self, Claim};
use crate::base::mac::MacAddr;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Spanned;
use crate::lang::Slot;
use crate::lang::node::LinkShape;
use crate::site::resolve::{Draft, Host, Link, Plug};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    let mut claims: Vec<Claim<'_, MacAddr>> = Vec::new();
    for host in &draft.hosts {
        // The VLANs in which its UUID stands for an interface that nothing else is known of.
        let mut known: BTreeSet<usize> = BTreeSet::new();
        for link in &host.links {
            if let Slot::Given(mac) = &link.node.mac {
                out.extend(unusable(mac));
                claims.push(Claim {
                    key: mac.value,
                    rank: rank(link),
                    span: mac.span,
                    host,
                    is_locked: false,
                });
            }
        }
        for link in by_name(host) {
            out.extend(unreservable(draft, host, link, &mut known));
        }
    }
    let shared = claim::shared(&mut claims).into_iter();
    // A bond may have the address of a port of its own.
    let shared = shared.filter(|one| !one.is_own);
    out.extend(shared.map(|one| twice(one.first, one.again)));
}

/// Bonds come after what they are made of.
fn rank(link: &Link) -> u8 {
    match link.node.shape {
        LinkShape::Bond { .. } => 1,
        LinkShape::Ethernet
        | LinkShape::Tagged { .. }
        | LinkShape::Bridge { .. }
        | LinkShape::Loopback
        | LinkShape::Dummy
        | LinkShape::Vrf { .. } => 0,
    }
}

fn twice(first: &Claim<'_, MacAddr>, again: &Claim<'_, MacAddr>) -> Diagnostic {
    let (owner, host) = (first.host.title(), again.host.title());
    let message = if std::ptr::eq(first.host, again.host) {
        format!(
            "two links of {host} have the hardware address {}",
            again.key
        )
    } else {
        format!(
            "{owner} and {host} both have the hardware address {}",
            again.key
        )
    };
    let fault = Diagnostic::new(Code::MacTwice, message);
    if first.span == again.span {
        fault
            .label(first.span, "every machine of this profile gets it")
            .help("give the hardware address in each machine")
    } else {
        fault
            .label(again.span, "used again here")
            .label(first.span, "first used here")
            .help("an address is one interface's: look at the labels, or at `ip link`")
    }
}

fn unusable(mac: &Spanned<MacAddr>) -> Option<Diagnostic> {
    let problem = if mac.value == MacAddr([0; 6]) {
        "is all zero"
    } else if mac.value.is_group() {
        "is a group address"
    } else {
        return None;
    };
    let message = format!("{} {problem}, and so names no interface", mac.value);
    let fault = Diagnostic::new(Code::MacUnusable, message);
    Some(
        fault
            .label(mac.span, "no interface sends from this")
            .help("write the interface's own address, or leave `mac` out"),
    )
}

/// The links of a machine in the order in which its UUID stands for them.
fn by_name<'h>(host: &'h Host<'_>) -> Vec<&'h Link> {
    if host.is_controller() {
        return Vec::new();
    }
    let mut links: Vec<&Link> = host.links.iter().collect();
    links.sort_by_key(|link| &link.node.name.value);
    links
}

fn unreservable(
    draft: &Draft<'_>,
    host: &Host<'_>,
    link: &Link,
    known: &mut BTreeSet<usize>,
) -> Option<Diagnostic> {
    let Plug::Vlan(vlan) = link.plug else {
        return None;
    };
    let is_known = !host.mac_of(link).is_absent() || link.node.identity.is_some();
    if is_known || host.is_partial() {
        return None;
    }
    let placed = link.addresses.iter().find(|placed| placed.ip().is_ipv4())?;
    draft.vlans.get(vlan)?.node.dhcp.as_ref()?;
    if host.has_uuid() && known.insert(vlan) {
        return None;
    }
    let name = &link.node.name.value;
    let message = format!(
        "{} is not reserved for {}: `{name}` has no hardware address",
        placed.ip(),
        host.title(),
    );
    Some(
        Diagnostic::new(Code::ReservationWithoutMac, message)
            // What a profile says of the link is not where a machine's own address belongs.
            .label(host.name.span, "no `mac` in this machine")
            .help(format!(
                "add {} \"{name}\" mac=\"…\" to the machine, or configure the address on it",
                link.node.shape.word()
            )),
    )
}
