//! What a host has and its site does not say, or says otherwise, in the words of the site. The reverse of `state`: from what was
//! found to the nodes that would declare it. Reads and writes no file.

mod check;
mod draft;
mod vlan;
mod words;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use super::Inputs;
use super::diff::managed;
use crate::base::glob::matches;
use crate::base::name::{HostName, LinkName};
use crate::lang::edit::Edits;
use crate::site::model::{Controller, Site};
use crate::state::{Change, Desired, Key, Observation, Resource, State, desired};

/// What takes over from one host into its site.
pub struct Adopter<'a> {
    site: &'a Site,
    name: &'a HostName,
    controller: &'a Controller,
    observed: &'a Observation,
    /// What the site says, under the host's names.
    desired: Desired,
    /// The site's names of links that the host calls otherwise.
    renamed: BTreeMap<LinkName, LinkName>,
}

/// A thing of the host that the site could say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub key: Key,
    pub found: Resource,
    /// What the site says otherwise, from its word to what was found; empty where it does not name the thing.
    pub changes: Vec<Change>,
}

/// What a site would say then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// Each with the thing that needs it, where nobody asked for it.
    pub adopted: BTreeMap<Key, Option<Key>>,
    /// What the language has no words for, and why.
    pub refused: BTreeMap<Key, String>,
    pub edits: Edits,
}

/// What kept beside a site is of no concern here.
static NOTHING: State = State::new();
static NOWHERE: BTreeMap<HostName, usize> = BTreeMap::new();

impl<'a> Adopter<'a> {
    /// None where the site has no such controller.
    pub fn new(site: &'a Site, name: &'a HostName, observed: &'a Observation) -> Option<Self> {
        let said = desired(site, name);
        let found = said.found_in(observed).into_owned();
        let link_of = |key: &Key| {
            if let Key::Link { link, .. } = key {
                Some(link.clone())
            } else {
                None
            }
        };
        let renamed = found.by_mac.iter().filter_map(|(key, mac)| {
            let mut same = said.by_mac.iter().filter(|(_, other)| *other == mac);
            let (said, _) = same.next()?;
            Some((link_of(key)?, link_of(said)?))
        });
        Some(Self {
            site,
            name,
            controller: site.controllers.get(name)?,
            observed,
            renamed: renamed.filter(|(host, site)| host != site).collect(),
            desired: found,
        })
    }

    /// All that could be taken over: what others made, and what they changed.
    pub fn candidates(&self) -> Vec<Candidate> {
        let things = self.observed.state.iter();
        let things = things.filter(|(key, _)| key.is_host() && !self.is_own_loopback(key));
        let candidates = things.filter_map(|(key, found)| {
            let is_open = match self.desired.state.get(key) {
                Some(_) => !self.changes(&self.desired, key, found).is_empty(),
                None => self.observed.is_foreign(key),
            };
            is_open.then(|| Candidate {
                key: key.clone(),
                found: found.clone(),
                changes: self.changes(&self.desired, key, found),
            })
        });
        candidates.collect()
    }

    /// Whether a pattern names anything of the host or of the controller's network at all.
    pub fn knows(&self, pattern: &str) -> bool {
        let all = self.observed.state.keys().chain(self.desired.state.keys());
        all.filter(|key| key.is_host())
            .any(|key| matches(pattern, &key.to_string()))
    }

    /// The nodes that declare `keys`, with what those need.
    pub fn draft(&self, keys: &BTreeSet<Key>) -> Draft {
        draft::draft(self, keys)
    }

    /// What would change on the host by the new site beside what was adopted.
    ///
    /// # Errors
    /// Why things are not as found by the new site, or no more as the old one says.
    pub fn check(
        &self,
        draft: &Draft,
        site: &Site,
    ) -> Result<BTreeSet<Key>, BTreeMap<Key, String>> {
        check::check(self, draft, site)
    }

    /// How what `wanted` says of a thing differs from what was found, from the site's word to the host's.
    fn changes(&self, wanted: &Desired, key: &Key, found: &Resource) -> Vec<Change> {
        let Some(said) = wanted.state.get(key) else {
            return Vec::new();
        };
        let inputs = Inputs {
            site: &self.site.name,
            controller: self.name,
            desired: wanted,
            observed: self.observed,
            applied: None,
            kept: &NOTHING,
            elsewhere: &NOWHERE,
        };
        let changes = managed(inputs, key, said).changes_from(found);
        let turned = changes
            .into_iter()
            .map(|Change { field, from, to }| Change {
                field,
                from: to,
                to: from,
            });
        turned.collect()
    }

    /// Every host has it; only its addresses are of interest.
    fn is_own_loopback(&self, key: &Key) -> bool {
        matches!(key, Key::Link { link, .. } if *link == LinkName::loopback())
    }

    fn link_key(&self, link: &LinkName) -> Key {
        Key::link(self.name, link)
    }

    /// What the site calls a link of the host.
    fn site_name<'n>(&'n self, link: &'n LinkName) -> &'n LinkName {
        self.renamed.get(link).unwrap_or(link)
    }

    /// The links that are ports of `link` on the host.
    fn ports(&self, of: &LinkName) -> Vec<&LinkName> {
        let things = self.observed.state.iter();
        let ports = things.filter_map(|(key, resource)| match (key, resource) {
            (Key::Link { link, .. }, Resource::Link(found))
                if found.port_of.as_ref() == Some(of) =>
            {
                Some(link)
            }
            _ => None,
        });
        ports.collect()
    }
}

#[cfg(test)]
mod tests;
