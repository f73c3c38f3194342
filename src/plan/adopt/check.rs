//! Whether a new site says the old one's things and those that were adopted, as they were found.

use std::collections::{BTreeMap, BTreeSet};

use super::{Adopter, Draft};
use crate::site::model::Site;
use crate::state::{Desired, Key, desired};

pub(super) fn check(
    adopter: &Adopter<'_>,
    draft: &Draft,
    site: &Site,
) -> Result<BTreeSet<Key>, BTreeMap<Key, String>> {
    let new = desired(site, adopter.name);
    let new = new.found_in(adopter.observed);
    let mut faults = BTreeMap::new();
    for key in draft.adopted.keys() {
        if let Some(fault) = unlike(adopter, &new, key) {
            faults.insert(key.clone(), fault);
        }
    }
    let (old, now) = (&adopter.desired.state, &new.state);
    let is_beside = |key: &&Key| key.is_host() && !draft.adopted.contains_key(key);
    for key in old.keys().filter(is_beside) {
        // A port of what was adopted is said otherwise, and still as it is.
        let is_as_found = adopter.observed.state.get(key).is_some_and(|found| {
            now.contains_key(key) && adopter.changes(&new, key, found).is_empty()
        });
        if now.get(key) != old.get(key) && !is_as_found {
            let fault = "the site would not say it as it does now".to_owned();
            faults.insert(key.clone(), fault);
        }
    }
    let elsewhere = adopter.site.controllers.keys();
    for other in elsewhere.filter(|other| *other != adopter.name) {
        let (old, now) = (desired(adopter.site, other), desired(site, other));
        let host = |all: &Desired| -> BTreeMap<Key, _> {
            let all = all.state.iter().filter(|(key, _)| key.is_host());
            all.map(|(key, one)| (key.clone(), one.clone())).collect()
        };
        let (old, now) = (host(&old), host(&now));
        let differs = old.iter().find(|(key, one)| now.get(*key) != Some(*one));
        let comes = now.iter().find(|(key, _)| !old.contains_key(*key));
        if let Some((key, _)) = differs.or(comes) {
            let fault = "the site would say something else of another controller".to_owned();
            faults.insert(key.clone(), fault);
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let follows = now
        .iter()
        .filter(|(key, one)| !draft.adopted.contains_key(*key) && old.get(*key) != Some(*one));
    Ok(follows.map(|(key, _)| key.clone()).collect())
}

/// How a new site says something else of an adopted thing than was found.
fn unlike(adopter: &Adopter<'_>, new: &Desired, key: &Key) -> Option<String> {
    let found = adopter.observed.state.get(key)?;
    if !new.state.contains_key(key) {
        let name = key.to_string();
        let known = new.unapplied.iter().find(|one| one.what == name);
        return Some(known.map_or_else(
            || "the site has no words for just this".to_owned(),
            |one| one.why.clone(),
        ));
    }
    let changes = adopter.changes(new, key, found);
    let first = changes.first()?;
    Some(format!(
        "the site would make its {} {}, and it is {}",
        first.field, first.from, first.to
    ))
}
