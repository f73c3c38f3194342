//! What a machine's BMC can do at all, by its kind and by what the site says of it; how the machine is does not matter here. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Bmcs, MachineSelection, fault};
use crate::base::bmc::{BootDevice, Light, PowerAction};
use crate::base::name::HostName;
use crate::diag::fault::Fault;
use crate::site::model::{Bmc, BmcProtocol};

/// What is asked of several machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Power(PowerAction),
    Light(Light),
    /// To tell more than whether a machine runs.
    Read,
    /// To tell what it boots from, or to boot from something else.
    Boot(Option<BootDevice>),
    /// What is in virtual drives.
    Media,
}

/// Machines that are left out, since nobody named them and their BMCs cannot do what is asked of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedMachines {
    pub why: String,
    pub machines: Vec<HostName>,
}

/// Machines that are meant, with those that are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChosenMachines {
    pub machines: Vec<HostName>,
    pub skipped: Vec<SkippedMachines>,
}

impl Bmcs {
    /// The machines of which sensors, log or inventory can be asked.
    ///
    /// # Errors
    /// Where it is not clear which are meant, or none of them can.
    pub(in crate::daemon) async fn readable(
        &self,
        which: &MachineSelection,
    ) -> Result<ChosenMachines, Fault> {
        let (machines, skipped) = able(self.chosen(which).await?, which, Deed::Read)?;
        let machines = machines.into_keys().collect();
        Ok(ChosenMachines { machines, skipped })
    }
}

/// Of the machines that were chosen those that can do it, and those that are left out. One that was named is never left out: that it
/// cannot do it is told of it.
///
/// # Errors
/// Where nobody is left.
pub(super) fn able(
    chosen: BTreeMap<HostName, Bmc>,
    which: &MachineSelection,
    deed: Deed,
) -> Result<(BTreeMap<HostName, Bmc>, Vec<SkippedMachines>), Fault> {
    let mut skipped: BTreeMap<String, Vec<HostName>> = BTreeMap::new();
    let mut able = BTreeMap::new();
    for (host, bmc) in chosen {
        match lacks(&bmc, deed).filter(|_| !which.machines.contains(&host)) {
            Some(why) => skipped.entry(why).or_default().push(host),
            None => drop(able.insert(host, bmc)),
        }
    }
    let skipped = skipped.into_iter();
    let skipped: Vec<_> = skipped
        .map(|(why, machines)| SkippedMachines { why, machines })
        .collect();
    match able.is_empty() {
        true => Err(fault::unable(&skipped)),
        false => Ok((able, skipped)),
    }
}

/// Why a BMC cannot do it; none where it may.
fn lacks(bmc: &Bmc, deed: Deed) -> Option<String> {
    let why = match (&bmc.protocol, deed) {
        (BmcProtocol::WakeOnLan { .. }, Deed::Power(PowerAction::On))
        | (BmcProtocol::Manual(_) | BmcProtocol::Qemu { .. }, Deed::Power(_)) => return None,
        (BmcProtocol::Webhook(webhook), Deed::Power(action)) => {
            return (!webhook.requests.actions.contains_key(&action))
                .then(|| format!("their webhooks have no request `{}`", action.word()));
        }
        (BmcProtocol::Ipmi { .. }, Deed::Boot(Some(BootDevice::Http))) => {
            "IPMI knows no boot by HTTP"
        }
        (BmcProtocol::Ipmi { .. }, Deed::Media) => "IPMI knows no virtual media",
        (BmcProtocol::Redfish { .. }, Deed::Light(Light::For(_))) => {
            "Redfish knows no light for a time"
        }
        (BmcProtocol::Ipmi { .. } | BmcProtocol::Redfish { .. }, _) => return None,
        (BmcProtocol::WakeOnLan { .. }, Deed::Power(_)) => "Wake-on-LAN only switches on",
        (
            BmcProtocol::WakeOnLan { .. },
            Deed::Light(_) | Deed::Boot(_) | Deed::Media | Deed::Read,
        ) => "Wake-on-LAN only wakes a machine",
        (BmcProtocol::Manual(_), Deed::Light(_) | Deed::Boot(_) | Deed::Media | Deed::Read) => {
            "a person is asked for power alone"
        }
        (BmcProtocol::Webhook(_), Deed::Light(_) | Deed::Boot(_) | Deed::Media | Deed::Read) => {
            "a webhook switches power alone"
        }
        (BmcProtocol::Qemu { .. }, Deed::Light(_) | Deed::Boot(_) | Deed::Media | Deed::Read) => {
            "QEMU switches power alone"
        }
    };
    Some(why.to_owned())
}
