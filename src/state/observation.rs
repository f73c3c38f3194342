//! What was found in the world: state of the same type as desired, and beside it the facts that nobody declares.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize, Serializer};

use super::{Beside, BusyPort, Key, Manager, Resource, Session, State, Unreached, digest_of};
use crate::base::digest::Digest;
use crate::base::identity::Identity;
use crate::base::mac::MacAddr;
use crate::base::name::LinkName;

/// The world at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    pub state: State,
    #[serde(default)]
    pub facts: Facts,
}

/// What planning needs to know and no site declares.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Whose each observed host thing is; a key without entry is ours.
    pub ownership: BTreeMap<Key, Ownership>,
    pub links: BTreeMap<LinkName, LinkFact>,
    /// How many leases are in force.
    #[serde(default)]
    pub leased: usize,
    /// Those of them in ranges that are about to go, or to be shut to whoever comes; looked for once a plan does so.
    pub leases: Vec<LeaseFact>,
    /// By which the host is reached, as many as are counted.
    #[serde(default)]
    pub sessions: Vec<Session>,
    #[serde(default)]
    pub beside: Beside,
    /// Ports of our services that other programs listen on.
    #[serde(default)]
    pub busy: Vec<BusyPort>,
    /// Addresses about to be taken that somebody else answers for, and who.
    #[serde(default)]
    pub conflicts: BTreeMap<IpAddr, MacAddr>,
    /// Other programs that manage links.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub managers: BTreeMap<LinkName, Manager>,
    /// What BMCs were asked for and did not tell.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unreached: BTreeMap<Key, Unreached>,
    /// What BMCs were asked for, and say that they have not.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub lacking: BTreeSet<Key>,
}

/// Whose an observed thing is, when Bedplate did not make it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ownership {
    /// Others made it and the site does not speak of it: left alone, and shown.
    Foreign,
    /// Others made it and the site claimed it: withdrawing the claim gives it back as it was.
    Claimed { before: Resource },
}

/// What a link is, beyond what can be set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkFact {
    pub mac: Option<MacAddr>,
    /// The one that the device was made with, where its driver says so: ports of a bond have the bond's.
    #[serde(default)]
    pub permanent_mac: Option<MacAddr>,
    pub carrier: bool,
    /// The driver's limits, in bytes, where it states them.
    pub mtu_min: Option<u32>,
    pub mtu_max: Option<u32>,
}

/// One lease in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseFact {
    pub address: Ipv4Addr,
    /// What its client is known by, as far as the lease tells.
    pub identities: BTreeSet<Identity>,
}

/// What is known of things, but for those of which BMCs tell.
struct Held<'a, T>(&'a BTreeMap<Key, T>);

impl<T: Serialize> Serialize for Held<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let held = self.0.iter().filter(|(key, _)| key.machine().is_none());
        serializer.collect_map(held)
    }
}

impl Observation {
    /// What a plan was made from: the state and whose it is. Leases, sessions and carrier come and go without making a plan stale; so do
    /// machines, at each of which is looked again before it is switched.
    ///
    /// # Errors
    /// As [`digest_of`].
    pub fn digest(&self) -> Result<Digest, serde_json::Error> {
        digest_of(&(Held(&self.state), Held(&self.facts.ownership)))
    }

    /// Whether others made `key`, and no claim covers it.
    pub fn is_foreign(&self, key: &Key) -> bool {
        self.facts.ownership.get(key) == Some(&Ownership::Foreign)
    }

    /// Whether a claim of `key` outlasts that it is not there: of an address that moved from a link that is a port now, or that another
    /// link has.
    pub fn is_elsewhere(state: &State, key: &Key) -> bool {
        let Key::Address {
            controller,
            link,
            address,
        } = key
        else {
            return false;
        };
        let on = Key::link(controller, link);
        match state.get(&on) {
            Some(Resource::Link(link)) if link.port_of.is_some() => true,
            Some(Resource::Link(_)) => state.keys().any(
                |other| matches!(other, Key::Address { address: held, .. } if held.ip() == address.ip()),
            ),
            Some(_) | None => false,
        }
    }

    /// What `key` was before the site claimed it, where it did.
    pub fn before_claim(&self, key: &Key) -> Option<&Resource> {
        match self.facts.ownership.get(key) {
            Some(Ownership::Claimed { before }) => Some(before),
            Some(Ownership::Foreign) | None => None,
        }
    }
}
