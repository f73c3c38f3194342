//! Network links of a controller: physical ones and bridges.

use serde::{Deserialize, Serialize};

use super::{Changes, Desired, Key, Resource};
use crate::base::limit::MTU_DEFAULT;
use crate::base::name::{HostName, LinkName};
use crate::site::model::{Controller, ControllerLinkKind};

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
        let bridge =
            controller
                .links
                .iter()
                .find_map(|(bridge, candidate)| match &candidate.kind {
                    ControllerLinkKind::Bridge { ports } if ports.contains(link_name) => {
                        Some(bridge.clone())
                    }
                    ControllerLinkKind::Bridge { .. } | ControllerLinkKind::Ethernet => None,
                });
        let (kind, mtu) = match link.kind {
            ControllerLinkKind::Ethernet => (LinkKind::Physical, link.mtu),
            ControllerLinkKind::Bridge { .. } => {
                (LinkKind::Bridge, Some(link.mtu.unwrap_or(MTU_DEFAULT)))
            }
        };
        let key = Key::Link {
            controller: name.clone(),
            link: link_name.clone(),
        };
        into.add(
            key,
            Resource::Link(Link {
                kind,
                up: true,
                mtu,
                bridge,
            }),
            &link.origin,
        );
        super::address::desired(name, link_name, &link.addresses, into);
    }
}
