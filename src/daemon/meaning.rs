//! What a bundle means to one controller: the site compiled, and reduced to what should exist there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bundle::Bundle;
use super::fault;
use crate::base::name::{HostName, Name};
use crate::diag::fault::Fault;
use crate::state::{Desired, desired, elsewhere};

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
}
