//! Addresses on a controller's links. All there is to one stands in its key.

use serde::{Deserialize, Serialize};

use super::{Desired, Key, Resource};
use crate::base::name::{HostName, LinkName};
use crate::site::model::PlacedAddress;

/// An address on a link.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {}

impl Address {
    pub(super) fn requires(&self, key: &Key) -> Vec<Key> {
        let Key::Address {
            controller, link, ..
        } = key
        else {
            return Vec::new();
        };
        vec![Key::Link {
            controller: controller.clone(),
            link: link.clone(),
        }]
    }
}

pub(super) fn desired(
    controller: &HostName,
    link: &LinkName,
    addresses: &[PlacedAddress],
    into: &mut Desired,
) {
    for placed in addresses {
        let key = Key::Address {
            controller: controller.clone(),
            link: link.clone(),
            address: placed.address,
        };
        into.add(key, Resource::Address(Address {}), &placed.origin);
    }
}
