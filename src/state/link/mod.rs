//! Network links of a controller: what they have in common.

mod bond;
mod declared;
mod kind;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Changes, Key};
use crate::base::mac::MacAddr;
use crate::base::name::LinkName;
use crate::base::setting::LinkSetting;

pub use bond::Bond;
pub use kind::{Bridge, Disruption, LinkKind, Tagged, Vrf};

pub(super) use declared::desired;

/// A network link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub kind: LinkKind,
    /// Administratively up.
    pub up: bool,
    /// Bytes; `None` where the site leaves the MTU of a link alone.
    pub mtu: Option<u32>,
    /// `None` where the site leaves the hardware address alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddr>,
    /// The bond, bridge or VRF that this link is a port of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_of: Option<LinkName>,
    /// As a port of a bridge that filters, or as that bridge: the VLANs whose frames it takes. Of one that does not filter: those that it
    /// would take if it did, where they are not a new port's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vlans: BTreeMap<u16, PortVlan>,
    /// What the kernel does with packets of the link; others are left alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<LinkSetting, u32>,
}

/// How a port of a bridge carries a VLAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortVlan {
    /// Whether frames that come without a tag belong to it.
    pub pvid: bool,
    /// Whether its frames leave without a tag.
    pub untagged: bool,
}

impl PortVlan {
    /// Of frames without a tag, in and out, by its id.
    pub fn native(id: u16) -> (u16, Self) {
        let vlan = Self {
            pvid: true,
            untagged: true,
        };
        (id, vlan)
    }
}

impl Link {
    /// A link of which nothing is said but what it is.
    pub fn new(kind: LinkKind, up: bool, mtu: Option<u32>) -> Self {
        Self {
            kind,
            up,
            mtu,
            mac: None,
            port_of: None,
            vlans: BTreeMap::new(),
            settings: BTreeMap::new(),
        }
    }

    /// The links that it stands on or is a port of.
    pub fn needs(&self) -> impl Iterator<Item = &LinkName> {
        self.kind.on().into_iter().chain(&self.port_of)
    }

    pub(super) fn requires(&self, key: &Key) -> Vec<Key> {
        let Key::Link { controller, .. } = key else {
            return Vec::new();
        };
        let needed = self.needs().map(|link| Key::link(controller, link));
        needed.collect()
    }

    /// What it takes to make it of `from`.
    pub fn disruption(&self, from: &Self) -> Disruption {
        let macs = self.mac.zip(from.mac);
        if macs.is_some_and(|(wanted, found)| wanted != found) && self.holds_mac() {
            return Disruption::Replace;
        }
        self.kind.disruption(&from.kind)
    }

    /// Whether it is a bond that takes no other hardware address once it is made.
    fn holds_mac(&self) -> bool {
        matches!(&self.kind, LinkKind::Bond(bond) if bond.holds_mac() && !bond.has_mac_of_port())
    }

    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        let state = |up: &bool| if *up { "up" } else { "down" }.to_owned();
        let wanted_mtu = self.mtu.or(from.mtu);
        let wanted_mac = self.mac.or(from.mac);
        self.kind
            .changes(&from.kind, changes)
            .shown("state", &from.up, &self.up, state)
            .shown("mtu", &from.mtu, &wanted_mtu, or("unmanaged"))
            .shown("mac", &from.mac, &wanted_mac, or("unmanaged"))
            .shown("port-of", &from.port_of, &self.port_of, or("none"))
            .shown("vlans", &from.vlans, &self.vlans, vlans)
            .settings(&from.settings, &self.settings)
    }

    /// The link once made, with what the site leaves alone taken from `before`.
    pub(super) fn settled(&self, before: Option<&Self>) -> Self {
        let mut settings = before.map_or_else(BTreeMap::new, |link| link.settings.clone());
        settings.extend(
            self.settings
                .iter()
                .map(|(setting, value)| (*setting, *value)),
        );
        Self {
            mtu: self.mtu.or_else(|| before.and_then(|link| link.mtu)),
            mac: self.mac.or_else(|| before.and_then(|link| link.mac)),
            settings,
            ..self.clone()
        }
    }

    pub(super) fn leave(&mut self, from: &Self, is_left: &dyn Fn(&str) -> bool) {
        self.kind.leave(&from.kind, is_left);
        if is_left("state") {
            self.up = from.up;
        }
        if is_left("mtu") {
            self.mtu = from.mtu;
        }
        if is_left("mac") {
            self.mac = from.mac;
        }
        if is_left("port-of") {
            self.port_of.clone_from(&from.port_of);
        }
        if is_left("vlans") {
            self.vlans.clone_from(&from.vlans);
        }
        for (setting, value) in &from.settings {
            if is_left(setting.as_str()) {
                self.settings.insert(*setting, *value);
            }
        }
    }

    pub(super) fn summary(&self) -> String {
        let mut words = vec![
            self.kind.as_str().to_owned(),
            if self.up { "up" } else { "down" }.to_owned(),
        ];
        words.extend(self.kind.summary());
        words.extend(self.mtu.map(|mtu| format!("mtu {mtu}")));
        words.extend(self.port_of.as_ref().map(|of| format!("port of {of}")));
        if !self.vlans.is_empty() {
            words.push(format!("vlans {}", vlans(&self.vlans)));
        }
        let settings = self.settings.iter();
        words.extend(settings.map(|(one, value)| format!("{one} {}", one.shown(*value))));
        words.join(", ")
    }
}

impl Changes {
    /// Settings that nobody wants otherwise are left alone.
    fn settings(self, from: &BTreeMap<LinkSetting, u32>, to: &BTreeMap<LinkSetting, u32>) -> Self {
        to.iter().fold(self, |changes, (setting, wanted)| {
            let found = from.get(setting);
            let shown = |value: &Option<u32>| {
                value.map_or_else(|| "unknown".to_owned(), |value| setting.shown(value))
            };
            changes.shown(setting.as_str(), &found.copied(), &Some(*wanted), shown)
        })
    }
}

fn or<T: fmt::Display>(absent: &'static str) -> impl Fn(&Option<T>) -> String {
    move |value| {
        value
            .as_ref()
            .map_or_else(|| absent.to_owned(), ToString::to_string)
    }
}

/// `1 pvid untagged, 100, 200`.
fn vlans(vlans: &BTreeMap<u16, PortVlan>) -> String {
    super::list(vlans.iter().map(|(id, how)| {
        let words = [(how.pvid, " pvid"), (how.untagged, " untagged")];
        let words = words.into_iter().filter(|(is, _)| *is);
        let words: String = words.map(|(_, word)| word).collect();
        format!("{id}{words}")
    }))
}
