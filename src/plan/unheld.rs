//! Claimed routes that cannot be given back: the kernel takes none to a router that nothing reaches any more. They fall with their links.

use std::collections::BTreeMap;

use super::fall::is_up;
use super::{Action, Inputs, Reason, Step};
use crate::state::{Ground, Key, Resource, Route, State};

/// Turns the giving back of such routes into their end.
pub(super) fn let_fall(inputs: Inputs<'_>, by_key: &mut BTreeMap<Key, Vec<Step>>) {
    let is_given_back = |step: &Step| {
        step.action == Action::Release && matches!(step.after, Some(Resource::Route(_)))
    };
    if !by_key.values().flatten().any(is_given_back) {
        return;
    }
    let last = last(inputs, by_key);
    let ground = Ground::new(&last);
    for (key, steps) in by_key {
        let (Some(step), Key::Route { controller, .. }) = (steps.last_mut(), key) else {
            continue;
        };
        let Some(Resource::Route(route)) = &step.after else {
            continue;
        };
        if step.action != Action::Release || is_held(inputs, key, route, &last, &ground) {
            continue;
        }
        let link = route.hops.iter().find_map(|hop| hop.link.clone());
        if let Some(link) = link {
            let controller = controller.clone();
            step.because = Reason::Lost {
                with: Key::Link { controller, link },
            };
        }
        (step.action, step.after, step.original) = (Action::Carry, None, None);
        step.changes.clear();
        // What was taken away before it is not put back.
        if step.before.is_none() {
            let because = step.because.clone();
            steps.pop();
            steps
                .iter_mut()
                .for_each(|step| step.because = because.clone());
        }
    }
}

/// What is there when all is done.
fn last(inputs: Inputs<'_>, by_key: &BTreeMap<Key, Vec<Step>>) -> State {
    let mut last = inputs.observed.state.clone();
    for (key, steps) in by_key {
        match steps.last().map(|step| &step.after) {
            Some(Some(after)) => drop(last.insert(key.clone(), after.clone())),
            Some(None) => drop(last.remove(key)),
            None => {}
        }
    }
    last
}

fn is_held(
    inputs: Inputs<'_>,
    key: &Key,
    route: &Route,
    last: &State,
    ground: &Ground<'_>,
) -> bool {
    let mut beside = inputs.observed.facts.beside.addresses.iter();
    let is_far = route.lacks(key, ground).is_some_and(|ip| {
        // What a DHCP client got leads to it as well.
        !beside.any(|found| found.address.prefix().contains(ip))
    });
    let ways = Resource::Route(route.clone()).ways(key, ground);
    let is_up = |way: &Vec<Key>| way.iter().any(|holder| is_up(last, holder));
    !is_far && ways.iter().all(is_up)
}
