//! What falls with something that goes is taken away first, so that the way back knows it, and made again last where something is left to
//! hold it. Ports of what goes are let go first, and put back.

use std::collections::BTreeMap;

use super::diff::{blocking, phase};
use super::fall::falling;
use super::keep::Keep;
use super::moving::following;
use super::unheld::let_fall;
use super::{Action, Inputs, Obstruction, Reason, Step};
use crate::state::{Ground, Key, Link, Resource, State};

/// The steps with those that bring along what falls.
pub(super) fn carry_along(
    inputs: Inputs<'_>,
    outcome: &State,
    mut steps: Vec<Step>,
    obstructed: &mut BTreeMap<Key, Obstruction>,
    keep: &Keep,
) -> Vec<Step> {
    let (observed, desired) = (&inputs.observed.state, &inputs.desired.state);
    let mut by_key: BTreeMap<Key, Vec<Step>> = BTreeMap::new();
    // Of the rest there may be a great many.
    for step in steps.extract_if(.., |step| stands_on_links(&step.key)) {
        by_key.entry(step.key.clone()).or_default().push(step);
    }
    let falling = falling(observed, desired, &by_key, &keep.movers);
    let last = Last {
        before: Ground::new(observed),
        outcome: Ground::new(outcome),
    };
    for (key, with) in &falling {
        let Some(resource) = observed.get(key) else {
            continue;
        };
        let own = by_key.get(key).map_or(&[][..], Vec::as_slice);
        let step = own.first().cloned();
        if step.as_ref().is_some_and(|step| step.after.is_none()) {
            continue;
        }
        let wanted = desired.get(key);
        if let Some(wanted) = wanted
            && obstructed.get(key) == Some(&Obstruction::ForeignRoute)
            && blocking(key, wanted, &last.outcome, obstructed).is_none()
        {
            // What stood in the way falls by itself.
            obstructed.remove(key);
        }
        let wanted = wanted.filter(|_| !obstructed.contains_key(key));
        let carried = carried(inputs, &last, (key, resource), wanted, with, step);
        by_key.insert(key.clone(), carried);
    }
    ports(inputs, &mut by_key);
    let_fall(inputs, &mut by_key);
    steps.extend(by_key.into_values().flatten());
    steps
}

/// Whether a thing can fall, or something with it: what else the servers hold stands on no link.
fn stands_on_links(key: &Key) -> bool {
    key.is_host() || matches!(key, Key::Listener { .. })
}

/// What things stand on before and when all is done.
struct Last<'a> {
    before: Ground<'a>,
    outcome: Ground<'a>,
}

impl Last<'_> {
    fn following(&self, key: &Key, resource: &Resource) -> Resource {
        match (key, resource) {
            (Key::Route { controller, .. }, Resource::Route(route)) => {
                Resource::Route(following(controller, route, &self.before, &self.outcome))
            }
            (_, other) => other.clone(),
        }
    }
}

/// One thing that falls: away first, and back in the shape that is `wanted`, or that it had.
fn carried(
    inputs: Inputs<'_>,
    last: &Last<'_>,
    (key, resource): (&Key, &Resource),
    wanted: Option<&Resource>,
    with: &Key,
    step: Option<Step>,
) -> Vec<Step> {
    // It is made anew: what the kernel chose for it before, such as a route's link, it chooses again, and a tagged link has the hardware
    // address of whatever it stands on from now on.
    let wanted = wanted.map(|after| after.settled(None));
    let held = |resource: &Resource| {
        let resource = last.following(key, resource);
        is_held(key, &resource, inputs, &last.outcome).then_some(resource)
    };
    let original = inputs.observed.before_claim(key);
    let is_foreign = inputs.observed.is_foreign(key);
    let (away, back, after) = match (wanted, original) {
        // What others made cannot be claimed where it stood: it is made anew.
        (Some(wanted), None) if is_foreign => (Action::Carry, Action::Create, Some(wanted)),
        (Some(wanted), None) => (Action::Delete, Action::Create, Some(wanted)),
        (Some(wanted), Some(_)) => (Action::Carry, Action::Carry, Some(wanted)),
        (None, Some(original)) => {
            let after = held(original).map(Resource::anywhere);
            (Action::Carry, Action::Release, after)
        }
        (None, None) if is_foreign => (Action::Carry, Action::Carry, held(resource)),
        (None, None) => (Action::Delete, Action::Create, None),
    };
    let with = with.clone();
    let because = match (step, &after) {
        (Some(step), _) => step.because,
        (None, Some(_)) => Reason::Restored { with },
        (None, None) => Reason::Lost { with },
    };
    let step = |action, before, after| Step {
        key: key.clone(),
        action,
        because: because.clone(),
        origin: inputs.desired.origins.get(key).cloned(),
        phase: phase(key),
        before,
        after,
        changes: Vec::new(),
        original: original
            .filter(|_| action == Action::Release)
            .cloned()
            .map(Box::new),
    };
    let mut steps = vec![step(away, Some(resource.clone()), None)];
    steps.extend(after.map(|after| step(back, None, Some(after))));
    steps
}

/// Whether what others made finds something to stand on when all is done.
fn is_held(key: &Key, resource: &Resource, inputs: Inputs<'_>, ground: &Ground<'_>) -> bool {
    let ways = resource.ways(key, ground);
    let is_route = matches!(resource, Resource::Route(_));
    let exists = |needed: &Key| {
        if is_route {
            ends_up(inputs, needed)
        } else {
            inputs.desired.state.contains_key(needed)
        }
    };
    !ways.is_empty() && ways.iter().all(|way| way.iter().any(exists))
}

/// Whether what a route needs is there when all is done, on a link that is up.
fn ends_up(inputs: Inputs<'_>, needed: &Key) -> bool {
    let (desired, observed) = (&inputs.desired.state, &inputs.observed.state);
    let (Key::Address {
        controller, link, ..
    }
    | Key::Link { controller, link }) = needed
    else {
        return desired.contains_key(needed) || observed.contains_key(needed);
    };
    let on = Key::link(controller, link);
    let original = inputs.observed.before_claim(&on);
    let last = desired.get(&on).or(original).or(observed.get(&on));
    matches!(last, Some(Resource::Link(link)) if link.up)
}

/// The kernel lets go of the ports of what goes; each is let go by name, so that the way back puts it in again, and put back where what it
/// was a port of is made again.
fn ports(inputs: Inputs<'_>, steps: &mut BTreeMap<Key, Vec<Step>>) {
    let mut pairs = Vec::new();
    for (key, resource) in &inputs.observed.state {
        let (Key::Link { controller, .. }, Resource::Link(link)) = (key, resource) else {
            continue;
        };
        let of = link.port_of.as_ref().map(|of| Key::link(controller, of));
        let Some((of, fate)) = of.and_then(|of| Some((of.clone(), steps.get(&of)?))) else {
            continue;
        };
        if fate.first().is_none_or(|step| step.after.is_some()) {
            continue;
        }
        let comes_back = fate.last().is_some_and(|step| step.after.is_some());
        let port = Port {
            inputs,
            key,
            link,
            of: &of,
        };
        let pair = match steps.get(key).map_or(&[][..], Vec::as_slice) {
            [] => port.alone(comes_back),
            [step] => port.beside(step),
            // It goes itself.
            [_, ..] => None,
        };
        pairs.extend(pair.map(|pair| (key.clone(), pair)));
    }
    steps.extend(pairs);
}

/// A port of something that goes.
struct Port<'a> {
    inputs: Inputs<'a>,
    key: &'a Key,
    link: &'a Link,
    of: &'a Key,
}

impl Port<'_> {
    /// Of one that nothing else happens to.
    fn alone(&self, comes_back: bool) -> Option<Vec<Step>> {
        let with = self.of.clone();
        let because = if comes_back {
            Reason::Restored { with }
        } else {
            Reason::Lost { with }
        };
        let mut steps = vec![self.step(&because, Some(self.link), &self.apart())];
        if comes_back {
            steps.push(self.step(&because, Some(&self.apart()), self.link));
        }
        Some(steps)
    }

    /// Of one that changes besides and is to be where it was.
    fn beside(&self, step: &Step) -> Option<Vec<Step>> {
        let Some(Resource::Link(after)) = &step.after else {
            return None;
        };
        if after.port_of != self.link.port_of {
            return None;
        }
        let mut back = step.clone();
        back.before = Some(Resource::Link(self.apart()));
        Some(vec![
            self.step(&step.because, Some(self.link), &self.apart()),
            back,
        ])
    }

    fn apart(&self) -> Link {
        Link {
            port_of: None,
            vlans: BTreeMap::new(),
            // A bond gives it back the one that it came with.
            mac: None,
            ..self.link.clone()
        }
    }

    fn step(&self, because: &Reason, before: Option<&Link>, after: &Link) -> Step {
        let is_foreign = self.inputs.observed.is_foreign(self.key);
        let before = before.cloned().map(Resource::Link);
        let after = Resource::Link(after.clone());
        let changes = before.as_ref().map(|before| after.changes_from(before));
        Step {
            key: self.key.clone(),
            action: if is_foreign {
                Action::Carry
            } else {
                Action::Update
            },
            because: because.clone(),
            origin: self.inputs.desired.origins.get(self.key).cloned(),
            phase: phase(self.key),
            before,
            after: Some(after),
            changes: changes.unwrap_or_default(),
            original: None,
        }
    }
}
