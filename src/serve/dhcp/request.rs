//! What each message of a client means (RFC 2131 4.3). Part of the engine, and as pure.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::allocate::{Asker, Standing};
use super::boot::{Boot, boot};
use super::config::{Config, Served};
use super::engine::{Action, Engine, Event, Packet};
use super::lease::{Lease, LeaseState};
use super::reply::{Answer, Draft, Reply};
use super::table::Record;
use super::wire::{Kind, Message, code};

/// How long an offer is held: clients answer within seconds, and an offer costs an address.
const OFFER_SECONDS: u64 = 30;

/// The shortest lease that a client may wish for.
const LEASE_SECONDS_LEAST: u32 = 60;

/// Link selection, a suboption of option 82 (RFC 3527).
const LINK_SELECTION: u8 = 5;

/// A message with what is known about it.
pub(super) struct Ask<'a> {
    pub message: &'a Message<'a>,
    packet: Packet<'a>,
    pub now: u64,
    pub config: &'a Config,
    pub asker: Asker,
    served: &'a Served,
}

impl Engine {
    pub(super) fn answer(
        &mut self,
        now: u64,
        message: &Message<'_>,
        packet: Packet<'_>,
        out: &mut Vec<Action>,
    ) {
        let config = Arc::clone(&self.config);
        let Some(served) = scope_for(&config, message, packet.via) else {
            self.counters.unknown_subnet += 1;
            return;
        };
        let asker = Asker {
            client: message.client(),
            hardware: message.hardware,
        };
        let ask = Ask {
            message,
            packet,
            now,
            config: &config,
            asker,
            served,
        };
        match message.kind {
            Kind::Discover => self.discover(&ask, out),
            Kind::Request => self.request(&ask, out),
            Kind::Decline => self.decline(&ask, out),
            Kind::Release => self.release(&ask, out),
            Kind::Inform => self.inform(&ask, out),
        }
    }

    fn discover(&mut self, ask: &Ask<'_>, out: &mut Vec<Action>) {
        let wish = ask.message.options.address(code::REQUESTED_ADDRESS);
        let Some((served, address)) = self.allocate(ask.config, &ask.asker, ask.served, wish)
        else {
            self.counters.pool_empty += 1;
            return;
        };
        self.hold_offer(ask, address);
        self.counters.offers += 1;
        out.push(Action::Send(ask.reply(Answer::Offer, served, address)));
    }

    /// Keeps `address` for the client for a moment; one that it has leased needs no more than that.
    fn hold_offer(&mut self, ask: &Ask<'_>, address: Ipv4Addr) {
        let record = self.table.get(address);
        let is_leased = record.is_some_and(|record| {
            record.lease.state == LeaseState::Active || record.pending.is_some()
        });
        if is_leased {
            return;
        }
        self.table.put(Lease {
            address,
            client: ask.asker.client.clone(),
            hardware: ask.asker.hardware,
            state: LeaseState::Offered,
            expires: 0,
            held_until: ask.now + OFFER_SECONDS,
            name: None,
        });
    }

    fn request(&mut self, ask: &Ask<'_>, out: &mut Vec<Action>) {
        let options = &ask.message.options;
        let wish = options.address(code::REQUESTED_ADDRESS);
        let renews = !ask.message.ciaddr.is_unspecified();
        match (options.address(code::SERVER_ID), wish) {
            (Some(server), Some(address)) if ask.config.is_server(server) => {
                self.select(ask, address, out);
            }
            (Some(server), None) if renews && ask.config.is_server(server) => {
                self.renew(ask, ask.message.ciaddr, out);
            }
            (Some(_), _) => self.not_chosen(ask),
            (None, _) if renews => self.renew(ask, ask.message.ciaddr, out),
            (None, Some(address)) => self.reboot(ask, address, out),
            (None, None) => self.counters.ignored += 1,
        }
    }

    /// The client chose our offer.
    fn select(&mut self, ask: &Ask<'_>, address: Ipv4Addr, out: &mut Vec<Action>) {
        let served = ask.neighbour(address);
        match served.map(|served| (served, self.standing(&ask.asker, served, address))) {
            Some((served, Standing::Own | Standing::Free)) => {
                self.grant(ask, served, address, out);
            }
            Some((_, Standing::Taken)) | None => self.refuse(ask, address, out),
        }
    }

    /// The client chose another server's offer, so ours is free again (RFC 2131 3.1 step 4).
    fn not_chosen(&mut self, ask: &Ask<'_>) {
        self.counters.ignored += 1;
        let offered = self.table.addresses_of(&ask.asker.client).iter().copied();
        let offered = offered.filter(|address| ask.neighbour(*address).is_some());
        let offered: Vec<_> = offered.collect();
        for address in offered {
            if let Some(record) = self.table.get(address)
                && record.lease.state == LeaseState::Offered
                && record.pending.is_none()
            {
                let mut lease = record.lease.clone();
                (lease.state, lease.held_until) = (LeaseState::Idle, ask.now);
                self.table.put(lease);
            }
        }
    }

    /// The client came up with an address that it remembers (RFC 2131 4.3.2, INIT-REBOOT).
    fn reboot(&mut self, ask: &Ask<'_>, address: Ipv4Addr, out: &mut Vec<Action>) {
        let standing = ask
            .neighbour(address)
            .map(|served| (served, self.standing(&ask.asker, served, address)));
        let is_reserved = ask.asker.owns(ask.config, address);
        match standing {
            Some((served, Standing::Own)) => self.grant(ask, served, address, out),
            Some((served, Standing::Free)) if is_reserved => {
                self.grant(ask, served, address, out);
            }
            Some((_, Standing::Free | Standing::Taken)) | None if self.knows(ask) => {
                self.refuse(ask, address, out);
            }
            // Another server may know the client.
            Some((_, Standing::Free | Standing::Taken)) | None => self.counters.ignored += 1,
        }
    }

    /// Whether the client has, or had, an address here.
    fn knows(&self, ask: &Ask<'_>) -> bool {
        let mac = ask.asker.hardware.mac();
        let is_reserved = mac.is_some_and(|mac| ask.config.reservation(ask.served, mac).is_some());
        let mut had = self.table.addresses_of(&ask.asker.client).iter();
        is_reserved || had.any(|address| ask.neighbour(*address).is_some())
    }

    /// The client renews or rebinds (RFC 2131 4.3.2): it says which address it has.
    fn renew(&mut self, ask: &Ask<'_>, address: Ipv4Addr, out: &mut Vec<Action>) {
        let Some(served) = ask.neighbour(address) else {
            return self.refuse(ask, address, out);
        };
        match self.standing(&ask.asker, served, address) {
            Standing::Own => self.grant(ask, served, address, out),
            Standing::Free if ask.asker.owns(ask.config, address) => {
                self.grant(ask, served, address, out);
            }
            Standing::Free | Standing::Taken => self.refuse(ask, address, out),
        }
    }

    fn grant(&mut self, ask: &Ask<'_>, served: &Served, address: Ipv4Addr, out: &mut Vec<Action>) {
        let seconds = ask.lease_seconds(served);
        let expires = ask.now + u64::from(seconds);
        let reply = ask.reply(Answer::Ack, served, address);
        if let Some(batch) = self.table.get(address).and_then(|record| record.pending) {
            return self.coalesce(batch, expires, reply);
        }
        let is_reserved = ask.asker.owns(ask.config, address);
        let name = if is_reserved {
            // The zone has it already.
            None
        } else {
            let asked = ask.message.options.get(code::HOST_NAME);
            self.names
                .choose(ask.config, &served.scope.domain, asked.as_deref(), address)
        };
        let lease = Lease {
            address,
            client: ask.asker.client.clone(),
            hardware: ask.asker.hardware,
            state: LeaseState::Active,
            expires,
            held_until: expires + u64::from(seconds / 8),
            name,
        };
        if self.covers(&lease) {
            self.table.renew(address, expires);
            self.acknowledge(reply, out);
        } else if is_reserved {
            self.grant_reserved(lease, reply, out);
        } else if self.is_full() {
            self.counters.shed += 1;
            self.forgo_name(lease);
        } else {
            self.hold_offer(ask, address);
            self.persist(lease, reply, out);
        }
    }

    /// Gives up the name that a lease not granted would have had; one that the address has already stays.
    fn forgo_name(&mut self, lease: Lease) {
        let record = self.table.get(lease.address);
        let present = record.and_then(|record| record.lease.name.as_ref());
        if let Some(name) = lease.name.filter(|name| Some(name) != present) {
            self.names.release(&name, lease.address);
        }
    }

    /// Whether what is on disk promises all of `lease` already, so that a renewal needs no write.
    fn covers(&self, lease: &Lease) -> bool {
        let record = self.table.get(lease.address);
        record.is_some_and(|Record { lease: old, .. }| {
            old.state == LeaseState::Active
                && old.client == lease.client
                && old.hardware == lease.hardware
                && old.name == lease.name
                && lease.expires <= old.held_until
        })
    }

    /// A declared address is promised by the applied site, which is durable and gives it to nobody else; the lease is
    /// written behind the answer, for those who ask who is there.
    fn grant_reserved(&mut self, lease: Lease, reply: Reply, out: &mut Vec<Action>) {
        let address = lease.address;
        let former = self
            .table
            .get(address)
            .and_then(|old| old.lease.name.clone());
        self.table.put(lease.clone());
        self.withdraw(former, address, out);
        let batch = self.next_batch();
        out.push(Action::Persist { batch, lease });
        self.acknowledge(reply, out);
    }

    fn acknowledge(&mut self, reply: Reply, out: &mut Vec<Action>) {
        self.counters.acks += 1;
        out.push(Action::Send(reply));
    }

    fn refuse(&mut self, ask: &Ask<'_>, address: Ipv4Addr, out: &mut Vec<Action>) {
        self.counters.naks += 1;
        self.reclaim(ask, address, out);
        out.push(Action::Send(ask.reply(Answer::Nak, ask.served, address)));
    }

    /// Frees an address that its holder is being refused because the site gives it to another.
    fn reclaim(&mut self, ask: &Ask<'_>, address: Ipv4Addr, out: &mut Vec<Action>) {
        let owner = ask.config.owner(address);
        let is_others = owner.is_some() && owner != ask.asker.hardware.mac();
        let record = self.table.get(address);
        let Some(record) = record.filter(|record| record.lease.client == ask.asker.client) else {
            return;
        };
        if is_others && record.lease.state == LeaseState::Active {
            let lease = record.lease.clone();
            out.push(Action::Event(Event::Reclaimed { lease }));
            self.end(address, LeaseState::Idle, ask.now, out);
        }
    }

    fn inform(&mut self, ask: &Ask<'_>, out: &mut Vec<Action>) {
        let message = ask.message;
        let nowhere = message.ciaddr.is_unspecified() && ask.packet.from.ip().is_unspecified();
        if nowhere && message.giaddr.is_unspecified() {
            self.counters.ignored += 1;
            return;
        }
        let reply = ask.reply(Answer::Informed, ask.served, message.ciaddr);
        self.acknowledge(reply, out);
    }
}

impl<'a> Ask<'a> {
    /// The scope of `address` among those that this client may be served from.
    fn neighbour(&self, address: Ipv4Addr) -> Option<&'a Served> {
        let found = self.config.scope_of(address)?;
        (found.vlan == self.served.vlan).then_some(found)
    }

    fn lease_seconds(&self, served: &Served) -> u32 {
        let most = served.scope.lease_time.0;
        let wish = self.message.options.u32(code::LEASE_TIME).unwrap_or(most);
        wish.clamp(LEASE_SECONDS_LEAST.min(most), most)
    }

    fn reply(&self, answer: Answer, served: &Served, address: Ipv4Addr) -> Reply {
        let mac = self.asker.hardware.mac();
        let reservation = mac.and_then(|mac| self.config.reservation(served, mac));
        let may_boot = reservation.is_none_or(|reservation| !reservation.boots_from_disk);
        let image = reservation
            .and_then(|reservation| reservation.image.as_ref())
            .or(served.scope.image.as_ref())
            .filter(|_| may_boot)
            .and_then(|image| self.config.image(image));
        let boot: Option<Boot> = match answer {
            Answer::Nak => None,
            Answer::Offer | Answer::Ack | Answer::Informed => {
                image.and_then(|image| boot(self.message, image, &served.scope))
            }
        };
        let draft = Draft {
            message: self.message,
            served,
            answer,
            address,
            lease: self.lease_seconds(served),
            reservation,
            boot: boot.as_ref(),
            from: self.packet.from,
            via: self.packet.via,
        };
        draft.reply()
    }
}

/// The scope that a message belongs to: as its relay says (RFC 3527, RFC 3011, giaddr), else by the address that a client from
/// a routed subnet has, else by the listener.
fn scope_for<'a>(config: &'a Config, message: &Message<'_>, via: Ipv4Addr) -> Option<&'a Served> {
    let options = &message.options;
    let selected = options
        .relay_address(LINK_SELECTION)
        .or_else(|| options.address(code::SUBNET_SELECTION));
    if let Some(selected) = selected {
        return config.scope_of(selected);
    }
    if !message.giaddr.is_unspecified() {
        return config.scope_of(message.giaddr);
    }
    let own = || config.scope_of(message.ciaddr);
    match message.kind {
        Kind::Inform | Kind::Request | Kind::Release if !message.ciaddr.is_unspecified() => {
            own().or_else(|| config.scope_of(via))
        }
        Kind::Discover | Kind::Request | Kind::Release | Kind::Decline | Kind::Inform => {
            config.scope_of(via)
        }
    }
}
