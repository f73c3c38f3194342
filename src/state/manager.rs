//! Other programs that set links up, and how each lets go of one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::name::LinkName;

/// A program that sets links up by itself, and may change what an apply has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Manager {
    NetworkManager,
    Networkd,
    Ifupdown,
}

impl Manager {
    /// What to do to have it let go of `link`, now and after a restart.
    pub fn release(self, link: &LinkName) -> String {
        match self {
            Self::NetworkManager => format!(
                "`nmcli device set {link} managed no`, and for good unmanaged-devices=interface-name:{link} under [keyfile] in \
                 /etc/NetworkManager/conf.d/bedplate.conf"
            ),
            Self::Networkd => format!(
                "write /etc/systemd/network/00-bedplate-{link}.network with Name={link} under [Match] and Unmanaged=yes under [Link], \
                 then `networkctl reload`"
            ),
            Self::Ifupdown => format!(
                "remove the lines of {link} from /etc/network/interfaces and /run/network/ifstate; no `ifdown`, which would take its \
                 addresses away"
            ),
        }
    }
}

impl fmt::Display for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NetworkManager => "NetworkManager",
            Self::Networkd => "systemd-networkd",
            Self::Ifupdown => "ifupdown",
        })
    }
}
