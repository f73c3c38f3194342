//! Addresses on a controller's links. What each is stands in its key; what the kernel does with it, here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ground::beside;
use super::{Changes, Desired, Disruption, Ground, Key, Resource};
use crate::base::addr::Prefix;
use crate::base::name::{HostName, LinkName};
use crate::site::model::PlacedAddress;

/// An address on a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    /// Whether it makes its whole prefix neighbours.
    #[serde(skip_serializing_if = "is_true")]
    pub prefix_route: bool,
    /// Whether the host sends from it by itself.
    #[serde(skip_serializing_if = "is_true")]
    pub preferred: bool,
    /// Whether others are asked for it before it is used (RFC 4862 5.4), for IPv6.
    #[serde(skip_serializing_if = "is_true")]
    pub duplicate_detection: bool,
    /// Whether somebody else in the network has it, and the kernel so leaves it unused (RFC 4862 5.4.5). Found, never wanted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
    /// Whether it comes after another of its link and prefix: the host sends from the first. None where that is nobody's concern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secondary: Option<bool>,
}

fn is_true(flag: &bool) -> bool {
    *flag
}

impl Default for Address {
    fn default() -> Self {
        Self {
            prefix_route: true,
            preferred: true,
            duplicate_detection: true,
            duplicate: false,
            secondary: None,
        }
    }
}

impl Address {
    /// The link, and of a later address of a prefix the first one.
    pub(super) fn requires(&self, key: &Key, ground: &Ground<'_>) -> Vec<Key> {
        let Key::Address {
            controller,
            link,
            address,
        } = key
        else {
            return Vec::new();
        };
        let on = Key::link(controller, link);
        let mut needs = vec![on];
        if self.secondary == Some(true) {
            let beside = beside(ground.state, controller, link, address.prefix());
            let first = beside
                .into_iter()
                .filter(|(_, first)| first.secondary == Some(false));
            needs.extend(first.map(|(key, _)| key.clone()));
        }
        needs
    }

    /// Whether it is preferred changes in place (`inet_rtm_newaddr`), and so does its place: whoever is to be first makes the others
    /// stand back.
    pub(super) fn disruption(&self, from: &Self) -> Disruption {
        let is_same = self.prefix_route == from.prefix_route
            && self.duplicate_detection == from.duplicate_detection
            && !self.is_lost(from);
        if is_same {
            Disruption::None
        } else {
            Disruption::Replace
        }
    }

    /// Whether it is to be used and somebody else has it: set anew, it is asked for once more.
    fn is_lost(&self, found: &Self) -> bool {
        found.duplicate && !self.duplicate
    }

    /// Whether its place among others is another than wanted, as far as both are known.
    fn is_elsewhere(&self, found: &Self) -> bool {
        let places = self.secondary.zip(found.secondary);
        places.is_some_and(|(wanted, found)| wanted != found)
    }

    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        let order = |secondary: &Option<bool>| {
            let is_later = secondary.unwrap_or(false);
            if is_later { "after the first" } else { "first" }.to_owned()
        };
        let wanted = if self.is_elsewhere(from) {
            self.secondary
        } else {
            from.secondary
        };
        changes
            .field("prefix-route", &from.prefix_route, &self.prefix_route)
            .field("preferred", &from.preferred, &self.preferred)
            .field(
                "duplicate-detection",
                &from.duplicate_detection,
                &self.duplicate_detection,
            )
            .field("duplicate", &self.is_lost(from), &false)
            .shown("order", &from.secondary, &wanted, order)
    }

    pub(super) fn leave(&mut self, from: &Self, is_left: &dyn Fn(&str) -> bool) {
        if is_left("prefix-route") {
            self.prefix_route = from.prefix_route;
        }
        if is_left("preferred") {
            self.preferred = from.preferred;
        }
        if is_left("duplicate-detection") {
            self.duplicate_detection = from.duplicate_detection;
        }
        if is_left("duplicate") {
            self.duplicate = from.duplicate;
        }
        if is_left("order") {
            self.secondary = from.secondary;
        }
    }

    pub(super) fn summary(&self) -> String {
        let words = [
            (!self.prefix_route).then_some("without a route to its prefix"),
            (!self.preferred).then_some("not preferred"),
            (!self.duplicate_detection).then_some("without duplicate detection"),
            self.duplicate.then_some("which somebody else has"),
            (self.secondary == Some(true)).then_some("after the first"),
        ];
        words.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

pub(super) fn desired(
    controller: &HostName,
    link: &LinkName,
    addresses: &[PlacedAddress],
    into: &mut Desired,
) {
    let mut count: BTreeMap<Prefix, usize> = BTreeMap::new();
    for placed in addresses {
        *count.entry(placed.address.prefix()).or_default() += 1;
    }
    let mut seen: BTreeMap<Prefix, usize> = BTreeMap::new();
    for placed in addresses {
        let prefix = placed.address.prefix();
        let before = seen.entry(prefix).or_default();
        // The kernel keeps an order of IPv4 addresses of one prefix only.
        let is_ordered =
            placed.address.ip().is_ipv4() && count.get(&prefix).is_some_and(|count| *count > 1);
        let address = Address {
            prefix_route: placed.prefix_route,
            preferred: placed.preferred,
            duplicate_detection: placed.duplicate_detection,
            duplicate: false,
            secondary: is_ordered.then_some(*before > 0),
        };
        *before += 1;
        let key = Key::Address {
            controller: controller.clone(),
            link: link.clone(),
            address: placed.address,
        };
        into.add(key, Resource::Address(address), &placed.origin);
    }
}
