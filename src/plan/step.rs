//! One change of a plan, and why it is there.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::origin::Origin;
use crate::state::{Change, Key, Resource};

/// One change to one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub key: Key,
    pub action: Action,
    pub because: Reason,
    /// Where the site declares the thing, or did when it was last applied.
    pub origin: Option<Origin>,
    pub phase: Phase,
    pub before: Option<Resource>,
    pub after: Option<Resource>,
    pub changes: Vec<Change>,
    /// Of a thing given back: what it was when it was claimed, should the claim come back. Apart, since few steps have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Box<Resource>>,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Create,
    /// In place, without taking the thing away.
    Update,
    Delete,
    /// Takes an identical or adjustable thing that others made under the site's care; an address that moves, away from where it was.
    Claim,
    /// Gives a claimed thing back as it was before the claim.
    Release,
    /// Takes away what others made, because it falls with something else, or puts it back; it stays theirs.
    Carry,
}

/// Why a step is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// New in the site.
    Declared,
    /// Its declaration changed.
    Edited,
    /// No longer in the site.
    Withdrawn,
    /// Changed outside Bedplate.
    Drift,
    /// Falls with the named thing and is made again afterwards.
    Restored { with: Key },
    /// Falls with the named thing, and nothing is left to hold it.
    Lost { with: Key },
    /// An address that leaves for the link above its own.
    MovesTo { key: Key },
    /// An address that comes from another link.
    MovesFrom { key: Key },
}

/// When a step runs. Server changes of one phase are one swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Servers let go of what is about to vanish.
    Withdraw,
    /// Links, addresses and routes change, one message at a time.
    Host,
    /// Servers take up everything else.
    Publish,
    /// Machines are switched, side by side: what they boot from is there by then. BMCs that go are spoken with until that is done.
    Machines,
}

impl Step {
    /// Whether it is there for the thing's own sake, and not because something else falls.
    pub fn is_decided(&self) -> bool {
        match self.because {
            Reason::Declared
            | Reason::Edited
            | Reason::Withdrawn
            | Reason::Drift
            | Reason::MovesTo { .. }
            | Reason::MovesFrom { .. } => true,
            Reason::Restored { .. } | Reason::Lost { .. } => false,
        }
    }

    /// Whether it claims something or gives it back as it stands: no packet sees that.
    pub fn is_on_paper(&self) -> bool {
        matches!(self.action, Action::Claim | Action::Release)
            && matches!((&self.before, &self.after), (Some(before), Some(after)) if after.changes_from(before).is_empty())
    }

    /// The sign that plans show.
    pub fn sign(&self) -> char {
        match (&self.before, &self.after) {
            (_, None) => '-',
            (None, Some(_)) => '+',
            // What others made changes and stays.
            (Some(_), Some(_)) if self.action == Action::Carry => '~',
            (Some(_), Some(_)) => self.action.sign(),
        }
    }

    /// What a claim must remember, to give the thing back as it was.
    pub fn claimed_from(&self) -> Option<&Resource> {
        let found = self.original.as_deref().or(self.before.as_ref());
        found.filter(|_| self.action == Action::Claim)
    }
}

impl Action {
    /// The sign that plans show.
    pub fn sign(self) -> char {
        match self {
            Self::Create => '+',
            Self::Update => '~',
            Self::Delete => '-',
            Self::Claim => '=',
            Self::Release => '<',
            Self::Carry => '-',
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Claim => "claim",
            Self::Release => "release",
            Self::Carry => "lose",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Declared => f.write_str("new in the site"),
            Self::Edited => f.write_str("changed in the site"),
            Self::Withdrawn => f.write_str("no longer in the site"),
            Self::Drift => f.write_str("changed outside Bedplate"),
            Self::Restored { with } => write!(f, "falls with {with}, made again"),
            Self::Lost { with } => write!(f, "falls with {with}"),
            Self::MovesTo { key } => write!(f, "moves to {}", place(key)),
            Self::MovesFrom { key } => write!(f, "moves here from {}", place(key)),
        }
    }
}

/// Where an address is.
fn place(key: &Key) -> String {
    if let Key::Address { link, .. } = key {
        link.to_string()
    } else {
        key.to_string()
    }
}
