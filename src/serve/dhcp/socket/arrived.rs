//! Datagrams that wait their turn, in one buffer that is used again. Must not know what becomes of them.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;

use crate::serve::dhcp::engine::Packet;
use crate::serve::dhcp::wire;

/// What arrived on all links, by when it is looked at.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    bytes: Vec<u8>,
    /// Addresses of ours, those of each link together.
    listeners: Vec<Ipv4Addr>,
    /// Those of the link that is being read.
    here: Range<usize>,
    pub first: Vec<Datagram>,
    pub later: Vec<Datagram>,
}

/// A datagram: where it lies, and where it came from and to.
#[derive(Debug)]
pub(super) struct Datagram {
    bytes: Range<usize>,
    from: SocketAddrV4,
    via: Range<usize>,
}

impl Arrived {
    /// What is pushed from now on came to a link with these addresses.
    pub(super) fn begin_link<'a>(&mut self, listeners: impl Iterator<Item = &'a Ipv4Addr>) {
        let begin = self.listeners.len();
        self.listeners.extend(listeners);
        self.here = begin..self.listeners.len();
    }

    pub(super) fn push(&mut self, bytes: &[u8], from: SocketAddrV4) {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        let datagram = Datagram {
            bytes: begin..self.bytes.len(),
            from,
            via: self.here.clone(),
        };
        if wire::is_discover(bytes) {
            self.later.push(datagram);
        } else {
            self.first.push(datagram);
        }
    }

    pub(super) fn packet(&self, datagram: &Datagram) -> Option<Packet<'_>> {
        Some(Packet {
            bytes: self.bytes.get(datagram.bytes.clone())?,
            from: datagram.from,
            via: self.listeners.get(datagram.via.clone())?,
        })
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.listeners.clear();
        self.first.clear();
        self.later.clear();
    }
}
