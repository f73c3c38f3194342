//! Sessions that a plan cuts: each is walked through the plan's steps, and told where it breaks off and where it can go on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::course::{Course, Standing, port_of};
use super::{Hazard, HazardKind, Step};
use crate::base::addr::InterfaceAddr;
use crate::base::name::LinkName;
use crate::state::{Key, Resource, Route, Session};

/// Stories told one by one; the others are counted.
const MOST_TOLD: usize = 8;

/// What happens to a session, as far as it is the same for several.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Story {
    /// When it breaks off.
    cut: usize,
    /// When it can go on for good.
    back: Option<usize>,
    link: Option<LinkName>,
    /// None where it cannot be seen who holds the session's address.
    address: Option<InterfaceAddr>,
    local: std::net::SocketAddr,
}

/// A hazard for each way in which sessions are cut, yours first.
pub(super) fn cuts(course: &Course<'_>, sessions: &[Session]) -> Vec<Hazard> {
    if course.is_still() {
        return Vec::new();
    }
    let mut known: BTreeMap<(IpAddr, IpAddr), Option<Story>> = BTreeMap::new();
    let mut told: BTreeMap<(bool, Story), Vec<&Session>> = BTreeMap::new();
    for session in sessions {
        let ends = (session.local.ip(), session.remote.ip());
        let story = known.entry(ends).or_insert_with(|| story(course, session));
        if let Some(story) = story {
            let story = Story {
                local: session.local,
                ..story.clone()
            };
            told.entry((!session.yours, story))
                .or_default()
                .push(session);
        }
    }
    let more: usize = told.values().skip(MOST_TOLD).map(Vec::len).sum();
    let stories = told.iter().take(MOST_TOLD);
    let mut hazards: Vec<Hazard> = stories
        .map(|((_, story), sessions)| Hazard {
            kind: HazardKind::LinkCut,
            text: words(course, story, sessions),
        })
        .collect();
    if more > 0 {
        hazards.push(Hazard {
            kind: HazardKind::LinkCut,
            text: format!("{more} further sessions are cut"),
        });
    }
    hazards
}

fn story(course: &Course<'_>, session: &Session) -> Option<Story> {
    let (local, remote) = (session.local.ip(), session.remote.ip());
    let mut times = BTreeSet::new();
    course.holder_times(local, &mut times);
    if session.link.is_none() {
        course.way_times(remote, &mut times);
        course.drop_times(remote, &mut times);
    }
    if times.is_empty() {
        return None;
    }
    let holder = course.holder(local, 0);
    // A link-local peer is a neighbour on the link of its session. Elsewhere policy routing may lead the way: of that, only what drops
    // packets is looked at.
    let way = match &session.link {
        Some(_) => None,
        None => course.way(remote, 0).filter(|way| way.standing.is_whole()),
    };
    let goes = |time: usize| {
        let is_held = holder.is_none() || course.holder(local, time).is_some();
        let leads_back = || {
            way.is_none()
                || course
                    .way(remote, time)
                    .is_some_and(|way| way.standing.is_whole())
        };
        let is_dropped = || session.link.is_none() && course.is_dropped(local, remote, time);
        is_held && leads_back() && !is_dropped()
    };
    let (mut cut, mut back, mut before) = (None, None, true);
    for time in times {
        let now = goes(time);
        match (before, now) {
            (true, false) => {
                cut.get_or_insert(time);
                back = None;
            }
            (false, true) => back = Some(time),
            (true, true) | (false, false) => {}
        }
        before = now;
    }
    let link = holder.and_then(|holder| holder.link);
    let link = link.or_else(|| way.and_then(|way| way.link));
    Some(Story {
        cut: cut?,
        back,
        link: link.cloned().or_else(|| session.link.clone()),
        address: holder.map(|holder| holder.address),
        local: session.local,
    })
}

fn words(course: &Course<'_>, story: &Story, sessions: &[&Session]) -> String {
    let mut text = who(story, sessions);
    if let Some(link) = &story.link {
        text += &format!(" on {link}");
    }
    if let Some(address) = story.address {
        text += &format!(" ({address})");
    }
    text += &format!("\n{}", place(course, story.cut, "something"));
    let is_doubtful = |link: &LinkName| course.standing(link, story.cut) == Standing::Partly;
    if story.link.as_ref().is_some_and(is_doubtful) {
        text += ", over which it may run";
    }
    match story.back {
        Some(back) => {
            let back = place(course, back, "the end");
            text += &format!("; nothing gets through until {back}");
        }
        None => text += "; no later step mends it",
    }
    text
}

fn who(story: &Story, sessions: &[&Session]) -> String {
    let Some(first) = sessions.first() else {
        return String::new();
    };
    let (service, remote, local) = (first.service.as_str(), first.remote, story.local);
    match sessions.len() {
        1 if first.yours => format!("your session {remote} -> {local} arrives"),
        1 => format!("the {service} session {remote} -> {local} arrives"),
        count => {
            let yours = if first.yours {
                ", yours among them,"
            } else {
                ""
            };
            format!("{count} {service} sessions to {local}{yours} arrive")
        }
    }
}

/// The step that ends at `time`, in words.
pub(super) fn place(course: &Course<'_>, time: usize, otherwise: &str) -> String {
    match course.step(time) {
        Some(step) => format!("step {time} of {} {}", course.end(), does(step)),
        None => otherwise.to_owned(),
    }
}

/// What a step of the host does.
fn does(step: &Step) -> String {
    match (&step.key, &step.before, &step.after) {
        (Key::Link { link, .. }, before, Some(Resource::Link(after))) => {
            let before = match before {
                Some(Resource::Link(before)) => Some(before),
                _ => None,
            };
            let was = before.and_then(port_of);
            match (was, port_of(after)) {
                (_, Some(of)) if was != Some(of) => format!("makes {link} a port of {of}"),
                (Some(of), None) => format!("takes {link} out of {of}"),
                (_, _) if before.is_none() => format!("makes {link}"),
                (_, _) if !after.up => format!("takes {link} down"),
                (_, _) => format!("changes {link}"),
            }
        }
        (Key::Link { link, .. }, _, _) => format!("takes {link} away"),
        (Key::Address { link, address, .. }, _, Some(_)) => format!("puts {address} on {link}"),
        (Key::Address { link, address, .. }, _, None) => format!("takes {address} from {link}"),
        (Key::Route { destination, .. }, _, after) => {
            let which = match destination.is_default() {
                true => "the default route".to_owned(),
                false => format!("the route to {destination}"),
            };
            match after {
                Some(Resource::Route(route)) => format!("leads {which} {}", through(route)),
                _ => format!("takes {which} away"),
            }
        }
        (Key::Rule { priority, .. }, _, Some(_)) => format!("sets rule {priority}"),
        (Key::Rule { priority, .. }, _, None) => format!("takes rule {priority} away"),
        (key, _, _) => format!("changes {key}"),
    }
}

/// The ways of a route, as a sentence has them.
fn through(route: &Route) -> String {
    let ways = route.hops.iter().map(|hop| match (&hop.via, &hop.link) {
        (Some(via), _) => format!("through {via}"),
        (None, Some(link)) => format!("over {link}"),
        (None, None) => "nowhere".to_owned(),
    });
    let ways: Vec<String> = ways.collect();
    if ways.is_empty() {
        "nowhere".to_owned()
    } else {
        ways.join(" and ")
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::base::name::HostName;
    use crate::plan::{Action, Phase, Reason};
    use crate::state::{Address, Link, LinkKind, Observation, SessionService};

    /// A host of 5,000 links with an address each and 20,000 routes.
    fn large(controller: &HostName) -> Observation {
        let mut world = Observation::default();
        let mut add = |key: String, resource| {
            let key = format!("controller/{controller}/{key}");
            world.state.insert(key.parse().unwrap(), resource);
        };
        for n in 0..5000_u32 {
            let link = Link::new(LinkKind::Dummy, true, Some(1500));
            add(format!("link/v{n}"), Resource::Link(link));
            let address = format!("address/10.{}.{}.1/24@v{n}", 100 + n / 250, n % 250);
            add(address, Resource::Address(Address::default()));
        }
        for n in 0..20_000_u32 {
            let (via, to) = (n % 5000, n / 4);
            let route = format!(
                "route/172.{}.{}.0/24@main/{}",
                16 + to / 250,
                to % 250,
                n % 4
            );
            let via = format!("10.{}.{}.9", 100 + via / 250, via % 250);
            let via = via.parse().unwrap();
            add(route, Resource::Route(Route::through(via)));
        }
        world
    }

    /// Linear in what there is, however many sessions: minutes would tell otherwise.
    #[test]
    fn many_sessions_on_a_large_host_are_walked_at_once() {
        let controller: HostName = "rack-1".parse().unwrap();
        let world = large(&controller);
        let deleted = world.state.iter().rev().map(|(key, before)| Step {
            key: key.clone(),
            action: Action::Delete,
            because: Reason::Withdrawn,
            origin: None,
            phase: Phase::Host,
            before: Some(before.clone()),
            after: None,
            changes: Vec::new(),
            original: None,
        });
        let steps: Vec<Step> = deleted.collect();
        let sessions: Vec<Session> = (0..1000_u32)
            .map(|n| Session {
                yours: false,
                service: SessionService::Ssh,
                local: format!("10.{}.{}.1:22", 100 + n / 250, n % 250)
                    .parse()
                    .unwrap(),
                remote: format!("172.{}.{}.7:50000", 16 + n / 250, n % 250)
                    .parse()
                    .unwrap(),
                link: None,
            })
            .collect();
        let begun = Instant::now();
        let hazards = cuts(&Course::new(&controller, &steps, &world), &sessions);
        let took = begun.elapsed();
        assert_eq!(hazards.len(), MOST_TOLD + 1);
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
}
