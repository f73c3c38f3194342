//! The one task that owns the world: requests come in one at a time, so two applies can never mix.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::blobs::Blobs;
use super::bundle::Bundle;
use super::confirm::Pending;
use super::doing::{Deed, Doings};
use super::draft::{Look, Planned, Recent};
use super::fault;
use super::history::{Cause, Entry, Past, before_last};
use super::hold::Hold;
use super::hook::Boards;
use super::in_force::{InForce, Publisher};
use super::mend::Mending;
use super::order::Order;
use super::record::{Applied, Left, Records};
use super::status::Status;
use super::who::Who;
use crate::apply::Event;
use crate::base::name::{HostName, Name};
use crate::diag::fault::Fault;
use crate::plan::{Inputs, Plan, Selection, plan};
use crate::state::{ClientSession, Desired, Key, Observation, State};
use crate::store::Store;
use crate::watch::Changes;
use crate::world::{Live, World};

/// What protection keeps before anything was applied.
static NOTHING: State = State::new();

/// What is asked of the owner.
pub(super) enum Request {
    Plan {
        bundle: Bundle,
        selection: Selection,
        client: Option<ClientSession>,
        who: Who,
        reply: oneshot::Sender<Result<Planned, Fault>>,
    },
    /// Runs a plan; the reply holds its events, the report last.
    Apply {
        order: Box<Order>,
        reply: oneshot::Sender<Result<mpsc::Receiver<Event>, Fault>>,
    },
    /// Keeps the apply that waits, if it is of this plan.
    Confirm {
        plan: Option<String>,
        by: Who,
        reply: oneshot::Sender<Result<Entry, Fault>>,
    },
    /// Reverts the apply that waits.
    Revert {
        by: Who,
        reply: oneshot::Sender<Result<Entry, Fault>>,
    },
    History {
        reply: oneshot::Sender<Result<Vec<Entry>, Fault>>,
    },
    /// The state of an entry; without a number, of the one before the last.
    Past {
        number: Option<u64>,
        reply: oneshot::Sender<Result<Past, Fault>>,
    },
    Hold {
        hold: Hold,
        reply: oneshot::Sender<Result<Hold, Fault>>,
    },
    Unlock {
        seen: Hold,
        reply: oneshot::Sender<Result<Hold, Fault>>,
    },
    /// With the things of machines that are in force, and those that an apply left out.
    Status {
        reply: oneshot::Sender<Result<(Status, BTreeSet<Key>), Fault>>,
    },
    /// What the host has.
    Observe {
        reply: oneshot::Sender<Result<Observation, Fault>>,
    },
    /// Leaves nothing behind that only a timer would revert.
    Stop { reply: oneshot::Sender<()> },
}

/// The owner's own state.
pub(super) struct Reconciler<S: Store> {
    pub(super) controller: HostName,
    pub(super) world: Live<S>,
    pub(super) records: Records<S>,
    pub(super) blobs: Blobs,
    /// What is in force, confirmed or not.
    pub(super) applied: Option<Applied>,
    /// The same, for those who ask about it while the world is being changed.
    in_force: Publisher,
    /// The apply that waits to be confirmed.
    pub(super) pending: Option<Pending>,
    pub(super) hold: Option<Hold>,
    pub(super) mending: Mending,
    pub(super) recent: Recent,
    pub(super) boards: Boards,
    doings: Doings,
}

impl<S: Store> Reconciler<S> {
    /// Takes up where the last run ended.
    pub(super) fn new(
        controller: HostName,
        world: Live<S>,
        left: Left<S>,
        blobs: Blobs,
        mending: Mending,
        boards: Boards,
    ) -> Self {
        Self {
            controller,
            doings: Doings::new(world.progress()),
            world,
            records: left.records,
            blobs,
            applied: left.applied,
            in_force: Publisher::default(),
            pending: None,
            hold: left.hold,
            mending,
            recent: Recent::default(),
            boards,
        }
    }

    /// What is in force, from now on.
    pub(super) fn in_force(&self) -> InForce {
        self.in_force.subscribe(self.world.bmcs_in_force())
    }

    /// What it does, from now on.
    pub(super) fn doings(&self) -> Doings {
        self.doings.clone()
    }

    /// Takes `applied` for what is in force; returns what was before.
    pub(super) fn put_in_force(&mut self, applied: Option<Applied>) -> Option<Applied> {
        self.in_force.publish(applied.as_ref());
        std::mem::replace(&mut self.applied, applied)
    }

    /// Answers requests until nobody can ask any more, and reverts what nobody confirms in time. Between requests it looks after the host:
    /// what an apply changes is in force and known when that is looked at, and so is nobody's drift.
    pub(super) async fn serve(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut changes: Changes,
    ) {
        loop {
            let deadline = self.pending.as_ref().map(Pending::deadline);
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                let _doing = self.doings.begin(Deed::Revert);
                self.revert(Cause::Deadline).await;
                continue;
            }
            let due = self.mending.due();
            let wake = deadline.map_or(due, |deadline| deadline.min(due));
            tokio::select! {
                request = requests.recv() => match request {
                    Some(request) => self.answer(request).await,
                    None => return,
                },
                () = changes.next() => self.mending.hear(),
                () = sleep_until(wake) => {
                    // Otherwise the time to confirm is over: the next round sees that.
                    if due <= Instant::now() {
                        let _doing = self.doings.begin(Deed::Mend);
                        self.mend().await;
                    }
                }
            }
        }
    }

    /// A caller that went away needs no answer.
    async fn answer(&mut self, request: Request) {
        match request {
            Request::Plan {
                bundle,
                selection,
                client,
                who,
                reply,
            } => {
                let _doing = self.doings.begin(Deed::Plan { who });
                self.world.asked_by(client);
                let drafted = self.plan(&bundle, &selection, Look::Anew).await;
                drop(reply.send(drafted.map(|draft| draft.planned)))
            }
            Request::Apply { order, reply } => {
                let (plan, who) = (order.plan.clone(), order.who.clone());
                let _doing = self.doings.begin(Deed::Apply { plan, who });
                self.apply(*order, reply).await;
            }
            Request::Confirm { plan, by, reply } => {
                drop(reply.send(self.confirm(plan.as_deref(), by).await))
            }
            Request::Revert { by, reply } => {
                let _doing = self.doings.begin(Deed::Revert);
                drop(reply.send(self.take_back_pending(by).await));
            }
            Request::History { reply } => drop(reply.send(Ok(self.history()))),
            Request::Past { number, reply } => drop(reply.send(self.past(number))),
            Request::Hold { hold, reply } => drop(reply.send(self.put_on_hold(hold).await)),
            Request::Unlock { seen, reply } => drop(reply.send(self.unlock(&seen).await)),
            Request::Status { reply } => drop(reply.send(self.status().await)),
            Request::Observe { reply } => drop(reply.send(self.observe_host().await)),
            Request::Stop { reply } => {
                let _doing = self.doings.begin(Deed::Revert);
                self.revert(Cause::Stopped).await;
                let _ = reply.send(());
            }
        }
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

    pub(super) async fn observe(&mut self) -> Result<Observation, Fault> {
        self.world
            .observe()
            .await
            .map_err(|error| fault::world(&error))
    }

    /// The host's network alone, with all that is known of it.
    async fn observe_host(&mut self) -> Result<Observation, Fault> {
        let mut observed = self.observe().await?;
        observed.state.retain(|key, _| key.is_host());
        observed.facts.leased = 0;
        Ok(observed)
    }

    async fn status(&mut self) -> Result<(Status, BTreeSet<Key>), Fault> {
        let observed = self.observe().await?;
        let counters = self
            .world
            .counters()
            .await
            .map_err(|error| fault::world(&error))?;
        let store = self.world.store().await;
        let mut status = Status::new(&self.controller, &observed, counters);
        status.store = store.map_err(|error| fault::world(&error))?;
        let scopes = self.world.dhcp().scopes().await;
        status.scopes = scopes.map_err(|error| fault::world(&error))?;
        status.unconfirmed = self.pending.as_ref().map(Pending::told);
        status.hold.clone_from(&self.hold);
        let mut of_machines = BTreeSet::new();
        status.enforce = self.mending.enforce;
        status.held_back.clone_from(&self.mending.held_back);
        if let Some(seen) = self.compared(observed)?
            && let Some(applied) = &self.applied
        {
            status.compare(&applied.site, &seen.plan, seen.differences);
            status.left_out = applied.left_out.iter().cloned().collect();
            let in_force = applied.desired.state.keys();
            let in_force = in_force.filter(|key| key.machine().is_some());
            of_machines = in_force.chain(&applied.left_out).cloned().collect();
        }
        status.hooks = self.boards.hooks.told();
        status.webhooks = self.boards.webhooks.told();
        status.ended = self.mending.memory.ended();
        Ok((status, of_machines))
    }

    /// The latest first.
    fn history(&self) -> Vec<Entry> {
        let history = self.records.history();
        history.values().rev().cloned().collect()
    }

    fn past(&self, number: Option<u64>) -> Result<Past, Fault> {
        let history = self.records.history();
        let entry = match number {
            Some(number) => history.get(&number),
            None => before_last(history),
        };
        let past = entry.map(|entry| self.records.past(entry)).transpose()?;
        past.flatten()
            .ok_or_else(|| fault::no_state(number, history))
    }
}
