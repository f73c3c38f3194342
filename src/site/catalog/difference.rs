//! What differs between two catalogs, object by object. Where something is written does not matter, only what it says.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::{Catalog, Object, ObjectKey, Source, Value};

/// All that differs between two sites.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// In the order of keys.
    pub changes: Vec<ObjectChange>,
    /// How many objects are the same in both.
    pub unchanged: usize,
}

/// One object that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObjectChange {
    pub key: ObjectKey,
    pub kind: &'static str,
    pub sign: Sign,
    /// The profile of the machine that it is, or belongs to.
    pub profile: Option<String>,
    /// Where it is declared; of a removed one, where it was.
    pub declared: Source,
    /// Of an added or removed object, all its values.
    pub values: Vec<ValueChange>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    Added,
    Removed,
    Changed,
}

/// One value that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValueChange {
    pub name: Cow<'static, str>,
    pub old: Option<String>,
    pub new: Option<String>,
    /// Of the new value; where there is none, of the old one.
    pub source: Source,
}

impl Sign {
    pub fn as_char(self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '-',
            Self::Changed => '~',
        }
    }

    /// What has happened to the object.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

impl Difference {
    pub fn between(old: &Catalog, new: &Catalog) -> Self {
        let keys: BTreeSet<&ObjectKey> = old.objects.keys().chain(new.objects.keys()).collect();
        let mut difference = Self::default();
        for key in keys {
            let (before, after) = (old.objects.get(key), new.objects.get(key));
            let change = match (before, after) {
                (Some(before), None) => change(key, Sign::Removed, before, &[], old),
                (None, Some(after)) => change(key, Sign::Added, after, &[], new),
                (Some(before), Some(after)) => {
                    let values = values(key, before, after);
                    if values.is_empty() {
                        difference.unchanged += 1;
                        continue;
                    }
                    change(key, Sign::Changed, after, &values, new)
                }
                (None, None) => continue,
            };
            difference.changes.push(change);
        }
        difference
    }

    pub fn count(&self, sign: Sign) -> usize {
        self.changes.iter().filter(|one| one.sign == sign).count()
    }
}

fn change(
    key: &ObjectKey,
    sign: Sign,
    object: &Object,
    values: &[ValueChange],
    catalog: &Catalog,
) -> ObjectChange {
    let alone = object.values.iter().map(|value| match sign {
        Sign::Added => value_change(None, Some(value), value),
        Sign::Removed | Sign::Changed => value_change(Some(value), None, value),
    });
    ObjectChange {
        key: key.clone(),
        kind: object.kind,
        sign,
        profile: profile(key, catalog),
        declared: object.declared.clone(),
        values: match sign {
            Sign::Added | Sign::Removed => alone.collect(),
            Sign::Changed => values.to_vec(),
        },
    }
}

fn value_change(old: Option<&Value>, new: Option<&Value>, shown: &Value) -> ValueChange {
    ValueChange {
        name: shown.name.clone(),
        old: old.map(|value| value.text.clone()),
        new: new.map(|value| value.text.clone()),
        source: shown.source.clone(),
    }
}

fn profile(key: &ObjectKey, catalog: &Catalog) -> Option<String> {
    let host = key.parent().unwrap_or_else(|| key.clone());
    let machine = catalog.objects.get(&host)?;
    let mut values = machine.values.iter();
    let profile = values.find(|value| value.name == "profile")?;
    Some(profile.text.clone())
}

/// The change of values that are the same in another order.
fn reordered(before: &[&Value], after: &[&Value]) -> Option<ValueChange> {
    let texts = |values: &[&Value]| {
        let texts: Vec<&str> = values.iter().map(|value| &*value.text).collect();
        texts.join(", ")
    };
    let (old, new) = (texts(before), texts(after));
    (old != new).then_some(ValueChange {
        name: after.first()?.name.clone(),
        old: Some(old),
        new: Some(new),
        source: after.first()?.source.clone(),
    })
}

/// The values that differ. Those of one name have no order that means anything, so equal ones pair first; but a controller sends from
/// the first of its addresses.
fn values(key: &ObjectKey, before: &Object, after: &Object) -> Vec<ValueChange> {
    let mut changes = Vec::new();
    if before.kind != after.kind {
        changes.push(ValueChange {
            name: Cow::Borrowed("kind"),
            old: Some(before.kind.to_owned()),
            new: Some(after.kind.to_owned()),
            source: after.declared.clone(),
        });
    }
    // By name, what was and what is, in the order in which names are met.
    let mut names: Vec<&str> = Vec::new();
    let mut by_name: HashMap<&str, (Vec<&Value>, Vec<&Value>)> = HashMap::new();
    for (object, is_new) in [(after, true), (before, false)] {
        for value in &object.values {
            let (old, new) = by_name.entry(&value.name).or_insert_with(|| {
                names.push(&value.name);
                (Vec::new(), Vec::new())
            });
            if is_new { new } else { old }.push(value);
        }
    }
    for (old, new) in names.iter().filter_map(|name| by_name.get(name)) {
        let (gone, come) = (without(old, new), without(new, old));
        let is_ordered = matches!(key, ObjectKey::ControllerLink(..))
            && new.first().is_some_and(|value| value.name == "address");
        if is_ordered && gone.is_empty() && come.is_empty() {
            changes.extend(reordered(old, new));
            continue;
        }
        if let ([old], [new]) = (gone.as_slice(), come.as_slice()) {
            changes.push(value_change(Some(old), Some(new), new));
            continue;
        }
        changes.extend(gone.iter().map(|old| value_change(Some(old), None, old)));
        changes.extend(come.iter().map(|new| value_change(None, Some(new), new)));
    }
    changes
}

/// Those of some values that find no equal one, each of its own, among others.
fn without<'v>(values: &[&'v Value], others: &[&Value]) -> Vec<&'v Value> {
    let mut left: HashMap<&str, usize> = HashMap::with_capacity(others.len());
    for other in others {
        *left.entry(&other.text).or_default() += 1;
    }
    let is_alone = |value: &&&Value| match left.get_mut(&*value.text) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        Some(_) | None => true,
    };
    values.iter().filter(is_alone).copied().collect()
}
