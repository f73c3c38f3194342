//! What a kernel does to links, addresses and routes beside what it is told, and what it refuses. Knows no plan, so that it finds the
//! planner's faults.

use std::collections::BTreeMap;

use crate::base::limit::MTU_MIN_V6;
use crate::base::mac::MacAddr;
use crate::base::name::LinkName;
use crate::state::{Address, Bridge, Disruption, Key, Link, LinkKind, PortVlan, Resource, State};
use crate::world::WorldError;

/// A host's network, as a kernel keeps it.
pub(super) struct Kernel<'a> {
    pub(super) state: &'a mut State,
    /// The VLANs of ports whose bridge does not filter.
    hidden: &'a mut Hidden,
    restless: &'a Restless,
}

pub(super) type Hidden = BTreeMap<LinkName, BTreeMap<u16, PortVlan>>;

/// Links whose drivers take them down and up for another MTU: for any, or for one alone.
pub(super) type Restless = BTreeMap<LinkName, Option<u32>>;

impl<'a> Kernel<'a> {
    pub(super) fn new(
        state: &'a mut State,
        hidden: &'a mut Hidden,
        restless: &'a Restless,
    ) -> Self {
        Self {
            state,
            hidden,
            restless,
        }
    }

    /// Puts a thing there that changes nothing else.
    pub(super) fn insert(&mut self, key: &Key, resource: &Resource) {
        let settled = resource.settled(self.state.get(key));
        self.state.insert(key.clone(), settled);
    }

    /// An IPv4 address comes after what its link has of its prefix (`__inet_insert_ifa`), and keeps its place; one that is to be the
    /// first has the others put behind it.
    pub(super) fn make_address(&mut self, key: &Key, wanted: &Address) {
        let found = self.place_of(key);
        self.insert(key, &Resource::Address(wanted.clone()));
        if !is_ordered(key) {
            return;
        }
        let is_later = found.unwrap_or_else(|| self.beside(key).next().is_some());
        self.place(key, is_later);
        if is_later && wanted.secondary == Some(false) {
            self.unsettle(key);
            let others: Vec<Key> = self.beside(key).cloned().collect();
            others.iter().for_each(|other| self.place(other, true));
            self.place(key, false);
        }
    }

    /// Of addresses whose order nobody told, those that follow a first one came later.
    pub(super) fn order_addresses(&mut self) {
        let keys = self.state.keys().filter(|key| is_ordered(key));
        let untold = keys.filter(|key| self.place_of(key).is_none());
        let untold: Vec<Key> = untold.cloned().collect();
        for key in untold {
            let is_later = self.has_first(&key);
            self.place(&key, is_later);
        }
    }

    /// The first address of a prefix takes the later ones along (`__inet_del_ifa`). The shell puts them back, one of them first, and the
    /// routes that they held are gone.
    fn remove_address(&mut self, key: &Key) {
        if is_ordered(key) && self.place_of(key) == Some(false) {
            self.unsettle(key);
        }
        let held = self.held();
        self.state.remove(key);
        self.drop_routes(&held);
        let last = self.beside(key).last().cloned();
        if let Some(last) = last.filter(|_| is_ordered(key) && !self.has_first(key)) {
            // No plan may count on which one it is.
            self.place(&last, false);
        }
    }

    fn place_of(&self, key: &Key) -> Option<bool> {
        match self.state.get(key) {
            Some(Resource::Address(address)) => address.secondary,
            Some(_) | None => None,
        }
    }

    /// Whether one of the other addresses is the first.
    fn has_first(&self, of: &Key) -> bool {
        self.beside(of).any(|key| self.place_of(key) == Some(false))
    }

    fn place(&mut self, key: &Key, is_later: bool) {
        if let Some(Resource::Address(address)) = self.state.get_mut(key) {
            address.secondary = Some(is_later);
        }
    }

    /// The other addresses of an address's link and prefix.
    pub(super) fn beside<'b>(&'b self, of: &'b Key) -> impl Iterator<Item = &'b Key> {
        self.state.keys().filter(move |key| match (key, of) {
            (
                Key::Address { link, address, .. },
                Key::Address {
                    link: on,
                    address: one,
                    ..
                },
            ) => *key != of && link == on && address.prefix() == one.prefix(),
            (_, _) => false,
        })
    }

    pub(super) fn make_link(&mut self, key: &Key, wanted: &Link) -> Result<(), WorldError> {
        let before = match self.state.get(key) {
            Some(Resource::Link(link)) => Some(link.clone()),
            Some(_) | None => None,
        };
        if let Some(why) = self.objection(key, before.as_ref(), wanted) {
            return Err(refused(key, why));
        }
        self.insert(key, &Resource::Link(wanted.clone()));
        let Some(name) = link_of(key).cloned() else {
            return Ok(());
        };
        // No link is without a hardware address; this one has the same by the same name.
        let drawn = name
            .as_str()
            .bytes()
            .fold(0_u16, |sum, byte| sum.rotate_left(3) ^ u16::from(byte));
        let [high, low] = drawn.to_be_bytes();
        self.change(&name, |link| {
            if link.kind.is_made() {
                link.mac.get_or_insert(MacAddr([2, 0xff, 0, 0, high, low]));
            }
        });
        self.hide_vlans(&name, wanted);
        let Some(before) = before else {
            return Ok(());
        };
        if matches!(&wanted.kind, LinkKind::Bond(bond) if bond.holds_mac()) {
            // It takes none any more, and says so to nobody (`bond_set_mac_address`).
            self.change(&name, |link| link.mac = before.mac);
        }
        let needs_rest = wanted.disruption(&before) == Disruption::Bounce;
        let cycles = |of: &Option<LinkName>| of.as_ref().is_some_and(|of| self.cycles(of));
        let moves = before.port_of != wanted.port_of
            && (cycles(&before.port_of) || cycles(&wanted.port_of));
        if needs_rest || moves || (before.up && !wanted.up) {
            self.down(&name);
        }
        if needs_rest {
            for port in self.ports(&name) {
                self.down(&port);
            }
        }
        if wanted.up && (!before.up || needs_rest || moves) {
            self.raise(&name);
        }
        if let (LinkKind::Bridge(from), LinkKind::Bridge(to)) = (&before.kind, &wanted.kind) {
            self.rewrite_vlans(&name, from, to);
            // The bridge's own were set last.
            self.change(&name, |link| link.vlans.clone_from(&wanted.vlans));
        }
        if let Some(mtu) = wanted.mtu.filter(|mtu| before.mtu != Some(*mtu)) {
            self.resize(&name, mtu);
            let bounces = self.restless.get(&name);
            if bounces.is_some_and(|only| only.is_none_or(|only| only == mtu)) {
                self.down(&name);
            }
        }
        Ok(())
    }

    /// What the kernel would not do at all.
    fn objection(&self, key: &Key, before: Option<&Link>, wanted: &Link) -> Option<&'static str> {
        match before {
            None if !wanted.kind.is_made() => return Some("there is no such device"),
            Some(before) if wanted.disruption(before) == Disruption::Replace => {
                return Some("a link of another kind or tag has the name");
            }
            Some(_) | None => {}
        }
        if let LinkKind::Tagged(tagged) = &wanted.kind {
            let (_, below) = self.link(&tagged.on)?;
            if wanted.mtu > below.mtu {
                return Some("larger than the link below");
            }
            let is_other = |(other, link): (&Key, &Link)| other != key && link.kind == wanted.kind;
            if self.links().any(is_other) {
                return Some("the tag is taken");
            }
        }
        let below = wanted.port_of.as_ref().and_then(|of| self.link(of));
        if below.is_some_and(|(_, of)| !of.kind.takes_ports()) {
            return Some("that takes no ports");
        }
        None
    }

    /// Takes a thing away, and all that cannot be without it.
    pub(super) fn remove(&mut self, key: &Key) {
        let Some(gone) = self.state.get(key).cloned() else {
            return;
        };
        let (Key::Link { link: name, .. }, Resource::Link(gone)) = (key, gone) else {
            self.remove_address(key);
            return;
        };
        for tagged in self.tagged_on(name) {
            self.remove(&tagged);
        }
        for port in self.ports(name) {
            if matches!(gone.kind, LinkKind::Bond(_) | LinkKind::Vrf(_)) {
                self.down(&port);
            }
            // A VRF brings its ports up again; a bond leaves them closed (`__bond_release_one`).
            if matches!(gone.kind, LinkKind::Vrf(_)) {
                self.raise(&port);
            } else if matches!(gone.kind, LinkKind::Bond(_)) {
                self.change(&port, |link| link.up = false);
            }
            self.hidden.remove(&port);
            self.change(&port, |link| {
                link.port_of = None;
                link.vlans.clear();
            });
        }
        let held = self.held();
        self.state.remove(key);
        self.state
            .retain(|key, _| !is_address_on(key, name, Family::Both));
        self.drop_routes(&held);
    }

    /// A link goes down: IPv6 forgets its addresses, and all routes through it are gone (`addrconf_ifdown`, `fib_disable_ip`); tagged
    /// links on it go down as well (`vlan_device_event`).
    fn down(&mut self, name: &LinkName) {
        let held = self.held();
        self.state
            .retain(|key, _| !is_address_on(key, name, Family::V6));
        self.drop_through(&held, name);
        self.drop_routes(&held);
        for tagged in self.tagged_on(name) {
            if let Some(tagged) = link_of(&tagged).cloned() {
                self.down(&tagged);
                self.change(&tagged, |link| link.up = false);
            }
        }
    }

    /// A link comes up, and with it the tagged ones on it, whoever took them down.
    fn raise(&mut self, name: &LinkName) {
        for tagged in self.tagged_on(name) {
            if let Some(tagged) = link_of(&tagged).cloned() {
                self.change(&tagged, |link| link.up = true);
                self.raise(&tagged);
            }
        }
    }

    /// Tagged links shrink with what they stand on; ports of a bond are as large as it is; what is too small is not for IPv6.
    fn resize(&mut self, name: &LinkName, mtu: u32) {
        if mtu < MTU_MIN_V6 {
            let held = self.held();
            self.state
                .retain(|key, _| !is_address_on(key, name, Family::V6));
            self.drop_routes(&held);
        }
        for tagged in self.tagged_on(name) {
            let larger = |(_, link): &(Key, Link)| link.mtu > Some(mtu);
            let found = link_of(&tagged).and_then(|name| self.link_owned(name));
            if let (Some(name), true) = (link_of(&tagged), found.as_ref().is_some_and(larger)) {
                let name = name.clone();
                self.change(&name, |link| link.mtu = Some(mtu));
                self.resize(&name, mtu);
            }
        }
        let is_bond = |(_, link): (&Key, &Link)| matches!(link.kind, LinkKind::Bond(_));
        if self.link(name).is_some_and(is_bond) {
            for port in self.ports(name) {
                self.change(&port, |link| link.mtu = Some(mtu));
            }
        }
    }

    /// With another default, a bridge gives its ports other VLANs (`br_vlan_set_default_pvid`); while it does not filter, nobody sees them.
    fn rewrite_vlans(&mut self, name: &LinkName, from: &Bridge, to: &Bridge) {
        for port in self.ports(name) {
            let hidden = self.hidden.remove(&port);
            let mut table = hidden.unwrap_or_else(|| from.default_vlans());
            self.change(&port, |link| {
                if from.vlan_filtering {
                    table.clone_from(&link.vlans);
                }
            });
            if from.default_pvid != to.default_pvid {
                let was = table.get(&from.default_pvid);
                if from.default_pvid == 0 || was.is_some_and(|vlan| vlan.pvid) {
                    table.remove(&from.default_pvid);
                    table.extend(to.default_vlans());
                }
            }
            if to.vlan_filtering {
                self.change(&port, |link| link.vlans = table);
            } else {
                let shown = to.shown_vlans(table.clone());
                self.change(&port, |link| link.vlans = shown);
                self.hidden.insert(port, table);
            }
        }
    }

    /// What a port is given while its bridge does not filter counts once that does.
    fn hide_vlans(&mut self, name: &LinkName, wanted: &Link) {
        let of = wanted.port_of.as_ref().and_then(|of| self.link(of));
        if let Some((_, of)) = of
            && let LinkKind::Bridge(bridge) = &of.kind
            && !bridge.vlan_filtering
        {
            let table = bridge.kept_vlans(&wanted.vlans);
            let shown = bridge.shown_vlans(table.clone());
            self.hidden.insert(name.clone(), table);
            self.change(name, |link| link.vlans = shown);
        } else {
            self.hidden.remove(name);
        }
    }

    fn links(&self) -> impl Iterator<Item = (&Key, &Link)> {
        self.state.iter().filter_map(|(key, resource)| {
            if let Resource::Link(link) = resource {
                Some((key, link))
            } else {
                None
            }
        })
    }

    pub(super) fn link(&self, name: &LinkName) -> Option<(&Key, &Link)> {
        self.links().find(|(key, _)| link_of(key) == Some(name))
    }

    fn link_owned(&self, name: &LinkName) -> Option<(Key, Link)> {
        self.link(name)
            .map(|(key, link)| (key.clone(), link.clone()))
    }

    fn change(&mut self, name: &LinkName, how: impl FnOnce(&mut Link)) {
        let named = |key: &Key| matches!(key, Key::Link { link, .. } if link == name);
        let found = self.state.iter_mut().find(|(key, _)| named(key));
        if let Some((_, Resource::Link(link))) = found {
            how(link);
        }
    }

    fn tagged_on(&self, name: &LinkName) -> Vec<Key> {
        let on = self
            .links()
            .filter(|(_, link)| link.kind.on() == Some(name));
        on.map(|(key, _)| key.clone()).collect()
    }

    fn ports(&self, of: &LinkName) -> Vec<LinkName> {
        let ports = self
            .links()
            .filter(|(_, link)| link.port_of.as_ref() == Some(of));
        ports.filter_map(|(key, _)| link_of(key).cloned()).collect()
    }

    /// Whether joining or leaving it takes a port down: bonds open and close theirs, VRFs cycle them.
    fn cycles(&self, of: &LinkName) -> bool {
        let of = self.link(of);
        of.is_some_and(|(_, of)| matches!(of.kind, LinkKind::Bond(_) | LinkKind::Vrf(_)))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    V6,
    Both,
}

fn is_address_on(key: &Key, name: &LinkName, family: Family) -> bool {
    matches!(key, Key::Address { link, address, .. }
        if link == name && (family == Family::Both || address.ip().is_ipv6()))
}

/// Of IPv4 addresses of a prefix the kernel knows the first.
fn is_ordered(key: &Key) -> bool {
    matches!(key, Key::Address { address, .. } if address.ip().is_ipv4())
}

/// The link that a key names, or whose address it is.
pub(super) fn link_of(key: &Key) -> Option<&LinkName> {
    if let Key::Link { link, .. } | Key::Address { link, .. } = key {
        Some(link)
    } else {
        None
    }
}

pub(super) fn refused(key: &Key, why: &'static str) -> WorldError {
    WorldError::Refused {
        key: Box::new(key.clone()),
        why,
    }
}
