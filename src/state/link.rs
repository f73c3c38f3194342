//! Network links of a controller: physical ones and bridges.

use serde::{Deserialize, Serialize};

use super::{Changes, Desired, Key, Resource, Table, Unapplied};
use crate::base::limit::MTU_DEFAULT;
use crate::base::name::{HostName, LinkName};
use crate::base::origin::Origin;
use crate::base::route::kept_metric;
use crate::site::model::{Controller, DefaultGateway, LinkForm};

/// A network link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub kind: LinkKind,
    /// Administratively up.
    pub up: bool,
    /// Bytes; `None` where the site leaves the MTU of a physical link alone.
    pub mtu: Option<u32>,
    /// The bridge that this link is a port of.
    pub bridge: Option<LinkName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// A device that exists whatever we do: Ethernet ports, and virtual ones that others made.
    Physical,
    Bridge,
}

impl Link {
    pub(super) fn requires(&self, key: &Key) -> Vec<Key> {
        let (Key::Link { controller, .. }, Some(bridge)) = (key, &self.bridge) else {
            return Vec::new();
        };
        vec![Key::Link {
            controller: controller.clone(),
            link: bridge.clone(),
        }]
    }

    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        let bridge = |port: &Option<LinkName>| {
            port.as_ref()
                .map_or_else(|| "none".to_owned(), ToString::to_string)
        };
        let state = |up: &bool| if *up { "up" } else { "down" }.to_owned();
        let mtu =
            |mtu: &Option<u32>| mtu.map_or_else(|| "unmanaged".to_owned(), |mtu| mtu.to_string());
        let wanted_mtu = self.mtu.or(from.mtu);
        changes
            .shown("kind", &from.kind, &self.kind, |kind| {
                kind.as_str().to_owned()
            })
            .shown("state", &from.up, &self.up, state)
            .shown("mtu", &from.mtu, &wanted_mtu, mtu)
            .shown("bridge", &from.bridge, &self.bridge, bridge)
    }

    /// The link once made, with what the site leaves alone taken from `before`.
    pub(super) fn settled(&self, before: Option<&Self>) -> Self {
        let mtu = self
            .mtu
            .or_else(|| before.and_then(|link| link.mtu))
            .unwrap_or(MTU_DEFAULT);
        Self {
            mtu: Some(mtu),
            ..self.clone()
        }
    }

    pub(super) fn summary(&self) -> String {
        let mut words = vec![
            self.kind.as_str().to_owned(),
            if self.up { "up" } else { "down" }.to_owned(),
        ];
        words.extend(self.mtu.map(|mtu| format!("mtu {mtu}")));
        words.extend(
            self.bridge
                .as_ref()
                .map(|bridge| format!("port of {bridge}")),
        );
        words.join(", ")
    }
}

impl LinkKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Physical => "physical",
            Self::Bridge => "bridge",
        }
    }
}

/// The links of one controller with their addresses.
pub(super) fn desired(name: &HostName, controller: &Controller, into: &mut Desired) {
    for (link_name, link) in &controller.links {
        let bridge = controller.links.iter().find_map(|(bridge, candidate)| {
            let is_port = ports(&candidate.form).contains(link_name);
            is_port.then(|| bridge.clone())
        });
        let (kind, mtu) = match link.form {
            LinkForm::Bridge(_) => (LinkKind::Bridge, Some(link.mtu.unwrap_or(MTU_DEFAULT))),
            LinkForm::Ethernet
            | LinkForm::Bond(_)
            | LinkForm::Tagged { .. }
            | LinkForm::Loopback
            | LinkForm::Dummy
            | LinkForm::Vrf { .. } => (LinkKind::Physical, link.mtu),
        };
        let resource = Resource::Link(Link {
            kind,
            up: true,
            mtu,
            bridge,
        });
        into.add(key(name, link_name), resource, &link.origin);
        super::address::desired(name, link_name, &link.addresses, into);
    }
}

/// The controller without the links that this release cannot make yet; each of them is noted.
pub(super) fn appliable(
    name: &HostName,
    controller: &Controller,
    into: &mut Desired,
) -> Controller {
    let mut left = controller.clone();
    let mut note = |link: &LinkName, why: &str, left: &mut Controller| {
        if let Some(gone) = left.links.remove(link) {
            into.unapplied.push(Unapplied {
                what: key(name, link).to_string(),
                why: why.to_owned(),
                origin: gone.origin,
            });
        }
    };
    for (link, declared) in &controller.links {
        match &declared.form {
            LinkForm::Ethernet if declared.mac.is_some() => {
                note(
                    link,
                    "links are found by their names alone, not by `mac`",
                    &mut left,
                );
            }
            LinkForm::Ethernet => {}
            LinkForm::Bond(bond) => {
                note(link, "bonds are not made yet", &mut left);
                for port in &bond.ports {
                    note(port, "it is a port of a bond", &mut left);
                }
            }
            LinkForm::Tagged { .. } => note(link, "tagged links are not made yet", &mut left),
            LinkForm::Loopback => {
                note(link, "addresses of the loopback are not set yet", &mut left)
            }
            LinkForm::Dummy => note(link, "dummy links are not made yet", &mut left),
            LinkForm::Vrf { ports, .. } => {
                note(link, "VRFs are not made yet", &mut left);
                for port in ports {
                    note(port, "it is a port of a VRF", &mut left);
                }
            }
            LinkForm::Bridge(bridge) if bridge.vlan_filtering => {
                note(link, "bridges do not filter VLANs yet", &mut left);
            }
            LinkForm::Bridge(bridge) if bridge.stp || bridge.forward_delay.is_some() => {
                note(
                    link,
                    "`stp` and `forward-delay` of bridges are not set yet",
                    &mut left,
                );
            }
            LinkForm::Bridge(_) => {}
        }
    }
    // What stands on a link that is left out is left out too; bridges are not ports of bridges.
    for (link, declared) in &controller.links {
        let is_whole = |port: &LinkName| left.links.contains_key(port);
        if !ports(&declared.form).iter().all(is_whole) {
            note(link, "one of its ports is not set up", &mut left);
        }
    }
    traits(name, &mut left, into);
    gateways(name, &mut left, into);
    left
}

/// Notes what is said of links and addresses beside what they are, and leaves out addresses that would not be as they are declared.
fn traits(name: &HostName, left: &mut Controller, into: &mut Desired) {
    let mut note = |what: String, why: &str, origin: &Origin| {
        into.unapplied.push(Unapplied {
            what,
            why: why.to_owned(),
            origin: origin.clone(),
        });
    };
    for (link, declared) in &mut left.links {
        let key = key(name, link);
        for setting in declared.settings.keys() {
            let what = format!("{key}/{setting}");
            note(what, "settings of links are not set yet", &declared.origin);
        }
        declared.addresses.retain(|placed| {
            let is_plain = placed.prefix_route && placed.preferred && placed.duplicate_detection;
            if !is_plain {
                let what = format!("{key}/address/{}", placed.address);
                note(what, "flags of addresses are not set yet", &placed.origin);
            }
            is_plain
        });
    }
    for route in &left.routes {
        let what = format!(
            "controller/{name}/route/{}@{}/{}",
            route.destination,
            Table(route.table),
            kept_metric(route.destination, route.metric)
        );
        note(
            what,
            "a controller's own routes are not set yet",
            &route.origin,
        );
    }
    for rule in &left.rules {
        let what = format!("controller/{name}/rule/{}/{}", rule.family, rule.priority);
        note(what, "policy rules are not set yet", &rule.origin);
    }
}

/// Leaves out what leads over links that are left out, and clients of DHCP.
fn gateways(name: &HostName, left: &mut Controller, into: &mut Desired) {
    for (link, declared) in left.links.iter().filter(|(_, link)| link.dhcp) {
        into.unapplied.push(Unapplied {
            what: format!("{}/dhcp", key(name, link)),
            why: "no DHCP client is run on controllers yet".to_owned(),
            origin: declared.origin.clone(),
        });
    }
    let reaches = |gateway: &DefaultGateway| {
        let mut addresses = left.addresses();
        addresses.any(|(_, placed)| placed.address.prefix().contains(gateway.via))
    };
    let (near, far) = left.default_gateways.iter().cloned().partition(reaches);
    let far: Vec<DefaultGateway> = far;
    left.default_gateways = near;
    into.unapplied
        .extend(far.into_iter().map(|gateway| Unapplied {
            what: format!("controller/{name}/default-gateway"),
            why: "the link towards it is not set up".to_owned(),
            origin: gateway.origin,
        }));
}

fn key(controller: &HostName, link: &LinkName) -> Key {
    Key::Link {
        controller: controller.clone(),
        link: link.clone(),
    }
}

/// The ports of a bridge.
fn ports(form: &LinkForm) -> &[LinkName] {
    match form {
        LinkForm::Bridge(bridge) => &bridge.ports,
        LinkForm::Ethernet
        | LinkForm::Bond(_)
        | LinkForm::Tagged { .. }
        | LinkForm::Loopback
        | LinkForm::Dummy
        | LinkForm::Vrf { .. } => &[],
    }
}
