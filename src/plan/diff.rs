//! What differs between desired and observed, and why. Order comes later.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::behind::unwithdrawn;
use super::carry::carry_along;
use super::first::{Order, beside_others};
use super::ignore::Left;
use super::keep::{Keep, Memory};
use super::lease::Leases;
use super::moving::Moves;
use super::nature::Nature;
use super::place::{ip, occupied};
use super::withdrawal::Withdrawal;
use super::{Action, Inputs, Mode, Obstruction, Phase, Reason, Step, Waiting, outcome};
use crate::base::along::{Along, AlongMap};
use crate::base::origin::Origin;
use crate::state::{
    Disruption, Ground, Guards, Key, Observation, Resource, Silence, State, Unreached,
};

/// Steps in no particular order, and what was found beside them.
pub(super) struct Difference {
    pub(super) steps: Vec<Step>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) foreign: Vec<Key>,
    pub(super) unchanged: usize,
    /// Protections of what the site does not speak of any more.
    pub(super) remembered: BTreeMap<Key, Guards>,
    pub(super) keep: Keep,
    /// What others have back, and no site says.
    pub(super) returned: State,
}

/// Compares what `inputs` want with what is. They want what the site says, `said`, less what is left to others.
pub(super) fn difference(inputs: Inputs<'_>, said: &State, left: &Left, mode: Mode) -> Difference {
    let memory = Memory::new(inputs, said);
    let (mut obstructed, keep) = withheld(inputs, &memory, left, mode);
    let mut staying = staying(inputs, &obstructed);
    staying.extend(
        keep.staying
            .iter()
            .map(|(key, stay)| (key.clone(), stay.on.clone())),
    );
    let nature = Nature::new(inputs);
    let order = Order::new(inputs, &obstructed, &staying);
    let withdrawal = Withdrawal::new(inputs);
    let moves = Moves::new(inputs, &obstructed, &staying);
    let mut steps = Vec::new();
    let mut foreign = Vec::new();
    let mut behind = BTreeMap::new();
    let mut known = Known::new(inputs, said);
    for (key, after) in &inputs.desired.state {
        if !obstructed.contains_key(key) {
            let on = order.withheld(inputs, key, after);
            behind.extend(on.map(|on| (key.clone(), on)));
            let after = &order.applied_to(key, managed(inputs, key, after));
            wanted(inputs, known.of(key), (key, after), &nature, &mut steps);
        }
    }
    for (key, before) in &inputs.observed.state {
        let is_told = inputs.desired.state.contains_key(key) || staying.contains_key(key);
        if is_told || is_left(key) {
            continue;
        }
        let step = withdrawal.step(key, before);
        match step.or_else(|| moves.away(key, before)) {
            Some(step) => steps.push(step),
            None => foreign.extend(is_worth_showing(key).then(|| key.clone())),
        }
    }
    steps.extend(moves.back());
    moves.tell(&mut steps);
    obstructed.extend(staying.into_iter().chain(unwithdrawn(inputs, &steps)));
    let returned = moves.returned();
    let outcome = outcome(&inputs.desired.state, &returned);
    let mut steps = carry_along(inputs, &outcome, steps, &mut obstructed, &keep);
    // They wait for their places alone.
    for (key, on) in behind {
        obstructed.entry(key).or_insert(on);
    }
    let unchanged = unchanged(inputs, &steps, &obstructed);
    place_listeners(&mut steps);
    // What others took away and the site leaves to them waits for nothing.
    let waiting = obstructed.into_iter();
    let waiting = waiting.filter(|(key, _)| !left.gone.contains(key));
    let waiting = waiting.map(|(key, on)| Waiting {
        origin: match keep.staying.get(&key) {
            Some(stay) => stay.origin.clone(),
            None => origin(inputs, &key, &on),
        },
        key,
        on,
    });
    Difference {
        waiting: waiting.collect(),
        steps,
        foreign,
        unchanged,
        remembered: memory.guards,
        keep,
        returned,
    }
}

/// Where what waits is written, or what it waits for.
fn origin(inputs: Inputs<'_>, key: &Key, on: &Obstruction) -> Option<Origin> {
    let origins = &inputs.desired.origins;
    let is_secret = |unreached: &Unreached| unreached.why == Silence::Secret;
    let of_bmc = on.unreached().is_some_and(is_secret).then(|| key.bmc());
    let place = of_bmc.flatten().and_then(|bmc| origins.get(&bmc));
    place.or_else(|| origins.get(key)).cloned()
}

/// How many things are as they should be.
fn unchanged(inputs: Inputs<'_>, steps: &[Step], obstructed: &BTreeMap<Key, Obstruction>) -> usize {
    let mut changing: Vec<&Key> = steps.iter().map(|step| &step.key).collect();
    changing.sort();
    let mut changing = Along::over(changing.into_iter().map(|key| (key, ())));
    let stays = |key: &&Key| {
        changing.get(key).is_none() && !obstructed.contains_key(*key) && !is_unasked(inputs, key)
    };
    inputs.desired.state.keys().filter(stays).count()
}

/// Things that cannot be made now, and things that must stay: each of the two is for the other to mind.
fn withheld(
    inputs: Inputs<'_>,
    memory: &Memory,
    left: &Left,
    mode: Mode,
) -> (BTreeMap<Key, Obstruction>, Keep) {
    let missing = || {
        left.gone
            .iter()
            .map(|key| (key.clone(), Obstruction::Ignored))
    };
    let mut keep = Keep::default();
    // What stays only grows, by one protected route a round at least.
    loop {
        let staying = match mode {
            Mode::Running => Cow::Owned(keep.state(&inputs.observed.state)),
            Mode::Start => Cow::Borrowed(inputs.kept),
        };
        let mut known = occupied(inputs, &staying);
        known.extend(missing());
        let obstructed = obstructed(inputs, known);
        let next = Keep::new(inputs, memory, &obstructed);
        if next.staying == keep.staying {
            return (obstructed, next);
        }
        keep = next;
    }
}

/// Things that cannot be made now, those `known` among them, and all that requires them.
fn obstructed(inputs: Inputs<'_>, known: BTreeMap<Key, Obstruction>) -> BTreeMap<Key, Obstruction> {
    let (desired, observed) = (&inputs.desired.state, &inputs.observed.state);
    let mut obstructed = known;
    let ground = Ground::new(desired);
    let leases = Leases::new(inputs);
    let mut along = AlongMap::new(observed);
    for (key, resource) in desired {
        if let Some(obstruction) = leases.obstruction(key, resource, &ground) {
            obstructed.entry(key.clone()).or_insert(obstruction);
            continue;
        }
        let found = along.get(key);
        let obstruction = match (resource, found) {
            (
                Resource::Power(_)
                | Resource::BootOrder(_)
                | Resource::User(_)
                | Resource::Network(_),
                _,
            ) => match inputs.observed.facts.unreached.get(key) {
                Some(unreached) => Obstruction::Deferred(unreached.clone()),
                None => continue,
            },
            (Resource::Link(_), Some(_)) if is_another(inputs, key) => Obstruction::OtherLink,
            (Resource::Link(link), None) if !link.kind.is_made() => Obstruction::NoLink,
            (Resource::Link(link), Some(found))
                if resource.disruption(found) == Disruption::Replace
                    && !(link.kind.is_made() && is_ours(inputs, key)) =>
            {
                Obstruction::ForeignLink
            }
            (Resource::Route(_) | Resource::Rule(_), Some(found))
                if inputs.observed.is_foreign(key) && !resource.changes_from(found).is_empty() =>
            {
                if matches!(resource, Resource::Rule(_)) {
                    Obstruction::ForeignRule
                } else {
                    Obstruction::ForeignRoute
                }
            }
            _ => continue,
        };
        obstructed.entry(key.clone()).or_insert(obstruction);
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
                blocking(key, resource, &ground, &obstructed)
                    .map(|cause| (key.clone(), Obstruction::Requires { key: cause }))
            })
            .collect();
        if further.is_empty() {
            return obstructed;
        }
        obstructed.extend(further);
    }
}

/// Addresses that are to move to where they cannot be yet, and the links that carry them: better where they were than nowhere.
fn staying(
    inputs: Inputs<'_>,
    obstructed: &BTreeMap<Key, Obstruction>,
) -> BTreeMap<Key, Obstruction> {
    let mut staying = BTreeMap::new();
    let moving = || obstructed.keys().filter_map(|key| Some((ip(key)?, key)));
    if moving().next().is_none() {
        return staying;
    }
    let ground = Ground::new(&inputs.observed.state);
    let mut held: BTreeMap<IpAddr, Vec<(&Key, &Resource)>> = BTreeMap::new();
    for (key, resource) in &inputs.observed.state {
        if let Some(address) = ip(key) {
            held.entry(address).or_default().push((key, resource));
        }
    }
    for (address, by) in moving() {
        for (key, resource) in held.get(&address).into_iter().flatten().copied() {
            if !inputs.desired.state.contains_key(key) && !inputs.observed.is_foreign(key) {
                let carriers = resource.requires(key, &ground);
                let carriers = carriers
                    .into_iter()
                    .filter(|link| !inputs.desired.state.contains_key(link));
                for key in carriers.chain([key.clone()]) {
                    staying.insert(key, Obstruction::Succeeded { by: by.clone() });
                }
            }
        }
    }
    staying
}

/// The obstructed thing that `resource` cannot do without. A route needs only one of the addresses that reach its gateway.
pub(super) fn blocking(
    key: &Key,
    resource: &Resource,
    desired: &Ground<'_>,
    obstructed: &BTreeMap<Key, Obstruction>,
) -> Option<Key> {
    // Of several ways one is enough.
    let is_blocked = |way: &Vec<Key>| way.iter().all(|required| obstructed.contains_key(required));
    let ways = resource.ways(key, desired);
    ways.into_iter().find(is_blocked)?.into_iter().next()
}

/// What else is known of things, asked for in their order.
struct Known<'a> {
    observed: AlongMap<'a, Key, Resource>,
    said: AlongMap<'a, Key, Resource>,
    applied: Option<AlongMap<'a, Key, Resource>>,
    origins: AlongMap<'a, Key, Origin>,
}

/// What is known of one.
struct Row<'a> {
    /// What was found of it.
    before: Option<&'a Resource>,
    /// What the site says of it.
    said: Option<&'a Resource>,
    /// What it said when it was last applied.
    applied: Option<&'a Resource>,
    origin: Option<&'a Origin>,
}

impl<'a> Known<'a> {
    fn new(inputs: Inputs<'a>, said: &'a State) -> Self {
        Self {
            observed: AlongMap::new(&inputs.observed.state),
            said: AlongMap::new(said),
            applied: inputs.applied.map(|applied| AlongMap::new(&applied.state)),
            origins: AlongMap::new(&inputs.desired.origins),
        }
    }

    fn of(&mut self, key: &Key) -> Row<'a> {
        Row {
            before: self.observed.get(key),
            said: self.said.get(key),
            applied: self.applied.as_mut().and_then(|applied| applied.get(key)),
            origin: self.origins.get(key),
        }
    }
}

/// Whether it stays where the site speaks of it no more: nobody minds it then.
pub(super) fn is_left(key: &Key) -> bool {
    match key {
        Key::Power { .. } | Key::BootOrder { .. } | Key::Network { .. } => true,
        Key::User { .. }
        | Key::Link { .. }
        | Key::Address { .. }
        | Key::Route { .. }
        | Key::Rule { .. }
        | Key::Listener { .. }
        | Key::Forwarders { .. }
        | Key::BootFile { .. }
        | Key::BootImage { .. }
        | Key::Hook { .. }
        | Key::Webhook { .. }
        | Key::Scope { .. }
        | Key::Reservation { .. }
        | Key::Zone { .. }
        | Key::Record { .. }
        | Key::Bmc { .. } => false,
    }
}

/// Whether it is not known how a machine is, since nobody asked: it is as it should be for all that is known.
pub(super) fn is_unasked(inputs: Inputs<'_>, key: &Key) -> bool {
    let Observation { state, facts } = inputs.observed;
    key.machine().is_some() && !state.contains_key(key) && !facts.lacking.contains(key)
}

/// The steps that make what is wanted of what was found, if any.
fn wanted(
    inputs: Inputs<'_>,
    known: Row<'_>,
    (key, after): (&Key, &Resource),
    nature: &Nature<'_>,
    steps: &mut Vec<Step>,
) {
    if is_unasked(inputs, key) {
        return;
    }
    let before = known.before;
    let said = managed(inputs, key, known.said.unwrap_or(after));
    let changes = before
        .map(|before| after.changes_from(before))
        .unwrap_or_default();
    let action = match before {
        // Where it was claimed and moved from, it is claimed still.
        None if inputs.observed.before_claim(key).is_some() => Action::Carry,
        None => Action::Create,
        Some(_) if inputs.observed.is_foreign(key) => Action::Claim,
        Some(_) if !changes.is_empty() => Action::Update,
        Some(_) => return,
    };
    let because = match known.applied {
        Some(applied) if *applied == *said => Reason::Drift,
        Some(_) => Reason::Edited,
        None => Reason::Declared,
    };
    let is_replaced = before.is_some_and(|before| after.disruption(before) == Disruption::Replace);
    let step = |action, before: Option<&Resource>, after: Option<Resource>| Step {
        key: key.clone(),
        action,
        because: because.clone(),
        origin: known.origin.cloned(),
        phase: phase(key),
        before: before.cloned(),
        after,
        changes: changes.clone(),
        original: None,
    };
    if is_replaced {
        // What others made is not ours to delete: it makes room, and what comes is ours; what is claimed stays so.
        let (away, back) = match (action, inputs.observed.before_claim(key)) {
            (Action::Claim, _) => (Action::Carry, Action::Create),
            (_, Some(_)) => (Action::Carry, Action::Carry),
            (_, None) => (Action::Delete, Action::Create),
        };
        let made = nature.made(key, after.settled(None), before);
        steps.extend([step(away, before, None), step(back, None, Some(made))]);
        return;
    }
    let made = nature.made(key, after.settled(before), before);
    steps.push(step(action, before, Some(made)));
}

/// Whether the host's link of that name is not the one that the site knows by its hardware address.
fn is_another(inputs: Inputs<'_>, key: &Key) -> bool {
    let (Key::Link { link, .. }, Some(mac)) = (key, inputs.desired.by_mac.get(key)) else {
        return false;
    };
    let fact = inputs.observed.facts.links.get(link);
    fact.is_some_and(|fact| fact.permanent_mac != Some(*mac) && fact.mac != Some(*mac))
}

/// Whether Bedplate made what is there, rather than claimed it.
fn is_ours(inputs: Inputs<'_>, key: &Key) -> bool {
    !inputs.observed.is_foreign(key) && inputs.observed.before_claim(key).is_none()
}

/// What the site wants of `key`, less what it leaves alone: a link that it names as nobody's port stays in a bridge of others. What it
/// said when it was last applied and says no more goes back to what it was before the claim.
pub(super) fn managed<'w>(
    inputs: Inputs<'_>,
    key: &Key,
    wanted: &'w Resource,
) -> Cow<'w, Resource> {
    if beside_others(inputs, key).is_some() {
        // Who is first there is not ours to say.
        return Cow::Owned(wanted.clone().anywhere());
    }
    let (Key::Link { controller, .. }, Resource::Link(link)) = (key, wanted) else {
        return Cow::Borrowed(wanted);
    };
    let mut link = link.clone();
    if let Some(Resource::Link(found)) = inputs.observed.state.get(key)
        && let (None, Some(bridge)) = (&link.port_of, &found.port_of)
    {
        let bridge = Key::link(controller, bridge);
        if inputs.observed.is_foreign(&bridge) {
            link.port_of.clone_from(&found.port_of);
        }
    }
    let applied = inputs.applied.and_then(|applied| applied.state.get(key));
    if let (Some(Resource::Link(said)), Some(Resource::Link(original))) =
        (applied, inputs.observed.before_claim(key))
    {
        link.mtu = link.mtu.or(said.mtu.and(original.mtu));
        link.mac = link.mac.or(said.mac.and(original.mac));
        for setting in said.settings.keys() {
            if let Some(value) = original.settings.get(setting) {
                link.settings.entry(*setting).or_insert(*value);
            }
        }
    }
    Cow::Owned(Resource::Link(link))
}

pub(super) fn phase(key: &Key) -> Phase {
    if key.is_host() {
        Phase::Host
    } else if key.machine().is_some() {
        Phase::Machines
    } else {
        Phase::Publish
    }
}

/// Foreign links are everywhere; foreign addresses and routes may surprise.
fn is_worth_showing(key: &Key) -> bool {
    key.is_host() && !matches!(key, Key::Link { .. })
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
            .requires(&step.key, &Ground::new(&State::new()))
            .iter()
            .any(|required| vanishing.contains(required))
        {
            step.phase = Phase::Withdraw;
        }
    }
}
