//! What the daemon keeps in the store: the applied site, and the journal of an apply under way.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::bundle::Bundle;
use super::fault;
use super::meaning::Meaning;
use crate::base::name::{HostName, Name};
use crate::diag::fault::Fault;
use crate::plan::{Plan, Step};
use crate::state::{Desired, State};
use crate::store::{Batch, Store, Write};

/// Where the last applied site is kept.
const APPLIED: &[u8] = b"applied";

/// Where the journal of the plan under way is kept.
const RUNNING: &[u8] = b"running";

/// What the daemon last brought about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Applied {
    pub(super) bundle: Bundle,
    pub(super) site: Name,
    /// What it meant then, to the one that compiled it.
    pub(super) desired: Arc<Desired>,
    #[serde(default)]
    pub(super) compiled_by: Option<Compiler>,
    /// What the site does not speak of and protection keeps, as it was when it was last there.
    #[serde(default)]
    pub(super) kept: State,
}

/// Who compiled a bundle: the same version finds the same meaning for the same controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Compiler {
    version: String,
    controller: HostName,
}

/// What a daemon that dies in the middle of an apply leaves to the next one: the way back.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Journal {
    pub(super) plan: String,
    /// The host's steps; servers end with their daemon.
    pub(super) steps: Vec<Step>,
}

/// The daemon's part of the store.
pub(super) struct Records<S> {
    store: Arc<S>,
}

impl Compiler {
    /// This program, for `controller`.
    pub(super) fn here(controller: &HostName) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            controller: controller.clone(),
        }
    }
}

impl Applied {
    /// What is in force once `plan` is done: what `bundle` means, and what the plan says to remember and to keep.
    pub(super) fn of(
        plan: &Plan,
        bundle: Bundle,
        meaning: &Meaning,
        controller: &HostName,
    ) -> Self {
        let mut desired = meaning.desired.clone();
        if !plan.protected.is_empty() {
            Arc::make_mut(&mut desired).remember(&plan.protected);
        }
        Self {
            bundle,
            site: meaning.site.clone(),
            desired,
            compiled_by: Some(Compiler::here(controller)),
            kept: plan.kept.clone(),
        }
    }
}

impl<S: Store> Records<S> {
    pub(super) fn new(store: Arc<S>) -> Self {
        Self { store }
    }

    pub(super) fn applied(&self) -> Result<Option<Applied>, Fault> {
        self.read(APPLIED)
    }

    /// The journal of an apply that the last daemon did not end.
    pub(super) fn interrupted(&self) -> Result<Option<Journal>, Fault> {
        self.read(RUNNING)
    }

    /// Writes down the way back from `plan`.
    pub(super) async fn begin(&self, plan: &Plan) -> Result<(), Fault> {
        let steps = plan.steps.iter().filter(|step| step.key.is_host());
        let journal = Journal {
            plan: plan.id.clone(),
            steps: steps.cloned().collect(),
        };
        self.write(vec![put(RUNNING, &journal)?]).await
    }

    /// Writes down that no way back is needed.
    pub(super) async fn end(&self) -> Result<(), Fault> {
        let key = RUNNING.to_vec();
        self.write(vec![Write::Delete { key }]).await
    }

    /// Makes `next` what the next start goes back to, and ends the apply that led there.
    pub(super) async fn keep(&self, next: &Applied) -> Result<(), Fault> {
        let key = RUNNING.to_vec();
        self.write(vec![put(APPLIED, next)?, Write::Delete { key }])
            .await
    }

    fn read<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, Fault> {
        let Some(bytes) = self.store.get(key).map_err(fault::store)? else {
            return Ok(None);
        };
        let value = serde_json::from_slice(&bytes).map_err(|error| fault::corrupt(&error))?;
        Ok(Some(value))
    }

    async fn write(&self, writes: Vec<Write>) -> Result<(), Fault> {
        let guards = Vec::new();
        let committed = self.store.commit(Batch { guards, writes }).await;
        committed.map_err(fault::store)
    }
}

fn put(key: &[u8], value: &impl Serialize) -> Result<Write, Fault> {
    let value = serde_json::to_vec(value).map_err(|error| fault::corrupt(&error))?;
    Ok(Write::Put {
        key: key.to_vec(),
        value,
    })
}
