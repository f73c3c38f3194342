//! Relayed VLANs: each either served or relayed, straight to a VLAN that is served.

use crate::base::limit;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Span;
use crate::lang::Slot;
use crate::lang::node::DhcpNode;
use crate::site::resolve::{Draft, Plug, VlanDraft};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    let mut inherited: usize = 0;
    for (index, vlan) in draft.vlans.iter().enumerate() {
        let Some(dhcp) = &vlan.node.dhcp else {
            continue;
        };
        out.extend(either(draft, dhcp));
        let (Slot::Given(relay), Some(Plug::Vlan(target))) =
            (&dhcp.relay_to, draft.relays.get(index))
        else {
            continue;
        };
        let Some(other) = draft.vlans.get(*target) else {
            continue;
        };
        out.extend(unfit(draft, vlan, relay.span, other));
        let length = other.node.dhcp.as_ref().map_or(0, |dhcp| dhcp.length);
        let before = inherited;
        inherited = before.saturating_add(length);
        if (before..inherited).contains(&limit::INHERITED_BYTES) {
            out.push(too_much(relay.span));
        }
    }
}

fn too_much(span: Span) -> Diagnostic {
    let most = limit::INHERITED_BYTES / 1024 / 1024;
    let message = format!("servers give relayed vlans more than {most} MiB in all");
    Diagnostic::new(Code::Limit, message)
        .label(span, "too much from here on")
        .help("give the servers' vlan fewer options")
}

/// A VLAN has servers, or a relay agent that knows some.
fn either(draft: &Draft<'_>, dhcp: &DhcpNode) -> Option<Diagnostic> {
    match (dhcp.controllers.first(), &dhcp.relay_to) {
        (Some(controller), Slot::Given(relay)) => Some(
            Diagnostic::new(Code::DhcpBoth, "a vlan is served or relayed, not both")
                .label(relay.span, "relayed to another vlan")
                .label(controller.span, "served by a controller")
                .help("keep `controllers` or `relay-to`"),
        ),
        (None, Slot::Absent) if !dhcp.is_partial && !draft.declarations.gaps.may_hide(&["controllers", "relay-to"]) => Some(
            Diagnostic::new(Code::Missing, "`dhcp` needs `controllers` or `relay-to`")
                .label(dhcp.span, "nobody serves this vlan")
                .help("add controllers \"…\", or relay-to \"…\" where a relay agent forwards to another vlan"),
        ),
        (Some(_), Slot::Absent | Slot::Faulty) | (None, Slot::Absent | Slot::Faulty | Slot::Given(_)) => None,
    }
}

/// Why a VLAN cannot be relayed to.
fn unfit(
    draft: &Draft<'_>,
    vlan: &VlanDraft<'_>,
    span: Span,
    target: &VlanDraft<'_>,
) -> Option<Diagnostic> {
    let fault = |message: String| {
        Diagnostic::new(Code::RelayTarget, message)
            .label(span, "relayed to this")
            .label(target.node.name.span, "the vlan")
    };
    if vlan.path == target.path {
        return Some(
            fault(format!("the vlan `{}` is relayed to itself", vlan.path))
                .help("name the vlan of the servers"),
        );
    }
    let Some(dhcp) = &target.node.dhcp else {
        let is_hidden = draft.declarations.gaps.may_hide(&["dhcp"]);
        return (!is_hidden).then(|| {
            fault(format!("the vlan `{}` has no DHCP servers", target.path)).help(
                "a relay agent forwards to servers: name a vlan with `dhcp` and `controllers`",
            )
        });
    };
    dhcp.relay_to.given().map(|_| {
        fault(format!("the vlan `{}` is itself relayed", target.path))
            .help("relay straight to the vlan of the servers")
    })
}
