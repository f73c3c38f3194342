//! Clients that the site does not know in a VLAN: allowed, held or denied there. Part of the engine, and as pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ask::Ask;
use super::engine::{Action, Engine};
use super::event::Event;
use super::lease::Hardware;
use super::outcome::Silence;
use super::wire::Kind;
use crate::base::policy::UnknownClients;
use crate::base::vlan::VlanPath;

/// Clients that are listed as waiting: those heard last.
pub const WAITING: usize = 1024;

/// A client that gets no answer until the site names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub vlan: Arc<VlanPath>,
    pub hardware: Hardware,
    /// When it was first heard, and last.
    pub since: u64,
    pub heard: u64,
    /// How many messages came.
    pub messages: u64,
    /// Whether it was told of.
    is_told: bool,
}

/// Those that wait, each once in a VLAN.
pub(super) type WaitingClients = BTreeMap<(Arc<VlanPath>, Hardware), Waiting>;

impl Engine {
    /// The clients that wait to be named, in the order of their VLANs.
    pub fn waiting(&self) -> Vec<Waiting> {
        self.waiting.values().cloned().collect()
    }

    /// Why the client gets no answer here whatever it asks; what it gives back is taken.
    pub(super) fn why_shut_out(&mut self, ask: &Ask<'_>, out: &mut Vec<Action>) -> Option<Silence> {
        let unknown = ask.served.scope.policy.unknown_clients;
        if unknown == UnknownClients::Allow || ask.asker.host.is_some() {
            return None;
        }
        match ask.message.kind {
            Kind::Release | Kind::Decline => return None,
            Kind::Discover | Kind::Request | Kind::Inform | Kind::Bootp => {}
        }
        let vlan = ask.config.vlan(ask.served.vlan).cloned()?;
        match unknown {
            UnknownClients::Allow => None,
            UnknownClients::Deny => Some(Silence::Denied(vlan)),
            UnknownClients::Hold => {
                self.wait(ask, &vlan, out);
                Some(Silence::Held(vlan))
            }
        }
    }

    /// Lists the client, and tells of it once. The one that was not heard for longest makes room.
    fn wait(&mut self, ask: &Ask<'_>, vlan: &Arc<VlanPath>, out: &mut Vec<Action>) {
        let hardware = ask.asker.hardware;
        let key = (Arc::clone(vlan), hardware);
        if let Some(known) = self.waiting.get_mut(&key) {
            known.heard = ask.now;
            known.messages = known.messages.saturating_add(1);
            if known.is_told {
                return;
            }
            // It was counted when it came, and is told of now where there is room.
            let pace = self.paces.waiting.entry(Arc::clone(vlan)).or_default();
            if pace.may(ask.now) {
                self.tell_waiting((vlan, hardware), 0, out);
            }
            return;
        }
        if self.waiting.len() >= WAITING {
            let oldest = self.waiting.iter().min_by_key(|(_, one)| one.heard);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.waiting.remove(&oldest);
            }
        }
        let one = Waiting {
            vlan: Arc::clone(vlan),
            hardware,
            since: ask.now,
            heard: ask.now,
            messages: 1,
            is_told: false,
        };
        self.waiting.insert(key, one);
        let pace = self.paces.waiting.entry(Arc::clone(vlan)).or_default();
        if let Some((hardware, others)) = pace.take(ask.now, hardware) {
            self.tell_waiting((vlan, hardware), others, out);
        }
    }

    /// Tells of a client that is held, and how many others were not told of.
    pub(super) fn tell_waiting(
        &mut self,
        (vlan, hardware): (&Arc<VlanPath>, Hardware),
        others: u64,
        out: &mut Vec<Action>,
    ) {
        let vlan = Arc::clone(vlan);
        if let Some(known) = self.waiting.get_mut(&(Arc::clone(&vlan), hardware)) {
            known.is_told = true;
        }
        out.push(Action::Event(Event::Waiting {
            vlan,
            hardware,
            others,
        }));
    }
}
