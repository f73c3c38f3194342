//! What an apply should be told beforehand, though nothing forbids it.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Inputs;
use crate::base::policy::UnknownClients;
use crate::base::vlan::VlanPath;
use crate::state::{Key, Manager, Resource};

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
    /// A VLAN no longer serves clients that the site does not know there: those that have a lease cannot renew it.
    ShutOut { vlan: VlanPath, leased: usize },
}

pub(super) fn warnings(inputs: Inputs<'_>) -> Vec<Warning> {
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
    claimed.chain(shut_out(inputs)).collect()
}

/// VLANs that served whoever came, and now only whom the site knows there.
fn shut_out(inputs: Inputs<'_>) -> impl Iterator<Item = Warning> {
    let policy = |resource: Option<&Resource>| match resource {
        Some(Resource::Scope(scope)) => Some(scope.policy.unknown_clients),
        Some(_) | None => None,
    };
    let leased = inputs.observed.facts.leased;
    let changed = inputs.desired.state.iter().filter_map(move |(key, after)| {
        let Key::Scope { vlan, .. } = key else {
            return None;
        };
        let before = policy(inputs.observed.state.get(key))?;
        let is_shut = before == UnknownClients::Allow && policy(Some(after)) != Some(before);
        is_shut.then(|| vlan.clone())
    });
    let changed: BTreeSet<VlanPath> = changed.filter(|_| leased > 0).collect();
    { changed.into_iter() }.map(move |vlan| Warning::ShutOut { vlan, leased })
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Managed { link, by, .. } => {
                write!(f, "{by} manages {link} too, and may undo what is applied")
            }
            Self::ShutOut { vlan, leased } => write!(
                f,
                "VLAN {vlan} will serve only clients that the site knows there: of the {leased} leases in force on all VLANs, those of others there are not renewed"
            ),
        }
    }
}

impl Warning {
    /// What to do about it.
    pub fn help(&self) -> &str {
        match self {
            Self::Managed { help, .. } => help,
            Self::ShutOut { .. } => {
                "`bedplate leases --vlan VLAN` lists them; name those that are to stay"
            }
        }
    }
}
