//! What an apply should be told beforehand, though nothing forbids it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::behind::left_behind;
use super::{Inputs, Plan};
use crate::base::addr::{AddressRange, Prefix};
use crate::base::identity::Identity;
use crate::base::name::{HostName, UserName};
use crate::base::policy::UnknownClients;
use crate::base::vlan::VlanPath;
use crate::state::{Key, Manager, Resource, State, Unreached};

/// One thing to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Warning {
    /// Another program manages a link that the site names: each would put back what the other changes.
    Managed {
        link: Key,
        by: Manager,
        /// How it lets go of the link.
        help: String,
    },
    /// A VLAN no longer serves clients that the site does not know there: so many that have a lease cannot renew it.
    ShutOut { vlan: VlanPath, leased: usize },
    /// A BMC leaves the site, and users that Bedplate made there, or claimed, stay: it does not tell of them.
    LeftBehind {
        machine: HostName,
        users: BTreeSet<UserName>,
        why: Unreached,
        /// How the BMC is kept until it does.
        help: String,
    },
}

pub(super) fn warnings(plan: &Plan, inputs: Inputs<'_>) -> Vec<Warning> {
    let managers = &inputs.observed.facts.managers;
    let claimed = inputs.desired.state.keys().filter_map(|key| {
        let Key::Link { link, .. } = key else {
            return None;
        };
        let by = *managers.get(link)?;
        Some(Warning::Managed {
            link: key.clone(),
            by,
            help: by.release(link),
        })
    });
    let warnings = claimed.chain(shut_out(inputs));
    warnings.chain(behind(plan, inputs)).collect()
}

/// BMCs that go without telling of the users that are to go before.
fn behind(plan: &Plan, inputs: Inputs<'_>) -> impl Iterator<Item = Warning> {
    let mut machines: BTreeMap<&HostName, (BTreeSet<UserName>, &Unreached)> = BTreeMap::new();
    for (key, why) in left_behind(inputs, &plan.steps) {
        if let Key::User { machine, user } = key {
            let (users, _) = machines.entry(machine).or_insert((BTreeSet::new(), why));
            users.insert(user.clone());
        }
    }
    machines.into_iter().map(|(machine, (users, why))| {
        let bmc = Key::Bmc {
            machine: machine.clone(),
        };
        Warning::LeftBehind {
            machine: machine.clone(),
            users,
            why: why.clone(),
            help: format!(
                "`--except {bmc}` leaves the BMC in force, and the next apply tries again"
            ),
        }
    })
}

/// VLANs that served whoever came, and now only whom the site knows there, with the leases that others have there.
fn shut_out(inputs: Inputs<'_>) -> impl Iterator<Item = Warning> {
    let (before, after) = (&inputs.observed.state, &inputs.desired.state);
    let shut = after.iter().filter_map(|(key, scope)| {
        let Key::Scope { vlan, subnet } = key else {
            return None;
        };
        let is_shut = shuts_out(before.get(key), Some(scope));
        is_shut.then_some((subnet.net().network(), (*subnet, vlan)))
    });
    // By their first addresses: they do not overlap.
    let shut: BTreeMap<IpAddr, (Prefix, &VlanPath)> = shut.collect();
    let known = known_in(shut.values().map(|(_, vlan)| *vlan).collect(), after);
    let mut leased: BTreeMap<&VlanPath, usize> = BTreeMap::new();
    for lease in &inputs.observed.facts.leases {
        let address = IpAddr::V4(lease.address);
        let scope = shut.range(..=address).next_back();
        let Some((_, (_, vlan))) = scope.filter(|(_, (subnet, _))| subnet.contains(address)) else {
            continue;
        };
        let mut shown = lease.identities.iter();
        if !shown.any(|identity| known.contains(&(*vlan, identity))) {
            *leased.entry(vlan).or_default() += 1;
        }
    }
    leased.into_iter().map(|(vlan, leased)| Warning::ShutOut {
        vlan: vlan.clone(),
        leased,
    })
}

/// Whether a scope served whoever came, and does no longer.
fn shuts_out(before: Option<&Resource>, after: Option<&Resource>) -> bool {
    let policy = |resource: Option<&Resource>| match resource {
        Some(Resource::Scope(scope)) => Some(scope.policy.unknown_clients),
        Some(_) | None => None,
    };
    let after = policy(after);
    policy(before) == Some(UnknownClients::Allow)
        && after.is_some_and(|after| after != UnknownClients::Allow)
}

/// What the site knows clients of these VLANs by.
fn known_in<'a>(
    vlans: BTreeSet<&VlanPath>,
    state: &'a State,
) -> BTreeSet<(&'a VlanPath, &'a Identity)> {
    if vlans.is_empty() {
        return BTreeSet::new();
    }
    let each = state.iter().flat_map(|(key, resource)| {
        let own = match (key, resource) {
            (Key::Reservation { vlan, by }, Resource::Reservation(own)) => Some((vlan, by, own)),
            _ => None,
        };
        let own = own.filter(|(vlan, ..)| vlans.contains(vlan));
        own.into_iter().flat_map(|(vlan, by, own)| {
            let all = std::iter::once(&**by).chain(&own.identities);
            all.map(move |identity| (vlan, identity))
        })
    });
    each.collect()
}

impl Plan {
    /// Subnets that from now on serve only whom the site knows there: their leases are looked at before that is told.
    pub fn shut_ranges(&self) -> BTreeSet<AddressRange> {
        let shut = self.steps.iter().filter_map(|step| {
            let Key::Scope { subnet, .. } = &step.key else {
                return None;
            };
            let net = subnet.net();
            let range = AddressRange::new(net.network(), net.broadcast()).ok()?;
            shuts_out(step.before.as_ref(), step.after.as_ref()).then_some(range)
        });
        shut.collect()
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Managed { link, by, .. } => {
                write!(f, "{by} manages {link} too, and may undo what is applied")
            }
            Self::ShutOut { vlan, leased } => {
                let others = match leased {
                    1 => "one lease in force there is another's, and is".to_owned(),
                    count => format!("{count} leases in force there are others', and are"),
                };
                write!(
                    f,
                    "VLAN {vlan} will serve only clients that the site knows there: {others} not renewed"
                )
            }
            Self::LeftBehind {
                machine,
                users,
                why,
                ..
            } => {
                let names: Vec<&str> = users.iter().map(UserName::as_str).collect();
                let stay = match names.as_slice() {
                    [name] => format!("user {name} stays"),
                    names => format!("users {} stay", names.join(", ")),
                };
                write!(
                    f,
                    "{stay} on the BMC of {machine} once that leaves the site: {why}"
                )
            }
        }
    }
}

impl Warning {
    /// What to do about it.
    pub fn help(&self) -> Cow<'_, str> {
        match self {
            Self::Managed { help, .. } | Self::LeftBehind { help, .. } => help.into(),
            Self::ShutOut { vlan, .. } => format!(
                "`bedplate leases --vlan {vlan}` lists the leases there; name those that are to stay"
            )
            .into(),
        }
    }
}
