//! Users of machines' BMCs: what the site says of them, and what BMCs tell.

use serde::{Deserialize, Serialize};

use super::{Change, Changes, Desired, Key, Resource};
use crate::base::bmc::{BmcUser, Shut, UserRole};
use crate::base::name::HostName;
use crate::base::secret::SecretRef;
use crate::site::model::Machine;

/// A user of a BMC, beside the account that it is spoken with by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub role: UserRole,
    /// Whether it is let in at all.
    pub enabled: bool,
    /// By what a BMC keeps it out; it has it back where it is to be so again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shut: Option<Shut>,
    pub password: Password,
}

/// What is known of a password. BMCs tell none, so that it is known by where it is kept, and by whether it opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Password {
    /// What is kept there, by which the BMC lets the user in.
    Kept(SecretRef),
    /// Another one, or one that nobody tried.
    Other,
}

impl User {
    /// One whose password nobody tried.
    pub fn found(user: BmcUser) -> Self {
        Self {
            role: user.role,
            enabled: user.enabled,
            shut: user.shut,
            password: Password::Other,
        }
    }

    /// What a BMC can tell of it.
    pub fn told(&self) -> BmcUser {
        BmcUser {
            role: self.role.clone(),
            enabled: self.enabled,
            shut: self.shut,
        }
    }

    /// Where the password that it should have is kept; none where it keeps the one that it has.
    pub fn kept(&self) -> Option<&SecretRef> {
        match &self.password {
            Password::Kept(place) => Some(place),
            Password::Other => None,
        }
    }

    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        let word = |enabled: &bool| if *enabled { "yes" } else { "no" }.to_owned();
        let mut changes = changes.field("role", &from.role, &self.role).shown(
            "enabled",
            &from.enabled,
            &self.enabled,
            word,
        );
        // Nobody can give back a password that nobody knows.
        if let Password::Kept(place) = &self.password
            && self.password != from.password
        {
            let from = match &from.password {
                Password::Kept(place) => place.to_string(),
                Password::Other => "unknown".to_owned(),
            };
            changes.0.push(Change::new("password", from, place));
        }
        changes
    }

    pub(super) fn summary(&self) -> String {
        let role = match self.enabled {
            true => self.role.to_string(),
            false => format!("{}, disabled", self.role),
        };
        match &self.password {
            Password::Kept(place) => format!("{role}, password {place}"),
            Password::Other => role,
        }
    }
}

impl Resource {
    /// What a claim remembers of a thing, to give it back: no password, which nobody could.
    #[must_use]
    pub fn to_remember(&self) -> Self {
        let mut remembered = self.clone();
        if let Self::User(user) = &mut remembered {
            user.password = Password::Other;
        }
        remembered
    }
}

/// By what the users of a machine's BMC are called.
pub(super) fn keys(host: &HostName, machine: &Machine) -> impl Iterator<Item = Key> {
    machine.bmc_users.keys().map(|user| Key::User {
        machine: host.clone(),
        user: user.clone(),
    })
}

/// The users of a machine's BMC, as the site wants them.
pub(super) fn desired(host: &HostName, machine: &Machine, into: &mut Desired) {
    for (key, user) in keys(host, machine).zip(machine.bmc_users.values()) {
        let wanted = User {
            role: user.role.clone(),
            enabled: true,
            shut: None,
            password: Password::Kept(user.password.clone()),
        };
        into.add(key, Resource::User(wanted), &user.origin);
    }
}
