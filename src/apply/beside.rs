//! What may fall beside the steps of a plan: drivers that take their links down, and addresses that make room for another one. The way
//! back needs to know it, also of a daemon that nobody left alive to remember it.

use std::collections::BTreeSet;

use crate::base::addr::Prefix;
use crate::base::name::LinkName;
use crate::plan::Step;
use crate::state::{Facts, Key, Observation, Resource};

/// What of `before` may fall beside `steps`, and whose it is. Of what others made, only what lies in the way of an address: all else
/// is theirs to miss.
pub fn beside(steps: &[Step], before: &Observation) -> Observation {
    let stepped: BTreeSet<&Key> = steps.iter().map(|step| &step.key).collect();
    let shaken = |key: &&&Key| matches!(key, Key::Link { .. } | Key::Address { .. });
    if !stepped.iter().any(|key| shaken(&key)) {
        return Observation::default();
    }
    let places: BTreeSet<_> = stepped.iter().filter_map(|key| place(key)).collect();
    let is_near = |key: &Key| place(key).is_some_and(|at| places.contains(&at));
    let kept = before.state.iter().filter(|(key, resource)| {
        let may_fall = key.is_host() && !matches!(resource, Resource::Link(_));
        let is_ours = !before.is_foreign(key);
        may_fall && !stepped.contains(key) && (is_ours || is_near(key))
    });
    let state = kept.map(|(key, resource)| (key.clone(), resource.clone()));
    let mut beside = Observation {
        state: state.collect(),
        facts: Facts::default(),
    };
    let whose = before.facts.ownership.iter();
    let whose = whose.filter(|(key, _)| beside.state.contains_key(*key));
    beside.facts.ownership = whose
        .map(|(key, whose)| (key.clone(), whose.clone()))
        .collect();
    beside
}

/// Where an IPv4 address makes room for others, and others for it.
fn place(key: &Key) -> Option<(&LinkName, Prefix)> {
    if let Key::Address { link, address, .. } = key
        && address.ip().is_ipv4()
    {
        Some((link, address.prefix()))
    } else {
        None
    }
}
