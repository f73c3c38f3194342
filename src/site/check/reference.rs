//! Every name refers to something: spaces, images, controllers that serve names.

use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Spanned;
use crate::lang::node::DnsServer;
use crate::site::resolve::{Draft, Host, Role, refer};

use crate::base::name::HostName;

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    let gaps = &draft.declarations.gaps;
    for vlan in &draft.vlans {
        if let Some(space) = vlan.node.space.given() {
            draft.spaces.check(space, gaps, out);
        }
        let dhcp = vlan.node.dhcp.as_ref();
        if let Some(image) = dhcp.and_then(|dhcp| dhcp.image.given()) {
            draft.images.check(image, gaps, out);
        }
    }
    let machines = draft.hosts.iter().filter_map(|host| match &host.role {
        Role::Machine(shape) => Some(&**shape),
        Role::Controller(_) => None,
    });
    let profiles = draft.declarations.profiles.iter().map(|node| &node.shape);
    for shape in machines.chain(profiles) {
        if let Some(image) = shape.image.given() {
            draft.images.check(image, gaps, out);
        }
    }
    name_servers(draft, out);
}

/// A subnet's `dns` names controllers that its hosts can reach.
fn name_servers(draft: &Draft<'_>, out: &mut Faults) {
    for (index, subnet) in draft.subnets.iter().enumerate() {
        for server in &subnet.node.dns {
            let DnsServer::Controller(name) = &server.value else {
                continue;
            };
            let reference = Spanned::new(name.clone(), server.span);
            let Some(controller) = controller(draft, &reference, out) else {
                continue;
            };
            if draft.address_towards(controller, index).is_none() && !may_hide(draft, controller) {
                let family = if subnet.is_v4() { "IPv4" } else { "IPv6" };
                out.push(without_address(draft, &reference, subnet.vlan, family));
            }
        }
    }
}

/// The controller that a reference names; a missing one is reported.
pub(super) fn controller<'d>(
    draft: &'d Draft<'_>,
    reference: &Spanned<HostName>,
    out: &mut Faults,
) -> Option<&'d Host<'d>> {
    if draft.repeated.contains(&reference.value) {
        return None;
    }
    let found = draft.controller(&reference.value);
    let other = draft.names.get(&reference.value);
    let other = other.and_then(|index| draft.hosts.get(*index));
    if let (None, Some(machine)) = (found, other) {
        let message = format!("`{}` is no controller", reference.value);
        out.push(
            Diagnostic::new(Code::UnknownReference, message)
                .label(reference.span, "a controller is meant here")
                .label(machine.name.span, "this is a machine")
                .help("name a host that runs `bedplate serve`"),
        );
    } else if found.is_none() {
        let controllers = draft.hosts.iter().filter(|host| host.is_controller());
        let names = controllers.map(|host| host.name.value.as_str());
        refer(
            "controller",
            reference,
            names,
            &draft.declarations.gaps,
            out,
        );
    }
    found
}

/// Whether a controller may have addresses that could not be read.
pub(super) fn may_hide(draft: &Draft<'_>, controller: &Host<'_>) -> bool {
    let gaps = &draft.declarations.gaps;
    controller.is_partial() || gaps.may_hide(&["ethernet", "bridge", "address"])
}

/// Whether a host may have links or a BMC that could not be read.
pub(super) fn may_lack(draft: &Draft<'_>, host: &Host<'_>) -> bool {
    let kinds = &[
        "ethernet", "bond", "tagged", "bridge", "dummy", "vrf", "bmc",
    ];
    host.lacks_profile || draft.declarations.gaps.may_hide(kinds)
}

pub(super) fn without_address(
    draft: &Draft<'_>,
    reference: &Spanned<HostName>,
    vlan: usize,
    family: &str,
) -> Diagnostic {
    let path = draft
        .vlans
        .get(vlan)
        .map_or_else(String::new, |vlan| vlan.path.to_string());
    let name = &reference.value;
    Diagnostic::new(
        Code::ControllerAddress,
        format!("the controller `{name}` has no {family} address in the vlan `{path}`"),
    )
    .label(reference.span, "it could not answer there")
    .help(format!(
        "give `{name}` a link with vlan=\"{path}\" and an {family} address"
    ))
}
