//! The one task that owns the world: requests come in one at a time, so two applies can never mix.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::blobs::Blobs;
use super::bundle::Bundle;
use super::fault;
use super::meaning::Meaning;
use super::record::{Applied, Records};
use super::status::{LeaseRow, Status};
use crate::apply::{Event, Report, run, take_back};
use crate::base::digest::Digest;
use crate::base::name::{HostName, Name};
use crate::diag::fault::Fault;
use crate::plan::{HazardKind, Inputs, Plan, plan};
use crate::state::{ClientSession, Desired, Observation, Resource, State};
use crate::store::Store;
use crate::world::{Live, World};

/// What protection keeps before anything was applied.
static NOTHING: State = State::new();

/// What is asked of the owner.
pub(super) enum Request {
    Plan {
        bundle: Bundle,
        client: Option<ClientSession>,
        reply: oneshot::Sender<Result<Planned, Fault>>,
    },
    /// Runs the plan of this id; the reply holds its events, the report last. The permit is held until then.
    Apply {
        bundle: Bundle,
        plan: String,
        allow: BTreeSet<HazardKind>,
        client: Option<ClientSession>,
        permit: OwnedSemaphorePermit,
        reply: oneshot::Sender<Result<mpsc::Receiver<Event>, Fault>>,
    },
    Status {
        reply: oneshot::Sender<Result<Status, Fault>>,
    },
    Leases {
        reply: oneshot::Sender<Result<Vec<LeaseRow>, Fault>>,
    },
}

/// A plan with what came to light while making it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    pub plan: Plan,
    /// Content of boot files that must be uploaded before the plan can run.
    pub missing: BTreeSet<Digest>,
}

/// The owner's own state.
pub(super) struct Reconciler<S: Store> {
    pub(super) controller: HostName,
    pub(super) world: Live<S>,
    pub(super) records: Records<S>,
    blobs: Blobs,
    pub(super) applied: Option<Applied>,
    /// The last bundle that was asked about, since an apply asks again for what its plan was made from.
    understood: Option<(Bundle, Arc<Meaning>)>,
}

impl<S: Store> Reconciler<S> {
    /// Takes up where the last run ended.
    pub(super) fn new(
        controller: HostName,
        world: Live<S>,
        store: Arc<S>,
        blobs: Blobs,
    ) -> Result<Self, Fault> {
        let records = Records::new(store);
        let applied = records.applied()?;
        Ok(Self {
            controller,
            world,
            records,
            blobs,
            applied,
            understood: None,
        })
    }

    /// Answers requests until nobody can ask any more.
    pub(super) async fn serve(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(request) = requests.recv().await {
            // A caller that went away needs no answer.
            match request {
                Request::Plan {
                    bundle,
                    client,
                    reply,
                } => {
                    self.world.asked_by(client);
                    drop(reply.send(self.plan(&bundle).await.map(|(planned, _)| planned)))
                }
                Request::Apply {
                    bundle,
                    plan,
                    allow,
                    client,
                    permit,
                    reply,
                } => {
                    self.world.asked_by(client);
                    self.apply(bundle, &plan, &allow, reply).await;
                    drop(permit);
                }
                Request::Status { reply } => drop(reply.send(self.status().await)),
                Request::Leases { reply } => drop(reply.send(self.leases().await)),
            }
        }
    }

    async fn plan(&mut self, bundle: &Bundle) -> Result<(Planned, Arc<Meaning>), Fault> {
        let meaning = self.understand(bundle)?;
        let mut observed = self.observe().await?;
        let Meaning {
            site,
            desired,
            elsewhere,
            ..
        } = meaning.as_ref();
        let mut plan = self.plan_for(site, desired, &observed, elsewhere)?;
        let taken = plan.taken(&observed);
        if !taken.is_empty() {
            let conflicts = self.world.conflicts(&taken, &observed.facts.links).await;
            if !conflicts.is_empty() {
                observed.facts.conflicts = conflicts;
                plan = self.plan_for(site, desired, &observed, elsewhere)?;
            }
        }
        let missing = missing(&plan, &self.blobs);
        Ok((Planned { plan, missing }, meaning))
    }

    fn understand(&mut self, bundle: &Bundle) -> Result<Arc<Meaning>, Fault> {
        if let Some((known, meaning)) = &self.understood
            && known == bundle
        {
            return Ok(meaning.clone());
        }
        let meaning = Meaning::of(bundle, &self.controller)?;
        let meaning = Arc::new(meaning);
        self.understood = Some((bundle.clone(), meaning.clone()));
        Ok(meaning)
    }

    pub(super) fn plan_for(
        &self,
        site: &Name,
        desired: &Desired,
        observed: &Observation,
        elsewhere: &BTreeMap<HostName, usize>,
    ) -> Result<Plan, Fault> {
        plan(self.inputs(site, desired, observed, elsewhere)).map_err(|error| fault::plan(&error))
    }

    pub(super) fn inputs<'a>(
        &'a self,
        site: &'a Name,
        desired: &'a Desired,
        observed: &'a Observation,
        elsewhere: &'a BTreeMap<HostName, usize>,
    ) -> Inputs<'a> {
        let applied = self.applied.as_ref();
        Inputs {
            site,
            controller: &self.controller,
            desired,
            observed,
            applied: applied.map(|applied| applied.desired.as_ref()),
            kept: applied.map_or(&NOTHING, |applied| &applied.kept),
            elsewhere,
        }
    }

    async fn apply(
        &mut self,
        bundle: Bundle,
        id: &str,
        allowed: &BTreeSet<HazardKind>,
        reply: oneshot::Sender<Result<mpsc::Receiver<Event>, Fault>>,
    ) {
        let (plan, meaning) = match self.checked(&bundle, id).await {
            Ok(checked) => checked,
            Err(fault) => return drop(reply.send(Err(fault))),
        };
        // Room for every event that a plan can make, so that a slow or vanished reader never holds an apply up.
        let (events, receiver) = mpsc::channel(plan.steps.len() + 16);
        drop(reply.send(Ok(receiver)));
        let tell = |event: Event| drop(events.try_send(event));
        let next = Applied::of(&plan, bundle, &meaning, &self.controller);
        match self.run(&plan, allowed, next, tell).await {
            Ok(report) => {
                tracing::info!(plan = report.plan, outcome = ?report.outcome, "apply ended")
            }
            Err(fault) => {
                tracing::error!(%fault, "apply failed");
                drop(events.try_send(Event::Broken(fault)));
            }
        }
    }

    /// The plan of this bundle, made anew, if it is the one that was asked for.
    async fn checked(&mut self, bundle: &Bundle, id: &str) -> Result<(Plan, Arc<Meaning>), Fault> {
        let (Planned { plan, missing }, meaning) = self.plan(bundle).await?;
        if plan.id != id {
            return Err(fault::stale(id, &plan.id));
        }
        if let Some(digest) = missing.first() {
            return Err(fault::missing_content(*digest, missing.len()));
        }
        Ok((plan, meaning))
    }

    /// Runs a plan; only when the new state is on stable storage is the report told.
    async fn run(
        &mut self,
        plan: &Plan,
        allowed: &BTreeSet<HazardKind>,
        next: Applied,
        mut tell: impl FnMut(Event) + Send,
    ) -> Result<Report, Fault> {
        self.records.begin(plan).await?;
        let report = run(&mut self.world, plan, allowed, |event| {
            if !matches!(event, Event::Finished(_)) {
                tell(event);
            }
        })
        .await;
        let report = match report {
            Ok(report) => report,
            Err(error) => {
                self.records.end().await?;
                return Err(fault::world(&error));
            }
        };
        if report.is_done() {
            if let Err(fault) = self.records.keep(&next).await {
                tell(Event::Undoing {
                    domain: plan.domain(),
                    steps: plan.steps.len(),
                });
                let left = take_back(&mut self.world, &plan.steps).await;
                return Err(fault::not_kept(fault, &left));
            }
            self.applied = Some(next);
        } else if let Err(fault) = self.records.end().await {
            // To go back twice does no harm; what became of the apply is still true.
            tracing::error!(%fault, "the journal is kept");
        }
        tell(Event::Finished(report.clone()));
        Ok(report)
    }

    pub(super) async fn observe(&mut self) -> Result<Observation, Fault> {
        self.world
            .observe()
            .await
            .map_err(|error| fault::world(&error))
    }

    async fn status(&mut self) -> Result<Status, Fault> {
        let observed = self.observe().await?;
        let counters = self
            .world
            .counters()
            .await
            .map_err(|error| fault::world(&error))?;
        let mut status = Status::new(&self.controller, &observed, counters);
        if let Some(applied) = &self.applied {
            let plan =
                self.plan_for(&applied.site, &applied.desired, &observed, &BTreeMap::new())?;
            status.compare(&applied.site, &plan);
        }
        Ok(status)
    }

    async fn leases(&mut self) -> Result<Vec<LeaseRow>, Fault> {
        let leases = self
            .world
            .leases()
            .await
            .map_err(|error| fault::world(&error))?;
        Ok(leases.iter().filter_map(LeaseRow::of).collect())
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
