//! Whose the host's things are, on stable storage: for kernels that cannot mark, and for claims, which no mark can tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::plan::{Action, Step};
use crate::state::{Key, Ownership, Resource};
use crate::store::{Batch, Store, StoreError, Write};
use crate::world::Way;

/// Prefix of the ledger's keys in the store.
const PREFIX: &[u8] = b"own/";

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("the ownership ledger is not stored: {0}")]
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

/// The ledger, with a copy in memory, which is the truth of this run.
///
/// What makes or claims a thing waits until its entry is stored. What gives one back does not, since a full disk must
/// not stand in the way of undoing: an entry that outlives its thing is dropped when it can be.
pub(super) struct Ledger<S> {
    store: Arc<S>,
    entries: BTreeMap<Key, Entry>,
    /// What the store holds: the entries, but for changes that it has not taken yet.
    stored: BTreeMap<Key, Entry>,
}

impl<S: Store> Ledger<S> {
    pub(super) fn open(store: Arc<S>) -> Result<Self, LedgerError> {
        let mut stored = BTreeMap::new();
        for (key, value) in store.range(PREFIX)? {
            let text =
                String::from_utf8_lossy(key.get(PREFIX.len()..).unwrap_or_default()).into_owned();
            // A key that this version does not know names nothing that it could undo.
            if let Ok(key) = text.parse() {
                stored.insert(
                    key,
                    serde_json::from_slice(&value).map_err(LedgerError::Decode)?,
                );
            }
        }
        Ok(Self {
            store,
            entries: stored.clone(),
            stored,
        })
    }

    /// Writes down in one batch whose things will be before `group` touches the first of them.
    ///
    /// # Errors
    /// On the way there, where that cannot be written: then nothing may be touched. On the way back nobody waits for a disk.
    pub(super) async fn foresee(&mut self, group: &[Step], way: Way) -> Result<(), LedgerError> {
        let now = self.entries.clone();
        let mut noted = BTreeMap::new();
        for step in group {
            if let Some(entry) = self.noted(step) {
                self.entries.insert(step.key.clone(), entry.clone());
                noted.insert(step.key.clone(), entry);
            }
            self.forget(step);
        }
        self.entries.clone_from(&now);
        let keys = noted.keys().cloned().collect();
        self.entries.extend(noted);
        let written = self.write(&keys).await;
        self.entries = now;
        match (written, way) {
            (Err(error), Way::Back) => {
                tracing::warn!(%error, "the ledger cannot be written ahead");
                Ok(())
            }
            (written, Way::There | Way::Back) => written,
        }
    }

    /// What a step makes of whose a thing is, before it touches it; none where it leaves that.
    fn noted(&self, step: &Step) -> Option<Entry> {
        match (step.action, &step.before, &step.after) {
            (Action::Carry, _, Some(_)) if self.is_claimed(&step.key) => None,
            (Action::Create, _, _) => Some(Entry::Ours),
            (Action::Claim, _, _) => {
                let before = step.claimed_from()?.to_remember();
                Some(Entry::Claimed { before })
            }
            (Action::Carry, _, Some(_)) => Some(Entry::Theirs),
            // What is taken away stays noted until it is gone: see `forget`.
            (Action::Update | Action::Delete | Action::Release | Action::Carry, _, _) => None,
        }
    }

    /// Writes down whose a host thing is before the step touches it; what was foreseen is written already.
    pub(super) async fn note(&mut self, step: &Step, way: Way) -> Result<(), LedgerError> {
        let Some(entry) = self.noted(step) else {
            return Ok(());
        };
        let before = self.entries.insert(step.key.clone(), entry);
        let written = self.write(&[step.key.clone()].into()).await;
        match (written, way) {
            // What was comes back even where nobody can write down whose it is: its mark says so, and this run knows.
            (Err(error), Way::Back) => {
                tracing::warn!(key = %step.key, %error, "the ledger does not say whose this is");
                Ok(())
            }
            (Err(error), Way::There) => {
                self.set(&step.key, before);
                Err(error)
            }
            (Ok(()), Way::There | Way::Back) => Ok(()),
        }
    }

    /// Takes back what was noted of a thing that somebody else made meanwhile.
    pub(super) fn disown(&mut self, key: &Key) {
        self.set(key, None);
    }

    /// Whether it says anything of a thing.
    pub(super) fn knows(&self, key: &Key) -> bool {
        self.entries.contains_key(key)
    }

    /// Drops the entry of a thing that is gone, and notes that one given back is others' again: a mark of ours may have stayed on it.
    /// It is written when the group of the step has ended: see [`Self::settle`].
    pub(super) fn forget(&mut self, step: &Step) {
        let is_gone = step.after.is_none();
        match step.action {
            // No mark of ours is on what a BMC has.
            Action::Release if step.key.machine().is_some() => self.set(&step.key, None),
            Action::Release if !is_gone => self.set(&step.key, Some(Entry::Theirs)),
            // A claim outlasts its thing's being carried.
            Action::Carry if is_gone && self.is_claimed(&step.key) => {}
            Action::Delete | Action::Release | Action::Carry if is_gone => {
                self.set(&step.key, None);
            }
            Action::Create
            | Action::Update
            | Action::Claim
            | Action::Delete
            | Action::Release
            | Action::Carry => {}
        }
    }

    /// Writes down in one batch what became of all that `group` speaks of, also of what was foreseen and not done.
    pub(super) async fn settle(&mut self, group: &[Step]) {
        let keys = group.iter().map(|step| step.key.clone()).collect();
        if let Err(error) = self.write(&keys).await {
            tracing::warn!(%error, "the ledger does not say what became of the last steps");
        }
    }

    /// What is noted of things that BMCs have.
    pub(super) fn of_machines(&self) -> impl Iterator<Item = &Key> {
        self.entries.keys().filter(|key| key.machine().is_some())
    }

    /// Drops the entries of things that BMCs have no more, so that something made later under the same name is not taken for ours.
    pub(super) async fn drop_lacking(&mut self, lacking: &BTreeSet<Key>) {
        for key in lacking {
            self.set(key, None);
        }
        if let Err(error) = self.write(lacking).await {
            tracing::warn!(%error, "the ledger does not say that some users of BMCs are gone");
        }
    }

    /// What was claimed of the host's, each with what it was.
    pub(super) fn claims(&self) -> impl Iterator<Item = (&Key, &Resource)> {
        let entries = self.entries.iter();
        let entries = entries.filter(|(key, _)| key.machine().is_none());
        entries.filter_map(|(key, entry)| match entry {
            Entry::Claimed { before } => Some((key, before)),
            Entry::Ours | Entry::Theirs => None,
        })
    }

    fn is_claimed(&self, key: &Key) -> bool {
        matches!(self.entries.get(key), Some(Entry::Claimed { .. }))
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

    /// Brings the store up to date, and forgets what no longer exists, and has not `moved` while it was claimed, so that something made later under the same name is not taken for ours.
    pub(super) async fn retain(
        &mut self,
        exists: impl Fn(&Key) -> bool,
        moved: impl Fn(&Key) -> bool,
    ) {
        let known = self.entries.keys().chain(self.stored.keys());
        // What BMCs have is looked at when somebody plans.
        let stays = |key: &Key| {
            exists(key) || key.machine().is_some() || (self.is_claimed(key) && moved(key))
        };
        let gone = known.filter(|key| !stays(key));
        let gone: BTreeSet<Key> = gone.cloned().collect();
        for key in &gone {
            self.entries.remove(key);
        }
        // What found no room when it was to be written, too.
        let owed = self.entries.iter();
        let owed = owed.filter(|(key, entry)| self.stored.get(*key) != Some(*entry));
        let keys: BTreeSet<Key> = owed.map(|(key, _)| key.clone()).chain(gone).collect();
        if let Err(error) = self.write(&keys).await {
            let entries = keys.len();
            tracing::warn!(%error, entries, "the ledger does not say whose some things are, or that they are gone");
        }
    }

    fn set(&mut self, key: &Key, entry: Option<Entry>) {
        match entry {
            Some(entry) => drop(self.entries.insert(key.clone(), entry)),
            None => drop(self.entries.remove(key)),
        }
    }

    /// Brings what the store holds of `keys` up to date.
    async fn write(&mut self, keys: &BTreeSet<Key>) -> Result<(), LedgerError> {
        let differs = |key: &&Key| self.stored.get(*key) != self.entries.get(*key);
        let changed: Vec<&Key> = keys.iter().filter(differs).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let writes = changed.iter().map(|key| self.change(key));
        let writes = writes.collect::<Result<_, _>>()?;
        let guards = Vec::new();
        self.store.commit(Batch { guards, writes }).await?;
        for key in changed {
            match self.entries.get(key) {
                Some(entry) => drop(self.stored.insert(key.clone(), entry.clone())),
                None => drop(self.stored.remove(key)),
            }
        }
        Ok(())
    }

    fn change(&self, key: &Key) -> Result<Write, LedgerError> {
        let name = [PREFIX, key.to_string().as_bytes()].concat();
        let Some(entry) = self.entries.get(key) else {
            return Ok(Write::Delete { key: name });
        };
        let value = serde_json::to_vec(entry).map_err(LedgerError::Encode)?;
        Ok(Write::Put { key: name, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Phase, Reason};
    use crate::state::Address;
    use crate::store::Faulty;

    fn key() -> Key {
        "controller/rack-1/address/10.9.0.1/24@p0".parse().unwrap()
    }

    fn step(action: Action) -> Step {
        let address = || Some(Resource::Address(Address::default()));
        let (before, after) = match action {
            Action::Create => (None, address()),
            Action::Delete | Action::Carry => (address(), None),
            Action::Update | Action::Claim | Action::Release => (address(), address()),
        };
        Step {
            key: key(),
            action,
            because: Reason::Declared,
            origin: None,
            phase: Phase::Host,
            before,
            after,
            changes: Vec::new(),
            original: None,
        }
    }

    #[tokio::test]
    async fn a_full_disk_stops_what_makes_and_not_what_undoes() {
        let store = Arc::new(Faulty::default());
        let mut ledger = Ledger::open(store.clone()).unwrap();
        let foreign = Some(Ownership::Foreign);
        for action in [Action::Create, Action::Claim] {
            store.fail(true);
            let foreseen = ledger.foresee(&[step(action)], Way::There).await;
            assert!(foreseen.is_err());
            assert!(ledger.note(&step(action), Way::There).await.is_err());
            assert_eq!(ledger.ownership(&key(), false), foreign, "{action:?}");
            store.fail(false);
            ledger.note(&step(action), Way::There).await.unwrap();
            store.fail(true);
            ledger.forget(&step(Action::Delete));
            ledger.settle(&[step(Action::Delete)]).await;
            assert_eq!(ledger.ownership(&key(), false), foreign);
            // The way back from a deletion: what the store still says is true again.
            ledger.note(&step(action), Way::There).await.unwrap();
            assert_ne!(ledger.ownership(&key(), false), foreign);
            ledger.forget(&step(Action::Release));
            ledger.settle(&[step(Action::Release)]).await;
            store.fail(false);
            ledger.retain(|_| false, |_| false).await;
            assert_eq!(store.range(PREFIX).unwrap(), [], "{action:?}");
        }
    }

    #[tokio::test]
    async fn what_a_group_will_do_is_written_at_once_and_what_it_did_not_do_is_taken_back() {
        let store = Arc::new(Faulty::default());
        let mut ledger = Ledger::open(store.clone()).unwrap();
        let group = [step(Action::Create)];
        let foreign = Some(Ownership::Foreign);
        ledger.foresee(&group, Way::There).await.unwrap();
        assert_eq!(ledger.ownership(&key(), false), foreign);
        assert_eq!(store.range(PREFIX).unwrap().len(), 1);
        // What is written needs no room any more.
        store.fail(true);
        ledger.note(&group[0], Way::There).await.unwrap();
        assert_eq!(ledger.ownership(&key(), false), None);
        store.fail(false);
        // A whole that ends where it began: made, and taken away.
        let back = [
            step(Action::Delete),
            step(Action::Create),
            step(Action::Delete),
        ];
        ledger.foresee(&back, Way::Back).await.unwrap();
        for step in &back {
            ledger.note(step, Way::Back).await.unwrap();
            ledger.forget(step);
        }
        ledger.settle(&back).await;
        assert_eq!(store.range(PREFIX).unwrap(), []);
        // One that failed before its first step.
        ledger.foresee(&group, Way::There).await.unwrap();
        ledger.settle(&group).await;
        assert_eq!(store.range(PREFIX).unwrap(), []);
    }
}
