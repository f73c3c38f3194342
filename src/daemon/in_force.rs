//! What the applied site says of addresses and machines, for those who ask while the world is being changed. Found out when it is first
//! asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use tokio::sync::watch;

use super::bundle::Bundle;
use super::fault;
use super::record::Applied;
use crate::base::bmc::BootMode;
use crate::base::identity::Uuid;
use crate::base::mac::MacAddr;
use crate::base::name::{HostName, LinkName, Name};
use crate::diag::fault::Fault;
use crate::site::Compiled;
use crate::site::inventory::Inventory;
use crate::site::model::{Bmc, LinkForm, Machine, MachineInterface};

/// A site that is in force, and what it says once somebody asked.
struct Site {
    bundle: Bundle,
    says: OnceLock<Result<Arc<Says>, Fault>>,
}

/// What a site says, as far as others than the owner of the world ask for it.
#[derive(Default)]
pub(super) struct Says {
    pub(super) inventory: Arc<Inventory>,
    pub(super) machines: BTreeMap<HostName, MachineCard>,
}

/// What reaches a machine whose system does not run.
pub(super) struct MachineCard {
    pub(super) tags: BTreeSet<Name>,
    pub(super) rack: Option<Name>,
    pub(super) bmc: Option<Bmc>,
    /// How it boots, where the site says so.
    pub(super) boot_mode: Option<BootMode>,
    /// Whether it is to run; none where nobody minds.
    pub(super) power: Option<bool>,
    /// What its firmware calls it.
    pub(super) uuid: Option<Uuid>,
    /// The hardware addresses of its links, where they are known.
    pub(super) macs: BTreeMap<LinkName, Option<MacAddr>>,
}

impl Says {
    fn of(compiled: Compiled, inventory: Inventory) -> Self {
        let machines = compiled.site.into_iter().flat_map(|site| site.machines);
        let card = |machine: Machine| MachineCard {
            tags: machine.tags,
            rack: machine.rack,
            bmc: machine.bmc,
            boot_mode: machine.boot_order.and_then(|order| order.mode),
            power: machine.power,
            uuid: machine.uuid,
            macs: hardware(&machine.interfaces),
        };
        Self {
            inventory: Arc::new(inventory),
            machines: machines
                .map(|(host, machine)| (host, card(machine)))
                .collect(),
        }
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
pub(super) struct InForce(watch::Receiver<Option<Arc<Site>>>);

impl Default for Publisher {
    fn default() -> Self {
        Self(watch::channel(None).0)
    }
}

impl Publisher {
    pub(super) fn subscribe(&self) -> InForce {
        InForce(self.0.subscribe())
    }

    pub(super) fn publish(&self, applied: Option<&Applied>) {
        let is_same = |site: &Option<Arc<Site>>| {
            site.as_ref().map(|site| &site.bundle) == applied.map(|applied| &applied.bundle)
        };
        self.0.send_if_modified(|site| {
            if is_same(site) {
                return false;
            }
            *site = applied.map(|applied| {
                Arc::new(Site {
                    bundle: applied.bundle.clone(),
                    says: OnceLock::new(),
                })
            });
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
        if self.0.borrow().is_none() {
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

    /// The BMCs of the site in force. A site in which the word does not occur has none, and is not compiled for them.
    ///
    /// # Errors
    /// Where the site no longer compiles.
    pub(super) async fn bmcs(&self) -> Result<Vec<(HostName, Bmc)>, Fault> {
        let site = self.0.borrow().clone();
        let mut sources = site.iter().flat_map(|site| site.bundle.sources.values());
        if !sources.any(|text| text.contains("bmc")) {
            return Ok(Vec::new());
        }
        let says = self.says().await?;
        let machines = says.machines.iter();
        Ok(machines
            .filter_map(|(host, card)| Some((host.clone(), card.bmc.clone()?)))
            .collect())
    }

    /// Waits until something else is in force; false where nothing will be any more.
    pub(super) async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }

    /// All that the site in force says; nothing before anything was applied.
    ///
    /// # Errors
    /// Where the site no longer compiles.
    pub(super) async fn says(&self) -> Result<Arc<Says>, Fault> {
        let Some(site) = self.0.borrow().clone() else {
            return Ok(Arc::default());
        };
        // A large site takes a while, and others are answered meanwhile.
        let compiled = tokio::task::spawn_blocking(move || {
            let made = site.says.get_or_init(|| match site.bundle.inventory() {
                (compiled, Some(inventory)) => Ok(Arc::new(Says::of(compiled, inventory))),
                (compiled, None) => Err(fault::site(&compiled)),
            });
            made.clone()
        });
        compiled.await.unwrap_or_else(|_| Err(fault::closing()))
    }
}
