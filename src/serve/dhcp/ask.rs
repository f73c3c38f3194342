//! A client's message with what the engine knows about it: who asks, from where, and which scope that is. Part of the engine,
//! and as pure.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::allocate::Asker;
use super::boot::{Boot, boot, is_booting};
use super::class::{Class, classes};
use super::config::{Config, Image, Served};
use super::engine::Packet;
use super::lease::{Lease, LeaseState};
use super::program::NoProgram;
use super::reply::{Answer, Draft, Reply};
use super::wire::{Kind, Message, code, suboption};
use crate::state::Reservation;

/// A message with what is known about it.
pub(super) struct Ask<'a> {
    pub message: &'a Message<'a>,
    pub packet: Packet<'a>,
    pub now: u64,
    pub config: &'a Config,
    pub asker: Asker,
    pub served: &'a Served,
}

impl<'a> Ask<'a> {
    /// The scope of `address` among those that this client may be served from.
    pub(super) fn neighbour(&self, address: Ipv4Addr) -> Option<&'a Served> {
        let found = self.config.scope_of(address)?;
        (found.vlan == self.served.vlan).then_some(found)
    }

    /// Whether `server` means us: an address of ours, or the one by which this client's agent stands in for us (RFC 5107).
    pub(super) fn is_us(&self, server: Ipv4Addr) -> bool {
        self.config.is_server(server) || self.message.server_override() == Some(server)
    }

    /// How long the client's lease lasts: as it wishes, within what the VLAN says.
    pub(super) fn lease_seconds(&self, served: &Served) -> u32 {
        let policy = &served.scope.policy;
        let boot = policy.boot_lease_time.filter(|_| is_booting(self.message));
        let most = boot.unwrap_or(served.scope.lease_time).0;
        let wish = self.message.options.u32(code::LEASE_TIME).unwrap_or(most);
        wish.clamp(policy.least_lease_time.0.min(most), most)
    }

    /// A lease of `address` for this client, to begin now; `expires` and `held_until` are for the caller to set.
    pub(super) fn lease(&self, served: &Served, address: Ipv4Addr, state: LeaseState) -> Lease {
        Lease {
            address,
            client: self.asker.client.clone(),
            hardware: self.asker.hardware,
            state,
            since: self.now,
            expires: 0,
            held_until: 0,
            name: None,
            vlan: self.config.vlan(served.vlan).cloned(),
            agent: self.asker.agent.clone(),
            known: self.asker.known.clone(),
        }
    }

    /// The address to answer from: the one that the client knows us by, where the link has it.
    pub(super) fn via(&self, served: &Served) -> Ipv4Addr {
        let (own, here) = (served.scope.server, self.packet.via);
        let other = here.first().filter(|_| !here.contains(&own));
        other.copied().unwrap_or(own)
    }

    pub(super) fn reply(&self, answer: Answer, served: &Served, address: Ipv4Addr) -> Reply {
        self.reply_for(answer, (served, address), self.lease_seconds(served))
    }

    /// A reply that tells of a lease of so many seconds.
    pub(super) fn reply_for(
        &self,
        answer: Answer,
        (served, address): (&Served, Ipv4Addr),
        seconds: u32,
    ) -> Reply {
        let reservation = self.reservation();
        let classes = classes(self.message, served, reservation);
        let found = match answer {
            Answer::Nak => None,
            Answer::Offer | Answer::Ack | Answer::Informed | Answer::Proxy | Answer::BootServer => {
                self.boot(served, &classes)
            }
        };
        let draft = Draft {
            message: self.message,
            served,
            answer,
            address,
            lease: seconds,
            reservation,
            classes: &classes,
            found: found.as_ref(),
            from: self.packet.from,
            via: self.via(served),
        };
        draft.reply()
    }

    fn reservation(&self) -> Option<&'a Reservation> {
        let host = self.asker.host;
        host.and_then(|host| self.config.reservation(host))
    }

    fn boot(&self, served: &Served, classes: &[&Class]) -> Option<Result<Boot, NoProgram>> {
        boot(self.message, &served.scope, || self.image(served, classes))
    }

    /// What the client boots here: its own image, else that of its class, else that of the scope.
    fn image(&self, served: &Served, classes: &[&Class]) -> Result<&'a Arc<Image>, NoProgram> {
        let reservation = self.reservation();
        if reservation.is_some_and(|reservation| reservation.boots_from_disk) {
            return Err(NoProgram::FromDisk);
        }
        let class_image = || classes.iter().find_map(|one| one.class.image.as_ref());
        let image = reservation
            .and_then(|reservation| reservation.image.as_ref())
            .or_else(class_image)
            .or(served.scope.image.as_ref())
            .and_then(|image| self.config.image(image));
        image.ok_or_else(|| NoProgram::NoImage(self.config.vlan(served.vlan).cloned()))
    }
}

/// The scope that a message belongs to: as its relay says (RFC 3527, RFC 3011, giaddr), else by the address that a client from
/// a routed subnet has, else by the link.
///
/// Only a relay chooses for its clients, and only among scopes that its link leads to: a client could name any subnet.
pub(super) fn scope_for<'a>(
    config: &'a Config,
    message: &Message<'_>,
    via: &[Ipv4Addr],
) -> Option<&'a Served> {
    let options = &message.options;
    if !message.giaddr.is_unspecified() {
        let selected = options
            .relay_address(suboption::LINK_SELECTION)
            .or_else(|| options.address(code::SUBNET_SELECTION));
        return config.reached(selected.unwrap_or(message.giaddr), via);
    }
    let own = || config.reached(message.ciaddr, via);
    match message.kind {
        Kind::Inform | Kind::Request | Kind::Release if !message.ciaddr.is_unspecified() => {
            own().or_else(|| config.local(via))
        }
        Kind::Discover
        | Kind::Request
        | Kind::Release
        | Kind::Decline
        | Kind::Inform
        | Kind::Bootp => config.local(via),
    }
}
