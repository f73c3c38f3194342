//! What else a host must not lose unasked: its default route, and the ways to the BMCs of its machines.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::course::{Course, Way};
use super::cut::place;
use super::{Hazard, HazardKind};
use crate::base::addr::Prefix;
use crate::state::{State, bmc_addresses};

/// The default routes that are there, and do not lead on as they did.
pub(super) fn default_routes(course: &Course<'_>) -> Vec<Hazard> {
    if course.is_still() {
        return Vec::new();
    }
    let every = [Prefix::EVERY_V4, Prefix::EVERY_V6];
    let hazards = every
        .into_iter()
        .filter_map(|every| default_route(course, every));
    hazards.collect()
}

fn default_route(course: &Course<'_>, every: Prefix) -> Option<Hazard> {
    // A route that drops its packets is no default route to lose, and none to find.
    let way = |time| course.way_by(every, time).filter(|way| way.link.is_some());
    let first = way(0)?;
    let mut times = BTreeSet::new();
    course.times_by(every, &mut times);
    let same = |now: &Option<Way<'_>>| leads(*now, &first);
    let other = times.iter().copied().find(|time| !same(&way(*time)))?;
    let last = way(course.end());
    let step = place(course, other, "something");
    let (was, from) = (told(&first), family(every));
    let text = match last {
        None => format!("the {from} default route {was} is lost: {step}, and none is left"),
        Some(_) if same(&last) => {
            let mut rest = times.range(other..);
            let back = rest.find(|time| same(&way(**time)));
            let back = back.map_or_else(String::new, |time| place(course, *time, "the end"));
            format!(
                "the {from} default route {was} is away for a while: {step}; it is back once {back}"
            )
        }
        Some(last) => {
            let is_there = |time: &usize| leads(way(*time), &last);
            let missing = times.iter().rev().find(|time| !is_there(time));
            let since = times
                .iter()
                .find(|time| missing.is_none_or(|missing| *time > missing));
            let now = told(&last);
            let comes = match since {
                Some(since) if *since > other => {
                    let since = place(course, *since, "the end");
                    format!("; that one is there once {since}")
                }
                Some(_) | None => String::new(),
            };
            format!("the {from} default route {was} gives way to one {now}: {step}{comes}")
        }
    };
    Some(Hazard {
        kind: HazardKind::DefaultRoute,
        text,
    })
}

/// Whether a way goes where another one went.
fn leads(now: Option<Way<'_>>, other: &Way<'_>) -> bool {
    now.is_some_and(|now| (now.link, now.via) == (other.link, other.via))
}

fn family(every: Prefix) -> &'static str {
    if every == Prefix::EVERY_V4 {
        "IPv4"
    } else {
        "IPv6"
    }
}

fn told(way: &Way<'_>) -> String {
    let via = way.via.map(|via| format!("through {via}"));
    let link = way.link.map(|link| format!("on {link}"));
    let words: Vec<String> = via.into_iter().chain(link).collect();
    words.join(" ")
}

/// BMCs to which no way is left. That one is away for a while harms nobody.
pub(super) fn bmcs(course: &Course<'_>, desired: &State) -> Vec<Hazard> {
    if course.is_still() {
        return Vec::new();
    }
    let bmcs: BTreeSet<IpAddr> = bmc_addresses(desired).collect();
    let mut lost: BTreeMap<usize, Vec<IpAddr>> = BTreeMap::new();
    for bmc in &bmcs {
        let mut times = BTreeSet::new();
        course.way_times(*bmc, &mut times);
        let reaches = |time| {
            course
                .way(*bmc, time)
                .is_some_and(|way| way.standing.is_open())
        };
        if times.is_empty() || reaches(course.end()) || !reaches(0) {
            continue;
        }
        let kept = times.iter().rev().find(|time| reaches(**time)).copied();
        let cut = times
            .iter()
            .find(|time| kept.is_none_or(|kept| **time > kept));
        if let Some(cut) = cut {
            lost.entry(*cut).or_default().push(*bmc);
        }
    }
    let told = lost.into_iter().filter_map(|(cut, lost)| {
        let first = lost.first()?;
        let who = match lost.len() {
            1 => format!("the BMC {first} is"),
            count => format!("{count} BMCs, {first} among them, are"),
        };
        Some(Hazard {
            kind: HazardKind::SelfBmc,
            text: format!("{who} reached no more: {}", place(course, cut, "something")),
        })
    });
    told.collect()
}
