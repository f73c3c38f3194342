//! What DHCP says to the clients of one subnet.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::base::addr::{AddressRange, Prefix};
use crate::base::arch::ClientArch;
use crate::base::class::ClientClass;
use crate::base::duration::Seconds;
use crate::base::name::{DomainName, Name};
use crate::base::option::{OptionValue, option_attribute};
use crate::base::percent::Percent;
use crate::base::policy::{DhcpPolicy, HISTORY_TIME};
use crate::base::vlan::VlanPath;
use crate::site::model::Controller;
use crate::state::{Changes, Key, Service, State, list};

/// What DHCP says to the clients of one IPv4 subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Our address towards these clients: server identifier, next server and host of boot URLs.
    pub server: Ipv4Addr,
    /// Addresses for any client, in order; none overlap.
    pub pools: Vec<AddressRange>,
    pub lease_time: Seconds,
    /// The domain that names of leases live in.
    pub domain: DomainName,
    /// What every client is told, by option code.
    pub options: BTreeMap<u8, OptionValue>,
    /// What clients with an address of a pool are told instead, by option code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pool_options: BTreeMap<AddressRange, BTreeMap<u8, OptionValue>>,
    /// Kinds of clients that are told something else, in the order in which they count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClientClass>,
    /// What clients without a reservation boot.
    pub image: Option<Name>,
    /// The VLAN of the servers, where a relay agent forwards to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<VlanPath>,
    /// How clients are taken; the same in all scopes of a VLAN.
    #[serde(default, skip_serializing_if = "DhcpPolicy::is_default")]
    pub policy: DhcpPolicy,
    /// Kinds of clients that are not told what to boot.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub disabled_boot: BTreeSet<ClientArch>,
    /// How full the pools are, all together, when that is told.
    #[serde(default = "thresholds", skip_serializing_if = "is_usual")]
    pub thresholds: BTreeSet<Percent>,
    /// How long it is kept who held which address; the same in all scopes.
    #[serde(default = "history_time", skip_serializing_if = "is_usual_time")]
    pub history_time: Seconds,
}

/// What is told where the site does not say.
fn thresholds() -> BTreeSet<Percent> {
    Percent::THRESHOLDS.into()
}

fn history_time() -> Seconds {
    HISTORY_TIME
}

fn is_usual_time(time: &Seconds) -> bool {
    *time == HISTORY_TIME
}

fn is_usual(told: &BTreeSet<Percent>) -> bool {
    *told == thresholds()
}

impl Scope {
    pub(in crate::state) fn requires(&self, _key: &Key, state: &State) -> Vec<Key> {
        let serves = |key: &&Key| matches!(key, Key::Listener { service: Service::Dhcp | Service::Pxe, address, .. } if *address == IpAddr::V4(self.server));
        let mut keys: Vec<Key> = state.keys().filter(serves).cloned().collect();
        let of_classes = self.classes.iter().filter_map(|class| class.image.clone());
        let images: BTreeSet<Name> = self.image.clone().into_iter().chain(of_classes).collect();
        keys.extend(images.into_iter().map(|image| Key::BootImage { image }));
        keys
    }

    pub(in crate::state) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        let image = |image: &Option<Name>| list(image);
        let changes = changes
            .field("server", &from.server, &self.server)
            .shown("pools", &from.pools, &self.pools, |pools| list(pools))
            .field("lease-time", &from.lease_time, &self.lease_time)
            .field("domain", &from.domain, &self.domain)
            .shown("image", &from.image, &self.image, image)
            .shown(
                "disable-boot",
                &from.disabled_boot,
                &self.disabled_boot,
                |archs| list(archs),
            );
        let changes = changes.shown(
            "thresholds",
            &from.thresholds,
            &self.thresholds,
            |thresholds| list(thresholds),
        );
        let changes = changes.field("history-time", &from.history_time, &self.history_time);
        let relay = |relay: &Option<VlanPath>| list(relay);
        let changes = changes.shown("relay-to", &from.relay, &self.relay, relay);
        let (before, after) = (&from.policy, &self.policy);
        let changes = changes
            .field("authoritative", &before.authoritative, &after.authoritative)
            .field("identity", &before.identity, &after.identity)
            .field("proxy", &before.proxy, &after.proxy)
            .field("probe", &before.probe, &after.probe)
            .field(
                "least-lease-time",
                &before.least_lease_time,
                &after.least_lease_time,
            )
            .shown(
                "boot-lease-time",
                &before.boot_lease_time,
                &after.boot_lease_time,
                |time| list(time),
            )
            .field("offer-time", &before.offer_time, &after.offer_time)
            .field(
                "quarantine-time",
                &before.quarantine_time,
                &after.quarantine_time,
            )
            .field(
                "unknown-clients",
                &before.unknown_clients,
                &after.unknown_clients,
            );
        let changes = bounds(changes, before, after);
        changes
            .shown("client-classes", &from.classes, &self.classes, |classes| {
                list(classes)
            })
            .shown(
                "pool-options",
                &from.pool_options,
                &self.pool_options,
                pool_options,
            )
            .options(&from.options, &self.options)
    }

    pub(in crate::state) fn summary(&self) -> String {
        if self.policy.proxy {
            return "boot programs alone, beside another server".to_owned();
        }
        format!("lease {}, pools {}", self.lease_time, list(&self.pools))
    }
}

fn bounds(changes: Changes, before: &DhcpPolicy, after: &DhcpPolicy) -> Changes {
    let shown = |bound: &Option<u32>| list(bound);
    let (leases, client, circuit) = (
        &before.leases_per_circuit,
        &before.rate_per_client,
        &before.rate_per_circuit,
    );
    changes
        .shown(
            "leases-per-circuit",
            leases,
            &after.leases_per_circuit,
            shown,
        )
        .shown("rate-per-client", client, &after.rate_per_client, shown)
        .shown("rate-per-circuit", circuit, &after.rate_per_circuit, shown)
}

fn pool_options(pools: &BTreeMap<AddressRange, BTreeMap<u8, OptionValue>>) -> String {
    list(pools.iter().flat_map(|(range, options)| {
        let options = options.iter();
        options.map(move |(code, value)| format!("{} {value} in {range}", option_attribute(*code)))
    }))
}

/// Our address in the subnet, else our first in its VLAN.
pub(super) fn server_address(
    controller: &Controller,
    vlan: &VlanPath,
    subnet: Prefix,
) -> Option<Ipv4Addr> {
    let own = || {
        controller
            .links_in(vlan)
            .flat_map(|(_, link)| &link.addresses)
            .filter_map(|placed| super::as_v4(placed.address.ip()))
    };
    own()
        .find(|address| subnet.contains(IpAddr::V4(*address)))
        .or_else(|| own().next())
}
