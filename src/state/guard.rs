//! Who protects a thing: what is remembered when its block is gone, and what lifts it. How plans obey is not known here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::care::Protection;

/// Every object whose block may say `protect`, by its name in `show`, and what it says.
pub type Objects = BTreeMap<String, Option<Protection>>;

/// That a thing is never taken away, in the words of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// The object, by its name in `show`; unknown of what was stored before this was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(flatten)]
    pub says: Protection,
}

/// All that protect a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guards {
    /// Its words are the ones that people read.
    #[serde(flatten)]
    pub nearest: Guard,
    /// An outer block protects on where an inner one no longer does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Guard>,
}

impl Guards {
    /// From the nearest to the outermost; none where nobody protects.
    pub fn new(guards: impl IntoIterator<Item = Guard>) -> Option<Self> {
        let mut guards = guards.into_iter();
        Some(Self {
            nearest: guards.next()?,
            others: guards.collect(),
        })
    }

    /// What is left once a site has these objects: one that is still declared says for itself whether it protects, and one that is gone
    /// has lifted nothing.
    pub fn among(&self, objects: &Objects) -> Option<Self> {
        let all = [&self.nearest].into_iter().chain(&self.others);
        Self::new(all.filter_map(|guard| guard.among(objects)))
    }
}

impl Guard {
    fn among(&self, objects: &Objects) -> Option<Self> {
        let by = self.by.clone();
        let says = match by.as_ref().and_then(|by| objects.get(by)) {
            Some(now) => now.clone()?,
            None => self.says.clone(),
        };
        Some(Self { by, says })
    }

    /// Whether the words stand in the site that has these objects.
    pub fn is_said(&self, objects: &Objects) -> bool {
        let said = self.by.as_ref().and_then(|by| objects.get(by));
        said.is_some_and(Option::is_some)
    }
}

impl From<Protection> for Guards {
    fn from(says: Protection) -> Self {
        Self {
            nearest: Guard { by: None, says },
            others: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::origin::Origin;

    fn says(line: u32) -> Protection {
        Protection {
            reason: None,
            origin: Origin {
                file: "site.kdl".into(),
                line,
                column: 1,
            },
        }
    }

    fn guards() -> Guards {
        let guard = |by: &str, line| Guard {
            by: Some(by.to_owned()),
            says: says(line),
        };
        Guards::new([guard("machine/a", 6), guard("vlan/f/v", 2)]).unwrap()
    }

    #[test]
    fn only_an_object_that_is_declared_lifts_its_own() {
        let nobody = Objects::new();
        assert_eq!(guards().among(&nobody), Some(guards()));
        let free = |name: &str| (name.to_owned(), None);
        let one = Objects::from([free("machine/a")]);
        let left = guards().among(&one).unwrap();
        assert_eq!(
            (left.nearest.by.as_deref(), left.others.len()),
            (Some("vlan/f/v"), 0)
        );
        let both = Objects::from([free("machine/a"), free("vlan/f/v")]);
        assert_eq!(guards().among(&both), None);
        let still = Objects::from([("machine/a".to_owned(), Some(says(9)))]);
        let left = guards().among(&still).unwrap();
        assert_eq!((left.nearest.says.clone(), left.others.len()), (says(9), 1));
        assert!(left.nearest.is_said(&still) && !left.nearest.is_said(&nobody));
    }

    #[test]
    fn what_was_stored_before_is_read() {
        let old = r#"{"reason":"db","origin":{"file":"site.kdl","line":6,"column":1}}"#;
        let read: Guards = serde_json::from_str(old).unwrap();
        assert_eq!((read.nearest.by.clone(), read.others.len()), (None, 0));
        assert_eq!(serde_json::to_string(&read).unwrap(), old);
        let text = serde_json::to_string(&guards()).unwrap();
        assert_eq!(serde_json::from_str::<Guards>(&text).unwrap(), guards());
    }
}
