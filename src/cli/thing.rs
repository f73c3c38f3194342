//! What should exist for a site, over all of its controllers, and how `show` writes it. Decides nothing of it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::base::name::HostName;
use crate::base::option::option_attribute;
use crate::base::origin::Origin;
use crate::diag::suggest::nearest;
use crate::site::catalog::{Object, ObjectKey};
use crate::site::model::Site;
use crate::state::{Desired, Key, Resource, Unapplied, desired};

/// One thing that should exist.
#[derive(Debug, Serialize)]
pub(super) struct Thing {
    pub(super) key: Key,
    /// The controllers that should have it.
    controllers: Vec<HostName>,
    pub(super) resource: Resource,
    origin: Option<Origin>,
}

/// Everything that should exist, by controller.
pub(super) struct Things(BTreeMap<HostName, Desired>);

impl Things {
    pub(super) fn of(site: &Site) -> Self {
        let hosts = site.controllers.keys();
        Self(
            hosts
                .map(|host| (host.clone(), desired(site, host)))
                .collect(),
        )
    }

    /// The key that was meant by a mistyped one.
    pub(super) fn nearest(&self, what: &str) -> Option<String> {
        let keys = self.0.values().flat_map(|desired| desired.state.keys());
        let keys: Vec<String> = keys.map(ToString::to_string).collect();
        nearest(what, keys.iter().map(String::as_str)).map(str::to_owned)
    }

    /// A thing as its first controller should have it; the others that should have the same are named with it.
    pub(super) fn get(&self, key: &Key) -> Option<Thing> {
        let mut holders = self
            .0
            .iter()
            .filter_map(|(host, desired)| Some((host, desired, desired.state.get(key)?)));
        let (first, desired, resource) = holders.next()?;
        let others = holders
            .filter(|(_, _, other)| *other == resource)
            .map(|(host, ..)| host);
        Some(Thing {
            key: key.clone(),
            controllers: std::iter::once(first).chain(others).cloned().collect(),
            resource: resource.clone(),
            origin: desired.origins.get(key).cloned(),
        })
    }

    /// What the object says and this release does not bring about.
    pub(super) fn unapplied(&self, key: &ObjectKey) -> BTreeSet<&Unapplied> {
        let name = key.to_string();
        let notes = self.0.values().flat_map(|desired| &desired.unapplied);
        notes
            .filter(|note| {
                let rest = note.what.strip_prefix(&name);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
            .collect()
    }

    /// What comes of an object: the things of its name, and those declared where it or one of its own values is.
    pub(super) fn made_of(&self, key: &ObjectKey, object: &Object) -> Vec<Thing> {
        let values = object.values.iter().map(|value| &value.source);
        let own = values.chain([&object.declared]).filter(|one| one.is_own());
        let places: Vec<&Origin> = own.filter_map(|one| one.at()).collect();
        let name: Option<Key> = key.to_string().parse().ok();
        let mut keys: Vec<&Key> = self
            .0
            .values()
            .flat_map(|desired| &desired.origins)
            .filter(|(thing, origin)| places.contains(origin) || Some(*thing) == name.as_ref())
            .map(|(thing, _)| thing)
            .collect();
        keys.sort();
        keys.dedup();
        keys.into_iter().filter_map(|key| self.get(key)).collect()
    }
}

impl Thing {
    pub(super) fn summary(&self) -> String {
        self.resource.summary()
    }

    /// Who should have it, and where that is said.
    pub(super) fn place(&self) -> String {
        let hosts: Vec<_> = self.controllers.iter().map(ToString::to_string).collect();
        let origin = self.origin.iter().map(|origin| format!(", {origin}"));
        format!("on {}{}", hosts.join(" and "), origin.collect::<String>())
    }

    /// Every attribute with its value, in the words of the plan's JSON.
    pub(super) fn fields(&self) -> Vec<(String, String)> {
        let Ok(value) = serde_json::to_value(&self.resource) else {
            return Vec::new();
        };
        let Some(fields) = inner(&value).as_object() else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        for (name, value) in fields {
            if let (Some(options), "options") = (value.as_object(), name.as_str()) {
                let named = options.iter();
                lines.extend(named.map(|(code, value)| (option(code), text(value))));
            } else {
                lines.push((name.replace('_', "-"), text(value)));
            }
        }
        lines
    }
}

fn option(code: &str) -> String {
    let known = code.parse().map(option_attribute);
    known.map_or_else(|_| code.to_owned(), Cow::into_owned)
}

/// What an enum's variant holds.
fn inner(value: &Value) -> &Value {
    match value.as_object() {
        Some(map) if map.len() == 1 => map.values().next().unwrap_or(value),
        Some(_) | None => value,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(map) if map.len() == 1 => text(inner(value)),
        Value::Object(map) => {
            let pairs = map
                .iter()
                .map(|(name, value)| format!("{name} {}", text(value)));
            pairs.collect::<Vec<_>>().join(", ")
        }
    }
}
