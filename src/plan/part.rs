//! Parts of a plan: whose steps they are, and servers that find back to where they answer without the rest.

use std::collections::BTreeSet;

use super::{Action, Obstruction, Phase, Plan, PlanError, Reason, Step, Waiting};
use crate::state::{Key, Observation, State, digest_of};

/// The steps of a controller itself, and those of machines, each of which is a domain of its own.
pub fn by_domain(steps: &[Step]) -> (&[Step], &[Step]) {
    let first = steps.partition_point(|step| step.phase < Phase::Machines);
    steps.split_at_checked(first).unwrap_or((steps, &[]))
}

/// Makes `state` what it is once `steps` are done.
pub fn advance(state: &mut State, steps: &[Step]) {
    // At a start nearly all is new: sorted apart and joined at once, it takes half the time.
    if state.len() < steps.len() && steps.iter().all(|step| step.after.is_some()) {
        let made = |step: &Step| Some((step.key.clone(), step.after.clone()?));
        return state.append(&mut steps.iter().filter_map(made).collect());
    }
    for step in steps {
        match &step.after {
            Some(resource) => drop(state.insert(step.key.clone(), resource.clone())),
            None => drop(state.remove(&step.key)),
        }
    }
}

impl Plan {
    /// The controller's steps in runs of one phase, in order.
    pub fn groups(&self) -> impl Iterator<Item = &[Step]> {
        by_domain(&self.steps).0.chunk_by(|a, b| a.phase == b.phase)
    }

    /// The servers' part of a plan that puts things right: what listens nowhere any more and could again, and what is not served.
    /// It takes nothing away and touches no link. None where there is nothing of that.
    ///
    /// # Errors
    /// [`PlanError::Digest`].
    pub fn of_servers(
        &self,
        observed: &Observation,
        without: &BTreeSet<Key>,
    ) -> Result<Option<Self>, PlanError> {
        let is_in = |step: &&Step| {
            step.phase != Phase::Host
                && step.phase != Phase::Machines
                && step.because == Reason::Drift
                && matches!(step.action, Action::Create | Action::Update)
                && !without.contains(&step.key)
                && step
                    .after
                    .as_ref()
                    .is_none_or(|after| observed.lacking(&step.key, after).is_none())
        };
        let steps: Vec<Step> = self.steps.iter().filter(is_in).cloned().collect();
        if steps.is_empty() {
            return Ok(None);
        }
        let mut part = Self {
            id: String::new(),
            steps,
            waiting: Vec::new(),
            hazards: Vec::new(),
            // No packet takes another way.
            reachable: BTreeSet::new(),
            ..self.clone()
        };
        part.id = format!("p-{}", digest_of(&part)?.short());
        Ok(Some(part))
    }

    /// What is for another apply, since a BMC did not tell: that was not brought about, and is new until it is.
    pub fn deferred(&self) -> impl Iterator<Item = &Key> {
        let deferred = |one: &&Waiting| matches!(one.on, Obstruction::Deferred(_));
        self.waiting.iter().filter(deferred).map(|one| &one.key)
    }

    /// What waits for a link or a lease that the host does not have, and what waits for that.
    pub fn awaited(&self) -> BTreeSet<Key> {
        let mut awaited = BTreeSet::new();
        // Requirements are at most as deep as there are kinds.
        loop {
            let before = awaited.len();
            for waiting in &self.waiting {
                if waiting.on.is_for_the_host(&awaited) {
                    awaited.insert(waiting.key.clone());
                }
            }
            if awaited.len() == before {
                return awaited;
            }
        }
    }
}

impl Obstruction {
    /// Whether a link or an address that appears is what it takes, by itself or for one of `awaited`.
    fn is_for_the_host(&self, awaited: &BTreeSet<Key>) -> bool {
        match self {
            Self::NoLink | Self::OtherLink | Self::NoLease { .. } => true,
            Self::Requires { key } => awaited.contains(key),
            Self::ForeignLink
            | Self::ForeignRoute
            | Self::ForeignRule
            | Self::Succeeded { .. }
            | Self::Protected { .. }
            | Self::Absent { .. }
            | Self::Needed { .. }
            | Self::Occupied { .. }
            | Self::Behind { .. }
            | Self::Deferred(_)
            | Self::Ignored
            | Self::Excepted
            | Self::NotChosen => false,
        }
    }
}
