//! A world in memory that behaves: it refuses what a kernel would refuse, drops what a kernel would drop, and fails on demand.

mod kernel;
mod route;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use kernel::{Hidden, Kernel, Restless};

use super::{StepFailure, Way, World, WorldError};
use crate::base::name::LinkName;
use crate::plan::{Action, Step};
use crate::state::{Ground, Key, Observation, Ownership, Resource, State};

/// A simulated host with its servers.
#[derive(Debug, Clone, Default)]
pub struct Sim {
    world: Observation,
    /// Steps carried out so far.
    done: usize,
    fail_at: Option<usize>,
    hidden: Hidden,
    restless: Restless,
    /// What BMCs promise and do not do.
    idle: BTreeSet<Key>,
}

impl Sim {
    /// A world that starts as `world`.
    pub fn new(mut world: Observation) -> Self {
        let (mut hidden, restless) = (Hidden::new(), Restless::new());
        Kernel::new(&mut world.state, &mut hidden, &restless).order_addresses();
        Self {
            world,
            done: 0,
            fail_at: None,
            hidden,
            restless,
            idle: BTreeSet::new(),
        }
    }

    /// Makes the `index`-th step from now fail, once.
    pub fn fail_at(&mut self, index: usize) {
        self.done = 0;
        self.fail_at = Some(index);
    }

    /// The link's driver takes it down and up for another MTU from now on: for any, or for `only` this one.
    pub fn bounce(&mut self, link: LinkName, only: Option<u32>) {
        self.restless.insert(link, only);
    }

    /// The machine's BMC promises this and does not do it from now on.
    pub fn idles(&mut self, key: Key) {
        self.idle.insert(key);
    }

    /// The world as it is, to be changed behind Bedplate's back.
    pub fn world_mut(&mut self) -> &mut Observation {
        &mut self.world
    }

    fn step(&mut self, step: &Step) -> Result<(), WorldError> {
        if self.fail_at == Some(self.done) {
            self.fail_at = None;
            return Err(WorldError::Injected {
                key: Box::new(step.key.clone()),
            });
        }
        self.done += 1;
        match &step.after {
            Some(after) => self.make(step, after)?,
            None => self.remove(&step.key),
        }
        self.mark(step);
        Ok(())
    }

    fn make(&mut self, step: &Step, after: &Resource) -> Result<(), WorldError> {
        let requires = after.requires(&step.key, &Ground::new(&self.world.state));
        if let Some(needed) = requires
            .into_iter()
            .find(|needed| needed.is_host() && !self.world.state.contains_key(needed))
        {
            return Err(WorldError::Missing {
                key: Box::new(step.key.clone()),
                needed: Box::new(needed),
            });
        }
        let mut kernel = Kernel::new(&mut self.world.state, &mut self.hidden, &self.restless);
        if let Resource::Link(link) = after {
            kernel.make_link(&step.key, link)?;
        } else if matches!(after, Resource::Route(_)) {
            kernel.make_route(&step.key, after)?;
        } else if let Resource::Address(address) = after {
            kernel.make_address(&step.key, address);
        } else {
            kernel.insert(&step.key, after);
        }
        Ok(())
    }

    fn remove(&mut self, key: &Key) {
        Kernel::new(&mut self.world.state, &mut self.hidden, &self.restless).remove(key);
    }

    fn mark(&mut self, step: &Step) {
        let ownership = &mut self.world.facts.ownership;
        if let Some(before) = step.claimed_from().cloned() {
            ownership.insert(step.key.clone(), Ownership::Claimed { before });
            return;
        }
        match (step.action, &step.before) {
            (Action::Release, _) => {
                ownership.insert(step.key.clone(), Ownership::Foreign);
            }
            (Action::Create | Action::Delete, _) => {
                ownership.remove(&step.key);
            }
            // A claim outlasts its thing's being carried.
            (Action::Carry, _)
                if matches!(ownership.get(&step.key), Some(Ownership::Claimed { .. })) => {}
            (Action::Carry, Some(_)) => {
                ownership.remove(&step.key);
            }
            (Action::Carry, None) => {
                ownership.insert(step.key.clone(), Ownership::Foreign);
            }
            (Action::Update | Action::Claim, _) => {}
        }
    }
}

impl World for Sim {
    type Ready = ();

    async fn observe(&mut self) -> Result<Observation, WorldError> {
        // What fell is nobody's.
        let there = &self.world.state;
        let ownership = &mut self.world.facts.ownership;
        ownership.retain(|key, whose| {
            let is_claimed = matches!(whose, Ownership::Claimed { .. });
            there.contains_key(key) || (is_claimed && Observation::is_elsewhere(there, key))
        });
        Ok(self.world.clone())
    }

    /// Whoever lies behind an address or a route that is there.
    async fn reach(&mut self, targets: &BTreeSet<IpAddr>, _: Duration) -> BTreeSet<IpAddr> {
        let leads_to = |target: &IpAddr| {
            self.world.state.keys().any(|key| match key {
                Key::Address { address, .. } => address.prefix().contains(*target),
                Key::Route { destination, .. } => destination.contains(*target),
                Key::Link { .. }
                | Key::Rule { .. }
                | Key::Listener { .. }
                | Key::Forwarders { .. }
                | Key::BootFile { .. }
                | Key::BootImage { .. }
                | Key::Hook { .. }
                | Key::Webhook { .. }
                | Key::Scope { .. }
                | Key::Reservation { .. }
                | Key::Zone { .. }
                | Key::Record { .. }
                | Key::Bmc { .. }
                | Key::User { .. }
                | Key::Network { .. }
                | Key::BootOrder { .. }
                | Key::Power { .. } => false,
            })
        };
        let reached = targets.iter().filter(|target| leads_to(target));
        reached.copied().collect()
    }

    async fn lay_out(&mut self, _: &[Step], _: &State) -> Result<(), StepFailure> {
        Ok(())
    }

    async fn execute(
        &mut self,
        group: &[Step],
        _: Option<()>,
        _: Way,
        done: &mut (dyn FnMut(&Step) + Send),
    ) -> Result<(), StepFailure> {
        let before = self.world.clone();
        for (at, step) in group.iter().enumerate() {
            if let Err(error) = self.step(step) {
                // A swap takes effect as a whole or not at all.
                if !step.key.is_host() {
                    self.world = before;
                }
                let key = Box::new(step.key.clone());
                return Err(StepFailure { at, key, error });
            }
            if step.key.is_host() {
                done(step);
            }
        }
        group
            .iter()
            .filter(|step| !step.key.is_host())
            .for_each(done);
        Ok(())
    }

    async fn switch(
        &mut self,
        steps: &[Step],
        done: &mut (dyn FnMut(usize) + Send),
    ) -> Vec<StepFailure> {
        let mut failures = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            if self.idle.contains(&step.key) {
                let key = Box::new(step.key.clone());
                let error = WorldError::Injected { key: key.clone() };
                failures.push(StepFailure { at, key, error });
                continue;
            }
            match &step.after {
                Some(after) => drop(self.world.state.insert(step.key.clone(), after.clone())),
                None => drop(self.world.state.remove(&step.key)),
            }
            self.mark(step);
            done(at);
        }
        failures
    }
}
