//! News that strangers can cause without end: a burst of each kind is told, then one each second, with how many others came before
//! it. What leases are about is told whatever strangers do. Part of the engine, and as pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::engine::{Action, Engine};
use super::event::Event;
use super::lease::{Hardware, Lease};
use crate::base::mac::MacAddr;
use crate::base::vlan::VlanPath;

/// What may be told at once: some racks of machines that nobody has named yet, and little of the events that are kept.
const BURST: u64 = 256;

/// How fast news of one kind are told.
#[derive(Debug)]
pub(super) struct Pace<T> {
    /// How much of the burst is used up; a second gives one back.
    spent: u64,
    at: u64,
    /// The last that was not told, and how many there are with it.
    untold: Option<(T, u64)>,
}

impl<T> Default for Pace<T> {
    fn default() -> Self {
        Self {
            spent: 0,
            at: 0,
            untold: None,
        }
    }
}

impl<T> Pace<T> {
    /// Whether one more may be told now; then it is taken for told.
    pub(super) fn may(&mut self, now: u64) -> bool {
        self.spent = self.spent.saturating_sub(now.saturating_sub(self.at));
        self.at = now;
        let may = self.spent < BURST;
        self.spent += u64::from(may);
        may
    }

    /// What is to be told now, with how many others were not before it; it is kept and counted where it came too fast.
    pub(super) fn take(&mut self, now: u64, news: T) -> Option<(T, u64)> {
        let others = self.untold.take().map_or(0, |(_, count)| count);
        if self.may(now) {
            return Some((news, others));
        }
        self.untold = Some((news, others.saturating_add(1)));
        None
    }

    /// The last that came too fast, once there is room, with how many others did.
    pub(super) fn rest(&mut self, now: u64) -> Option<(T, u64)> {
        if self.untold.is_none() || !self.may(now) {
            return None;
        }
        let (news, count) = self.untold.take()?;
        Some((news, count.saturating_sub(1)))
    }
}

/// An address that was to be offered is in use, by whom.
type Conflict = (Lease, Option<MacAddr>);

/// Each kind of news in each VLAN by itself, so that a flood in one hides nothing in another.
#[derive(Debug, Default)]
pub(super) struct Paces {
    pub waiting: BTreeMap<Arc<VlanPath>, Pace<Hardware>>,
    conflicts: BTreeMap<Option<Arc<VlanPath>>, Pace<Conflict>>,
    pub exhausted: BTreeMap<Arc<VlanPath>, Pace<()>>,
}

impl Engine {
    /// Tells of an address that was found in use before it was offered.
    pub(super) fn tell_conflict(&mut self, now: u64, (lease, by): Conflict, out: &mut Vec<Action>) {
        let pace = self.paces.conflicts.entry(lease.vlan.clone()).or_default();
        out.extend(pace.take(now, (lease, by)).map(conflict));
    }

    /// Tells of what came too fast.
    pub(super) fn tell_untold(&mut self, now: u64, out: &mut Vec<Action>) {
        let held = self.paces.waiting.iter_mut();
        let held: Vec<_> = held
            .filter_map(|(vlan, pace)| Some((Arc::clone(vlan), pace.rest(now)?)))
            .collect();
        for (vlan, (hardware, others)) in held {
            self.tell_waiting((&vlan, hardware), others, out);
        }
        let conflicts = self.paces.conflicts.values_mut();
        let conflicts = conflicts.filter_map(|pace| pace.rest(now));
        out.extend(conflicts.map(conflict));
    }
}

fn conflict(((lease, by), others): (Conflict, u64)) -> Action {
    Action::Event(Event::Conflict { lease, by, others })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When how many come, how many are told, and of how many others they tell; then the same of the rest a second later.
    #[test]
    fn a_burst_is_told_then_one_a_second_with_the_count_of_the_others() {
        let mut pace = Pace::default();
        for (now, come, expected, rest) in [
            (100, 300, (256, 0), Some((299, 43))),
            (101, 10, (0, 0), Some((9, 9))),
            (102, 0, (0, 0), None),
            (110, 9, (8, 0), Some((8, 0))),
            (111, 2, (0, 0), Some((1, 1))),
            (1000, 256, (256, 0), None),
            (1001, 1, (1, 0), None),
            (1001, 2, (0, 0), Some((1, 1))),
            (u64::MAX - 1, 1, (1, 0), None),
        ] {
            let told = (0..come).filter_map(|news| pace.take(now, news));
            let told: Vec<_> = told.collect();
            let others: u64 = told.iter().map(|(_, others)| others).sum();
            assert_eq!((told.len(), others), expected, "{now}");
            assert_eq!(pace.rest(now + 1), rest, "{now}");
        }
    }
}
