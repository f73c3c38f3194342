//! The network of a manager: the interface that it is asked at.

use std::net::Ipv4Addr;

use serde_json::Value;

use super::change::write;
use super::client::{Client, bytes};
use super::collection::each;
use super::error::Error;
use super::model::link::Link;
use super::model::network::{network as told, wish};
use super::model::read::link;
use super::place::managers;
use super::told::Warnings;
use crate::base::bmc::{BmcNetwork, BmcNetworkWish};

/// Interfaces of one manager.
const MOST: usize = 32;

pub(super) async fn network(
    client: &mut Client,
    system: &Link,
    own: Ipv4Addr,
) -> Result<BmcNetwork, Error> {
    let (_, interface) = interface(client, system, own).await?;
    told(&interface, own).ok_or(Error::Unsupported(NONE))
}

/// Has it be so. The BMC may be elsewhere before it has answered: whoever wants to know asks it anew.
pub(super) async fn set_network(
    client: &mut Client,
    system: &Link,
    own: Ipv4Addr,
    wanted: &BmcNetworkWish,
) -> Result<(), Error> {
    let (place, interface) = interface(client, system, own).await?;
    // A static address is written with its gateway: one that nobody minds is written as it is.
    let gateway = told(&interface, own).and_then(|told| told.gateway);
    let body = wish(&interface, wanted, gateway);
    match write(client, &place, bytes(&body)).await {
        Err(Error::Silent(_) | Error::Lost(_) | Error::Unreachable(_) | Error::Tls(_)) => Ok(()),
        done => done,
    }
}

const NONE: &str = "interface with the address that it is asked at";

async fn interface(
    client: &mut Client,
    system: &Link,
    own: Ipv4Addr,
) -> Result<(Link, Value), Error> {
    let mut warnings = Warnings::default();
    let value = client.get(system).await?.value;
    for manager in managers(client, system, &value, &mut warnings).await? {
        let manager = client.get(&manager).await?.value;
        let Some(place) = link(&manager, &["EthernetInterfaces"]) else {
            continue;
        };
        let mut found = None;
        let mut take = |link: &Link, value: &Value| {
            if found.is_none() && told(value, own).is_some() {
                found = Some((link.clone(), value.clone()));
            }
        };
        each(client, &place, MOST, &mut warnings, &mut take).await?;
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Err(Error::Unsupported(NONE))
}
