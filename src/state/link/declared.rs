//! From the links of a site's controller to what should exist.

use std::collections::BTreeMap;

use super::{Bond, Bridge, Link, LinkKind, PortVlan, Tagged, Vrf};
use crate::base::limit::{MTU_DEFAULT, MTU_VRF};
use crate::base::name::{HostName, LinkName};
use crate::site::model::{self, Controller, ControllerLink, LinkForm, Site};
use crate::state::{Desired, Key, Resource, Table};

/// The links of one controller with their addresses.
pub(in crate::state) fn desired(
    site: &Site,
    name: &HostName,
    controller: &Controller,
    into: &mut Desired,
) {
    let ports = ports_of(controller);
    for (link_name, link) in &controller.links {
        let Some(kind) = kind(site, link) else {
            continue;
        };
        let of = ports.get(link_name).copied();
        let mut wanted = Link::new(kind, true, mtu(controller, link, of));
        wanted.port_of = of.cloned();
        wanted.settings.clone_from(&link.settings);
        wanted.vlans = vlans(controller, link_name, wanted.port_of.as_ref());
        if wanted.kind.is_made() {
            wanted.mac = link.mac;
        } else {
            into.by_mac
                .extend(link.mac.map(|mac| (Key::link(name, link_name), mac)));
        }
        into.add(
            Key::link(name, link_name),
            Resource::Link(wanted),
            &link.origin,
        );
        super::super::address::desired(name, link_name, &link.addresses, into);
    }
}

/// The VLANs that a port of a filtering bridge carries, or that bridge itself: what the site says, else the bridge's own one.
fn vlans(
    controller: &Controller,
    link: &LinkName,
    port_of: Option<&LinkName>,
) -> BTreeMap<u16, PortVlan> {
    let form = |link: &LinkName| controller.links.get(link).map(|link| &link.form);
    // A bridge itself, also as a port of a VRF.
    let forms = [form(link), port_of.and_then(form)];
    let mut bridges = forms.into_iter().flatten().filter_map(|form| {
        if let LinkForm::Bridge(bridge) = form {
            Some(bridge)
        } else {
            None
        }
    });
    let Some(bridge) = bridges.next() else {
        return BTreeMap::new();
    };
    if !bridge.vlan_filtering {
        return BTreeMap::new();
    }
    let Some(says) = bridge.port_vlans.get(link) else {
        let default = Some(bridge.default_pvid).filter(|id| *id != 0);
        return default.map(PortVlan::native).into_iter().collect();
    };
    let tagged = says.tagged.iter().map(|id| {
        let vlan = PortVlan {
            pvid: false,
            untagged: false,
        };
        (*id, vlan)
    });
    tagged.chain(says.untagged.map(PortVlan::native)).collect()
}

/// What each link is a port of.
fn ports_of(controller: &Controller) -> BTreeMap<&LinkName, &LinkName> {
    let links = controller.links.iter();
    let pairs = links.flat_map(|(of, link)| ports(&link.form).iter().map(move |port| (port, of)));
    pairs.collect()
}

/// What is made of a link's form; `None` where its VLAN has no id, which no sound site has.
fn kind(site: &Site, link: &ControllerLink) -> Option<LinkKind> {
    Some(match &link.form {
        LinkForm::Ethernet => LinkKind::Physical,
        LinkForm::Loopback => LinkKind::Loopback,
        LinkForm::Bond(bond) => LinkKind::Bond(Bond::declared(bond)),
        LinkForm::Tagged { on, protocol } => LinkKind::Tagged(Tagged {
            on: on.clone(),
            id: site.vlans.get(link.vlan.as_ref()?)?.id?,
            protocol: *protocol,
        }),
        LinkForm::Dummy => LinkKind::Dummy,
        LinkForm::Vrf { table, .. } => LinkKind::Vrf(Vrf {
            table: Table(*table),
        }),
        LinkForm::Bridge(bridge) => LinkKind::Bridge(declared_bridge(bridge)),
    })
}

fn declared_bridge(bridge: &model::Bridge) -> Bridge {
    let plain = Bridge::plain(bridge.stp);
    let delay = bridge
        .forward_delay
        .map(|delay| delay.0.saturating_mul(100));
    Bridge {
        forward_delay: delay.unwrap_or(plain.forward_delay),
        vlan_filtering: bridge.vlan_filtering,
        default_pvid: bridge.default_pvid,
        ..plain
    }
}

/// What is made has an MTU; what is found keeps its own where the site says nothing, but for ports of a bond, which gives them its own
/// (`bond_enslave`, `bond_change_mtu`).
fn mtu(controller: &Controller, link: &ControllerLink, of: Option<&LinkName>) -> Option<u32> {
    let default = match &link.form {
        LinkForm::Ethernet => {
            let of = of.and_then(|of| controller.links.get(of));
            let bond = of.filter(|of| matches!(of.form, LinkForm::Bond(_)));
            bond.map(|bond| bond.mtu.unwrap_or(MTU_DEFAULT))
        }
        LinkForm::Loopback => None,
        LinkForm::Bond(_) | LinkForm::Bridge(_) | LinkForm::Dummy => Some(MTU_DEFAULT),
        LinkForm::Vrf { .. } => Some(MTU_VRF),
        // A VLAN's frames are no larger than its link's.
        LinkForm::Tagged { on, .. } => {
            let below = controller.links.get(on).and_then(|on| on.mtu);
            Some(below.map_or(MTU_DEFAULT, |below| below.min(MTU_DEFAULT)))
        }
    };
    link.mtu.or(default)
}

/// The links that a link is made of.
fn ports(form: &LinkForm) -> &[LinkName] {
    match form {
        LinkForm::Bond(bond) => &bond.ports,
        LinkForm::Bridge(bridge) => &bridge.ports,
        LinkForm::Vrf { ports, .. } => ports,
        LinkForm::Ethernet | LinkForm::Tagged { .. } | LinkForm::Loopback | LinkForm::Dummy => &[],
    }
}
