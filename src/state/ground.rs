//! What things stand on, found fast: a state with its addresses by their prefixes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Address, Key, LinkKind, Resource, State, Table};
use crate::base::addr::{InterfaceAddr, Prefix};
use crate::base::name::{HostName, LinkName};

/// A state to look into.
pub struct Ground<'a> {
    pub(super) state: &'a State,
    /// What makes the addresses of a prefix neighbours: an address in it, or a route to it on a link.
    by_prefix: BTreeMap<Prefix, Vec<&'a Key>>,
    by_ip: BTreeMap<IpAddr, Vec<&'a Key>>,
    /// The prefix lengths that there are, of IPv4 and of IPv6.
    lengths: [BTreeSet<u8>; 2],
    /// VRFs, by their links.
    vrfs: BTreeMap<(&'a HostName, &'a LinkName), Table>,
}

impl<'a> Ground<'a> {
    pub fn new(state: &'a State) -> Self {
        let mut ground = Self {
            state,
            by_prefix: BTreeMap::new(),
            by_ip: BTreeMap::new(),
            lengths: [BTreeSet::new(), BTreeSet::new()],
            vrfs: BTreeMap::new(),
        };
        for (key, resource) in state {
            match (key, resource) {
                (Key::Address { address, .. }, Resource::Address(flags)) => {
                    ground.by_ip.entry(address.ip()).or_default().push(key);
                    if flags.prefix_route {
                        ground.know(address.prefix(), key);
                    }
                }
                (Key::Route { destination, .. }, Resource::Route(route))
                    if route.hops.iter().any(|hop| hop.via.is_none()) =>
                {
                    ground.know(*destination, key);
                }
                (Key::Link { controller, link }, Resource::Link(found)) => {
                    if let LinkKind::Vrf(vrf) = &found.kind {
                        ground.vrfs.insert((controller, link), vrf.table);
                    }
                }
                (_, _) => {}
            }
        }
        ground
    }

    fn know(&mut self, prefix: Prefix, key: &'a Key) {
        let [v4, v6] = &mut self.lengths;
        let lengths = if prefix.net().addr().is_ipv4() {
            v4
        } else {
            v6
        };
        lengths.insert(prefix.length());
        self.by_prefix.entry(prefix).or_default().push(key);
    }

    /// What of `owner` makes `via` a neighbour.
    pub fn reaching(&self, owner: &HostName, via: IpAddr) -> impl Iterator<Item = &'a Key> {
        let [v4, v6] = &self.lengths;
        let lengths = if via.is_ipv4() { v4 } else { v6 };
        let prefixes = lengths.iter().filter_map(move |length| {
            let address = InterfaceAddr::new(via, *length).ok()?;
            self.by_prefix.get(&Prefix::holding(address))
        });
        prefixes
            .flatten()
            .copied()
            .filter(move |key| is_of(key, owner))
    }

    /// The table in which the kernel finds the neighbours that `holder` makes.
    pub(super) fn table(&self, holder: &Key) -> Table {
        let (controller, link) = match holder {
            Key::Route { table, .. } => return *table,
            Key::Address {
                controller, link, ..
            } => (controller, link),
            Key::Link { .. }
            | Key::Rule { .. }
            | Key::Listener { .. }
            | Key::Forwarders { .. }
            | Key::BootFile { .. }
            | Key::BootImage { .. }
            | Key::Hook { .. }
            | Key::Webhook { .. }
            | Key::Scope { .. }
            | Key::Reservation { .. }
            | Key::Zone { .. }
            | Key::Record { .. }
            | Key::Bmc { .. }
            | Key::User { .. }
            | Key::Network { .. }
            | Key::BootOrder { .. }
            | Key::Power { .. } => return Table::MAIN,
        };
        // Most hosts have none.
        if self.vrfs.is_empty() {
            return Table::MAIN;
        }
        let key = Key::link(controller, link);
        let of = match self.state.get(&key) {
            Some(Resource::Link(found)) => found.port_of.as_ref().unwrap_or(link),
            Some(_) | None => link,
        };
        let vrf = self.vrfs.get(&(controller, of));
        vrf.copied().unwrap_or(Table::MAIN)
    }

    /// The links of `owner` that have the address.
    pub fn holding(&self, owner: &HostName, ip: IpAddr) -> impl Iterator<Item = &'a Key> {
        let held = self.by_ip.get(&ip).into_iter().flatten().copied();
        held.filter(move |key| is_of(key, owner))
    }
}

fn is_of(key: &Key, owner: &HostName) -> bool {
    matches!(key, Key::Address { controller, .. } | Key::Route { controller, .. } if controller == owner)
}

/// The addresses of a link in one prefix.
pub fn beside<'a>(
    state: &'a State,
    owner: &HostName,
    link: &LinkName,
    prefix: Prefix,
) -> Vec<(&'a Key, &'a Address)> {
    let Some(first) = prefix.interface(prefix.net().network()) else {
        return Vec::new();
    };
    // Keys of one link are ordered by their addresses.
    let first = Key::Address {
        controller: owner.clone(),
        link: link.clone(),
        address: first,
    };
    let addresses = state.range(first..).map_while(|(key, resource)| {
        let (
            Key::Address {
                controller,
                link: on,
                address,
            },
            Resource::Address(flags),
        ) = (key, resource)
        else {
            return None;
        };
        let is_here = controller == owner && on == link && prefix.contains(address.ip());
        is_here.then_some((key, address, flags))
    });
    let same = addresses.filter(|(_, address, _)| address.prefix() == prefix);
    same.map(|(key, _, flags)| (key, flags)).collect()
}
