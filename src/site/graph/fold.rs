//! Many machines alike as one node: those of one profile whose links are in the same VLANs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Node;
use crate::base::name::{HostName, Name};
use crate::base::vlan::VlanPath;
use crate::site::catalog::{Catalog, Object, ObjectKey, Relation};

/// More machines than this are folded.
const FOLD: usize = 30;

/// Lines of a folded node that name VLANs.
const VLANS: usize = 4;

/// Machines that are one node.
#[derive(Debug)]
pub(super) struct Fold<'c> {
    /// The place of the one that stands for all.
    pub(super) first: usize,
    count: usize,
    profile: Option<&'c Name>,
    vlans: BTreeSet<&'c VlanPath>,
}

/// Every fold, and which machine is in which.
#[derive(Debug, Default)]
pub(super) struct Folds<'c> {
    folds: Vec<Fold<'c>>,
    by_place: HashMap<usize, usize>,
}

impl<'c> Folds<'c> {
    /// The fold that the object at `place` is in.
    pub(super) fn of(&self, place: usize) -> Option<&Fold<'c>> {
        self.folds.get(*self.by_place.get(&place)?)
    }
}

impl Fold<'_> {
    /// The node of all, under the key of the first.
    pub(super) fn node(&self, first: &ObjectKey) -> Node {
        let mut name = vec![match &self.profile {
            Some(profile) => format!("{} of {profile}", self.count),
            None => format!("{} without profile", self.count),
        }];
        let vlans = self.vlans.iter().take(VLANS);
        name.extend(vlans.map(|vlan| format!("in {vlan}")));
        if let Some(more) = self.vlans.len().checked_sub(VLANS).filter(|more| *more > 0) {
            name.push(format!("and {more} more"));
        }
        Node {
            key: first.clone(),
            kind: "machines".to_owned(),
            name,
        }
    }
}

/// What makes machines alike: their profile, and the VLANs that their links are in.
type Likeness<'c> = (Option<&'c Name>, BTreeSet<&'c VlanPath>);

/// The folds of the machines among `keys`. The object at `kept` stays itself.
pub(super) fn folds<'c>(
    catalog: &'c Catalog,
    keys: &[(usize, &ObjectKey)],
    kept: Option<usize>,
    full: bool,
) -> Folds<'c> {
    let machines = keys.iter().filter_map(|(place, key)| {
        if let ObjectKey::Machine(host) = key {
            (Some(*place) != kept).then_some((*place, host))
        } else {
            None
        }
    });
    let machines: Vec<(usize, &HostName)> = machines.collect();
    let mut folds = Folds::default();
    if full || machines.len() <= FOLD {
        return folds;
    }
    // Objects are sorted, so that what belongs to one machine comes in a row.
    let mut vlans: Vec<(&HostName, BTreeSet<&VlanPath>)> = Vec::new();
    let mut profiles: Vec<(&HostName, &Name)> = Vec::new();
    for (key, object) in &catalog.objects {
        if let ObjectKey::MachineLink(host, _) = key {
            if vlans.last().is_none_or(|(last, _)| *last != host) {
                vlans.push((host, BTreeSet::new()));
            }
            let own = vlans.last_mut().map(|(_, own)| own);
            own.into_iter()
                .for_each(|own| own.extend(leads(object, Relation::In).filter_map(as_vlan)));
        } else if let ObjectKey::Machine(host) = key {
            let profile = leads(object, Relation::Profile).find_map(as_profile);
            profiles.extend(profile.map(|profile| (host, profile)));
        }
    }
    let vlans: BTreeMap<&HostName, BTreeSet<&VlanPath>> = vlans.into_iter().collect();
    let profiles: BTreeMap<&HostName, &Name> = profiles.into_iter().collect();
    let mut alike: BTreeMap<Likeness<'c>, Vec<usize>> = BTreeMap::new();
    for (place, host) in machines {
        let vlans = vlans.get(host).cloned().unwrap_or_default();
        let likeness = (profiles.get(host).copied(), vlans);
        alike.entry(likeness).or_default().push(place);
    }
    for ((profile, vlans), places) in alike {
        let Some(first) = places.first().filter(|_| places.len() > 1) else {
            continue;
        };
        let number = folds.folds.len();
        folds.folds.push(Fold {
            first: *first,
            count: places.len(),
            profile,
            vlans,
        });
        folds
            .by_place
            .extend(places.iter().map(|place| (*place, number)));
    }
    folds
}

fn leads(object: &Object, relation: Relation) -> impl Iterator<Item = &ObjectKey> {
    let refers = object.refers.iter();
    let found = refers.filter(move |reference| reference.relation == relation);
    found.map(|reference| &reference.to)
}

fn as_vlan(key: &ObjectKey) -> Option<&VlanPath> {
    if let ObjectKey::Vlan(path) = key {
        Some(path)
    } else {
        None
    }
}

fn as_profile(key: &ObjectKey) -> Option<&Name> {
    if let ObjectKey::Profile(name) = key {
        Some(name)
    } else {
        None
    }
}
