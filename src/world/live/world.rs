//! The real world: the kernel of this host and the embedded servers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::error::HostError;
use super::host::Host;
use super::ledger::Ledger;
use super::machine::{Heard, Looked, MachineError, Machines, Progress, Sought};
use super::servers::{Ready, Servers};
use super::{ping, probe};
use crate::base::addr::AddressRange;
use crate::base::mac::MacAddr;
use crate::base::name::{HostName, LinkName};
use crate::plan::{Action, Step};
use crate::serve::dhcp::{self, LeaseState, StoreTrouble};
use crate::state::{ClientSession, Facts, Key, LeaseFact, LinkFact, Observation, Ownership, State};
use crate::store::Store;
use crate::world::bmc::Pool;
use crate::world::{
    BmcsInForce, HooksInForce, StepFailure, Way, WebhooksInForce, World, WorldError,
};

/// How long an address counts as free that nobody answered for.
const FREE_FOR: Duration = Duration::from_secs(10);

/// This host and its servers.
pub struct Live<S> {
    host: Host,
    servers: Servers,
    ledger: Ledger<S>,
    machines: Machines,
    /// Addresses that nobody answered for, and when: an apply follows its plan at once.
    free: BTreeMap<(LinkName, IpAddr), Instant>,
}

impl<S: Store> Live<S> {
    /// Takes charge of the host in the current network namespace as `controller`. `blobs` holds boot files' content by digest.
    ///
    /// # Errors
    /// [`WorldError`] where netlink or the store fails.
    pub async fn start(
        controller: HostName,
        store: Arc<S>,
        blobs: PathBuf,
    ) -> Result<Self, WorldError> {
        let host = Host::connect(controller.clone())?;
        let ledger = Ledger::open(store.clone())?;
        let servers = Servers::start(controller, store, blobs)?;
        let machines = Machines::new(servers.bmcs());
        Ok(Self {
            host,
            servers,
            ledger,
            machines,
            free: BTreeMap::new(),
        })
    }

    /// The DHCP server, for those who ask about leases: it answers them while the world is being changed.
    pub fn dhcp(&self) -> Arc<dhcp::Server> {
        self.servers.dhcp()
    }

    /// The hooks in force, for whoever runs them.
    pub fn hooks(&self) -> watch::Receiver<HooksInForce> {
        self.servers.hooks()
    }

    /// The webhooks in force, for whoever tells them.
    pub fn webhooks(&self) -> watch::Receiver<WebhooksInForce> {
        self.servers.webhooks()
    }

    /// Leases in force in these ranges.
    ///
    /// # Errors
    /// [`WorldError`] where the DHCP server has ended.
    pub async fn leased_in(
        &self,
        ranges: &BTreeSet<AddressRange>,
    ) -> Result<Vec<LeaseFact>, WorldError> {
        let mut facts = Vec::new();
        for ends in ranges.iter().filter_map(|range| range.ends4()) {
            let leases = self.servers.leases_in(ends).await?.into_iter();
            let active = leases.filter(|lease| lease.state == LeaseState::Active);
            facts.extend(active.map(|lease| LeaseFact {
                address: lease.address,
                identities: lease.identities(),
            }));
        }
        // Ranges may overlap.
        facts.sort_unstable_by_key(|fact| fact.address);
        facts.dedup_by_key(|fact| fact.address);
        Ok(facts)
    }

    /// What the servers counted since they started, by `service.event`.
    ///
    /// # Errors
    /// [`WorldError`] where the DHCP server has ended.
    pub async fn counters(&self) -> Result<BTreeMap<String, u64>, WorldError> {
        self.servers.counters().await
    }

    /// What is wrong with the store that leases are kept in.
    ///
    /// # Errors
    /// [`WorldError`] where the DHCP server has ended.
    pub async fn store(&self) -> Result<Option<StoreTrouble>, WorldError> {
        self.servers.store().await
    }

    /// The sessions with BMCs, for those who ask beside plans.
    pub fn bmcs(&self) -> Pool {
        self.machines.pool.clone()
    }

    /// What plans and applies hear of BMCs from now on, for whoever keeps how those do.
    pub fn heard_of_bmcs(&mut self) -> mpsc::Receiver<Heard> {
        self.machines.heard()
    }

    /// What is awaited of machines, for those who ask meanwhile.
    pub fn progress(&self) -> Progress {
        self.machines.progress.clone()
    }

    /// By what BMCs are spoken with, for whoever does; machines are switched through these.
    pub fn bmcs_in_force(&self) -> watch::Receiver<BmcsInForce> {
        self.servers.bmcs()
    }

    /// How it is with what machines have, as the BMC beside each tells, which may not be in force yet. [`World::observe`] asks none of them:
    /// it is asked all the time, and BMCs are slow, and have few sessions.
    pub async fn look(&mut self, sought: impl Iterator<Item = Sought>) -> Looked {
        let mut looked = self.machines.look(sought).await;
        self.ledger.drop_lacking(&looked.lacking).await;
        let users = looked.state.keys();
        let users = users.filter(|key| matches!(key, Key::User { .. }));
        let whose = users.filter_map(|key| Some((key.clone(), self.ledger.ownership(key, false)?)));
        looked.ownership = whose.collect();
        looked
    }

    /// What Bedplate made on BMCs, or claimed there.
    pub fn held_by_bmcs(&self) -> Vec<Key> {
        self.ledger.of_machines().cloned().collect()
    }

    /// Users of BMCs: whose each is, is written down before it is touched, and nobody's but ours is taken away.
    async fn switch_users(
        &mut self,
        steps: &[Step],
        done: &mut (dyn FnMut(usize) + Send),
    ) -> Vec<StepFailure> {
        let unnoted = |(at, step): (usize, &Step)| {
            let key = Box::new(step.key.clone());
            let why = "it cannot be written down whose it is";
            let error = WorldError::Refused {
                key: key.clone(),
                why,
            };
            StepFailure { at, key, error }
        };
        if let Err(error) = self.ledger.foresee(steps, Way::There).await {
            tracing::error!(%error, "users of BMCs are left as they are");
            return steps.iter().enumerate().map(unnoted).collect();
        }
        let is_open = |step: &Step| step.after.is_some() || self.ledger.knows(&step.key);
        let (open, at): (Vec<Step>, Vec<usize>) = steps
            .iter()
            .enumerate()
            .filter(|(_, step)| is_open(step))
            .map(|(at, step)| (step.clone(), at))
            .unzip();
        for step in &open {
            if let Err(error) = self.ledger.note(step, Way::There).await {
                tracing::error!(%error, key = %step.key, "the ledger does not say whose this is");
            }
        }
        let place = |index: usize| at.get(index).copied().unwrap_or_default();
        let mut failures = self
            .machines
            .switch(&open, &mut |index| done(place(index)))
            .await;
        for step in &open {
            match failures.iter().find(|one| *one.key == step.key) {
                Some(failure) if is_anothers(failure) => self.ledger.disown(&step.key),
                Some(_) => {}
                None => self.ledger.forget(step),
            }
        }
        self.ledger.settle(&open).await;
        for failure in &mut failures {
            failure.at = place(failure.at);
        }
        failures
    }

    /// Whose session is to be told from others' when the world is next looked at.
    pub fn asked_by(&mut self, client: Option<ClientSession>) {
        self.host.client = client;
    }

    /// Who answers for addresses that are about to be taken. Takes about a second, and less where all are answered for; what nobody
    /// answered for a moment ago is not asked again.
    pub async fn conflicts(
        &mut self,
        wanted: &BTreeSet<(LinkName, IpAddr)>,
        links: &BTreeMap<LinkName, LinkFact>,
    ) -> BTreeMap<IpAddr, MacAddr> {
        self.free.retain(|_, since| since.elapsed() < FREE_FOR);
        let asked = wanted.iter().filter(|one| !self.free.contains_key(*one));
        let asked: BTreeSet<_> = asked.cloned().collect();
        let own = links.values().filter_map(|link| link.mac).collect();
        let conflicts = probe::conflicts(&asked, &own).await;
        let free = asked
            .into_iter()
            .filter(|(_, ip)| !conflicts.contains_key(ip));
        self.free.extend(free.map(|one| (one, Instant::now())));
        conflicts
    }

    /// One change to the kernel.
    async fn host_step(&mut self, step: &Step, way: Way) -> Result<(), WorldError> {
        self.ledger.note(step, way).await?;
        if let Key::Address { link, address, .. } = &step.key {
            // Whoever takes it from now on was not asked.
            self.free.remove(&(link.clone(), address.ip()));
        }
        // That is a matter of the ledger alone.
        if !step.is_on_paper() && !self.is_anothers(step).await? {
            let (before, after) = (step.before.as_ref(), step.after.as_ref());
            let applied = self.host.apply(&step.key, before, after).await;
            if let Err(HostError::Taken { key }) = &applied {
                self.ledger.disown(key);
            }
            applied?;
        }
        self.ledger.forget(step);
        Ok(())
    }

    /// Whether what is to be taken away is a link that somebody else made when ours was to be: on the way back from that.
    async fn is_anothers(&mut self, step: &Step) -> Result<bool, WorldError> {
        let Key::Link { link, .. } = &step.key else {
            return Ok(false);
        };
        if step.action != Action::Delete || self.ledger.knows(&step.key) {
            return Ok(false);
        }
        Ok(!self.host.marks(&step.key, link).await?)
    }

    /// Changes to the kernel, all written down before the first is made: a sync for each would cost more than the change.
    async fn host_steps(
        &mut self,
        group: &[Step],
        way: Way,
        done: &mut (dyn FnMut(&Step) + Send),
    ) -> Result<(), (usize, WorldError)> {
        let foreseen = self.ledger.foresee(group, way).await;
        foreseen.map_err(|error| (0, error.into()))?;
        self.host.begin();
        let mut ended = Ok(());
        for (at, step) in group.iter().enumerate() {
            if let Err(error) = self.host_step(step, way).await {
                ended = Err((at, error));
                break;
            }
            done(step);
        }
        self.ledger.settle(group).await;
        ended
    }
}

impl<S: Store> World for Live<S> {
    /// The servers' new configuration; none of host steps.
    type Ready = Option<Ready>;

    async fn observe(&mut self) -> Result<Observation, WorldError> {
        let found = self.host.observe().await?;
        self.ledger
            .retain(
                |key| found.state.contains_key(key),
                |key| Observation::is_elsewhere(&found.state, key),
            )
            .await;
        let ownership = found.state.keys().filter_map(|key| {
            Some((
                key.clone(),
                self.ledger.ownership(key, found.marked.contains(key))?,
            ))
        });
        // What was claimed and is elsewhere now is claimed all the same.
        let claims = self.ledger.claims().map(|(key, before)| {
            let before = before.clone();
            (key.clone(), Ownership::Claimed { before })
        });
        let ownership = claims.chain(ownership).collect();
        let leased = self.servers.leased().await?;
        let mut state = found.state;
        state.append(&mut self.servers.observe().await?);
        Ok(Observation {
            state,
            facts: Facts {
                ownership,
                links: found.links,
                leased,
                leases: Vec::new(),
                sessions: found.sessions,
                beside: found.beside,
                busy: found.busy,
                conflicts: BTreeMap::new(),
                managers: found.managers,
                unreached: BTreeMap::new(),
                lacking: BTreeSet::new(),
            },
        })
    }

    async fn reach(&mut self, targets: &BTreeSet<IpAddr>, within: Duration) -> BTreeSet<IpAddr> {
        ping::answering(targets, within).await
    }

    async fn lay_out(&mut self, group: &[Step], after: &State) -> Result<Self::Ready, StepFailure> {
        let Some(first) = group.first().filter(|first| !first.key.is_host()) else {
            return Ok(None);
        };
        let laid_out = self.servers.lay_out(after);
        laid_out.map(Some).map_err(|error| StepFailure {
            at: 0,
            key: Box::new(first.key.clone()),
            error,
        })
    }

    async fn execute(
        &mut self,
        group: &[Step],
        ready: Option<Self::Ready>,
        way: Way,
        done: &mut (dyn FnMut(&Step) + Send),
    ) -> Result<(), StepFailure> {
        let Some(first) = group.first() else {
            return Ok(());
        };
        let ended = if first.key.is_host() {
            self.host_steps(group, way, done).await
        } else {
            let swapped = self.servers.swap(group, ready.flatten()).await;
            swapped.map(|()| group.iter().for_each(done))
        };
        ended.map_err(|(at, error)| StepFailure {
            at,
            key: Box::new(group.get(at).unwrap_or(first).key.clone()),
            error,
        })
    }

    async fn switch(
        &mut self,
        steps: &[Step],
        done: &mut (dyn FnMut(usize) + Send),
    ) -> Vec<StepFailure> {
        match steps.first().map(|step| &step.key) {
            Some(Key::User { .. }) => return self.switch_users(steps, done).await,
            Some(Key::Bmc { .. }) => {}
            Some(_) | None => return self.machines.switch(steps, done).await,
        }
        match self.servers.swap(steps, None).await {
            Ok(()) => {
                (0..steps.len()).for_each(done);
                Vec::new()
            }
            Err((at, error)) => swap_failed(steps, at, error),
        }
    }
}

/// Whether somebody else made what was to be ours.
fn is_anothers(failure: &StepFailure) -> bool {
    matches!(
        failure.error,
        WorldError::Machine(MachineError::Taken { .. })
    )
}

/// A swap fails as a whole.
fn swap_failed(steps: &[Step], at: usize, error: WorldError) -> Vec<StepFailure> {
    let mut cause = Some(error);
    let failed = steps.iter().enumerate().map(|(other, step)| {
        let key = Box::new(step.key.clone());
        let why = "what changes with it failed";
        let own = cause.take_if(|_| other == at);
        StepFailure {
            at: other,
            key: key.clone(),
            error: own.unwrap_or(WorldError::Refused { key, why }),
        }
    });
    failed.collect()
}
