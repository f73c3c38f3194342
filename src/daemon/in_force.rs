//! What the applied site does with addresses, for those who ask while the world is being changed. Found out when it is first asked for.

use std::sync::{Arc, OnceLock};

use tokio::sync::watch;

use super::bundle::Bundle;
use super::fault;
use super::record::Applied;
use crate::diag::fault::Fault;
use crate::site::inventory::Inventory;

/// A site that is in force, and its inventory once somebody asked.
struct Site {
    bundle: Bundle,
    inventory: OnceLock<Result<Arc<Inventory>, Fault>>,
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
                    inventory: OnceLock::new(),
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
        let Some(site) = self.0.borrow().clone() else {
            return Ok(Arc::default());
        };
        // A large site takes a while, and others are answered meanwhile.
        let compiled = tokio::task::spawn_blocking(move || {
            let made = site
                .inventory
                .get_or_init(|| match site.bundle.inventory() {
                    (_, Some(inventory)) => Ok(Arc::new(inventory)),
                    (compiled, None) => Err(fault::site(&compiled)),
                });
            made.clone()
        });
        compiled.await.unwrap_or_else(|_| Err(fault::closing()))
    }
}
