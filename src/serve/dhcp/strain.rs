//! A store that is slow or takes nothing. Known clients live on what is on disk already, new ones are left to other servers, and both
//! end as soon as a write of the server's own, begun for that, shows that writes do again. Part of the engine, and as pure.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::ask::Ask;
use super::config::Served;
use super::engine::{Action, BatchId, Engine};
use super::event::Event;
use super::lease::{Lease, LeaseState};
use super::reply::{Answer, Reply};

/// How long a client waits for a write before it is told what is promised already; it asks again after four (RFC 2131 4.1).
const SLOW_SECONDS: u64 = 2;

/// How long a store must do well before it is said to: one that comes and goes is told of once.
const CALM_SECONDS: u64 = 10;

/// The least that is worth telling a client.
const LEFT_SECONDS_LEAST: u64 = 10;

/// What is wrong with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreTrouble {
    /// Writes take seconds.
    Slow,
    /// Writes fail.
    Failing,
}

/// How the store did lately.
#[derive(Debug, Default)]
pub(super) struct Strain {
    /// What is wrong, until a trial ends well.
    trouble: Option<StoreTrouble>,
    /// The trouble that was told of, and when it was last seen.
    told: Option<(StoreTrouble, u64)>,
    /// When the last trial began.
    tried: Option<u64>,
    looked: u64,
}

/// What a client is told where its write does not end: the rest of what is on disk.
pub(super) struct Rest {
    pub reply: Reply,
    pub expires: u64,
}

impl Strain {
    pub(super) fn failed(&mut self) {
        self.trouble = Some(StoreTrouble::Failing);
    }

    /// A trial has ended; one that takes as long as what it was begun for shows nothing.
    pub(super) fn tried(&mut self, now: u64, is_ok: bool) {
        let is_slow = self.tried.is_some_and(|began| began + SLOW_SECONDS <= now);
        self.trouble = match (is_ok, is_slow) {
            (false, _) => Some(StoreTrouble::Failing),
            (true, true) => Some(StoreTrouble::Slow),
            (true, false) => None,
        };
    }
}

impl Engine {
    /// What was told to be wrong with the store, and not yet to be over.
    pub fn told_trouble(&self) -> Option<StoreTrouble> {
        self.strain.told.map(|(trouble, _)| trouble)
    }

    /// What is wrong with the store: nothing any more once a trial has ended well, and no write takes too long.
    pub fn trouble(&self, now: u64) -> Option<StoreTrouble> {
        let slow = self.is_late(now).then_some(StoreTrouble::Slow);
        self.strain.trouble.or(slow)
    }

    /// Whether a write under way takes too long.
    fn is_late(&self, now: u64) -> bool {
        let oldest = self.pending.iter().next().map(|first| first.began);
        oldest.is_some_and(|began| began + SLOW_SECONDS <= now)
    }

    /// The trouble that a trial is due for: a write that no client waits for, at most one each second. Only that shows that writes do
    /// again, since new clients have none under way, and those of known ones may be few. Its end is told by
    /// [`Input::Tried`](super::engine::Input::Tried).
    pub fn due_trial(&self, now: u64) -> Option<StoreTrouble> {
        let is_due = self.strain.tried.is_none_or(|tried| tried < now);
        self.trouble(now).filter(|_| is_due)
    }

    /// The same, and begins it.
    pub fn begin_trial(&mut self, now: u64) -> Option<StoreTrouble> {
        let trouble = self.due_trial(now)?;
        self.strain.tried = Some(now);
        Some(trouble)
    }

    /// Tells of trouble once, and of its end.
    pub(super) fn look(&mut self, now: u64, out: &mut Vec<Action>) {
        let before = self.told_trouble();
        // What is seen to be slow is so until a trial shows otherwise, though the write that showed it has ended.
        self.strain.trouble = self.trouble(now);
        match (self.strain.trouble, self.strain.told) {
            (Some(trouble), _) => self.strain.told = Some((trouble, now)),
            (None, Some((_, seen))) if seen + CALM_SECONDS <= now => self.strain.told = None,
            (None, _) => {}
        }
        let after = self.told_trouble();
        if before != after {
            out.push(Action::Event(Event::Store { trouble: after }));
        }
    }

    /// Whether a client without a lease is better left to another server: nothing could be promised to it.
    pub(super) fn withholds(&self, ask: &Ask<'_>) -> bool {
        if self.trouble(ask.now).is_none() {
            return false;
        }
        let mut own = self.table.addresses_of(&ask.asker.client).into_iter();
        !own.any(|address| {
            let record = self.table.get(address);
            record.is_some_and(|record| record.lease.state == LeaseState::Active)
        })
    }

    /// What this client can be told of `address` without a write: no more than is on disk, now and after the write under way.
    pub(super) fn rest(&self, ask: &Ask<'_>, served: &Served, address: Ipv4Addr) -> Option<Rest> {
        let record = self.table.get(address)?;
        let pending = record
            .pending
            .and_then(|batch| self.pending.get(batch.number()));
        // A reserved host under another identifier is not who is written down.
        let is_asker = |lease: &Lease| lease.client == ask.asker.client;
        let is_own = record.lease.state == LeaseState::Active
            && is_asker(&record.lease)
            && pending.is_none_or(|pending| is_asker(&pending.lease))
            && !record.may_differ;
        let held = pending.map_or(u64::MAX, |pending| pending.lease.held_until);
        let left = record.lease.held_until.min(held).saturating_sub(ask.now);
        if !is_own || left < LEFT_SECONDS_LEAST {
            return None;
        }
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        let seconds = ask.lease_seconds(served).min(left);
        Some(Rest {
            reply: ask.reply_for(Answer::Ack, (served, address), seconds),
            expires: ask.now + u64::from(seconds),
        })
    }

    /// Tells a client the rest of what it has.
    pub(super) fn tell_rest(
        &mut self,
        (address, now): (Ipv4Addr, u64),
        rest: Rest,
        out: &mut Vec<Action>,
    ) {
        out.push(Action::Send(rest.reply));
        if self.table.renew(address, rest.expires) {
            self.tell_renewed(now, address, out);
        }
    }

    /// Answers those that waited too long for their writes, which go on.
    pub(super) fn hurry(&mut self, now: u64, out: &mut Vec<Action>) {
        if self.strain.looked == now {
            return;
        }
        self.strain.looked = now;
        let late = self.pending.iter_mut();
        let late = late.take_while(|pending| pending.began + SLOW_SECONDS <= now);
        let late: Vec<(Ipv4Addr, Rest)> = late
            .filter_map(|pending| Some((pending.lease.address, pending.take_rest()?)))
            .collect();
        for (address, rest) in late {
            self.tell_rest((address, now), rest, out);
        }
    }

    /// Answers a client at once whose write waits behind others that take too long.
    pub(super) fn hurry_one(&mut self, batch: BatchId, now: u64, out: &mut Vec<Action>) {
        if !self.is_late(now) {
            return;
        }
        let pending = self.pending.get_mut(batch.number());
        let rest = pending.and_then(|pending| Some((pending.lease.address, pending.take_rest()?)));
        if let Some((address, rest)) = rest {
            self.tell_rest((address, now), rest, out);
        }
    }
}
