//! What differs from the applied site, told with when that began. Knows plans and moments, neither the world nor a clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::fight::Tries;
use crate::base::moment::Moment;
use crate::plan::{Action, Plan, Step};
use crate::state::{Change, Key, Observation};

/// Differences that are told one by one; beyond these they are counted. Nobody reads more.
pub const TOLD: usize = 1_000;

/// Differences whose beginning is remembered; what is beyond began just now, each time.
const REMEMBERED: usize = 50_000;

/// Drift that has ended and is still told.
pub const ENDED: usize = 20;

/// Differences that are logged of one look.
const LOGGED: usize = 20;

/// One thing that is not as the applied site says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    pub key: Key,
    pub what: Departure,
    /// When the daemon saw it first.
    pub since: Moment,
    /// Of a listener: what must be there before it can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Key>,
    /// How often it was put back of late, and when it is next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tries: Option<Tries>,
}

/// In which way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Departure {
    Gone,
    /// From what the site says to what is.
    Changed {
        changes: Vec<Change>,
    },
    /// There, and made by others.
    Foreign {
        changes: Vec<Change>,
    },
    /// Something of another kind has its name.
    Replaced {
        changes: Vec<Change>,
    },
    /// Bedplate's, and not in the site.
    Surplus,
}

/// One thing that cannot be as the applied site says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    pub key: Key,
    pub on: String,
    /// When the daemon saw it first.
    pub since: Moment,
}

/// Drift that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub key: Key,
    /// What it was, in words.
    pub what: String,
    pub since: Moment,
    pub until: Moment,
}

/// All differences at one moment.
#[derive(Debug, Default)]
pub(super) struct Differences {
    pub(super) drift: Vec<Drift>,
    pub(super) waiting: Vec<Waits>,
    /// Things in place that a plan would take away and make again for the sake of others.
    pub(super) beside: usize,
}

/// What is remembered from look to look.
#[derive(Debug, Default)]
pub(super) struct Memory {
    begun: BTreeMap<Key, Begun>,
    ended: VecDeque<Ended>,
}

#[derive(Debug, PartialEq)]
struct Begun {
    since: Moment,
    what: String,
    is_waiting: bool,
}

impl Differences {
    /// What `plan`, which leads to the applied site, says of the present.
    pub(super) fn of(plan: &Plan, observed: &Observation, now: Moment) -> Self {
        let mut steps: BTreeMap<&Key, Vec<&Step>> = BTreeMap::new();
        let decided = plan.steps.iter().filter(|step| step.is_decided());
        for step in decided.clone() {
            steps.entry(&step.key).or_default().push(step);
        }
        let beside = plan
            .steps
            .iter()
            .filter(|step| !steps.contains_key(&step.key));
        let beside: BTreeSet<&Key> = beside.map(|step| &step.key).collect();
        let beside = beside.len();
        // In the order of the plan, each once.
        let drift = decided.filter_map(|step| {
            let all = steps.remove(&step.key)?;
            let needs = step
                .after
                .as_ref()
                .and_then(|after| observed.lacking(&step.key, after));
            Some(Drift {
                key: step.key.clone(),
                what: Departure::of(step.action, &all),
                since: now,
                needs,
                tries: None,
            })
        });
        let drift = drift.collect();
        let waiting = plan.waiting.iter().map(|waiting| Waits {
            key: waiting.key.clone(),
            on: waiting.on.to_string(),
            since: now,
        });
        Self {
            drift,
            waiting: waiting.collect(),
            beside,
        }
    }
}

impl Departure {
    fn of(action: Action, steps: &[&Step]) -> Self {
        let changes = steps.first().map_or(&[][..], |step| &step.changes);
        // Steps tell the way back.
        let changes = changes.iter().map(|change| Change {
            field: change.field.clone(),
            from: change.to.clone(),
            to: change.from.clone(),
        });
        let changes = changes.collect();
        match action {
            Action::Create => Self::Gone,
            Action::Update => Self::Changed { changes },
            Action::Claim if steps.iter().all(|step| step.after.is_none()) => Self::Surplus,
            Action::Claim => Self::Foreign { changes },
            Action::Delete | Action::Release | Action::Carry if steps.len() > 1 => {
                Self::Replaced { changes }
            }
            Action::Delete | Action::Release | Action::Carry => Self::Surplus,
        }
    }

    /// The sign that a plan shows before what puts it right.
    pub fn sign(&self) -> char {
        match self {
            Self::Gone => '+',
            Self::Changed { .. } => '~',
            Self::Foreign { .. } => '=',
            Self::Replaced { .. } => '±',
            Self::Surplus => '-',
        }
    }
}

impl Memory {
    /// Gives each difference its beginning, and logs what began and what ended.
    pub(super) fn see(&mut self, seen: &mut Differences, now: Moment) {
        let mut before = std::mem::take(&mut self.begun);
        let mut news = News::default();
        let drift = seen.drift.iter_mut();
        let drift = drift.map(|one| (&one.key, one.what.to_string(), false, &mut one.since));
        let waiting = seen.waiting.iter_mut();
        let waiting = waiting.map(|one| (&one.key, one.on.clone(), true, &mut one.since));
        for (key, what, is_waiting, since) in drift.chain(waiting) {
            match before.get(key) {
                Some(begun) if begun.is_waiting == is_waiting => {
                    *since = begun.since;
                    before.remove(key);
                }
                Some(_) | None => news.begins(key, &what, is_waiting),
            }
            if self.begun.len() < REMEMBERED {
                let begun = Begun {
                    since: *since,
                    what,
                    is_waiting,
                };
                self.begun.insert(key.clone(), begun);
            }
        }
        for (key, begun) in before {
            news.ends(&key, &begun);
            if begun.is_waiting {
                continue;
            }
            self.ended.push_front(Ended {
                key,
                what: begun.what,
                since: begun.since,
                until: now,
            });
        }
        self.ended.truncate(ENDED);
    }

    /// The latest first.
    pub(super) fn ended(&self) -> Vec<Ended> {
        self.ended.iter().cloned().collect()
    }
}

/// Lines of the log, as many as people read.
#[derive(Default)]
struct News(usize);

impl News {
    fn begins(&mut self, key: &Key, what: &str, is_waiting: bool) {
        match (self.has_room(), is_waiting) {
            (true, false) => tracing::warn!(%key, what, "drift"),
            (true, true) => tracing::info!(%key, on = what, "waiting"),
            (false, _) => {}
        }
    }

    fn ends(&mut self, key: &Key, begun: &Begun) {
        let (what, since) = (&begun.what, begun.since);
        match (self.has_room(), begun.is_waiting) {
            (true, false) => tracing::info!(%key, what, %since, "drift ended"),
            (true, true) => tracing::info!(%key, on = what, %since, "waits no longer"),
            (false, _) => {}
        }
    }

    fn has_room(&mut self) -> bool {
        self.0 += 1;
        if self.0 == LOGGED + 1 {
            tracing::warn!("and more; `bedplate status` shows what differs now");
        }
        self.0 <= LOGGED
    }
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, changes) = match self {
            Self::Gone => ("gone", &[][..]),
            Self::Changed { changes } => ("", &changes[..]),
            Self::Foreign { changes } => ("made by others", &changes[..]),
            Self::Replaced { changes } => ("something else", &changes[..]),
            Self::Surplus => ("not in the site", &[][..]),
        };
        f.write_str(text)?;
        for (at, Change { field, from, to }) in changes.iter().enumerate() {
            let joint = if at > 0 || !text.is_empty() { ", " } else { "" };
            write!(f, "{joint}{field} {from} -> {to}")?;
        }
        Ok(())
    }
}
