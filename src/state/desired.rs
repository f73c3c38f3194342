//! From a site to everything that should exist on one controller.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    Guards, Key, Objects, Resource, State, bmc, boot, dhcp, dns, hook, link, listener, power,
    protect, route, rule, webhook,
};
use crate::base::care::IgnoreRule;
use crate::base::dense;
use crate::base::mac::MacAddr;
use crate::base::name::HostName;
use crate::base::origin::Origin;
use crate::site::model::{ReverseDns, Site};

/// What should exist, and beside it where each thing was declared. Origins take no part in equality, diff or digest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    #[serde(deserialize_with = "dense::map")]
    pub state: State,
    #[serde(deserialize_with = "origins")]
    pub origins: BTreeMap<Key, Origin>,
    /// What the site says and this release does not bring about yet.
    #[serde(default)]
    pub unapplied: Vec<Unapplied>,
    /// What no plan may take away: of what is desired, and of what was applied once and is not desired any more. The latter is never more
    /// than what some applied site protected: only edits add to it, and each entry ends when its protection is lifted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub protected: BTreeMap<Key, Guards>,
    /// Who may protect, as the site has it now. Not stored: what it lifts is lifted for good once it is applied.
    #[serde(skip)]
    pub objects: Objects,
    /// The hardware addresses that links are found by, whatever the host calls them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_mac: BTreeMap<Key, MacAddr>,
    /// What others may change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<IgnoreRule>,
    /// Addresses of others that nobody chose to move. Not stored: each plan of a part says it anew.
    #[serde(skip)]
    pub unmoved: BTreeSet<Key>,
    /// Users of BMCs that other controllers see to. Not stored: only who plans takes users away.
    #[serde(skip)]
    pub others: BTreeSet<Key>,
    /// Who must answer after each apply. Not stored: a start has nothing to go back to.
    #[serde(skip)]
    pub reachable: BTreeSet<IpAddr>,
}

/// Reads origins, most of which are in the same few files.
fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Key, Origin>, D::Error> {
    let mut origins: BTreeMap<Key, Origin> = dense::map(deserializer)?;
    let mut last: Option<Arc<str>> = None;
    for origin in origins.values_mut() {
        match &last {
            Some(file) if *file == origin.file => origin.file = Arc::clone(file),
            Some(_) | None => last = Some(Arc::clone(&origin.file)),
        }
    }
    Ok(origins)
}

/// A thing that is checked, and that nothing makes yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unapplied {
    /// In the form of a key.
    pub what: String,
    pub why: String,
    pub origin: Origin,
}

impl Desired {
    pub(super) fn add(&mut self, key: Key, resource: Resource, origin: &Origin) {
        self.origins.insert(key.clone(), origin.clone());
        self.state.insert(key, resource);
    }

    /// Adds what several declarations share; the first one counts as its origin.
    pub(super) fn add_once(&mut self, key: Key, resource: Resource, origin: &Origin) {
        if !self.state.contains_key(&key) {
            self.add(key, resource, origin);
        }
    }
}

impl Desired {
    /// Takes the BMCs of another.
    pub fn adopt_bmcs(&mut self, other: &Self) {
        for (key, resource) in &other.state {
            if let (Resource::Bmc(_), Some(origin)) = (resource, other.origins.get(key)) {
                self.add(key.clone(), resource.clone(), origin);
            }
        }
    }

    /// Adds protections of things that the site does not speak of any more; of what it does speak of, it says itself what is protected.
    pub fn remember(&mut self, protections: &BTreeMap<Key, Guards>) {
        for (key, guards) in protections {
            if !self.state.contains_key(key) {
                self.protected.insert(key.clone(), guards.clone());
            }
        }
    }
}

/// Everything that should exist on the controller `name`; nothing where the site has no such controller.
pub fn desired(site: &Site, name: &HostName) -> Desired {
    let mut into = held(site, name);
    if let Some(controller) = site.controllers.get(name) {
        into.reachable.clone_from(&controller.reachable);
        protect::desired(site, &mut into);
        into.ignored.clone_from(&site.ignored);
        into.unapplied.sort();
    }
    into
}

/// What should exist, without what the site says about plans.
fn held(site: &Site, name: &HostName) -> Desired {
    let mut into = Desired::default();
    let Some(controller) = site.controllers.get(name) else {
        return into;
    };
    link::desired(site, name, controller, &mut into);
    route::desired(site, name, controller, &mut into);
    rule::desired(name, controller, &mut into);
    bmc::desired(site, &mut into);
    power::desired(site, name, &mut into);
    let mut interfaces = None;
    let proxied = listener::proxied(site);
    for (path, vlan) in &site.vlans {
        let Some(served) = vlan
            .dhcp
            .as_ref()
            .filter(|dhcp| dhcp.controllers.contains(name))
        else {
            continue;
        };
        let interfaces = interfaces.get_or_insert_with(|| dhcp::interfaces(site));
        let has_proxy = proxied.contains(path);
        listener::desired(name, controller, (path, served), has_proxy, &mut into);
        dhcp::desired(
            site,
            controller,
            (path, vlan),
            served,
            interfaces,
            &mut into,
        );
    }
    if interfaces.is_some() {
        boot::desired(site, &mut into);
        hook::desired(site, &mut into);
        webhook::desired(site, &mut into);
        dns::desired(site, name, &mut into);
        later(site, &mut into);
    }
    into
}

/// What no part of this release brings about: scripts for boot programs, the time, searches of subnets.
fn later(site: &Site, into: &mut Desired) {
    let mut add = |what: String, why: &str, origin: &Origin| {
        into.unapplied.push(Unapplied {
            what,
            why: why.to_owned(),
            origin: origin.clone(),
        });
    };
    if !site.time_servers.is_empty() {
        add(
            "site/ntp".to_owned(),
            "DHCP tells of those with an IPv4 address; the controllers' own clocks are not set yet",
            &site.origin,
        );
    }
    for (name, image) in &site.images {
        if image.cmdline.is_some() || image.user_data.is_some() {
            let why = "boot scripts and user data are not generated yet";
            add(format!("image/{name}/cmdline"), why, &image.origin);
        }
    }
    for (path, vlan) in &site.vlans {
        for (prefix, subnet) in &vlan.subnets {
            let key = |what: &str| format!("vlan/{path}/subnet/{prefix}/{what}");
            if subnet.active_discovery {
                add(
                    key("active-discovery"),
                    "subnets are not searched yet",
                    &subnet.origin,
                );
            }
            if subnet.reverse_dns == ReverseDns::Rfc2317 {
                let why = "zones of prefixes longer than an octet are not served yet";
                add(key("rdns"), why, &subnet.origin);
            }
            if !subnet.allow_dns {
                let why =
                    "DHCP names no controller; whoever asks one all the same is still answered";
                add(key("allow-dns"), why, &subnet.origin);
            }
        }
    }
}

/// The controllers other than `name`, each with the number of things that it should hold.
pub fn elsewhere(site: &Site, name: &HostName) -> BTreeMap<HostName, usize> {
    let others = site.controllers.keys().filter(|other| *other != name);
    others
        .map(|other| (other.clone(), held(site, other).state.len()))
        .collect()
}
