//! The one name of each object of a site, always in full. Knows how keys are written, not what objects hold.

use std::fmt;
use std::net::IpAddr;

use serde::{Serialize, Serializer};

use crate::base::addr::Prefix;
use crate::base::name::{HostName, LinkName, Name, RecordLabel};
use crate::base::route::{Family, MAIN_TABLE};
use crate::base::vlan::VlanPath;

/// The name of an object. Keys of a kind sort together, and kinds in the order in which people think of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKey {
    /// `site`
    Site,
    /// `space/provisioning`
    Space(Name),
    /// `fabric/plant`
    Fabric(Name),
    /// `vlan/plant/pxe`
    Vlan(VlanPath),
    /// `vlan/plant/pxe/subnet/10.10.0.0/16`
    Subnet(VlanPath, Prefix),
    /// `route/10.99.0.0/16/100`; where several subnets have routers for one, `route/10.99.0.0/16/100/plant/pxe/10.10.0.254`
    Route(Prefix, u32, Option<(VlanPath, IpAddr)>),
    /// `record/www`
    Record(RecordLabel),
    /// `image/noble`
    Image(Name),
    /// `controller/rack-1`
    Controller(HostName),
    /// `controller/rack-1/link/bond0`
    ControllerLink(HostName, LinkName),
    /// `controller/rack-1/route/10.50.0.0/16@main/100`: destination, table and metric
    ControllerRoute(HostName, Prefix, u32, u32),
    /// `controller/rack-1/rule/1000`; one of a single address family, `controller/rack-1/rule/ipv4/1000`
    ControllerRule(HostName, u32, Option<Family>),
    /// `profile/compute`
    Profile(Name),
    /// `profile/compute/link/eth0`
    ProfileLink(Name, LinkName),
    /// `profile/compute/bmc`
    ProfileBmc(Name),
    /// `machine/node-01`
    Machine(HostName),
    /// `machine/node-01/link/eth0`
    MachineLink(HostName, LinkName),
    /// `machine/node-01/bmc`
    MachineBmc(HostName),
}

/// Kinds of objects, as lists are headed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    Site,
    Spaces,
    Fabrics,
    Vlans,
    Subnets,
    Routes,
    Records,
    Images,
    Controllers,
    Profiles,
    Machines,
}

impl Group {
    pub fn title(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Spaces => "spaces",
            Self::Fabrics => "fabrics",
            Self::Vlans => "VLANs",
            Self::Subnets => "subnets",
            Self::Routes => "routes",
            Self::Records => "records",
            Self::Images => "images",
            Self::Controllers => "controllers",
            Self::Profiles => "profiles",
            Self::Machines => "machines",
        }
    }
}

impl ObjectKey {
    /// The list that the object belongs to; links and BMCs belong to that of their host.
    pub fn group(&self) -> Group {
        match self {
            Self::Site => Group::Site,
            Self::Space(_) => Group::Spaces,
            Self::Fabric(_) => Group::Fabrics,
            Self::Vlan(_) => Group::Vlans,
            Self::Subnet(..) => Group::Subnets,
            Self::Route(..) => Group::Routes,
            Self::Record(_) => Group::Records,
            Self::Image(_) => Group::Images,
            Self::Controller(_)
            | Self::ControllerLink(..)
            | Self::ControllerRoute(..)
            | Self::ControllerRule(..) => Group::Controllers,
            Self::Profile(_) | Self::ProfileLink(..) | Self::ProfileBmc(_) => Group::Profiles,
            Self::Machine(_) | Self::MachineLink(..) | Self::MachineBmc(_) => Group::Machines,
        }
    }

    /// The kind of object: keys sort by it first.
    pub(super) fn kind(&self) -> (Group, u8) {
        let part = match self {
            Self::ControllerLink(..) | Self::ProfileLink(..) | Self::MachineLink(..) => 1,
            Self::ProfileBmc(_) | Self::MachineBmc(_) | Self::ControllerRoute(..) => 2,
            Self::ControllerRule(..) => 3,
            Self::Site
            | Self::Space(_)
            | Self::Fabric(_)
            | Self::Vlan(_)
            | Self::Subnet(..)
            | Self::Route(..)
            | Self::Record(_)
            | Self::Image(_)
            | Self::Controller(_)
            | Self::Profile(_)
            | Self::Machine(_) => 0,
        };
        (self.group(), part)
    }

    /// The object that this one is a part of.
    pub fn parent(&self) -> Option<Self> {
        match self {
            Self::Site
            | Self::Space(_)
            | Self::Fabric(_)
            | Self::Route(..)
            | Self::Record(_)
            | Self::Image(_)
            | Self::Controller(_)
            | Self::Profile(_)
            | Self::Machine(_) => None,
            Self::Vlan(path) => Some(Self::Fabric(path.fabric.clone())),
            Self::Subnet(path, _) => Some(Self::Vlan(path.clone())),
            Self::ControllerLink(host, _)
            | Self::ControllerRoute(host, ..)
            | Self::ControllerRule(host, ..) => Some(Self::Controller(host.clone())),
            Self::ProfileLink(profile, _) | Self::ProfileBmc(profile) => {
                Some(Self::Profile(profile.clone()))
            }
            Self::MachineLink(host, _) | Self::MachineBmc(host) => {
                Some(Self::Machine(host.clone()))
            }
        }
    }

    /// The name by which a reader who sees the parent knows the object.
    pub fn short(&self) -> String {
        match self {
            Self::Site => "site".to_owned(),
            Self::Space(name) | Self::Fabric(name) | Self::Image(name) | Self::Profile(name) => {
                name.to_string()
            }
            Self::Record(label) => label.to_string(),
            Self::Vlan(path) => path.vlan.to_string(),
            Self::Subnet(_, prefix)
            | Self::Route(prefix, ..)
            | Self::ControllerRoute(_, prefix, ..) => prefix.to_string(),
            Self::ControllerRule(_, priority, _) => priority.to_string(),
            Self::Controller(name) | Self::Machine(name) => name.to_string(),
            Self::ControllerLink(_, link)
            | Self::ProfileLink(_, link)
            | Self::MachineLink(_, link) => link.to_string(),
            Self::ProfileBmc(_) | Self::MachineBmc(_) => "bmc".to_owned(),
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site => f.write_str("site"),
            Self::Space(name) => write!(f, "space/{name}"),
            Self::Fabric(name) => write!(f, "fabric/{name}"),
            Self::Vlan(path) => write!(f, "vlan/{path}"),
            Self::Subnet(path, prefix) => write!(f, "vlan/{path}/subnet/{prefix}"),
            Self::Route(destination, metric, None) => write!(f, "route/{destination}/{metric}"),
            Self::Route(destination, metric, Some((vlan, via))) => {
                write!(f, "route/{destination}/{metric}/{vlan}/{via}")
            }
            Self::Record(label) => write!(f, "record/{label}"),
            Self::Image(name) => write!(f, "image/{name}"),
            Self::Controller(name) => write!(f, "controller/{name}"),
            Self::ControllerLink(host, link) => write!(f, "controller/{host}/link/{link}"),
            Self::ControllerRoute(host, destination, MAIN_TABLE, metric) => {
                write!(f, "controller/{host}/route/{destination}@main/{metric}")
            }
            Self::ControllerRoute(host, destination, table, metric) => {
                write!(f, "controller/{host}/route/{destination}@{table}/{metric}")
            }
            Self::ControllerRule(host, priority, None) => {
                write!(f, "controller/{host}/rule/{priority}")
            }
            Self::ControllerRule(host, priority, Some(family)) => {
                write!(f, "controller/{host}/rule/{family}/{priority}")
            }
            Self::Profile(name) => write!(f, "profile/{name}"),
            Self::ProfileLink(profile, link) => write!(f, "profile/{profile}/link/{link}"),
            Self::ProfileBmc(profile) => write!(f, "profile/{profile}/bmc"),
            Self::Machine(name) => write!(f, "machine/{name}"),
            Self::MachineLink(host, link) => write!(f, "machine/{host}/link/{link}"),
            Self::MachineBmc(host) => write!(f, "machine/{host}/bmc"),
        }
    }
}

impl Serialize for ObjectKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
