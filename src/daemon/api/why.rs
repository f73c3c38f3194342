//! Why clients did or did not get an address: by hardware address, by the name of a machine, or by an address. The DHCP server answers by
//! itself, beside the owner of the world.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;

use super::Context;
use super::input::Named;
use super::routes::Answer;
use crate::base::mac::MacAddr;
use crate::base::name::{DomainName, HostName};
use crate::daemon::bmc::no_machine;
use crate::daemon::fault;
use crate::daemon::in_force::Says;
use crate::daemon::why::Why;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::serve::dhcp::{Config, Lease, LeaseState};

pub(super) fn routes(path: impl Fn(&str) -> String) -> Router<Context> {
    Router::new()
        .route(&path("why/{mac}"), get(of_mac))
        .route(&path("why/machine/{name}"), get(of_machine))
        .route(&path("why/name/{name}"), get(of_name))
        .route(&path("why/address/{address}"), get(of_address))
}

async fn of_mac(State(context): State<Context>, Named(mac): Named<MacAddr>) -> Answer<Why> {
    by_mac(&context, mac).await.into()
}

async fn of_machine(
    State(context): State<Context>,
    Named(name): Named<HostName>,
) -> Answer<Vec<Why>> {
    by_label(&context, &name).await.into()
}

async fn of_name(
    State(context): State<Context>,
    Named(name): Named<DomainName>,
) -> Answer<Vec<Why>> {
    by_domain_name(&context, &name).await.into()
}

async fn of_address(
    State(context): State<Context>,
    Named(address): Named<Ipv4Addr>,
) -> Answer<Vec<Why>> {
    by_address(&context, address).await.into()
}

async fn by_mac(context: &Context, mac: MacAddr) -> Result<Why, Fault> {
    context.in_force.applied().await?;
    told(context, mac, &*config(context).await?).await
}

/// Each hardware address that a machine of the site has, and those of whoever has an address as a link of it that the site knows otherwise.
async fn by_name(context: &Context, name: &HostName) -> Result<Vec<Why>, Fault> {
    context.in_force.applied().await?;
    let says = context.in_force.says().await?;
    let card = says.machines.get(name).filter(|card| card.is_in_site);
    let card = card.ok_or_else(|| no_machine(name, &says))?;
    let config = config(context).await?;
    let mut all = Vec::new();
    for (link, mac) in &card.macs {
        if let Some(mac) = mac {
            let why = told(context, *mac, &config).await?;
            let link = Some(link.clone());
            all.push(Why { link, ..why });
        }
    }
    if card.macs.values().all(Option::is_some) {
        return Ok(all);
    }
    for address in config.addresses_of(name) {
        let leases = leases_of(context, address).await?;
        let Some(mac) = leases.iter().find_map(|lease| lease.hardware.mac()) else {
            continue;
        };
        let why = told(context, mac, &config).await?;
        let is_its = why.reserved.iter().any(|reserved| reserved.host == *name);
        if is_its && !all.iter().any(|known| known.mac == mac) {
            all.push(why);
        }
    }
    Ok(all)
}

/// The machine that has a name in DNS, else whoever has the lease of this name.
async fn by_domain_name(context: &Context, name: &DomainName) -> Result<Vec<Why>, Fault> {
    context.in_force.applied().await?;
    let says = context.in_force.says().await?;
    let label = name.label();
    let domain = says.domain.as_ref();
    let own = domain.and_then(|domain| domain.child(label).ok());
    let host: Option<HostName> = label.parse().ok();
    let host = host.filter(|_| own.as_ref() == Some(name));
    let machine = host.as_ref().and_then(|host| says.machines.get(host));
    let machine = machine.filter(|card| card.is_in_site);
    if let Some(host) = host.as_ref().filter(|_| machine.is_some()) {
        return by_name(context, host).await;
    }
    let all = by_lease(context, |own| own == name).await?;
    all.ok_or_else(|| nobody(name.as_str(), host.as_ref(), &says))
}

/// A machine, else whoever has a lease whose name begins so.
async fn by_label(context: &Context, name: &HostName) -> Result<Vec<Why>, Fault> {
    context.in_force.applied().await?;
    let says = context.in_force.says().await?;
    if says.machines.get(name).is_some_and(|card| card.is_in_site) {
        return by_name(context, name).await;
    }
    let all = by_lease(context, |own| own.label() == name.as_str()).await?;
    all.ok_or_else(|| nobody(name.as_str(), Some(name), &says))
}

/// Whoever has a lease of such a name; none where nobody has.
async fn by_lease(
    context: &Context,
    is_meant: impl Fn(&DomainName) -> bool,
) -> Result<Option<Vec<Why>>, Fault> {
    let config = config(context).await?;
    let (mut is_known, mut macs) = (false, BTreeSet::new());
    let mut next = Some(Ipv4Addr::UNSPECIFIED);
    while let Some(first) = next {
        let page = context.dhcp.page(first).await;
        let page = page.map_err(|error| fault::world(&error))?;
        next = page.next;
        for lease in &page.leases {
            if config.name_of(lease).is_some_and(&is_meant) {
                is_known = true;
                macs.extend(lease.hardware.mac());
            }
        }
    }
    if !is_known {
        return Ok(None);
    }
    let mut all = Vec::new();
    for mac in macs {
        all.push(told(context, mac, &config).await?);
    }
    Ok(Some(all))
}

/// Neither a machine nor whoever has a lease is called so; `host` is what a machine would be called.
fn nobody(name: &str, host: Option<&HostName>, says: &Says) -> Fault {
    let message = format!("no machine of the site in force and no lease is called `{name}`");
    let meant = host.and_then(|host| no_machine(host, says).help);
    let help = "`bedplate leases` lists the names of all who have an address".to_owned();
    let help = Some(meant.unwrap_or(help));
    Fault {
        help,
        ..Fault::new(Code::NoSuchMachine, message)
    }
}

/// Whoever has an address, else whom it is reserved for, else who had it last.
async fn by_address(context: &Context, address: Ipv4Addr) -> Result<Vec<Why>, Fault> {
    context.in_force.applied().await?;
    let config = config(context).await?;
    let leases = leases_of(context, address).await?;
    let (idle, held): (Vec<Lease>, Vec<Lease>) = leases
        .into_iter()
        .partition(|lease| lease.state == LeaseState::Idle);
    let reserved = config.host_of(address).filter(|_| held.is_empty());
    if let Some(host) = reserved {
        return by_name(context, host).await;
    }
    let last = held.iter().chain(&idle);
    match last.filter_map(|lease| lease.hardware.mac()).next() {
        Some(mac) => Ok(vec![told(context, mac, &config).await?]),
        None => Ok(Vec::new()),
    }
}

async fn told(context: &Context, mac: MacAddr, config: &Config) -> Result<Why, Fault> {
    let dhcp = &context.dhcp;
    let heard = dhcp.heard(mac).await;
    let heard = heard.map_err(|error| fault::world(&error))?;
    let leases = dhcp.leases_of(mac.into()).await;
    let leases = leases.map_err(|error| fault::world(&error))?;
    Ok(Why::new(mac, heard, (&leases, config)))
}

async fn leases_of(context: &Context, address: Ipv4Addr) -> Result<Vec<Lease>, Fault> {
    let leases = context.dhcp.leases_in((address, address)).await;
    leases.map_err(|error| fault::world(&error))
}

async fn config(context: &Context) -> Result<Arc<Config>, Fault> {
    let config = context.dhcp.config().await;
    config.map_err(|error| fault::world(&error))
}
