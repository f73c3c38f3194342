//! Looks for BMCs: address by address where subnets are small enough, and whom the kernel knows where they are not. Few at a time, and
//! not many a second. Told to nobody: no name, no password.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::super::in_force::Says;
use super::{Bmcs, fault};
use crate::base::addr::{Prefix, number, numbered};
use crate::base::fingerprint::Fingerprint;
use crate::base::mac::MacAddr;
use crate::base::name::HostName;
use crate::diag::fault::Fault;
use crate::site::model::{Bmc, BmcProtocol};
use crate::world::bmc::{Presence, has_route, look};
use crate::world::live::{Neighbour, neighbours};

/// Addresses that are asked at once, and how long to the next one.
const AT_ONCE: usize = 256;
const PACE: Duration = Duration::from_millis(2);

/// Addresses of one sweep.
const MOST: usize = 65_536;

/// Addresses after which it is told how far the sweep is.
const STEP: usize = 1024;

/// Where to look; without subnets in those of the site that hold a BMC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepOrder {
    #[serde(default)]
    pub subnets: Vec<Prefix>,
}

/// What is told of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SweepEvent {
    /// Where is looked. Of an IPv6 subnet whom the kernel knows in it, and the BMCs that the site has there.
    Begun {
        subnets: Vec<Prefix>,
        /// Subnets of the site that hold BMCs and are too large: of these its BMCs alone.
        too_large: Vec<Prefix>,
        /// Subnets that no route of this controller leads to: nobody is asked there but the BMCs that the site has.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        out_of_reach: Vec<Prefix>,
        addresses: usize,
    },
    Looked {
        addresses: usize,
    },
    Found(FoundBmc),
    /// A machine whose BMC did not answer where the site has it.
    Silent {
        machine: HostName,
        address: IpAddr,
    },
    /// It is done; without this it was not.
    Done {
        addresses: usize,
    },
}

/// A BMC that answered. Nothing of what it says is proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundBmc {
    pub address: IpAddr,
    pub ipmi: bool,
    #[serde(default)]
    pub redfish: Option<FoundRedfish>,
    /// As the kernel knows it, where it is on a link of this controller.
    #[serde(default)]
    pub mac: Option<MacAddr>,
    #[serde(default)]
    pub uuid: Option<String>,
    /// Whose it is, by the site.
    #[serde(default)]
    pub machine: Option<HostName>,
    #[serde(default)]
    pub by: Option<MatchedBy>,
    /// Where the site has that machine's BMC, if elsewhere.
    #[serde(default)]
    pub declared: Option<IpAddr>,
    /// Whether it shows the certificate that the site pins; none where the site pins none.
    #[serde(default)]
    pub is_pinned: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundRedfish {
    pub version: Option<String>,
    pub vendor: Option<String>,
    pub product: Option<String>,
    /// Of the certificate that it shows.
    pub fingerprint: Fingerprint,
}

/// How a BMC was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatchedBy {
    Address,
    /// Its UUID is that of the machine.
    Uuid,
    /// It shares a network port with the machine.
    Mac,
}

/// What a sweep looks at.
struct Area {
    subnets: Vec<Prefix>,
    too_large: Vec<Prefix>,
    out_of_reach: Vec<Prefix>,
    addresses: BTreeSet<IpAddr>,
}

impl Bmcs {
    /// Sweeps, and tells what is found as it comes. Ends early where nobody listens any more.
    ///
    /// # Errors
    /// Where there is nothing to look at or too much, or another sweep is under way.
    pub(in crate::daemon) async fn discover(
        &self,
        order: &SweepOrder,
    ) -> Result<mpsc::Receiver<SweepEvent>, Fault> {
        let turn = Arc::clone(&self.sweeps).try_acquire_owned();
        let turn = turn.map_err(|_| fault::sweeping())?;
        let says = self.in_force.says().await?;
        // Without neighbours fewer are found, and none is matched by its hardware address.
        let known = neighbours().await.unwrap_or_default();
        let area = within_reach(area(&says, &order.subnets, &known)?, &says).await;
        let (tell, told) = mpsc::channel(64);
        tokio::spawn(sweep(says, area, tell, turn));
        Ok(told)
    }
}

async fn sweep(
    says: Arc<Says>,
    area: Area,
    tell: mpsc::Sender<SweepEvent>,
    _turn: OwnedSemaphorePermit,
) {
    let targets = targets(&says, &area.addresses);
    let begun = SweepEvent::Begun {
        subnets: area.subnets,
        too_large: area.too_large,
        out_of_reach: area.out_of_reach,
        addresses: targets.len(),
    };
    let mut is_heard = tell.send(begun).await.is_ok();
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut asked, mut looked) = (JoinSet::new(), 0);
    let mut left = targets.into_iter();
    let mut silent: BTreeSet<(IpAddr, Ports)> = BTreeSet::new();
    while is_heard {
        if asked.len() < AT_ONCE
            && let Some(at @ (address, (ipmi, redfish))) = left.next()
        {
            pace.tick().await;
            asked.spawn(async move { (at, look(address, ipmi, redfish).await) });
            continue;
        }
        let Some(Ok((at, presence))) = asked.join_next().await else {
            break;
        };
        looked += 1;
        if looked % STEP == 0 {
            is_heard &= tell
                .send(SweepEvent::Looked { addresses: looked })
                .await
                .is_ok();
        }
        let Some(presence) = presence else {
            silent.insert(at);
            continue;
        };
        // Only now does the kernel know whoever has just answered.
        let known = neighbours().await.unwrap_or_default();
        let found = found(&says, at, presence, &known);
        is_heard &= tell.send(SweepEvent::Found(found)).await.is_ok();
    }
    for (address, (machine, bmc)) in declared(&says) {
        if is_heard && silent.contains(&(address, ports(Some(bmc)))) {
            let machine = machine.clone();
            is_heard = tell
                .send(SweepEvent::Silent { machine, address })
                .await
                .is_ok();
        }
    }
    if is_heard {
        let _gone = tell.send(SweepEvent::Done { addresses: looked }).await;
    }
}

/// A machine's BMC, as the site has it.
type Declared<'a> = (&'a HostName, &'a Bmc);

/// The ports of IPMI and Redfish, if not the usual ones.
type Ports = (Option<u16>, Option<u16>);

/// The BMCs that the site has, by their addresses.
fn declared(says: &Says) -> impl Iterator<Item = (IpAddr, Declared<'_>)> {
    let cards = says.machines.iter();
    cards.filter_map(|(host, card)| {
        let bmc = card.bmc.as_ref()?;
        Some((bmc.account()?.address, (host, bmc)))
    })
}

/// What is asked. At one address there may be several, each at a port of its own.
fn targets(says: &Says, addresses: &BTreeSet<IpAddr>) -> BTreeSet<(IpAddr, Ports)> {
    let known = declared(says).map(|(address, (_, bmc))| (address, ports(Some(bmc))));
    let mut targets: BTreeSet<(IpAddr, Ports)> = known.collect();
    targets.retain(|(address, _)| addresses.contains(address));
    let of_site: BTreeSet<IpAddr> = targets.iter().map(|(address, _)| *address).collect();
    let others = addresses.difference(&of_site);
    targets.extend(others.map(|address| (*address, (None, None))));
    targets
}

/// Where the protocols are asked for, if not at their usual ports.
fn ports(bmc: Option<&Bmc>) -> Ports {
    match bmc.map(|bmc| &bmc.protocol) {
        Some(BmcProtocol::Ipmi { account, .. }) => (account.port, None),
        Some(BmcProtocol::Redfish { account, .. }) => (None, account.port),
        Some(
            BmcProtocol::Webhook(_)
            | BmcProtocol::WakeOnLan { .. }
            | BmcProtocol::Manual(_)
            | BmcProtocol::Qemu { .. },
        )
        | None => (None, None),
    }
}

fn area(says: &Says, named: &[Prefix], known: &[Neighbour]) -> Result<Area, Fault> {
    let own: BTreeSet<IpAddr> = declared(says).map(|(address, _)| address).collect();
    // Of isolated fabrics it is not known which one this controller reaches.
    let holding = says.inventory.subnets.iter().filter(|one| !one.isolated);
    let holding = holding.map(|one| one.subnet);
    let holding = holding.filter(|subnet| own.iter().any(|bmc| subnet.contains(*bmc)));
    let chosen: BTreeSet<Prefix> = match named {
        [] => holding.collect(),
        named => named.iter().copied().collect(),
    };
    let mut area = Area {
        subnets: Vec::new(),
        too_large: Vec::new(),
        out_of_reach: Vec::new(),
        addresses: BTreeSet::new(),
    };
    let is_meant = |bmc: &IpAddr| named.is_empty() || named.iter().any(|one| one.contains(*bmc));
    area.addresses.extend(own.into_iter().filter(is_meant));
    for subnet in chosen {
        let all = all(subnet);
        let is_v6 = subnet.net().addr().is_ipv6();
        match all.filter(|all| area.addresses.len() + all.len() <= MOST) {
            Some(all) => area.addresses.extend(all),
            None if is_v6 => {
                let within = known.iter().map(|one| one.address);
                let within = within.filter(|address| subnet.contains(*address));
                area.addresses.extend(within.take(MOST));
            }
            None if named.is_empty() => {
                area.too_large.push(subnet);
                continue;
            }
            None => return Err(fault::too_wide(subnet, MOST)),
        }
        area.subnets.push(subnet);
    }
    match area.addresses.is_empty() && area.subnets.is_empty() {
        true => Err(fault::nothing_to_sweep(says)),
        false => Ok(area),
    }
}

/// Without the subnets that no route leads to. What the site has there is asked all the same, to be told as silent.
async fn within_reach(mut area: Area, says: &Says) -> Area {
    let own: BTreeSet<IpAddr> = declared(says).map(|(address, _)| address).collect();
    for subnet in std::mem::take(&mut area.subnets) {
        if has_route(subnet.host_ends().0).await {
            area.subnets.push(subnet);
            continue;
        }
        let stays = |one: &IpAddr| !subnet.contains(*one) || own.contains(one);
        area.addresses.retain(stays);
        area.out_of_reach.push(subnet);
    }
    area
}

/// The addresses of hosts in a subnet; none where they are more than anybody could ask.
fn all(subnet: Prefix) -> Option<Vec<IpAddr>> {
    let (first, last) = subnet.host_ends();
    let (first, last) = (number(first), number(last));
    let is_v4 = subnet.net().addr().is_ipv4();
    let count = usize::try_from(last - first)
        .ok()
        .filter(|count| *count < MOST);
    count?;
    (first..=last).map(|one| numbered(is_v4, one)).collect()
}

fn found(
    says: &Says,
    (address, asked): (IpAddr, Ports),
    presence: Presence,
    known: &[Neighbour],
) -> FoundBmc {
    let Presence {
        ipmi,
        redfish,
        uuid,
    } = presence;
    let mac = known.iter().find(|one| one.address == address);
    let mac = mac.map(|one| one.mac);
    let (machine, by) = match matched(says, (address, asked), uuid.as_deref(), mac) {
        Some((machine, by)) => (Some(machine), Some(by)),
        None => (None, None),
    };
    let card = machine.and_then(|machine| says.machines.get(machine));
    let bmc = card.and_then(|card| card.bmc.as_ref());
    let declared = bmc.and_then(Bmc::account).map(|account| account.address);
    let pinned = bmc.and_then(Bmc::pinned);
    let shown = redfish.as_ref().map(|root| root.fingerprint);
    FoundBmc {
        address,
        ipmi,
        redfish: redfish.map(|root| FoundRedfish {
            version: root.version,
            vendor: root.vendor,
            product: root.product,
            fingerprint: root.fingerprint,
        }),
        mac,
        uuid,
        machine: machine.cloned(),
        by,
        declared: declared.filter(|declared| *declared != address),
        is_pinned: pinned.zip(shown).map(|(pinned, shown)| pinned == shown),
    }
}

/// Whose BMC it is: the site's word counts before what the BMC says of itself.
fn matched<'a>(
    says: &'a Says,
    (address, asked): (IpAddr, Ports),
    uuid: Option<&str>,
    mac: Option<MacAddr>,
) -> Option<(&'a HostName, MatchedBy)> {
    let is_there =
        |(at, (_, bmc)): &(IpAddr, Declared<'_>)| *at == address && ports(Some(bmc)) == asked;
    if let Some((_, (host, _))) = declared(says).find(is_there) {
        return Some((host, MatchedBy::Address));
    }
    let mut cards = says.machines.iter();
    let of_uuid = uuid.and_then(|uuid| uuid.parse().ok());
    if let Some(uuid) = of_uuid
        && let Some((host, _)) = cards.clone().find(|(_, card)| card.uuid == Some(uuid))
    {
        return Some((host, MatchedBy::Uuid));
    }
    let mac = mac?;
    let (host, _) = cards.find(|(_, card)| card.macs.values().flatten().any(|one| *one == mac))?;
    Some((host, MatchedBy::Mac))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(address: &str) -> Neighbour {
        Neighbour {
            address: address.parse().unwrap(),
            mac: MacAddr([2, 0, 0, 0, 0, 1]),
            is_fresh: true,
        }
    }

    fn check(named: &[&str], expected: Result<&[&str], &str>) {
        let named: Vec<Prefix> = named.iter().map(|one| one.parse().unwrap()).collect();
        let neighbours = ["fd00::5", "fd01::5", "192.0.2.9"].map(known);
        let area = area(&Says::default(), &named, &neighbours);
        let addresses = area.map(|area| {
            let addresses = area.addresses.iter().map(IpAddr::to_string);
            addresses.collect::<Vec<_>>()
        });
        let addresses = addresses.map_err(|fault| fault.message);
        match (addresses, expected) {
            (Ok(addresses), Ok(expected)) => assert_eq!(addresses, expected, "{named:?}"),
            (Err(message), Err(part)) => assert!(message.contains(part), "{message}"),
            (found, expected) => panic!("{named:?}: {found:?} and not {expected:?}"),
        }
    }

    #[test]
    fn small_subnets_are_swept_and_large_ones_of_ipv6_by_their_neighbours() {
        check(&["192.0.2.0/30"], Ok(&["192.0.2.1", "192.0.2.2"]));
        check(&["192.0.2.1/32"], Ok(&["192.0.2.1"]));
        check(&["fd00::/64"], Ok(&["fd00::5"]));
        check(&["fd02::/64"], Ok(&[]));
        check(&["fd00::8/127"], Ok(&["fd00::8", "fd00::9"]));
        check(&["10.0.0.0/15"], Err("10.0.0.0/15 has more addresses"));
        check(&["10.0.0.0/17", "10.1.0.0/16"], Err("10.1.0.0/16 has more"));
        check(&[], Err("none is named"));
    }
}
