//! What can exist, as plain values of one type for desired and observed alike. Pure: no I/O, no async, no clock.
//!
//! One file per kind of thing: its type, its `desired`, what it `requires`, and what `changes` between two of it.

mod address;
mod bmc;
mod boot;
mod boot_order;
mod compare;
mod desired;
mod dhcp;
mod dns;
mod found;
mod ground;
mod guard;
mod hook;
mod key;
mod leave;
mod link;
mod listener;
mod manager;
mod network;
mod observation;
mod power;
mod protect;
mod route;
mod rule;
mod traffic;
mod user;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::site::model::Bmc;

pub use address::Address;
pub use bmc::bmc_addresses;
pub use boot::{BootFile, BootImage};
pub use boot_order::BootOrder;
pub use compare::{Tally, tally};
pub use desired::{Desired, Unapplied, desired, elsewhere};
pub use dhcp::{OptionPart, OptionStanding, OptionWord, Reservation, Scope, Told, told};
pub use dns::{Forwarders, Record, Zone, reverse_name};
pub use ground::{Ground, beside};
pub use guard::{Guard, Guards, Objects};
pub use hook::Hook;
pub use key::{Domain, Key, KeyError, RecordName, Service, Table};
pub use link::{Bond, Bridge, Disruption, Link, LinkKind, PortVlan, Tagged, Vrf};
pub use listener::Listener;
pub use manager::Manager;
pub use network::{Network, Tagging, asked_at};
pub use observation::{Facts, LeaseFact, LinkFact, Observation, Ownership};
pub use power::{Power, Silence, Unreached};
pub use route::{Hop, Route};
pub use rule::{Action as RuleAction, Rule};
pub use traffic::{
    Beside, BesideAddress, BesideRoute, BusyPort, ClientSession, ClientSessionError, Session,
    SessionService, Transport,
};
pub use user::{Password, User};
pub use webhook::Webhook;

/// Everything that should exist, or does.
pub type State = BTreeMap<Key, Resource>;

/// One thing that can exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    Link(Link),
    Address(Address),
    Route(Route),
    Rule(Rule),
    Listener(Listener),
    Forwarders(Forwarders),
    Scope(Box<Scope>),
    Reservation(Reservation),
    Zone(Zone),
    Record(Record),
    BootImage(BootImage),
    BootFile(BootFile),
    Hook(Hook),
    Webhook(Webhook),
    Bmc(Arc<Bmc>),
    User(User),
    Network(Network),
    BootOrder(BootOrder),
    Power(Power),
}

/// One attribute that differs; both sides as people read them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub field: String,
    pub from: String,
    pub to: String,
}

impl Change {
    fn new(field: &str, from: impl ToString, to: impl ToString) -> Self {
        Self {
            field: field.to_owned(),
            from: from.to_string(),
            to: to.to_string(),
        }
    }
}

/// Collects the attributes that differ between two resources of a kind.
#[derive(Default)]
struct Changes(Vec<Change>);

impl Changes {
    fn field<T: PartialEq + ToString>(mut self, name: &str, from: &T, to: &T) -> Self {
        if from != to {
            self.0
                .push(Change::new(name, from.to_string(), to.to_string()));
        }
        self
    }

    /// For attributes without a rendering of their own.
    fn shown<T: PartialEq>(
        mut self,
        name: &str,
        from: &T,
        to: &T,
        show: impl Fn(&T) -> String,
    ) -> Self {
        if from != to {
            self.0.push(Change::new(name, show(from), show(to)));
        }
        self
    }
}

/// Items separated by commas, or `none`.
fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() {
        "none".to_owned()
    } else {
        items.join(", ")
    }
}

impl Resource {
    /// What this resource needs to exist before it, among what there is.
    pub fn requires(&self, key: &Key, ground: &Ground<'_>) -> Vec<Key> {
        match self {
            Self::Link(link) => link.requires(key),
            Self::Address(address) => address.requires(key, ground),
            Self::Route(route) => route.ways(key, ground).concat(),
            Self::Listener(listener) => listener.requires(key),
            Self::Scope(scope) => scope.requires(key, ground.state),
            Self::Reservation(reservation) => reservation.requires(key, ground.state),
            Self::BootImage(image) => image.requires(),
            Self::Record(_) => dns::requires(key),
            Self::Rule(_)
            | Self::Forwarders(_)
            | Self::Zone(_)
            | Self::BootFile(_)
            | Self::Hook(_)
            | Self::Webhook(_)
            | Self::Bmc(_) => Vec::new(),
            Self::User(_) | Self::Network(_) | Self::BootOrder(_) | Self::Power(_) => {
                key.bmc().into_iter().collect()
            }
        }
    }

    /// What this resource needs, each as alternatives of which one suffices.
    pub fn ways(&self, key: &Key, ground: &Ground<'_>) -> Vec<Vec<Key>> {
        if let Self::Route(route) = self {
            return route.ways(key, ground);
        }
        let requires = self.requires(key, ground);
        requires.into_iter().map(|one| vec![one]).collect()
    }

    /// The same; an address wherever it comes among the others of its prefix, which may have come and gone.
    pub fn anywhere(mut self) -> Self {
        if let Self::Address(address) = &mut self {
            address.secondary = None;
        }
        self
    }

    /// What must change in `observed` to make it as `self` wants; empty when it is so already.
    pub fn changes_from(&self, observed: &Self) -> Vec<Change> {
        let changes = Changes::default();
        let changes = match (observed, self) {
            (Self::Link(from), Self::Link(to)) => to.changes(from, changes),
            (Self::Address(from), Self::Address(to)) => to.changes(from, changes),
            (Self::Route(from), Self::Route(to)) => to.changes(from, changes),
            (Self::Rule(from), Self::Rule(to)) => to.changes(from, changes),
            (Self::Listener(from), Self::Listener(to)) => to.changes(from, changes),
            (Self::Forwarders(from), Self::Forwarders(to)) => to.changes(from, changes),
            (Self::Scope(from), Self::Scope(to)) => to.changes(from, changes),
            (Self::Reservation(from), Self::Reservation(to)) => to.changes(from, changes),
            (Self::Zone(from), Self::Zone(to)) => to.changes(from, changes),
            (Self::Record(from), Self::Record(to)) => to.changes(from, changes),
            (Self::BootImage(from), Self::BootImage(to)) => to.changes(from, changes),
            (Self::BootFile(from), Self::BootFile(to)) => to.changes(from, changes),
            (Self::Hook(from), Self::Hook(to)) => to.changes(from, changes),
            (Self::Webhook(from), Self::Webhook(to)) => to.changes(from, changes),
            (Self::Bmc(from), Self::Bmc(to)) => bmc::changes(to, from, changes),
            (Self::User(from), Self::User(to)) => to.changes(from, changes),
            (Self::Network(from), Self::Network(to)) => to.changes(from, changes),
            (Self::BootOrder(from), Self::BootOrder(to)) => to.changes(from, changes),
            (Self::Power(from), Self::Power(to)) => to.changes(from, changes),
            (from, to) => changes.field("kind", &from.kind().to_owned(), &to.kind().to_owned()),
        };
        changes.0
    }

    /// What it takes to make it of `observed`.
    pub fn disruption(&self, observed: &Self) -> Disruption {
        match (observed, self) {
            (Self::Link(from), Self::Link(to)) => to.disruption(from),
            (Self::Address(from), Self::Address(to)) => to.disruption(from),
            (from, to) if from.kind() == to.kind() => Disruption::None,
            _ => Disruption::Replace,
        }
    }

    /// What `self` becomes in the world, with attributes it leaves unmanaged taken from `before`.
    pub fn settled(&self, before: Option<&Self>) -> Self {
        match (self, before) {
            (Self::Link(link), Some(Self::Link(before))) => Self::Link(link.settled(Some(before))),
            (Self::Link(link), _) => Self::Link(link.settled(None)),
            (Self::Route(route), Some(Self::Route(before))) => Self::Route(route.settled(before)),
            (other, _) => other.clone(),
        }
    }

    /// The word for this kind in plans.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Link(_) => "link",
            Self::Address(_) => "address",
            Self::Route(_) => "route",
            Self::Rule(_) => "rule",
            Self::Listener(_) => "listener",
            Self::Forwarders(_) => "forwarders",
            Self::Scope(_) => "scope",
            Self::Reservation(_) => "reservation",
            Self::Zone(_) => "zone",
            Self::Record(_) => "record",
            Self::BootImage(_) => "image",
            Self::BootFile(_) => "file",
            Self::Hook(_) => "hook",
            Self::Webhook(_) => "webhook",
            Self::Bmc(_) => "bmc",
            Self::User(_) => "user",
            Self::Network(_) => "network",
            Self::BootOrder(_) => "boot-order",
            Self::Power(_) => "power",
        }
    }

    /// The summary of what is claimed, which was `before`: without settings that stay as they are, most of which nobody asked for.
    pub fn claimed_summary(&self, before: Option<&Self>) -> String {
        match (self, before) {
            (Self::Link(link), Some(Self::Link(before))) => {
                let mut told = link.clone();
                told.settings
                    .retain(|setting, value| before.settings.get(setting) != Some(value));
                Self::Link(told).summary()
            }
            (_, _) => self.summary(),
        }
    }

    /// The resource in a few words, for a plan's line.
    pub fn summary(&self) -> String {
        match self {
            Self::Link(link) => link.summary(),
            Self::Address(address) => address.summary(),
            Self::Route(route) => route.summary(),
            Self::Rule(rule) => rule.summary(),
            Self::Listener(listener) => listener.summary(),
            Self::Forwarders(forwarders) => list(&forwarders.upstreams),
            Self::Scope(scope) => scope.summary(),
            Self::Reservation(reservation) => reservation.summary(),
            Self::Zone(zone) => zone.summary(),
            Self::Record(record) => list(&record.values),
            Self::BootImage(image) => image.summary(),
            Self::BootFile(file) => file.summary(),
            Self::Hook(hook) => hook.summary(),
            Self::Webhook(webhook) => webhook.summary(),
            Self::Bmc(bmc) => bmc::summary(bmc),
            Self::User(user) => user.summary(),
            Self::Network(network) => network.summary(),
            Self::BootOrder(order) => order.summary(),
            Self::Power(power) => power.summary(),
        }
    }
}

/// The digest of anything that serialises; equal values give equal digests, since all our maps are ordered.
///
/// # Errors
/// Where a value has no JSON form; none of ours lacks one.
pub fn digest_of(value: &impl Serialize) -> Result<Digest, serde_json::Error> {
    let mut digester = crate::base::digest::Digester::default();
    serde_json::to_writer(&mut digester, value)?;
    Ok(digester.finish())
}
