//! What an apply should be told beforehand, though nothing forbids it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Inputs;
use crate::state::{Key, Manager};

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
    claimed.collect()
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Managed { link, by, .. } => {
                write!(f, "{by} manages {link} too, and may undo what is applied")
            }
        }
    }
}

impl Warning {
    /// What to do about it.
    pub fn help(&self) -> &str {
        match self {
            Self::Managed { help, .. } => help,
        }
    }
}
