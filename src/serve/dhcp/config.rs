//! What the engine serves: scopes, reservations and images, laid out for lookups by packet. Pure; made from a state and turned
//! back into one, so that observing tells what is served and not what was sent.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::class::Class;
use super::exchange::Reserved;
use super::lease::Lease;
use super::named;
use crate::base::addr::{AddressRange, Prefix};
use crate::base::arch::ClientArch;
use crate::base::class::ClientClass;
use crate::base::duration::Seconds;
use crate::base::identity::{Identity, IdentityKind};
use crate::base::name::{DomainName, FilePath, HostName, Name};
use crate::base::option::{OptionValue, encode};
use crate::base::record::RecordType;
use crate::base::vlan::VlanPath;
use crate::state::{BootImage, Key, Reservation, Resource, Scope, State};

/// Everything that the engine answers from.
#[derive(Debug, Default)]
pub struct Config {
    /// In the order of their subnets, which do not overlap.
    scopes: Vec<Served>,
    /// Our addresses towards clients, each with the first scope of its own link; a relayed scope is of no link of ours.
    servers: HashMap<Ipv4Addr, Option<usize>>,
    /// Every VLAN that something is served on; its place is its number.
    vlans: Vec<Arc<VlanPath>>,
    /// The scopes of each VLAN, by its number: places in `scopes`.
    scopes_of: Vec<Vec<usize>>,
    hosts: Vec<Host>,
    /// Which host an identity means in a VLAN, and whose an address is: places in `hosts`.
    identities: HashMap<(usize, Identity), HostId>,
    owners: HashMap<Ipv4Addr, HostId>,
    /// The addresses that have an owner, in order, to tell quickly what two configurations do not have in common.
    owned: Vec<Ipv4Addr>,
    /// The kinds of identities that some host has, in the order in which they count.
    kinds: BTreeSet<IdentityKind>,
    images: BTreeMap<Name, Arc<Image>>,
    /// Names that the site itself has.
    declared: HashSet<DomainName>,
    /// Names of machines where no address is reserved for them: there, their leases have them.
    machines: HashSet<DomainName>,
    /// What machines with reserved addresses are called there.
    host_names: HashMap<Ipv4Addr, DomainName>,
}

/// Names a host with reserved addresses within one [`Config`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HostId(usize);

/// A host with reserved addresses, and what its reservation is kept under.
#[derive(Debug)]
struct Host {
    vlan: usize,
    by: Identity,
    reservation: Reservation,
}

/// An image with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub(super) name: Name,
    pub(super) programs: BTreeMap<ClientArch, FilePath>,
}

/// Options by ascending code, as they go on the wire.
pub(super) type Encoded = Vec<(u8, Vec<u8>)>;

/// A scope with what the engine looks up in it.
#[derive(Debug)]
pub(super) struct Served {
    pub subnet: Prefix,
    pub vlan: usize,
    pub scope: Scope,
    pub options: Encoded,
    /// In the order in which they count.
    pub classes: Vec<Class>,
    /// What is said of a pool alone, as the options.
    pool_options: Vec<(AddressRange, Encoded)>,
    pools: Vec<(Ipv4Addr, Ipv4Addr)>,
}

impl Config {
    /// Takes what concerns DHCP from `state`.
    pub fn from_state(state: &State) -> Self {
        let is_host = |key: &&Key| matches!(key, Key::Reservation { .. });
        let hosts = state.keys().filter(is_host).count();
        let mut config = Self {
            hosts: Vec::with_capacity(hosts),
            identities: HashMap::with_capacity(hosts),
            owners: HashMap::with_capacity(hosts),
            ..Self::default()
        };
        for (key, resource) in state {
            match (key, resource) {
                (Key::Scope { vlan, subnet }, Resource::Scope(scope)) => {
                    let vlan = config.number_of(vlan);
                    config.scopes.push(Served::new(vlan, *subnet, scope));
                }
                (Key::Reservation { vlan, by }, Resource::Reservation(reservation)) => {
                    let vlan = config.number_of(vlan);
                    config.add_host(vlan, by, reservation);
                }
                (Key::BootImage { image }, Resource::BootImage(programs)) => {
                    let named = Image {
                        name: image.clone(),
                        programs: programs.programs.clone(),
                    };
                    config.images.insert(image.clone(), Arc::new(named));
                }
                // Whatever the site says of a name, no lease takes it.
                (Key::Record { zone, name, kind }, _) if *kind != RecordType::Ptr => {
                    config.declared.extend(name.absolute(zone));
                }
                _ => {}
            }
        }
        config.owned.sort_unstable();
        config.owned.dedup();
        config.scopes.sort_by_key(|served| served.subnet);
        config.index_scopes();
        let host_of = |address| Some(&config.reservation(config.owner(address)?)?.host);
        config.host_names = named::host_names(state, host_of);
        config.machines = config.names_of_unrecorded();
        config
    }

    /// The scopes, reservations and images that are served.
    pub fn to_state(&self) -> State {
        let scopes = self.scopes.iter().filter_map(|served| {
            let (vlan, subnet) = (VlanPath::clone(self.vlan(served.vlan)?), served.subnet);
            let scope = Resource::Scope(Box::new(served.scope.clone()));
            Some((Key::Scope { vlan, subnet }, scope))
        });
        let images = self.images.values().map(|image| {
            let Image { name, programs } = Image::clone(image);
            let programs = Resource::BootImage(BootImage { programs });
            (Key::BootImage { image: name }, programs)
        });
        let reservations = self.hosts.iter().filter_map(|host| {
            let (vlan, by) = (
                VlanPath::clone(self.vlan(host.vlan)?),
                Box::new(host.by.clone()),
            );
            let reservation = Resource::Reservation(host.reservation.clone());
            Some((Key::Reservation { vlan, by }, reservation))
        });
        scopes.chain(images).chain(reservations).collect()
    }

    fn add_host(&mut self, vlan: usize, by: &Identity, reservation: &Reservation) {
        let id = HostId(self.hosts.len());
        let addresses = reservation.addresses.iter();
        self.owners.extend(addresses.map(|own| (*own, id)));
        self.owned.extend(&reservation.addresses);
        let own = std::iter::once(by);
        for identity in own.chain(&reservation.identities) {
            self.kinds.insert(identity.kind());
            self.identities.insert((vlan, identity.clone()), id);
        }
        self.hosts.push(Host {
            vlan,
            by: by.clone(),
            reservation: reservation.clone(),
        });
    }

    fn index_scopes(&mut self) {
        self.scopes_of = vec![Vec::new(); self.vlans.len()];
        for (at, Served { scope, vlan, .. }) in self.scopes.iter().enumerate() {
            if let Some(own) = self.scopes_of.get_mut(*vlan) {
                own.push(at);
            }
            let first = self.servers.entry(scope.server).or_default();
            if first.is_none() && scope.relay.is_none() {
                *first = Some(at);
            }
        }
    }

    fn number_of(&mut self, vlan: &VlanPath) -> usize {
        // A state is sorted, so that the last one added is nearly always the one.
        let known = self.vlans.iter().rposition(|known| **known == *vlan);
        known.unwrap_or_else(|| {
            self.vlans.push(Arc::new(vlan.clone()));
            self.vlans.len() - 1
        })
    }

    /// The VLAN of a number.
    pub(super) fn vlan(&self, number: usize) -> Option<&Arc<VlanPath>> {
        self.vlans.get(number)
    }

    /// The scope whose subnet holds `address`.
    pub(super) fn scope_of(&self, address: Ipv4Addr) -> Option<&Served> {
        let address = IpAddr::V4(address);
        let after = self
            .scopes
            .partition_point(|served| served.subnet.net().network() <= address);
        let served = self.scopes.get(after.checked_sub(1)?)?;
        served.subnet.contains(address).then_some(served)
    }

    /// The scope of clients on the link where `listeners` are: one that an address of the link lies in, else one that is served
    /// from there though its subnet has no address of ours.
    pub(super) fn local(&self, listeners: &[Ipv4Addr]) -> Option<&Served> {
        let within = listeners.iter().find_map(|own| self.scope_of(*own));
        let beside = || {
            let mut first = listeners.iter().filter_map(|own| *self.servers.get(own)?);
            self.scopes.get(first.next()?)
        };
        within.or_else(beside)
    }

    /// The scope of `address`, where the link of `listeners` leads to it: it is the link's own, or relays forward to us there.
    pub(super) fn reached(&self, address: Ipv4Addr, listeners: &[Ipv4Addr]) -> Option<&Served> {
        let served = self.scope_of(address)?;
        let is_ours = listeners.contains(&served.scope.server);
        let leads_there = |own: &Served| {
            let here = self.vlan(own.vlan).map(Arc::as_ref);
            own.vlan == served.vlan || (here.is_some() && here == served.scope.relay.as_ref())
        };
        let is_here = || self.local(listeners).is_some_and(leads_there);
        (is_ours || is_here()).then_some(served)
    }

    /// `first`, then the other scopes of its VLAN: a client may get an address of any of them.
    pub(super) fn beside<'a>(&'a self, first: &'a Served) -> impl Iterator<Item = &'a Served> {
        let own = self.scopes_of.get(first.vlan).into_iter().flatten();
        let own = own.filter_map(|at| self.scopes.get(*at));
        let others = own.filter(|served| served.subnet != first.subnet);
        std::iter::once(first).chain(others)
    }

    /// The host that a client is, and what it is that by: the first of its identities that one in this VLAN is known by.
    pub(super) fn recognised(
        &self,
        vlan: usize,
        shown: impl Fn(IdentityKind) -> Option<Identity>,
    ) -> Option<(HostId, Identity)> {
        let mut shown = self.kinds.iter().filter_map(|kind| shown(*kind));
        shown.find_map(|identity| {
            let (known, host) = self.identities.get_key_value(&(vlan, identity))?;
            Some((*host, known.1.clone()))
        })
    }

    /// The host that a client is.
    pub(super) fn host(
        &self,
        vlan: usize,
        shown: impl Fn(IdentityKind) -> Option<Identity>,
    ) -> Option<HostId> {
        self.recognised(vlan, shown).map(|(host, _)| host)
    }

    /// Whether the site gives the address of a lease to another than its client, as far as the lease tells who that is.
    pub(super) fn is_of_another(&self, owner: HostId, lease: &Lease) -> bool {
        let Some(vlan) = self.hosts.get(owner.0).map(|host| host.vlan) else {
            return false;
        };
        for kind in &self.kinds {
            let shown = lease.identity(*kind).map(|identity| (vlan, identity));
            if let Some(host) = shown.and_then(|shown| self.identities.get(&shown)) {
                return *host != owner;
            }
            if !lease.tells(*kind) && self.is_known_by(owner, vlan, *kind) {
                return false;
            }
        }
        true
    }

    /// Whether some host is known by this kind of identity.
    pub(super) fn asks_for(&self, kind: IdentityKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether `host` is one of this VLAN, and known there by this kind of identity.
    pub(super) fn is_known_by(&self, host: HostId, vlan: usize, kind: IdentityKind) -> bool {
        self.hosts.get(host.0).is_some_and(|host| {
            let mut all = std::iter::once(&host.by).chain(&host.reservation.identities);
            host.vlan == vlan && all.any(|identity| identity.kind() == kind)
        })
    }

    /// Whether `host` is known by this in this VLAN.
    pub(super) fn knows(&self, host: HostId, vlan: usize, by: &Identity) -> bool {
        self.identities.get(&(vlan, by.clone())) == Some(&host)
    }

    /// What is reserved in each VLAN for the host that `host` finds there.
    pub(super) fn reserved_where(
        &self,
        host: impl Fn(&Arc<VlanPath>) -> Option<HostId>,
    ) -> Vec<Reserved> {
        let found = self.vlans.iter().filter_map(|vlan| {
            let Reservation {
                host, addresses, ..
            } = self.reservation(host(vlan)?)?;
            Some(Reserved {
                vlan: Arc::clone(vlan),
                host: host.clone(),
                addresses: addresses.iter().copied().collect(),
                obstacles: Vec::new(),
            })
        });
        found.collect()
    }

    /// The number of a VLAN.
    pub(super) fn number(&self, vlan: &VlanPath) -> Option<usize> {
        self.vlans.iter().position(|known| **known == *vlan)
    }

    pub(super) fn reservation(&self, host: HostId) -> Option<&Reservation> {
        self.hosts.get(host.0).map(|host| &host.reservation)
    }

    /// Whose the address is by declaration.
    pub(super) fn owner(&self, address: Ipv4Addr) -> Option<HostId> {
        self.owners.get(&address).copied()
    }

    /// The same by name.
    pub fn host_of(&self, address: Ipv4Addr) -> Option<&HostName> {
        let reservation = self.reservation(self.owner(address)?)?;
        Some(&reservation.host)
    }

    /// The addresses that are reserved for a machine, in whichever VLANs.
    pub fn addresses_of<'a>(&'a self, host: &'a HostName) -> impl Iterator<Item = Ipv4Addr> + 'a {
        let own = self.hosts.iter().map(|known| &known.reservation);
        let own = own.filter(move |reservation| reservation.host == *host);
        own.flat_map(|reservation| reservation.addresses.iter().copied())
    }

    /// The addresses that are somebody's here and nobody's in `before`, or the other way about.
    pub(super) fn owned_otherwise<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = Ipv4Addr> + 'a {
        let (mut own, mut other) = (self.owned.iter().peekable(), before.owned.iter().peekable());
        std::iter::from_fn(move || {
            while own.peek().is_some() && own.peek() == other.peek() {
                own.next();
                other.next();
            }
            match (own.peek(), other.peek()) {
                (Some(first), Some(second)) if first > second => other.next(),
                (Some(_), _) => own.next(),
                (None, _) => other.next(),
            }
        })
        .copied()
    }

    pub(super) fn image(&self, name: &Name) -> Option<&Arc<Image>> {
        self.images.get(name)
    }

    /// Whether `address` is one that we are known under.
    pub(super) fn is_server(&self, address: Ipv4Addr) -> bool {
        self.servers.contains_key(&address)
    }

    /// Whether the site itself has this name.
    pub(super) fn declares(&self, name: &DomainName) -> bool {
        self.declared.contains(name)
    }

    /// Whether it is the name of a machine that has no address reserved there.
    pub(super) fn is_of_machine(&self, name: &DomainName) -> bool {
        self.machines.contains(name)
    }

    /// The host, where no address is reserved for it: no record has its name.
    pub(super) fn unrecorded(&self, host: Option<HostId>) -> Option<&HostName> {
        let reservation = self.reservation(host?)?;
        let is_unrecorded = reservation.addresses.is_empty();
        is_unrecorded.then_some(&reservation.host)
    }

    fn names_of_unrecorded(&self) -> HashSet<DomainName> {
        let own = self.hosts.iter();
        let own = own.filter(|host| host.reservation.addresses.is_empty());
        let names = own.flat_map(|host| {
            let scopes = self.scopes_of.get(host.vlan).into_iter().flatten();
            let scopes = scopes.filter_map(|at| self.scopes.get(*at));
            scopes.filter_map(|own| own.scope.domain.child(host.reservation.host.as_str()).ok())
        });
        names.collect()
    }

    /// What the machine that an address is reserved for is called there.
    pub(super) fn host_name(&self, address: Ipv4Addr) -> Option<&DomainName> {
        self.host_names.get(&address)
    }

    /// How long it is kept who held which address; none where nothing is served, and nothing said.
    pub(super) fn history_time(&self) -> Option<Seconds> {
        self.scopes.iter().map(|own| own.scope.history_time).max()
    }

    pub(super) fn scopes(&self) -> impl Iterator<Item = &Served> {
        self.scopes.iter()
    }

    pub(super) fn subnets(&self) -> Vec<Prefix> {
        self.scopes.iter().map(|served| served.subnet).collect()
    }
}

impl Served {
    fn new(vlan: usize, subnet: Prefix, scope: &Scope) -> Self {
        let encoded = |options: &BTreeMap<u8, OptionValue>| {
            let options = options.iter();
            options
                .map(|(code, value)| (*code, encode(value)))
                .collect()
        };
        let class = |class: &ClientClass| Class {
            class: class.clone(),
            options: encoded(&class.options),
        };
        let of_pools = scope.pool_options.iter();
        Self {
            subnet,
            vlan,
            options: encoded(&scope.options),
            classes: scope.classes.iter().map(class).collect(),
            pool_options: of_pools
                .map(|(range, options)| (*range, encoded(options)))
                .collect(),
            pools: scope.pools.iter().filter_map(|pool| pool.ends4()).collect(),
            scope: scope.clone(),
        }
    }

    /// What is said of the pool that `address` is from.
    pub(super) fn pool_options(&self, address: Ipv4Addr) -> &[(u8, Vec<u8>)] {
        let mut pools = self.pool_options.iter();
        let found = pools.find(|(range, _)| range.contains(IpAddr::V4(address)));
        found.map_or(&[], |(_, options)| options)
    }

    pub(super) fn pools(&self) -> &[(Ipv4Addr, Ipv4Addr)] {
        &self.pools
    }

    pub(super) fn holds(&self, address: Ipv4Addr) -> bool {
        self.subnet.contains(IpAddr::V4(address))
    }

    /// Whether any client may get `address`, reservations aside.
    pub(super) fn pools_hold(&self, address: Ipv4Addr) -> bool {
        let within = |(first, last): &(Ipv4Addr, Ipv4Addr)| (*first..=*last).contains(&address);
        self.pools.iter().any(within)
            && address != self.scope.server
            && !self.subnet.is_edge(IpAddr::V4(address))
    }

    /// What no client gets whatever the pools are: our own address, and the ends of a subnet that mean all of it.
    pub(super) fn barred(&self) -> impl Iterator<Item = Ipv4Addr> {
        let net = self.subnet.net();
        let edges = [net.network(), net.broadcast()].into_iter();
        let edges = edges.filter(|edge| self.subnet.is_edge(*edge));
        let edges = edges.filter_map(|edge| match edge {
            IpAddr::V4(edge) => Some(edge),
            IpAddr::V6(_) => None,
        });
        edges.chain([self.scope.server])
    }

    /// The address after `last` in the order of the pools, from the first where there is none; and the end of its pool.
    pub(super) fn pool_after(&self, last: Option<Ipv4Addr>) -> Option<(Ipv4Addr, Ipv4Addr)> {
        let Some(last) = last else {
            return self.pools.first().copied();
        };
        let at = self
            .pools
            .iter()
            .position(|(first, end)| (*first..=*end).contains(&last))?;
        let (_, end) = self.pools.get(at)?;
        if last < *end {
            let next = u32::from(last).checked_add(1)?;
            return Some((Ipv4Addr::from(next), *end));
        }
        self.pools.get(at.checked_add(1)?).copied()
    }
}
