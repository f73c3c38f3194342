//! Fixed addresses: in a subnet of their VLAN, for a host to have, and one host's only.

use std::collections::BTreeMap;

use super::claim::{self, Claim};
use crate::base::limit;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::lang::Slot;
use crate::lang::node::{AddressFlags, AddressNode, AddressWish};
use crate::site::resolve::{Draft, Host, Link, Placed, Plug};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    for host in &draft.hosts {
        for link in &host.links {
            for address in &link.node.addresses {
                out.extend(idle(address));
            }
            if !link.node.shape.is_wired() {
                own(draft, link, out);
                continue;
            }
            for placed in &link.addresses {
                out.extend(narrow(link, placed));
                match placed.subnet {
                    Some(subnet) => fits(draft, host, placed, subnet, out),
                    None => out.extend(homeless(draft, link, placed)),
                }
            }
            if !host.is_controller() {
                many(draft, link, out);
            }
        }
    }
    unique(draft, out);
}

/// IPv6 on a link whose frames are too short for it.
fn narrow(link: &Link, placed: &Placed) -> Option<Diagnostic> {
    let mtu = link.node.mtu.given()?;
    let is_v6 = placed.ip().is_ipv6();
    (is_v6 && mtu.value < limit::MTU_MIN_V6).then(|| {
        let message = format!("an MTU of {} is too small for IPv6", mtu.value);
        Diagnostic::new(Code::InvalidValue, message)
            .label(mtu.span, "frames of the link")
            .label(placed.span(), "an address of IPv6")
            .help(format!("IPv6 needs {} (RFC 8200 5)", limit::MTU_MIN_V6))
    })
}

/// DHCP offers an interface one address of a subnet, so that a second one would never be had.
fn many(draft: &Draft<'_>, link: &Link, out: &mut Faults) {
    let mut seen: BTreeMap<usize, &Placed> = BTreeMap::new();
    for placed in link.addresses.iter().filter(|placed| placed.ip().is_ipv4()) {
        let Some(subnet) = placed.subnet else {
            continue;
        };
        let Some(first) = seen.insert(subnet, placed) else {
            continue;
        };
        let Some(prefix) = draft.prefix(subnet) else {
            continue;
        };
        let name = &link.node.name.value;
        let message = format!("the interface `{name}` has two addresses in {prefix}");
        out.push(
            Diagnostic::new(Code::AddressesMany, message)
                .label(placed.span(), "a second one")
                .label(first.span(), "the first one")
                .help("keep one: DHCP offers an interface one address of a subnet"),
        );
    }
}

/// A flag of an address that changes nothing there.
fn idle(address: &AddressNode) -> Option<Diagnostic> {
    let AddressFlags {
        prefix_route,
        preferred,
        duplicate_detection,
    } = address.flags.as_deref()?;
    let all = [prefix_route, preferred, duplicate_detection];
    let first = all.into_iter().find_map(Slot::given)?;
    let (flag, message, help) = match (address.wish, duplicate_detection.given()) {
        (AddressWish::Dhcp, _) => (
            first,
            "an address that DHCP gives has no flags",
            "remove them, or write the address out",
        ),
        (AddressWish::Fixed { ip, .. }, Some(flag)) if ip.is_ipv4() => (
            flag,
            "`duplicate-detection` is IPv6's",
            "remove it: the kernel sets addresses of IPv4 without asking",
        ),
        (AddressWish::Fixed { .. } | AddressWish::Auto, _) => return None,
    };
    Some(
        Diagnostic::new(Code::InvalidValue, message)
            .label(flag.span, "nothing comes of this")
            .label(address.span, "the address")
            .help(help),
    )
}

/// Addresses on no wire: each names its length, and lies in no subnet.
fn own(draft: &Draft<'_>, link: &Link, out: &mut Faults) {
    let word = link.node.shape.word();
    let place = format!("on the {word}");
    let others = link.node.addresses.iter();
    for address in others.filter(|one| !matches!(one.wish, AddressWish::Fixed { .. })) {
        let message = format!("the {word}'s addresses are written out");
        out.push(
            Diagnostic::new(Code::LoopbackAddress, message)
                .label(address.span, place.clone())
                .help("write the address with its length: \"192.0.2.1/32\""),
        );
    }
    for placed in &link.addresses {
        let ip = placed.ip();
        out.extend(super::edge::nobody(ip, placed.span()));
        out.extend(narrow(link, placed));
        let fault = |message: String| {
            Diagnostic::new(Code::LoopbackAddress, message).label(placed.span(), place.clone())
        };
        let whole = if ip.is_ipv4() { 32 } else { 128 };
        if placed.length.is_none() {
            let message = format!("{ip} does not say how long its prefix is");
            out.push(fault(message).help(format!("write \"{ip}/{whole}\"")));
        }
        if let Some(subnet) = draft
            .index
            .holding(ip)
            .next()
            .and_then(|subnet| draft.subnets.get(subnet))
        {
            let prefix = subnet.node.prefix;
            let message = format!("{ip} lies in the subnet {}", prefix.value);
            out.push(
                fault(message)
                    .label(prefix.span, "this subnet is on a wire")
                    .help(format!(
                        "a {word}'s address is in no subnet: a routing daemon makes it known"
                    )),
            );
        }
    }
}

/// As many subnets as a help line lists.
const FEW: usize = 6;

/// Why an address is in no subnet of its link's VLAN.
fn homeless(draft: &Draft<'_>, link: &Link, placed: &Placed) -> Option<Diagnostic> {
    let ip = placed.ip();
    match link.plug {
        Plug::Unknown => None,
        Plug::Nothing => Some(
            Diagnostic::new(
                Code::AddressPlace,
                format!(
                    "the link `{}` has an address but no vlan",
                    link.node.name.value
                ),
            )
            .label(placed.span(), "this address needs a subnet")
            .label(link.node.span, "no vlan here")
            .help("add vlan=\"…\" to the link"),
        ),
        Plug::Vlan(_) if draft.declarations.gaps.may_hide(&["subnet"]) => None,
        Plug::Vlan(vlan) => {
            let vlan = draft.vlans.get(vlan)?;
            let elsewhere = draft.index.holding(ip).next().and_then(|subnet| {
                let prefix = draft.prefix(subnet)?;
                let home = draft.vlan_of(subnet)?;
                Some(format!("{ip} is in {prefix} of the vlan `{}`", home.path))
            });
            let subnets = &vlan.node.subnets;
            let few = subnets.iter().take(FEW);
            let few: Vec<String> = few.map(|one| one.prefix.value.to_string()).collect();
            let help = elsewhere.unwrap_or_else(|| match subnets.len() {
                0 => "the vlan has no subnet: declare one".to_owned(),
                1..=FEW => format!("the vlan has {}", few.join(", ")),
                _ => format!("the vlan has {}, …", few.join(", ")),
            });
            Some(
                Diagnostic::new(
                    Code::AddressPlace,
                    format!("{ip} is in no subnet of the vlan `{}`", vlan.path),
                )
                .label(placed.span(), "no subnet holds this address")
                .help(help),
            )
        }
    }
}

fn fits(draft: &Draft<'_>, host: &Host<'_>, placed: &Placed, subnet: usize, out: &mut Faults) {
    let Some(subnet) = draft.subnets.get(subnet) else {
        return;
    };
    let prefix = subnet.node.prefix.value;
    let ip = placed.ip();
    if let Some(length) = placed.length.filter(|length| *length != prefix.length()) {
        out.push(
            Diagnostic::new(
                Code::AddressPlace,
                format!("{ip}/{length} does not have the prefix length of {prefix}"),
            )
            .label(placed.span(), "another length than the subnet's")
            .label(subnet.node.prefix.span, "the subnet")
            .help(format!("write \"{ip}\": the subnet gives the length")),
        );
    }
    if let Some(fault) = super::edge::of_subnet(prefix, ip, placed.span()) {
        out.push(relock(fault, placed.is_locked));
    }
    let gateway = subnet.node.gateway.given();
    if let Some(gateway) = gateway.filter(|gateway| gateway.value == ip && !host.is_controller()) {
        let fault = Diagnostic::new(
            Code::AddressIsGateway,
            format!("{} has the address of its subnet's gateway", host.title()),
        )
        .label(placed.span(), "the machine's address")
        .label(gateway.span, "the subnet's gateway")
        .help("only a controller may be the gateway of a subnet that it serves");
        out.push(relock(fault, placed.is_locked));
    }
}

/// The fault of an address; where the lock gave it, another can be had.
fn relock(fault: Diagnostic, is_locked: bool) -> Diagnostic {
    match is_locked {
        true => fault.help("remove the line from the lock, and run `bedplate lock`"),
        false => fault,
    }
}

/// No address twice in the whole site; isolated fabrics have addresses of their own.
fn unique(draft: &Draft<'_>, out: &mut Faults) {
    let links = draft
        .hosts
        .iter()
        .flat_map(|host| host.links.iter().map(move |link| (host, link)));
    let placed = links.flat_map(|(host, link)| link.addresses.iter().map(move |one| (host, one)));
    let mut claims: Vec<_> = placed
        .map(|(host, placed)| Claim {
            key: (draft.domain(placed), placed.ip()),
            rank: 0,
            span: placed.span(),
            host,
            is_locked: placed.is_locked,
        })
        .collect();
    for claim::Shared { first, again, .. } in claim::shared(&mut claims) {
        let (owner, other) = (first.host.title(), again.host.title());
        let (_, ip) = first.key;
        let message = match std::ptr::eq(first.host, again.host) {
            true => format!("{owner} has the address {ip} twice"),
            false => format!("{owner} and {other} both have the address {ip}"),
        };
        let fault = Diagnostic::new(Code::AddressTwice, message);
        // Machines that share a profile have its address from one place.
        let fault = if first.span == again.span {
            fault
                .label(first.span, "every machine of this profile gets it")
                .help("give the address in each machine")
        } else {
            fault
                .label(again.span, "used again here")
                .label(first.span, "first used here")
                .help("give one of them another address")
        };
        out.push(relock(fault, first.is_locked || again.is_locked));
    }
}
