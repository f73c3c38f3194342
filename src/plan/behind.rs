//! What Bedplate made on BMCs and nobody can tell to go: it waits for its BMC, unless that leaves the site. Nobody speaks with such a BMC
//! afterwards, so that it stays there, and the plan says so.

use std::collections::{BTreeMap, BTreeSet};

use super::{Inputs, Obstruction, Step};
use crate::state::{Key, Unreached};

/// What stays on BMCs that go with `steps`, and why.
pub(super) fn left_behind<'a>(
    inputs: Inputs<'a>,
    steps: &[Step],
) -> BTreeMap<&'a Key, &'a Unreached> {
    let mut untold = untold(inputs).peekable();
    if untold.peek().is_none() {
        return BTreeMap::new();
    }
    let going = steps.iter().filter(|step| step.after.is_none());
    let going: BTreeSet<&Key> = going.map(|step| &step.key).collect();
    let goes = |bmc: &Key| going.contains(bmc) && !inputs.desired.state.contains_key(bmc);
    untold
        .filter(|(key, _)| key.bmc().is_some_and(|bmc| goes(&bmc)))
        .collect()
}

/// What is to be taken away, and waits for its BMC to tell whether it is there.
pub(super) fn unwithdrawn(inputs: Inputs<'_>, steps: &[Step]) -> Vec<(Key, Obstruction)> {
    let behind = left_behind(inputs, steps);
    let waiting = untold(inputs).filter(|(key, _)| !behind.contains_key(key));
    waiting
        .map(|(key, why)| (key.clone(), Obstruction::Deferred(why.clone())))
        .collect()
}

fn untold(inputs: Inputs<'_>) -> impl Iterator<Item = (&Key, &Unreached)> {
    let unreached = inputs.observed.facts.unreached.iter();
    unreached.filter(move |(key, _)| !inputs.desired.state.contains_key(*key))
}
