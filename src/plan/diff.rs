//! What differs between desired and observed, and why. Order comes later.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Inputs, Obstruction, Phase, Reason, Step, Waiting};
use crate::state::{Key, LinkKind, Resource, State};

/// Steps in no particular order, and what was found beside them.
pub(super) struct Difference {
    pub(super) steps: Vec<Step>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) foreign: Vec<Key>,
    pub(super) unchanged: usize,
}

pub(super) fn difference(inputs: Inputs<'_>) -> Difference {
    let obstructed = obstructed(inputs);
    let mut steps = Vec::new();
    let mut foreign = Vec::new();
    for (key, after) in &inputs.desired.state {
        if !obstructed.contains_key(key) {
            steps.extend(wanted(inputs, key, after));
        }
    }
    for (key, before) in &inputs.observed.state {
        if inputs.desired.state.contains_key(key) {
            continue;
        }
        match unwanted(inputs, key, before) {
            Some(step) => steps.push(step),
            None => foreign.extend(is_worth_showing(key).then(|| key.clone())),
        }
    }
    let touched: BTreeSet<&Key> = steps.iter().map(|step| &step.key).collect();
    let restored = restored(inputs, &steps, &touched);
    steps.extend(restored);
    let changing: BTreeSet<&Key> = steps.iter().map(|step| &step.key).collect();
    let stays = |key: &&Key| !changing.contains(key) && !obstructed.contains_key(*key);
    let unchanged = inputs.desired.state.keys().filter(stays).count();
    place_listeners(&mut steps);
    let waiting = obstructed.into_iter().map(|(key, on)| Waiting {
        origin: inputs.desired.origins.get(&key).cloned(),
        key,
        on,
    });
    Difference {
        waiting: waiting.collect(),
        steps,
        foreign,
        unchanged,
    }
}

/// Things that cannot be made now, and all that requires them.
fn obstructed(inputs: Inputs<'_>) -> BTreeMap<Key, Obstruction> {
    let (desired, observed) = (&inputs.desired.state, &inputs.observed.state);
    let mut obstructed = BTreeMap::new();
    for (key, resource) in desired {
        let Resource::Link(link) = resource else {
            continue;
        };
        let obstruction = match (link.kind, observed.get(key)) {
            (LinkKind::Physical, None) => Obstruction::NoLink,
            (_, Some(found)) if resource.replaces(found) => Obstruction::ForeignLink,
            (LinkKind::Physical | LinkKind::Bridge, _) => continue,
        };
        obstructed.insert(key.clone(), obstruction);
    }
    if obstructed.is_empty() {
        return obstructed;
    }
    // Requirements are at most as deep as there are kinds, so this settles in a few rounds.
    loop {
        let further: Vec<(Key, Obstruction)> = desired
            .iter()
            .filter(|(key, _)| !obstructed.contains_key(*key))
            .filter_map(|(key, resource)| {
                blocking(key, resource, desired, &obstructed)
                    .map(|cause| (key.clone(), Obstruction::Requires { key: cause }))
            })
            .collect();
        if further.is_empty() {
            return obstructed;
        }
        obstructed.extend(further);
    }
}

/// The obstructed thing that `resource` cannot do without. A route needs only one of the addresses that reach its gateway.
fn blocking(
    key: &Key,
    resource: &Resource,
    desired: &State,
    obstructed: &BTreeMap<Key, Obstruction>,
) -> Option<Key> {
    let requires = resource.requires(key, desired);
    let blocked = requires
        .iter()
        .find(|required| obstructed.contains_key(*required))?;
    let any_suffices = matches!(resource, Resource::Route(_));
    let all_blocked = requires
        .iter()
        .all(|required| obstructed.contains_key(required));
    (!any_suffices || all_blocked).then(|| blocked.clone())
}

fn wanted(inputs: Inputs<'_>, key: &Key, after: &Resource) -> Option<Step> {
    let before = inputs.observed.state.get(key);
    let changes = before
        .map(|before| after.changes_from(before))
        .unwrap_or_default();
    let action = match before {
        None => Action::Create,
        Some(_) if inputs.observed.is_foreign(key) => Action::Claim,
        Some(_) if !changes.is_empty() => Action::Update,
        Some(_) => return None,
    };
    let because = match inputs.applied.and_then(|applied| applied.state.get(key)) {
        Some(applied) if applied == after => Reason::Drift,
        Some(_) => Reason::Edited,
        None => Reason::Declared,
    };
    Some(Step {
        key: key.clone(),
        action,
        because,
        origin: inputs.desired.origins.get(key).cloned(),
        phase: phase(key),
        before: before.cloned(),
        after: Some(after.settled(before)),
        changes,
    })
}

/// The step that takes away or gives back what the site does not speak of; none for what others made.
fn unwanted(inputs: Inputs<'_>, key: &Key, before: &Resource) -> Option<Step> {
    if inputs.observed.is_foreign(key) {
        return None;
    }
    let original = inputs.observed.before_claim(key);
    let (action, after) = match original {
        Some(original) => (Action::Release, Some(original.clone())),
        None => (Action::Delete, None),
    };
    let changes = original
        .map(|original| original.changes_from(before))
        .unwrap_or_default();
    let origin = inputs
        .applied
        .and_then(|applied| applied.origins.get(key))
        .cloned();
    Some(Step {
        key: key.clone(),
        action,
        because: Reason::Withdrawn,
        origin,
        phase: phase(key),
        before: Some(before.clone()),
        after,
        changes,
    })
}

fn phase(key: &Key) -> Phase {
    if key.is_host() {
        Phase::Host
    } else {
        Phase::Publish
    }
}

/// Foreign links are everywhere; foreign addresses and routes may surprise.
fn is_worth_showing(key: &Key) -> bool {
    key.is_host() && !matches!(key, Key::Link { .. })
}

/// Things that stay as they are, but that the kernel takes away with something we delete: each is deleted first and made again last.
fn restored(inputs: Inputs<'_>, steps: &[Step], touched: &BTreeSet<&Key>) -> Vec<Step> {
    let mut falling: BTreeSet<Key> = steps
        .iter()
        .filter(|step| step.action == Action::Delete)
        .map(|step| step.key.clone())
        .collect();
    let mut restored = Vec::new();
    if !falling.iter().any(Key::is_host) {
        return restored;
    }
    loop {
        let found = inputs.observed.state.iter().find_map(|(key, resource)| {
            let stays = inputs.desired.state.contains_key(key)
                && !touched.contains(key)
                && !falling.contains(key);
            let with = stays
                .then(|| falls_with(key, resource, &inputs.observed.state, &falling))
                .flatten()?;
            Some((key, resource, with))
        });
        let Some((key, resource, with)) = found else {
            return restored;
        };
        falling.insert(key.clone());
        let step = |action, before, after| Step {
            key: key.clone(),
            action,
            because: Reason::Restored { with: with.clone() },
            origin: inputs.desired.origins.get(key).cloned(),
            phase: phase(key),
            before,
            after,
            changes: Vec::new(),
        };
        restored.push(step(Action::Delete, Some(resource.clone()), None));
        restored.push(step(
            Action::Create,
            None,
            inputs
                .desired
                .state
                .get(key)
                .map(|after| after.settled(Some(resource))),
        ));
    }
}

/// The thing among `falling` that takes `key` with it.
fn falls_with(
    key: &Key,
    resource: &Resource,
    observed: &State,
    falling: &BTreeSet<Key>,
) -> Option<Key> {
    match (key, resource) {
        (Key::Route { .. }, Resource::Route(_)) => {
            let requires = resource.requires(key, observed);
            let all = requires.iter().all(|required| falling.contains(required));
            requires.into_iter().next().filter(|_| all)
        }
        // Without `promote_secondaries`, the kernel drops a prefix's further addresses with its first.
        (Key::Address { controller, link, address }, _) => falling.iter().find(|other| matches!(other,
            Key::Address { controller: c, link: l, address: a } if c == controller && l == link && a.ip().is_ipv4() && a.prefix() == address.prefix()
        )).cloned(),
        (Key::Listener { .. }, Resource::Listener(_)) => resource.requires(key, observed).into_iter().find(|required| falling.contains(required)),
        _ => None,
    }
}

/// A listener whose link or address vanishes lets go before the host changes.
fn place_listeners(steps: &mut [Step]) {
    let vanishing: BTreeSet<Key> = steps
        .iter()
        .filter(|step| step.action == Action::Delete && step.key.is_host())
        .map(|step| step.key.clone())
        .collect();
    for step in steps
        .iter_mut()
        .filter(|step| step.action == Action::Delete)
    {
        let Some(before @ Resource::Listener(_)) = &step.before else {
            continue;
        };
        if before
            .requires(&step.key, &State::new())
            .iter()
            .any(|required| vanishing.contains(required))
        {
            step.phase = Phase::Withdraw;
        }
    }
}
