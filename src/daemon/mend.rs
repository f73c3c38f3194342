//! What the daemon does by itself between requests: looks at what others changed, lets its servers follow their links, brings about what
//! waited for a link, and with `--enforce` puts back what differs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::drift::{Differences, Memory};
use super::fault;
use super::fight::Fights;
use super::history::{Fate, Occasion};
use super::order::{logged, told};
use super::reconcile::Reconciler;
use super::turn::{Turns, UnderWay};
use super::who::{Who, now};
use crate::apply::{Outcome, beside, run};
use crate::diag::fault::Fault;
use crate::plan::{Plan, Reason, Selection, allowing, select};
use crate::state::{Key, Observation};
use crate::store::Store;

/// Without any sign of change, the world is looked at this often: not everything gives a sign.
const EVERY: Duration = Duration::from_secs(10);

/// Of a host that takes long to look at, a fiftieth of the time is spent on that …
const IDLE: u32 = 50;

/// … and a fifth where it changes all the time.
const BUSY: u32 = 4;

/// Later than any look is due.
const AT_LAST: Duration = Duration::from_secs(86_400);

/// How soon after another's apply the next look comes.
const SOON: Duration = Duration::from_millis(200);

/// What is remembered for it.
pub(super) struct Mending {
    /// Whether all that others change is put back.
    pub(super) enforce: bool,
    turns: Turns,
    pub(super) memory: Memory,
    pub(super) fights: Fights,
    /// What an apply or the start had to leave, for the want of a link.
    pub(super) awaited: BTreeSet<Key>,
    /// Why nothing is put back now.
    pub(super) held_back: Option<String>,
    /// When to look next.
    due: Instant,
    /// No look before this, whatever changes.
    rest: Instant,
    /// How long the last look took.
    took: Duration,
}

/// The world beside the applied site.
pub(super) struct Seen {
    pub(super) observed: Observation,
    pub(super) plan: Plan,
    pub(super) differences: Differences,
}

impl Mending {
    pub(super) fn new(enforce: bool, turns: Turns) -> Self {
        Self {
            enforce,
            turns,
            memory: Memory::default(),
            fights: Fights::default(),
            awaited: BTreeSet::new(),
            held_back: None,
            due: Instant::now(),
            rest: Instant::now(),
            took: Duration::ZERO,
        }
    }

    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Somebody changed something.
    pub(super) fn hear(&mut self) {
        self.due = self.due.min(self.rest.max(Instant::now()));
    }

    fn soon(&mut self) {
        self.due = self.due.min(Instant::now() + SOON);
    }
}

impl<S: Store> Reconciler<S> {
    /// Looks, and does what there is to do. What fails is told and tried again.
    pub(super) async fn mend(&mut self) {
        let began = Instant::now();
        self.mending.due = began + AT_LAST;
        if let Err(fault) = self.mended().await {
            tracing::error!(%fault, "cannot look after the host");
        }
        let mending = &mut self.mending;
        let (ended, took) = (Instant::now(), mending.took);
        mending.rest = ended + took * BUSY;
        let regular = ended + EVERY.max(took * IDLE);
        mending.due = mending.due.min(regular).max(mending.rest);
    }

    async fn mended(&mut self) -> Result<(), Fault> {
        self.mending.fights.forget(Instant::now());
        let Some(mut seen) = self.seen().await? else {
            return Ok(());
        };
        if self.follow(&seen).await?
            && let Some(again) = self.seen().await?
        {
            seen = again;
        }
        self.settle(&seen);
        if self.put_back(&seen).await? {
            self.seen().await?;
        }
        Ok(())
    }

    /// What is now and how that differs from the applied site, if there is one.
    async fn seen(&mut self) -> Result<Option<Seen>, Fault> {
        if self.applied.is_none() {
            return Ok(None);
        }
        let began = Instant::now();
        let observed = self.observe().await?;
        let seen = self.compared(observed);
        self.mending.took = began.elapsed();
        seen
    }

    /// Compares with the applied site, and remembers when each difference began.
    pub(super) fn compared(&mut self, observed: Observation) -> Result<Option<Seen>, Fault> {
        let Some(applied) = &self.applied else {
            return Ok(None);
        };
        let plan = self.plan_for(&applied.site, &applied.desired, &observed, &BTreeMap::new())?;
        let now = now();
        let mut differences = Differences::of(&plan, &observed, now);
        self.mending.memory.see(&mut differences, now);
        for drift in &mut differences.drift {
            drift.tries = self.mending.fights.told(&drift.key);
        }
        Ok(Some(Seen {
            observed,
            plan,
            differences,
        }))
    }

    /// Opens again what listens nowhere any more and could: on a link that came back, or has another name. True where something was done.
    async fn follow(&mut self, seen: &Seen) -> Result<bool, Fault> {
        let mut without = BTreeSet::new();
        loop {
            let part = seen.plan.of_servers(&seen.observed, &without);
            let Some(part) = part.map_err(|error| fault::plan(&error))? else {
                return Ok(false);
            };
            let keys: Vec<String> = part.steps.iter().map(|step| step.key.to_string()).collect();
            let allowed = BTreeSet::new();
            let report = run(&mut self.world, &part, &allowed, |_| {}).await;
            let report = report.map_err(|error| fault::world(&error))?;
            let before = without.len();
            match report.outcome {
                Outcome::Done => {
                    tracing::info!(things = keys.join(", "), "servers follow");
                    return Ok(true);
                }
                Outcome::Obstructed { obstacles } => {
                    without.extend(obstacles.into_iter().map(|one| one.key));
                }
                Outcome::Undone { failure, .. } => {
                    tracing::warn!(key = %failure.key, causes = failure.causes.join(": "), "a server cannot follow");
                    without.insert(failure.key);
                }
                Outcome::Unverified { differs, .. } => without.extend(differs),
                Outcome::Stale => self.mending.soon(),
                Outcome::Hazardous { .. } | Outcome::Unreachable { .. } => {}
            }
            // Each round leaves out one thing at least, or is the last.
            if without.len() == before {
                return Ok(false);
            }
        }
    }

    /// Forgets what has come, of what was waited for.
    fn settle(&mut self, seen: &Seen) {
        let Some(applied) = &self.applied else {
            return;
        };
        if self.mending.awaited.is_empty() {
            return;
        }
        let open: BTreeSet<&Key> = seen
            .differences
            .drift
            .iter()
            .map(|one| &one.key)
            .chain(seen.differences.waiting.iter().map(|one| &one.key))
            .collect();
        let mut awaited = applied
            .desired
            .found_keys(&self.mending.awaited, &seen.observed);
        awaited.retain(|key| open.contains(key));
        self.mending.awaited = awaited;
    }

    /// Puts back what is to be put back and may be. True where something was tried.
    async fn put_back(&mut self, seen: &Seen) -> Result<bool, Fault> {
        let (wanted, at) = (self.wanted(&seen.plan), Instant::now());
        if wanted.is_empty() {
            self.mending.held_back = None;
            return Ok(false);
        }
        let (open, later): (BTreeSet<Key>, BTreeSet<Key>) = wanted
            .into_iter()
            .partition(|key| self.mending.fights.may_try(key, at));
        if let Some(next) = self.mending.fights.next(later.iter()) {
            self.mending.due = self.mending.due.min(next);
        }
        if open.is_empty() {
            return Ok(false);
        }
        let before = self.mending.held_back.take();
        if let Some(fault) = self.refusal() {
            self.hold_back(fault.message, before);
            return Ok(false);
        }
        let Some(plan) = self.plan_of(seen, &open, &later).await? else {
            return Ok(false);
        };
        if !plan.hazards.is_empty() {
            let texts = plan.hazards.iter().map(|hazard| hazard.lines().0);
            let texts: Vec<&str> = texts.collect();
            let reason = format!("{} ({})", texts.join("; "), allowing(&plan.hazards));
            self.hold_back(reason, before);
            return Ok(false);
        }
        let who = Who::daemon(if self.mending.enforce {
            "enforce"
        } else {
            "link"
        });
        let under_way = UnderWay {
            plan: plan.id.clone(),
            who: who.clone(),
            since: now(),
        };
        let Ok(_turn) = self.mending.turns.take(under_way) else {
            // Somebody's apply comes first, and changes what there is to do.
            self.mending.soon();
            return Ok(false);
        };
        let beside = beside(&plan.steps, &seen.observed);
        self.run_back(&plan, beside, who).await?;
        Ok(true)
    }

    /// The host's things to put back, as far as it goes by what they are.
    fn wanted(&self, plan: &Plan) -> BTreeSet<Key> {
        let mending = &self.mending;
        let drifted = plan.drift().filter(|step| step.key.is_host());
        let wanted = drifted.filter(|step| mending.enforce || mending.awaited.contains(&step.key));
        wanted.map(|step| step.key.clone()).collect()
    }

    /// The plan that puts `open` back, and leaves `later` alone with all that needs it. None where nothing can be done.
    async fn plan_of(
        &mut self,
        seen: &Seen,
        open: &BTreeSet<Key>,
        later: &BTreeSet<Key>,
    ) -> Result<Option<Plan>, Fault> {
        let names = |keys: &mut dyn Iterator<Item = &Key>| keys.map(ToString::to_string).collect();
        let surplus = seen.plan.steps.iter();
        let surplus = surplus.filter(|step| step.is_decided() && step.because != Reason::Drift);
        let surplus: BTreeSet<&Key> = surplus.map(|step| &step.key).collect();
        let selection = Selection {
            only: if self.mending.enforce {
                Vec::new()
            } else {
                names(&mut open.iter())
            },
            except: names(&mut later.iter().chain(surplus)),
        };
        let mut plan = self.selected_back(&seen.observed, &selection)?;
        if plan.hazards.is_empty()
            && let Some(closer) = self.look_closer(&plan, &seen.observed).await?
        {
            plan = self.selected_back(&closer, &selection)?;
            // Neighbours are not asked over and over.
            self.tried(&plan);
        }
        // It was in force when somebody looked whom it reaches.
        plan.reachable.clear();
        Ok((!plan.is_empty()).then_some(plan))
    }

    fn selected_back(&self, observed: &Observation, selection: &Selection) -> Result<Plan, Fault> {
        let Some(applied) = &self.applied else {
            return Err(fault::no_state(None, self.records.history()));
        };
        let elsewhere = BTreeMap::new();
        let inputs = self.inputs(&applied.site, &applied.desired, observed, &elsewhere);
        let selected = select(inputs, selection).map_err(|error| fault::plan(&error))?;
        Ok(selected.plan)
    }

    /// Runs a plan of what others changed, journaled and remembered as any apply; what is applied stays what it was.
    async fn run_back(&mut self, plan: &Plan, beside: Observation, who: Who) -> Result<(), Fault> {
        let occasion = Occasion {
            who,
            by_itself: true,
            back_to: None,
        };
        let begun = self.records.begin(plan, beside, occasion);
        let (mut entry, _) = begun.await?;
        let report = run(&mut self.world, plan, &BTreeSet::new(), |_| {}).await;
        let outcome = match report {
            Ok(report) => report.outcome,
            Err(error) => {
                logged(self.records.forget(&entry).await);
                return Err(fault::world(&error));
            }
        };
        let steps = plan.steps.len();
        if outcome == Outcome::Done {
            tracing::info!(plan = plan.id, steps, "put back");
        } else {
            let why = told(&outcome);
            tracing::warn!(plan = plan.id, steps, "not put back: {why}");
        }
        if outcome == Outcome::Stale {
            self.mending.soon();
        } else {
            self.tried(plan);
        }
        if let Outcome::Obstructed { obstacles } = &outcome {
            let keys = obstacles.iter().map(|one| one.key.to_string());
            let keys: Vec<String> = keys.collect();
            self.hold_back(format!("{} cannot be made", keys.join(", ")), None);
        }
        match Fate::of(&outcome) {
            Some(fate) => {
                if fate != Fate::Done {
                    self.hold_back(fate.to_string(), None);
                }
                entry.fate = fate;
                logged(self.records.end(Some(&entry)).await);
            }
            None => logged(self.records.forget(&entry).await),
        }
        Ok(())
    }

    fn tried(&mut self, plan: &Plan) {
        let (at, wall) = (Instant::now(), now());
        let keys: BTreeSet<&Key> = plan
            .drift()
            .filter(|step| step.key.is_host())
            .map(|step| &step.key)
            .collect();
        for key in keys {
            self.mending.fights.tried(key, at, wall);
        }
    }

    fn hold_back(&mut self, reason: String, before: Option<String>) {
        if before.as_ref() != Some(&reason) {
            tracing::warn!(reason, "what others changed is not put back");
        }
        self.mending.held_back = Some(reason);
    }
}
