//! Whose the host's things are, on stable storage: for kernels that cannot mark, and for claims, which no mark can tell.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::plan::{Action, Step};
use crate::state::{Key, Ownership, Resource};
use crate::store::{Batch, Store, StoreError, Write};

/// Prefix of the ledger's keys in the store.
const PREFIX: &[u8] = b"own/";

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("the ownership ledger is not stored")]
    Store(#[from] StoreError),
    #[error("an entry of the ownership ledger has no JSON form")]
    Encode(#[source] serde_json::Error),
    #[error("an entry of the ownership ledger cannot be read")]
    Decode(#[source] serde_json::Error),
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Entry {
    Ours,
    Claimed {
        before: Resource,
    },
    /// Put back by us for others; says so against the mark that putting it back left.
    Theirs,
}

/// The ledger, with a copy in memory.
pub(super) struct Ledger<S> {
    store: Arc<S>,
    entries: BTreeMap<Key, Entry>,
}

impl<S: Store> Ledger<S> {
    pub(super) fn open(store: Arc<S>) -> Result<Self, LedgerError> {
        let mut entries = BTreeMap::new();
        for (key, value) in store.range(PREFIX)? {
            let text =
                String::from_utf8_lossy(key.get(PREFIX.len()..).unwrap_or_default()).into_owned();
            // A key that this version does not know names nothing that it could undo.
            if let Ok(key) = text.parse() {
                entries.insert(
                    key,
                    serde_json::from_slice(&value).map_err(LedgerError::Decode)?,
                );
            }
        }
        Ok(Self { store, entries })
    }

    /// Writes down whose a host thing is before the step touches it.
    pub(super) async fn note(&mut self, step: &Step) -> Result<(), LedgerError> {
        let entry = match (step.action, &step.before, &step.after) {
            (Action::Create, _, _) => Some(Entry::Ours),
            (Action::Claim, Some(before), _) => Some(Entry::Claimed {
                before: before.clone(),
            }),
            (Action::Carry, _, Some(_)) => Some(Entry::Theirs),
            (Action::Update | Action::Claim, _, _) => return Ok(()),
            // What is taken away stays noted until it is gone: see `forget`.
            (Action::Delete | Action::Release | Action::Carry, _, _) => return Ok(()),
        };
        self.write(&step.key, entry).await
    }

    /// Drops the entry of a thing that is gone or given back.
    pub(super) async fn forget(&mut self, step: &Step) -> Result<(), LedgerError> {
        let is_gone = match step.action {
            Action::Delete | Action::Release => true,
            Action::Carry => step.after.is_none(),
            Action::Create | Action::Update | Action::Claim => false,
        };
        if is_gone {
            self.write(&step.key, None).await
        } else {
            Ok(())
        }
    }

    /// Whose `key` is; `None` where it is ours.
    pub(super) fn ownership(&self, key: &Key, is_marked: bool) -> Option<Ownership> {
        match self.entries.get(key) {
            Some(Entry::Ours) => None,
            Some(Entry::Claimed { before }) => Some(Ownership::Claimed {
                before: before.clone(),
            }),
            Some(Entry::Theirs) => Some(Ownership::Foreign),
            None => (!is_marked).then_some(Ownership::Foreign),
        }
    }

    /// Forgets what no longer exists, so that something made later under the same name is not taken for ours.
    pub(super) async fn retain(
        &mut self,
        exists: impl Fn(&Key) -> bool,
    ) -> Result<(), LedgerError> {
        let gone: Vec<Key> = self
            .entries
            .keys()
            .filter(|key| !exists(key))
            .cloned()
            .collect();
        for key in gone {
            self.write(&key, None).await?;
        }
        Ok(())
    }

    async fn write(&mut self, key: &Key, entry: Option<Entry>) -> Result<(), LedgerError> {
        if self.entries.get(key) == entry.as_ref() {
            return Ok(());
        }
        let name = [PREFIX, key.to_string().as_bytes()].concat();
        let write = match &entry {
            Some(entry) => Write::Put {
                key: name,
                value: serde_json::to_vec(entry).map_err(LedgerError::Encode)?,
            },
            None => Write::Delete { key: name },
        };
        self.store
            .commit(Batch {
                guards: Vec::new(),
                writes: vec![write],
            })
            .await?;
        match entry {
            Some(entry) => self.entries.insert(key.clone(), entry),
            None => self.entries.remove(key),
        };
        Ok(())
    }
}
