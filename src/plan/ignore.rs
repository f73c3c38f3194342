//! What others changed and the site leaves to them: neither put back nor shown. An edit of the site is never among it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::diff::{is_unasked, managed};
use super::{Inputs, Mode};
use crate::base::care::IgnoreRule;
use crate::state::{Change, Desired, Key, Resource};

/// Something that others changed, and that the site leaves to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    pub key: Key,
    pub what: Disregard,
    /// The first rule that says so.
    pub by: IgnoreRule,
}

/// What others did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disregard {
    /// These attributes are not as the site says.
    Changed { changes: Vec<Change> },
    /// It is not there any more.
    Gone,
    /// They made it.
    Foreign,
}

/// What is left to others, and how the site looks with it.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// In the shape that others gave it; none where they replaced it by something of theirs.
    shapes: BTreeMap<Key, Option<Resource>>,
    /// Taken away by others.
    pub(super) gone: BTreeSet<Key>,
    pub(super) ignored: Vec<Ignored>,
}

impl Left {
    /// Compares what was applied, what is desired and what is, for all that some rule speaks of.
    pub(super) fn new(inputs: Inputs<'_>, mode: Mode) -> Self {
        let mut left = Self::default();
        let Some(applied) = inputs.applied else {
            return left;
        };
        if inputs.desired.ignored.is_empty() {
            return left;
        }
        for (key, wanted) in &inputs.desired.state {
            let found = inputs.observed.state.get(key);
            // What was not applied yet is new, and nobody can have changed it.
            if found != Some(wanted)
                && !is_unasked(inputs, key)
                && let Some(applied) = applied.state.get(key)
            {
                let drift = Drift {
                    key,
                    wanted: &managed(inputs, key, wanted),
                    applied,
                    found,
                };
                left.compare(&drift, inputs, mode);
            }
        }
        left
    }

    fn compare(&mut self, drift: &Drift<'_>, inputs: Inputs<'_>, mode: Mode) {
        let Drift {
            key,
            wanted,
            applied,
            found,
        } = *drift;
        let rules = Rules::of(inputs.desired, key);
        if rules.0.is_empty() {
            return;
        }
        // After a start of the host or of the servers nothing is there, and nobody took it away.
        let is_whole = rules.whole().is_some() && applied == wanted && mode.is_running();
        let Some(found) = found else {
            if is_whole {
                self.gone.insert(key.clone());
                self.note(key, Disregard::Gone, rules.whole());
            }
            return;
        };
        let edited = wanted.changes_from(applied);
        let is_left = |name: &str| {
            rules.covering(name).is_some() && edited.iter().all(|change| change.field != name)
        };
        let changes = wanted.changes_from(found);
        let (ignored, rest): (Vec<Change>, Vec<Change>) = changes
            .into_iter()
            .partition(|change| is_left(&change.field));
        let by = ignored.first().and_then(|one| rules.covering(&one.field));
        if inputs.observed.is_foreign(key) {
            let is_left = rest.is_empty() && !ignored.is_empty() && applied == wanted;
            if is_whole || is_left {
                self.shapes.insert(key.clone(), None);
                self.note(key, Disregard::Foreign, by.or(rules.whole()));
                return;
            }
        }
        if !ignored.is_empty() {
            let shape = wanted.leaving(found, &is_left);
            self.shapes.insert(key.clone(), Some(shape));
            self.note(key, Disregard::Changed { changes: ignored }, by);
        }
    }

    fn note(&mut self, key: &Key, what: Disregard, by: Option<&IgnoreRule>) {
        self.ignored.extend(by.map(|by| Ignored {
            key: key.clone(),
            what,
            by: by.clone(),
        }));
    }

    /// What the site wants, with what is left to others as they made it.
    pub(super) fn applied_to<'a>(&self, desired: &'a Desired) -> Cow<'a, Desired> {
        if self.shapes.is_empty() {
            return Cow::Borrowed(desired);
        }
        let mut desired = desired.clone();
        for (key, shape) in &self.shapes {
            match shape {
                Some(shape) => drop(desired.state.insert(key.clone(), shape.clone())),
                None => drop(desired.state.remove(key)),
            }
        }
        Cow::Owned(desired)
    }

    /// Takes out of `foreign` what the site does not want to see.
    pub(super) fn hide(&mut self, foreign: &mut Vec<Key>, desired: &Desired) {
        if desired.ignored.is_empty() {
            return;
        }
        foreign.retain(|key| {
            if self.shapes.contains_key(key) {
                return false;
            }
            let whole = Rules::of(desired, key).whole();
            self.note(key, Disregard::Foreign, whole);
            whole.is_none()
        });
    }
}

/// Whether the site leaves all there is to a thing to others.
pub(super) fn is_left(desired: &Desired, key: &Key) -> bool {
    !desired.ignored.is_empty() && Rules::of(desired, key).whole().is_some()
}

/// One thing as it was applied, as it should be and as it is.
#[derive(Clone, Copy)]
struct Drift<'a> {
    key: &'a Key,
    wanted: &'a Resource,
    applied: &'a Resource,
    found: Option<&'a Resource>,
}

/// The rules that speak of a thing.
struct Rules<'a>(Vec<&'a IgnoreRule>);

impl<'a> Rules<'a> {
    fn of(desired: &'a Desired, key: &Key) -> Self {
        let name = key.to_string();
        let rules = desired.ignored.iter();
        Self(rules.filter(|rule| rule.pattern.matches(&name)).collect())
    }

    /// The first that speaks of all there is to the thing.
    fn whole(&self) -> Option<&'a IgnoreRule> {
        self.0.iter().find(|rule| rule.is_whole()).copied()
    }

    /// The first that speaks of an attribute.
    fn covering(&self, name: &str) -> Option<&'a IgnoreRule> {
        let covers = |rule: &&&IgnoreRule| rule.is_whole() || rule.attributes.contains(name);
        self.0.iter().find(covers).copied()
    }
}
