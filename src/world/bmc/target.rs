//! From what a site says of a BMC to what a driver needs: secrets and authorities are read when they are used, and not before.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::switch::{self, qemu, wake, webhook};
use super::{Target, ipmi, redfish};
use crate::base::secret::{Secret, SecretRef};
use crate::site::model::{Bmc, BmcProtocol, BmcTrust, BmcWebhook};
use crate::world::https::{Trust, Trusted};
use crate::world::secret::{self, SecretError};

/// Longest file of authorities: what a site has of its own is a handful.
const AUTHORITIES: u64 = 1 << 20;

/// Why it is not known how to be let in. No error repeats a secret.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error("{reference} cannot be read")]
    Secret {
        reference: SecretRef,
        source: SecretError,
    },
    #[error("{path} cannot be read")]
    Authority { path: String, source: io::Error },
}

impl TargetError {
    /// What to do about it.
    pub fn help(&self) -> String {
        let Self::Secret { reference, .. } = self else {
            return "put the authority's certificate there, in PEM form".to_owned();
        };
        match reference {
            SecretRef::Env(name) => format!(
                "have the daemon's unit say it, `Environment={name}=…` or `EnvironmentFile=`, and restart the daemon"
            ),
            SecretRef::File(_) => {
                "put it there on this controller, where the daemon can read it".to_owned()
            }
            SecretRef::Credential(name) => format!(
                "have the daemon's unit hand it over, `LoadCredential={name}:PATH`, and restart the daemon"
            ),
            SecretRef::Exec(line) => format!(
                "run it on this controller as the daemon does: `env -i PATH=/usr/bin:/bin {}`",
                line.as_str()
            ),
        }
    }
}

impl Target {
    /// Reads what a driver needs to be let in by `bmc`.
    ///
    /// # Errors
    /// Where a secret or an authority that the site names cannot be read.
    pub async fn of(bmc: &Bmc, trust: &Trust) -> Result<Self, TargetError> {
        Ok(match &bmc.protocol {
            BmcProtocol::Ipmi {
                account,
                cipher_suite,
                privilege,
                key,
            } => {
                let port = account.port.unwrap_or(ipmi::PORT);
                let address = SocketAddr::new(account.address, port);
                let password = read(&account.password).await?;
                let mut target = ipmi::Target::new(address, account.username.as_bytes(), password);
                if let Some(key) = key {
                    target.bmc_key = Some(read(key).await?);
                }
                if let Some(suite) = cipher_suite.and_then(suite) {
                    target.suites = vec![suite];
                }
                target.privilege = privilege.as_deref().map_or(target.privilege, level);
                Self::Ipmi(target)
            }
            BmcProtocol::Redfish {
                account,
                system,
                trusts,
            } => {
                let trusted = trusted(trusts, trust).await?;
                Self::Redfish(redfish::Target {
                    endpoint: endpoint(account.address, account.port, trusted),
                    username: account.username.clone(),
                    password: read(&account.password).await?,
                    system: system.clone(),
                    limits: redfish::Limits::USUAL,
                })
            }
            BmcProtocol::Webhook(webhook) => {
                let target = self::webhook(webhook, trust).await?;
                Self::Switch(switch::Target::Webhook(Arc::new(target)))
            }
            BmcProtocol::WakeOnLan { mac, subnet } => {
                let (mac, subnet) = (*mac, *subnet);
                Self::Switch(switch::Target::WakeOnLan(wake::Target { mac, subnet }))
            }
            BmcProtocol::Manual(_) => Self::Switch(switch::Target::Manual),
            BmcProtocol::Qemu { socket } => Self::Switch(switch::Target::Qemu(qemu::Target {
                socket: socket.into(),
                within: qemu::WITHIN,
            })),
        })
    }

    /// The same, but for a BMC that the site has by Redfish: that one by IPMI, at its usual port and with the same account.
    ///
    /// # Errors
    /// Where a secret that the site names cannot be read.
    pub async fn by_ipmi(bmc: &Bmc, trust: &Trust) -> Result<Self, TargetError> {
        let BmcProtocol::Redfish { account, .. } = &bmc.protocol else {
            return Self::of(bmc, trust).await;
        };
        let address = SocketAddr::new(account.address, ipmi::PORT);
        let password = read(&account.password).await?;
        let target = ipmi::Target::new(address, account.username.as_bytes(), password);
        Ok(Self::Ipmi(target))
    }
}

async fn webhook(webhook: &BmcWebhook, trust: &Trust) -> Result<webhook::Target, TargetError> {
    let password = match &webhook.password {
        Some(reference) => Some(read(reference).await?),
        None => None,
    };
    Ok(webhook::Target {
        requests: webhook.requests.clone(),
        username: webhook.username.clone(),
        password,
        trusted: trusted(&webhook.trusts, trust).await?,
        within: webhook::WITHIN,
    })
}

/// Where a BMC of Redfish is asked, over TLS.
pub fn endpoint(address: IpAddr, port: Option<u16>, trusted: Trusted) -> redfish::Endpoint {
    let mut endpoint = redfish::Endpoint::tls(address, trusted);
    endpoint.port = port.unwrap_or(endpoint.port);
    endpoint
}

async fn read(reference: &SecretRef) -> Result<Secret, TargetError> {
    let secret = secret::read(reference).await;
    secret.map_err(|source| TargetError::Secret {
        reference: reference.clone(),
        source,
    })
}

/// Whose certificates are trusted, as a site says.
///
/// # Errors
/// Where the file of an authority cannot be read.
pub async fn trusted(trusts: &BmcTrust, trust: &Trust) -> Result<Trusted, TargetError> {
    Ok(match trusts {
        BmcTrust::System => Trusted::System(trust.clone()),
        BmcTrust::Pinned(fingerprint) => Trusted::Pinned(fingerprint.0),
        BmcTrust::Authority(path) => {
            let read = authorities(path.as_ref()).await;
            let pem = read.map_err(|source| TargetError::Authority {
                path: path.clone(),
                source,
            })?;
            Trusted::Authority(pem.into())
        }
    })
}

async fn authorities(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for whoever writes it.
    if !tokio::fs::metadata(path).await?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut pem = Vec::new();
    let file = File::open(path).await?;
    file.take(AUTHORITIES).read_to_end(&mut pem).await?;
    Ok(pem)
}

fn suite(number: u8) -> Option<ipmi::CipherSuite> {
    match number {
        3 => Some(ipmi::CipherSuite::Sha1),
        17 => Some(ipmi::CipherSuite::Sha256),
        _ => None,
    }
}

fn level(word: &str) -> ipmi::Privilege {
    match word {
        "user" => ipmi::Privilege::User,
        "administrator" => ipmi::Privilege::Administrator,
        _ => ipmi::Privilege::Operator,
    }
}
