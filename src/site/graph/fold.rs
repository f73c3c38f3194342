//! Many machines alike as one node: those of one profile whose links are in the same VLANs.

use std::collections::{BTreeMap, BTreeSet};

use super::Node;
use crate::base::name::HostName;
use crate::site::catalog::{Catalog, Object, ObjectKey};

/// More machines than this are folded.
const FOLD: usize = 30;

/// Lines of a folded node that name VLANs.
const VLANS: usize = 4;

/// Machines that are one node.
#[derive(Debug, Clone)]
pub(super) struct Fold {
    /// The one that stands for all.
    pub(super) first: ObjectKey,
    count: usize,
    profile: Option<String>,
    vlans: BTreeSet<String>,
}

impl Fold {
    pub(super) fn node(&self) -> Node {
        let mut name = vec![match &self.profile {
            Some(profile) => format!("{} of {profile}", self.count),
            None => format!("{} without profile", self.count),
        }];
        name.extend(
            self.vlans
                .iter()
                .take(VLANS)
                .map(|vlan| format!("in {vlan}")),
        );
        if let Some(more) = self.vlans.len().checked_sub(VLANS).filter(|more| *more > 0) {
            name.push(format!("and {more} more"));
        }
        Node {
            key: self.first.clone(),
            kind: "machines".to_owned(),
            name,
        }
    }
}

/// For each machine of `keys` that is folded, the fold that it is in. The object `kept` stays itself.
pub(super) fn folds(
    catalog: &Catalog,
    keys: &BTreeSet<ObjectKey>,
    kept: Option<&ObjectKey>,
    full: bool,
) -> BTreeMap<ObjectKey, Fold> {
    let machines = keys.iter().filter_map(|key| {
        if let ObjectKey::Machine(host) = key {
            (Some(key) != kept).then_some((key, host))
        } else {
            None
        }
    });
    let machines: Vec<_> = machines.collect();
    if full || machines.len() <= FOLD {
        return BTreeMap::new();
    }
    let mut vlans: BTreeMap<&HostName, BTreeSet<String>> = BTreeMap::new();
    for (key, object) in &catalog.objects {
        if let ObjectKey::MachineLink(host, _) = key {
            vlans
                .entry(host)
                .or_default()
                .extend(value(object, "vlan").cloned());
        }
    }
    let mut alike: BTreeMap<(Option<String>, BTreeSet<String>), Vec<&ObjectKey>> = BTreeMap::new();
    for (key, host) in machines {
        let object = catalog.objects.get(key);
        let profile = object.and_then(|object| value(object, "profile").cloned());
        let vlans = vlans.get(host).cloned().unwrap_or_default();
        alike.entry((profile, vlans)).or_default().push(key);
    }
    let mut folds = BTreeMap::new();
    for ((profile, vlans), keys) in alike {
        let Some(first) = keys.first().filter(|_| keys.len() > 1) else {
            continue;
        };
        let fold = Fold {
            first: (*first).clone(),
            count: keys.len(),
            profile,
            vlans,
        };
        folds.extend(keys.iter().map(|key| ((*key).clone(), fold.clone())));
    }
    folds
}

fn value<'a>(object: &'a Object, name: &str) -> Option<&'a String> {
    let mut values = object.values.iter();
    let found = values.find(|value| value.name == name);
    found.map(|value| &value.text)
}
