//! What each message of a client means (RFC 2131 4.3). Part of the engine, and as pure.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::allocate::{Asker, Standing};
use super::ask::{Ask, scope_for};
use super::config::{Config, Served};
use super::ending::Becomes;
use super::engine::{Action, Engine, Packet};
use super::event::{Event, Release};
use super::exchange::Exchange;
use super::lease::{Known, Lease, LeaseState};
use super::outcome::{Conclusion, Outcome, Silence};
use super::reply::{Answer, lack_echo};
use super::wire::{Kind, Message, code};

impl Engine {
    pub(super) fn answer(
        &mut self,
        now: u64,
        message: &Message<'_>,
        packet: Packet<'_>,
        out: &mut Vec<Action>,
    ) {
        if !self.is_too_many(now, message, packet) {
            self.answer_to(now, message, (packet, None), out);
        }
    }

    /// Answers a message; one that waited for a probe is told of once, with what was found then.
    pub(super) fn answer_to(
        &mut self,
        now: u64,
        message: &Message<'_>,
        (packet, earlier): (Packet<'_>, Option<Exchange>),
        out: &mut Vec<Action>,
    ) {
        let config = Arc::clone(&self.config);
        let mut exchange = Exchange::begun(now, message, packet).resumed(earlier);
        let Some(served) = scope_for(&config, message, packet.via) else {
            let named = exchange.said.subnet.unwrap_or(message.giaddr);
            let silence = match message.giaddr.is_unspecified() {
                true => Silence::NothingServed,
                false => Silence::UnknownRelay(named),
            };
            return self.conclude(exchange, silence.into());
        };
        exchange.vlan = config.vlan(served.vlan).cloned();
        exchange.scope = Some(served.subnet);
        let asker = self.asker(&config, message, served);
        let is_proxied = served.scope.policy.proxy;
        if !is_proxied {
            self.settle_for(&config, message, &asker, now, out);
        }
        let ask = Ask {
            message,
            packet,
            now,
            config: &config,
            asker,
            served,
        };
        if let Some(silence) = self.why_shut_out(&ask, out) {
            return self.conclude(exchange, silence.into());
        }
        let before = out.len();
        let conclusion = match is_proxied {
            true => self.proxy(&ask, out).into(),
            false => self.heed(&ask, out),
        };
        exchange.is_unechoed = lack_echo(out.get(before..));
        self.conclude(exchange, conclusion);
    }

    fn heed(&mut self, ask: &Ask<'_>, out: &mut Vec<Action>) -> Conclusion {
        match ask.message.kind {
            Kind::Discover => self.discover(ask, out),
            Kind::Request => self.request(ask, out),
            Kind::Decline => self.decline(ask, out).into(),
            Kind::Release => self.release(ask, out).into(),
            Kind::Inform => self.inform(ask, out).into(),
            Kind::Bootp => self.bootp(ask, out),
        }
    }

    pub(super) fn asker(&self, config: &Config, message: &Message<'_>, served: &Served) -> Asker {
        let client = message.client(served.scope.policy.identity);
        // What a client sends to us alone passes by its relay agent (RFC 3046 2.1): it is where it was.
        let known = || {
            let record = self.table.get(message.ciaddr)?;
            let is_direct = message.giaddr.is_unspecified() && record.lease.client == client;
            record.lease.agent.clone().filter(|_| is_direct)
        };
        let agent = message.agent().or_else(known);
        let identity = |kind| message.identity(kind, agent.as_deref());
        let shown = config.recognised(served.vlan, identity);
        let shown = shown.map(|(host, by)| (host, Known::beyond(by, &client)));
        let found = shown.or_else(|| self.remembered(config, message, served, &client));
        let (host, known) = found.map_or((None, None), |(host, known)| (Some(host), known));
        Asker {
            host,
            known,
            hardware: message.hardware,
            client,
            agent,
        }
    }

    fn discover(&mut self, ask: &Ask<'_>, out: &mut Vec<Action>) -> Conclusion {
        if self.withholds(ask) {
            return Silence::Withheld.into();
        }
        if let Some(silence) = self.why_circuit_is_full(ask) {
            return silence.into();
        }
        let wish = ask.message.options.address(code::REQUESTED_ADDRESS);
        let Some((served, address)) = self.allocate(ask, wish, out) else {
            let silence = self.why_nothing(ask);
            self.tell_exhausted(ask, &silence, out);
            return silence.into();
        };
        if self.probes_first(ask, served, address, out) {
            return Conclusion::Probed(address);
        }
        self.hold_offer(ask, served, address);
        let reply = ask.reply(Answer::Offer, served, address);
        let boot = reply.boot.clone();
        out.push(Action::Send(reply));
        Outcome::Offered { address, boot }.into()
    }

    /// Keeps `address` for the client for a moment; one that it has leased needs no more than that.
    pub(super) fn hold_offer(&mut self, ask: &Ask<'_>, served: &Served, address: Ipv4Addr) {
        let record = self.table.get(address);
        let is_leased = record.is_some_and(|record| {
            record.lease.state == LeaseState::Active || record.pending.is_some()
        });
        if is_leased {
            return;
        }
        self.table.put(Lease {
            held_until: ask.now + u64::from(served.scope.policy.offer_time.0),
            ..ask.lease(served, address, LeaseState::Offered)
        });
    }

    fn request(&mut self, ask: &Ask<'_>, out: &mut Vec<Action>) -> Conclusion {
        let options = &ask.message.options;
        let wish = options.address(code::REQUESTED_ADDRESS);
        let renews = !ask.message.ciaddr.is_unspecified();
        match (options.address(code::SERVER_ID), wish) {
            (Some(server), Some(address)) if ask.is_us(server) => self.select(ask, address, out),
            (Some(server), None) if renews && ask.is_us(server) => {
                self.renew(ask, ask.message.ciaddr, out)
            }
            (Some(server), _) => self.not_chosen(ask, server).into(),
            (None, _) if renews => self.renew(ask, ask.message.ciaddr, out),
            (None, Some(address)) => self.reboot(ask, address, out),
            (None, None) => Silence::NothingNamed.into(),
        }
    }

    /// The client chose our offer.
    fn select(&mut self, ask: &Ask<'_>, address: Ipv4Addr, out: &mut Vec<Action>) -> Conclusion {
        let served = ask.neighbour(address);
        match served.map(|served| (served, self.standing(&ask.asker, served, address))) {
            Some((served, Standing::Own | Standing::Free)) => self.grant(ask, served, address, out),
            Some((_, Standing::Taken)) | None => self.refuse(ask, address, out),
        }
    }

    /// The client chose another server's offer, so ours is free again (RFC 2131 3.1 step 4).
    fn not_chosen(&mut self, ask: &Ask<'_>, server: Ipv4Addr) -> Silence {
        let offered = self.table.addresses_of(&ask.asker.client).into_iter();
        for address in offered.filter(|address| ask.neighbour(*address).is_some()) {
            if let Some(record) = self.table.get(address)
                && record.lease.state == LeaseState::Offered
                && record.pending.is_none()
            {
                let mut lease = record.lease.clone();
                (lease.state, lease.held_until) = (LeaseState::Idle, ask.now);
                self.freed(&lease);
                self.table.put(lease);
            }
        }
        Silence::OtherServer(server)
    }

    /// The client came up with an address that it remembers (RFC 2131 4.3.2, INIT-REBOOT).
    fn reboot(&mut self, ask: &Ask<'_>, address: Ipv4Addr, out: &mut Vec<Action>) -> Conclusion {
        let standing = ask
            .neighbour(address)
            .map(|served| (served, self.standing(&ask.asker, served, address)));
        let is_reserved = ask.asker.owns(ask.config, address);
        match standing {
            Some((_, Standing::Own)) if self.is_due_elsewhere(ask, address) => {
                self.refuse(ask, address, out)
            }
            Some((served, Standing::Own)) => self.grant(ask, served, address, out),
            Some((served, Standing::Free)) if is_reserved => self.grant(ask, served, address, out),
            Some((_, Standing::Free | Standing::Taken)) | None => self.disown(ask, address, out),
        }
    }

    /// The client has an address that is not its own: it is told so, unless it is unknown and another server may know it.
    fn disown(&mut self, ask: &Ask<'_>, address: Ipv4Addr, out: &mut Vec<Action>) -> Conclusion {
        if ask.served.scope.policy.authoritative || self.knows(ask) {
            self.refuse(ask, address, out)
        } else {
            Silence::Stranger(address).into()
        }
    }

    /// Whether the client has, or had, an address here.
    fn knows(&self, ask: &Ask<'_>) -> bool {
        let had = self.table.addresses_of(&ask.asker.client);
        let has_had = |address: &Ipv4Addr| ask.neighbour(*address).is_some();
        ask.asker.host.is_some() || had.iter().any(has_had)
    }

    /// The client renews or rebinds (RFC 2131 4.3.2): it says which address it has.
    fn renew(&mut self, ask: &Ask<'_>, address: Ipv4Addr, out: &mut Vec<Action>) -> Conclusion {
        let Some(served) = ask.neighbour(address) else {
            return self.disown(ask, address, out);
        };
        match self.standing(&ask.asker, served, address) {
            Standing::Own if self.is_due_elsewhere(ask, address) => self.refuse(ask, address, out),
            Standing::Own => self.grant(ask, served, address, out),
            Standing::Free if ask.asker.owns(ask.config, address) => {
                self.grant(ask, served, address, out)
            }
            Standing::Free | Standing::Taken => self.disown(ask, address, out),
        }
    }

    fn refuse(&mut self, ask: &Ask<'_>, address: Ipv4Addr, out: &mut Vec<Action>) -> Conclusion {
        let why = self.why_refused(ask, address);
        self.reclaim(ask, address, out);
        out.push(Action::Send(ask.reply(Answer::Nak, ask.served, address)));
        Outcome::Refused { address, why }.into()
    }

    /// Frees an address that its holder is being refused because the site gives it to another, or to nobody any more.
    fn reclaim(&mut self, ask: &Ask<'_>, address: Ipv4Addr, out: &mut Vec<Action>) {
        // A host is one within its VLAN, and a stranger elsewhere.
        let Some(served) = ask.neighbour(address) else {
            return;
        };
        let owner = ask.config.owner(address);
        let is_anothers = owner.is_some() && owner != ask.asker.host;
        let is_nobodys = owner.is_none() && !served.pools_hold(address);
        let record = self.table.get(address);
        let own = record.filter(|record| record.lease.client == ask.asker.client);
        let lease = own.map(|record| record.lease.clone());
        let lease = lease.filter(|lease| lease.state == LeaseState::Active);
        let Some(lease) = lease.filter(|_| is_anothers || is_nobodys) else {
            return;
        };
        let how = match is_anothers {
            true => Release::Reassigned,
            false => Release::Withdrawn,
        };
        if is_anothers {
            let lease = lease.clone();
            out.push(Action::Event(Event::Reclaimed { lease }));
        }
        out.push(Action::Event(Event::Released { lease, how }));
        self.end(address, Becomes::Free, ask.now, out);
    }
}
