//! The layouts of a stored lease. What is written is the newest; older ones are read.
//!
//! ```text
//! 1: version state expires:8 held_until:8 kind length hardware:16 length:2 client name
//! 2: version state since:8 expires:8 held_until:8 kind, then fields: tag length:2 value; then 0
//! ```

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::{Agent, ClientKey, Hardware, Known, Lease, LeaseState, PREFIX};
use crate::base::mac::MacAddr;
use crate::base::name::DomainName;

/// The layout that is written.
const VERSION: u8 = 2;

/// Fields of layout 2. A reader passes over those that it does not know, so that an older program reads a newer one's leases.
mod tag {
    pub(super) const END: u8 = 0;
    pub(super) const CLIENT: u8 = 1;
    pub(super) const HARDWARE: u8 = 2;
    pub(super) const NAME: u8 = 3;
    pub(super) const VLAN: u8 = 4;
    pub(super) const CIRCUIT: u8 = 5;
    pub(super) const REMOTE: u8 = 6;
    pub(super) const RELAY: u8 = 7;
    /// What the client was recognised by; empty where by nothing but what stands here.
    pub(super) const KNOWN: u8 = 8;
    /// We found the address in use, by this hardware address; empty where the link did not tell.
    pub(super) const FOUND: u8 = 9;
    /// The client found the address in use, and the quarantine is over; empty.
    pub(super) const DECLINED: u8 = 10;
}

/// Why stored bytes are no lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored lease is not in a layout that this version reads")]
pub struct LeaseError;

impl Lease {
    /// The lease as stored, less its address, which is its key.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128 + self.client.bytes().len());
        let state = match self.state {
            LeaseState::Offered => 0,
            LeaseState::Active => 1,
            LeaseState::Idle => 2,
            LeaseState::Declined => 3,
        };
        bytes.extend([VERSION, state]);
        for time in [self.since, self.expires, self.held_until] {
            bytes.extend(time.to_be_bytes());
        }
        bytes.push(self.hardware.kind);
        put(&mut bytes, tag::CLIENT, self.client.bytes());
        put(&mut bytes, tag::HARDWARE, self.hardware.used());
        if let Some(name) = &self.name {
            put(&mut bytes, tag::NAME, name.as_str().as_bytes());
        }
        if let Some(vlan) = &self.vlan {
            let [fabric, own] = [&vlan.fabric, &vlan.vlan].map(|name| name.as_str().as_bytes());
            put_joined(&mut bytes, tag::VLAN, &[fabric, b"/", own]);
        }
        if let Some(agent) = &self.agent {
            put(&mut bytes, tag::CIRCUIT, &agent.circuit);
            put(&mut bytes, tag::REMOTE, &agent.remote);
            put(&mut bytes, tag::RELAY, &agent.relay.octets());
        }
        match self.known.as_deref() {
            Some(Known::By(identity)) => {
                put(&mut bytes, tag::KNOWN, identity.to_string().as_bytes());
            }
            Some(Known::Found(by)) => {
                let by = by.as_ref().map_or(&[][..], |by| &by.0);
                put(&mut bytes, tag::FOUND, by);
            }
            Some(Known::Declined) => put(&mut bytes, tag::DECLINED, b""),
            // A lease of a reserved address has no name: for others it goes without saying.
            None if self.name.is_none() => put(&mut bytes, tag::KNOWN, b""),
            None | Some(Known::Untold) => {}
        }
        bytes.push(tag::END);
        bytes
    }

    /// # Errors
    /// [`LeaseError`] where the key or the value is none of ours.
    pub fn decode(key: &[u8], value: &[u8]) -> Result<Self, LeaseError> {
        Self::read(key, value).ok_or(LeaseError)
    }

    fn read(key: &[u8], value: &[u8]) -> Option<Self> {
        let address: [u8; 4] = key.strip_prefix(PREFIX)?.try_into().ok()?;
        let address = Ipv4Addr::from(address);
        let ([version, state], rest) = value.split_first_chunk()?;
        let state = match state {
            1 => LeaseState::Active,
            2 => LeaseState::Idle,
            3 => LeaseState::Declined,
            _ => return None,
        };
        match version {
            1 => read_first(address, state, rest),
            2 => read_second(address, state, rest),
            _ => None,
        }
    }
}

/// A value's length takes two bytes; none of ours is longer than a message.
fn put(bytes: &mut Vec<u8>, tag: u8, value: &[u8]) {
    put_joined(bytes, tag, &[value]);
}

fn put_joined(bytes: &mut Vec<u8>, tag: u8, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    bytes.push(tag);
    bytes.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    for part in parts {
        bytes.extend_from_slice(part);
    }
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_be_bytes(*number), rest))
}

fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn read_first(address: Ipv4Addr, state: LeaseState, bytes: &[u8]) -> Option<Lease> {
    let (expires, rest) = number(bytes)?;
    let (held_until, rest) = number(rest)?;
    let ([kind, length], rest) = rest.split_first_chunk()?;
    let (hardware, rest) = rest.split_first_chunk()?;
    let (client, name) = counted(rest)?;
    let name = match text(name)? {
        "" => None,
        name => Some(name.parse().ok()?),
    };
    Some(Lease {
        address,
        client: ClientKey::from_bytes(client),
        hardware: Hardware::new(*kind, *length, *hardware)?,
        state,
        since: 0,
        expires,
        held_until,
        known: untold(state, name.as_ref()),
        name,
        vlan: None,
        agent: None,
    })
}

fn read_second(address: Ipv4Addr, state: LeaseState, bytes: &[u8]) -> Option<Lease> {
    let (since, rest) = number(bytes)?;
    let (expires, rest) = number(rest)?;
    let (held_until, rest) = number(rest)?;
    let ([kind], mut rest) = rest.split_first_chunk()?;
    let (mut client, mut hardware) = (None, None);
    let (mut name, mut vlan, mut agent, mut known) = (None, None, None, None);
    while rest != [tag::END] {
        let (own, after) = rest.split_first()?;
        let (value, next) = counted(after)?;
        match *own {
            tag::CLIENT => client = Some(ClientKey::from_bytes(value)),
            tag::HARDWARE => hardware = Some(read_hardware(*kind, value)?),
            tag::NAME => name = Some(text(value)?.parse().ok()?),
            tag::VLAN => vlan = Some(Arc::new(text(value)?.parse().ok()?)),
            tag::CIRCUIT => agent.get_or_insert_with(Box::<Agent>::default).circuit = value.into(),
            tag::REMOTE => agent.get_or_insert_with(Box::<Agent>::default).remote = value.into(),
            tag::RELAY => {
                let relay = <[u8; 4]>::try_from(value).ok()?;
                agent.get_or_insert_with(Box::<Agent>::default).relay = relay.into();
            }
            tag::KNOWN => known = Some(read_known(value)?),
            tag::FOUND => known = Some(Some(Box::new(read_found(value)?))),
            tag::DECLINED => known = Some(Some(Box::new(Known::Declined))),
            _ => {}
        }
        rest = next;
    }
    Some(Lease {
        address,
        client: client?,
        hardware: hardware?,
        state,
        since,
        expires,
        held_until,
        known: known.unwrap_or_else(|| untold(state, name.as_ref())),
        name,
        vlan,
        agent,
    })
}

fn read_known(value: &[u8]) -> Option<Option<Box<Known>>> {
    if value.is_empty() {
        return Some(None);
    }
    let identity = text(value)?.parse().ok()?;
    Some(Some(Box::new(Known::By(identity))))
}

fn read_found(value: &[u8]) -> Option<Known> {
    if value.is_empty() {
        return Some(Known::Found(None));
    }
    let by = <[u8; 6]>::try_from(value).ok()?;
    Some(Known::Found(Some(MacAddr(by))))
}

/// What is known where it was not stored: a name says that the address was reserved for nobody.
fn untold(state: LeaseState, name: Option<&DomainName>) -> Option<Box<Known>> {
    let is_untold = state == LeaseState::Active && name.is_none();
    is_untold.then(|| Box::new(Known::Untold))
}

fn read_hardware(kind: u8, used: &[u8]) -> Option<Hardware> {
    let mut bytes = [0; 16];
    bytes.get_mut(..used.len())?.copy_from_slice(used);
    Hardware::new(kind, u8::try_from(used.len()).ok()?, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(id: &[u8], name: Option<&str>) -> Lease {
        Lease {
            address: Ipv4Addr::new(10, 0, 0, 5),
            client: ClientKey::of_id(id),
            hardware: MacAddr([2, 0, 0, 0, 0, 1]).into(),
            state: LeaseState::Active,
            since: 6,
            expires: 7,
            held_until: 8,
            name: name.map(|name| name.parse().unwrap()),
            vlan: None,
            agent: None,
            known: None,
        }
    }

    #[test]
    fn reads_what_it_stored_and_nothing_cut_short() {
        let placed = Lease {
            vlan: Some(Arc::new("plant/pxe".parse().unwrap())),
            agent: Some(Box::new(Agent {
                relay: Ipv4Addr::new(10, 9, 0, 1),
                circuit: [7; 255].into(),
                remote: [].into(),
            })),
            expires: Lease::INFINITE,
            held_until: Lease::INFINITE,
            ..lease(&[1], Some("b.example"))
        };
        let found = |by| Lease {
            state: LeaseState::Declined,
            known: Some(Box::new(Known::Found(by))),
            ..lease(&[1], None)
        };
        let declined = Lease {
            state: LeaseState::Idle,
            known: Some(Box::new(Known::Declined)),
            ..lease(&[1], None)
        };
        let cases = [
            declined,
            found(None),
            found(Some(MacAddr([2, 0, 0, 0, 0, 9]))),
            lease(&[], None),
            lease(&[9; 300], Some("a.example")),
            placed,
        ];
        for lease in cases {
            let (key, value) = (lease.key(), lease.encode());
            assert_eq!(Lease::decode(&key, &value).as_ref(), Ok(&lease));
            for length in 0..value.len() {
                let cut = Lease::decode(&key, &value[..length]);
                assert_eq!(cut, Err(LeaseError), "{length}");
            }
            let short = &key[..key.len() - 1];
            assert_eq!(Lease::decode(short, &value), Err(LeaseError));
        }
    }

    #[test]
    fn what_a_newer_program_adds_is_passed_over() {
        let lease = lease(&[1], Some("a.example"));
        let mut value = lease.encode();
        value.pop();
        put(&mut value, 200, b"of a later day");
        value.push(tag::END);
        assert_eq!(Lease::decode(&lease.key(), &value), Ok(lease.clone()));
        value[0] = 3;
        assert_eq!(Lease::decode(&lease.key(), &value), Err(LeaseError));
    }

    /// Bytes that the first release wrote.
    #[test]
    fn the_first_layout_is_read() {
        let written = [
            &[1, 1][..],
            &[0, 0, 0, 0, 0, 0, 0, 7],
            &[0, 0, 0, 0, 0, 0, 0, 8],
            &[1, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0, 3, 1, 97, 98],
            b"a.example",
        ]
        .concat();
        let expected = Lease {
            since: 0,
            ..lease(b"ab", Some("a.example"))
        };
        let key = expected.key();
        assert_eq!(Lease::decode(&key, &written), Ok(expected));
        for length in 0..written.len() - b"a.example".len() {
            let cut = Lease::decode(&key, &written[..length]);
            assert_eq!(cut, Err(LeaseError), "{length}");
        }
    }
}
