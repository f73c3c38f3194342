//! A plan of a part of what a site says: the steps that somebody chose, what these need, and nothing else. All other things stay as they
//! are, and what is remembered as applied says so.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::choice::Choice;
use super::diff::{is_left, is_unasked};
use super::needs::{Fallen, fallen, needs};
use super::{Inputs, Mode, Plan, PlanError, Step, finished, made};
use crate::base::glob::matches;
use crate::state::{Desired, Key, digest_of};

/// Which changes to make, by patterns over keys as plans print them: `*` within a component, `**` across them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// These, and what they need; everything where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// Not these, nor what needs them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
}

/// A plan, and what is applied once it is done.
#[derive(Debug, Clone)]
pub struct Selected {
    pub plan: Plan,
    /// None where that is all that was desired.
    pub applied: Option<Desired>,
}

/// Makes the plan of what `selection` chooses.
///
/// # Errors
/// [`PlanError`], for a pattern that matches nothing too: what was to be left out must not be applied for a slip of the pen.
pub fn select(inputs: Inputs<'_>, selection: &Selection) -> Result<Selected, PlanError> {
    let found = inputs.desired.found_in(inputs.observed);
    let before = inputs
        .applied
        .map(|applied| applied.found_in(inputs.observed));
    let inputs = Inputs {
        desired: &found,
        applied: before.as_deref(),
        ..inputs
    };
    let whole = made(inputs, Mode::Running)?;
    if selection.is_empty() {
        return Ok(Selected {
            plan: whole,
            applied: None,
        });
    }
    selection.check(inputs)?;
    let (choice, wanted, mut plan) = chosen(inputs, &whole, selection)?;
    let applied = choice.applied(inputs);
    let part = Inputs {
        desired: &wanted,
        ..inputs
    };
    choice.rephrase(&mut plan.waiting);
    let known: BTreeSet<Key> = plan.waiting.iter().map(|one| one.key.clone()).collect();
    let left = choice.left_out(&whole, edited(inputs), inputs);
    plan.waiting
        .extend(left.filter(|one| !known.contains(&one.key)));
    // What the whole plan would keep is kept by each part of it.
    plan.protected.extend(whole.protected);
    plan.kept.extend(whole.kept);
    plan.foreign = whole.foreign;
    plan.unchanged = whole.unchanged;
    plan.target = digest_of(&applied.state)?;
    plan.pulled = choice.pulled;
    plan.selection = selection.clone();
    Ok(Selected {
        plan: finished(plan, part)?,
        applied: Some(applied),
    })
}

/// The choice, what it brings about, and the plan of that.
fn chosen<'a>(
    inputs: Inputs<'_>,
    whole: &Plan,
    selection: &'a Selection,
) -> Result<(Choice<'a>, Desired, Plan), PlanError> {
    let mut known = Fallen::new();
    let unasked = unasked(inputs, &whole.steps, selection);
    // What would lose more than the whole plan does is left out: by one need a round at least.
    loop {
        let choice = Choice::new(needs(inputs, whole, &known), selection, unasked.clone());
        let wanted = choice.wanted(inputs);
        let part = Inputs {
            desired: &wanted,
            ..inputs
        };
        let plan = made(part, Mode::Running)?;
        let mut is_known = true;
        for (key, causes) in fallen(part, &plan.steps, &whole.steps) {
            let known = known.entry(key).or_default();
            for cause in causes {
                is_known &= !known.insert(cause);
            }
        }
        if is_known {
            return Ok((choice, wanted, plan));
        }
    }
}

/// What of machines nobody asked about, with the BMC that could tell: it is to change and is left as it is.
fn unasked(inputs: Inputs<'_>, steps: &[Step], selection: &Selection) -> BTreeMap<Key, Key> {
    let changed = steps.iter().filter(|step| step.after.is_some());
    let changed = changed.map(|step| &step.key);
    let left: BTreeSet<&Key> = changed.filter(|key| selection.excludes(key)).collect();
    let unasked = unknown(inputs);
    let waiting = unasked.filter_map(|key| {
        let bmc = key.bmc().filter(|bmc| left.contains(bmc))?;
        selection.takes(key).then(|| (key.clone(), bmc))
    });
    waiting.collect()
}

/// What the site says anew of machines that nobody asked about: it is to change for all that is known.
fn edited(inputs: Inputs<'_>) -> impl Iterator<Item = &Key> {
    let Desired { state, others, .. } = inputs.desired;
    let before = move |key: &Key| inputs.applied.and_then(|applied| applied.state.get(key));
    let is_edited = move |key: &&Key| state.get(*key) != before(key) && !others.contains(*key);
    unknown(inputs).filter(is_edited)
}

/// What the site says of machines, or said, and nobody asked about.
fn unknown(inputs: Inputs<'_>) -> impl Iterator<Item = &Key> {
    let wanted = &inputs.desired.state;
    let gone = inputs.applied.into_iter().flat_map(|one| one.state.keys());
    let gone = gone.filter(|key| !is_left(key) && !wanted.contains_key(*key));
    let unreached = &inputs.observed.facts.unreached;
    let all = wanted.keys().chain(gone);
    all.filter(move |key| is_unasked(inputs, key) && !unreached.contains_key(*key))
}

impl Selection {
    pub fn is_empty(&self) -> bool {
        self.only.is_empty() && self.except.is_empty()
    }

    /// Whether somebody chose `key` itself.
    pub fn takes(&self, key: &Key) -> bool {
        self.names(key) && !self.excludes(key)
    }

    pub(super) fn names(&self, key: &Key) -> bool {
        let key = key.to_string();
        self.only.is_empty() || self.only.iter().any(|pattern| matches(pattern, &key))
    }

    /// Whether somebody wants `key` left as it is.
    pub fn excludes(&self, key: &Key) -> bool {
        let key = key.to_string();
        self.except.iter().any(|pattern| matches(pattern, &key))
    }

    /// Each pattern matches something that is, was or should be.
    fn check(&self, inputs: Inputs<'_>) -> Result<(), PlanError> {
        let applied = inputs
            .applied
            .iter()
            .flat_map(|applied| applied.state.keys());
        let (desired, observed) = (&inputs.desired.state, &inputs.observed.state);
        let keys = desired.keys().chain(observed.keys()).chain(applied);
        let keys: BTreeSet<String> = keys.map(ToString::to_string).collect();
        for pattern in self.only.iter().chain(&self.except) {
            if !keys.iter().any(|key| matches(pattern, key)) {
                return Err(PlanError::Unmatched(pattern.clone()));
            }
        }
        Ok(())
    }
}
