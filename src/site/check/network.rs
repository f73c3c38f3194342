//! Networks of BMCs: where the site has what they are told, and each once.

use std::net::{IpAddr, Ipv4Addr};

use super::claim::{self, Claim, Shared};
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Spanned;
use crate::lang::node::{BmcNetworkNode, BmcNode};
use crate::site::resolve::{Domain, Draft, Host, Role};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    let mut claims = Vec::new();
    for host in &draft.hosts {
        let Role::Machine(shape) = &host.role else {
            continue;
        };
        let Some(bmc) = &shape.bmc else {
            continue;
        };
        if let Some(network) = &bmc.network {
            placed(draft, bmc, network, out);
            out.extend(given_by_dhcp(network));
            claims.extend(claimed(draft, host, bmc, network));
        }
    }
    let shared = claim::shared(&mut claims).into_iter();
    let is_of_two = |one: &Shared<'_, '_, _>| !std::ptr::eq(one.first.host, one.again.host);
    out.extend(shared.filter(is_of_two).map(|one| {
        let message = format!(
            "{} declares the network of a BMC of which {} does",
            one.again.host.title(),
            one.first.host.title()
        );
        let fault = Diagnostic::new(Code::RepeatedNode, message);
        let fault = match one.first.span == one.again.span {
            true => fault.label(one.first.span, "every machine of this profile does"),
            false => fault
                .label(one.again.span, "declared again here")
                .label(one.first.span, "first declared here"),
        };
        fault.help("the network is the BMC's, whatever systems it has: declare it in one machine")
    }));
}

/// What a BMC is told of its place is what the site says of that.
fn placed(draft: &Draft<'_>, bmc: &BmcNode, network: &BmcNetworkNode, out: &mut Faults) {
    let Some(address) = bmc.address.given() else {
        return;
    };
    if let Spanned {
        value: IpAddr::V6(_),
        span,
    } = address
    {
        let message = "the network of a BMC is told in IPv4 alone";
        out.push(
            Diagnostic::new(Code::BmcSetting, message)
                .label(network.span, "cannot be told")
                .label(*span, "the BMC's address")
                .help("remove it, or give the BMC an address of IPv4"),
        );
        return;
    }
    let Some(number) = draft.subnet_of_bmc(bmc) else {
        let is_unsure = draft
            .declarations
            .gaps
            .may_hide(&["fabric", "vlan", "subnet"]);
        let is_told = draft.index.holding(address.value).next().is_some();
        if !is_unsure && !is_told {
            let message = "the BMC's address is in no subnet of the site";
            out.push(
                Diagnostic::new(Code::AddressPlace, message)
                    .label(address.span, "which mask belongs to it?")
                    .label(network.span, "to be told here")
                    .help("declare the subnet, if need be with managed=#false"),
            );
        }
        return;
    };
    let subnet = draft.subnets.get(number);
    if let (Some(gateway), Some(prefix)) = (
        network.gateway.given(),
        subnet.map(|subnet| subnet.node.prefix.value),
    ) {
        let router = IpAddr::V4(gateway.value);
        if !prefix.contains(router) || prefix.is_edge(router) || router == address.value {
            let message = format!("{router} is no router for a BMC in {prefix}");
            out.push(
                Diagnostic::new(Code::GatewayPlace, message)
                    .label(gateway.span, "cannot be reached from there")
                    .label(address.span, "the BMC's address")
                    .help("give a router of that subnet"),
            );
        }
    }
    let vlan = draft.vlan_of(number);
    if let Some(tagged) = network.tagged.given().filter(|tagged| tagged.value)
        && vlan.is_some_and(|vlan| vlan.node.id.is_absent())
    {
        let message = "the VLAN of the BMC's address has no id to tag frames with";
        out.push(
            Diagnostic::new(Code::TaggedVlan, message)
                .label(tagged.span, "cannot be tagged")
                .label(address.span, "the BMC's address")
                .help("give the VLAN an id, or write tagged=#false"),
        );
    }
}

fn given_by_dhcp(network: &BmcNetworkNode) -> Option<Diagnostic> {
    let gateway: &Spanned<Ipv4Addr> = network.gateway.given()?;
    let source = network.source.given().filter(|one| one.value == "dhcp")?;
    let message = "a BMC that takes its address from DHCP takes its router too";
    Some(
        Diagnostic::new(Code::BmcSetting, message)
            .label(gateway.span, "means nothing here")
            .label(source.span, "since it is asked for here")
            .help("remove it, or write `network \"static\"`"),
    )
}

fn claimed<'d>(
    draft: &'d Draft<'d>,
    host: &'d Host<'d>,
    bmc: &'d BmcNode,
    network: &'d BmcNetworkNode,
) -> Option<Claim<'d, (Domain, IpAddr)>> {
    Some(Claim {
        key: (draft.domain_of_bmc(bmc)?, *bmc.address.value()?),
        rank: 0,
        span: network.span,
        host,
        is_locked: false,
    })
}
