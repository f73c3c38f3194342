//! What relays add to a client's message: option 82 and its suboptions (RFC 3046).

use std::net::Ipv4Addr;

use super::{Options, code};

/// Codes of suboptions.
pub(in super::super) mod suboption {
    /// The subnet that the client is in, where it is not giaddr's (RFC 3527).
    pub(in super::super::super) const LINK_SELECTION: u8 = 5;
}

impl Options<'_> {
    /// A suboption of option 82 (RFC 3046 2.0).
    pub(in super::super) fn relay_address(&self, suboption: u8) -> Option<Ipv4Addr> {
        let relay = self.get(code::RELAY)?;
        let mut rest: &[u8] = &relay;
        while let [own, length, after @ ..] = rest {
            let (data, next) = after.split_at_checked(usize::from(*length))?;
            if *own == suboption {
                return <[u8; 4]>::try_from(data).ok().map(Ipv4Addr::from);
            }
            rest = next;
        }
        None
    }
}
