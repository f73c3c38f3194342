//! proxyDHCP (PXE 2.1 2.2): boot programs beside another server, which gives the addresses. Part of the engine, and as pure.
//!
//! Nothing here is leased, refused or written.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::ask::{Ask, scope_for};
use super::boot::looks_for_program;
use super::engine::{Action, Engine, Packet};
use super::exchange::Exchange;
use super::outcome::{Outcome, Silence};
use super::reply::{Answer, lack_echo};
use super::wire::{Kind, Message};

impl Engine {
    /// A message to DHCP's own port, where another server gives the addresses: firmware is offered a program, without an address.
    pub(super) fn proxy(&self, ask: &Ask<'_>, out: &mut Vec<Action>) -> Outcome {
        let is_asked = match ask.message.kind {
            Kind::Discover => looks_for_program(ask.message),
            Kind::Request | Kind::Decline | Kind::Release | Kind::Inform | Kind::Bootp => false,
        };
        let told = is_asked.then(|| tell_program(ask, Answer::Proxy, out));
        told.flatten().unwrap_or_else(|| {
            let vlan = ask.config.vlan(ask.served.vlan).cloned();
            Outcome::Unanswered(Silence::AddressesElsewhere(vlan))
        })
    }

    /// A message to the boot server's port: firmware that has its address asks again which program is its own.
    pub(super) fn boot_server(
        &mut self,
        now: u64,
        message: &Message<'_>,
        packet: Packet<'_>,
        out: &mut Vec<Action>,
    ) {
        if self.is_too_many(now, message, packet) {
            return;
        }
        let config = Arc::clone(&self.config);
        let mut exchange = Exchange::begun(now, message, packet);
        let served = scope_for(&config, message, packet.via);
        let Some(served) = served.filter(|served| served.scope.policy.proxy) else {
            return self.conclude(exchange, Silence::NoBootServer.into());
        };
        exchange.vlan = config.vlan(served.vlan).cloned();
        exchange.scope = Some(served.subnet);
        let ask = Ask {
            message,
            packet,
            now,
            config: &config,
            asker: self.asker(&config, message, served),
            served,
        };
        let is_asked = match message.kind {
            Kind::Request | Kind::Inform => looks_for_program(message),
            Kind::Discover | Kind::Decline | Kind::Release | Kind::Bootp => false,
        };
        let before = out.len();
        let told = is_asked.then(|| tell_program(&ask, Answer::BootServer, out));
        exchange.is_unechoed = lack_echo(out.get(before..));
        let outcome = told.flatten();
        let outcome = outcome.unwrap_or(Outcome::Unanswered(Silence::NoBootServer));
        self.conclude(exchange, outcome.into());
    }
}

/// Tells the client its program, or concludes why there is none; `None` for one that looks for none.
fn tell_program(ask: &Ask<'_>, answer: Answer, out: &mut Vec<Action>) -> Option<Outcome> {
    let (packet, message) = (ask.packet, ask.message);
    let nowhere = packet.from.ip().is_unspecified() && message.ciaddr.is_unspecified();
    if answer == Answer::BootServer && nowhere {
        return Some(Outcome::Unanswered(Silence::Nowhere));
    }
    let reply = ask.reply(answer, ask.served, Ipv4Addr::UNSPECIFIED);
    match reply.boot.clone()? {
        Ok(program) => {
            out.push(Action::Send(reply));
            Some(Outcome::ToldProgram(program))
        }
        Err(why) => Some(Outcome::Unanswered(Silence::NoProgram(why))),
    }
}
