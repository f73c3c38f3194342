//! Datagrams that wait their turn, in one buffer that is used again. Must not know what becomes of them.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;

use crate::serve::dhcp::engine::{Input, Packet};
use crate::serve::dhcp::wire;
use crate::state::Service;

/// What arrived on all links, by when it is looked at.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    bytes: Vec<u8>,
    /// Addresses of ours, those of each link together.
    listeners: Vec<Ipv4Addr>,
    /// Those of the link that is being read, and whether it is of the boot server's port.
    here: Range<usize>,
    is_boot_server: bool,
    pub first: Vec<Datagram>,
    pub later: Vec<Datagram>,
}

/// A datagram: where it lies, and where it came from and to.
#[derive(Debug)]
pub(super) struct Datagram {
    bytes: Range<usize>,
    from: SocketAddrV4,
    via: Range<usize>,
    is_boot_server: bool,
}

impl Arrived {
    /// What is pushed from now on came to a link with these addresses, on the port of `service`.
    pub(super) fn begin_link<'a>(
        &mut self,
        service: Service,
        listeners: impl Iterator<Item = &'a Ipv4Addr>,
    ) {
        self.is_boot_server = service == Service::Pxe;
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
            is_boot_server: self.is_boot_server,
        };
        if wire::is_discover(bytes) {
            self.later.push(datagram);
        } else {
            self.first.push(datagram);
        }
    }

    pub(super) fn input(&self, datagram: &Datagram) -> Option<Input<'_>> {
        let packet = Packet {
            bytes: self.bytes.get(datagram.bytes.clone())?,
            from: datagram.from,
            via: self.listeners.get(datagram.via.clone())?,
        };
        Some(match datagram.is_boot_server {
            true => Input::BootServer(packet),
            false => Input::Packet(packet),
        })
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.listeners.clear();
        self.first.clear();
        self.later.clear();
    }
}
