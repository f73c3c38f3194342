//! Keys: the one name of a thing in plans, errors, the API and `show`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::addr::{InterfaceAddr, Prefix};
use crate::base::identity::Identity;
use crate::base::name::{DomainName, FilePath, HostName, LinkName, Name, UserName};
use crate::base::record::RecordType;
use crate::base::route::Family;
use crate::base::vlan::VlanPath;

/// The one name of a thing that can exist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Key {
    /// `controller/rack-1/link/eno1`
    Link {
        controller: HostName,
        link: LinkName,
    },
    /// `controller/rack-1/address/10.10.0.2/16@eno1`
    Address {
        controller: HostName,
        link: LinkName,
        address: InterfaceAddr,
    },
    /// `controller/rack-1/route/10.99.0.0/16@main/100`
    Route {
        controller: HostName,
        destination: Prefix,
        table: Table,
        metric: u32,
    },
    /// `controller/rack-1/rule/ipv4/1000`
    Rule {
        controller: HostName,
        family: Family,
        priority: u32,
    },
    /// `controller/rack-1/listener/dns/10.10.0.2`
    Listener {
        controller: HostName,
        service: Service,
        address: IpAddr,
    },
    /// `controller/rack-1/forwarders`
    Forwarders { controller: HostName },
    /// `file/boot/bootx64.efi`
    BootFile { path: FilePath },
    /// `image/noble`
    BootImage { image: Name },
    /// `hook/inventory`
    Hook { name: Name },
    /// `webhook/inventory`
    Webhook { name: Name },
    /// `vlan/plant/pxe/scope/10.10.0.0/16`
    Scope { vlan: VlanPath, subnet: Prefix },
    /// `vlan/plant/pxe/reservation/52:54:00:00:00:01`
    ///
    /// By the first of what the client is known by that counts.
    Reservation { vlan: VlanPath, by: Box<Identity> },
    /// `zone/ams1.example.net`
    Zone { zone: DomainName },
    /// `zone/ams1.example.net/node-01/A`
    Record {
        zone: DomainName,
        name: RecordName,
        kind: RecordType,
    },
    /// `machine/node-01/bmc`
    ///
    /// By what the daemon speaks with a machine's BMC: the daemon's own, and so before what machines have, which comes last, as they do in
    /// a plan.
    Bmc { machine: HostName },
    /// `machine/node-01/bmc/user/ops`
    ///
    /// What machines have comes last, as they do in a plan.
    User { machine: HostName, user: UserName },
    /// `machine/node-01/bmc/network`
    Network { machine: HostName },
    /// `machine/node-01/boot-order`
    ///
    /// Before their power, which may start them.
    BootOrder { machine: HostName },
    /// `machine/node-01/power`
    Power { machine: HostName },
}

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    Dhcp,
    Dns,
    Tftp,
    Http,
    /// The port that firmware asks beside DHCP's own, where another server gives the addresses (PXE 2.1 2.2).
    Pxe,
}

/// A routing table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Table(pub u32);

/// A record's name relative to its zone; `@` is the zone itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordName(String);

/// What fails and is undone together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    /// A controller's host network with the servers that depend on it.
    Controller(HostName),
    /// What is done to a machine through its BMC.
    Machine(HostName),
}

/// Why a text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a key such as controller/rack-1/link/eno1")]
pub struct KeyError(String);

impl Service {
    pub const ALL: [Self; 5] = [Self::Dhcp, Self::Dns, Self::Tftp, Self::Http, Self::Pxe];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dhcp => "dhcp",
            Self::Dns => "dns",
            Self::Tftp => "tftp",
            Self::Http => "http",
            Self::Pxe => "pxe",
        }
    }
}

impl Table {
    /// The kernel's main table (`RT_TABLE_MAIN`).
    pub const MAIN: Self = Self(254);
}

impl RecordName {
    /// The zone's own name.
    pub fn apex() -> Self {
        Self("@".to_owned())
    }

    /// `name` relative to `zone`, where it lies within.
    pub fn relative(name: &DomainName, zone: &DomainName) -> Option<Self> {
        if name == zone {
            return Some(Self::apex());
        }
        let label = name
            .as_str()
            .strip_suffix(zone.as_str())?
            .strip_suffix('.')?;
        Some(Self(label.to_owned()))
    }

    /// The absolute name in `zone`; `None` where it would be too long.
    pub fn absolute(&self, zone: &DomainName) -> Option<DomainName> {
        if self.0 == "@" {
            Some(zone.clone())
        } else {
            zone.child(&self.0).ok()
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Key {
    /// The key of a controller's link.
    pub fn link(controller: &HostName, link: &LinkName) -> Self {
        Self::Link {
            controller: controller.clone(),
            link: link.clone(),
        }
    }

    /// Whether the host's kernel holds this thing, rather than one of the embedded servers.
    pub fn is_host(&self) -> bool {
        match self {
            Self::Link { .. } | Self::Address { .. } | Self::Route { .. } | Self::Rule { .. } => {
                true
            }
            Self::Listener { .. }
            | Self::Forwarders { .. }
            | Self::BootFile { .. }
            | Self::BootImage { .. }
            | Self::Hook { .. }
            | Self::Webhook { .. }
            | Self::Scope { .. }
            | Self::Reservation { .. }
            | Self::Zone { .. }
            | Self::Record { .. }
            | Self::Bmc { .. }
            | Self::User { .. }
            | Self::Network { .. }
            | Self::BootOrder { .. }
            | Self::Power { .. } => false,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link { controller, link } => write!(f, "controller/{controller}/link/{link}"),
            Self::Address {
                controller,
                link,
                address,
            } => write!(f, "controller/{controller}/address/{address}@{link}"),
            Self::Route {
                controller,
                destination,
                table,
                metric,
            } => {
                write!(
                    f,
                    "controller/{controller}/route/{destination}@{table}/{metric}"
                )
            }
            Self::Rule {
                controller,
                family,
                priority,
            } => write!(f, "controller/{controller}/rule/{family}/{priority}"),
            Self::Listener {
                controller,
                service,
                address,
            } => write!(f, "controller/{controller}/listener/{service}/{address}"),
            Self::Forwarders { controller } => write!(f, "controller/{controller}/forwarders"),
            Self::BootFile { path } => write!(f, "file/{path}"),
            Self::BootImage { image } => write!(f, "image/{image}"),
            Self::Hook { name } => write!(f, "hook/{name}"),
            Self::Webhook { name } => write!(f, "webhook/{name}"),
            Self::Scope { vlan, subnet } => write!(f, "vlan/{vlan}/scope/{subnet}"),
            Self::Reservation { vlan, by } => write!(f, "vlan/{vlan}/reservation/{by}"),
            Self::Zone { zone } => write!(f, "zone/{zone}"),
            Self::Record { zone, name, kind } => write!(f, "zone/{zone}/{name}/{kind}"),
            Self::Bmc { machine } => write!(f, "machine/{machine}/bmc"),
            Self::User { machine, user } => write!(f, "machine/{machine}/bmc/user/{user}"),
            Self::Network { machine } => write!(f, "machine/{machine}/bmc/network"),
            Self::BootOrder { machine } => write!(f, "machine/{machine}/boot-order"),
            Self::Power { machine } => write!(f, "machine/{machine}/power"),
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::MAIN {
            f.write_str("main")
        } else {
            write!(f, "{}", self.0)
        }
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Controller(name) => write!(f, "controller/{name}"),
            Self::Machine(name) => write!(f, "machine/{name}"),
        }
    }
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        read(text).ok_or_else(|| KeyError(text.to_owned()))
    }
}

fn read(text: &str) -> Option<Key> {
    let (head, rest) = text.split_once('/')?;
    match head {
        "controller" => {
            let (controller, rest) = rest.split_once('/')?;
            read_controller(controller.parse().ok()?, rest)
        }
        "file" => Some(Key::BootFile {
            path: rest.parse().ok()?,
        }),
        "image" => Some(Key::BootImage {
            image: rest.parse().ok()?,
        }),
        "hook" => Some(Key::Hook {
            name: rest.parse().ok()?,
        }),
        "webhook" => Some(Key::Webhook {
            name: rest.parse().ok()?,
        }),
        "machine" => {
            let (machine, property) = rest.split_once('/')?;
            let machine = machine.parse().ok()?;
            match property {
                "bmc" => Some(Key::Bmc { machine }),
                "bmc/network" => Some(Key::Network { machine }),
                "boot-order" => Some(Key::BootOrder { machine }),
                "power" => Some(Key::Power { machine }),
                property => {
                    let user = property.strip_prefix("bmc/user/")?.parse().ok()?;
                    Some(Key::User { machine, user })
                }
            }
        }
        "vlan" => read_vlan(rest),
        "zone" => read_zone(rest),
        _ => None,
    }
}

fn read_controller(controller: HostName, rest: &str) -> Option<Key> {
    if rest == "forwarders" {
        return Some(Key::Forwarders { controller });
    }
    let (kind, rest) = rest.split_once('/')?;
    match kind {
        "link" => Some(Key::Link {
            controller,
            link: rest.parse().ok()?,
        }),
        "address" => {
            let (address, link) = rest.split_once('@')?;
            Some(Key::Address {
                controller,
                link: link.parse().ok()?,
                address: address.parse().ok()?,
            })
        }
        "route" => {
            let (destination, rest) = rest.split_once('@')?;
            let (table, metric) = rest.split_once('/')?;
            let table = if table == "main" {
                Table::MAIN
            } else {
                Table(table.parse().ok()?)
            };
            Some(Key::Route {
                controller,
                destination: destination.parse().ok()?,
                table,
                metric: metric.parse().ok()?,
            })
        }
        "rule" => {
            let (family, priority) = rest.split_once('/')?;
            Some(Key::Rule {
                controller,
                family: family.parse().ok()?,
                priority: priority.parse().ok()?,
            })
        }
        "listener" => {
            let (service, address) = rest.split_once('/')?;
            let service = Service::ALL
                .into_iter()
                .find(|known| known.as_str() == service)?;
            Some(Key::Listener {
                controller,
                service,
                address: address.parse().ok()?,
            })
        }
        _ => None,
    }
}

fn read_vlan(rest: &str) -> Option<Key> {
    let mut parts = rest.splitn(4, '/');
    let vlan = VlanPath {
        fabric: parts.next()?.parse().ok()?,
        vlan: parts.next()?.parse().ok()?,
    };
    match (parts.next()?, parts.next()?) {
        ("scope", subnet) => Some(Key::Scope {
            vlan,
            subnet: subnet.parse().ok()?,
        }),
        ("reservation", by) => Some(Key::Reservation {
            vlan,
            by: Box::new(by.parse().ok()?),
        }),
        _ => None,
    }
}

fn read_zone(rest: &str) -> Option<Key> {
    let Some((zone, rest)) = rest.split_once('/') else {
        return Some(Key::Zone {
            zone: rest.parse().ok()?,
        });
    };
    let (name, kind) = rest.split_once('/')?;
    let kind = RecordType::ALL
        .into_iter()
        .find(|known| known.as_str() == kind)?;
    Some(Key::Record {
        zone: zone.parse().ok()?,
        name: RecordName(name.to_owned()),
        kind,
    })
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for Key {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_reads_back() {
        let keys = [
            "controller/rack-1/link/bond0.100",
            "controller/rack-1/address/10.10.0.2/16@eno1",
            "controller/rack-1/route/10.99.0.0/16@main/100",
            "controller/rack-1/route/0.0.0.0/0@7/0",
            "controller/rack-1/rule/ipv6/1000",
            "controller/rack-1/listener/dns/10.10.0.2",
            "controller/rack-1/forwarders",
            "file/boot/bootx64.efi",
            "image/noble",
            "hook/inventory",
            "webhook/inventory",
            "vlan/plant/pxe/scope/10.10.0.0/16",
            "vlan/plant/pxe/reservation/52:54:00:00:00:01",
            "vlan/plant/pxe/reservation/client-id:0a0b",
            "zone/ams1.example.net",
            "zone/ams1.example.net/node-01/A",
            "zone/10.10.in-addr.arpa/1.0/PTR",
            "machine/node-01/bmc",
            "machine/node-01/bmc/user/ops@lab",
            "machine/node-01/bmc/network",
            "machine/node-01/boot-order",
            "machine/node-01/power",
        ];
        for text in keys {
            assert_eq!(text.parse::<Key>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "controller",
            "controller/x/y",
            "vlan/a/b/scope",
            "zone/a/b",
            "zone/a/b/XX",
            "image/",
            "machine/node-01",
            "machine/node-01/bmcs",
            "machine/node-01/bmc/user/",
            "machine/node-01/bmc/user/a/b",
        ] {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
    }
}
