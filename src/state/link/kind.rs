//! What links are: what each kind has of its own, and what of it the kernel changes in place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bond::Bond;
use super::{Changes, PortVlan};
use crate::base::bond::Needs;
use crate::base::name::LinkName;
use crate::base::vlan::VlanProtocol;
use crate::state::Table;

/// What a link is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// A device that exists whatever we do: Ethernet ports, and virtual ones that others made.
    Physical,
    Loopback,
    Bond(Bond),
    Tagged(Tagged),
    Bridge(Bridge),
    /// A link without a wire, for addresses that no wire may take down.
    Dummy,
    Vrf(Vrf),
}

/// The frames of one VLAN on another link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tagged {
    pub on: LinkName,
    /// 1 to 4094.
    pub id: u16,
    pub protocol: VlanProtocol,
}

/// Links joined at layer 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bridge {
    /// The spanning tree protocol.
    pub stp: bool,
    /// How long a port listens and learns, in hundredths of a second, as the kernel counts.
    pub forward_delay: u32,
    pub vlan_filtering: bool,
    /// The VLAN of untagged frames on ports that say nothing; 0 for none.
    pub default_pvid: u16,
}

/// A routing domain of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vrf {
    pub table: Table,
}

/// What a change of a link takes down with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disruption {
    /// Changed in place, and no packet sees it.
    None,
    /// The link goes down and comes back: what the kernel holds by it alone is lost.
    Bounce,
    /// The link goes and another of its name comes.
    Replace,
}

impl LinkKind {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Physical => "physical",
            Self::Loopback => "loopback",
            Self::Bond(_) => "bond",
            Self::Tagged(_) => "tagged",
            Self::Bridge(_) => "bridge",
            Self::Dummy => "dummy",
            Self::Vrf(_) => "vrf",
        }
    }

    /// Whether it is made and unmade, rather than found.
    pub fn is_made(&self) -> bool {
        match self {
            Self::Physical | Self::Loopback => false,
            Self::Bond(_) | Self::Tagged(_) | Self::Bridge(_) | Self::Dummy | Self::Vrf(_) => true,
        }
    }

    /// Whether other links can be ports of it.
    pub fn takes_ports(&self) -> bool {
        match self {
            Self::Bond(_) | Self::Bridge(_) | Self::Vrf(_) => true,
            Self::Physical | Self::Loopback | Self::Tagged(_) | Self::Dummy => false,
        }
    }

    /// The link that it stands on.
    pub fn on(&self) -> Option<&LinkName> {
        match self {
            Self::Tagged(tagged) => Some(&tagged.on),
            Self::Physical
            | Self::Loopback
            | Self::Bond(_)
            | Self::Bridge(_)
            | Self::Dummy
            | Self::Vrf(_) => None,
        }
    }

    /// What it takes to become `self`.
    pub fn disruption(&self, from: &Self) -> Disruption {
        match (from, self) {
            (Self::Physical, Self::Physical)
            | (Self::Loopback, Self::Loopback)
            | (Self::Dummy, Self::Dummy)
            | (Self::Bridge(_), Self::Bridge(_)) => Disruption::None,
            (Self::Bond(from), Self::Bond(to)) => match to.needs(from) {
                Needs::Nothing => Disruption::None,
                Needs::Down | Needs::Empty => Disruption::Bounce,
            },
            // Neither a VLAN's id, protocol and link nor a VRF's table can be changed (`vlan_changelink`, `vrf_changelink`).
            (Self::Tagged(from), Self::Tagged(to)) if from == to => Disruption::None,
            (Self::Vrf(from), Self::Vrf(to)) if from == to => Disruption::None,
            _ => Disruption::Replace,
        }
    }

    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        match (from, self) {
            (Self::Bond(from), Self::Bond(to)) => to.changes(from, changes),
            (Self::Tagged(from), Self::Tagged(to)) => changes
                .field("on", &from.on, &to.on)
                .field("id", &from.id, &to.id)
                .field("protocol", &from.protocol, &to.protocol),
            (Self::Bridge(from), Self::Bridge(to)) => to.changes(from, changes),
            (Self::Vrf(from), Self::Vrf(to)) => changes.field("table", &from.table, &to.table),
            (from, to) => changes.field("kind", &from.as_str(), &to.as_str()),
        }
    }

    pub(super) fn leave(&mut self, from: &Self, is_left: &dyn Fn(&str) -> bool) {
        match (self, from) {
            (Self::Bond(to), Self::Bond(from)) => to.leave(from, is_left),
            (Self::Bridge(to), Self::Bridge(from)) => to.leave(from, is_left),
            (Self::Tagged(to), Self::Tagged(from)) => {
                if is_left("on") {
                    to.on.clone_from(&from.on);
                }
                if is_left("id") {
                    to.id = from.id;
                }
                if is_left("protocol") {
                    to.protocol = from.protocol;
                }
            }
            (Self::Vrf(to), Self::Vrf(from)) if is_left("table") => to.table = from.table,
            (
                Self::Physical
                | Self::Loopback
                | Self::Bond(_)
                | Self::Tagged(_)
                | Self::Bridge(_)
                | Self::Dummy
                | Self::Vrf(_),
                _,
            ) => {}
        }
    }

    /// What it has of its own, in a few words.
    pub(super) fn summary(&self) -> Option<String> {
        match self {
            Self::Physical | Self::Loopback | Self::Dummy => None,
            Self::Bond(bond) => Some(bond.summary()),
            Self::Tagged(tagged) => {
                let Tagged { on, id, protocol } = tagged;
                Some(match protocol {
                    VlanProtocol::Dot1q => format!("id {id} on {on}"),
                    VlanProtocol::Dot1ad => format!("id {id} on {on}, {protocol}"),
                })
            }
            Self::Bridge(bridge) => bridge.summary(),
            Self::Vrf(vrf) => Some(format!("table {}", vrf.table)),
        }
    }
}

/// A forwarding delay of 15 s (IEEE 802.1D), in hundredths of a second.
const FORWARD_DELAY: u32 = 1500;

impl Bridge {
    /// One whose site says no more than whether it takes part in the spanning tree protocol.
    pub fn plain(stp: bool) -> Self {
        Self {
            stp,
            forward_delay: if stp { FORWARD_DELAY } else { 0 },
            vlan_filtering: false,
            default_pvid: 1,
        }
    }

    /// What a port carries that just joined it, as it does itself (`br_vlan_init`, `nbp_vlan_init`).
    pub fn default_vlans(&self) -> BTreeMap<u16, PortVlan> {
        let id = Some(self.default_pvid).filter(|id| *id != 0);
        id.map(PortVlan::native).into_iter().collect()
    }

    /// What is to be told of a port that has these: while nothing filters, what a new port has is nothing.
    pub fn shown_vlans(&self, has: BTreeMap<u16, PortVlan>) -> BTreeMap<u16, PortVlan> {
        if !self.vlan_filtering && has == self.default_vlans() {
            BTreeMap::new()
        } else {
            has
        }
    }

    /// What a port has of which this is told.
    pub fn kept_vlans(&self, shown: &BTreeMap<u16, PortVlan>) -> BTreeMap<u16, PortVlan> {
        if !self.vlan_filtering && shown.is_empty() {
            self.default_vlans()
        } else {
            shown.clone()
        }
    }

    fn changes(&self, from: &Self, changes: Changes) -> Changes {
        changes
            .shown("stp", &from.stp, &self.stp, on_off)
            .shown(
                "forward-delay",
                &from.forward_delay,
                &self.forward_delay,
                seconds,
            )
            .shown(
                "vlan-filtering",
                &from.vlan_filtering,
                &self.vlan_filtering,
                on_off,
            )
            .field("default-pvid", &from.default_pvid, &self.default_pvid)
    }

    fn leave(&mut self, from: &Self, is_left: &dyn Fn(&str) -> bool) {
        if is_left("stp") {
            self.stp = from.stp;
        }
        if is_left("forward-delay") {
            self.forward_delay = from.forward_delay;
        }
        if is_left("vlan-filtering") {
            self.vlan_filtering = from.vlan_filtering;
        }
        if is_left("default-pvid") {
            self.default_pvid = from.default_pvid;
        }
    }

    fn summary(&self) -> Option<String> {
        let mut words = Vec::new();
        if self.stp {
            words.push(format!(
                "stp, forward-delay {}",
                seconds(&self.forward_delay)
            ));
        }
        if self.vlan_filtering {
            words.push(format!(
                "vlan-filtering, default-pvid {}",
                self.default_pvid
            ));
        }
        (!words.is_empty()).then(|| words.join(", "))
    }
}

fn on_off(flag: &bool) -> String {
    if *flag { "on" } else { "off" }.to_owned()
}

/// Hundredths of a second as seconds.
fn seconds(hundredths: &u32) -> String {
    match (hundredths / 100, hundredths % 100) {
        (whole, 0) => format!("{whole}s"),
        (whole, rest) => format!("{whole}.{rest:02}s"),
    }
}
