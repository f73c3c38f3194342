//! What a bundle means to one controller: the site compiled, and reduced to what should exist there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bundle::Bundle;
use super::fault;
use crate::base::name::{HostName, Name};
use crate::diag::fault::Fault;
use crate::site::model::Bmc;
use crate::state::{Desired, Key, Resource, desired, elsewhere};

/// All that is kept of a compiled site.
pub(super) struct Meaning {
    pub(super) site: Name,
    pub(super) desired: Arc<Desired>,
    /// Things that other controllers hold.
    pub(super) elsewhere: BTreeMap<HostName, usize>,
}

impl Meaning {
    /// Compiles `bundle` for `controller`.
    ///
    /// # Errors
    /// Where the site has faults, or no such controller.
    pub(super) fn of(bundle: &Bundle, controller: &HostName) -> Result<Self, Fault> {
        let compiled = bundle.compile();
        let Some(site) = compiled.site else {
            return Err(fault::site(&compiled));
        };
        if !site.controllers.contains_key(controller) {
            return Err(fault::not_ours(controller, &site));
        }
        Ok(Self {
            desired: Arc::new(desired(&site, controller)),
            elsewhere: elsewhere(&site, controller),
            site: site.name,
        })
    }

    /// The BMC of a machine.
    pub(super) fn bmc(&self, machine: &HostName) -> Option<&Arc<Bmc>> {
        let machine = machine.clone();
        match self.desired.state.get(&Key::Bmc { machine }) {
            Some(Resource::Bmc(bmc)) => Some(bmc),
            Some(_) | None => None,
        }
    }

    /// Whether a thing that Bedplate made on `bmc` is to go: the site wants it in no machine of that BMC, and it is not by that account that
    /// the BMC is spoken with.
    pub(super) fn withdraws(&self, key: &Key, bmc: &Bmc) -> bool {
        let Key::User { user, .. } = key else {
            return false;
        };
        let is_wanted = |other: &Key| {
            if let Key::User {
                machine,
                user: wanted,
            } = other
            {
                let at = || self.bmc(machine).map(|bmc| bmc.address());
                wanted == user && (other == key || at() == Some(bmc.address()))
            } else {
                false
            }
        };
        let Desired { state, others, .. } = &*self.desired;
        !bmc.is_own(user) && !state.keys().chain(others).any(is_wanted)
    }
}
