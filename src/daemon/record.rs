//! What the daemon keeps in the store: the applied site, the journal of an apply that has not ended, the history and the hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::bundle::Bundle;
use super::draft::{Draft, Planned};
use super::fault;
use super::history::{Entry, Fate, Occasion, Past, outdated, surplus};
use super::hold::Hold;
use super::who::now;
use crate::apply::beside;
use crate::base::name::{HostName, Name};
use crate::diag::fault::Fault;
use crate::plan::{Plan, Step};
use crate::state::{Desired, Key, Observation, Ownership, State};
use crate::store::{Batch, Store, Write};

/// Where the last applied site is kept.
const APPLIED: &[u8] = b"applied";

/// Where the journal of the plan under way is kept.
const RUNNING: &[u8] = b"running";

/// Where the entries of the history are kept, by number.
const ENTRY: &str = "history/entry/";

/// Where the sources of the states are kept that `rollback` can go back to.
const STATE: &str = "history/state/";

/// Where the hold is kept.
const HOLD: &[u8] = b"hold";

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
    /// It is not all that the bundle means: some of that was left out.
    #[serde(default)]
    pub(super) is_part: bool,
    /// What of machines its apply could not bring about.
    #[serde(default)]
    pub(super) left_out: BTreeSet<Key>,
}

/// Who compiled a bundle: the same version finds the same meaning for the same controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Compiler {
    version: String,
    controller: HostName,
    /// Whether BMCs are part of what it meant.
    #[serde(default)]
    has_bmcs: bool,
}

/// What a daemon that dies in the middle of an apply leaves to the next one: the way back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Journal {
    pub(super) plan: String,
    /// The host's steps; servers end with their daemon.
    pub(super) steps: Vec<Step>,
    /// What may have fallen beside them.
    #[serde(default)]
    pub(super) beside: Observation,
    /// The steps took effect, and the way back has begun.
    #[serde(default)]
    pub(super) is_undone: bool,
    /// The number of its entry in the history.
    #[serde(default)]
    pub(super) entry: Option<u64>,
}

impl Journal {
    /// What others made beside steps that all took effect is theirs to take away.
    pub(super) fn done(&mut self) {
        let Observation { state, facts } = &mut self.beside;
        let theirs = |key: &Key| facts.ownership.get(key) == Some(&Ownership::Foreign);
        state.retain(|key, _| !theirs(key));
        facts.ownership.retain(|key, _| state.contains_key(key));
    }

    /// What others have beside the steps `now`, when these are to be undone: that takes it away for a moment as well.
    pub(super) fn undone(&mut self, now: &Observation) {
        self.is_undone = true;
        let found = beside(&self.steps, now);
        for (key, resource) in &found.state {
            if found.is_foreign(key) && !self.beside.state.contains_key(key) {
                self.beside.state.insert(key.clone(), resource.clone());
                let whose = &mut self.beside.facts.ownership;
                whose.insert(key.clone(), Ownership::Foreign);
            }
        }
    }
}

/// The daemon's part of the store.
pub(super) struct Records<S> {
    store: Arc<S>,
    /// Here too, since a store whose disk is full cannot be read before it can be written again.
    history: BTreeMap<u64, Entry>,
    /// Entries that are not in the store as they are here: they go with the next batch that finds room.
    owed: BTreeSet<u64>,
}

impl Compiler {
    /// This program, for `controller`.
    pub(super) fn here(controller: &HostName) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            controller: controller.clone(),
            has_bmcs: true,
        }
    }
}

impl Applied {
    /// Whether it was stored when BMCs were no part of what a site meant: all that it had were in force then.
    pub(super) fn is_before_bmcs(&self) -> bool {
        let by = self.compiled_by.as_ref();
        by.is_none_or(|compiler| !compiler.has_bmcs)
    }

    /// What is in force once a plan is done: what `bundle` means, as far as it was chosen, and what the plan says to remember and to keep.
    pub(super) fn of(draft: Draft, bundle: Bundle, controller: &HostName) -> (Plan, Self) {
        let Draft {
            planned: Planned { plan, .. },
            site,
            mut desired,
            ..
        } = draft;
        if !plan.protected.is_empty() {
            Arc::make_mut(&mut desired).remember(&plan.protected);
        }
        let applied = Self {
            bundle,
            site,
            desired,
            compiled_by: Some(Compiler::here(controller)),
            kept: plan.kept.clone(),
            is_part: !plan.selection.is_empty(),
            left_out: BTreeSet::new(),
        };
        (plan, applied)
    }
}

impl Applied {
    /// Leaves out what was not brought about: it is new in the site until it is.
    pub(super) fn leave_out<'a>(&mut self, keys: impl Iterator<Item = &'a Key>) {
        for key in keys {
            // Of most applies there are none, and no copy is made.
            Arc::make_mut(&mut self.desired).state.remove(key);
            if key.machine().is_some() {
                self.left_out.insert(key.clone());
            }
        }
    }

    /// Keeps what was to go and did not: it is in force still, over a restart too, so that the next apply tries again.
    pub(super) fn keep_on<'a>(&mut self, failed: impl Iterator<Item = &'a Step>) {
        for step in failed.filter(|step| step.after.is_none()) {
            if let Some(before) = &step.before {
                let state = &mut Arc::make_mut(&mut self.desired).state;
                state.insert(step.key.clone(), before.clone());
            }
        }
    }
}

/// What the last run left, as it was read at the start.
pub(super) struct Left<S> {
    pub(super) records: Records<S>,
    pub(super) applied: Option<Applied>,
    pub(super) hold: Option<Hold>,
}

impl<S: Store> Left<S> {
    /// Takes a while where the site is large.
    pub(super) fn read(store: Arc<S>) -> Result<Self, Fault> {
        let records = Records::new(store)?;
        Ok(Self {
            applied: records.read(APPLIED)?,
            hold: records.read(HOLD)?,
            records,
        })
    }
}

impl<S: Store> Records<S> {
    fn new(store: Arc<S>) -> Result<Self, Fault> {
        let stored = store.range(ENTRY.as_bytes()).map_err(fault::store)?;
        let entries = stored.iter().filter_map(|(_, bytes)| {
            let entry: Result<Entry, _> = serde_json::from_slice(bytes);
            // What an older or newer program wrote is no reason to serve nobody.
            let unread = |error: &_| tracing::warn!(%error, "an apply of the past cannot be read");
            let entry = entry.inspect_err(unread).ok()?;
            Some((entry.number, entry))
        });
        let history = entries.collect();
        Ok(Self {
            store,
            history,
            owed: BTreeSet::new(),
        })
    }

    /// The journal of an apply that the last daemon did not end, or that nobody confirmed.
    pub(super) fn interrupted(&self) -> Result<Option<Journal>, Fault> {
        self.read(RUNNING)
    }

    /// Puts applying on hold, or no longer.
    pub(super) async fn set_hold(&mut self, hold: Option<&Hold>) -> Result<(), Fault> {
        let key = HOLD.to_vec();
        let write = match hold {
            Some(hold) => put(HOLD, hold)?,
            None => Write::Delete { key },
        };
        self.write(vec![write]).await
    }

    /// The history, by number.
    pub(super) fn history(&self) -> &BTreeMap<u64, Entry> {
        &self.history
    }

    /// The state that an apply of the past left, as long as its sources are kept.
    pub(super) fn past(&self, entry: &Entry) -> Result<Option<Past>, Fault> {
        let bundle = self.read(&numbered(STATE, entry.number))?;
        let entry = entry.clone();
        Ok(bundle.map(|bundle| Past { entry, bundle }))
    }

    /// Writes down the way back from `plan`, and that `who` asked for it, or that the daemon does it by itself; returns its entry in the
    /// history.
    pub(super) async fn begin(
        &mut self,
        plan: &Plan,
        beside: Observation,
        occasion: Occasion,
    ) -> Result<(Entry, Journal), Fault> {
        let Occasion {
            who,
            by_itself,
            back_to,
        } = occasion;
        let history = &self.history;
        let entry = Entry {
            number: history.keys().next_back().map_or(1, |last| last + 1),
            plan: plan.id.clone(),
            site: plan.site.clone(),
            who,
            at: now(),
            steps: plan.steps.len(),
            target: plan.target,
            fate: Fate::Running,
            failed: BTreeSet::new(),
            has_state: false,
            by_itself,
            back_to,
            selection: plan.selection.clone(),
        };
        let steps = plan.steps.iter().filter(|step| step.key.is_host());
        let journal = Journal {
            plan: plan.id.clone(),
            steps: steps.cloned().collect(),
            beside,
            is_undone: false,
            entry: Some(entry.number),
        };
        let forgotten = surplus(history, by_itself);
        let mut writes = vec![put(RUNNING, &journal)?, entry_of(&entry)?];
        for number in &forgotten {
            let keys = [numbered(ENTRY, *number), numbered(STATE, *number)];
            writes.extend(keys.map(|key| Write::Delete { key }));
        }
        self.write(writes).await?;
        for number in forgotten {
            self.history.remove(&number);
        }
        self.history.insert(entry.number, entry.clone());
        Ok((entry, journal))
    }

    /// Writes down what is known now of a way back.
    pub(super) async fn amend(&mut self, journal: &Journal) -> Result<(), Fault> {
        self.write(vec![put(RUNNING, journal)?]).await
    }

    /// Writes down that an apply is done and waits to be confirmed: the way back stays.
    pub(super) async fn wait(&mut self, entry: &Entry, journal: &Journal) -> Result<(), Fault> {
        let writes = vec![put(RUNNING, journal)?, entry_of(entry)?];
        self.write(writes).await?;
        self.history.insert(entry.number, entry.clone());
        Ok(())
    }

    /// Writes down that no way back is needed, and what became of the apply. Where that fails, the fate is remembered, told, and
    /// written as soon as there is room.
    pub(super) async fn end(&mut self, entry: Option<&Entry>) -> Result<(), Fault> {
        if let Some(entry) = entry {
            self.history.insert(entry.number, entry.clone());
            self.owed.insert(entry.number);
        }
        let key = RUNNING.to_vec();
        self.write(vec![Write::Delete { key }]).await
    }

    /// The same for an apply that touched nothing: it is forgotten.
    pub(super) async fn forget(&mut self, entry: &Entry) -> Result<(), Fault> {
        self.history.remove(&entry.number);
        self.owed.insert(entry.number);
        self.end(None).await
    }

    /// Makes `next` what the next start goes back to, ends the apply that led there, and keeps its sources for `rollback`.
    pub(super) async fn keep(&mut self, next: &Applied, entry: &Entry) -> Result<(), Fault> {
        let key = RUNNING.to_vec();
        let mut writes = vec![put(APPLIED, next)?, Write::Delete { key }];
        // The sources of a part would lead to the whole.
        let has_state = !next.is_part;
        if has_state {
            writes.push(put(&numbered(STATE, entry.number), &next.bundle)?);
        }
        let mut changed = vec![Entry {
            has_state,
            ..entry.clone()
        }];
        for old in outdated(&self.history, &entry.target) {
            let key = numbered(STATE, old.number);
            writes.push(Write::Delete { key });
            changed.push(Entry {
                has_state: false,
                ..old.clone()
            });
        }
        for entry in &changed {
            writes.push(entry_of(entry)?);
        }
        self.write(writes).await?;
        let changed = changed.into_iter().map(|entry| (entry.number, entry));
        self.history.extend(changed);
        Ok(())
    }

    fn read<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, Fault> {
        let Some(bytes) = self.store.get(key).map_err(fault::store)? else {
            return Ok(None);
        };
        let value = serde_json::from_slice(&bytes).map_err(|error| fault::corrupt(&error))?;
        Ok(Some(value))
    }

    async fn write(&mut self, writes: Vec<Write>) -> Result<(), Fault> {
        let owed = self.owed.iter().map(|number| {
            let key = numbered(ENTRY, *number);
            let entry = self.history.get(number).map(entry_of);
            entry.unwrap_or(Ok(Write::Delete { key }))
        });
        // What is owed comes first: later words about the same entry win.
        let mut all = owed.collect::<Result<Vec<_>, _>>()?;
        all.extend(writes);
        let batch = Batch {
            guards: Vec::new(),
            writes: all,
        };
        self.store.commit(batch).await.map_err(fault::store)?;
        self.owed.clear();
        Ok(())
    }
}

/// Keys in the order of their numbers.
fn numbered(prefix: &str, number: u64) -> Vec<u8> {
    format!("{prefix}{number:020}").into_bytes()
}

fn entry_of(entry: &Entry) -> Result<Write, Fault> {
    put(&numbered(ENTRY, entry.number), entry)
}

fn put(key: &[u8], value: &impl Serialize) -> Result<Write, Fault> {
    let value = serde_json::to_vec(value).map_err(|error| fault::corrupt(&error))?;
    Ok(Write::Put {
        key: key.to_vec(),
        value,
    })
}
