//! From what a site says of a BMC to what a driver needs: secrets and authorities are read when they are used, and not before.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::fault;
use crate::base::bmc::Secret;
use crate::base::name::HostName;
use crate::base::secret::SecretRef;
use crate::daemon::secret;
use crate::diag::fault::Fault;
use crate::site::model::{Bmc, BmcProtocol, BmcTrust};
use crate::world::bmc::{Target, ipmi, redfish};
use crate::world::https::{Trust, Trusted};

/// Longest file of authorities: what a site has of its own is a handful.
const AUTHORITIES: u64 = 1 << 20;

pub(super) async fn of(host: &HostName, bmc: &Bmc, trust: &Trust) -> Result<Target, Fault> {
    let password = read(host, &bmc.password).await?;
    Ok(match &bmc.protocol {
        BmcProtocol::Ipmi {
            cipher_suite,
            privilege,
            key,
        } => {
            let port = bmc.port.unwrap_or(ipmi::PORT);
            let address = SocketAddr::new(bmc.address, port);
            let mut target = ipmi::Target::new(address, bmc.username.as_bytes(), password);
            if let Some(key) = key {
                target.bmc_key = Some(read(host, key).await?);
            }
            if let Some(suite) = cipher_suite.and_then(suite) {
                target.suites = vec![suite];
            }
            target.privilege = privilege.as_deref().map_or(target.privilege, level);
            Target::Ipmi(target)
        }
        BmcProtocol::Redfish { system, trusts } => {
            let trusted = trusted(host, trusts, trust).await?;
            Target::Redfish(redfish::Target {
                endpoint: endpoint(bmc.address, bmc.port, trusted),
                username: bmc.username.clone(),
                password,
                system: system.clone(),
                limits: redfish::Limits::USUAL,
            })
        }
    })
}

pub(super) fn endpoint(address: IpAddr, port: Option<u16>, trusted: Trusted) -> redfish::Endpoint {
    let mut endpoint = redfish::Endpoint::tls(address, trusted);
    endpoint.port = port.unwrap_or(endpoint.port);
    endpoint
}

async fn read(host: &HostName, reference: &SecretRef) -> Result<Secret, Fault> {
    let secret = secret::read(reference).await;
    secret.map_err(|error| fault::secret(host, reference, &error))
}

async fn trusted(host: &HostName, trusts: &BmcTrust, trust: &Trust) -> Result<Trusted, Fault> {
    Ok(match trusts {
        BmcTrust::System => Trusted::System(trust.clone()),
        BmcTrust::Pinned(fingerprint) => Trusted::Pinned(fingerprint.0),
        BmcTrust::Authority(path) => {
            let read = authorities(path.as_ref()).await;
            let pem = read.map_err(|error| fault::authority(host, path, &error))?;
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
