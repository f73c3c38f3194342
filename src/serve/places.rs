//! How many clients a server takes at a time, in all and each. Knows no protocol.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// A bounded number of places, so that no client takes all and no crowd takes the host.
pub(super) struct Places {
    most: usize,
    most_each: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    total: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// A place that is free again once dropped.
pub(super) struct Place {
    places: Arc<Places>,
    client: IpAddr,
}

impl Places {
    pub(super) fn new(most: usize, most_each: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            most_each,
            taken: Mutex::default(),
        })
    }

    /// A place for `client`, where one is left.
    pub(super) fn take(self: &Arc<Self>, client: IpAddr) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.by_client.get(&client).copied().unwrap_or(0);
        if taken.total >= self.most || own >= self.most_each {
            return None;
        }
        taken.total += 1;
        taken.by_client.insert(client, own + 1);
        Some(Place {
            places: Arc::clone(self),
            client,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self
            .places
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        taken.total = taken.total.saturating_sub(1);
        let own = taken.by_client.get(&self.client).copied().unwrap_or(0);
        if own > 1 {
            taken.by_client.insert(self.client, own - 1);
        } else {
            taken.by_client.remove(&self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let places = Places::new(3, 2);
        let [one, two, three]: [IpAddr; 3] =
            ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|text| text.parse().unwrap());
        let first = places.take(one);
        let _second = places.take(one);
        assert!(first.is_some());
        assert!(places.take(one).is_none(), "a third for one client");
        let _third = places.take(two);
        assert!(places.take(three).is_none(), "a fourth in all");
        drop(first);
        assert!(places.take(three).is_some());
    }
}
