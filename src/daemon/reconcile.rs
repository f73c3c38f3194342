//! The one task that owns the world: requests come in one at a time, so two applies can never mix.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::blobs::Blobs;
use super::bundle::Bundle;
use super::fault;
use super::status::{LeaseRow, Status};
use crate::apply::{Event, Outcome, Report, run, take_back};
use crate::base::digest::Digest;
use crate::base::name::{HostName, Name};
use crate::diag::fault::Fault;
use crate::plan::{HazardKind, Inputs, Plan, Step, plan};
use crate::site::model::Site;
use crate::state::{Desired, Key, Observation, Resource, desired, elsewhere};
use crate::store::{Batch, Store, Write};
use crate::world::{Live, World};

/// Where the last applied site is kept.
const APPLIED: &[u8] = b"applied";

/// Where the journal of the plan under way is kept.
const RUNNING: &[u8] = b"running";

/// What the daemon last brought about.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Applied {
    bundle: Bundle,
    site: Name,
    /// What it meant then: used where a newer version cannot compile the bundle.
    desired: Desired,
}

/// What a daemon that dies in the middle of an apply leaves to the next one: the way back.
#[derive(Debug, Serialize, Deserialize)]
struct Journal {
    plan: String,
    /// The host's steps; servers end with their daemon.
    steps: Vec<Step>,
}

/// What is asked of the owner.
pub(super) enum Request {
    Plan {
        bundle: Bundle,
        reply: oneshot::Sender<Result<Planned, Fault>>,
    },
    /// Runs the plan of this id; the reply holds its events, the report last. The permit is held until then.
    Apply {
        bundle: Bundle,
        plan: String,
        allow: BTreeSet<HazardKind>,
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
    pub(super) store: Arc<S>,
    pub(super) blobs: Blobs,
    applied: Option<Applied>,
    /// Of an apply that the last daemon did not end.
    interrupted: Option<Journal>,
}

impl<S: Store> Reconciler<S> {
    /// Takes up where the last run ended.
    pub(super) fn new(
        controller: HostName,
        world: Live<S>,
        store: Arc<S>,
        blobs: Blobs,
    ) -> Result<Self, Fault> {
        let applied = stored(&*store, APPLIED)?;
        let interrupted = stored(&*store, RUNNING)?;
        Ok(Self {
            controller,
            world,
            store,
            blobs,
            applied,
            interrupted,
        })
    }

    /// Makes the host what the last apply made it, before anything else is answered.
    pub(super) async fn converge(&mut self) -> Result<(), Fault> {
        if let Some(Journal { plan, steps }) = self.interrupted.take() {
            tracing::warn!(
                plan,
                "an apply was interrupted; going back to what was before it"
            );
            let left = take_back(&mut self.world, &steps).await;
            if !left.is_empty() {
                tracing::error!(
                    ?left,
                    "cannot bring back what was before an interrupted apply"
                );
            }
        }
        if let Some(applied) = self.applied.clone() {
            self.restore(applied).await?;
        }
        self.write_journal(None).await.or_else(|fault| {
            // To go back twice does no harm, and a full disk is no reason to serve nobody.
            tracing::error!(%fault, "the journal is kept");
            Ok(())
        })
    }

    /// Brings back what was applied, as far as the host lets it: what is left out, `status` shows as drift.
    async fn restore(&mut self, applied: Applied) -> Result<(), Fault> {
        let mut desired = match applied.bundle.compile().site {
            Some(site) if !site.controllers.contains_key(&self.controller) => {
                return Err(fault::not_ours(&self.controller, &site));
            }
            Some(site) => desired(&site, &self.controller),
            None => {
                tracing::error!("the applied site no longer compiles; its last good state is used");
                applied.desired
            }
        };
        let allowed = HazardKind::ALL.into_iter().collect();
        loop {
            let observed = self.observe().await?;
            let plan = self.plan_for(&applied.site, &desired, &observed, &BTreeMap::new())?;
            let report = run(&mut self.world, &plan, &allowed, |_| {})
                .await
                .map_err(|error| fault::world(&error))?;
            if report.is_done() {
                return Ok(());
            }
            tracing::error!(outcome = ?report.outcome, "cannot bring back what was applied");
            // A port that another program has must not keep the others from being served. Each round leaves one out.
            match report.outcome {
                Outcome::Undone { failure, .. }
                    if matches!(failure.key, Key::Listener { .. })
                        && desired.state.remove(&failure.key).is_some() => {}
                Outcome::Done
                | Outcome::Stale
                | Outcome::Hazardous { .. }
                | Outcome::Obstructed { .. }
                | Outcome::Undone { .. }
                | Outcome::Unverified { .. } => return Ok(()),
            }
        }
    }

    /// Answers requests until nobody can ask any more.
    pub(super) async fn serve(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(request) = requests.recv().await {
            // A caller that went away needs no answer.
            match request {
                Request::Plan { bundle, reply } => {
                    drop(reply.send(self.plan(&bundle).await.map(|(planned, _)| planned)))
                }
                Request::Apply {
                    bundle,
                    plan,
                    allow,
                    permit,
                    reply,
                } => {
                    self.apply(bundle, &plan, &allow, reply).await;
                    drop(permit);
                }
                Request::Status { reply } => drop(reply.send(self.status().await)),
                Request::Leases { reply } => drop(reply.send(self.leases().await)),
            }
        }
    }

    async fn plan(&mut self, bundle: &Bundle) -> Result<(Planned, (Site, Desired)), Fault> {
        let compiled = bundle.compile();
        let Some(site) = compiled.site else {
            return Err(fault::site(&compiled));
        };
        if !site.controllers.contains_key(&self.controller) {
            return Err(fault::not_ours(&self.controller, &site));
        }
        let desired = desired(&site, &self.controller);
        let observed = self.observe().await?;
        let plan = self.plan_for(
            &site.name,
            &desired,
            &observed,
            &elsewhere(&site, &self.controller),
        )?;
        let missing = missing(&plan, &self.blobs);
        Ok((Planned { plan, missing }, (site, desired)))
    }

    fn plan_for(
        &self,
        site: &Name,
        desired: &Desired,
        observed: &Observation,
        elsewhere: &BTreeMap<HostName, usize>,
    ) -> Result<Plan, Fault> {
        let applied = self.applied.as_ref().map(|applied| &applied.desired);
        plan(Inputs {
            site,
            controller: &self.controller,
            desired,
            observed,
            applied,
            elsewhere,
        })
        .map_err(|error| fault::plan(&error))
    }

    async fn apply(
        &mut self,
        bundle: Bundle,
        id: &str,
        allowed: &BTreeSet<HazardKind>,
        reply: oneshot::Sender<Result<mpsc::Receiver<Event>, Fault>>,
    ) {
        let (plan, site, desired) = match self.checked(&bundle, id).await {
            Ok(checked) => checked,
            Err(fault) => return drop(reply.send(Err(fault))),
        };
        // Room for every event that a plan can make, so that a slow or vanished reader never holds an apply up.
        let (events, receiver) = mpsc::channel(plan.steps.len() + 16);
        drop(reply.send(Ok(receiver)));
        let tell = |event: Event| drop(events.try_send(event));
        match self
            .run(
                &plan,
                allowed,
                Applied {
                    bundle,
                    site: site.name,
                    desired,
                },
                tell,
            )
            .await
        {
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
    async fn checked(&mut self, bundle: &Bundle, id: &str) -> Result<(Plan, Site, Desired), Fault> {
        let (Planned { plan, missing }, (site, desired)) = self.plan(bundle).await?;
        if plan.id != id {
            return Err(fault::stale(id, &plan.id));
        }
        if let Some(digest) = missing.first() {
            return Err(fault::missing_content(*digest, missing.len()));
        }
        Ok((plan, site, desired))
    }

    /// Runs a plan; only when the new state is on stable storage is the report told.
    async fn run(
        &mut self,
        plan: &Plan,
        allowed: &BTreeSet<HazardKind>,
        next: Applied,
        mut tell: impl FnMut(Event) + Send,
    ) -> Result<Report, Fault> {
        self.write_journal(Some(plan)).await?;
        let report = run(&mut self.world, plan, allowed, |event| {
            if !matches!(event, Event::Finished(_)) {
                tell(event);
            }
        })
        .await;
        let report = match report {
            Ok(report) => report,
            Err(error) => {
                self.write_journal(None).await?;
                return Err(fault::world(&error));
            }
        };
        if report.is_done() {
            if let Err(fault) = self.keep(next).await {
                tell(Event::Undoing {
                    domain: plan.domain(),
                    steps: plan.steps.len(),
                });
                let left = take_back(&mut self.world, &plan.steps).await;
                return Err(fault::not_kept(fault, &left));
            }
        } else if let Err(fault) = self.write_journal(None).await {
            // To go back twice does no harm; what became of the apply is still true.
            tracing::error!(%fault, "the journal is kept");
        }
        tell(Event::Finished(report.clone()));
        Ok(report)
    }

    /// Makes `next` what the next start goes back to.
    async fn keep(&mut self, next: Applied) -> Result<(), Fault> {
        let value = serde_json::to_vec(&next).map_err(|error| fault::corrupt(&error))?;
        let (applied, running) = (APPLIED.to_vec(), RUNNING.to_vec());
        self.commit(vec![
            Write::Put {
                key: applied,
                value,
            },
            Write::Delete { key: running },
        ])
        .await?;
        self.applied = Some(next);
        Ok(())
    }

    /// Writes down the way back from `plan`, or that none is needed.
    async fn write_journal(&mut self, plan: Option<&Plan>) -> Result<(), Fault> {
        let key = RUNNING.to_vec();
        let Some(plan) = plan else {
            return self.commit(vec![Write::Delete { key }]).await;
        };
        let steps = plan.steps.iter().filter(|step| step.key.is_host());
        let journal = Journal {
            plan: plan.id.clone(),
            steps: steps.cloned().collect(),
        };
        let value = serde_json::to_vec(&journal).map_err(|error| fault::corrupt(&error))?;
        self.commit(vec![Write::Put { key, value }]).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), Fault> {
        let guards = Vec::new();
        let committed = self.store.commit(Batch { guards, writes }).await;
        committed.map_err(fault::store)
    }

    async fn observe(&mut self) -> Result<Observation, Fault> {
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

fn stored<T: DeserializeOwned>(store: &impl Store, key: &[u8]) -> Result<Option<T>, Fault> {
    let Some(bytes) = store.get(key).map_err(fault::store)? else {
        return Ok(None);
    };
    let value = serde_json::from_slice(&bytes).map_err(|error| fault::corrupt(&error))?;
    Ok(Some(value))
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
