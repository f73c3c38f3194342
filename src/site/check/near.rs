//! What a controller reaches without a router: the prefixes of its addresses, and where its own routes say so.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::base::addr::{InterfaceAddr, Prefix};
use crate::base::name::LinkName;
use crate::lang::node::{LinkShape, PathNode};
use crate::site::resolve::{Draft, Host, Link, Placed};

pub(super) struct Near<'a> {
    /// Each prefix with each link that it is on, and once without.
    prefixes: BTreeSet<(Prefix, Option<&'a LinkName>)>,
    lengths: BTreeSet<u8>,
    own: BTreeSet<IpAddr>,
    /// Whether it may reach more than is written.
    pub(super) is_unsure: bool,
}

impl<'a> Near<'a> {
    pub(super) fn new(draft: &Draft<'_>, host: &'a Host<'_>, routes: &'a [PathNode]) -> Self {
        let mut near = Self {
            prefixes: BTreeSet::new(),
            lengths: BTreeSet::new(),
            own: BTreeSet::new(),
            is_unsure: super::reference::may_hide(draft, host)
                || super::reference::may_lack(draft, host),
        };
        for link in &host.links {
            for placed in &link.addresses {
                near.own.insert(placed.ip());
                near.address(draft, link, placed);
            }
            near.is_unsure |= link.dhcp.is_some();
        }
        for route in routes {
            if let (Some(to), Some(on)) = (route.destination.value(), route.on.value()) {
                near.add(*to, on);
            }
        }
        near
    }

    fn address(&mut self, draft: &Draft<'_>, link: &'a Link, placed: &Placed) {
        let prefix = match (placed.subnet, placed.length) {
            (Some(subnet), _) => draft.prefix(subnet),
            (None, Some(length)) if !link.node.shape.is_wired() => {
                let address = InterfaceAddr::new(placed.ip(), length);
                address.ok().map(Prefix::holding)
            }
            // One without a subnet is a fault of its own.
            (None, _) => None,
        };
        let Some(prefix) = prefix else {
            self.is_unsure = true;
            return;
        };
        let leads = !matches!(link.node.shape, LinkShape::Loopback);
        if leads && placed.traits.prefix_route {
            self.add(prefix, &link.node.name.value);
        }
    }

    fn add(&mut self, prefix: Prefix, link: &'a LinkName) {
        self.prefixes.insert((prefix, None));
        self.prefixes.insert((prefix, Some(link)));
        self.lengths.insert(prefix.length());
    }

    /// Whether an address is the controller's own.
    pub(super) fn has(&self, ip: IpAddr) -> bool {
        self.own.contains(&ip)
    }

    /// The longest prefix that holds an address, on one link or on any.
    pub(super) fn holding(&self, ip: IpAddr, on: Option<&LinkName>) -> Option<Prefix> {
        let lengths = self.lengths.iter().rev();
        let mut prefixes = lengths.filter_map(|length| {
            let address = InterfaceAddr::new(ip, *length).ok()?;
            Some(Prefix::holding(address))
        });
        prefixes.find(|prefix| self.prefixes.contains(&(*prefix, on)))
    }
}
