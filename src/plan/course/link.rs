//! Whether a link carries packets, at each time of a plan. The one place that knows how links stand on links.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::Course;
use crate::base::name::LinkName;
use crate::state::{Key, Link, LinkKind, Resource};

/// Links stand on links at most so deep; deeper ones are taken to stand on nothing.
const DEEPEST: usize = 8;

/// What a link can do for the addresses on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) enum Standing {
    /// It is not there.
    Gone,
    Down,
    /// Its packets belong to the link that it is a port of.
    Port,
    /// What it stands on is gone.
    Lame,
    /// It carries packets, but not over a port that it lost.
    Partly,
    Up,
}

/// A link's standing, by the time since which it has it.
pub(super) struct Span(BTreeMap<usize, Standing>);

/// The link that `link` is a port of.
pub(in crate::plan) fn port_of(link: &Link) -> Option<&LinkName> {
    link.port_of.as_ref()
}

/// The link whose packets `link` shares.
fn stands_on(link: &Link) -> Option<&LinkName> {
    link.kind.on()
}

/// Whether losing one of its ports loses nobody who is reached over another.
fn any_port_suffices(link: &Link) -> bool {
    match link.kind {
        LinkKind::Bridge(_) => false,
        LinkKind::Physical
        | LinkKind::Loopback
        | LinkKind::Bond(_)
        | LinkKind::Tagged(_)
        | LinkKind::Dummy
        | LinkKind::Vrf(_) => true,
    }
}

impl Standing {
    /// Whether packets come and go, those of everybody who was reached before.
    pub(in crate::plan) fn is_whole(self) -> bool {
        self == Self::Up
    }

    /// Whether packets come and go.
    pub(in crate::plan) fn is_open(self) -> bool {
        match self {
            Self::Partly | Self::Up => true,
            Self::Gone | Self::Down | Self::Port | Self::Lame => false,
        }
    }

    /// Whether the kernel keeps the routes over the link.
    pub(super) fn is_there(self) -> bool {
        match self {
            Self::Gone | Self::Down => false,
            Self::Port | Self::Lame | Self::Partly | Self::Up => true,
        }
    }
}

impl Span {
    pub(super) fn at(&self, time: usize) -> Standing {
        let last = self.0.range(..=time).next_back();
        last.map_or(Standing::Gone, |(_, standing)| *standing)
    }

    /// What it went through after `since` until `time`.
    pub(super) fn since(&self, since: usize, time: usize) -> impl Iterator<Item = Standing> {
        // Where the thing changed at the very end nothing came after it.
        let later = (since < time).then(|| self.0.range(since + 1..=time));
        let later = later.into_iter().flatten().map(|(_, standing)| *standing);
        later.chain([self.at(time)])
    }

    pub(super) fn times(&self) -> impl Iterator<Item = usize> {
        self.0.keys().copied().filter(|time| *time > 0)
    }
}

impl<'a> Course<'a> {
    pub(in crate::plan) fn standing(&self, link: &LinkName, time: usize) -> Standing {
        self.span(link).at(time)
    }

    pub(super) fn span(&self, link: &LinkName) -> Rc<Span> {
        self.span_within(link, DEEPEST)
    }

    fn span_within(&self, link: &LinkName, depth: usize) -> Rc<Span> {
        if let Some(known) = self.spans.borrow().get(link) {
            return known.clone();
        }
        let span = Rc::new(self.traced(link, depth));
        self.spans.borrow_mut().insert(link.clone(), span.clone());
        span
    }

    fn traced(&self, link: &LinkName, depth: usize) -> Span {
        let Some(depth) = depth.checked_sub(1) else {
            return Span(BTreeMap::new());
        };
        let key = self.link_key(link);
        let mut ports = Ports::new(self, link);
        let mut times: BTreeSet<usize> = [0].into();
        times.extend(self.times(&key));
        times.extend(ports.changes.keys());
        let own_times = [0].iter().chain(self.times(&key));
        let below: BTreeMap<&LinkName, Rc<Span>> = own_times
            .filter_map(|time| stands_on(self.link_at(&key, *time)?))
            .map(|on| (on, self.span_within(on, depth)))
            .collect();
        times.extend(below.values().flat_map(|span| span.times()));
        let mut span = BTreeMap::new();
        let mut last = None;
        for time in times {
            ports.advance(self, link, time);
            let standing = match self.link_at(&key, time) {
                None => Standing::Gone,
                Some(found) if !found.up => Standing::Down,
                Some(found) if self.of(found).is_some() => Standing::Port,
                Some(found) => {
                    let on = stands_on(found).and_then(|on| below.get(on));
                    let on = on.map_or(Standing::Up, |on| on.at(time));
                    match (on, ports.standing(found)) {
                        (Standing::Gone | Standing::Down | Standing::Lame, _)
                        | (_, Standing::Lame) => Standing::Lame,
                        (Standing::Partly, _) => Standing::Partly,
                        (_, ports) => ports,
                    }
                }
            };
            if last != Some(standing) {
                span.insert(time, standing);
                last = Some(standing);
            }
        }
        Span(span)
    }

    /// The link that gets the packets of `link` instead of its addresses: a port of a VRF keeps its own.
    pub(super) fn of<'l>(&self, link: &'l Link) -> Option<&'l LinkName> {
        port_of(link).filter(|of| !self.vrfs.contains(of))
    }

    fn link_key(&self, link: &LinkName) -> Key {
        Key::link(self.controller, link)
    }

    fn link_at(&self, key: &Key, time: usize) -> Option<&'a Link> {
        match self.thing(key, time) {
            (Some(Resource::Link(link)), _) => Some(link),
            (_, _) => None,
        }
    }
}

/// The ports of one link as time goes by.
struct Ports<'a> {
    /// Which of them change when.
    changes: BTreeMap<usize, Vec<&'a LinkName>>,
    /// Those over which somebody may have been reached at the beginning.
    first: BTreeSet<&'a LinkName>,
    now: BTreeSet<&'a LinkName>,
    /// How many of the first are none now.
    lost: usize,
    /// Whether there are any at some time, and were at the beginning if the link was there.
    count: bool,
}

impl<'a> Ports<'a> {
    fn new(course: &Course<'a>, link: &LinkName) -> Self {
        let all = course.ports.get(link);
        let mut changes: BTreeMap<usize, Vec<&LinkName>> = BTreeMap::new();
        let mut first = BTreeSet::new();
        for port in all.into_iter().flatten().copied() {
            let key = course.link_key(port);
            for time in course.times(&key) {
                changes.entry(*time).or_default().push(port);
            }
            let facts = course.observed.facts.links.get(port);
            if Self::serves(course, link, &key, 0) && facts.is_none_or(|fact| fact.carrier) {
                first.insert(port);
            }
        }
        let is_new = course.link_at(&course.link_key(link), 0).is_none();
        Self {
            changes,
            now: first.clone(),
            lost: 0,
            count: !first.is_empty() || (is_new && all.is_some()),
            first,
        }
    }

    fn serves(course: &Course<'a>, link: &LinkName, port: &Key, time: usize) -> bool {
        let found = course.link_at(port, time);
        found.is_some_and(|port| port.up && course.of(port) == Some(link))
    }

    fn advance(&mut self, course: &Course<'a>, link: &LinkName, time: usize) {
        for port in self.changes.get(&time).into_iter().flatten().copied() {
            let was_first = self.first.contains(port);
            let before = self.now.contains(port);
            let after = Self::serves(course, link, &course.link_key(port), time);
            if after {
                self.now.insert(port);
            } else {
                self.now.remove(port);
            }
            match (was_first, before, after) {
                (true, true, false) => self.lost += 1,
                (true, false, true) => self.lost = self.lost.saturating_sub(1),
                (true | false, _, _) => {}
            }
        }
    }

    /// How far they carry the link.
    fn standing(&self, link: &Link) -> Standing {
        if !self.count {
            Standing::Up
        } else if self.now.is_empty() {
            Standing::Lame
        } else if self.lost > 0 && !any_port_suffices(link) {
            Standing::Partly
        } else {
            Standing::Up
        }
    }
}
