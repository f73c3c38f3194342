//! Which machines are meant: by name, by tag, by rack, or all.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::in_force::Says;
use super::{Bmcs, fault};
use crate::base::name::{HostName, Name};
use crate::diag::fault::Fault;
use crate::site::model::Bmc;

/// Machines that are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineSelection {
    #[serde(default)]
    pub machines: Vec<HostName>,
    #[serde(default)]
    pub tags: Vec<Name>,
    #[serde(default)]
    pub racks: Vec<Name>,
    /// Every machine that has a BMC.
    #[serde(default)]
    pub all: bool,
}

impl Bmcs {
    /// The BMCs of the machines that are meant, in the order of their names.
    ///
    /// # Errors
    /// Where there is no such machine, tag or rack, or a machine that was named has no BMC.
    pub(in crate::daemon) async fn chosen(
        &self,
        which: &MachineSelection,
    ) -> Result<BTreeMap<HostName, Bmc>, Fault> {
        chosen(&*self.in_force.says().await?, which)
    }
}

fn chosen(says: &Says, which: &MachineSelection) -> Result<BTreeMap<HostName, Bmc>, Fault> {
    let mut chosen = BTreeMap::new();
    for host in &which.machines {
        let Some(card) = says.machines.get(host) else {
            return Err(fault::no_machine(host, says));
        };
        let bmc = card.bmc.clone().ok_or_else(|| fault::no_bmc(host))?;
        chosen.insert(host.clone(), bmc);
    }
    for tag in &which.tags {
        let mut tagged = says.machines.values();
        if !tagged.any(|card| card.tags.contains(tag)) {
            return Err(fault::no_tag(tag, says));
        }
    }
    for rack in &which.racks {
        let mut all = says.machines.values();
        if !all.any(|card| card.rack.as_ref() == Some(rack)) {
            return Err(fault::no_rack(rack, says));
        }
    }
    for (host, card) in &says.machines {
        let is_meant = which.all
            || which.tags.iter().any(|tag| card.tags.contains(tag))
            || card
                .rack
                .as_ref()
                .is_some_and(|rack| which.racks.contains(rack));
        if let Some(bmc) = card.bmc.clone().filter(|_| is_meant) {
            chosen.insert(host.clone(), bmc);
        }
    }
    match chosen.is_empty() {
        true => Err(fault::nothing_chosen(says)),
        false => Ok(chosen),
    }
}
