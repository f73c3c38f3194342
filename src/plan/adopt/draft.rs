//! From keys to edits: what each thing needs is taken along, what has no words is told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::words::bridge_value;
use super::{Adopter, Draft, vlan};
use crate::base::addr::InterfaceAddr;
use crate::base::bond::BondParameter;
use crate::base::limit::MTU_DEFAULT;
use crate::base::name::LinkName;
use crate::base::route::kept_metric;
use crate::base::vlan::VlanPath;
use crate::lang::edit::quoted;
use crate::state::{Change, Ground, Key, Link, LinkKind, Resource, Rule, Table};

pub(super) fn draft(adopter: &Adopter<'_>, keys: &BTreeSet<Key>) -> Draft {
    let mut work = Work {
        adopter,
        draft: Draft::default(),
        plugs: BTreeMap::new(),
        mtus: BTreeMap::new(),
    };
    for key in keys {
        // Why not, the draft says.
        let _ = work.take(key, None);
    }
    work.write();
    work.draft
}

pub(super) struct Work<'a> {
    pub(super) adopter: &'a Adopter<'a>,
    pub(super) draft: Draft,
    /// The VLANs of links that have none in the site, as their addresses tell.
    pub(super) plugs: BTreeMap<LinkName, VlanPath>,
    /// Links of which the site must say the MTU that they have, since larger ones stand on them.
    pub(super) mtus: BTreeMap<LinkName, u32>,
}

impl<'a> Work<'a> {
    /// Takes a thing over with what it needs; `by` is what needs it.
    fn take(&mut self, key: &Key, by: Option<&Key>) -> Result<(), String> {
        if let Some(needed) = self.draft.adopted.get_mut(key) {
            if by.is_none() {
                *needed = None;
            }
            return Ok(());
        }
        if let Some(why) = self.draft.refused.get(key) {
            return Err(why.clone());
        }
        let Some(found) = self.adopter.observed.state.get(key) else {
            return self.refuse(key, "the host does not have it".to_owned());
        };
        let is_said = self.adopter.desired.state.contains_key(key);
        let changes = self.adopter.changes(&self.adopter.desired, key, found);
        if is_said && changes.is_empty() {
            return Ok(());
        }
        self.draft.adopted.insert(key.clone(), by.cloned());
        let taken = match (key, found) {
            (Key::Link { link, .. }, Resource::Link(found)) if is_said => {
                self.drifted(key, link, found, &changes)
            }
            (Key::Link { link, .. }, Resource::Link(found)) => self.link(key, link, found),
            (Key::Address { .. }, _) if is_said => {
                Err("the site says something else of it: edit it there".to_owned())
            }
            (Key::Address { link, address, .. }, _) => self.address(key, link, *address),
            (Key::Rule { .. }, _) if is_said => Err(self.said_elsewhere(key)),
            (Key::Rule { .. }, Resource::Rule(found)) => self.rule(key, found),
            (Key::Route { .. }, _) => self.route(key, found, is_said),
            _ => Err("it is not of the host's network".to_owned()),
        };
        match taken {
            Ok(()) => Ok(()),
            Err(why) => {
                self.draft.adopted.remove(key);
                self.refuse(key, why)
            }
        }
    }

    fn refuse(&mut self, key: &Key, why: String) -> Result<(), String> {
        self.draft.refused.insert(key.clone(), why.clone());
        Err(why)
    }

    fn need(&mut self, key: &Key, by: &Key) -> Result<(), String> {
        let taken = self.take(key, Some(by));
        taken.map_err(|why| format!("it needs {key}: {why}"))
    }

    fn link(&mut self, key: &Key, name: &LinkName, found: &Link) -> Result<(), String> {
        if found.kind == LinkKind::Loopback {
            // Its addresses are what a site says of it.
            return Ok(());
        }
        self.adopter.words(name, found, None)?;
        let below = found.kind.on().into_iter();
        let ports = if found.kind.takes_ports() {
            self.adopter.ports(name)
        } else {
            Vec::new()
        };
        for link in below.chain(ports) {
            let below = self.adopter.link_key(link);
            if self.adopter.desired.state.contains_key(&below) {
                self.measure(link, found);
            } else {
                self.need(&below, key)?;
            }
        }
        Ok(())
    }

    /// Has the site say the MTU of a link that it names, where it leaves that open and a larger link stands on it.
    fn measure(&mut self, below: &LinkName, above: &Link) {
        let declared = self
            .adopter
            .controller
            .links
            .get(self.adopter.site_name(below));
        let is_open = declared.is_some_and(|link| link.mtu.is_none());
        let found = self
            .adopter
            .observed
            .state
            .get(&self.adopter.link_key(below));
        if let (Some(Resource::Link(found)), true) = (found, is_open)
            && let (Some(mtu), true) = (found.mtu, above.mtu > Some(MTU_DEFAULT))
        {
            self.mtus.insert(below.clone(), mtu);
        }
    }

    /// What others changed of a link that the site names.
    fn drifted(
        &mut self,
        key: &Key,
        name: &LinkName,
        found: &Link,
        changes: &[Change],
    ) -> Result<(), String> {
        for change in changes {
            if change.field != "port-of" {
                self.changed(name, found, &change.field)?;
                continue;
            }
            let master = found.port_of.as_ref();
            let master = master.ok_or_else(|| {
                format!(
                    "it is no port of {} any more: take it out of the `ports` there",
                    change.from
                )
            })?;
            if change.from != "none" {
                return Err(format!(
                    "it is a port of {master} now: take it out of the `ports` of {}",
                    change.from
                ));
            }
            let master = self.adopter.link_key(master);
            if !self.adopter.desired.state.contains_key(&master) {
                self.need(&master, key)?;
            }
        }
        Ok(())
    }

    /// What the site says of a link's attribute, to be what was found: a property, or a child.
    pub(super) fn changed(
        &self,
        name: &LinkName,
        found: &Link,
        field: &str,
    ) -> Result<Said, String> {
        let adopter = self.adopter;
        let property = |name, value: String| Ok(Said::Property(name, value));
        let unsaid = || Err(format!("its `{field}` cannot be taken over: edit the site"));
        match (field, &found.kind) {
            ("state", _) => Err(format!(
                "it is down, and links of a site are up; `ip link set {name} up` first"
            )),
            ("mtu", LinkKind::Loopback | LinkKind::Vrf(_)) => unsaid(),
            ("mtu", _) => match found.mtu {
                Some(mtu) => property("mtu", mtu.to_string()),
                None => unsaid(),
            },
            ("mac", LinkKind::Bond(_) | LinkKind::Dummy) => match found.mac {
                Some(mac) => property("mac", quoted(mac)),
                None => unsaid(),
            },
            ("mode", LinkKind::Bond(bond)) => property("mode", quoted(bond.mode)),
            ("table", LinkKind::Vrf(vrf)) => property("table", vrf.table.0.to_string()),
            ("on", LinkKind::Tagged(tagged)) => {
                property("on", quoted(adopter.site_name(&tagged.on)))
            }
            ("protocol", LinkKind::Tagged(tagged)) => property("protocol", quoted(tagged.protocol)),
            ("id", LinkKind::Tagged(tagged)) => {
                let path = adopter.tagged_vlan(&tagged.on, tagged.id, None)?;
                property("vlan", vlan::reference(adopter.site, &path))
            }
            (
                "stp" | "forward-delay" | "vlan-filtering" | "default-pvid",
                LinkKind::Bridge(bridge),
            ) => {
                let names = ["stp", "forward-delay", "vlan-filtering", "default-pvid"];
                let name = names.into_iter().find(|name| *name == field);
                match name {
                    Some(name) => Ok(Said::Value(name, bridge_value(name, bridge)?)),
                    None => unsaid(),
                }
            }
            (field, LinkKind::Bond(bond)) => {
                let parameter = BondParameter::named(field);
                let value = parameter.and_then(|one| {
                    let value = adopter.parameter(one, bond.parameters.get(&one))?;
                    Some(Said::Value(one.as_str(), value))
                });
                value.map_or_else(unsaid, Ok)
            }
            _ => unsaid(),
        }
    }

    fn address(
        &mut self,
        key: &Key,
        name: &LinkName,
        address: InterfaceAddr,
    ) -> Result<(), String> {
        let link = self.adopter.link_key(name);
        let Some(Resource::Link(found)) = self.adopter.observed.state.get(&link) else {
            return Err("its link has no name that a site can write".to_owned());
        };
        match &found.kind {
            LinkKind::Vrf(_) => {
                return Err("the language gives VRFs no addresses".to_owned());
            }
            LinkKind::Loopback | LinkKind::Dummy => {}
            LinkKind::Physical | LinkKind::Bond(_) | LinkKind::Bridge(_) | LinkKind::Tagged(_) => {
                let own = self.plug(name, found)?;
                let path = vlan::of_address(self.adopter.site, name, address, own.as_ref())?;
                if own.is_none() {
                    self.plugs.insert(name.clone(), path);
                }
            }
        }
        if self.adopter.desired.state.contains_key(&link) {
            return Ok(());
        }
        self.need(&link, key)
    }

    /// The VLAN of a link, by what the site says or will say of it.
    fn plug(&self, name: &LinkName, found: &Link) -> Result<Option<VlanPath>, String> {
        let adopter = self.adopter;
        let declared = adopter.controller.links.get(adopter.site_name(name));
        if let Some(declared) = declared.and_then(|link| link.vlan.clone()) {
            return Ok(Some(declared));
        }
        if let LinkKind::Tagged(tagged) = &found.kind {
            let below = self.plugs.get(&tagged.on);
            let path = adopter.tagged_vlan(&tagged.on, tagged.id, below)?;
            return Ok(Some(path));
        }
        Ok(self.plugs.get(name).cloned())
    }

    fn route(&mut self, key: &Key, found: &Resource, is_said: bool) -> Result<(), String> {
        if is_said && self.default_gateway(key).is_none() {
            return Err(self.said_elsewhere(key));
        }
        let ground = Ground::new(&self.adopter.observed.state);
        let required = found.requires(key, &ground);
        let is_there = |one: &Key| {
            self.adopter.desired.state.contains_key(one) || self.draft.adopted.contains_key(one)
        };
        match required.first() {
            Some(first) if !required.iter().any(is_there) => self.need(first, key),
            Some(_) | None => Ok(()),
        }
    }

    fn said_elsewhere(&self, key: &Key) -> String {
        let origin = self.adopter.desired.origins.get(key);
        let place = origin.map_or_else(String::new, |origin| format!(" at {origin}"));
        format!("the site says another way{place}: edit it there")
    }

    /// A rule names links that the site has to know.
    fn rule(&mut self, key: &Key, found: &Rule) -> Result<(), String> {
        for link in found.incoming.iter().chain(&found.outgoing) {
            let link = self.adopter.link_key(link);
            // The loopback is every host's, said or not.
            let is_loopback = match self.adopter.observed.state.get(&link) {
                Some(Resource::Link(found)) => found.kind == LinkKind::Loopback,
                _ => false,
            };
            if !is_loopback && !self.adopter.desired.state.contains_key(&link) {
                self.need(&link, key)?;
            }
        }
        Ok(())
    }

    /// The router of a default route as `default-gateway` makes it.
    pub(super) fn default_gateway(&self, key: &Key) -> Option<IpAddr> {
        let Key::Route {
            destination,
            table,
            metric,
            ..
        } = key
        else {
            return None;
        };
        let is_plain = destination.is_default()
            && *table == Table::MAIN
            && *metric == kept_metric(*destination, 0);
        match self.adopter.observed.state.get(key) {
            Some(Resource::Route(route)) if is_plain => match route.hops.as_slice() {
                [hop] if !hop.onlink && route.source.is_none() => hop.via,
                _ => None,
            },
            _ => None,
        }
    }
}

/// How a site says an attribute of a link.
pub(super) enum Said {
    Property(&'static str, String),
    Value(&'static str, Vec<String>),
}
