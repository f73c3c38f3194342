//! What must change with what, where only a part of a plan's steps is made.

use std::collections::{BTreeMap, BTreeSet};

use super::behind::left_behind;
use super::edges::Place;
use super::first::{firsts, is_first, place};
use super::{Inputs, Plan, Reason, Step};
use crate::state::{Ground, Key, Resource};

/// What a part of a plan would lose and the whole does not, each with what would take it along.
pub(super) type Fallen = BTreeMap<Key, BTreeSet<Key>>;

/// What the steps of a part lose though those of the `whole` put it back or make it anew, and routes that it leaves with nothing but
/// links that are down.
pub(super) fn fallen(part: Inputs<'_>, steps: &[Step], whole: &[Step]) -> Fallen {
    let kept: BTreeSet<&Key> = whole
        .iter()
        .filter(|step| step.after.is_some())
        .map(|step| &step.key)
        .collect();
    let causes = Causes::new(steps);
    let stranded = Stranded::new(part, steps);
    let mut fallen = Fallen::new();
    for step in steps {
        let is_lost = matches!(step.because, Reason::Lost { .. }) && kept.contains(&step.key);
        if is_lost || stranded.holds(step) {
            let cause = causes.of(&step.key).clone();
            fallen.entry(step.key.clone()).or_default().insert(cause);
        }
    }
    fallen
}

/// The links that are down when all of a part is done.
struct Stranded<'a> {
    down: BTreeSet<&'a Key>,
    ground: Ground<'a>,
}

impl<'a> Stranded<'a> {
    fn new(part: Inputs<'a>, steps: &'a [Step]) -> Self {
        let found = part.observed.state.iter();
        let last = steps
            .iter()
            .filter_map(|step| Some((&step.key, step.after.as_ref()?)));
        let mut down = BTreeSet::new();
        for (key, resource) in found.chain(last) {
            if let Resource::Link(link) = resource {
                down.remove(key);
                down.extend((!link.up).then_some(key));
            }
        }
        Self {
            down,
            ground: Ground::new(&part.desired.state),
        }
    }

    /// Whether a step makes a route again that nothing leads to then.
    fn holds(&self, step: &Step) -> bool {
        let Some(after @ Resource::Route(_)) = &step.after else {
            return false;
        };
        let ways = after.ways(&step.key, &self.ground);
        let is_down = |holder: &Key| {
            if let Key::Address {
                controller, link, ..
            } = holder
            {
                self.down.contains(&Key::link(controller, link))
            } else {
                self.down.contains(holder)
            }
        };
        let is_dead = |way: &Vec<Key>| way.iter().all(is_down);
        !step.is_decided() && ways.iter().any(is_dead)
    }
}

/// What must change with what.
pub(super) struct Needs {
    /// Each thing that a step changes, with the others that must change with it.
    pub(super) all: BTreeMap<Key, BTreeSet<Key>>,
    /// Things of which one must change with another: the ways to a route's gateway.
    pub(super) any: BTreeMap<Key, Vec<BTreeSet<Key>>>,
}

/// A thing needs what it will stand on, what stands on it while it goes, what those that fall with it will stand on, and what has
/// its place. What waits for a BMC to tell needs that too, and a BMC that goes, what it does not tell of.
pub(super) fn needs(inputs: Inputs<'_>, whole: &Plan, fallen: &Fallen) -> Needs {
    let steps = &whole.steps;
    let decided: Vec<&Step> = steps.iter().filter(|step| step.is_decided()).collect();
    let going = decided.iter().filter(|step| step.after.is_none());
    let going: BTreeSet<&Key> = going.map(|step| &step.key).collect();
    let grounds = [&inputs.desired.state, &inputs.observed.state].map(Ground::new);
    let [after_ground, before_ground] = &grounds;
    let leaving = leaving(&decided);
    let firsts = firsts(steps);
    let causes = Causes::new(steps);
    let mut web = Web::new(&decided);
    web.wait(inputs, whole, after_ground);
    for step in steps {
        let cause = causes.of(&step.key);
        web.stand(step, cause, after_ground);
        for other in fallen.get(&step.key).into_iter().flatten() {
            // Made anew for its own sake, or for the other's that is not in the part.
            web.add(other, &step.key);
            web.stand(step, other, after_ground);
        }
        if let (Reason::MovesTo { .. }, Some(before)) = (&step.because, &step.before) {
            // It is in the way only where its link becomes a port.
            let required = before.requires(&step.key, before_ground);
            required.iter().for_each(|key| web.add(cause, key));
        }
        // What falls goes with any of those that take it along.
        if let Some(before) = step.before.as_ref().filter(|_| step.is_decided()) {
            for required in before.requires(&step.key, before_ground) {
                if going.contains(&required) {
                    web.add(&required, cause);
                }
            }
        }
        if let (None, Some(bmc)) = (&step.after, step.key.bmc())
            && inputs.desired.state.contains_key(&bmc)
        {
            // It was found through the BMC of the site, and is taken away through the one in force.
            web.add(cause, &bmc);
        }
        if step.after.as_ref().is_some_and(is_first) {
            // Only one is the first.
            let before = place(&step.key).and_then(|at| firsts.get(&at));
            before.into_iter().for_each(|key| web.add(cause, key));
        }
        if let (None, Some(place)) = (&step.before, Place::of(&step.key, &step.after)) {
            let same = leaving.get(&place).into_iter().flatten();
            same.for_each(|key| web.add(cause, key));
        }
    }
    web.needs
}

/// The needs found so far.
struct Web {
    needs: Needs,
    /// What the site asks to change; nothing else can be left out.
    changing: BTreeSet<Key>,
    /// What of that is there already as it is to be.
    settled: BTreeSet<Key>,
}

impl Web {
    fn new(decided: &[&Step]) -> Self {
        let changing: BTreeSet<Key> = decided.iter().map(|step| step.key.clone()).collect();
        let settled = decided.iter().filter(|step| step.is_on_paper());
        let settled = settled.map(|step| step.key.clone()).collect();
        let all = changing.iter().cloned();
        let needs = Needs {
            all: all.map(|key| (key, BTreeSet::new())).collect(),
            any: BTreeMap::new(),
        };
        Self {
            needs,
            changing,
            settled,
        }
    }

    /// Adds what has no step, since its BMC does not tell of it.
    fn wait(&mut self, inputs: Inputs<'_>, whole: &Plan, ground: &Ground<'_>) {
        let behind = left_behind(inputs, &whole.steps);
        let waiting: BTreeSet<&Key> = whole.deferred().chain(behind.keys().copied()).collect();
        for key in &waiting {
            self.changing.insert((*key).clone());
            self.needs.all.entry((*key).clone()).or_default();
        }
        for key in waiting {
            match inputs.desired.state.get(key) {
                Some(after) => {
                    let required = after.requires(key, ground);
                    required.iter().for_each(|needed| self.add(key, needed));
                }
                None if behind.contains_key(key) => {
                    key.bmc().iter().for_each(|bmc| self.add(bmc, key));
                }
                None => key.bmc().iter().for_each(|bmc| self.add(key, bmc)),
            }
        }
    }

    fn add(&mut self, key: &Key, needed: &Key) {
        if key != needed
            && self.changing.contains(needed)
            && let Some(needs) = self.needs.all.get_mut(key)
        {
            needs.insert(needed.clone());
        }
    }

    /// What of a way must change for it: of an address that is there and is only to be claimed, the link.
    fn support(&self, key: Key) -> Key {
        if let Key::Address {
            controller, link, ..
        } = &key
            && self.settled.contains(&key)
        {
            return Key::link(controller, link);
        }
        key
    }

    /// `cause` changes only where what `step` leaves has something to stand on.
    fn stand(&mut self, step: &Step, cause: &Key, ground: &Ground<'_>) {
        let Some(after) = &step.after else {
            return;
        };
        if !matches!(after, Resource::Route(_)) {
            let required = after.requires(&step.key, ground);
            return required.iter().for_each(|key| self.add(cause, key));
        }
        for way in after.ways(&step.key, ground) {
            let way = way.into_iter().map(|key| self.support(key));
            let way: BTreeSet<Key> = way.collect();
            if way.is_subset(&self.changing) {
                self.needs.any.entry(cause.clone()).or_default().push(way);
            }
        }
    }
}

/// What makes room, by its place.
fn leaving<'a>(decided: &[&'a Step]) -> BTreeMap<Place<'a>, Vec<&'a Key>> {
    let mut leaving: BTreeMap<Place<'_>, Vec<&Key>> = BTreeMap::new();
    for step in decided.iter().filter(|step| step.after.is_none()) {
        if let Some(place) = Place::of(&step.key, &step.before) {
            leaving.entry(place).or_default().push(&step.key);
        }
    }
    leaving
}

/// What steps are there for.
struct Causes<'a> {
    falls_with: BTreeMap<&'a Key, &'a Key>,
}

impl<'a> Causes<'a> {
    fn new(steps: &'a [Step]) -> Self {
        let falls_with = steps.iter().filter_map(pushed).collect();
        Self { falls_with }
    }

    /// What falls is there for the sake of what it falls with, or of what that falls with in turn.
    fn of(&self, key: &'a Key) -> &'a Key {
        let mut cause = key;
        while let Some(with) = self.falls_with.get(cause) {
            cause = with;
        }
        cause
    }
}

/// What falls, and with what.
fn pushed(step: &Step) -> Option<(&Key, &Key)> {
    match &step.because {
        Reason::Restored { with } | Reason::Lost { with } => Some((&step.key, with)),
        Reason::Declared
        | Reason::Edited
        | Reason::Withdrawn
        | Reason::Drift
        | Reason::MovesTo { .. }
        | Reason::MovesFrom { .. } => None,
    }
}
