//! The machines that have an address reserved.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::as_v4;
use crate::base::addr::Prefix;
use crate::base::identity::{Identity, IdentityKind, Uuid};
use crate::base::name::{HostName, Name};
use crate::base::option::{OptionValue, ROUTERS};
use crate::base::vlan::VlanPath;
use crate::site::model::{Dhcp, LinkForm, Machine, MachineInterface, Vlan};
use crate::state::{Changes, Desired, Key, Resource, State, list};

/// Addresses that belong to one client on a VLAN; none where another server gives them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    pub host: HostName,
    /// At most one in each subnet of the VLAN; none of a machine that is only known there, where others are not served.
    pub addresses: BTreeSet<Ipv4Addr>,
    /// What else it is known by, beside what it is kept under.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub identities: BTreeSet<Identity>,
    /// Its tags, as far as client classes ask for them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<Name>,
    pub image: Option<Name>,
    /// Whether it is not told what to boot, not even what the scope offers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub boots_from_disk: bool,
    /// What it is told instead of what the scope says, by option code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<u8, OptionValue>,
    /// What it is not told though the scope says it, by option code.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub withheld: BTreeSet<u8>,
}

impl Reservation {
    /// Whether a client that shows these is the one that this, kept under `by`, is for.
    pub fn is_known_by(&self, by: &Identity, shown: &BTreeSet<Identity>) -> bool {
        shown.contains(by) || !self.identities.is_disjoint(shown)
    }

    pub(in crate::state) fn requires(&self, key: &Key, state: &State) -> Vec<Key> {
        let Key::Reservation { vlan: own, .. } = key else {
            return Vec::new();
        };
        // Keys are ordered, and no prefix sorts before 0.0.0.0/0.
        let first = Key::Scope {
            vlan: own.clone(),
            subnet: Prefix::EVERY_V4,
        };
        let scopes = state
            .range(first..)
            .map(|(key, _)| key)
            .take_while(|key| matches!(key, Key::Scope { vlan, .. } if vlan == own));
        let holds = |key: &&Key| matches!(key, Key::Scope { subnet, .. } if self.addresses.iter().any(|address| subnet.contains(IpAddr::V4(*address))));
        let mut keys: Vec<Key> = scopes.filter(holds).cloned().collect();
        keys.extend(self.image.clone().map(|image| Key::BootImage { image }));
        keys
    }

    pub(in crate::state) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        changes
            .field("host", &from.host, &self.host)
            .shown("addresses", &from.addresses, &self.addresses, |addresses| {
                list(addresses)
            })
            .shown(
                "identities",
                &from.identities,
                &self.identities,
                |identities| list(identities),
            )
            .shown("tags", &from.tags, &self.tags, |tags| list(tags))
            .shown("image", &from.image, &self.image, |image| list(image))
            .field(
                "boots-from-disk",
                &from.boots_from_disk,
                &self.boots_from_disk,
            )
            .shown("withheld", &from.withheld, &self.withheld, |codes| {
                list(codes)
            })
            .options(&from.options, &self.options)
    }

    pub(in crate::state) fn summary(&self) -> String {
        if self.addresses.is_empty() {
            return format!("{} without an address", self.host);
        }
        format!("{} for {}", list(&self.addresses), self.host)
    }
}

/// What the clients of an interface are known by, in the order in which it counts: beside its own, the hardware addresses of the ports of
/// a bond or a bridge, since firmware boots from any of them and knows nothing of what is made of them.
fn identities(
    vlan: &VlanPath,
    machine: &Machine,
    interface: &MachineInterface,
    is_proxied: bool,
) -> BTreeSet<Identity> {
    let names = match &interface.form {
        LinkForm::Bond(bond) => bond.ports.as_slice(),
        LinkForm::Bridge(bridge) => bridge.ports.as_slice(),
        LinkForm::Ethernet
        | LinkForm::Tagged { .. }
        | LinkForm::Loopback
        | LinkForm::Dummy
        | LinkForm::Vrf { .. } => &[],
    };
    let ports = names.iter().filter_map(|name| machine.interfaces.get(name));
    let macs = ports.filter_map(|port| port.mac).map(Identity::Mac);
    // Where another server gives the addresses, an interface without one is told of as well.
    let is_told = |one: &MachineInterface| {
        let mut ips = one.addresses.iter().map(|placed| placed.address.ip());
        one.vlan.as_ref() == Some(vlan) && (is_proxied || ips.any(|ip| ip.is_ipv4()))
    };
    let has_uuid = has_uuid(machine, interface, is_told);
    let uuid = machine.uuid.filter(|_| has_uuid);
    let uuid = uuid.into_iter().flat_map(Uuid::machine_ids);
    let all = interface.identities.iter().cloned();
    all.chain(macs).chain(uuid).collect()
}

/// Whether the machine's UUID stands for this interface in the VLAN: the first one that nothing else is known of, else the first.
fn has_uuid(
    machine: &Machine,
    interface: &MachineInterface,
    is_here: impl Fn(&MachineInterface) -> bool,
) -> bool {
    let all = || machine.interfaces.values().map(Box::as_ref);
    let here = || all().filter(|one| is_here(one));
    let unknown = here().find(|one| one.mac.is_none() && one.identities.is_empty());
    let stands = unknown.or_else(|| here().next());
    stands.is_some_and(|one| std::ptr::eq(one, interface))
}

/// What a reservation is kept under: the first that counts. Of a client identifier in two forms that is the plain text.
fn leading(identities: &BTreeSet<Identity>) -> Option<Identity> {
    let kind = identities.first()?.kind();
    let of_kind = identities.iter().take_while(|one| one.kind() == kind);
    let chosen = match kind {
        IdentityKind::ClientId => of_kind.last(),
        IdentityKind::Mac
        | IdentityKind::CircuitId
        | IdentityKind::Duid
        | IdentityKind::MachineId => identities.first(),
    };
    chosen.cloned()
}

/// The tags that client classes of a VLAN ask for.
pub(super) fn asked_tags(dhcp: &Dhcp) -> BTreeSet<&Name> {
    let asked = dhcp.classes.iter().flat_map(|class| &class.matches);
    asked.filter_map(|asked| asked.tag.as_ref()).collect()
}

/// What `machine` has reserved on the VLAN with this interface.
pub(super) fn desired(
    (path, vlan, dhcp): (&VlanPath, &Vlan, &Dhcp),
    asked_tags: &BTreeSet<&Name>,
    host: &HostName,
    machine: &Machine,
    interface: &MachineInterface,
    into: &mut Desired,
) {
    let addresses: BTreeSet<Ipv4Addr> = interface
        .addresses
        .iter()
        .filter_map(|placed| as_v4(placed.address.ip()))
        .collect();
    // Another server may give the address, and the machine has its program from here all the same.
    let is_proxied = dhcp.policy.proxy;
    let mut identities = identities(path, machine, interface, is_proxied);
    let own = interface.mac.map(Identity::Mac);
    let Some(by) = own.or_else(|| leading(&identities)) else {
        return;
    };
    identities.remove(&by);
    // Of several gateways a machine has one: what leads elsewhere is not told.
    let is_elsewhere = addresses.iter().all(|address| {
        let subnet = vlan.subnet_of(IpAddr::V4(*address));
        let gateway = subnet.and_then(|(_, subnet)| subnet.gateway);
        gateway.is_none_or(|gateway| !machine.default_gateways.contains(&gateway))
    });
    let is_chosen = machine.default_gateways.iter().any(IpAddr::is_ipv4);
    let reservation = Reservation {
        host: host.clone(),
        withheld: (is_chosen && is_elsewhere)
            .then_some(ROUTERS)
            .into_iter()
            .collect(),
        addresses,
        identities,
        tags: machine
            .tags
            .iter()
            .filter(|tag| asked_tags.contains(tag))
            .cloned()
            .collect(),
        image: machine.image.clone().filter(|_| !machine.boots_from_disk),
        boots_from_disk: machine.boots_from_disk,
        options: machine.options.clone(),
    };
    into.add(
        Key::Reservation {
            vlan: path.clone(),
            by: Box::new(by),
        },
        Resource::Reservation(reservation),
        &interface.origin,
    );
}
