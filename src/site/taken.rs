//! Addresses that something has: what dynamic ranges leave out, and what is not allocated again.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use super::resolve::{Domain, Draft, Host, Plug, Role};
use crate::base::option::OptionValue;
use crate::diag::span::{Span, Spanned};
use crate::lang::node::{DnsServer, TimeServer};

/// What to do where a locked address is in the way.
pub(super) const RELOCK: &str = "make room for it; or, to give the host another address, remove the line from the lock and run `bedplate lock`";

/// An address that something has.
pub(super) struct Taken<'d> {
    pub(super) domain: Domain,
    pub(super) ip: IpAddr,
    pub(super) span: Span,
    pub(super) by: Owner<'d>,
    /// Whether the lock has it, so that another can be had.
    pub(super) is_locked: bool,
}

/// What has an address.
#[derive(Clone, Copy)]
pub(super) enum Owner<'d> {
    Gateway,
    NameServer,
    Router,
    DefaultGateway,
    TimeServer,
    Forwarder,
    /// A server that a DHCP option names.
    Server,
    /// A record says that somebody has it.
    Record,
    Host(&'d Host<'d>),
    Bmc(&'d Host<'d>),
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway => f.write_str("the gateway"),
            Self::NameServer => f.write_str("a name server"),
            Self::Router => f.write_str("a route's gateway"),
            Self::DefaultGateway => f.write_str("a default gateway"),
            Self::TimeServer => f.write_str("a time server"),
            Self::Forwarder => f.write_str("a resolver"),
            Self::Server => f.write_str("a server that an option names"),
            Self::Record => f.write_str("a record"),
            Self::Host(host) => f.write_str(&host.title()),
            Self::Bmc(host) => write!(f, "the BMC of {}", host.title()),
        }
    }
}

/// Addresses that the site names beside its subnets: of servers, and in records.
fn named<'d>(draft: &'d Draft<'d>) -> impl Iterator<Item = (Spanned<IpAddr>, Owner<'d>)> {
    let declarations = draft.declarations;
    let sites = || declarations.sites.iter();
    let forwarders = sites().flat_map(|site| &site.forwarders);
    let forwarders = forwarders.map(|at| (*at, Owner::Forwarder));
    let times = sites().flat_map(|site| &site.time_servers);
    let times = times.filter_map(|server| match server.value {
        TimeServer::Address(ip) => Some((Spanned::new(ip, server.span), Owner::TimeServer)),
        TimeServer::Name(_) => None,
    });
    let records = declarations
        .records
        .iter()
        .flat_map(|record| &record.values);
    let records = records
        .filter_map(|value| Some((Spanned::new(value.value.ip()?, value.span), Owner::Record)));
    let services = || {
        let vlans = draft.vlans.iter();
        vlans.filter_map(|vlan| vlan.node.dhcp.as_ref())
    };
    let options = services().flat_map(|dhcp| &dhcp.options);
    let everywhere = || sites().filter_map(|site| site.dhcp.as_ref());
    let options = options.chain(everywhere().flat_map(|dhcp| &dhcp.options));
    let classes = services().flat_map(|dhcp| &dhcp.classes);
    let classes = classes.chain(everywhere().flat_map(|dhcp| &dhcp.classes));
    let options = options.chain(classes.flat_map(|class| &class.options));
    let subnets = || draft.subnets.iter().map(|subnet| subnet.node);
    let options = options.chain(subnets().flat_map(|node| &node.options));
    let pools = subnets().flat_map(|node| &node.dynamic);
    let options = options.chain(pools.flat_map(|pool| &pool.options));
    // As they are written: a thousand machines have the options of one profile.
    let profiles = declarations.profiles.iter().map(|node| &node.shape);
    let shapes = profiles.chain(declarations.machines.iter().map(|node| &node.shape));
    let options = options.chain(shapes.flat_map(|shape| &shape.options));
    let servers = options.flat_map(|option| {
        let (addresses, routes) = match option.value.value() {
            Some(OptionValue::Addresses(addresses)) => (addresses.as_slice(), &[][..]),
            Some(OptionValue::Routes(routes)) => (&[][..], routes.as_slice()),
            Some(_) | None => (&[][..], &[][..]),
        };
        let at = |ip: &Ipv4Addr| Spanned::new(IpAddr::V4(*ip), option.span);
        let servers = addresses.iter().map(move |ip| (at(ip), Owner::Server));
        // A router of 0.0.0.0 is none.
        let routers = routes.iter().filter(|(_, via)| !via.is_unspecified());
        servers.chain(routers.map(move |(_, via)| (at(via), Owner::Router)))
    });
    forwarders.chain(times).chain(records).chain(servers)
}

/// The routers of controllers, each in the isolation domain that it is reached in. Those of machines are gateways of their subnets.
fn default_gateways<'d>(draft: &'d Draft<'d>) -> impl Iterator<Item = (Domain, Spanned<IpAddr>)> {
    let controllers = draft.hosts.iter().filter(|host| host.is_controller());
    let gateways =
        controllers.flat_map(|host| host.default_gateways().iter().map(move |at| (host, at)));
    gateways.filter_map(|(host, at)| {
        let holding = draft.index.holding(at.value);
        let mut holding = holding.filter_map(|subnet| draft.subnets.get(subnet));
        let domain = |vlan: usize| draft.vlans.get(vlan).map(|vlan| vlan.domain);
        let found = holding.find(|subnet| {
            host.links.iter().any(|link| match link.plug {
                Plug::Vlan(vlan) => domain(vlan) == Some(subnet.domain),
                Plug::Nothing | Plug::Unknown => false,
            })
        });
        Some((found?.domain, *at))
    })
}

/// Every address that a dynamic range may not hold.
pub(super) struct AllTaken<'d> {
    /// Sorted.
    own: Vec<Taken<'d>>,
    /// Those that are not said to be of one isolation domain, and count in every isolated one; sorted too.
    anywhere: Vec<Taken<'d>>,
}

impl<'d> AllTaken<'d> {
    /// What is taken from `first` to `last`, both included, in an isolation domain.
    pub(super) fn within(
        &self,
        domain: Domain,
        first: IpAddr,
        last: IpAddr,
    ) -> impl Iterator<Item = &Taken<'d>> {
        let inside = move |all: &'_ Vec<Taken<'d>>, domain: Domain| {
            let place = |taken: &Taken<'_>| (taken.domain, taken.ip);
            let from = all.partition_point(|taken| place(taken) < (domain, first));
            let to = all.partition_point(|taken| place(taken) <= (domain, last));
            from..to
        };
        let own = inside(&self.own, domain);
        let own = self.own.get(own).unwrap_or_default();
        let anywhere = match domain {
            Domain::Shared => &[][..],
            Domain::Isolated(_) => {
                let range = inside(&self.anywhere, Domain::Shared);
                self.anywhere.get(range).unwrap_or_default()
            }
        };
        own.iter().chain(anywhere)
    }
}

pub(super) fn taken<'d>(draft: &'d Draft<'d>) -> AllTaken<'d> {
    let (mut taken, mut anywhere) = (Vec::new(), Vec::new());
    let written = |domain, at: Spanned<IpAddr>, by| Taken {
        domain,
        ip: at.value,
        span: at.span,
        by,
        is_locked: false,
    };
    for subnet in &draft.subnets {
        let (domain, node) = (subnet.domain, subnet.node);
        let gateway = node.gateway.given();
        taken.extend(gateway.map(|at| written(domain, *at, Owner::Gateway)));
        taken.extend(node.dns.iter().filter_map(|server| match server.value {
            DnsServer::Address(ip) => {
                let at = Spanned::new(ip, server.span);
                Some(written(domain, at, Owner::NameServer))
            }
            DnsServer::Controller(_) => None,
        }));
    }
    for (route, subnet) in draft.declarations.routes.iter().zip(&draft.routes) {
        let subnet = subnet.and_then(|subnet| draft.subnets.get(subnet));
        if let (Some(via), Some(subnet)) = (route.via.given(), subnet) {
            taken.push(written(subnet.domain, *via, Owner::Router));
        }
    }
    for (at, by) in named(draft) {
        let into = match draft.is_shared(at.value) {
            true => &mut taken,
            false => &mut anywhere,
        };
        into.push(written(Domain::Shared, at, by));
    }
    for host in &draft.hosts {
        let addresses = host.links.iter().flat_map(|link| &link.addresses);
        taken.extend(addresses.map(|placed| Taken {
            domain: draft.domain(placed),
            ip: placed.ip(),
            span: placed.span(),
            by: Owner::Host(host),
            is_locked: placed.is_locked,
        }));
        if let Role::Machine(shape) = &host.role
            && let Some(bmc) = &shape.bmc
            && let (Some(at), Some(domain)) = (bmc.address.given(), draft.domain_of_bmc(bmc))
        {
            taken.push(written(domain, *at, Owner::Bmc(host)));
        }
    }
    let sort = |all: &mut Vec<Taken<'_>>| all.sort_by_key(|one| (one.domain, one.ip, one.span));
    sort(&mut taken);
    // What else has the address is a better reason.
    let is_new = |(domain, at): &(Domain, Spanned<IpAddr>)| {
        let place = |one: &Taken<'_>| (one.domain, one.ip);
        let found = taken.binary_search_by(|one| place(one).cmp(&(*domain, at.value)));
        found.is_err()
    };
    let gateways: Vec<_> = default_gateways(draft).filter(is_new).collect();
    let gateways = gateways.into_iter();
    taken.extend(gateways.map(|(domain, at)| written(domain, at, Owner::DefaultGateway)));
    sort(&mut taken);
    sort(&mut anywhere);
    AllTaken {
        own: taken,
        anywhere,
    }
}
