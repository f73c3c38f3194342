//! Whether machines run and what they boot from: what the site says of it, and through which BMCs that is found out and brought about.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{BootOrder, Changes, Desired, Key, Resource, network, user};
use crate::base::bmc::PowerState;
use crate::base::name::HostName;
use crate::site::model::{Bmc, DeclaredBmc, Machine, Site};

/// Whether a machine runs, as its BMC reports it or the site wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Power {
    pub state: PowerState,
}

/// A machine whose BMC did not tell how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreached {
    /// Where its BMC should be.
    pub bmc: String,
    pub why: Silence,
    /// The driver's own words; of one that waits for a network, what it waits for.
    pub cause: String,
    /// What to do about it, where that is not plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Why a BMC did not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Silence {
    /// It does not answer, or has no time now.
    Unreachable,
    /// It is there, and nothing listens at its port.
    Closed,
    /// This controller has no route to it.
    NoRoute,
    /// This controller is to have an address in its subnet, and has none yet.
    NoNetwork,
    /// It does not let us in.
    Credentials,
    /// It is not known to be who it should be.
    Untrusted,
    /// What it is asked with cannot be read.
    Secret,
    /// The password that a user of it is to have cannot be read.
    Password,
    /// That password is longer than its protocol has room for.
    LongPassword,
    /// It answers, and what it says is of no use.
    Failed,
    /// Others took all the time that there was.
    Unasked,
}

impl Power {
    /// Of a machine that is to run, or not.
    pub fn of(runs: bool) -> Self {
        let state = match runs {
            true => PowerState::On,
            false => PowerState::Off,
        };
        Self { state }
    }

    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        changes.field("state", &from.state, &self.state)
    }

    pub(super) fn summary(&self) -> String {
        self.state.to_string()
    }
}

impl Resource {
    pub fn power(&self) -> Option<Power> {
        if let Self::Power(power) = self {
            Some(*power)
        } else {
            None
        }
    }

    pub fn boot_order(&self) -> Option<BootOrder> {
        if let Self::BootOrder(order) = self {
            Some(*order)
        } else {
            None
        }
    }
}

impl Key {
    /// The machine that this is a property of: its BMC is asked about it, and no kernel or server of ours.
    pub fn machine(&self) -> Option<&HostName> {
        if let Self::Power { machine }
        | Self::BootOrder { machine }
        | Self::Network { machine }
        | Self::User { machine, .. } = self
        {
            Some(machine)
        } else {
            None
        }
    }

    /// The machine that this is done to or through whose BMC: one that fails is a matter of its own.
    pub fn of_machine(&self) -> Option<&HostName> {
        if let Self::Bmc { machine } = self {
            Some(machine)
        } else {
            self.machine()
        }
    }

    /// By what its machine's BMC is spoken with, where that is asked about it.
    pub fn bmc(&self) -> Option<Self> {
        let machine = self.machine()?.clone();
        Some(Self::Bmc { machine })
    }
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            bmc, why, cause, ..
        } = self;
        match why {
            Silence::Unreachable => write!(f, "its BMC at {bmc} does not answer"),
            Silence::Closed => {
                write!(f, "its BMC at {bmc} has its port closed: nothing listens")
            }
            Silence::NoRoute => {
                write!(f, "no route of this controller leads to its BMC at {bmc}")
            }
            Silence::NoNetwork => write!(
                f,
                "its BMC at {bmc} cannot be reached before {cause} is there; once that is applied, the next plan asks it"
            ),
            Silence::Credentials => {
                write!(
                    f,
                    "its BMC at {bmc} does not let us in, which was tried once: {cause}"
                )
            }
            Silence::Untrusted => {
                write!(
                    f,
                    "its BMC at {bmc} is not known to be who it should be: {cause}"
                )
            }
            Silence::Secret => write!(f, "its BMC at {bmc} was not asked: {cause}"),
            Silence::Password => write!(f, "its password is not there: {cause}"),
            Silence::LongPassword => write!(f, "its password is too long for IPMI: {cause}"),
            Silence::Failed => write!(f, "its BMC at {bmc} does not tell: {cause}"),
            Silence::Unasked => write!(f, "its BMC at {bmc} was not asked: others took too long"),
        }?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// What the site says of machines themselves, of those that `controller` looks after.
pub(super) fn desired(site: &Site, controller: &HostName, into: &mut Desired) {
    for (host, machine) in &site.machines {
        let Some(DeclaredBmc { bmc, .. }) = &machine.bmc else {
            continue;
        };
        let of_bmc = !machine.bmc_users.is_empty() || machine.bmc_network.is_some();
        let is_minded = machine.power.is_some() || machine.boot_order.is_some() || of_bmc;
        if !is_minded {
            continue;
        }
        if keeper(site, machine, bmc) != Some(controller) {
            into.others.extend(user::keys(host, machine));
            continue;
        }
        user::desired(host, machine, into);
        network::desired(host, machine, into);
        if let Some(order) = machine.boot_order {
            let order = Resource::BootOrder(BootOrder::of(Some(order)));
            let key = Key::BootOrder {
                machine: host.clone(),
            };
            into.add(key, order, &machine.origin);
        }
        if let Some(runs) = machine.power {
            let power = Resource::Power(Power::of(runs));
            let key = Key::Power {
                machine: host.clone(),
            };
            into.add(key, power, &machine.origin);
        }
    }
}

/// The one controller that looks after a machine's power: of those that serve it, else of all, the first by name with an address in the
/// subnet of its BMC, else the first by name.
fn keeper<'s>(site: &'s Site, machine: &Machine, bmc: &Bmc) -> Option<&'s HostName> {
    let vlans = machine.interfaces.values();
    let vlans = vlans.filter_map(|interface| site.vlans.get(interface.vlan.as_ref()?));
    let serving = vlans.filter_map(|vlan| vlan.dhcp.as_ref());
    let serving: Vec<&HostName> = serving.flat_map(|dhcp| &dhcp.controllers).collect();
    let all = || site.controllers.iter();
    let at = bmc.address().ip();
    let near = |name: &HostName| {
        let links = site.controllers.get(name).into_iter();
        let links = links.flat_map(|controller| controller.links.values());
        let mut placed = links.flat_map(|link| &link.addresses);
        placed.any(|placed| {
            let prefix = placed.address.prefix();
            at.is_some_and(|at| prefix.contains(at))
        })
    };
    let rank = |name: &HostName| (!serving.is_empty() && !serving.contains(&name), !near(name));
    all().map(|(name, _)| name).min_by_key(|name| rank(name))
}
