//! The site as a catalog: every object by its key, each of its values with where it comes from, and what it refers to.
//!
//! It is made from a draft without faults, for the commands that explain a site; checking one never needs it.
//! A node's fields are taken apart without `..` wherever they are read, so that a new one does not compile before it has its line.

mod account;
mod difference;
mod fabric;
mod find;
mod host;
mod key;
mod link;
mod path;
mod pen;
mod root;
mod said;
mod switch;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use super::resolve::{Domain, Draft};
use crate::base::addr::Prefix;
use crate::base::limit;
use crate::base::name::{HostName, Name};
use crate::base::origin::Origin;
use crate::base::vlan::VlanPath;
use crate::diag::span::Sources;
use crate::lang::node::{MachineNode, ProfileNode};

pub use difference::{Difference, ObjectChange, Sign, ValueChange};
pub use find::{Found, Place, Role, find};
pub use key::{Group, ObjectKey};
pub use said::{SaidOption, SaidOptions};

/// Every object of a site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    pub objects: BTreeMap<ObjectKey, Object>,
    /// Who says which DHCP options.
    pub options: SaidOptions,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Object {
    /// The word that declares it.
    pub kind: &'static str,
    /// Where it is declared.
    pub declared: Source,
    /// In the order in which the language lists them.
    pub values: Vec<Value>,
    pub refers: Vec<Reference>,
}

/// One value of an object. A name may stand several times: a link has several addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Value {
    /// The word of the language.
    pub name: Cow<'static, str>,
    pub text: String,
    pub source: Source,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "from")]
pub enum Source {
    /// Written in the object itself.
    Here { at: Origin },
    /// Written in the machine's profile.
    Profile { profile: Name, at: Origin },
    /// A row of a table.
    Row { at: Origin },
    /// Allocated, and kept by the lock.
    Lock { at: Origin },
    /// What the object's VLAN says.
    Vlan { vlan: VlanPath, at: Origin },
    /// What the VLAN says whose servers the object is relayed to.
    Relay { vlan: VlanPath, at: Origin },
    /// What the site says for all that is in it.
    Site { at: Origin },
    /// What the subnet says that holds the object's address.
    Subnet { subnet: Prefix, at: Origin },
    /// Said nowhere: what the language's reference gives as the default.
    Default,
}

/// That one object needs another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reference {
    pub relation: Relation,
    pub to: ObjectKey,
    pub source: Source,
}

/// What one object is to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// A VLAN in its fabric, a subnet or a port in its VLAN.
    In,
    /// A link or a BMC of its host or profile.
    Of,
    Space,
    ServedBy,
    RelayedTo,
    Boots,
    /// A subnet's name server.
    Dns,
    /// A subnet's gateway that is an address of the site.
    Gateway,
    /// The subnet that holds a router.
    Via,
    /// The subnet that holds an address.
    Address,
    /// A tagged link on the one that carries its frames, a route on the one that it leads through.
    On,
    Port,
    /// A route or a rule to the VRF whose table it names.
    Table,
    Profile,
    /// A record to the host whose name or address it has.
    LeadsTo,
}

impl Relation {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Of => "of",
            Self::Space => "space",
            Self::ServedBy => "served-by",
            Self::RelayedTo => "relayed-to",
            Self::Boots => "boots",
            Self::Dns => "dns",
            Self::Gateway => "gateway",
            Self::Via => "via",
            Self::Address => "address",
            Self::On => "on",
            Self::Port => "port",
            Self::Table => "table",
            Self::Profile => "profile",
            Self::LeadsTo => "leads-to",
        }
    }
}

impl Source {
    /// The place in the sources, where there is one.
    pub fn at(&self) -> Option<&Origin> {
        match self {
            Self::Here { at }
            | Self::Profile { at, .. }
            | Self::Row { at }
            | Self::Lock { at }
            | Self::Vlan { at, .. }
            | Self::Relay { at, .. }
            | Self::Site { at }
            | Self::Subnet { at, .. } => Some(at),
            Self::Default => None,
        }
    }

    /// Whether the object says it itself.
    pub fn is_own(&self) -> bool {
        match self {
            Self::Here { .. } | Self::Row { .. } | Self::Lock { .. } => true,
            Self::Profile { .. }
            | Self::Vlan { .. }
            | Self::Relay { .. }
            | Self::Site { .. }
            | Self::Subnet { .. }
            | Self::Default => false,
        }
    }

    /// In words: the place, and before it whom the value is from.
    pub fn words(&self) -> String {
        match self {
            Self::Here { at } | Self::Row { at } => at.to_string(),
            Self::Lock { at } => format!("{at}, allocated"),
            Self::Profile { profile, at } => format!("{at}, from profile {profile}"),
            Self::Vlan { vlan, at } => format!("{at}, from vlan {vlan}"),
            Self::Relay { vlan, at } => format!("{at}, relayed to vlan {vlan}"),
            Self::Site { at } => format!("{at}, from the site"),
            Self::Subnet { subnet, at } => format!("{at}, from subnet {subnet}"),
            Self::Default => "by default".to_owned(),
        }
    }
}

impl Catalog {
    /// The parts of an object: those whose parent it is.
    pub fn children<'a>(&'a self, of: &'a ObjectKey) -> impl Iterator<Item = &'a ObjectKey> {
        let keys = self.objects.keys();
        keys.filter(move |key| key.parent().as_ref() == Some(of))
    }

    /// Who refers to an object, and as what; its own parts left out.
    pub fn referrers<'a>(
        &'a self,
        to: &'a ObjectKey,
    ) -> impl Iterator<Item = (&'a ObjectKey, &'a Reference)> {
        let objects = self.objects.iter();
        objects
            .filter(move |(key, _)| key.parent().as_ref() != Some(to))
            .flat_map(|(key, object)| object.refers.iter().map(move |one| (key, one)))
            .filter(move |(_, reference)| reference.to == *to)
    }
}

/// How much of each object is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    Full,
    /// What it is and what it refers to, and none of its values: enough for a graph of a large site.
    References,
}

/// The catalog of a draft; of one that breaks rules it tells what could be read.
pub(super) fn catalog(draft: &Draft<'_>, sources: &Sources, detail: Detail) -> Catalog {
    let machines = draft.declarations.machines.iter();
    let profiles = draft.declarations.profiles.iter();
    let mut cataloguer = Cataloguer {
        draft,
        sources,
        detail,
        machines: machines.map(|node| (&node.name.value, node)).collect(),
        profiles: profiles.map(|node| (&node.name.value, node)).collect(),
        holders: BTreeMap::new(),
        routes: BTreeMap::new(),
        // A site whose subnets were told more is refused, and its catalog is never seen.
        shows_inherited: draft.told_length() < limit::INHERITED_BYTES,
        objects: BTreeMap::new(),
    };
    cataloguer.addresses();
    cataloguer.root();
    cataloguer.fabrics();
    cataloguer.hosts();
    let options = match detail {
        Detail::Full => cataloguer.said_options(),
        Detail::References => SaidOptions::default(),
    };
    // A map is built of what is sorted already far faster than one by one, and most kinds are declared in the order of their names.
    let mut sorted = Vec::new();
    for mut kind in cataloguer.objects.into_values() {
        kind.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        sorted.append(&mut kind);
    }
    Catalog {
        objects: sorted.into_iter().collect(),
        options,
    }
}

/// A catalog in the making.
struct Cataloguer<'a> {
    draft: &'a Draft<'a>,
    sources: &'a Sources,
    detail: Detail,
    machines: BTreeMap<&'a HostName, &'a MachineNode>,
    profiles: BTreeMap<&'a Name, &'a ProfileNode>,
    /// The links that have each address, by isolation domain.
    holders: BTreeMap<(Domain, IpAddr), ObjectKey>,
    /// How many routes there are to each destination, by metric.
    routes: BTreeMap<(Prefix, u32), usize>,
    /// Whether VLANs and subnets show what they are told by others to tell.
    shows_inherited: bool,
    /// By kind, in the order of the draft.
    objects: BTreeMap<(Group, u8), Vec<(ObjectKey, Object)>>,
}
