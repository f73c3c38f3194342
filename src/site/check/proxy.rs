//! VLANs whose addresses another server gives: what the site says of addresses there would come to nothing.

use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Span;
use crate::lang::Slot;
use crate::lang::node::DhcpNode;
use crate::site::resolve::{Draft, Host, Plug, Role, VlanDraft};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    for (index, vlan) in draft.vlans.iter().enumerate() {
        let Some(dhcp) = vlan.node.dhcp.as_ref() else {
            continue;
        };
        if !is_proxied(draft, index) {
            continue;
        }
        ranges(vlan, out);
        let said = [
            ("lease-time", dhcp.lease_time.given().map(|said| said.span)),
            (
                "authoritative",
                dhcp.authoritative.given().map(|said| said.span),
            ),
            ("identity", dhcp.identity.given().map(|said| said.span)),
            (
                "leases-per-circuit",
                dhcp.bounds.leases_per_circuit.given().map(|said| said.span),
            ),
        ];
        for (what, span) in said {
            out.extend(span.map(|span| idle(vlan, span, what)));
        }
        if has_nothing(draft, index, dhcp) {
            let message = format!("DHCP on the vlan `{}` has nothing to boot", vlan.path);
            out.push(
                Diagnostic::new(Code::DhcpNothing, message)
                    .label(
                        dhcp.span,
                        "no image here nor of a machine, and another server gives the addresses",
                    )
                    .help("add `image` here, or to a machine of the vlan; or remove `dhcp`"),
            );
        }
    }
}

/// Whether another server gives the addresses of a VLAN. Of a relayed one, what it does not say itself is its servers' VLAN's.
pub(super) fn is_proxied(draft: &Draft<'_>, vlan: usize) -> bool {
    let dhcp = |vlan: usize| draft.vlans.get(vlan)?.node.dhcp.as_ref();
    let own = dhcp(vlan).map(|own| &own.proxy);
    let theirs = || match draft.relays.get(vlan) {
        Some(Plug::Vlan(target)) => dhcp(*target)?.proxy.value(),
        Some(Plug::Nothing | Plug::Unknown) | None => None,
    };
    let said = own.and_then(Slot::value).or_else(theirs);
    said == Some(&true)
}

fn ranges(vlan: &VlanDraft<'_>, out: &mut Faults) {
    for pool in vlan.node.subnets.iter().flat_map(|subnet| &subnet.dynamic) {
        out.push(
            idle(vlan, pool.range.span, "dynamic-range")
                .help("let `reserved-range` keep the other server's addresses free"),
        );
    }
}

fn idle(vlan: &VlanDraft<'_>, span: Span, what: &str) -> Diagnostic {
    let message = format!(
        "`{what}` comes to nothing: another server gives the addresses of the vlan `{}`",
        vlan.path
    );
    let idle = Diagnostic::new(Code::DhcpProxy, message).label(span, "said in vain");
    match vlan.node.dhcp.as_ref().and_then(|dhcp| dhcp.proxy.given()) {
        Some(proxy) => idle.label(proxy.span, "only boot programs are told"),
        None => idle,
    }
}

/// Whether no client could ever be told what to boot.
fn has_nothing(draft: &Draft<'_>, vlan: usize, dhcp: &DhcpNode) -> bool {
    let target = match draft.relays.get(vlan) {
        Some(Plug::Vlan(target)) => draft.vlans.get(*target),
        Some(Plug::Nothing | Plug::Unknown) | None => None,
    };
    let theirs = target.and_then(|target| target.node.dhcp.as_deref());
    let mut images = [Some(dhcp), theirs].into_iter().flatten();
    let classes = draft.classes(vlan).into_iter();
    let has_image = images.any(|dhcp| !dhcp.image.is_absent())
        || classes
            .into_iter()
            .any(|(_, class)| !class.image.is_absent());
    let boots = |host: &Host<'_>| match &host.role {
        Role::Controller(_) => false,
        Role::Machine(shape) => host.lacks_profile || !shape.image.is_absent(),
    };
    let mut machines = draft.hosts.iter().filter(|host| boots(host));
    let has_machine = machines.any(|host| {
        let mut plugs = host.links.iter().map(|link| &link.plug);
        plugs.any(|plug| {
            matches!(plug, Plug::Unknown) || matches!(plug, Plug::Vlan(own) if *own == vlan)
        })
    });
    let gaps = &draft.declarations.gaps;
    !has_image
        && !has_machine
        && !gaps.may_hide(&["image", "machine", "profile", "ethernet", "client-class"])
}
