//! Why changes are withheld, and how plans say so.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::base::origin::Origin;
use crate::state::{Key, Unreached};

/// What a withheld change waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstruction {
    /// The host has no such physical link.
    NoLink,
    /// No address that the host has or is to have leads to the router, or is the source: a DHCP client has still to get it.
    NoLease { ip: IpAddr },
    /// The host's link of that name has another hardware address than the site says.
    OtherLink,
    /// A link of another kind, not ours, holds the name.
    ForeignLink,
    /// A route that others made, through another gateway, holds its place.
    ForeignRoute,
    /// A rule that others made, for other packets or another table, has its priority.
    ForeignRule,
    /// The thing named is to take its place, and cannot yet: until then this one stays.
    Succeeded { by: Key },
    /// Something that it requires is withheld itself.
    Requires { key: Key },
    /// It is not to be taken away.
    Protected {
        reason: Option<String>,
        /// Where the site said so when it last did, if it does no longer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        once: Option<Origin>,
    },
    /// It is protected just so, and is not there.
    Absent {
        reason: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        once: Option<Origin>,
    },
    /// The thing named stands on it, and is not to be taken away.
    Needed { by: Key },
    /// The thing named, which is not to be taken away, has its place.
    Occupied { by: Key },
    /// It is to be the first of its prefix, and comes after another for the sake of the thing named: that stays, or others made it.
    Behind { of: Key },
    /// Nobody can tell how the machine is: what may have to change is for another apply.
    Deferred(Unreached),
    /// Others took it away, and the site leaves that to them.
    Ignored,
    /// Left out by name.
    Excepted,
    /// Others were chosen.
    NotChosen,
}

impl Obstruction {
    /// What a BMC did not tell, where that is what it waits for.
    pub(super) fn unreached(&self) -> Option<&Unreached> {
        if let Self::Deferred(unreached) = self {
            Some(unreached)
        } else {
            None
        }
    }
}

impl fmt::Display for Obstruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLink => f.write_str("the host has no such link"),
            Self::NoLease { ip } => write!(f, "no DHCP client has got an address for {ip} yet"),
            Self::OtherLink => f.write_str(
                "the host's link of this name has another hardware address, and no link has this one",
            ),
            Self::ForeignLink => {
                f.write_str("a link of another kind, not made by Bedplate, holds the name")
            }
            Self::ForeignRoute => {
                f.write_str("a route that others made, through another gateway, holds its place")
            }
            Self::ForeignRule => f.write_str("another rule, which others made, has its priority"),
            Self::Succeeded { by } => write!(f, "stays until {by} can take its place"),
            Self::Requires { key } => write!(f, "needs {key}"),
            Self::Protected { reason, once } => protected(f, reason, once),
            Self::Absent { reason, once } => {
                f.write_str("not there now; ")?;
                protected(f, reason, once)
            }
            Self::Needed { by } => write!(f, "stays, since {by} needs it"),
            Self::Occupied { by } => write!(f, "{by} stays and has its place"),
            Self::Behind { of } => {
                write!(f, "cannot be the first of its prefix beside {of}, which stays as it is")
            }
            Self::Deferred(unreached) => write!(f, "deferred: {unreached}"),
            Self::Ignored => f.write_str("others took it away"),
            Self::Excepted => f.write_str("left out by --except"),
            Self::NotChosen => f.write_str("not among what --only names"),
        }
    }
}

fn protected(
    f: &mut fmt::Formatter<'_>,
    reason: &Option<String>,
    once: &Option<Origin>,
) -> fmt::Result {
    f.write_str("protected")?;
    if let Some(reason) = reason {
        write!(f, ": {reason}")?;
    }
    if let Some(origin) = once {
        write!(f, " ({origin} when last applied)")?;
    }
    Ok(())
}
