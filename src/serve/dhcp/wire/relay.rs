//! What relays add to a client's message: option 82 and its suboptions (RFC 3046).

use std::net::Ipv4Addr;

use super::{Message, Options, code};
use crate::serve::dhcp::circuit::Circuit;
use crate::serve::dhcp::lease::Agent;

/// Codes of suboptions.
pub(in super::super) mod suboption {
    /// The circuit that the client hangs on (RFC 3046 3.1).
    pub(in super::super::super) const CIRCUIT_ID: u8 = 1;
    /// The circuit's remote end (RFC 3046 3.2).
    pub(in super::super::super) const REMOTE_ID: u8 = 2;
    /// The subnet that the client is in, where it is not giaddr's (RFC 3527).
    pub(in super::super::super) const LINK_SELECTION: u8 = 5;
    /// The agent's address, to be told to the client as the server's (RFC 5107).
    pub(in super::super::super) const SERVER_OVERRIDE: u8 = 11;
}

impl Options<'_> {
    /// A suboption of option 82 (RFC 3046 2.0).
    fn relay(&self, suboption: u8) -> Option<Box<[u8]>> {
        Some(within(&self.get(code::RELAY)?, suboption)?.into())
    }

    pub(in super::super) fn relay_address(&self, suboption: u8) -> Option<Ipv4Addr> {
        let data = self.relay(suboption)?;
        <[u8; 4]>::try_from(&*data).ok().map(Ipv4Addr::from)
    }
}

/// A suboption of what a relay agent told.
fn within(told: &[u8], suboption: u8) -> Option<&[u8]> {
    let mut rest = told;
    while let [own, length, after @ ..] = rest {
        let (data, next) = after.split_at_checked(usize::from(*length))?;
        if *own == suboption {
            return Some(data);
        }
        rest = next;
    }
    None
}

impl Message<'_> {
    /// The circuit that [`Message::agent`] tells of, as a number; nothing is copied for it.
    pub(in super::super) fn circuit(&self) -> Option<Circuit> {
        if self.giaddr.is_unspecified() {
            return None;
        }
        let told = self.options.get(code::RELAY)?;
        let [circuit, remote] =
            [suboption::CIRCUIT_ID, suboption::REMOTE_ID].map(|own| within(&told, own));
        let is_told = circuit.is_some() || remote.is_some();
        let (circuit, remote) = (circuit.unwrap_or_default(), remote.unwrap_or_default());
        is_told.then(|| Circuit::new(self.giaddr, circuit, remote))
    }

    /// The address that the agent wants the client to know the server by, so that all messages pass by the agent (RFC 5107 4).
    pub(in super::super) fn server_override(&self) -> Option<Ipv4Addr> {
        let own = self.options.relay_address(suboption::SERVER_OVERRIDE)?;
        (!self.giaddr.is_unspecified() && !own.is_unspecified()).then_some(own)
    }

    /// Where the relay agent says that the client is; without one, a client could claim any place.
    pub(in super::super) fn agent(&self) -> Option<Box<Agent>> {
        if self.giaddr.is_unspecified() {
            return None;
        }
        let circuit = self.options.relay(suboption::CIRCUIT_ID);
        let remote = self.options.relay(suboption::REMOTE_ID);
        (circuit.is_some() || remote.is_some()).then(|| {
            let (circuit, remote) = (circuit.unwrap_or_default(), remote.unwrap_or_default());
            let relay = self.giaddr;
            Box::new(Agent {
                relay,
                circuit,
                remote,
            })
        })
    }
}
