//! What clients were promised, and whether the next answer keeps it. Knows what a server owes, and nothing of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::layout::Layout;
use super::{Kind, Route, Said};
use crate::support::SERVER;

/// A client: its machine, and the identifier that it goes by.
pub(super) type Who = (u8, Option<u8>);

/// A message that was said, and what the server knew then.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) who: Who,
    /// What it calls itself, though it may not be known by that.
    pub(super) id: Option<u8>,
    pub(super) kind: Kind,
    pub(super) about: Ipv4Addr,
    pub(super) route: Route,
    pub(super) layout: Layout,
    /// Clients count their time from here (RFC 2131 4.4.1).
    pub(super) at: u64,
}

/// What an answer says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Heard {
    Offer(Ipv4Addr),
    Ack {
        address: Ipv4Addr,
        seconds: u64,
    },
    Nak,
    /// The ACK of an INFORM.
    Told,
}

/// Seconds of a lease without an end.
pub(super) const FOR_EVER: u64 = u64::MAX;

#[derive(Default)]
pub(super) struct Judge {
    /// Who may use an address, and until when.
    pub(super) held: BTreeMap<Ipv4Addr, (Who, u64)>,
    /// Until when an address is out of use.
    pub(super) declined: BTreeMap<Ipv4Addr, u64>,
    pub(super) offered: BTreeMap<Who, Ipv4Addr>,
    pub(super) granted: BTreeMap<Who, Ipv4Addr>,
    /// What was asked for while writes are under way: it may be granted already, though nobody was told.
    pub(super) under_way: BTreeSet<(Who, Ipv4Addr)>,
    /// Other identifiers of the holder's own machine that its reserved address was written down for since the holder was told of it:
    /// either is found after a restart.
    pub(super) heirs: BTreeSet<(Ipv4Addr, Who)>,
}

fn fail<T>(words: String) -> Result<T, String> {
    Err(words)
}

/// Whether the client is in a subnet that is served, as far as its message shows.
fn is_ours(asked: &Asked) -> bool {
    let Asked { layout, about, .. } = asked;
    // Past its relay a client is recognised by its address.
    let by_itself = match asked.kind {
        Kind::Renew | Kind::Inform | Kind::Release => about.octets()[1] == 9 && layout.serves_far(),
        Kind::Discover
        | Kind::Select
        | Kind::Elsewhere
        | Kind::Reboot
        | Kind::Decline
        | Kind::Bootp => false,
    };
    match asked.route {
        Route::Local => layout.serves_near() || by_itself,
        Route::Agent => layout.serves_near(),
        Route::Annex => layout.serves_far(),
        Route::Stranger | Route::OtherLink => false,
    }
}

/// Whether `address` belongs where the client is.
fn is_near(asked: &Asked, address: Ipv4Addr) -> bool {
    let annex = address.octets()[1] == 9;
    let by_itself =
        asked.route == Route::Local && matches!(asked.kind, Kind::Renew | Kind::Release);
    annex == (asked.route == Route::Annex) || (annex && by_itself)
}

impl Judge {
    /// Whether the client holds the address now.
    fn holds(&self, who: Who, address: Ipv4Addr, now: u64) -> bool {
        let held = self.held.get(&address);
        held.is_some_and(|(holder, until)| *holder == who && *until > now)
    }

    /// What the site gave the holder's own machine is written down for another identifier of it.
    pub(super) fn writes(&mut self, address: Ipv4Addr, who: Who, layout: &Layout) {
        let held = self.held.get(&address).map(|(holder, _)| *holder);
        let is_heir = |holder: Who| holder != who && holder.0 == who.0;
        if held.is_some_and(is_heir) && layout.owner(address) == Some(who.0) {
            self.heirs.insert((address, who));
        }
    }

    /// Whether `who` is the holder of `address`, or may be found to be it.
    pub(super) fn may_hold(&self, address: Ipv4Addr, who: Who) -> bool {
        let held = self.held.get(&address);
        held.is_some_and(|(holder, _)| *holder == who) || self.heirs.contains(&(address, who))
    }

    /// What a client that has the address counts on, should it never hear the answer. A system takes over what its firmware has for ever.
    fn counted_on(&self, asked: &Asked, address: Ipv4Addr) -> u64 {
        let held = self.held.get(&address).filter(|(who, _)| *who == asked.who);
        let held = held.filter(|(_, until)| *until != FOR_EVER);
        held.map_or(0, |(_, until)| *until)
    }

    fn hold(&mut self, address: Ipv4Addr, who: Who, until: u64) {
        self.heirs.retain(|(own, _)| *own != address);
        self.held.insert(address, (who, until));
        self.granted.insert(who, address);
    }

    /// What is reserved for a machine it gives back under any identifier.
    fn may_end(&self, asked: &Asked, now: u64) -> bool {
        let (machine, _) = asked.who;
        let is_owner = asked.layout.owner(asked.about) == Some(machine);
        let held = self.held.get(&asked.about);
        let is_own = held.is_some_and(|((holder, _), _)| is_owner && *holder == machine);
        let is_here = is_ours(asked) && is_near(asked, asked.about);
        let is_heir = self.heirs.contains(&(asked.about, asked.who));
        is_here && (is_own || is_heir || self.holds(asked.who, asked.about, now))
    }

    /// What a client gives back is no longer its own, whatever becomes of its message.
    pub(super) fn said(&mut self, asked: &Asked, now: u64) {
        let holds = self.may_end(asked, now);
        match asked.kind {
            Kind::Release | Kind::Decline if holds => drop(self.held.remove(&asked.about)),
            Kind::Select | Kind::Reboot | Kind::Renew => {
                self.under_way.insert((asked.who, asked.about));
            }
            Kind::Release | Kind::Decline | Kind::Discover | Kind::Elsewhere | Kind::Inform => {}
            // It names no address: it may be written down for any that is reserved for it.
            Kind::Bootp => {
                let own = asked.layout.owned_by(asked.who.0);
                self.under_way.extend(own.map(|own| (asked.who, own)));
            }
        }
    }

    pub(super) fn heard(&mut self, asked: &Asked, heard: Heard, now: u64) -> Result<(), String> {
        if !is_ours(asked) {
            return fail(format!("{heard:?} for one who is not ours"));
        }
        match (heard, asked.kind) {
            (Heard::Offer(address), Kind::Discover) => {
                self.may_have(asked, address, now)?;
                self.offered.insert(asked.who, address);
                Ok(())
            }
            (Heard::Ack { address, seconds }, Kind::Select | Kind::Reboot | Kind::Renew) => {
                self.may_have(asked, address, now)?;
                if address != asked.about {
                    return fail(format!("{} was asked for", asked.about));
                }
                let until = self.counted_on(asked, address).max(asked.at + seconds);
                self.hold(address, asked.who, until);
                Ok(())
            }
            (Heard::Ack { address, seconds }, Kind::Bootp) => {
                self.may_have(asked, address, now)?;
                if asked.layout.owner(address) != Some(asked.who.0) || seconds != FOR_EVER {
                    return fail(format!("{address} for {seconds} s by BOOTP"));
                }
                self.hold(address, asked.who, FOR_EVER);
                Ok(())
            }
            (Heard::Nak, Kind::Select | Kind::Reboot | Kind::Renew) => self.refused(asked, now),
            (Heard::Told, Kind::Inform) => Ok(()),
            (Heard::Offer(_) | Heard::Ack { .. } | Heard::Nak | Heard::Told, kind) => {
                fail(format!("{heard:?} upon {kind:?}"))
            }
        }
    }

    /// What a client did not give back ends only where it moved: to what is reserved for it there, or from what is another's by now.
    pub(super) fn ended(
        &mut self,
        address: Ipv4Addr,
        layout: &Layout,
        now: u64,
    ) -> Result<(), String> {
        let held = self.held.get(&address).filter(|(_, until)| *until > now);
        let Some((who, _)) = held.copied() else {
            return Ok(());
        };
        let is_far = |address: Ipv4Addr| address.octets()[1] == 9;
        let is_anothers = layout.owner(address).is_some_and(|owner| owner != who.0);
        let mut other = self.held.iter().filter(|(other, _)| **other != address);
        let has_moved = other.any(|(other, (holder, until))| {
            (*holder == who || self.heirs.contains(&(address, *holder)))
                && *until > now
                && (is_anothers || layout.owner(*other) == Some(who.0))
                && is_far(*other) == is_far(address)
        });
        if !has_moved || layout.owner(address) == Some(who.0) {
            return fail(format!("{address} ended, and {who:?} has no other"));
        }
        self.held.remove(&address);
        Ok(())
    }

    /// What lies in no pool any more ends with the word that its client may not go on with it.
    pub(super) fn withdrawn(&mut self, address: Ipv4Addr, layout: &Layout) -> Result<(), String> {
        if layout.owner(address).is_some() || layout.pools_hold(address) {
            return fail(format!("{address} ended, and it may be had"));
        }
        self.held.remove(&address);
        Ok(())
    }

    /// The site gives what this client had to another.
    pub(super) fn reassigned(
        &mut self,
        address: Ipv4Addr,
        (machine, _): Who,
        layout: &Layout,
    ) -> Result<(), String> {
        if layout.owner(address).is_none_or(|owner| owner == machine) {
            return fail(format!("{address} ended, and it is nobody else's"));
        }
        self.held.remove(&address);
        Ok(())
    }

    fn may_have(&self, asked: &Asked, address: Ipv4Addr, now: u64) -> Result<(), String> {
        let (machine, _) = asked.who;
        let owner = asked.layout.owner(address);
        if let Some((holder, until)) = self.held.get(&address) {
            // A machine keeps what is reserved for it, by whichever identifier.
            let is_same = self.may_hold(address, asked.who)
                || (owner == Some(machine) && holder.0 == machine);
            if !is_same && *until > now {
                return fail(format!(
                    "{address} is {holder:?}'s until {until}, now {now}"
                ));
            }
        }
        if owner.is_some_and(|owner| owner != machine) {
            return fail(format!("{address} is reserved for {owner:?}"));
        }
        let is_under_way = self.under_way.contains(&(asked.who, address));
        let is_kept = is_under_way && asked.layout.serves(address);
        if owner.is_none() && !asked.layout.pools_hold(address) && !is_kept {
            return fail(format!("{address} lies in no pool"));
        }
        if !is_near(asked, address) {
            return fail(format!("{address} belongs elsewhere"));
        }
        let declined = self.declined.get(&address);
        if declined.is_some_and(|until| *until > now) {
            return fail(format!("{address} is out of use"));
        }
        Ok(())
    }

    fn refused(&mut self, asked: &Asked, now: u64) -> Result<(), String> {
        if self.is_kept(asked, now) {
            return fail(format!("{} is still the client's", asked.about));
        }
        // One that comes back from elsewhere finds its lease again.
        let owner = asked.layout.owner(asked.about);
        let is_others = owner.is_some_and(|owner| owner != asked.who.0);
        let is_nobodys = owner.is_none() && !asked.layout.pools_hold(asked.about);
        if (is_others || is_nobodys) && self.holds(asked.who, asked.about, now) {
            self.held.remove(&asked.about);
        }
        Ok(())
    }

    /// Whether the client asks for what it has and may keep, and no other identifier of its machine asked for since.
    pub(super) fn is_kept(&self, asked: &Asked, now: u64) -> bool {
        let owner = asked.layout.owner(asked.about);
        let is_shared = self.heirs.iter().any(|(own, _)| *own == asked.about);
        self.holds(asked.who, asked.about, now)
            && !is_shared
            && owner.is_none_or(|owner| owner == asked.who.0)
            && (owner.is_some() || asked.layout.pools_hold(asked.about))
            && asked.layout.serves(asked.about)
            && is_ours(asked)
            && is_near(asked, asked.about)
    }

    /// Addresses that are promised at `now`, with their clients.
    pub(super) fn promised(&self, now: u64) -> BTreeSet<(Ipv4Addr, Who, u64)> {
        let held = self.held.iter().filter(|(_, (_, until))| *until > now);
        held.map(|(address, (who, until))| (*address, *who, *until))
            .collect()
    }
}

/// A message as a client writes it.
pub(super) fn written(said: &Said, about: Ipv4Addr, number: u32) -> crate::support::Ask {
    let own = about.octets();
    let server = |ask: crate::support::Ask| ask.option(54, &SERVER.octets());
    let ask = |kind| crate::support::ask(kind, said.client).field(4, &number.to_be_bytes());
    let placed = |ask: crate::support::Ask| ask.field(12, &own);
    let mut ask = match said.kind {
        Kind::Discover => ask(1).option(50, &own),
        Kind::Select => server(ask(3)).option(50, &own),
        Kind::Elsewhere => ask(3).option(54, &[10, 0, 0, 99]).option(50, &own),
        Kind::Reboot => ask(3).option(50, &own),
        Kind::Renew => placed(ask(3)),
        Kind::Release => server(placed(ask(7))),
        Kind::Decline => server(ask(4)).option(50, &own),
        Kind::Inform => placed(ask(8)),
        Kind::Bootp => {
            let mut untyped = ask(0);
            untyped.bytes.truncate(240);
            untyped
        }
    };
    if let Some(id) = said.id {
        ask = ask.id(&[said.client, id]);
    }
    if let Some(wish) = said.wish {
        ask = ask.option(51, &wish.to_be_bytes());
    }
    if let Some(name) = said.name {
        ask = ask.option(12, &[b'n', b'a' + name]);
    }
    match said.route {
        Route::Local | Route::OtherLink => ask,
        Route::Agent => ask.giaddr([10, 0, 0, 7]),
        Route::Annex => ask.giaddr([10, 9, 0, 1]),
        Route::Stranger => ask.giaddr([10, 77, 0, 1]),
    }
}
