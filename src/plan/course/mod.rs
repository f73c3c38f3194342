//! The host's network in the course of a plan: what holds an address and where packets go after each number of steps. Pure, and cheap
//! where few steps matter: everything is found by name, address or prefix, and only what changes is looked at twice.
//!
//! Time 0 is before the first step, time `n` after the `n`-th.

mod link;
mod rule;
mod way;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::rc::Rc;

use ipnet::IpNet;

use super::Step;
use crate::base::addr::{InterfaceAddr, Prefix};
use crate::base::name::{HostName, LinkName};
use crate::state::{BesideRoute, Key, LinkKind, Observation, Resource, Route, Table};

use link::Span;
pub(super) use link::{Standing, port_of};
pub(super) use way::Way;

/// What the host's network is at each time.
pub(super) struct Course<'a> {
    controller: &'a HostName,
    steps: &'a [Step],
    observed: &'a Observation,
    /// When each thing changes.
    changes: BTreeMap<&'a Key, Vec<usize>>,
    by_ip: BTreeMap<IpAddr, Vec<Holder<'a>>>,
    by_prefix: BTreeMap<Prefix, Vec<Holder<'a>>>,
    lanes: BTreeMap<Prefix, Vec<Lane<'a>>>,
    /// The links that are ports of a link at some time.
    ports: BTreeMap<&'a LinkName, BTreeSet<&'a LinkName>>,
    vrfs: BTreeSet<&'a LinkName>,
    /// The policy rules that change.
    rules: BTreeSet<&'a Key>,
    spans: RefCell<BTreeMap<LinkName, Rc<Span>>>,
}

/// An address that some link has at some time.
#[derive(Clone, Copy)]
pub(super) struct Holder<'a> {
    /// None for what no plan speaks of.
    key: Option<&'a Key>,
    /// None for the loopback.
    pub(super) link: Option<&'a LinkName>,
    pub(super) address: InterfaceAddr,
}

/// A route that is there at some time.
#[derive(Clone, Copy)]
enum Lane<'a> {
    Kept { key: &'a Key, metric: u32 },
    Beside(&'a BesideRoute),
}

/// The links that are VRFs at some time.
fn vrfs<'a>(steps: &'a [Step], observed: &'a Observation) -> BTreeSet<&'a LinkName> {
    let made = steps
        .iter()
        .filter_map(|step| Some((&step.key, step.after.as_ref()?)));
    let all = observed.state.iter().chain(made);
    let vrfs = all.filter_map(|(key, resource)| match (key, resource) {
        (Key::Link { link: name, .. }, Resource::Link(link)) => {
            matches!(link.kind, LinkKind::Vrf(_)).then_some(name)
        }
        (_, _) => None,
    });
    vrfs.collect()
}

impl<'a> Course<'a> {
    pub(super) fn new(
        controller: &'a HostName,
        steps: &'a [Step],
        observed: &'a Observation,
    ) -> Self {
        let mut course = Self {
            controller,
            steps,
            observed,
            changes: BTreeMap::new(),
            by_ip: BTreeMap::new(),
            by_prefix: BTreeMap::new(),
            lanes: BTreeMap::new(),
            ports: BTreeMap::new(),
            vrfs: vrfs(steps, observed),
            rules: BTreeSet::new(),
            spans: RefCell::default(),
        };
        for (at, step) in steps.iter().enumerate() {
            if step.key.is_host() {
                course.changes.entry(&step.key).or_default().push(at + 1);
                if matches!(step.key, Key::Rule { .. }) {
                    course.rules.insert(&step.key);
                }
            }
        }
        for (key, resource) in &observed.state {
            course.know(key);
            course.know_port(key, resource);
        }
        for step in steps {
            if !observed.state.contains_key(&step.key) {
                course.know(&step.key);
            }
            if let Some(after) = &step.after {
                course.know_port(&step.key, after);
            }
        }
        for beside in &observed.facts.beside.addresses {
            course.know_holder(Holder {
                key: None,
                link: beside.link.as_ref(),
                address: beside.address,
            });
        }
        for route in &observed.facts.beside.routes {
            let lanes = course.lanes.entry(route.destination).or_default();
            lanes.push(Lane::Beside(route));
        }
        course
    }

    fn know(&mut self, key: &'a Key) {
        match key {
            Key::Address { link, address, .. } => {
                let is_known = self
                    .by_ip
                    .get(&address.ip())
                    .is_some_and(|holders| holders.iter().any(|holder| holder.key == Some(key)));
                if !is_known {
                    self.know_holder(Holder {
                        key: Some(key),
                        link: Some(link),
                        address: *address,
                    });
                }
            }
            Key::Route {
                destination,
                table: Table::MAIN,
                metric,
                ..
            } => {
                let lanes = self.lanes.entry(*destination).or_default();
                let is_known = lanes
                    .iter()
                    .any(|lane| matches!(lane, Lane::Kept { key: known, .. } if *known == key));
                if !is_known {
                    let metric = *metric;
                    lanes.push(Lane::Kept { key, metric });
                }
            }
            Key::Link { .. }
            | Key::Route { .. }
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
            | Key::Power { .. } => {}
        }
    }

    fn know_holder(&mut self, holder: Holder<'a>) {
        let address = holder.address;
        self.by_ip.entry(address.ip()).or_default().push(holder);
        let prefix = self.by_prefix.entry(address.prefix()).or_default();
        prefix.push(holder);
    }

    fn know_port(&mut self, key: &'a Key, resource: &'a Resource) {
        if let (Key::Link { link: port, .. }, Resource::Link(link)) = (key, resource)
            && let Some(of) = self.of(link)
        {
            self.ports.entry(of).or_default().insert(port);
        }
    }

    /// Whether no step changes the host's network.
    pub(super) fn is_still(&self) -> bool {
        self.changes.is_empty()
    }

    pub(super) fn end(&self) -> usize {
        self.steps.len()
    }

    /// The step whose end `time` is.
    pub(super) fn step(&self, time: usize) -> Option<&'a Step> {
        self.steps.get(time.checked_sub(1)?)
    }

    /// When `key` changes.
    fn times(&self, key: &Key) -> &[usize] {
        self.changes.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    /// What `key` is at `time`, and since when: as its last step left it, else as it was found.
    fn thing(&self, key: &Key, time: usize) -> (Option<&'a Resource>, usize) {
        let last = self.times(key).iter().rev().find(|at| **at <= time);
        match last.and_then(|at| Some((self.step(*at)?, *at))) {
            Some((step, at)) => (step.after.as_ref(), at),
            None => (self.observed.state.get(key), 0),
        }
    }

    fn route(&self, key: &Key, time: usize) -> (Option<&'a Route>, usize) {
        match self.thing(key, time) {
            (Some(Resource::Route(route)), since) => (Some(route), since),
            (_, since) => (None, since),
        }
    }

    /// Whether a link carries an address at `time`, as far as the kernel is concerned.
    fn is_held(&self, holder: &Holder<'_>, time: usize) -> bool {
        let (found, since) = match holder.key {
            Some(key) => {
                let (found, since) = self.thing(key, time);
                (found.is_some(), since)
            }
            None => (true, 0),
        };
        let Some(link) = holder.link.filter(|_| found) else {
            return found;
        };
        // The kernel takes addresses away with their link, IPv6 ones also when it goes down; it makes link-local ones anew.
        let span = self.span(link);
        match holder.address.ip() {
            IpAddr::V6(ip) if ip.is_unicast_link_local() => span.at(time).is_there(),
            IpAddr::V6(_) => span.since(since, time).all(Standing::is_there),
            IpAddr::V4(_) => span
                .since(since, time)
                .all(|standing| standing != Standing::Gone),
        }
    }

    /// Who holds `ip` at `time` on a link over which everybody reaches it who did before.
    pub(super) fn holder(&self, ip: IpAddr, time: usize) -> Option<Holder<'a>> {
        let holders = self.by_ip.get(&ip)?.iter();
        holders
            .filter(|holder| self.is_held(holder, time))
            .find(|holder| {
                holder
                    .link
                    .is_none_or(|link| self.standing(link, time).is_whole())
            })
            .copied()
    }

    /// When it may change who holds `ip`.
    pub(super) fn holder_times(&self, ip: IpAddr, times: &mut BTreeSet<usize>) {
        for holder in self.by_ip.get(&ip).into_iter().flatten() {
            self.times_of(holder, times);
        }
    }

    fn times_of(&self, holder: &Holder<'_>, times: &mut BTreeSet<usize>) {
        times.extend(holder.key.into_iter().flat_map(|key| self.times(key)));
        if let Some(link) = holder.link {
            times.extend(self.span(link).times());
        }
    }
}

/// The prefixes that hold an address, the longest first.
fn prefixes(ip: IpAddr) -> impl Iterator<Item = Prefix> {
    let longest = IpNet::from(ip).prefix_len();
    (0..=longest).rev().filter_map(move |length| {
        let address = InterfaceAddr::new(ip, length).ok()?;
        Some(address.prefix())
    })
}
