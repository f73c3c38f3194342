//! A machine's baseboard management controller, as the resolved site has it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::addr::Prefix;
use crate::base::bmc::{BmcAddress, PowerRequest, PowerRequests, UserRole};
use crate::base::duration::Seconds;
use crate::base::fingerprint::Fingerprint;
use crate::base::mac::MacAddr;
use crate::base::name::{HostName, UserName};
use crate::base::origin::Origin;
use crate::base::secret::SecretRef;

/// A machine's baseboard management controller, or what stands for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bmc {
    pub protocol: BmcProtocol,
}

/// The same, with where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredBmc {
    pub bmc: Arc<Bmc>,
    pub origin: Origin,
}

/// A user of a BMC, beside the account that it is spoken with by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredUser {
    pub role: UserRole,
    pub password: SecretRef,
    pub origin: Origin,
}

/// How a BMC is to be on its own network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredNetwork {
    /// Of its subnet, where its address is static; none where DHCP gives it.
    pub mask: Option<Ipv4Addr>,
    pub gateway: Option<Ipv4Addr>,
    /// Whether its frames are tagged, and with which id; none where nobody minds.
    pub vlan: Option<Option<u16>>,
    pub origin: Origin,
}

/// Where a BMC listens, and the account on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BmcAccount {
    pub address: IpAddr,
    /// None for the protocol's usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    pub username: String,
    pub password: SecretRef,
}

/// Which certificates of a BMC are trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BmcTrust {
    /// Those that the controller's system trusts.
    System,
    /// Those signed by the authorities in a file on the controller.
    Authority(String),
    /// One, whatever it says of names and dates.
    Pinned(Fingerprint),
}

impl BmcTrust {
    pub fn pinned(&self) -> Option<Fingerprint> {
        match self {
            Self::Pinned(fingerprint) => Some(*fingerprint),
            Self::System | Self::Authority(_) => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BmcProtocol {
    Redfish {
        #[serde(flatten)]
        account: BmcAccount,
        /// Which of several systems; none where the BMC has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        system: Option<String>,
        trusts: BmcTrust,
    },
    Ipmi {
        #[serde(flatten)]
        account: BmcAccount,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cipher_suite: Option<u8>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        privilege: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<SecretRef>,
    },
    /// A power switch that is asked over HTTP.
    Webhook(Box<BmcWebhook>),
    /// A network card that is woken by a packet, in its subnet.
    WakeOnLan { mac: MacAddr, subnet: Prefix },
    /// A person who is asked.
    Manual(Box<BmcManual>),
    /// The monitor of a virtual machine, by its socket.
    Qemu { socket: String },
}

/// A person who is asked to switch a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BmcManual {
    pub machine: HostName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruction: Option<String>,
    pub within: Seconds,
}

/// A power switch that is asked over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BmcWebhook {
    #[serde(flatten)]
    pub requests: PowerRequests,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    pub trusts: BmcTrust,
}

impl BmcAccount {
    fn become_user(&mut self, name: &UserName, password: &SecretRef) {
        self.username = name.as_str().to_owned();
        self.password = password.clone();
    }
}

impl Bmc {
    /// By where it is kept apart from others.
    pub fn address(&self) -> BmcAddress {
        match &self.protocol {
            BmcProtocol::Redfish { account, .. } => account.place(443),
            BmcProtocol::Ipmi { account, .. } => account.place(623),
            BmcProtocol::Webhook(webhook) => {
                let host = webhook
                    .request()
                    .and_then(|one| one.url.host().parse().ok());
                host.map_or_else(|| BmcAddress::named(&self.place()), IpAddr::into)
            }
            BmcProtocol::WakeOnLan { .. } | BmcProtocol::Manual(_) | BmcProtocol::Qemu { .. } => {
                BmcAddress::named(&self.place())
            }
        }
    }

    /// The one certificate that it may show, where the site says so.
    pub fn pinned(&self) -> Option<Fingerprint> {
        match &self.protocol {
            BmcProtocol::Redfish { trusts, .. } => trusts.pinned(),
            BmcProtocol::Webhook(webhook) => webhook.trusts.pinned(),
            BmcProtocol::Ipmi { .. }
            | BmcProtocol::WakeOnLan { .. }
            | BmcProtocol::Manual(_)
            | BmcProtocol::Qemu { .. } => None,
        }
    }

    /// Where it is, in words.
    pub fn place(&self) -> String {
        match &self.protocol {
            BmcProtocol::Redfish { account, .. } | BmcProtocol::Ipmi { account, .. } => {
                account.address.to_string()
            }
            BmcProtocol::Webhook(webhook) => {
                let host = webhook.request().map(|one| one.url.authority());
                host.unwrap_or_default().to_owned()
            }
            BmcProtocol::WakeOnLan { mac, .. } => mac.to_string(),
            BmcProtocol::Manual(manual) => format!("{} itself", manual.machine),
            BmcProtocol::Qemu { socket } => socket.clone(),
        }
    }

    /// Where it listens, and the account on it; none for what only switches.
    pub fn account(&self) -> Option<&BmcAccount> {
        match &self.protocol {
            BmcProtocol::Redfish { account, .. } | BmcProtocol::Ipmi { account, .. } => {
                Some(account)
            }
            BmcProtocol::Webhook(_)
            | BmcProtocol::WakeOnLan { .. }
            | BmcProtocol::Manual(_)
            | BmcProtocol::Qemu { .. } => None,
        }
    }

    /// The same, spoken with by another user's name and password, and no rights beyond that user's.
    #[must_use]
    pub fn as_user(&self, name: &UserName, role: &UserRole, password: &SecretRef) -> Self {
        let mut one = self.clone();
        match &mut one.protocol {
            BmcProtocol::Redfish { account, .. } => account.become_user(name, password),
            BmcProtocol::Ipmi {
                account, privilege, ..
            } => {
                account.become_user(name, password);
                let level = match role {
                    UserRole::Administrator => "administrator",
                    UserRole::Operator => "operator",
                    UserRole::ReadOnly | UserRole::Nothing | UserRole::Other(_) => "user",
                };
                *privilege = Some(level.to_owned());
            }
            BmcProtocol::Webhook(_)
            | BmcProtocol::WakeOnLan { .. }
            | BmcProtocol::Manual(_)
            | BmcProtocol::Qemu { .. } => {}
        }
        one
    }

    /// Whether a user is the one by whom it is spoken with; some take names for the same whatever their case.
    pub fn is_own(&self, name: &UserName) -> bool {
        let own = self.username();
        own.is_some_and(|own| own.eq_ignore_ascii_case(name.as_str()))
    }

    /// Whether it can tell if its machine runs.
    pub fn tells_power(&self) -> bool {
        match &self.protocol {
            BmcProtocol::Redfish { .. } | BmcProtocol::Ipmi { .. } | BmcProtocol::Qemu { .. } => {
                true
            }
            BmcProtocol::Webhook(webhook) => webhook.requests.status.is_some(),
            BmcProtocol::WakeOnLan { .. } | BmcProtocol::Manual(_) => false,
        }
    }

    /// Whom the site has it let in as; nobody where it knows no accounts.
    pub fn username(&self) -> Option<&str> {
        match &self.protocol {
            BmcProtocol::Redfish { account, .. } | BmcProtocol::Ipmi { account, .. } => {
                Some(&account.username)
            }
            BmcProtocol::Webhook(webhook) => webhook.username.as_deref(),
            BmcProtocol::WakeOnLan { .. } | BmcProtocol::Manual(_) | BmcProtocol::Qemu { .. } => {
                None
            }
        }
    }
}

impl BmcAccount {
    /// Another port than the usual one is another BMC's.
    fn place(&self, usual: u16) -> BmcAddress {
        BmcAddress::Ip(self.address, self.port.filter(|port| *port != usual))
    }
}

impl BmcWebhook {
    /// Any of its requests.
    pub fn request(&self) -> Option<&PowerRequest> {
        let status = self.requests.status.as_ref().map(|(request, _)| request);
        status.or_else(|| self.requests.actions.values().next())
    }
}
