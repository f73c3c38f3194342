//! What the daemon tells of itself: its world beside the applied site and its listeners.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::bmc::{BmcSummary, BootOrderDrift, MachineDrift, ManualRequest, PowerDrift};
use super::confirm::Unconfirmed;
use super::doing::AwaitedMachines;
use super::drift::{Differences, Drift, Ended, TOLD, Waits};
use super::hold::Hold;
use super::hook::HookTally;
use super::turn::UnderWay;
use crate::base::addr::Prefix;
use crate::base::name::{HostName, LinkName, Name};
use crate::plan::{Plan, Warning};
use crate::serve::dhcp::{ScopeCounters, StoreTrouble};
use crate::state::{Key, Observation, Resource, Service};

/// The daemon at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub controller: HostName,
    /// The site that was applied last.
    pub site: Option<Name>,
    /// Things that are as the site says.
    pub in_place: usize,
    /// Things that are not, and since when; the first [`TOLD`] of them. Those of machines are told below, and counted here.
    pub drift: Vec<Drift>,
    pub drifted: usize,
    /// Things that cannot be; as many of them.
    pub waiting: Vec<Waits>,
    pub withheld: usize,
    /// Drift that is over, the latest first.
    #[serde(default)]
    pub ended: Vec<Ended>,
    /// Whether the daemon puts back what others change.
    #[serde(default)]
    pub enforce: bool,
    /// Why it does not now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_back: Option<String>,
    /// Things that others changed, and that the site leaves to them.
    #[serde(default)]
    pub ignored: usize,
    /// What stands in nobody's way, and is good to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    pub listeners: Vec<ListenerRow>,
    pub leases: usize,
    /// What is wrong with the store that leases are kept in: known clients are served, new ones are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreTrouble>,
    /// What was asked of DHCP in each subnet, and what came of it.
    #[serde(default)]
    pub scopes: BTreeMap<Prefix, ScopeCounters>,
    /// What the servers counted since they started.
    pub counters: BTreeMap<String, u64>,
    /// How the hooks do.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hooks: BTreeMap<Name, HookTally>,
    /// How the webhooks do.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub webhooks: BTreeMap<Name, HookTally>,
    /// How the BMCs of the site do; none where it has none, or where nobody watches them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bmcs: Option<BmcSummary>,
    /// Machines that are not what the site says, by what their BMCs told last; the first [`TOLD`] of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub machines: Vec<MachineDrift>,
    /// Machines that are not on or off as the site says, by what their BMCs told last; the first [`TOLD`] of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub powers: Vec<PowerDrift>,
    /// Machines that do not boot from where the site says, by what their BMCs told last; the first [`TOLD`] of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub boot_orders: Vec<BootOrderDrift>,
    /// What of machines the last apply could not bring about, and was not seen to be so since; the first [`TOLD`] of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<Key>,
    #[serde(default)]
    pub omitted: usize,
    /// Things of machines that are in force, and of which nobody knows how they are now: their BMCs were not asked about them since.
    #[serde(default)]
    pub unasked: usize,
    /// What persons are asked to do with machines; the first [`TOLD`] of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<ManualRequest>,
    /// An apply that is running: until it ends, nothing above but what persons are asked is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under_way: Option<UnderWay>,
    /// What is awaited of machines that it looks at or switches.
    #[serde(flatten)]
    pub machines_under_way: AwaitedMachines,
    /// An apply that waits to be confirmed, and keeps others from applying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed: Option<Unconfirmed>,
    /// Who keeps everybody from applying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
}

/// One address that a server answers on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerRow {
    pub service: Service,
    pub link: LinkName,
    pub address: IpAddr,
    pub port: u16,
    /// What is not there, so that nobody is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<Key>,
}

impl Status {
    /// What `observed` shows, before anything is compared with it.
    pub(super) fn new(
        controller: &HostName,
        observed: &Observation,
        counters: BTreeMap<String, u64>,
    ) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            controller: controller.clone(),
            site: None,
            in_place: 0,
            drift: Vec::new(),
            drifted: 0,
            waiting: Vec::new(),
            withheld: 0,
            ended: Vec::new(),
            enforce: false,
            held_back: None,
            ignored: 0,
            warnings: Vec::new(),
            listeners: observed
                .state
                .iter()
                .filter_map(|(key, resource)| ListenerRow::of(key, resource, observed))
                .collect(),
            leases: observed.facts.leased,
            store: None,
            scopes: BTreeMap::new(),
            counters,
            hooks: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            bmcs: None,
            machines: Vec::new(),
            powers: Vec::new(),
            boot_orders: Vec::new(),
            left_out: Vec::new(),
            omitted: 0,
            unasked: 0,
            asked: Vec::new(),
            under_way: None,
            machines_under_way: AwaitedMachines::default(),
            unconfirmed: None,
            hold: None,
        }
    }

    /// What can be told while an apply is running.
    pub(super) fn amid(
        controller: &HostName,
        under_way: UnderWay,
        machines_under_way: AwaitedMachines,
    ) -> Self {
        Self {
            under_way: Some(under_way),
            machines_under_way,
            ..Self::new(controller, &Observation::default(), BTreeMap::new())
        }
    }

    /// Adds how the world differs from the applied site: `plan` would put it right.
    pub(super) fn compare(&mut self, site: &Name, plan: &Plan, differences: Differences) {
        let Differences {
            mut drift,
            mut waiting,
            beside,
        } = differences;
        self.site = Some(site.clone());
        self.in_place = plan.unchanged + beside;
        self.ignored = plan.ignored.len();
        self.warnings.clone_from(&plan.warnings);
        (self.drifted, self.withheld) = (drift.len(), waiting.len());
        drift.truncate(TOLD);
        waiting.truncate(TOLD);
        (self.drift, self.waiting) = (drift, waiting);
    }

    /// Counts the things of machines, so many in all; of `heard` it is known how they are now. What differs of them is listed already, and
    /// what was left out.
    pub(super) fn count_machines(&mut self, all: usize, heard: &BTreeSet<Key>) {
        self.left_out.retain(|key| !heard.contains(key));
        let differing = self.powers.len() + self.boot_orders.len();
        let differences = self.machines.iter().map(|one| one.differences.len());
        self.drifted += differing + differences.sum::<usize>();
        self.in_place += heard.len().saturating_sub(differing);
        self.omitted = self.left_out.len();
        self.unasked = all.saturating_sub(heard.len() + self.omitted);
        self.machines.truncate(TOLD);
        self.powers.truncate(TOLD);
        self.boot_orders.truncate(TOLD);
        self.left_out.truncate(TOLD);
    }
}

impl ListenerRow {
    fn of(key: &Key, resource: &Resource, observed: &Observation) -> Option<Self> {
        let (
            Key::Listener {
                service, address, ..
            },
            Resource::Listener(listener),
        ) = (key, resource)
        else {
            return None;
        };
        Some(Self {
            service: *service,
            link: listener.link.clone(),
            address: *address,
            port: service.port(),
            waits_for: observed.lacking(key, resource),
        })
    }
}
