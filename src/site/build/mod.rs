//! From a draft without faults to the site.

mod bmc;
mod boot;
mod controller;
mod hook;

use std::collections::{BTreeMap, BTreeSet};

use super::model::{
    Dhcp, DynamicRange, Fabric, Image, Machine, MachineInterface, PlacedAddress, Record,
    ReservedRange, ReverseDns, Site, StaticRoute, Subnet, Vlan,
};
use super::resolve::{AddressTraits, Draft, Host, Link, Plug, Role, absolute, nearest};
use crate::base::addr::InterfaceAddr;
use crate::base::care::{IgnoreRule, Protection};
use crate::base::class::ClientClass;
use crate::base::duration::Seconds;
use crate::base::name::DomainName;
use crate::base::option::OptionValue;
use crate::base::percent::Percent;
use crate::base::policy::{DhcpPolicy, HISTORY_TIME};
use crate::base::record::RecordData;
use crate::base::vlan::VlanPath;
use crate::diag::span::Sources;
use crate::lang::Slot;
use crate::lang::node::{
    ClassNode, Declarations, DhcpNode, DnsServer, HostShape, ImageNode, MatchNode, OptionNode,
    ProtectNode, SubnetNode,
};

/// The lease time of a VLAN that states none.
pub(super) const LEASE_TIME: Seconds = Seconds(600);

/// The site that a draft describes. A draft with a faulty part gives none, and its faults were reported.
pub(super) fn build(draft: &Draft<'_>, sources: &Sources) -> Option<Site> {
    Builder { draft, sources }.site()
}

struct Builder<'a> {
    draft: &'a Draft<'a>,
    sources: &'a Sources,
}

impl Builder<'_> {
    fn site(&self) -> Option<Site> {
        let declarations = self.draft.declarations;
        let node = declarations.sites.first()?;
        let mut site = Site {
            name: node.name.value()?.clone(),
            domain: node.domain.value()?.clone(),
            origin: self.sources.origin(node.span),
            forwarders: node.forwarders.iter().map(|one| one.value).collect(),
            time_servers: node
                .time_servers
                .iter()
                .map(|one| one.value.clone())
                .collect(),
            spaces: declarations
                .spaces
                .iter()
                .map(|space| {
                    let origin = self.sources.origin(space.name.span);
                    (space.name.value.clone(), origin)
                })
                .collect(),
            fabrics: declarations
                .fabrics
                .iter()
                .map(|fabric| {
                    let built = Fabric {
                        isolated: is(&fabric.isolated, false),
                        origin: self.sources.origin(fabric.name.span),
                    };
                    (fabric.name.value.clone(), built)
                })
                .collect(),
            vlans: self.vlans()?,
            images: declarations
                .images
                .iter()
                .map(|image| Some((image.name.value.clone(), self.image(image)?)))
                .collect::<Option<_>>()?,
            routes: self.routes()?,
            records: self.records()?,
            controllers: BTreeMap::new(),
            machines: BTreeMap::new(),
            ignored: self.ignored(),
            history_time: history_time(declarations),
            hooks: self.hooks()?,
            webhooks: self.webhooks()?,
        };
        for host in &self.draft.hosts {
            let name = host.name.value.clone();
            match &host.role {
                Role::Controller(_) => {
                    site.controllers.insert(name, self.controller(host)?);
                }
                Role::Machine(shape) => {
                    site.machines.insert(name, self.machine(host, shape)?);
                }
            }
        }
        Some(site)
    }

    fn vlans(&self) -> Option<BTreeMap<VlanPath, Vlan>> {
        let mut vlans = BTreeMap::new();
        for (index, vlan) in self.draft.vlans.iter().enumerate() {
            let node = vlan.node;
            let built = Vlan {
                id: node.id.value().copied(),
                mtu: node.mtu.value().copied(),
                space: node.space.value().cloned(),
                dhcp: match &node.dhcp {
                    Some(dhcp) => Some(Box::new(self.dhcp(index, dhcp)?)),
                    None => None,
                },
                subnets: BTreeMap::new(),
                protection: self.protection(node.protect.as_ref()),
                origin: self.sources.origin(node.name.span),
            };
            vlans.insert(vlan.path.clone(), built);
        }
        for (index, subnet) in self.draft.subnets.iter().enumerate() {
            let path = &self.draft.vlans.get(subnet.vlan)?.path;
            let built = self.subnet(index, subnet.node)?;
            let vlan = vlans.get_mut(path)?;
            vlan.subnets.insert(subnet.node.prefix.value, built);
        }
        Some(vlans)
    }

    /// The service of the VLAN `vlan`; of a relayed one, what it does not say itself is its servers' VLAN's.
    fn dhcp(&self, vlan: usize, node: &DhcpNode) -> Option<Dhcp> {
        let target = match self.draft.relays.get(vlan)? {
            Plug::Vlan(target) => Some(self.draft.vlans.get(*target)?),
            Plug::Nothing | Plug::Unknown => None,
        };
        let serving = match target {
            Some(target) => target.node.dhcp.as_ref()?,
            None => node,
        };
        let lease_time = node.lease_time.value().or(serving.lease_time.value());
        let controllers = serving.controllers.iter();
        Some(Dhcp {
            controllers: controllers.map(|one| one.value.clone()).collect(),
            relay: target.map(|target| target.path.clone()),
            lease_time: lease_time.copied().unwrap_or(LEASE_TIME),
            policy: policy(node, serving),
            image: node.image.value().or(serving.image.value()).cloned(),
            classes: self
                .draft
                .classes(vlan)
                .into_iter()
                .map(|(_, class)| client_class(class))
                .collect::<Option<_>>()?,
            origin: self.sources.origin(node.span),
        })
    }

    fn subnet(&self, index: usize, node: &SubnetNode) -> Option<Subnet> {
        let dns = node.dns.iter().map(|server| match &server.value {
            DnsServer::Address(ip) => Some(*ip),
            DnsServer::Controller(name) => {
                let controller = self.draft.controller(name)?;
                self.draft.address_towards(controller, index)
            }
        });
        let mut dynamic: Vec<_> = node
            .dynamic
            .iter()
            .map(|pool| DynamicRange {
                range: pool.range.value,
                options: options(&pool.options),
                origin: self.sources.origin(pool.range.span),
            })
            .collect();
        let mut reserved: Vec<_> = node
            .reserved
            .iter()
            .map(|node| ReservedRange {
                range: node.range.value,
                purpose: node.purpose.value().cloned(),
                origin: self.sources.origin(node.range.span),
            })
            .collect();
        // The order of nodes never matters.
        dynamic.sort_by_key(|range| range.range);
        reserved.sort_by_key(|range| range.range);
        Some(Subnet {
            gateway: node.gateway.value().copied(),
            dns: dns.collect::<Option<_>>()?,
            dynamic,
            reserved,
            managed: is(&node.managed, true),
            reverse_dns: match node.reverse_dns.value().map(String::as_str) {
                Some("off") => ReverseDns::Off,
                Some("rfc2317") => ReverseDns::Rfc2317,
                Some(_) | None => ReverseDns::Zone,
            },
            allow_dns: is(&node.allow_dns, true),
            active_discovery: is(&node.active_discovery, false),
            disabled_boot: node.disabled_boot.iter().map(|one| one.value).collect(),
            thresholds: match self.draft.thresholds(index) {
                Some((_, said)) => said.iter().map(|one| one.value).collect(),
                None => Percent::THRESHOLDS.into(),
            },
            options: options(
                nearest(self.draft.subnet_options(index))
                    .into_iter()
                    .map(|(_, option)| option),
            ),
            protection: self.protection(node.protect.as_ref()),
            origin: self.sources.origin(node.prefix.span),
        })
    }

    fn image(&self, node: &ImageNode) -> Option<Image> {
        let programs: BTreeMap<_, _> = node
            .programs
            .iter()
            .map(|program| Some((*program.arch.value()?, program.path.value()?.clone())))
            .collect::<Option<_>>()?;
        let served = [&node.kernel, &node.initrd]
            .into_iter()
            .filter_map(Slot::value);
        let further = node
            .files
            .iter()
            .map(|path| &path.value)
            .chain(served)
            .cloned();
        let paths: BTreeSet<_> = programs.values().cloned().chain(further).collect();
        // A file that a revision lacks was warned of; of any other that is not there the site has an error.
        let files = paths
            .into_iter()
            .filter_map(|path| {
                let file = self.draft.files.get(&path)?.clone();
                Some((path, file))
            })
            .collect();
        Some(Image {
            programs,
            cmdline: node.cmdline.value().cloned(),
            kernel: node.kernel.value().cloned(),
            initrd: node.initrd.value().cloned(),
            user_data: node.user_data.value().cloned(),
            cpu: node.cpu.value().cloned(),
            files,
            protection: self.protection(node.protect.as_ref()),
            origin: self.sources.origin(node.name.span),
        })
    }

    fn records(&self) -> Option<BTreeMap<DomainName, Record>> {
        let domain = self.draft.domain_name()?;
        let nodes = self.draft.declarations.records.iter();
        let records = nodes.map(|node| {
            let values = node.values.iter();
            let built = Record {
                ttl: node.ttl.value().copied(),
                values: values
                    .map(|value| full(domain, &value.value))
                    .collect::<Option<_>>()?,
                origin: self.sources.origin(node.name.span),
            };
            Some((node.name.value.within(domain).ok()?, built))
        });
        records.collect()
    }

    fn routes(&self) -> Option<Vec<StaticRoute>> {
        let nodes = self.draft.declarations.routes.iter();
        let routes = nodes.zip(&self.draft.routes).map(|(node, subnet)| {
            Some(StaticRoute {
                vlan: self.draft.vlan_of((*subnet)?)?.path.clone(),
                destination: *node.destination.value()?,
                via: *node.via.value()?,
                metric: node.metric.value().copied().unwrap_or(0),
                origin: self.sources.origin(node.span),
            })
        });
        let mut routes = routes.collect::<Option<Vec<_>>>()?;
        routes.sort_by_key(|route| (route.destination, route.metric, route.via));
        Some(routes)
    }

    /// The MTU of a link, else its VLAN's.
    fn mtu(&self, link: &Link) -> Option<u32> {
        let of_vlan = match link.plug {
            Plug::Vlan(vlan) => self.draft.vlans.get(vlan)?.node.mtu.value(),
            Plug::Nothing | Plug::Unknown => None,
        };
        link.node.mtu.value().or(of_vlan).copied()
    }

    fn machine(&self, host: &Host<'_>, shape: &HostShape) -> Option<Machine> {
        let mut interfaces = BTreeMap::new();
        for link in &host.links {
            let built = MachineInterface {
                form: controller::form(self.draft, link)?,
                mtu: self.mtu(link),
                mac: host.mac_of(link).value().copied(),
                identities: link.node.identities().map(|one| one.value).collect(),
                vlan: self.plugged(link),
                addresses: self.addresses(link)?,
                dhcp: link.dhcp.is_some(),
                origin: self.sources.origin(link.node.span),
            };
            interfaces.insert(link.node.name.value.clone(), Box::new(built));
        }
        let tags = shape.tags.iter().flatten();
        Some(Machine {
            uuid: shape.uuid.value().copied(),
            image: shape.image.value().cloned(),
            tags: tags.map(|tag| tag.value.clone()).collect(),
            rack: shape.rack.value().cloned(),
            interfaces,
            bmc: match &shape.bmc {
                Some(bmc) => Some(self.bmc(host, bmc)?),
                None => None,
            },
            bmc_network: match shape
                .bmc
                .as_ref()
                .and_then(|bmc| Some((bmc, bmc.network.as_deref()?)))
            {
                Some((bmc, network)) => Some(Box::new(self.bmc_network(bmc, network)?)),
                None => None,
            },
            bmc_users: match &shape.bmc {
                Some(bmc) => self.bmc_users(bmc)?,
                None => BTreeMap::new(),
            },
            power: match shape.power.value().map(String::as_str) {
                Some("on") => Some(true),
                Some("off") => Some(false),
                Some(_) | None => None,
            },
            boot_order: boot::order(shape),
            boots_from_disk: shape.boot_from.value().is_some_and(|place| place == "disk"),
            options: options(&shape.options),
            default_gateways: shape.default_gateways.iter().map(|one| one.value).collect(),
            protection: self.protection(shape.protect.as_ref()),
            origin: self.sources.origin(host.name.span),
        })
    }

    fn protection(&self, node: Option<&ProtectNode>) -> Option<Protection> {
        node.map(|node| Protection {
            reason: node.reason.clone(),
            origin: self.sources.origin(node.span),
        })
    }

    fn ignored(&self) -> Vec<IgnoreRule> {
        let nodes = self.draft.declarations.ignores.iter();
        let rules = nodes.map(|node| IgnoreRule {
            pattern: node.pattern.value.clone(),
            attributes: node
                .attributes
                .iter()
                .map(|one| one.value.clone())
                .collect(),
            reason: node.reason.value().cloned(),
            origin: self.sources.origin(node.span),
        });
        let mut rules: Vec<_> = rules.collect();
        // The order of nodes never matters.
        rules.sort_by(|a, b| (&a.pattern, &a.attributes).cmp(&(&b.pattern, &b.attributes)));
        rules
    }

    fn plugged(&self, link: &Link) -> Option<VlanPath> {
        match link.plug {
            Plug::Vlan(vlan) => self.draft.vlans.get(vlan).map(|vlan| vlan.path.clone()),
            Plug::Nothing | Plug::Unknown => None,
        }
    }

    fn addresses(&self, link: &Link) -> Option<Vec<PlacedAddress>> {
        let placed = link.addresses.iter().map(|placed| {
            let address = match (placed.subnet, placed.length) {
                (Some(subnet), _) => self.draft.prefix(subnet)?.interface(placed.ip())?,
                (None, Some(length)) => InterfaceAddr::new(placed.ip(), length).ok()?,
                (None, None) => return None,
            };
            let AddressTraits {
                prefix_route,
                preferred,
                duplicate_detection,
            } = placed.traits;
            Some(PlacedAddress {
                address,
                prefix_route,
                preferred,
                duplicate_detection,
                origin: self.sources.origin(placed.span()),
            })
        });
        placed.collect()
    }
}

/// How a VLAN's DHCP takes its clients: as it says itself, else as the VLAN of its servers does.
fn policy(node: &DhcpNode, serving: &DhcpNode) -> DhcpPolicy {
    fn said<T: Copy>(own: &Slot<T>, theirs: &Slot<T>) -> Option<T> {
        own.value().or(theirs.value()).copied()
    }
    let default = DhcpPolicy::default();
    let (own, theirs) = (&node.bounds, &serving.bounds);
    DhcpPolicy {
        authoritative: said(&node.authoritative, &serving.authoritative)
            .unwrap_or(default.authoritative),
        identity: said(&node.identity, &serving.identity).unwrap_or(default.identity),
        least_lease_time: said(&node.least_lease_time, &serving.least_lease_time)
            .unwrap_or(default.least_lease_time),
        boot_lease_time: said(&node.boot_lease_time, &serving.boot_lease_time),
        offer_time: said(&node.offer_time, &serving.offer_time).unwrap_or(default.offer_time),
        quarantine_time: said(&node.quarantine_time, &serving.quarantine_time)
            .unwrap_or(default.quarantine_time),
        unknown_clients: said(&node.unknown_clients, &serving.unknown_clients)
            .unwrap_or(default.unknown_clients),
        probe: said(&node.probe, &serving.probe).unwrap_or(default.probe),
        proxy: said(&node.proxy, &serving.proxy).unwrap_or(default.proxy),
        leases_per_circuit: said(&own.leases_per_circuit, &theirs.leases_per_circuit),
        rate_per_client: said(&own.rate_per_client, &theirs.rate_per_client),
        rate_per_circuit: said(&own.rate_per_circuit, &theirs.rate_per_circuit),
    }
}

fn history_time(declarations: &Declarations) -> Seconds {
    let site = declarations.sites.first();
    let dhcp = site.and_then(|site| site.dhcp.as_ref());
    let said = dhcp.and_then(|dhcp| dhcp.history_time.value());
    said.copied().unwrap_or(HISTORY_TIME)
}

/// A flag that is `default` where nothing is written.
fn is(flag: &Slot<bool>, default: bool) -> bool {
    flag.value().copied().unwrap_or(default)
}

/// A record with full names in it.
fn full(domain: &DomainName, value: &RecordData) -> Option<RecordData> {
    let mut value = value.clone();
    if let Some(target) = value.target_mut() {
        *target = absolute(domain, target)?;
    }
    Some(value)
}

fn client_class(node: &ClassNode) -> Option<ClientClass> {
    Some(ClientClass {
        name: node.name.value.clone(),
        matches: node
            .matches
            .iter()
            .map(MatchNode::asked)
            .collect::<Option<_>>()?,
        options: options(&node.options),
        image: node.image.value().cloned(),
    })
}

fn options<'n>(nodes: impl IntoIterator<Item = &'n OptionNode>) -> BTreeMap<u8, OptionValue> {
    let given = |node: &OptionNode| Some((node.code.value, node.value.value()?.clone()));
    nodes.into_iter().filter_map(given).collect()
}
