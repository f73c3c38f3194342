//! What an apply tells: events while it runs, and a report at its end.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::base::moment::Moment;
use crate::base::origin::Origin;
use crate::diag::code::Code;
use crate::diag::fault::{Fault, chain};
use crate::plan::{Action, Hazard, Obstacle, Plan, Waiting};
use crate::state::{Domain, Key};
use crate::world::StepFailure;

/// Something that happened while a plan was running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    Started {
        plan: String,
        steps: usize,
    },
    /// The `index`-th step, from 0, took effect.
    Step {
        index: usize,
        steps: usize,
        key: Key,
        action: Action,
    },
    Failed(Failure),
    Undoing {
        domain: Domain,
        steps: usize,
    },
    Verifying,
    /// Who should be reachable and did not answer before the first step: no reason to undo anything.
    Silent {
        addresses: BTreeSet<IpAddr>,
    },
    Finished(Report),
    /// The apply ended without a report; what is in force is what `status` says.
    Broken(Fault),
}

/// A step that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub index: usize,
    pub key: Key,
    pub origin: Option<Origin>,
    pub code: Code,
    /// The error and what caused it, outermost first.
    pub causes: Vec<String>,
    /// What to do about it, beside what the code explains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// How an apply ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub plan: String,
    pub outcome: Outcome,
    /// Steps in the plan.
    pub steps: usize,
    pub waiting: Vec<Waiting>,
    /// Machines that are not as the plan says; all else is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Failure>,
    /// When it is reverted unless somebody confirms it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_by: Option<Moment>,
}

/// The ways in which an apply ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything is as the plan says, seen by observing again.
    Done,
    /// The world had changed since the plan was made; nothing was touched.
    Stale,
    /// The plan has hazards that were not allowed; nothing was touched.
    Hazardous { hazards: Vec<Hazard> },
    /// Steps that could only fail; nothing was touched.
    Obstructed { obstacles: Vec<Obstacle> },
    /// A step failed and its domain was undone; `left` holds what could not be brought back, empty when all is as before.
    Undone {
        failure: Failure,
        left: BTreeSet<Key>,
    },
    /// Every step succeeded, yet `differs` is not as planned when observed; the domain was undone.
    Unverified {
        differs: BTreeSet<Key>,
        left: BTreeSet<Key>,
    },
    /// Everything is as planned, yet `lost` must be reachable, answered before and do not now; the domain was undone.
    Unreachable {
        lost: BTreeSet<IpAddr>,
        left: BTreeSet<Key>,
    },
}

impl Failure {
    /// Of the `index`-th step of a plan.
    pub(super) fn of(plan: &Plan, index: usize, failed: StepFailure) -> Self {
        let code = failed.error.code();
        let causes = chain(&failed.error);
        let help = failed.error.help();
        let origin = plan.steps.get(index).and_then(|step| step.origin.clone());
        Self {
            index,
            key: *failed.key,
            origin,
            code,
            causes,
            help,
        }
    }
}

impl Report {
    /// The exit code that scripts see: 0 done, 1 refused, 3 hazards not allowed, 4 incomplete.
    pub fn exit_code(&self) -> u8 {
        match &self.outcome {
            Outcome::Done if self.waiting.is_empty() && self.failed.is_empty() => 0,
            Outcome::Done => 4,
            Outcome::Stale | Outcome::Obstructed { .. } => 1,
            Outcome::Hazardous { .. } => 3,
            Outcome::Undone { .. } | Outcome::Unverified { .. } | Outcome::Unreachable { .. } => 4,
        }
    }

    /// Whether the site's new state is in force.
    pub fn is_done(&self) -> bool {
        self.outcome == Outcome::Done
    }
}
