//! Sockets that the embedded servers answer on.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Changes, Desired, Key, Observation, Resource, Service, Transport};
use crate::base::addr::InterfaceAddr;
use crate::base::name::{HostName, LinkName};
use crate::base::origin::Origin;
use crate::base::vlan::VlanPath;
use crate::site::model::{Controller, Dhcp, Site};

/// One service on one address. Its port is the service's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// The link that holds the address; DHCP and PXE are bound to it, since a client without address broadcasts.
    pub link: LinkName,
    /// The listener's address as its link carries it.
    pub address: InterfaceAddr,
}

impl Service {
    /// The port that clients expect (RFC 2131 4.1, 1035 4.2, 1350 4, 9110 4.2.1; PXE 2.1 2.2).
    pub fn port(self) -> u16 {
        match self {
            Self::Dhcp => 67,
            Self::Dns => 53,
            Self::Tftp => 69,
            Self::Http => 80,
            Self::Pxe => 4011,
        }
    }

    /// What carries it: DNS is asked over both.
    pub fn transports(self) -> &'static [Transport] {
        match self {
            Self::Dhcp | Self::Tftp | Self::Pxe => &[Transport::Udp],
            Self::Dns => &[Transport::Udp, Transport::Tcp],
            Self::Http => &[Transport::Tcp],
        }
    }
}

impl Listener {
    pub(super) fn requires(&self, key: &Key) -> Vec<Key> {
        let Key::Listener { controller, .. } = key else {
            return Vec::new();
        };
        let (controller, link, address) = (controller.clone(), self.link.clone(), self.address);
        vec![
            Key::link(&controller, &link),
            Key::Address {
                controller,
                link,
                address,
            },
        ]
    }

    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        changes
            .field("link", &from.link, &self.link)
            .field("address", &from.address, &self.address)
    }

    pub(super) fn summary(&self) -> String {
        format!("on {}", self.link)
    }
}

impl Observation {
    /// What a listener cannot do without and is not there: its link, or its address on that link, whoever set it.
    pub fn lacking(&self, key: &Key, listener: &Resource) -> Option<Key> {
        let Resource::Listener(listener) = listener else {
            return None;
        };
        let required = listener.requires(key).into_iter();
        let mut missing = required.filter(|needed| {
            let is_there = self.state.contains_key(needed)
                || matches!(needed, Key::Address { link, address, .. } if self.has_address(link, address.ip()));
            !is_there
        });
        missing.next()
    }

    fn has_address(&self, on: &LinkName, ip: IpAddr) -> bool {
        let mut beside = self.facts.beside.addresses.iter();
        let mut kept = self.state.keys();
        kept.any(|key| matches!(key, Key::Address { link, address, .. } if link == on && address.ip() == ip))
            || beside.any(|found| found.link.as_ref() == Some(on) && found.address.ip() == ip)
    }
}

/// The VLANs whose servers answer, for it or for one that is relayed to it, beside another server that gives the addresses.
pub(super) fn proxied(site: &Site) -> BTreeSet<&VlanPath> {
    let vlans = site.vlans.iter();
    let proxied = vlans.filter_map(|(path, vlan)| {
        let dhcp = vlan.dhcp.as_ref().filter(|dhcp| dhcp.policy.proxy)?;
        Some(dhcp.relay.as_ref().unwrap_or(path))
    });
    proxied.collect()
}

/// The listeners of a controller: each service on each of its addresses in a VLAN that it serves, nowhere else. PXE has a port of its
/// own only beside another server (`has_proxy`): elsewhere firmware takes the program that DHCP names, and asks nobody else.
pub(super) fn desired(
    name: &HostName,
    controller: &Controller,
    (vlan, dhcp): (&VlanPath, &Dhcp),
    has_proxy: bool,
    into: &mut Desired,
) {
    for (link, on) in controller.links_in(vlan) {
        for placed in &on.addresses {
            let is_v4 = placed.address.ip().is_ipv4();
            let is_here = |service: &Service| match service {
                Service::Dhcp => is_v4,
                Service::Pxe => is_v4 && has_proxy,
                Service::Dns | Service::Tftp | Service::Http => true,
            };
            for service in Service::ALL.into_iter().filter(is_here) {
                add(name, service, link, placed.address, &dhcp.origin, into);
            }
        }
    }
}

fn add(
    controller: &HostName,
    service: Service,
    link: &LinkName,
    address: InterfaceAddr,
    origin: &Origin,
    into: &mut Desired,
) {
    let key = Key::Listener {
        controller: controller.clone(),
        service,
        address: address.ip(),
    };
    into.add(
        key,
        Resource::Listener(Listener {
            link: link.clone(),
            address,
        }),
        origin,
    );
}
