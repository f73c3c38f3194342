//! What a message shows of its client's identity.

use crate::base::identity::{Identity, IdentityKind};
use crate::serve::dhcp::exchange::Said;
use crate::serve::dhcp::lease::{Agent, Lease};
use crate::serve::dhcp::wire::{Message, code};

/// Type and IAID before a DUID (RFC 4361 6.1).
const BEFORE_DUID: usize = 5;

impl Message<'_> {
    /// The client's identity of this kind, where it shows one; `agent` says where it is.
    pub(in super::super) fn identity(
        &self,
        kind: IdentityKind,
        agent: Option<&Agent>,
    ) -> Option<Identity> {
        let whole = |code: u8| {
            let value = self.options.get(code)?;
            (!value.is_empty()).then(|| Box::from(value.as_ref()))
        };
        match kind {
            IdentityKind::Mac => self.hardware.mac().map(Identity::Mac),
            IdentityKind::ClientId => whole(code::CLIENT_ID).map(Identity::ClientId),
            IdentityKind::CircuitId => {
                let circuit = agent.map(|agent| &agent.circuit);
                let circuit = circuit.filter(|circuit| !circuit.is_empty());
                circuit.cloned().map(Identity::CircuitId)
            }
            IdentityKind::Duid => duid(&self.options.get(code::CLIENT_ID)?),
            IdentityKind::MachineId => whole(code::MACHINE_ID).map(Identity::MachineId),
        }
    }
}

impl Lease {
    /// The client's identity of this kind, as far as a lease tells.
    pub(in super::super) fn identity(&self, kind: IdentityKind) -> Option<Identity> {
        match kind {
            IdentityKind::Mac => self.hardware.mac().map(Identity::Mac),
            IdentityKind::ClientId => self.client.id().map(|id| Identity::ClientId(id.into())),
            IdentityKind::CircuitId => {
                let circuit = self.agent.as_ref().map(|agent| &agent.circuit);
                let circuit = circuit.filter(|circuit| !circuit.is_empty());
                circuit.cloned().map(Identity::CircuitId)
            }
            IdentityKind::Duid => duid(self.client.id()?),
            IdentityKind::MachineId => None,
        }
    }
}

/// The DUID within a client identifier.
fn duid(id: &[u8]) -> Option<Identity> {
    let duid = id.get(BEFORE_DUID..)?;
    let is_duid = id.first() == Some(&255) && !duid.is_empty();
    is_duid.then(|| Identity::Duid(duid.into()))
}

impl Said {
    /// The client's identity of this kind, as far as it is kept.
    pub(in super::super) fn identity(&self, kind: IdentityKind) -> Option<Identity> {
        match kind {
            IdentityKind::Mac => None,
            IdentityKind::ClientId => self.client_id.clone().map(Identity::ClientId),
            IdentityKind::CircuitId => self.circuit.clone().map(Identity::CircuitId),
            IdentityKind::Duid => self.client_id.as_deref().and_then(duid),
            IdentityKind::MachineId => self.machine_id.clone().map(Identity::MachineId),
        }
    }
}
