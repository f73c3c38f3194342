//! Names of machines with reserved addresses: their leases have none of their own, since the zones have them. Pure.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use super::config::Config;
use super::event::Event;
use super::lease::{Lease, LeaseState};
use crate::base::name::{DomainName, HostName};
use crate::base::record::{RecordData, RecordType};
use crate::state::{Key, Resource, State};

/// The name of each reserved address: of those that lead to it the machine's own, else one of its interface's. `host_of` tells whom an
/// address is reserved for.
pub(super) fn host_names<'a>(
    state: &State,
    host_of: impl Fn(Ipv4Addr) -> Option<&'a HostName>,
) -> HashMap<Ipv4Addr, DomainName> {
    let mut names: HashMap<Ipv4Addr, DomainName> = HashMap::new();
    for (key, resource) in state {
        let (Key::Record { zone, name, kind }, Resource::Record(record)) = (key, resource) else {
            continue;
        };
        if *kind != RecordType::A {
            continue;
        }
        for value in record.values.iter() {
            let RecordData::A(address) = value else {
                continue;
            };
            let Some(host) = host_of(*address) else {
                continue;
            };
            let Some(name) = name.absolute(zone) else {
                continue;
            };
            let is_shorter = |before: &DomainName| name.as_str().len() < before.as_str().len();
            if is_of(&name, zone, host) && names.get(address).is_none_or(is_shorter) {
                names.insert(*address, name);
            }
        }
    }
    names
}

/// Whether a name of the zone is the host's, or one below it.
fn is_of(name: &DomainName, zone: &DomainName, host: &HostName) -> bool {
    let within = name.as_str().strip_suffix(zone.as_str());
    let within = within.and_then(|within| within.strip_suffix('.'));
    let below = within.and_then(|within| within.strip_suffix(host.as_str()));
    below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
}

impl Config {
    /// What the client of a lease is called in DNS while it has the address: by its own lease, or as the machine that the site keeps the
    /// address for.
    pub fn name_of<'a>(&'a self, lease: &'a Lease) -> Option<&'a DomainName> {
        let is_held = match lease.state {
            LeaseState::Active | LeaseState::Offered => true,
            LeaseState::Idle | LeaseState::Declined => false,
        };
        let reserved = || {
            let name = self.host_name(lease.address).filter(|_| is_held)?;
            (!self.is_anothers(lease)).then_some(name)
        };
        lease.name.as_ref().or_else(reserved)
    }
}

/// The event with the names that its leases have in DNS. What is in quarantine is nobody's, and what a client is told to give up is
/// another's: both are told of with the name of the machine that the address is reserved for.
pub(super) fn named(config: &Config, mut event: Event) -> Event {
    let is_reclaimed = matches!(event, Event::Reclaimed { .. });
    for lease in event.leases_mut().into_iter().flatten() {
        let of_machine = is_reclaimed || lease.state == LeaseState::Declined;
        if lease.name.is_none() {
            let own = config.name_of(lease);
            let reserved = || config.host_name(lease.address).filter(|_| of_machine);
            lease.name = own.or_else(reserved).cloned();
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::mac::MacAddr;
    use crate::serve::dhcp::event::Release;
    use crate::serve::dhcp::lease::{ClientKey, Hardware};

    fn config() -> Config {
        let a = |address: &str| serde_json::json!({ "record": { "ttl": "30s", "values": [{ "A": address }] } });
        let reservation = |host: &str, address: &str| serde_json::json!({ "reservation": { "host": host, "addresses": [address], "image": null } });
        let state = serde_json::json!({
            "vlan/plant/pxe/reservation/02:00:00:00:00:01": reservation("node", "10.0.0.11"),
            "vlan/plant/pxe/reservation/02:00:00:00:00:02": reservation("node", "10.0.0.12"),
            "vlan/plant/pxe/reservation/02:00:00:00:00:03": reservation("bare", "10.0.0.13"),
            "zone/example/node/A": a("10.0.0.11"),
            "zone/example/eth1.node/A": a("10.0.0.12"),
            "zone/example/a.node/A": a("10.0.0.11"),
            "zone/example/anode/A": a("10.0.0.12"),
            "zone/example/www/A": a("10.0.0.13"),
            "zone/example/other/A": a("10.0.0.14")
        });
        Config::from_state(&serde_json::from_value::<State>(state).unwrap())
    }

    fn lease(address: u8, client: u8, state: LeaseState) -> Lease {
        let hardware = Hardware::from(MacAddr([2, 0, 0, 0, 0, client]));
        Lease {
            address: [10, 0, 0, address].into(),
            client: ClientKey::of_hardware(hardware),
            hardware,
            state,
            since: 1,
            expires: 2,
            held_until: 3,
            name: None,
            vlan: None,
            agent: None,
            known: None,
        }
    }

    #[test]
    fn a_lease_has_the_name_of_the_machine_that_its_address_is_kept_for() {
        use LeaseState::{Active, Declined, Idle, Offered};
        let config = config();
        for (address, client, state, expected) in [
            (11, 1, Active, Some("node.example")),
            (11, 1, Offered, Some("node.example")),
            (12, 2, Active, Some("eth1.node.example")),
            // A name that the site gives beside the machine's is no name of the machine.
            (13, 3, Active, None),
            // Nobody's, another's, and what is nobody's any more.
            (14, 1, Active, None),
            (11, 9, Active, None),
            (11, 1, Idle, None),
            (11, 1, Declined, None),
        ] {
            let lease = lease(address, client, state);
            let name = config.name_of(&lease).map(DomainName::as_str);
            assert_eq!(name, expected, "{lease:?}");
        }
        let own = Lease {
            name: Some("own.example".parse().unwrap()),
            ..lease(11, 1, Active)
        };
        assert_eq!(config.name_of(&own), own.name.as_ref());
    }

    #[test]
    fn events_are_told_with_the_name() {
        let (config, active) = (config(), lease(11, 1, LeaseState::Active));
        let declined = lease(11, 1, LeaseState::Declined);
        let (lease, before) = (declined, Box::new(active));
        let declined = Event::Declined {
            lease,
            before,
            freed: None,
        };
        let Event::Declined { lease, before, .. } = named(&config, declined) else {
            panic!("another event");
        };
        assert_eq!(lease.name, before.name);
        assert_eq!(before.name.unwrap().as_str(), "node.example");
    }

    /// An event of a lease.
    type Of<'a> = &'a dyn Fn(Lease) -> Event;

    /// The name that an event is told with whose only lease is that of a client, of an address that is reserved for another, or not.
    #[test]
    fn what_is_in_dispute_is_told_with_the_name_of_the_machine() {
        use LeaseState::{Active, Declined};
        let conflict = |lease| Event::Conflict {
            lease,
            by: None,
            others: 0,
        };
        let contested = |lease| {
            let host = "node".parse().unwrap();
            Event::Contested { lease, host }
        };
        let reclaimed = |lease| Event::Reclaimed { lease };
        let expired = |lease| Event::Expired { lease };
        let released = |how| move |lease| Event::Released { lease, how };
        let (by_hand, reassigned) = (released(Release::ByHand), released(Release::Reassigned));
        let node = Some("node.example");
        let cases: [(u8, LeaseState, Of<'_>, Option<&str>); 8] = [
            (1, Declined, &conflict, node),
            (9, Declined, &conflict, node),
            (1, Declined, &contested, node),
            (9, Active, &reclaimed, node),
            (1, Declined, &by_hand, node),
            (1, Declined, &expired, node),
            // Who leaves it has never been that machine.
            (9, Active, &reassigned, None),
            (9, Active, &expired, None),
        ];
        for (client, state, of, expected) in cases {
            let mut event = named(&config(), of(lease(11, client, state)));
            let what = format!("{event:?}");
            let [Some(lease), None] = event.leases_mut() else {
                panic!("{what}: one lease");
            };
            let name = lease.name.as_ref().map(DomainName::as_str);
            assert_eq!(name, expected, "{what}");
        }
    }
}
