//! The machines' power and boot order, through their BMCs: how they are, and how they become what they should be. What BMCs report
//! counts, not what they promise.

mod course;
mod error;
mod hear;
mod network;
mod progress;
mod user;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::base::bmc::PowerState;
use crate::base::name::HostName;
use crate::plan::Step;
use crate::site::model::Bmc;
use crate::state::{BootOrder, Key, Ownership, Power, Resource, Silence, State, Unreached};
use crate::world::bmc::{BmcError, Caller, Pool, Session, Trouble};
use crate::world::{BmcsInForce, StepFailure, WorldError};
use course::{Course, Move};
use error::{failed, inner, met, unreached};
use hear::{Ear, WAITING};
use progress::Awaited;
use user::Told;

pub use error::{MachineError, RefusedBefore};
pub use hear::Heard;
pub use progress::{Awaiting, Progress};

/// Machines that are looked at at once for a plan: as many as the pool has room for.
const AT_ONCE: usize = 128;

/// How long one BMC may take to tell how its machine is …
const LOOK_WITHIN: Duration = Duration::from_secs(15);

/// … and all of them together: whoever plans waits for them.
const ALL_WITHIN: Duration = Duration::from_secs(60);

/// How long a BMC may take until it reports a boot order that it agreed to.
const SET_WITHIN: Duration = Duration::from_secs(10);

/// Between two looks at a machine on its way.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a BMC that was heard may be silent: it may have started anew.
const SILENT: Duration = Duration::from_secs(90);

/// The machines that are looked at and switched.
#[derive(Clone)]
pub(super) struct Machines {
    /// Through which they are switched.
    in_force: watch::Receiver<BmcsInForce>,
    pub(super) pool: Pool,
    pub(super) progress: Progress,
    /// Leave to look at a machine for the sake of a plan.
    looks: Arc<Semaphore>,
    /// Where it is told how BMCs do; none where nobody asks for that.
    ear: Option<Ear>,
}

/// What was found out about machines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    pub state: State,
    pub unreached: BTreeMap<Key, Unreached>,
    /// What BMCs say that they have not.
    pub lacking: BTreeSet<Key>,
    /// Whose the rest is.
    pub ownership: BTreeMap<Key, Ownership>,
}

/// One thing that a machine has, by its BMC.
#[derive(Clone)]
pub struct Sought {
    pub key: Key,
    /// Who tells of it.
    pub bmc: Arc<Bmc>,
    /// What the site wants of it; none where that wants it no more.
    pub wanted: Option<Resource>,
}

impl Looked {
    fn note(&mut self, (key, told): Told) {
        match told {
            Ok(resource) => {
                self.unreached.remove(&key);
                match resource {
                    Some(resource) => drop(self.state.insert(key, resource)),
                    None => drop(self.lacking.insert(key)),
                }
            }
            Err(unreached) => drop(self.unreached.insert(key, unreached)),
        }
    }
}

impl Machines {
    pub(super) fn new(in_force: watch::Receiver<BmcsInForce>) -> Self {
        Self {
            in_force,
            pool: Pool::default(),
            progress: Progress::default(),
            looks: Arc::new(Semaphore::new(AT_ONCE)),
            ear: None,
        }
    }

    /// What is heard of BMCs from now on.
    pub(super) fn heard(&mut self) -> mpsc::Receiver<Heard> {
        let (ear, heard) = mpsc::channel(WAITING);
        self.ear = Some(ear);
        heard
    }

    /// Asks BMCs for what is sought, side by side.
    pub(super) async fn look(&self, sought: impl Iterator<Item = Sought>) -> Looked {
        let (mut looked, mut asked) = (Looked::default(), JoinSet::new());
        let mut machines: BTreeMap<HostName, (Arc<Bmc>, Vec<Sought>)> = BTreeMap::new();
        for one in sought {
            if let Some(machine) = one.key.machine() {
                let entry = machines.entry(machine.clone());
                let (_, sought) = entry.or_insert_with(|| (Arc::clone(&one.bmc), Vec::new()));
                sought.push(one);
            }
        }
        for (machine, (bmc, sought)) in machines {
            for Sought { key, .. } in &sought {
                let unasked = unreached(&bmc, Silence::Unasked, String::new());
                looked.unreached.insert(key.clone(), unasked);
            }
            let machines = self.clone();
            asked.spawn(async move {
                let _awaited = machines.progress.begin(&machine);
                machines.told(&machine, &bmc, sought).await
            });
        }
        let deadline = Instant::now() + ALL_WITHIN;
        while let Ok(Some(told)) = timeout_at(deadline, asked.join_next()).await {
            match told {
                Ok(told) => told.into_iter().for_each(|told| looked.note(told)),
                Err(error) => tracing::error!(%error, "a BMC was not asked"),
            }
        }
        looked
    }

    /// What one BMC tells. What it does not tell of one thing is no reason to leave out another.
    async fn told(&self, machine: &HostName, bmc: &Bmc, sought: Vec<Sought>) -> Vec<Told> {
        // Whoever waits for room is not late.
        let _leave = self.looks.acquire().await;
        let (users, rest): (Vec<Sought>, Vec<Sought>) = sought
            .iter()
            .cloned()
            .partition(|one| matches!(one.key, Key::User { .. }));
        let asked = self.with(bmc, async |session| {
            let mut told = Vec::new();
            for Sought { key, .. } in &rest {
                match found(session, bmc, key).await {
                    Ok(found) => told.push((key.clone(), Ok(Some(found)))),
                    Err(error) if error.trouble() == Trouble::Failed => {
                        told.push((key.clone(), Err(failed(bmc, &error))));
                    }
                    Err(error) => return Err(error),
                }
            }
            if !users.is_empty() {
                told.extend(self.users(bmc, session, &users).await?);
            }
            Ok(told)
        });
        let untold = match timeout(LOOK_WITHIN, asked).await {
            Ok(Ok(told)) => {
                // What was of no use in part says nothing of the whole.
                if told.iter().all(|(_, told)| told.is_ok()) {
                    self.hear(machine, bmc, Ok(power(&told))).await;
                }
                return told;
            }
            Ok(Err(error)) => {
                self.hear_error(machine, bmc, &error).await;
                error.untold(bmc)
            }
            Err(_) => {
                let cause = format!("no answer within {} seconds", LOOK_WITHIN.as_secs());
                let silent = unreached(bmc, Silence::Unreachable, cause);
                self.hear(machine, bmc, Err(silent.clone())).await;
                silent
            }
        };
        let untold = self.helped(machine, bmc, untold);
        let all = sought.into_iter();
        all.map(|one| (one.key, Err(untold.clone()))).collect()
    }

    /// Brings machines to what `steps` say, side by side. Tells `done` of each that is so; those that are not come back.
    pub(super) async fn switch(
        &self,
        steps: &[Step],
        done: &mut (dyn FnMut(usize) + Send),
    ) -> Vec<StepFailure> {
        let mut under_way = JoinSet::new();
        for (at, step) in steps.iter().enumerate() {
            let (machines, step) = (self.clone(), step.clone());
            under_way.spawn(async move { (at, machines.step(&step).await) });
        }
        let broken_off = |_| Some(MachineError::BrokenOff);
        let mut failures: Vec<Option<MachineError>> = steps.iter().map(broken_off).collect();
        while let Some(ended) = under_way.join_next().await {
            match ended {
                Ok((at, brought)) => {
                    if brought.is_ok() {
                        done(at);
                    }
                    if let Some(failure) = failures.get_mut(at) {
                        *failure = brought.err();
                    }
                }
                Err(error) => tracing::error!(%error, "a machine was not switched"),
            }
        }
        let failed = steps.iter().zip(failures).enumerate();
        let failed = failed.filter_map(|(at, (step, error))| {
            Some(StepFailure {
                at,
                key: Box::new(step.key.clone()),
                error: WorldError::Machine(error?),
            })
        });
        failed.collect()
    }

    async fn step(&self, step: &Step) -> Result<(), MachineError> {
        let Some(machine) = step.key.machine() else {
            return Ok(());
        };
        let bmc = self.in_force.borrow().get(machine).cloned();
        let bmc = bmc.ok_or(MachineError::NoBmc)?;
        let brought = self.brought(machine, &bmc, step).await;
        let power = step.after.as_ref().and_then(Resource::power);
        match &brought {
            Ok(()) => {
                let came = Ok(power.map(|power| power.state));
                self.hear(machine, &bmc, came).await;
            }
            Err(error) => self.hear_error(machine, &bmc, error).await,
        }
        brought
    }

    /// Has a machine become what a step says.
    async fn brought(
        &self,
        machine: &HostName,
        bmc: &Bmc,
        step: &Step,
    ) -> Result<(), MachineError> {
        let awaited = self.progress.begin(machine);
        if let Key::User { user, .. } = &step.key {
            tracing::info!(%machine, %user, "user of the BMC");
            return self.become_user(bmc, user, step).await;
        }
        match &step.after {
            Some(Resource::Power(wanted)) => self.bring(&awaited, bmc, wanted.state).await,
            Some(Resource::BootOrder(wanted)) => self.order(&awaited, bmc, *wanted).await,
            Some(Resource::Network(wanted)) => {
                tracing::info!(%machine, "network of the BMC");
                self.become_networked(bmc, wanted, step.before.as_ref())
                    .await
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Has a BMC say what its machine boots from, and looks until it reports that.
    async fn order(
        &self,
        awaited: &Awaited<'_>,
        bmc: &Bmc,
        wanted: BootOrder,
    ) -> Result<(), MachineError> {
        let machine = awaited.machine();
        let mut asked: Option<Instant> = None;
        loop {
            let looked = self.with(bmc, async |session| {
                let found = BootOrder::of(session.boot().await?);
                if asked.is_none() && !wanted.is_met_by(&found) {
                    tracing::info!(%machine, "boot order");
                    session.set_boot(wanted.wish()).await?;
                    asked = Some(Instant::now());
                    awaited.is(Awaiting::BootOrder);
                }
                Ok(found)
            });
            let found = looked.await?;
            if wanted.is_met_by(&found) {
                return Ok(());
            }
            let since = asked.map_or(Duration::ZERO, |asked| asked.elapsed());
            if since > SET_WITHIN {
                let words = |order: BootOrder| Resource::BootOrder(order).summary();
                return Err(MachineError::NotThere {
                    wanted: words(wanted),
                    found: words(found),
                    seconds: since.as_secs(),
                });
            }
            sleep(PAUSE).await;
        }
    }

    /// Does what it takes, and looks until the BMC reports it. Between two looks others have their turn; a BMC that is lost on the way is
    /// asked again.
    async fn bring(
        &self,
        awaited: &Awaited<'_>,
        bmc: &Bmc,
        wanted: PowerState,
    ) -> Result<(), MachineError> {
        let machine = awaited.machine();
        let mut way = Way {
            machine,
            course: Course::new(wanted),
            began: None,
        };
        let mut heard: Option<Instant> = None;
        loop {
            let looked = self.with(bmc, async |session| way.look(session).await);
            match looked.await {
                Ok((_, Move::Done)) => return Ok(()),
                Ok((found, Move::GiveUp)) => {
                    return Err(MachineError::NotThere {
                        wanted: wanted.to_string(),
                        found: found.to_string(),
                        seconds: way.elapsed().as_secs(),
                    });
                }
                Ok((_, Move::Wait | Move::Ask(_))) => {
                    heard = Some(Instant::now());
                    awaited.is(way.course.asked().map_or(Awaiting::Rest, Awaiting::Power));
                }
                Err(error) => {
                    let was_heard = heard.is_some_and(|heard| heard.elapsed() < SILENT);
                    if !error.is_away() || !was_heard {
                        return Err(error);
                    }
                    tracing::warn!(%machine, bmc = %bmc.place(), error = inner(&error), "lost on the way, and asked again");
                    way.course.unsure();
                    awaited.is(Awaiting::Answer);
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// Does `what` in a session with a BMC.
    async fn with<T>(
        &self,
        bmc: &Bmc,
        what: impl AsyncFnOnce(&mut Session) -> Result<T, BmcError>,
    ) -> Result<T, MachineError> {
        let failed = |source| MachineError::Bmc {
            at: bmc.place(),
            source,
        };
        let what = async |session: &mut Session| what(session).await.map_err(failed);
        let done = self.pool.with(bmc, Caller::Plan, what);
        done.await.map_err(|error| met(bmc, error))
    }
}

/// A machine that is being switched.
struct Way<'a> {
    machine: &'a HostName,
    course: Course,
    /// When its BMC was first heard: who waits for a turn is not late.
    began: Option<Instant>,
}

impl Way<'_> {
    fn elapsed(&self) -> Duration {
        self.began.map_or(Duration::ZERO, |began| began.elapsed())
    }

    /// Looks once, and asks for what is to be asked; how the machine was, and what was done about it.
    async fn look(&mut self, session: &mut Session) -> Result<(PowerState, Move), BmcError> {
        let seen = session.chassis_status().await?.power;
        self.began = self.began.or_else(|| Some(Instant::now()));
        let next = self.course.next(self.elapsed(), seen);
        self.ask(session, next).await?;
        Ok((seen, next))
    }

    /// Asks for something, and for the next best where the BMC would not.
    async fn ask(&mut self, session: &mut Session, mut next: Move) -> Result<(), BmcError> {
        while let Move::Ask(action) = next {
            tracing::info!(machine = %self.machine, "{action}");
            let Err(error) = session.power(action).await else {
                return Ok(());
            };
            match self.course.refused(self.elapsed()) {
                Some(other) if error.trouble() == Trouble::Failed => next = other,
                Some(_) | None => return Err(error),
            }
        }
        Ok(())
    }
}

/// What a BMC tells of one thing.
async fn found(session: &mut Session, bmc: &Bmc, key: &Key) -> Result<Resource, BmcError> {
    if let Key::Network { .. } = key {
        return network::found(session, bmc).await.map(Resource::Network);
    }
    if let Key::BootOrder { .. } = key {
        let order = BootOrder::of(session.boot().await?);
        return Ok(Resource::BootOrder(order));
    }
    let state = session.chassis_status().await?.power;
    Ok(Resource::Power(Power { state }))
}

/// How a machine is, where its BMC told that.
fn power(told: &[Told]) -> Option<PowerState> {
    told.iter().find_map(|(_, told)| {
        let resource = told.as_ref().ok()?.as_ref()?;
        Some(resource.power()?.state)
    })
}
