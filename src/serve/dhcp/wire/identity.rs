//! What a message shows of its client's identity.

use crate::base::identity::{Identity, IdentityKind};
use crate::serve::dhcp::exchange::Said;
use crate::serve::dhcp::lease::{Agent, duid};
use crate::serve::dhcp::wire::{Message, code};

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
