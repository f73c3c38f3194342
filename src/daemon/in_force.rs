//! What the applied site says of addresses and machines, and by what their BMCs are spoken with, for those who ask while the world is being
//! changed. Found out when it is first asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::watch;

use super::bundle::Bundle;
use super::fault;
use super::record::Applied;
use crate::base::identity::Uuid;
use crate::base::mac::MacAddr;
use crate::base::name::{DomainName, HostName, LinkName, Name};
use crate::base::origin::Origin;
use crate::diag::fault::Fault;
use crate::site::Compiled;
use crate::site::inventory::Inventory;
use crate::site::model::{Bmc, LinkForm, Machine, MachineInterface};
use crate::state::{BootOrder, Desired, Key, Power, Resource};
use crate::world::BmcsInForce;

/// A site that is in force, and what it says once somebody asked.
struct Site {
    bundle: Bundle,
    /// What was brought about of it.
    desired: Arc<Desired>,
    is_part: bool,
    says: OnceLock<Result<Arc<Says>, Fault>>,
    /// The same with the BMCs that are in force.
    whole: Mutex<Option<(BmcsInForce, Arc<Says>)>>,
}

/// What a site says, as far as others than the owner of the world ask for it.
#[derive(Default)]
pub(super) struct Says {
    pub(super) inventory: Arc<Inventory>,
    /// What its machines' names in DNS end with; none where nothing is applied.
    pub(super) domain: Option<DomainName>,
    pub(super) machines: BTreeMap<HostName, MachineCard>,
}

/// What reaches a machine whose system does not run.
#[derive(Clone, Default)]
pub(super) struct MachineCard {
    /// Whether the site has it still: a BMC may be in force for longer.
    pub(super) is_in_site: bool,
    pub(super) tags: BTreeSet<Name>,
    pub(super) rack: Option<Name>,
    /// The one in force: one that the site says is not, where it was left out of an apply.
    pub(super) bmc: Option<Bmc>,
    /// Whether it is to run; none where nobody minds.
    pub(super) power: Option<Power>,
    /// What it is to boot from first; none where nobody minds.
    pub(super) boot_order: Option<BootOrder>,
    /// What its firmware calls it.
    pub(super) uuid: Option<Uuid>,
    /// The hardware addresses of its links, where they are known.
    pub(super) macs: BTreeMap<LinkName, Option<MacAddr>>,
}

impl Says {
    fn of(compiled: Compiled, inventory: Inventory) -> Self {
        let domain = compiled.site.as_ref().map(|site| site.domain.clone());
        let machines = compiled.site.into_iter().flat_map(|site| site.machines);
        let card = |machine: Machine| MachineCard {
            is_in_site: true,
            tags: machine.tags,
            rack: machine.rack,
            bmc: None,
            power: machine.power.map(Power::of),
            boot_order: machine.boot_order.map(|order| BootOrder::of(Some(order))),
            uuid: machine.uuid,
            macs: hardware(&machine.interfaces),
        };
        Self {
            inventory: Arc::new(inventory),
            domain,
            machines: machines
                .map(|(host, machine)| (host, card(machine)))
                .collect(),
        }
    }

    /// Of a part, what was brought about counts, and not what its sources say.
    fn only(&mut self, desired: &Desired) {
        for (host, card) in &mut self.machines {
            let key = |of: fn(HostName) -> Key| of(host.clone());
            let power = desired.state.get(&key(|machine| Key::Power { machine }));
            let order = desired
                .state
                .get(&key(|machine| Key::BootOrder { machine }));
            card.power = power.and_then(Resource::power);
            card.boot_order = order.and_then(Resource::boot_order);
        }
    }

    /// The same with these BMCs. A machine that the sources do not have any more has its BMC as long as that is in force.
    fn with(&self, bmcs: &BmcsInForce) -> Self {
        let mut machines = self.machines.clone();
        for (host, bmc) in bmcs.iter() {
            let card = machines.entry(host.clone()).or_default();
            card.bmc = Some(Bmc::clone(bmc));
        }
        Self {
            inventory: Arc::clone(&self.inventory),
            domain: self.domain.clone(),
            machines,
        }
    }
}

impl Site {
    fn new(applied: &Applied) -> Self {
        Self {
            bundle: applied.bundle.clone(),
            desired: Arc::clone(&applied.desired),
            is_part: applied.is_part,
            says: OnceLock::new(),
            whole: Mutex::new(None),
        }
    }

    /// Whether it says the same: of a part nobody knows that but by what was brought about.
    fn is_of(&self, applied: &Applied) -> bool {
        self.bundle == applied.bundle
            && self.is_part == applied.is_part
            && (!self.is_part || Arc::ptr_eq(&self.desired, &applied.desired))
    }

    fn says(&self) -> Result<Arc<Says>, Fault> {
        let says = self.says.get_or_init(|| match self.bundle.inventory() {
            (compiled, Some(inventory)) => {
                let mut says = Says::of(compiled, inventory);
                if self.is_part {
                    says.only(&self.desired);
                }
                Ok(Arc::new(says))
            }
            (compiled, None) => Err(fault::site(&compiled)),
        });
        says.clone()
    }

    fn whole(&self, bmcs: &BmcsInForce) -> Result<Arc<Says>, Fault> {
        let says = self.says()?;
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, known)) = whole.as_ref()
            && Arc::ptr_eq(of, bmcs)
        {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(says.with(bmcs));
        *whole = Some((Arc::clone(bmcs), Arc::clone(&made)));
        Ok(made)
    }
}

/// The links of a machine that are hardware of its own.
fn hardware(
    interfaces: &BTreeMap<LinkName, Box<MachineInterface>>,
) -> BTreeMap<LinkName, Option<MacAddr>> {
    let hardware = interfaces
        .iter()
        .filter(|(_, interface)| matches!(interface.form, LinkForm::Ethernet));
    hardware
        .map(|(name, interface)| (name.clone(), interface.mac))
        .collect()
}

/// Where the owner of the world says what is in force.
pub(super) struct Publisher(watch::Sender<Option<Arc<Site>>>);

/// Where others read it.
#[derive(Clone)]
pub(super) struct InForce {
    site: watch::Receiver<Option<Arc<Site>>>,
    bmcs: watch::Receiver<BmcsInForce>,
}

impl Default for Publisher {
    fn default() -> Self {
        Self(watch::channel(None).0)
    }
}

impl Publisher {
    /// Beside what the site says, `bmcs` are what the world has in force.
    pub(super) fn subscribe(&self, bmcs: watch::Receiver<BmcsInForce>) -> InForce {
        let site = self.0.subscribe();
        InForce { site, bmcs }
    }

    pub(super) fn publish(&self, applied: Option<&Applied>) {
        let is_same = |site: &Option<Arc<Site>>| match (site, applied) {
            (Some(site), Some(applied)) => site.is_of(applied),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        self.0.send_if_modified(|site| {
            if is_same(site) {
                return false;
            }
            *site = applied.map(|applied| Arc::new(Site::new(applied)));
            true
        });
    }
}

impl InForce {
    /// What is in force.
    ///
    /// # Errors
    /// Where that is nothing yet, or the site no longer compiles.
    pub(super) async fn applied(&self) -> Result<Arc<Inventory>, Fault> {
        if self.site.borrow().is_none() {
            return Err(fault::nothing_applied());
        }
        self.inventory().await
    }

    /// The inventory of what is in force; an empty one before anything was applied.
    ///
    /// # Errors
    /// Where the site no longer compiles.
    pub(super) async fn inventory(&self) -> Result<Arc<Inventory>, Fault> {
        Ok(Arc::clone(&self.says().await?.inventory))
    }

    /// The BMCs in force.
    pub(super) fn bmcs(&self) -> BmcsInForce {
        Arc::clone(&self.bmcs.borrow())
    }

    /// Where a machine's BMC is written.
    pub(super) fn bmc_origin(&self, machine: &HostName) -> Option<Origin> {
        let site = self.site.borrow().clone()?;
        let machine = machine.clone();
        site.desired.origins.get(&Key::Bmc { machine }).cloned()
    }

    /// Waits until something else is in force; false where nothing will be any more.
    pub(super) async fn changed(&mut self) -> bool {
        tokio::select! {
            changed = self.site.changed() => changed.is_ok(),
            changed = self.bmcs.changed() => changed.is_ok(),
        }
    }

    /// All that the site in force says; nothing before anything was applied.
    ///
    /// # Errors
    /// Where the site no longer compiles.
    pub(super) async fn says(&self) -> Result<Arc<Says>, Fault> {
        let Some(site) = self.site.borrow().clone() else {
            return Ok(Arc::default());
        };
        let bmcs = self.bmcs();
        // A large site takes a while, and others are answered meanwhile.
        let says = tokio::task::spawn_blocking(move || site.whole(&bmcs));
        says.await.unwrap_or_else(|_| Err(fault::closing()))
    }
}
