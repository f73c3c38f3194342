//! What the client of a lease was recognised by when it got the address. Must not know of reservations.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{ClientKey, Lease};
use crate::base::identity::{Identity, IdentityKind};
use crate::base::mac::MacAddr;

/// Type and IAID before a DUID (RFC 4361 6.1).
const BEFORE_DUID: usize = 5;

/// What is known of a lease's client beyond what else the lease says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Known {
    /// It was recognised by this when it got the address.
    By(Identity),
    /// An older program stored the lease, and did not say.
    Untold,
    /// Nothing, for it has it no more: we found the address in use before we gave it away; and by whom, where the link told.
    Found(Option<MacAddr>),
    /// Nothing, for it has it no more: it found the address in use, and the quarantine is over.
    Declined,
}

impl Known {
    /// What is to be remembered of a client that was recognised by `identity`: what its lease does not say by itself.
    pub(in super::super) fn beyond(identity: Identity, client: &ClientKey) -> Option<Box<Self>> {
        let is_told = match identity.kind() {
            IdentityKind::Mac | IdentityKind::CircuitId => true,
            IdentityKind::ClientId | IdentityKind::Duid => client.id().is_some(),
            IdentityKind::MachineId => false,
        };
        (!is_told).then(|| Box::new(Self::By(identity)))
    }
}

impl Lease {
    /// The client's identity of this kind, as far as the lease tells.
    pub(in super::super) fn identity(&self, kind: IdentityKind) -> Option<Identity> {
        match kind {
            IdentityKind::Mac => self.hardware.mac().map(Identity::Mac),
            IdentityKind::ClientId => self.client_id().map(|id| Identity::ClientId(id.into())),
            IdentityKind::CircuitId => {
                let circuit = self.agent.as_ref().map(|agent| &agent.circuit);
                let circuit = circuit.filter(|circuit| !circuit.is_empty());
                circuit.cloned().map(Identity::CircuitId)
            }
            IdentityKind::Duid => match self.client_id() {
                Some(id) => duid(id),
                None => self.known_by(kind).cloned(),
            },
            IdentityKind::MachineId => self.known_by(kind).cloned(),
        }
    }

    /// All that the lease tells of its client.
    pub fn identities(&self) -> BTreeSet<Identity> {
        let all = IdentityKind::ALL.into_iter();
        all.filter_map(|kind| self.identity(kind)).collect()
    }

    /// Whether the lease tells what its client showed of this kind, were it nothing.
    pub(in super::super) fn tells(&self, kind: IdentityKind) -> bool {
        match kind {
            IdentityKind::Mac => true,
            IdentityKind::CircuitId => self.agent.is_some(),
            IdentityKind::ClientId | IdentityKind::Duid if self.client_id().is_some() => true,
            IdentityKind::ClientId | IdentityKind::Duid | IdentityKind::MachineId => {
                self.known_by(kind).is_some()
            }
        }
    }

    fn client_id(&self) -> Option<&[u8]> {
        let known = || match self.known_by(IdentityKind::ClientId)? {
            Identity::ClientId(id) => Some(&**id),
            Identity::Mac(_)
            | Identity::CircuitId(_)
            | Identity::Duid(_)
            | Identity::MachineId(_) => None,
        };
        self.client.id().or_else(known)
    }

    /// What its client was recognised by, where that is of this kind.
    fn known_by(&self, kind: IdentityKind) -> Option<&Identity> {
        match self.known.as_deref()? {
            Known::By(identity) => Some(identity).filter(|identity| identity.kind() == kind),
            Known::Untold | Known::Found(_) | Known::Declined => None,
        }
    }
}

/// The DUID within a client identifier.
pub(in super::super) fn duid(id: &[u8]) -> Option<Identity> {
    let duid = id.get(BEFORE_DUID..)?;
    let is_duid = id.first() == Some(&255) && !duid.is_empty();
    is_duid.then(|| Identity::Duid(duid.into()))
}
