//! Which steps of a plan are made where only a part of it is chosen, and what that leaves: closed over what things need. Knows no pattern but
//! by whether it names a key.

use std::collections::{BTreeMap, BTreeSet};

use super::first::places_known;
use super::needs::Needs;
use super::select::Selection;
use super::{Inputs, Obstruction, Plan, Waiting};
use crate::state::{Desired, Key, Observation};

/// The steps that are made, by their keys, and why the others are not.
pub(super) struct Choice<'a> {
    selection: &'a Selection,
    chosen: BTreeSet<Key>,
    /// What was not named, and what it is needed by.
    pub(super) pulled: BTreeMap<Key, Key>,
    /// What needs something that is left out.
    blocked: BTreeMap<Key, Key>,
    /// What of that has no step, since nobody knows how it is.
    unasked: BTreeSet<Key>,
}

impl<'a> Choice<'a> {
    pub(super) fn new(needs: Needs, selection: &'a Selection, unasked: BTreeMap<Key, Key>) -> Self {
        let Needs { all: needs, any } = needs;
        let silent = unasked.keys().cloned().collect();
        let mut blocked = unasked;
        // Each round blocks one thing at least, or is the last.
        loop {
            let is_out = |key: &Key| selection.excludes(key) || blocked.contains_key(key);
            let all = needs.iter().filter_map(|(by, needed)| {
                let missing = needed.iter().find(|key| is_out(key))?;
                Some((by, missing))
            });
            let any = any.iter().filter_map(|(by, ways)| {
                let lost = ways.iter().find(|ways| ways.iter().all(is_out));
                Some((by, lost?.first()?))
            });
            let further = all.chain(any).filter(|(by, _)| !is_out(by));
            let further: BTreeMap<Key, Key> = further
                .map(|(by, missing)| (by.clone(), missing.clone()))
                .collect();
            if further.is_empty() {
                break;
            }
            blocked.extend(further);
        }
        let is_open = |key: &&Key| !selection.excludes(key) && !blocked.contains_key(*key);
        let named = needs.keys().filter(is_open);
        let mut open: Vec<&Key> = named.filter(|key| selection.names(key)).collect();
        let mut chosen: BTreeSet<Key> = open.iter().copied().cloned().collect();
        let mut pulled = BTreeMap::new();
        while let Some(by) = open.pop() {
            let any = any.get(by).into_iter().flatten().flatten().filter(is_open);
            for key in needs.get(by).into_iter().flatten().chain(any) {
                if chosen.insert(key.clone()) {
                    pulled.insert(key.clone(), by.clone());
                    open.push(key);
                }
            }
        }
        Self {
            selection,
            chosen,
            pulled,
            blocked,
            unasked: silent,
        }
    }

    /// Whether `key` becomes what the site says. What changes not at all, or cannot, goes by its name.
    fn takes(&self, key: &Key) -> bool {
        self.chosen.contains(key)
            || (self.selection.names(key)
                && !self.selection.excludes(key)
                && !self.blocked.contains_key(key))
    }

    /// What to bring about: the site's word for what is chosen, and for all else what is there.
    pub(super) fn wanted(&self, inputs: Inputs<'_>) -> Desired {
        let observed: &Observation = inputs.observed;
        let found = observed.state.iter();
        let ours = found.filter(|(key, _)| !observed.is_foreign(key));
        let owned = observed.facts.ownership.keys();
        let unmoved = owned.filter(|key| !self.chosen.contains(*key));
        Desired {
            unmoved: unmoved.cloned().collect(),
            state: places_known(self.merged(&inputs.desired.state, ours)),
            ..inputs.desired.clone()
        }
    }

    /// What is applied then: for what is not chosen, what was applied before.
    pub(super) fn applied(&self, inputs: Inputs<'_>) -> Desired {
        let nothing = Desired::default();
        let (new, old) = (inputs.desired, inputs.applied.unwrap_or(&nothing));
        Desired {
            state: places_known(self.merged(&new.state, &old.state)),
            origins: self.merged(&new.origins, &old.origins),
            protected: self.merged(&new.protected, &old.protected),
            by_mac: self.merged(&new.by_mac, &old.by_mac),
            unapplied: new.unapplied.clone(),
            objects: new.objects.clone(),
            others: new.others.clone(),
            reachable: new.reachable.clone(),
            ignored: new.ignored.clone(),
            unmoved: BTreeSet::new(),
        }
    }

    fn merged<'v, T: Clone + 'v>(
        &self,
        new: &'v BTreeMap<Key, T>,
        old: impl IntoIterator<Item = (&'v Key, &'v T)>,
    ) -> BTreeMap<Key, T> {
        let new = new.iter().filter(|(key, _)| self.takes(key));
        let old = old.into_iter().filter(|(key, _)| !self.takes(key));
        let both = new.chain(old);
        both.map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// What is to change and does not: steps that are not made, and of those without one what is `edited`, or what its BMC does not tell of.
    pub(super) fn left_out<'b>(
        &'b self,
        whole: &'b Plan,
        edited: impl Iterator<Item = &'b Key>,
        inputs: Inputs<'b>,
    ) -> impl Iterator<Item = Waiting> + 'b {
        let steps = whole.steps.iter().filter(|step| step.is_decided());
        let steps = steps.map(|step| (&step.key, step.origin.clone()));
        let untold = self.unasked.iter().chain(edited).chain(whole.deferred());
        let untold: BTreeSet<&Key> = untold.collect();
        let untold = untold.into_iter().map(move |key| {
            let now = inputs.desired.origins.get(key);
            let before = inputs.applied.and_then(|one| one.origins.get(key));
            (key, now.or(before).cloned())
        });
        let mut seen = BTreeSet::new();
        let left = steps.chain(untold);
        let left = left.filter(move |(key, _)| !self.takes(key) && seen.insert(*key));
        left.map(|(key, origin)| Waiting {
            key: key.clone(),
            origin,
            on: self.why_not(key),
        })
    }

    /// Says of what waits for its BMC to tell, and was not chosen, that it was not: the BMC makes no difference to it.
    pub(super) fn rephrase(&self, waiting: &mut [Waiting]) {
        let is_meant = |one: &&mut Waiting| {
            matches!(one.on, Obstruction::Deferred(_)) && !self.takes(&one.key)
        };
        for one in waiting.iter_mut().filter(is_meant) {
            one.on = self.why_not(&one.key);
        }
    }

    fn why_not(&self, key: &Key) -> Obstruction {
        match self.blocked.get(key) {
            Some(key) => Obstruction::Requires { key: key.clone() },
            None if self.selection.excludes(key) => Obstruction::Excepted,
            None => Obstruction::NotChosen,
        }
    }
}
