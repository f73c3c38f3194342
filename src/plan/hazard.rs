//! What a plan would break that nobody asked to break. Computed from the steps and the facts; each is allowed by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::course::Course;
use super::{Action, Inputs, Plan, Reason, Step, cut, reach};
use crate::base::bmc::PowerState;
use crate::base::identity::Identity;
use crate::base::mac::MacAddr;
use crate::state::{Key, LeaseFact, Observation, Reservation, Resource, State};

/// Fewer deletions of a kind than this are nobody's accident.
const MASS_FLOOR: usize = 10;

/// Share of a kind that may go without a question, in percent.
const MASS_SHARE: usize = 20;

/// Machines that are named in one hazard; more are counted.
const NAMED: usize = 10;

/// One danger, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hazard {
    pub kind: HazardKind,
    pub text: String,
}

/// The classes of danger, by which they are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HazardKind {
    /// A large share of one kind of thing goes at once.
    MassDelete,
    /// Leases in force lose their range.
    StrandLeases,
    /// Something that others made goes with something that goes.
    ForeignChildren,
    /// A session by which the host is managed is cut, for a while or for good.
    LinkCut,
    /// The default route goes, or leads elsewhere.
    DefaultRoute,
    /// No way is left to BMCs of the site's machines.
    SelfBmc,
    /// Somebody else answers for an address that is about to be taken.
    IpConflict,
    /// A machine that runs loses its power.
    PowerCycle,
}

/// Why a text names no hazard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a hazard; there are {names}", names = HazardKind::ALL.map(HazardKind::as_str).join(", "))]
pub struct HazardError(String);

pub(super) fn hazards(plan: &Plan, inputs: Inputs<'_>) -> Vec<Hazard> {
    let mut hazards = mass_delete(&plan.steps, &inputs.observed.state);
    let after = [&inputs.desired.state, &plan.kept];
    hazards.extend(strand_leases(inputs.observed, &after));
    hazards.extend(foreign_children(&plan.steps));
    let facts = &inputs.observed.facts;
    let course = Course::new(&plan.controller, &plan.steps, inputs.observed);
    hazards.extend(reach::default_routes(&course));
    hazards.extend(reach::bmcs(&course, &inputs.desired.state));
    hazards.extend(conflicts(&plan.steps, &facts.conflicts));
    hazards.extend(bmc_networks(&plan.steps));
    hazards.extend(power_cycle(&plan.steps));
    // Last, so that they stay on screen.
    hazards.extend(cut::cuts(&course, &facts.sessions));
    hazards
}

/// Addresses to be taken that somebody else answers for.
fn conflicts(steps: &[Step], conflicts: &BTreeMap<IpAddr, MacAddr>) -> Vec<Hazard> {
    let taken = steps.iter().filter_map(|step| {
        let Key::Address { address, link, .. } = &step.key else {
            return None;
        };
        let by = conflicts.get(&address.ip())?;
        (step.action == Action::Create).then(|| Hazard {
            kind: HazardKind::IpConflict,
            text: format!(
                "{} is to be taken on {link}, and {by} answers for it there",
                address.ip()
            ),
        })
    });
    taken.collect()
}

/// BMCs that may be out of reach once they are on their network as the site says.
fn bmc_networks(steps: &[Step]) -> Option<Hazard> {
    let moved = steps.iter().filter_map(|step| {
        let Key::Network { machine } = &step.key else {
            return None;
        };
        Some(machine.as_str())
    });
    let moved: Vec<&str> = moved.collect();
    let (named, more) = moved.split_at_checked(NAMED).unwrap_or((&moved, &[]));
    let text = match (named, more.len()) {
        ([], _) => return None,
        ([one], _) => format!("the BMC of {one} changes its network"),
        (_, 0) => format!("the BMCs of {} change their network", named.join(", ")),
        (_, more) => format!(
            "the BMCs of {} and {more} more change their network",
            named.join(", ")
        ),
    };
    let how = "one that is not reached after that has to be put right at the machine";
    let text = format!("{text}\n{how}");
    Some(Hazard {
        kind: HazardKind::SelfBmc,
        text,
    })
}

/// Machines that run, or may, and are turned off.
fn power_cycle(steps: &[Step]) -> Option<Hazard> {
    let stopped = steps.iter().filter_map(|step| {
        let (Key::Power { machine }, Some(Resource::Power(after))) = (&step.key, &step.after)
        else {
            return None;
        };
        let goes = matches!(&step.before, Some(Resource::Power(before)) if before.state == PowerState::TurningOff);
        (after.state == PowerState::Off && !goes).then_some(machine.as_str())
    });
    let stopped: Vec<&str> = stopped.collect();
    let (named, more) = stopped.split_at_checked(NAMED).unwrap_or((&stopped, &[]));
    let text = match (named, more.len()) {
        ([], _) => return None,
        ([one], _) => format!("{one} runs, and is turned off"),
        (_, 0) => format!("{} run, and are turned off", named.join(", ")),
        (_, more) => format!(
            "{} and {more} more run, and are turned off",
            named.join(", ")
        ),
    };
    let how = "asked to stop first; whoever does not within two minutes loses its power";
    let text = format!("{text}\n{how}");
    Some(Hazard {
        kind: HazardKind::PowerCycle,
        text,
    })
}

fn mass_delete(steps: &[Step], observed: &State) -> Vec<Hazard> {
    let remade: BTreeSet<&Key> = steps
        .iter()
        .filter(|step| step.after.is_some())
        .map(|step| &step.key)
        .collect();
    let mut deleted: BTreeMap<&str, usize> = BTreeMap::new();
    for step in steps
        .iter()
        .filter(|step| step.action == Action::Delete && !remade.contains(&step.key))
    {
        if let Some(before) = &step.before {
            *deleted.entry(before.kind()).or_default() += 1;
        }
    }
    let mut hazards = Vec::new();
    for (kind, count) in deleted {
        let all = observed
            .values()
            .filter(|resource| resource.kind() == kind)
            .count();
        if count >= MASS_FLOOR && count * 100 > all * MASS_SHARE {
            let text = format!("{count} of {all} {kind}s are deleted, more than {MASS_SHARE} %");
            hazards.push(Hazard {
                kind: HazardKind::MassDelete,
                text,
            });
        }
    }
    hazards
}

fn strand_leases(observed: &Observation, after: &[&State]) -> Option<Hazard> {
    let pools = |states: &[&State]| -> Vec<_> {
        let resources = states.iter().flat_map(|state| state.values());
        let scopes = resources.filter_map(|resource| {
            if let Resource::Scope(scope) = resource {
                Some(scope)
            } else {
                None
            }
        });
        scopes.flat_map(|scope| scope.pools.clone()).collect()
    };
    let states = after;
    let (before, after) = (pools(&[&observed.state]), pools(states));
    let in_any = |pools: &[crate::base::addr::AddressRange], address: Ipv4Addr| {
        pools.iter().any(|pool| pool.contains(IpAddr::V4(address)))
    };
    let is_lost = |address| in_any(&before, address) && !in_any(&after, address);
    let leases = observed.facts.leases.iter();
    let mut stranded: Vec<&LeaseFact> = leases.filter(|lease| is_lost(lease.address)).collect();
    if !stranded.is_empty() {
        let owners = owners(states);
        // Whom the address is kept for from now on renews it as before.
        stranded.retain(|lease| {
            let owner = owners.get(&lease.address);
            owner.is_none_or(|(by, own)| !own.is_known_by(by, &lease.identities))
        });
    }
    let first = stranded.first()?;
    let address = first.address;
    let text = match stranded.len() {
        1 => format!(
            "the lease of {address} loses its range; it lasts until it expires and is not renewed"
        ),
        count => format!(
            "{count} leases in force lose their range, {address} among them; they last until they expire and are not renewed"
        ),
    };
    Some(Hazard {
        kind: HazardKind::StrandLeases,
        text,
    })
}

/// Whom each reserved address is kept for, and what that is kept under.
fn owners<'a>(states: &[&'a State]) -> BTreeMap<Ipv4Addr, (&'a Identity, &'a Reservation)> {
    let all = states.iter().flat_map(|state| state.iter());
    let reservations = all.filter_map(|(key, resource)| match (key, resource) {
        (Key::Reservation { by, .. }, Resource::Reservation(own)) => Some((&**by, own)),
        _ => None,
    });
    let each = reservations.flat_map(|(by, own)| {
        let addresses = own.addresses.iter();
        addresses.map(move |address| (*address, (by, own)))
    });
    each.collect()
}

fn foreign_children(steps: &[Step]) -> Option<Hazard> {
    let mut lost = steps
        .iter()
        .filter(|step| step.action == Action::Carry)
        .filter(|step| matches!(step.because, Reason::Lost { .. }));
    let first = lost.next()?;
    let others = match lost.count() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let text = format!(
        "{}{others}, made by others, cannot be kept: {}",
        first.key, first.because
    );
    Some(Hazard {
        kind: HazardKind::ForeignChildren,
        text,
    })
}

impl Hazard {
    /// What is the matter, and how it comes about.
    pub fn lines(&self) -> (&str, impl Iterator<Item = &str>) {
        let mut lines = self.text.lines();
        (lines.next().unwrap_or_default(), lines)
    }
}

/// The option that allows these hazards.
pub fn allowing(hazards: &[Hazard]) -> String {
    let kinds: BTreeSet<HazardKind> = hazards.iter().map(|hazard| hazard.kind).collect();
    let names: Vec<_> = kinds.into_iter().map(HazardKind::as_str).collect();
    format!("--allow {}", names.join(","))
}

impl HazardKind {
    pub const ALL: [Self; 8] = [
        Self::MassDelete,
        Self::StrandLeases,
        Self::ForeignChildren,
        Self::LinkCut,
        Self::DefaultRoute,
        Self::SelfBmc,
        Self::IpConflict,
        Self::PowerCycle,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::MassDelete => "mass-delete",
            Self::StrandLeases => "strand-leases",
            Self::ForeignChildren => "foreign-children",
            Self::LinkCut => "link-cut",
            Self::DefaultRoute => "default-route",
            Self::SelfBmc => "self-bmc",
            Self::IpConflict => "ip-conflict",
            Self::PowerCycle => "power-cycle",
        }
    }
}

impl fmt::Display for HazardKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for HazardKind {
    type Err = HazardError;

    fn from_str(text: &str) -> Result<Self, HazardError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| HazardError(text.to_owned()))
    }
}
