//! From (desired, observed) to ordered, explained steps. Pure: no I/O, no async, no clock; the executor is left no choices.

mod adopt;
mod behind;
mod carry;
mod choice;
mod course;
mod cut;
mod diff;
mod edges;
mod fall;
mod first;
mod hazard;
mod ignore;
mod keep;
mod lease;
mod moving;
mod nature;
mod needs;
mod obstruction;
mod order;
mod part;
mod place;
mod preflight;
mod reach;
mod render;
mod select;
mod step;
mod undo;
mod unheld;
mod warning;
mod withdrawal;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::base::addr::AddressRange;
use crate::base::digest::Digest;
use crate::base::name::{HostName, LinkName, Name};
use crate::base::origin::Origin;
use crate::state::{
    Desired, Domain, Guards, Key, Observation, Resource, State, Unapplied, digest_of,
};

pub use adopt::{Adopter, Candidate, Draft};
pub use hazard::{Hazard, HazardKind, allowing};
pub use ignore::{Disregard, Ignored};
pub use obstruction::Obstruction;
pub use part::{advance, by_domain};
pub use preflight::{Obstacle, ObstacleCause, preflight};
pub use render::{Detail, Paint, render};
pub use select::{Selected, Selection, select};
pub use step::{Action, Phase, Reason, Step};
pub use undo::undo;
pub use warning::Warning;

/// Version of a plan's JSON form; a reader refuses any other.
pub const FORMAT_VERSION: u32 = 1;

/// What to do, in order, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub format_version: u32,
    /// `p-` and eight digits of the digest of everything below but the hazards and warnings. None where a start brings back what was
    /// applied: nobody is shown that, and a large site waits for nothing longer.
    pub id: String,
    pub site: Name,
    pub controller: HostName,
    /// Digest of the observation that the plan was made from; with another one the plan is stale.
    pub base: Digest,
    /// Digest of the desired state that the plan leads to; of nothing where a start brings back what was applied: such a plan is
    /// never written to the history, which knows states by this.
    pub target: Digest,
    /// In the order of execution; phases do not interleave.
    pub steps: Vec<Step>,
    pub waiting: Vec<Waiting>,
    pub hazards: Vec<Hazard>,
    /// What stands in nobody's way, and is good to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Addresses and routes that others made: kept, and shown.
    pub foreign: Vec<Key>,
    /// Things that other controllers hold.
    pub elsewhere: BTreeMap<HostName, usize>,
    /// What the site says and this release does not bring about yet.
    #[serde(default)]
    pub unapplied: Vec<Unapplied>,
    pub unchanged: usize,
    /// What others changed, and the site leaves to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<Ignored>,
    /// Protections to remember: of things that the site does not speak of any more, there or not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub protected: BTreeMap<Key, Guards>,
    /// What stays for their sake, as it is, or as it was where it is not there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: State,
    /// What somebody chose; all, where nobody did.
    #[serde(default, skip_serializing_if = "Selection::is_empty")]
    pub selection: Selection,
    /// What nobody chose and what is chosen needs: each with what needs it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pulled: BTreeMap<Key, Key>,
    /// Who must answer after the apply as before it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reachable: BTreeSet<IpAddr>,
}

/// A change that is withheld, and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub key: Key,
    pub origin: Option<Origin>,
    pub on: Obstruction,
}

/// Everything that a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    pub site: &'a Name,
    pub controller: &'a HostName,
    pub desired: &'a Desired,
    pub observed: &'a Observation,
    /// What was applied last: tells an edit from drift.
    pub applied: Option<&'a Desired>,
    /// What protection kept beside it.
    pub kept: &'a State,
    pub elsewhere: &'a BTreeMap<HostName, usize>,
}

/// Why no plan can be made. None is a fault of a site; the first two are faults in Bedplate.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("these steps wait for each other: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Cycle(Vec<Key>),
    #[error("cannot compute a digest")]
    Digest(#[from] serde_json::Error),
    #[error("`{0}` matches nothing that is, was or should be")]
    Unmatched(String),
}

/// When a plan is made.
#[derive(Debug, Clone, Copy)]
enum Mode {
    Running,
    /// The servers hold nothing yet, nor does a host that has just started: what is missing was not taken away by anybody, and what was
    /// kept for protection's sake comes back too.
    Start,
}

/// Makes the plan that leads from what is to what should be.
///
/// # Errors
/// [`PlanError`].
pub fn plan(inputs: Inputs<'_>) -> Result<Plan, PlanError> {
    made(inputs, Mode::Running)
}

/// Makes the plan that brings back what was applied, with what was kept beside it.
///
/// # Errors
/// [`PlanError`].
pub fn restoration(inputs: Inputs<'_>) -> Result<Plan, PlanError> {
    made(inputs, Mode::Start)
}

fn made(inputs: Inputs<'_>, mode: Mode) -> Result<Plan, PlanError> {
    let found = inputs.desired.found_in(inputs.observed);
    let applied = inputs
        .applied
        .map(|applied| applied.found_in(inputs.observed));
    let inputs = Inputs {
        desired: &found,
        applied: applied.as_deref(),
        ..inputs
    };
    let mut left = ignore::Left::new(inputs, mode);
    let said = &inputs.desired.state;
    let desired = mode.applied_to(left.applied_to(inputs.desired), inputs.kept);
    let target = match mode {
        Mode::Running => digest_of(said)?,
        Mode::Start => Digest::of(b""),
    };
    let inputs = Inputs {
        desired: &desired,
        ..inputs
    };
    let diff::Difference {
        steps,
        waiting,
        mut foreign,
        unchanged,
        remembered,
        keep,
        returned,
    } = diff::difference(inputs, said, &left, mode);
    left.hide(&mut foreign, inputs.desired);
    let observed = &inputs.observed.state;
    let outcome = outcome(&inputs.desired.state, &returned);
    let steps = order::ordered(steps, &outcome, observed, &keep.movers)?;
    let plan = Plan {
        format_version: FORMAT_VERSION,
        id: String::new(),
        site: inputs.site.clone(),
        controller: inputs.controller.clone(),
        base: inputs.observed.digest()?,
        target,
        hazards: Vec::new(),
        warnings: Vec::new(),
        steps,
        waiting,
        foreign,
        elsewhere: inputs.elsewhere.clone(),
        unapplied: inputs.desired.unapplied.clone(),
        unchanged,
        ignored: left.ignored,
        protected: remembered,
        kept: keep.kept(observed),
        selection: Selection::default(),
        pulled: BTreeMap::new(),
        reachable: inputs.desired.reachable.clone(),
    };
    match mode {
        Mode::Running => finished(plan, inputs),
        Mode::Start => Ok(warned(plan, inputs)),
    }
}

/// What is there when all is done: what the site says, and what others have back.
fn outcome<'a>(desired: &'a State, returned: &State) -> Cow<'a, State> {
    if returned.is_empty() {
        return Cow::Borrowed(desired);
    }
    let mut outcome = desired.clone();
    outcome.extend(returned.clone());
    Cow::Owned(outcome)
}

/// Gives a plan its name and its hazards, once all else is there.
fn finished(mut plan: Plan, inputs: Inputs<'_>) -> Result<Plan, PlanError> {
    (plan.id, plan.hazards, plan.warnings) = (String::new(), Vec::new(), Vec::new());
    plan.id = format!("p-{}", digest_of(&plan)?.short());
    // Their words count leases, which come and go without making another plan of it.
    Ok(warned(plan, inputs))
}

fn warned(mut plan: Plan, inputs: Inputs<'_>) -> Plan {
    plan.hazards = hazard::hazards(&plan, inputs);
    plan.warnings = warning::warnings(&plan, inputs);
    plan
}

impl Mode {
    /// Whether what is missing was taken away.
    fn is_running(self) -> bool {
        match self {
            Self::Running => true,
            Self::Start => false,
        }
    }

    /// What is wanted then.
    fn applied_to<'a>(self, desired: Cow<'a, Desired>, kept: &State) -> Cow<'a, Desired> {
        match self {
            Self::Start if !kept.is_empty() => {
                let mut desired = desired.into_owned();
                for (key, resource) in kept {
                    let entry = desired.state.entry(key.clone());
                    entry.or_insert_with(|| resource.clone());
                }
                Cow::Owned(desired)
            }
            Self::Running | Self::Start => desired,
        }
    }
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// What fails and is undone together: all that a controller holds.
    pub fn domain(&self) -> Domain {
        Domain::Controller(self.controller.clone())
    }

    /// Ranges of addresses for any client that go, or go in part.
    pub fn lost_ranges(&self) -> BTreeSet<AddressRange> {
        let pools = |resource: &Option<Resource>| match resource {
            Some(Resource::Scope(scope)) => scope.pools.clone(),
            Some(_) | None => Vec::new(),
        };
        let lost = self.steps.iter().flat_map(|step| {
            let after = pools(&step.after);
            let mut before = pools(&step.before);
            before.retain(|pool| !after.contains(pool));
            before
        });
        lost.collect()
    }

    /// Addresses to be taken on links that are there, and whose neighbours can be asked whether one of them holds them. An address that
    /// moves from one of the host's links to another is its own.
    pub fn taken(&self, observed: &Observation) -> BTreeSet<(LinkName, IpAddr)> {
        let (links, beside) = (&observed.facts.links, &observed.facts.beside);
        let steps = self.steps.iter();
        let created: BTreeSet<_> = steps
            .filter(|step| step.action == Action::Create)
            .filter_map(|step| {
                if let Key::Address { link, address, .. } = &step.key {
                    Some((link.clone(), address.ip()))
                } else {
                    None
                }
            })
            .filter(|(link, _)| links.get(link).is_some_and(|fact| fact.carrier))
            .collect();
        if created.is_empty() {
            return created;
        }
        let kept = observed.state.keys().filter_map(|key| {
            if let Key::Address { address, .. } = key {
                Some(address.ip())
            } else {
                None
            }
        });
        let beside = beside.addresses.iter().map(|found| found.address.ip());
        let own: BTreeSet<IpAddr> = kept.chain(beside).collect();
        created
            .into_iter()
            .filter(|(_, ip)| !own.contains(ip))
            .collect()
    }

    /// The steps that only put back what others changed.
    pub fn drift(&self) -> impl Iterator<Item = &Step> {
        self.steps
            .iter()
            .filter(|step| step.because == Reason::Drift)
    }
}
