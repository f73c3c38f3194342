//! Hardware addresses: each names one interface, and an interface with a reserved address has one.

use std::collections::BTreeMap;

use crate::base::mac::MacAddr;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{Span, Spanned};
use crate::lang::Slot;
use crate::lang::node::LinkShape;
use crate::site::resolve::{Draft, Host, Link, Plug};

pub(super) fn check(draft: &Draft<'_>, out: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<MacAddr, (Span, &Host<'_>)> = BTreeMap::new();
    for host in draft.hosts.iter().filter(|host| !host.is_controller()) {
        for link in &host.links {
            match (&link.node.mac, &link.node.shape) {
                // A bond has the address of one of its ports, if it has one.
                (Slot::Given(mac), LinkShape::Bond { .. }) => out.extend(unusable(mac)),
                (Slot::Faulty, _) | (Slot::Absent, LinkShape::Loopback) => {}
                (Slot::Absent, _) => out.extend(unreservable(draft, host, link)),
                (Slot::Given(mac), _) => {
                    out.extend(unusable(mac));
                    match seen.get(&mac.value) {
                        Some((first, owner)) => out.push(twice(mac, host, *first, owner)),
                        None => {
                            seen.insert(mac.value, (mac.span, host));
                        }
                    }
                }
            }
        }
    }
}

fn twice(mac: &Spanned<MacAddr>, host: &Host<'_>, first: Span, owner: &Host<'_>) -> Diagnostic {
    let message = format!(
        "{} and {} both have the hardware address {}",
        owner.title(),
        host.title(),
        mac.value
    );
    let fault = Diagnostic::new(Code::MacTwice, message);
    if first == mac.span {
        fault
            .label(first, "every machine of this profile gets it")
            .help("give the hardware address in each machine")
    } else {
        fault
            .label(mac.span, "used again here")
            .label(first, "first used here")
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
    Some(
        Diagnostic::new(Code::MacUnusable, message).label(mac.span, "no interface sends from this"),
    )
}

fn unreservable(draft: &Draft<'_>, host: &Host<'_>, link: &Link) -> Option<Diagnostic> {
    let Plug::Vlan(vlan) = link.plug else {
        return None;
    };
    let placed = link.addresses.iter().find(|placed| placed.ip().is_ipv4())?;
    draft.vlans.get(vlan)?.node.dhcp.as_ref()?;
    let message = format!(
        "{} is not reserved for {}: `{}` has no hardware address",
        placed.ip(),
        host.title(),
        link.node.name.value
    );
    Some(
        Diagnostic::new(Code::ReservationWithoutMac, message)
            .label(link.node.span, "no `mac` here")
            .help("add mac=\"…\", or configure the address on the machine itself"),
    )
}
