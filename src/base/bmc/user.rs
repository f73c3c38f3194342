//! Who may use a BMC, and what for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a user of a BMC may do, in the words of the language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum UserRole {
    /// Changes the BMC itself, its users among the rest.
    Administrator,
    /// Switches the machine.
    Operator,
    /// Looks.
    ReadOnly,
    /// Nothing.
    Nothing,
    /// A role of the BMC's own, by its word.
    Other(String),
}

/// What a BMC tells of one of its users; it tells no password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BmcUser {
    pub role: UserRole,
    /// Whether it is let in at all.
    pub enabled: bool,
    /// By what it is kept out where it is not; none where that is all that there is, or nobody tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shut: Option<Shut>,
}

/// The one of IPMI's two ways by which a user is kept out, where the other would let it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shut {
    /// It is disabled, and has leave for messages of IPMI.
    Disabled,
    /// It is enabled, and has no leave for messages of IPMI.
    Messages,
}

impl BmcUser {
    /// Whether it may do the same, whatever keeps it out.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        self.role == other.role && self.enabled == other.enabled
    }
}

impl UserRole {
    /// Those that a site may give.
    pub const GIVEN: [&str; 3] = ["administrator", "operator", "read-only"];

    pub fn as_str(&self) -> &str {
        match self {
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::ReadOnly => "read-only",
            Self::Nothing => "nothing",
            Self::Other(word) => word,
        }
    }
}

impl From<&str> for UserRole {
    fn from(word: &str) -> Self {
        match word {
            "administrator" => Self::Administrator,
            "operator" => Self::Operator,
            "read-only" => Self::ReadOnly,
            "nothing" => Self::Nothing,
            word => Self::Other(word.to_owned()),
        }
    }
}

impl From<String> for UserRole {
    fn from(word: String) -> Self {
        Self::from(word.as_str())
    }
}

impl From<UserRole> for String {
    fn from(role: UserRole) -> Self {
        role.as_str().to_owned()
    }
}

impl fmt::Display for UserRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
