//! VLANs without DHCP: what the site says of addresses that nobody gives there comes to nothing, and whoever said it may not know.

use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Span;
use crate::lang::node::SubnetNode;
use crate::site::resolve::{Draft, VlanDraft};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    if draft.declarations.gaps.may_hide(&["dhcp"]) {
        return;
    }
    let unserved = draft.vlans.iter().filter(|vlan| vlan.node.dhcp.is_none());
    for vlan in unserved {
        // What IPv6 has no DHCP for yet is told as such.
        let subnets = vlan.node.subnets.iter();
        for subnet in subnets.filter(|subnet| subnet.prefix.value.net().addr().is_ipv4()) {
            let said = settings(subnet);
            out.extend(said.map(|(what, span)| idle(vlan, what, span)));
        }
    }
}

/// What a subnet says for DHCP, each kind once.
fn settings(subnet: &SubnetNode) -> impl Iterator<Item = (&'static str, Span)> {
    // A range of a subnet that is not ours has a rule of its own.
    let is_managed = subnet.managed.value() != Some(&false);
    let ranges = subnet.dynamic.first().filter(|_| is_managed);
    let said = [
        ("dynamic-range", ranges.map(|pool| pool.range.span)),
        (
            "thresholds",
            subnet.thresholds.first().map(|share| share.span),
        ),
        (
            "disable-boot",
            subnet.disabled_boot.first().map(|arch| arch.span),
        ),
        ("option", subnet.options.first().map(|option| option.span)),
    ];
    said.into_iter()
        .filter_map(|(what, span)| Some((what, span?)))
}

fn idle(vlan: &VlanDraft<'_>, what: &'static str, span: Span) -> Diagnostic {
    let message = format!(
        "`{what}` comes to nothing: no DHCP is served on the vlan `{}`",
        vlan.path
    );
    let help = match what {
        "dynamic-range" => {
            "add `dhcp` to the vlan; or let `reserved-range` keep the addresses free"
        }
        _ => "add `dhcp` to the vlan, or remove this",
    };
    Diagnostic::new(Code::DhcpUnserved, message)
        .label(span, "said in vain")
        .help(help)
}
