//! A lease, and how it lies in the store. Must not know of packets.

use std::fmt;
use std::net::Ipv4Addr;

use serde::Serialize;

use crate::base::mac::MacAddr;
use crate::base::name::DomainName;

/// Leases of the one isolation domain that there is; never a VLAN's name, so that renaming one keeps its leases.
pub const PREFIX: &[u8] = b"lease/default/";

/// Layout of a stored lease.
const VERSION: u8 = 1;

/// An address and who may use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lease {
    pub address: Ipv4Addr,
    pub client: ClientKey,
    pub hardware: Hardware,
    pub state: LeaseState,
    /// When the client was told that its time ends, in seconds of the wall clock.
    pub expires: u64,
    /// Until when nobody else gets the address, promised on disk; for an idle lease, since when it is free.
    ///
    /// A little after `expires`, so that renewals within that time need no write.
    pub held_until: u64,
    /// The name in DNS, where the lease has one.
    pub name: Option<DomainName>,
}

/// What the address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeaseState {
    /// Offered, and held for a moment; never stored.
    Offered,
    Active,
    /// Free; its former client is preferred (RFC 2131 4.3.1).
    Idle,
    /// A client found it in use by another (RFC 2131 4.3.3).
    Declined,
}

/// A hardware address of any type (RFC 2131 2: htype, hlen, chaddr).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "String")]
pub struct Hardware {
    kind: u8,
    length: u8,
    bytes: [u8; 16],
}

/// Who a client is: its identifier, else its hardware address. The first byte tells them apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ClientKey(Box<[u8]>);

/// Why stored bytes are no lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored lease is not in a layout that this version reads")]
pub struct LeaseError;

impl Hardware {
    /// `None` where the length exceeds the field.
    pub fn new(kind: u8, length: u8, bytes: [u8; 16]) -> Option<Self> {
        let mut kept = [0; 16];
        let used = usize::from(length);
        kept.get_mut(..used)?.copy_from_slice(bytes.get(..used)?);
        Some(Self {
            kind,
            length,
            bytes: kept,
        })
    }

    pub fn is_empty(self) -> bool {
        self.length == 0
    }

    /// The address, where it is Ethernet's.
    pub fn mac(self) -> Option<MacAddr> {
        if (self.kind, self.length) != (1, 6) {
            return None;
        }
        self.bytes.first_chunk().copied().map(MacAddr)
    }

    fn used(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&[])
    }
}

impl From<MacAddr> for Hardware {
    fn from(MacAddr([a, b, c, d, e, g]): MacAddr) -> Self {
        Self {
            kind: 1,
            length: 6,
            bytes: [a, b, c, d, e, g, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        }
    }
}

impl From<Hardware> for String {
    fn from(hardware: Hardware) -> Self {
        hardware.to_string()
    }
}

impl fmt::Display for Hardware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(self.used(), f)
    }
}

impl fmt::Debug for Hardware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl ClientKey {
    pub fn of_id(id: &[u8]) -> Self {
        Self([&[1], id].concat().into())
    }

    pub fn of_hardware(hardware: Hardware) -> Self {
        Self([&[0, hardware.kind], hardware.used()].concat().into())
    }

    /// The client identifier, where the client sent one.
    pub fn id(&self) -> Option<&[u8]> {
        match &*self.0 {
            [1, id @ ..] => Some(id),
            _ => None,
        }
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, byte) in bytes.iter().enumerate() {
        let separator = if index == 0 { "" } else { ":" };
        write!(f, "{separator}{byte:02x}")?;
    }
    Ok(())
}

impl Lease {
    /// The key that this lease is stored under.
    pub fn key(&self) -> Vec<u8> {
        [PREFIX, &self.address.octets()].concat()
    }

    /// The lease as stored, less its address, which is its key.
    pub fn encode(&self) -> Vec<u8> {
        let name = self.name.as_ref().map_or("", DomainName::as_str);
        let mut bytes = Vec::with_capacity(64 + self.client.0.len() + name.len());
        let state = match self.state {
            LeaseState::Offered => 0,
            LeaseState::Active => 1,
            LeaseState::Idle => 2,
            LeaseState::Declined => 3,
        };
        bytes.extend([VERSION, state]);
        bytes.extend(self.expires.to_be_bytes());
        bytes.extend(self.held_until.to_be_bytes());
        bytes.extend([self.hardware.kind, self.hardware.length]);
        bytes.extend(self.hardware.bytes);
        let length = u16::try_from(self.client.0.len()).unwrap_or(u16::MAX);
        bytes.extend(length.to_be_bytes());
        bytes.extend(self.client.0.iter().take(usize::from(length)));
        bytes.extend(name.as_bytes());
        bytes
    }

    /// # Errors
    /// [`LeaseError`] where the key or the value is none of ours.
    pub fn decode(key: &[u8], value: &[u8]) -> Result<Self, LeaseError> {
        Self::read(key, value).ok_or(LeaseError)
    }

    fn read(key: &[u8], value: &[u8]) -> Option<Self> {
        let address: [u8; 4] = key.strip_prefix(PREFIX)?.try_into().ok()?;
        let ([version, state], rest) = value.split_first_chunk()?;
        let (expires, rest) = rest.split_first_chunk()?;
        let (held_until, rest) = rest.split_first_chunk()?;
        let ([kind, length], rest) = rest.split_first_chunk()?;
        let (hardware, rest) = rest.split_first_chunk()?;
        let (client_length, rest) = rest.split_first_chunk()?;
        let (client, name) =
            rest.split_at_checked(usize::from(u16::from_be_bytes(*client_length)))?;
        if *version != VERSION {
            return None;
        }
        let state = match state {
            1 => LeaseState::Active,
            2 => LeaseState::Idle,
            3 => LeaseState::Declined,
            _ => return None,
        };
        let name = match std::str::from_utf8(name).ok()? {
            "" => None,
            name => Some(name.parse().ok()?),
        };
        Some(Self {
            address: address.into(),
            client: ClientKey(client.into()),
            hardware: Hardware::new(*kind, *length, *hardware)?,
            state,
            expires: u64::from_be_bytes(*expires),
            held_until: u64::from_be_bytes(*held_until),
            name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_stored_and_nothing_cut_short() {
        let mac = MacAddr([2, 0, 0, 0, 0, 1]);
        for (id, name) in [(&[][..], None), (&[9; 300], Some("a.example"))] {
            let lease = Lease {
                address: Ipv4Addr::new(10, 0, 0, 5),
                client: ClientKey::of_id(id),
                hardware: mac.into(),
                state: LeaseState::Active,
                expires: 7,
                held_until: 8,
                name: name.map(|name| name.parse().unwrap()),
            };
            let (key, value) = (lease.key(), lease.encode());
            assert_eq!(Lease::decode(&key, &value).as_ref(), Ok(&lease));
            for length in 0..38 {
                assert_eq!(Lease::decode(&key, &value[..length]), Err(LeaseError));
            }
            assert_eq!(
                Lease::decode(&key[..key.len() - 1], &value),
                Err(LeaseError)
            );
        }
    }
}
