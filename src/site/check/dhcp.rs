//! DHCP service: one controller that is on the VLAN, and something to hand out.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::proxy::is_proxied;
use super::reference::{controller, may_hide, without_address};
use crate::base::limit;
use crate::base::name::HostName;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::{Span, Spanned};
use crate::lang::Slot;
use crate::lang::node::{DhcpNode, SubnetNode, VlanNode};
use crate::site::resolve::{Draft, Placed, Plug};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    asked(draft, out);
    inherited(draft, out);
    let reserved = reserved(draft);
    for (index, vlan) in draft.vlans.iter().enumerate() {
        let Some(dhcp) = &vlan.node.dhcp else {
            continue;
        };
        controllers(draft, index, dhcp, out);
        let mut subnets = vlan.node.subnets.iter();
        let is_managed = |subnet: &SubnetNode| subnet.managed.value() != Some(&false);
        let has_dynamic = subnets.any(|subnet| !subnet.dynamic.is_empty() && is_managed(subnet));
        let has_reserved = reserved.get(index) == Some(&true);
        let may_hide = draft.declarations.gaps.may_hide(&[
            "subnet",
            "dynamic-range",
            "machine",
            "profile",
            "ethernet",
            "address",
        ]);
        // What could not be read may have said that another server gives the addresses.
        let is_elsewhere = matches!(dhcp.proxy, Slot::Faulty) || is_proxied(draft, index);
        if !has_dynamic && !has_reserved && !may_hide && !is_elsewhere {
            out.push(
                Diagnostic::new(
                    Code::DhcpNothing,
                    format!("DHCP on the vlan `{}` has nothing to hand out", vlan.path),
                )
                .label(
                    dhcp.span,
                    "no dynamic range, and no machine with mac and address",
                )
                .help("add a `dynamic-range` to a subnet of the vlan, or remove `dhcp`"),
            );
        }
    }
}

/// What subnets are told by others than themselves, written out for each, has a bound.
fn inherited(draft: &Draft<'_>, out: &mut Faults) {
    let mut all: usize = 0;
    for (index, vlan) in draft.vlans.iter().enumerate() {
        let Some(dhcp) = &vlan.node.dhcp else {
            continue;
        };
        let before = all;
        all = before.saturating_add(draft.told_by_vlan(index));
        if (before..all).contains(&limit::INHERITED_BYTES) {
            let most = limit::INHERITED_BYTES / 1024 / 1024;
            let message = format!("`dhcp` gives subnets more than {most} MiB in all");
            out.push(
                Diagnostic::new(Code::Limit, message)
                    .label(dhcp.span, "too much from here on")
                    .help("say fewer options for many subnets at once"),
            );
        }
    }
}

/// Whoever asks for whatever DHCP offers is offered something.
fn asked(draft: &Draft<'_>, out: &mut Faults) {
    let vlans = draft.vlans.iter().enumerate();
    let offers = vlans.map(|(index, vlan)| offers(vlan.node) || is_proxied(draft, index));
    let offers: Vec<bool> = offers.collect();
    if draft
        .declarations
        .gaps
        .may_hide(&["dhcp", "subnet", "dynamic-range"])
    {
        return;
    }
    let machines = draft.hosts.iter().filter(|host| !host.is_controller());
    for link in machines.flat_map(|host| &host.links) {
        let (Some(span), Plug::Vlan(vlan)) = (link.dhcp, link.plug) else {
            continue;
        };
        let is_reserved = link.addresses.iter().any(|placed| placed.ip().is_ipv4());
        if is_reserved || offers.get(vlan) != Some(&false) {
            continue;
        }
        let path = draft.vlans.get(vlan).map(|vlan| vlan.path.to_string());
        let message = format!(
            "nobody offers an address by DHCP on the vlan `{}`",
            path.unwrap_or_default()
        );
        out.push(
            Diagnostic::new(Code::DhcpNobody, message)
                .label(span, "asked for here")
                .help("add `dhcp` and a `dynamic-range`; or `managed #false` where something else gives addresses"),
        );
    }
}

/// Whether anybody gets an address on a VLAN, from here or from something else.
fn offers(vlan: &VlanNode) -> bool {
    let mut subnets = vlan.subnets.iter();
    subnets.any(|subnet| {
        let is_managed = subnet.managed.value() != Some(&false);
        !is_managed || (vlan.dhcp.is_some() && !subnet.dynamic.is_empty())
    })
}

/// For each VLAN, whether some machine has an address reserved there. What could not be read counts as one.
fn reserved(draft: &Draft<'_>) -> Vec<bool> {
    let mut found = vec![false; draft.vlans.len()];
    let machines = draft.hosts.iter().filter(|host| !host.is_controller());
    let links = machines.flat_map(|host| host.links.iter().map(move |link| (host, link)));
    for (host, link) in links {
        let is_known =
            !host.mac_of(link).is_absent() || link.node.identity.is_some() || host.has_uuid();
        let has_address = link.node.has_faulty_address
            || link.is_waiting
            || link
                .addresses
                .iter()
                .any(|one| one.ip().is_ipv4() && is_managed(draft, one));
        match link.plug {
            Plug::Vlan(vlan) if is_known && has_address => {
                if let Some(reserved) = found.get_mut(vlan) {
                    *reserved = true;
                }
            }
            Plug::Unknown if is_known && has_address => found.fill(true),
            Plug::Vlan(_) | Plug::Nothing | Plug::Unknown => {}
        }
    }
    found
}

/// Whether the subnet of an address is for this site to serve; one without a subnet is told as such.
fn is_managed(draft: &Draft<'_>, placed: &Placed) -> bool {
    let subnet = placed.subnet.and_then(|subnet| draft.subnets.get(subnet));
    subnet.is_none_or(|subnet| subnet.node.managed.value() != Some(&false))
}

fn controllers(draft: &Draft<'_>, vlan: usize, dhcp: &DhcpNode, out: &mut Faults) {
    for reference in &dhcp.controllers {
        let Some(host) = controller(draft, reference, out) else {
            continue;
        };
        let has_address = host
            .addresses_in(vlan)
            .any(|placed| matches!(placed.ip(), IpAddr::V4(_)));
        if !has_address && !may_hide(draft, host) {
            out.push(without_address(draft, reference, vlan, "IPv4"));
        }
    }
    let mut seen: BTreeMap<&HostName, Span> = BTreeMap::new();
    for reference in &dhcp.controllers {
        match seen.get(&reference.value) {
            Some(first) => out.push(again(reference, *first)),
            None => drop(seen.insert(&reference.value, reference.span)),
        }
    }
    let mut controllers = dhcp.controllers.iter();
    let first = controllers.next();
    let second = first.and_then(|first| controllers.find(|one| one.value != first.value));
    if let (Some(first), Some(second)) = (first, second) {
        out.push(
            Diagnostic::new(
                Code::DhcpControllers,
                "several controllers on one vlan need a shared store, which this release does not have",
            )
            .label(second.span, "a second controller")
            .label(first.span, "the first one")
            .help("name one controller"),
        );
    }
}

fn again(reference: &Spanned<HostName>, first: Span) -> Diagnostic {
    let message = format!("the controller `{}` is named twice", reference.value);
    Diagnostic::new(Code::RepeatedNode, message)
        .label(reference.span, "again here")
        .label(first, "first here")
        .help("keep one of them")
}
