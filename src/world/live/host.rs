//! This host's network as a whole: observed as a state, changed one thing at a time. Knows no plan and no site.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::base::name::{HostName, LinkName};
use crate::base::route::Family;
use crate::state::{
    Beside, BusyPort, ClientSession, Key, LinkFact, Manager, Resource, Session, State,
};

use super::error::HostError;
use super::link::Links;
use super::manager::Managers;
use super::netlink::Netlink;
use super::sockets::Sockets;
use super::{address, link, route, rule};

/// The links, addresses and routes of the network namespace in which this was connected.
pub struct Host {
    netlink: Netlink,
    sockets: Sockets,
    controller: HostName,
    managers: Managers,
    /// By which session whoever is asking came, where it is known.
    pub(super) client: Option<ClientSession>,
}

/// What was found on the host.
///
/// What the kernel and others' automation make is never drift and is left out: the loopback, link-local and dynamic
/// addresses, connected routes, those of router advertisements and DHCP clients. So is what a [`State`] cannot say,
/// since it could not be put back: routes without a single gateway or outside the main table, point-to-point addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostObservation {
    pub state: State,
    /// Which of them carry our mark. Kernels before 5.5 mark no link, and before 5.18 no address.
    pub marked: BTreeSet<Key>,
    pub links: BTreeMap<LinkName, LinkFact>,
    /// What was left out, and packets take all the same.
    pub beside: Beside,
    pub sessions: Vec<Session>,
    pub busy: Vec<BusyPort>,
    pub managers: BTreeMap<LinkName, Manager>,
}

impl HostObservation {
    pub(super) fn add(&mut self, key: Key, resource: Resource, marked: bool) {
        if marked {
            self.marked.insert(key.clone());
        }
        self.state.insert(key, resource);
    }

    /// All addresses of this host.
    fn own_addresses(&self) -> BTreeSet<IpAddr> {
        let kept = self.state.keys().filter_map(|key| {
            if let Key::Address { address, .. } = key {
                Some(address.ip())
            } else {
                None
            }
        });
        let beside = self.beside.addresses.iter();
        kept.chain(beside.map(|found| found.address.ip())).collect()
    }
}

impl Host {
    /// Connects to the kernel, on a running tokio runtime. Keys of what is found will name `controller`.
    ///
    /// # Errors
    /// [`HostError::Socket`].
    pub fn connect(controller: HostName) -> Result<Self, HostError> {
        let netlink = Netlink::connect().map_err(HostError::Socket)?;
        Ok(Self {
            netlink,
            sockets: Sockets::connect()?,
            controller,
            managers: Managers::of_host(),
            client: None,
        })
    }

    /// Begins a group of steps: what was known of the host for the last one may have changed.
    pub(super) fn begin(&mut self) {
        self.netlink.indexes.forget();
    }

    /// What is now.
    ///
    /// # Errors
    /// [`HostError::Observe`].
    pub async fn observe(&mut self) -> Result<HostObservation, HostError> {
        let mut seen = HostObservation::default();
        let links = Links::read(&mut self.netlink).await?;
        links.observe(&self.controller, &mut seen);
        address::observe(&mut self.netlink, &self.controller, &links, &mut seen).await?;
        route::observe(&mut self.netlink, &self.controller, &links, &mut seen).await?;
        rule::observe(&mut self.netlink, &self.controller, &mut seen).await?;
        seen.managers = self.managers.read(|index| links.name(index));
        let own = seen.own_addresses();
        let sessions = self
            .sockets
            .sessions(self.client, &links, |ip| own.contains(&ip));
        seen.sessions = sessions.await?;
        seen.busy = self.sockets.busy(&links).await?;
        Ok(seen)
    }

    /// Whether the link `name` carries our mark; also where there is none.
    pub(super) async fn marks(&mut self, key: &Key, name: &LinkName) -> Result<bool, HostError> {
        link::is_marked(&mut self.netlink, key, name).await
    }

    /// Makes `key` as `after` says, or takes it away; `before` is what it was when that was planned. Doing it twice is
    /// doing it once.
    ///
    /// Taking an address away takes with it the routes that the kernel resolved through it; taking a link down or away,
    /// those and its IPv6 addresses. To bring them back is the plan's concern.
    ///
    /// # Errors
    /// [`HostError`]; a link is changed one attribute at a time, so that an error may leave some of them changed.
    pub async fn apply(
        &mut self,
        key: &Key,
        before: Option<&Resource>,
        after: Option<&Resource>,
    ) -> Result<(), HostError> {
        match key {
            Key::Link { controller, link } if *controller == self.controller => {
                self.apply_link(key, link, before, after).await
            }
            Key::Address {
                controller,
                link,
                address,
            } if *controller == self.controller => {
                let netlink = &mut self.netlink;
                match after {
                    Some(Resource::Address(wanted)) => {
                        let may_create = before.is_none();
                        address::make(netlink, key, link, *address, may_create, wanted).await
                    }
                    None => address::remove(netlink, key, link, *address).await,
                    Some(_) => Err(not_ours(key)),
                }
            }
            Key::Route {
                controller,
                destination,
                table,
                metric,
            } if *controller == self.controller => {
                let place = route::Place {
                    destination: *destination,
                    table: *table,
                    metric: *metric,
                };
                self.apply_route(key, place, before, after).await
            }
            Key::Rule {
                controller,
                family,
                priority,
            } if *controller == self.controller => {
                self.apply_rule(key, (*family, *priority), before, after)
                    .await
            }
            Key::Link { .. }
            | Key::Address { .. }
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
            | Key::Power { .. } => Err(not_ours(key)),
        }
    }

    async fn apply_link(
        &mut self,
        key: &Key,
        link: &LinkName,
        before: Option<&Resource>,
        after: Option<&Resource>,
    ) -> Result<(), HostError> {
        match (before, after) {
            (_, Some(Resource::Link(wanted))) => {
                link::make(&mut self.netlink, key, link, before.is_none(), wanted).await
            }
            (Some(Resource::Link(was)), None) if was.kind.is_made() => {
                link::remove(&mut self.netlink, key, link).await
            }
            (None, None) => Ok(()),
            (_, Some(_)) | (Some(_), None) => Err(not_ours(key)),
        }
    }

    async fn apply_rule(
        &mut self,
        key: &Key,
        place: (Family, u32),
        before: Option<&Resource>,
        after: Option<&Resource>,
    ) -> Result<(), HostError> {
        match (before, after) {
            (None, Some(Resource::Rule(wanted))) => {
                rule::make(&mut self.netlink, key, place, None, wanted).await
            }
            (Some(Resource::Rule(was)), Some(Resource::Rule(wanted))) => {
                rule::make(&mut self.netlink, key, place, Some(was), wanted).await
            }
            (Some(Resource::Rule(was)), None) => {
                rule::remove(&mut self.netlink, key, place, was).await
            }
            (None, None) => Ok(()),
            (_, Some(_)) | (Some(_), None) => Err(not_ours(key)),
        }
    }

    async fn apply_route(
        &mut self,
        key: &Key,
        place: route::Place,
        before: Option<&Resource>,
        after: Option<&Resource>,
    ) -> Result<(), HostError> {
        match (before, after) {
            (_, Some(Resource::Route(wanted))) => {
                route::make(&mut self.netlink, key, place, before.is_none(), wanted).await
            }
            (Some(Resource::Route(was)), None) => {
                route::remove(&mut self.netlink, key, place, was).await
            }
            (None, None) => Ok(()),
            (_, Some(_)) | (Some(_), None) => Err(not_ours(key)),
        }
    }
}

fn not_ours(key: &Key) -> HostError {
    HostError::NotOurs { key: key.clone() }
}
