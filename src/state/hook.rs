//! Programs that are run when something happens to a lease.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Changes, Desired, Key, Resource, list};
use crate::base::duration::Seconds;
use crate::base::hook::{HookEvent, ProgramPath};
use crate::site::model::Site;

/// A program that is run when something happens to a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    pub events: BTreeSet<HookEvent>,
    pub program: ProgramPath,
    pub arguments: Vec<String>,
    /// How long it may run.
    pub within: Seconds,
}

impl Hook {
    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        changes
            .shown("on", &from.events, &self.events, |events| list(events))
            .field("run", &from.command(), &self.command())
            .field("within", &from.within, &self.within)
    }

    pub(super) fn summary(&self) -> String {
        let (command, events) = (self.command(), list(&self.events));
        format!("{command} on {events}, within {}", self.within)
    }

    /// The command as people read it; no shell ever does.
    fn command(&self) -> String {
        let arguments = self
            .arguments
            .iter()
            .map(|argument| format!(" {argument:?}"));
        arguments.fold(self.program.to_string(), |command, one| command + &one)
    }
}

/// The hooks of the site, on a controller that has leases.
pub(super) fn desired(site: &Site, into: &mut Desired) {
    for (name, declared) in &site.hooks {
        let resource = Resource::Hook(Hook {
            events: declared.events.clone(),
            program: declared.program.clone(),
            arguments: declared.arguments.clone(),
            within: declared.within,
        });
        into.add(Key::Hook { name: name.clone() }, resource, &declared.origin);
    }
}
