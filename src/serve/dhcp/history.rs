//! Leases that are over: who held which address from when to when and how that ended, and how it lies in the store. Pure.
//!
//! ```text
//! past/at/    address:4 since:8 until:8 how client  ->  how until:8 lease
//! past/of/    kind length hardware, then as above
//! past/hour/  hour:4, then as above
//! past/hours/ hour:4                                ->  count:8
//! past/until                                        ->  until:8
//! ```
//!
//! The second finds what a machine held, the third what is old; the fourth says how much there is, and the last up to when leases that
//! ran out are known to be here.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::event::{Event, Release};
use super::lease::{Hardware, Lease, LeaseState};
use crate::store::Write;

/// Leases of the past that are kept at most; the oldest make room.
pub const MOST: u64 = 1_000_000;

pub(super) const AT: &[u8] = b"past/at/";
const OF: &[u8] = b"past/of/";
const HOUR: &[u8] = b"past/hour/";
pub(super) const HOURS: &[u8] = b"past/hours/";
pub(super) const UNTIL: &[u8] = b"past/until";

/// A lease or a quarantine that is over, as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    pub lease: Lease,
    pub until: u64,
    pub how: Ending,
}

/// How a lease ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    Expired,
    /// Its client gave it back.
    Released,
    /// Its client found the address in use by another.
    Declined,
    /// An operator ended it.
    Revoked,
    /// The site gave the address to another, and its client was told so.
    Reassigned,
    /// The machine that it is reserved for took it under another identifier.
    Replaced,
    /// Its client took the address that is reserved for it.
    Moved,
    /// Its address was in no range any more, and its client was told so.
    Withdrawn,
}

impl From<Release> for Ending {
    fn from(how: Release) -> Self {
        match how {
            Release::ByClient => Self::Released,
            Release::ByHand => Self::Revoked,
            Release::Moved => Self::Moved,
            Release::Withdrawn => Self::Withdrawn,
            Release::Reassigned => Self::Reassigned,
        }
    }
}

impl Ending {
    const ALL: [(u8, Self); 8] = [
        (1, Self::Expired),
        (2, Self::Released),
        (3, Self::Declined),
        (4, Self::Revoked),
        (5, Self::Reassigned),
        (6, Self::Replaced),
        (7, Self::Moved),
        (8, Self::Withdrawn),
    ];

    fn code(self) -> u8 {
        let mut known = Self::ALL.into_iter();
        let found = known.find(|(_, own)| *own == self);
        found.map_or(0, |(code, _)| code)
    }
}

impl Past {
    /// What an event at `now` ends.
    pub(super) fn of(event: &Event, now: u64) -> Option<Self> {
        let (lease, until, how) = match event {
            Event::Expired { lease } => (lease, lease.held_until, Ending::Expired),
            Event::Released { lease, how } => (lease, now, Ending::from(*how)),
            Event::Declined { before, .. } => (&**before, now, Ending::Declined),
            Event::Replaced { lease } => (lease, now, Ending::Replaced),
            Event::Committed { .. }
            | Event::Renewed { .. }
            | Event::Contested { .. }
            | Event::Conflict { .. }
            | Event::Reclaimed { .. }
            | Event::Waiting { .. }
            | Event::Store { .. }
            | Event::Bmc { .. }
            | Event::Threshold { .. }
            | Event::Exhausted { .. } => return None,
        };
        let lease = lease.clone();
        Some(Self { lease, until, how })
    }

    /// Whether a lease as the store has it ran out while nobody ran the server.
    pub(super) fn is_unnoticed(lease: &Lease, now: u64, noticed: Option<u64>) -> bool {
        /// What was noticed last may not have been written in its order.
        const SLACK_SECONDS: u64 = 60;
        let until = lease.held_until;
        let is_over = lease.state == LeaseState::Active && until <= now;
        is_over && noticed.is_none_or(|noticed| until.saturating_add(SLACK_SECONDS) > noticed)
    }

    /// The past of one that did.
    pub(super) fn unnoticed(lease: Lease, now: u64, noticed: Option<u64>) -> Option<Self> {
        Self::is_unnoticed(&lease, now, noticed).then(|| Self {
            until: lease.held_until,
            how: Ending::Expired,
            lease,
        })
    }

    pub(super) fn hour(&self) -> u32 {
        hour_of(self.until)
    }

    /// What is common to its keys.
    fn suffix(&self) -> Vec<u8> {
        let Lease {
            address,
            since,
            client,
            ..
        } = &self.lease;
        let times = [since.to_be_bytes(), self.until.to_be_bytes()].concat();
        let how = [self.how.code()];
        [&address.octets()[..], &times, &how, client.bytes()].concat()
    }

    /// Where it stands under `past/at/`.
    pub(super) fn key(&self) -> Vec<u8> {
        [AT, &self.suffix()].concat()
    }

    pub(super) fn writes(&self) -> [Write; 3] {
        let suffix = self.suffix();
        let value = [
            &[self.how.code()][..],
            &self.until.to_be_bytes(),
            &self.lease.encode(),
        ];
        let empty = |key: Vec<u8>| {
            let value = Vec::new();
            Write::Put { key, value }
        };
        [
            Write::Put {
                key: [AT, &suffix].concat(),
                value: value.concat(),
            },
            empty([&of(self.lease.hardware)[..], &suffix].concat()),
            empty([&in_hour(self.hour())[..], &suffix].concat()),
        ]
    }

    /// The writes that take it out.
    pub(super) fn removal(&self) -> [Write; 3] {
        let suffix = self.suffix();
        let delete = |prefix: &[u8]| Write::Delete {
            key: [prefix, &suffix].concat(),
        };
        [
            delete(AT),
            delete(&of(self.lease.hardware)),
            delete(&in_hour(self.hour())),
        ]
    }

    /// Reads what stands under `past/at/`; none where that is none of ours.
    pub(super) fn read(key: &[u8], value: &[u8]) -> Option<Self> {
        let address = key.strip_prefix(AT)?.first_chunk::<4>()?;
        let address = Ipv4Addr::from(*address);
        let ([how], value) = value.split_first_chunk()?;
        let (until, value) = value.split_first_chunk()?;
        let mut known = Ending::ALL.into_iter();
        let (_, how) = known.find(|(code, _)| code == how)?;
        let lease = Lease::decode(&Lease::key_of(address), value).ok()?;
        Some(Self {
            lease,
            until: u64::from_be_bytes(*until),
            how,
        })
    }
}

/// Where what a machine held is found.
pub(super) fn of(hardware: Hardware) -> Vec<u8> {
    let used = hardware.used();
    let length = u8::try_from(used.len()).unwrap_or(u8::MAX);
    [OF, &[hardware.kind(), length], used].concat()
}

/// The hour that a time is in.
pub(super) fn hour_of(time: u64) -> u32 {
    u32::try_from(time / 3600).unwrap_or(u32::MAX)
}

/// Where what ended within an hour is found.
pub(super) fn in_hour(hour: u32) -> Vec<u8> {
    [HOUR, &hour.to_be_bytes()].concat()
}

pub(super) fn at(address: Ipv4Addr) -> Vec<u8> {
    [AT, &address.octets()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::mac::MacAddr;
    use crate::serve::dhcp::lease::ClientKey;

    #[test]
    fn what_is_written_is_read_back_and_taken_out() {
        let hardware = Hardware::from(MacAddr([2, 0, 0, 0, 0, 1]));
        for (_, how) in Ending::ALL {
            let past = Past {
                lease: Lease {
                    address: Ipv4Addr::new(10, 0, 0, 5),
                    client: ClientKey::of_id(b"me"),
                    hardware,
                    state: LeaseState::Active,
                    since: 7000,
                    expires: 8000,
                    held_until: 8100,
                    name: Some("a.example".parse().unwrap()),
                    vlan: None,
                    agent: None,
                    known: None,
                },
                until: 7300,
                how,
            };
            let written = past.writes();
            let [Write::Put { key, value }, rest @ ..] = &written else {
                panic!("{written:?}");
            };
            assert_eq!(*key, past.key());
            assert_eq!(Past::read(key, value).as_ref(), Some(&past));
            for length in 0..value.len() {
                assert_eq!(Past::read(key, &value[..length]), None, "{length}");
            }
            assert!(key.starts_with(&at(past.lease.address)));
            let starts = |write: &Write, prefix: &[u8]| match write {
                Write::Put { key, .. } | Write::Delete { key } => key.starts_with(prefix),
            };
            assert!(starts(&rest[0], &of(hardware)) && starts(&rest[1], &in_hour(2)));
            let keys = |writes: &[Write]| -> Vec<Vec<u8>> {
                let keys = writes.iter().map(|write| match write {
                    Write::Put { key, .. } | Write::Delete { key } => key.clone(),
                });
                keys.collect()
            };
            assert_eq!(keys(&written), keys(&past.removal()));
        }
    }

    #[test]
    fn a_lease_that_ran_out_unnoticed_is_of_the_past() {
        let lease = |state, held_until| Lease {
            address: Ipv4Addr::new(10, 0, 0, 5),
            client: ClientKey::of_id(b"me"),
            hardware: MacAddr([2, 0, 0, 0, 0, 1]).into(),
            state,
            since: 10,
            expires: held_until,
            held_until,
            name: None,
            vlan: None,
            agent: None,
            known: None,
        };
        for (state, held_until, noticed, expected) in [
            (LeaseState::Active, 999, None, true),
            (LeaseState::Active, 999, Some(990), true),
            (LeaseState::Active, 940, Some(990), true),
            (LeaseState::Active, 920, Some(990), false),
            (LeaseState::Active, 1001, None, false),
            (LeaseState::Idle, 999, None, false),
            (LeaseState::Declined, 999, None, false),
        ] {
            let found = Past::unnoticed(lease(state, held_until), 1000, noticed);
            assert_eq!(
                found.is_some(),
                expected,
                "{state:?} {held_until} {noticed:?}"
            );
        }
    }
}
