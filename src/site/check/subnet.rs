//! Subnets: real prefixes that never overlap, each with a gateway that a host can be.

use std::net::IpAddr;

use crate::base::addr::Prefix;
use crate::base::limit;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Spanned;
use crate::lang::node::{DnsServer, SubnetNode};
use crate::site::resolve::{Draft, SubnetDraft};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    for ((inner, here), (outer, there)) in draft.index.overlaps() {
        let message = if inner == outer {
            format!("the subnet {inner} is declared twice")
        } else {
            format!("the subnets {inner} and {outer} overlap")
        };
        out.push(
            Diagnostic::new(Code::SubnetOverlap, message)
                .label(here, "this subnet lies in the other")
                .label(there, "the other is declared here")
                .help("an address belongs to one subnet in the whole site: make one smaller, or declare the fabric `isolated #true` if nothing routes between them"),
        );
    }
    for subnet in &draft.subnets {
        out.extend(length(subnet.node).or_else(|| foreign(subnet.node)));
        gateway(subnet.node, out);
        out.extend(narrow(draft, subnet));
        out.extend(refused(subnet.node));
        out.extend(idle(subnet.node));
    }
}

/// IPv6 where frames are too short for it.
fn narrow(draft: &Draft<'_>, subnet: &SubnetDraft<'_>) -> Option<Diagnostic> {
    let mtu = draft.vlans.get(subnet.vlan)?.node.mtu.given()?;
    (!subnet.is_v4() && mtu.value < limit::MTU_MIN_V6).then(|| {
        let message = format!("an MTU of {} is too small for IPv6", mtu.value);
        Diagnostic::new(Code::InvalidValue, message)
            .label(mtu.span, "frames of the vlan")
            .label(subnet.node.prefix.span, "a subnet of IPv6")
            .help(format!("IPv6 needs {} (RFC 8200 5)", limit::MTU_MIN_V6))
    })
}

/// Machines are sent to a controller for names that it is not to answer.
fn refused(subnet: &SubnetNode) -> Option<Diagnostic> {
    let allow = subnet.allow_dns.given().filter(|allow| !allow.value)?;
    let is_controller =
        |server: &&Spanned<DnsServer>| matches!(server.value, DnsServer::Controller(_));
    let named = subnet.dns.iter().find(is_controller)?;
    let message = "a controller is named as name server where `allow-dns` is #false";
    Some(
        Diagnostic::new(Code::DnsRefused, message)
            .label(named.span, "named here")
            .label(allow.span, "not to be asked here")
            .help("name other servers, or remove `allow-dns`"),
    )
}

/// RFC 2317 is for prefixes that have no zone of their own.
fn idle(subnet: &SubnetNode) -> Option<Diagnostic> {
    let prefix = subnet.prefix.value;
    let mode = subnet
        .reverse_dns
        .given()
        .filter(|mode| mode.value == "rfc2317")?;
    let longest = if prefix.net().addr().is_ipv4() {
        24
    } else {
        124
    };
    (prefix.length() <= longest).then(|| {
        let message = format!("{prefix} is not longer than /{longest}, and has zones of its own");
        Diagnostic::new(Code::ReverseZoneIdle, message)
            .label(mode.span, "changes nothing here")
            .help("remove it")
    })
}

fn length(subnet: &SubnetNode) -> Option<Diagnostic> {
    let prefix = subnet.prefix;
    prefix.value.is_default().then(|| {
        let message = format!("{} holds every address there is", prefix.value);
        Diagnostic::new(Code::InvalidValue, message)
            .label(prefix.span, "a subnet's prefix is longer than zero")
            .help("write the prefix that the VLAN uses, such as \"10.10.0.0/16\"")
    })
}

/// What is set aside for other things than hosts on a wire (IANA, special-purpose address registries).
const SET_ASIDE: [(&str, &str); 8] = [
    ("0.0.0.0/8", "no host at all"),
    ("127.0.0.0/8", "each host's own loopback"),
    ("224.0.0.0/4", "groups of hosts"),
    ("255.255.255.255/32", "every host on a link"),
    ("::/127", "no host, and each host itself"),
    ("::ffff:0:0/96", "IPv4 addresses in programs"),
    ("fe80::/10", "the link-local addresses that every link has"),
    ("ff00::/8", "groups of hosts"),
];

/// A prefix of addresses that no subnet has.
fn foreign(subnet: &SubnetNode) -> Option<Diagnostic> {
    let prefix = subnet.prefix;
    let (other, what) = SET_ASIDE.iter().find(|(other, _)| {
        let other: Option<Prefix> = other.parse().ok();
        other.is_some_and(|other| other.overlaps(prefix.value))
    })?;
    let message = format!("{} is not for subnets: {other} is for {what}", prefix.value);
    let fault = Diagnostic::new(Code::InvalidValue, message);
    Some(
        fault
            .label(prefix.span, "no host can be addressed here")
            .help("write the prefix that the VLAN uses, such as \"10.10.0.0/16\""),
    )
}

fn gateway(subnet: &SubnetNode, out: &mut Faults) {
    let Some(gateway) = subnet.gateway.given() else {
        return;
    };
    let prefix = subnet.prefix.value;
    let ip = gateway.value;
    let problem = if !prefix.contains(ip) && !is_link_local(ip, prefix.net().network()) {
        format!("the gateway {ip} is not in {prefix}")
    } else if prefix.is_edge(ip) {
        format!("the gateway {ip} is the network or broadcast address of {prefix}")
    } else {
        return;
    };
    out.push(
        Diagnostic::new(Code::GatewayPlace, problem)
            .label(gateway.span, "no host of the subnet can have this address")
            .label(subnet.prefix.span, "the subnet")
            .help("name a host address in the subnet, or leave the gateway out"),
    );
}

/// An IPv6 router is usually known by its link-local address.
fn is_link_local(ip: IpAddr, network: IpAddr) -> bool {
    match (ip, network) {
        (IpAddr::V6(ip), IpAddr::V6(_)) => ip.is_unicast_link_local(),
        (IpAddr::V4(_), _) | (_, IpAddr::V4(_)) => false,
    }
}
