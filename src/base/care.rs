//! What a site says about plans beyond what should exist: what no plan may take away, and what others may change. Plain values that
//! outlive the sources; how plans obey is not known here.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::glob;
use super::limit;
use super::origin::Origin;

/// That a thing is never deleted, replaced or given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protection {
    /// Why, in the words of the site.
    pub reason: Option<String>,
    /// Where the site says so, or did.
    pub origin: Origin,
}

/// That what others change on some things is neither put back nor shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IgnoreRule {
    pub pattern: KeyPattern,
    /// What is ignored of the things; empty for everything.
    pub attributes: BTreeSet<String>,
    /// Why, in the words of the site.
    pub reason: Option<String>,
    pub origin: Origin,
}

/// A pattern over keys, such as `controller/*/link/eno?`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct KeyPattern(String);

/// Why a text is no pattern over keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("a pattern of keys is not empty")]
    Empty,
    #[error("a pattern of keys has at most {} characters", limit::PATTERN_CHARS)]
    Long,
}

impl IgnoreRule {
    /// Whether it speaks of the things themselves, rather than of attributes.
    pub fn is_whole(&self) -> bool {
        self.attributes.is_empty()
    }
}

impl KeyPattern {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn matches(&self, key: &str) -> bool {
        glob::matches(&self.0, key)
    }
}

impl FromStr for KeyPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        // What is matched against every key of a site has a bound.
        if text.chars().count() > limit::PATTERN_CHARS {
            return Err(PatternError::Long);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for KeyPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<KeyPattern> for String {
    fn from(pattern: KeyPattern) -> Self {
        pattern.0
    }
}

impl TryFrom<String> for KeyPattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}
