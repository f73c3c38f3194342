//! Plans as they are asked for: a bundle understood, the host observed, what differs found, and its addresses probed for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::blobs::Blobs;
use super::bundle::Bundle;
use super::fault;
use super::meaning::Meaning;
use super::reconcile::Reconciler;
use super::record::Applied;
use crate::base::digest::Digest;
use crate::base::name::Name;
use crate::diag::fault::Fault;
use crate::plan::{Plan, Selected, Selection, select};
use crate::state::{Desired, Facts, Key, Observation, Resource, Silence, State};
use crate::store::Store;
use crate::world::{Looked, Sought};

/// A plan with what came to light while making it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    pub plan: Plan,
    /// Content of boot files that must be uploaded before the plan can run.
    pub missing: BTreeSet<Digest>,
    /// Why nobody may apply now.
    #[serde(default)]
    pub refusal: Option<Fault>,
}

/// A plan with what is applied once it is done.
pub(super) struct Draft {
    pub(super) planned: Planned,
    pub(super) site: Name,
    pub(super) desired: Arc<Desired>,
    /// What it was made from.
    pub(super) observed: Observation,
}

/// What was asked for last and what came of it: an apply asks again for what its plan was made from.
#[derive(Default)]
pub(super) struct Recent {
    understood: Option<(Bundle, Arc<Meaning>)>,
    made: Option<Made>,
    /// How the machines of that site were.
    looked: Option<Sight>,
}

/// What BMCs told, and for which plan they were asked.
struct Sight {
    meaning: Arc<Meaning>,
    selection: Selection,
    at: Instant,
    looked: Looked,
}

/// Whether machines are looked at for a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Anew,
    /// Not where they were looked at for the same plan a while ago: a BMC that comes or goes meanwhile makes no other plan of it, and
    /// each machine is looked at once more before it is switched.
    Known,
}

/// What is known of machines for so long is known to whoever applies.
const KNOWN_FOR: Duration = Duration::from_secs(600);

impl Recent {
    pub(super) fn forget_plan(&mut self) {
        (self.made, self.looked) = (None, None);
    }
}

/// A plan with all that it was made from.
struct Made {
    meaning: Arc<Meaning>,
    selection: Selection,
    observed: Observation,
    applied: Option<(Arc<Desired>, State)>,
    selected: Selected,
}

impl Made {
    /// Whether nothing has changed since.
    fn is_of(
        &self,
        meaning: &Arc<Meaning>,
        selection: &Selection,
        observed: &Observation,
        applied: Option<&Applied>,
    ) -> bool {
        let is_applied_same = match (&self.applied, applied) {
            (None, None) => true,
            (Some((desired, kept)), Some(now)) => {
                Arc::ptr_eq(desired, &now.desired) && *kept == now.kept
            }
            (Some(_), None) | (None, Some(_)) => false,
        };
        is_applied_same
            && Arc::ptr_eq(&self.meaning, meaning)
            && self.selection == *selection
            && self.observed == *observed
    }
}

impl<S: Store> Reconciler<S> {
    pub(super) async fn plan(
        &mut self,
        bundle: &Bundle,
        selection: &Selection,
        look: Look,
    ) -> Result<Draft, Fault> {
        let meaning = self.understand(bundle)?;
        let mut observed = self.observe().await?;
        let looked = self.looked_at(&meaning, selection, look).await;
        observed.facts.unreached = looked.unreached;
        self.explain_silence(&meaning, &mut observed);
        observed.state.extend(looked.state);
        observed.facts.lacking = looked.lacking;
        observed.facts.ownership.extend(looked.ownership);
        let mut selected = self.selected(&meaning, &observed, selection)?;
        if let Some(seen) = self.look_closer(&selected.plan, &observed).await? {
            selected = self.selected(&meaning, &seen, selection)?;
        }
        let planned = Planned {
            missing: missing(&selected.plan, &self.blobs),
            plan: selected.plan,
            refusal: self.refusal(),
        };
        let desired = match selected.applied {
            Some(desired) => Arc::new(desired),
            None => meaning.desired.clone(),
        };
        let site = meaning.site.clone();
        Ok(Draft {
            planned,
            site,
            desired,
            observed,
        })
    }

    /// A BMC in a subnet in which this controller is to have an address, and has none yet, may be as it should be.
    fn explain_silence(&self, meaning: &Meaning, observed: &mut Observation) {
        let Facts {
            unreached, beside, ..
        } = &mut observed.facts;
        let has = |key: &Key, ip: &IpAddr| matches!(key, Key::Address { address, .. } if address.prefix().contains(*ip));
        let in_force = self.world.bmcs_in_force().borrow().clone();
        for (key, unreached) in unreached {
            let is_silent = matches!(unreached.why, Silence::Unreachable | Silence::NoRoute);
            let machine = key.machine().filter(|_| is_silent);
            let bmc = machine.and_then(|machine| {
                let wanted = meaning.bmc(machine);
                wanted.or_else(|| in_force.get(machine))
            });
            let Some(ip) = bmc.and_then(|bmc| bmc.address().ip()) else {
                continue;
            };
            let is_there = observed.state.keys().any(|key| has(key, &ip));
            let mut others = beside.addresses.iter();
            if is_there || others.any(|one| one.address.prefix().contains(ip)) {
                continue;
            }
            let wanted = meaning.desired.state.keys().find(|key| has(key, &ip));
            if let Some(wanted) = wanted {
                (unreached.why, unreached.cause) = (Silence::NoNetwork, wanted.to_string());
            }
        }
    }

    /// How the machines are that are chosen.
    async fn looked_at(
        &mut self,
        meaning: &Arc<Meaning>,
        selection: &Selection,
        look: Look,
    ) -> Looked {
        if let (Look::Known, Some(known)) = (look, &self.recent.looked)
            && Arc::ptr_eq(&known.meaning, meaning)
            && known.selection == *selection
            && known.at.elapsed() < KNOWN_FOR
        {
            return known.looked.clone();
        }
        let looked = self
            .world
            .look(self.asked(meaning, selection).into_iter())
            .await;
        self.recent.looked = Some(Sight {
            meaning: meaning.clone(),
            selection: selection.clone(),
            at: Instant::now(),
            looked: looked.clone(),
        });
        looked
    }

    /// What of machines is chosen, and what Bedplate made on BMCs and the site wants no more, each with the BMC that tells of it: the one of
    /// the site, which may not be in force yet, or one that goes, and not before what is on it. Where that is to stay so, nothing of its
    /// machine is brought about, and nobody is asked.
    fn asked(&self, meaning: &Meaning, selection: &Selection) -> Vec<Sought> {
        let in_force = self.world.bmcs_in_force().borrow().clone();
        let held = self.world.held_by_bmcs();
        let wanted = meaning.desired.state.iter();
        let wanted = wanted.map(|(key, resource)| (key, Some(resource)));
        let all = wanted.chain(held.iter().map(|key| (key, None)));
        let asked = all.filter_map(|(key, wanted)| {
            let (machine, of) = (key.machine()?, key.bmc()?);
            let bmc = meaning.bmc(machine).or_else(|| in_force.get(machine))?;
            let is_minded = wanted.is_some() || meaning.withdraws(key, bmc);
            let is_left = selection.excludes(&of) && in_force.get(machine) != Some(bmc);
            let goes = meaning.bmc(machine).is_none() && selection.takes(&of);
            (is_minded && (selection.takes(key) || goes) && !is_left).then(|| Sought {
                key: key.clone(),
                bmc: Arc::clone(bmc),
                wanted: wanted.cloned(),
            })
        });
        asked.collect()
    }

    /// Looks for what only matters to this plan: who answers for addresses that it takes, and the leases of ranges that it takes away or
    /// that it shuts to whoever comes.
    /// What was observed with that, where there is any.
    pub(super) async fn look_closer(
        &mut self,
        plan: &Plan,
        observed: &Observation,
    ) -> Result<Option<Observation>, Fault> {
        let (taken, mut lost) = (plan.taken(observed), plan.lost_ranges());
        lost.extend(plan.shut_ranges());
        let leases = self.world.leased_in(&lost).await;
        let leases = leases.map_err(|error| fault::world(&error))?;
        let conflicts = if taken.is_empty() {
            BTreeMap::new()
        } else {
            self.world.conflicts(&taken, &observed.facts.links).await
        };
        if leases.is_empty() && conflicts.is_empty() {
            return Ok(None);
        }
        let mut seen = observed.clone();
        (seen.facts.leases, seen.facts.conflicts) = (leases, conflicts);
        Ok(Some(seen))
    }

    /// The plan, made anew unless all that it is made from is as it was.
    fn selected(
        &mut self,
        meaning: &Arc<Meaning>,
        observed: &Observation,
        selection: &Selection,
    ) -> Result<Selected, Fault> {
        let applied = self.applied.as_ref();
        if let Some(made) = &self.recent.made
            && made.is_of(meaning, selection, observed, applied)
        {
            return Ok(made.selected.clone());
        }
        let (site, elsewhere) = (&meaning.site, &meaning.elsewhere);
        let inputs = self.inputs(site, &meaning.desired, observed, elsewhere);
        let selected = select(inputs, selection).map_err(|error| fault::plan(&error))?;
        self.recent.made = Some(Made {
            meaning: meaning.clone(),
            selection: selection.clone(),
            observed: observed.clone(),
            applied: applied.map(|applied| (applied.desired.clone(), applied.kept.clone())),
            selected: selected.clone(),
        });
        Ok(selected)
    }

    fn understand(&mut self, bundle: &Bundle) -> Result<Arc<Meaning>, Fault> {
        if let Some((known, meaning)) = &self.recent.understood
            && known == bundle
        {
            return Ok(meaning.clone());
        }
        let meaning = Meaning::of(bundle, &self.controller)?;
        let meaning = Arc::new(meaning);
        self.recent.understood = Some((bundle.clone(), meaning.clone()));
        Ok(meaning)
    }
}

/// Content that the plan's steps publish and the daemon does not hold.
fn missing(plan: &Plan, blobs: &Blobs) -> BTreeSet<Digest> {
    let published = plan.steps.iter().filter_map(|step| {
        if let Some(Resource::BootFile(file)) = &step.after {
            Some(file.digest)
        } else {
            None
        }
    });
    published.filter(|digest| !blobs.holds(*digest)).collect()
}
