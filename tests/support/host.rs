//! What the tests of a host's network share: a small site of three ports, steps, and the check that each step does what it says.
#![allow(dead_code, reason = "each suite uses a part")]

use bedplate::state::{Address, Bridge, Key, Link, LinkKind, Resource, Route};
use bedplate::world::live::{Host, HostError, HostObservation};
use serde_json::Value;

use crate::support::sandbox::Namespace;

/// A namespace with three ports, `p0` to `p2`, whose cables end in another.
pub(crate) struct Site {
    pub(crate) inside: Namespace,
    pub(crate) outside: Namespace,
}

impl Site {
    pub(crate) fn new() -> Self {
        let site = Self {
            inside: Namespace::new(),
            outside: Namespace::new(),
        };
        let (end, ports) = (site.outside.path(), 0..3);
        // Random MACs would be the only difference between two sites.
        let near = ports.clone().flat_map(|port| {
            [
                format!("link add p{port} address 02:00:00:00:00:0{port} type veth peer far{port} netns {end}"),
                format!("link set p{port} up"),
            ]
        });
        site.inside.batch(&near.collect::<Vec<_>>());
        let far = ports.map(|port| format!("link set far{port} up"));
        site.outside.batch(&far.collect::<Vec<_>>());
        site
    }

    /// The site after `commands` of `ip`.
    pub(crate) fn with(commands: &[&str]) -> Self {
        let site = Self::new();
        site.inside.batch(commands);
        site
    }

    pub(crate) fn observe(&self) -> HostObservation {
        self.inside
            .block_on(async { observe(&mut connect()).await })
    }

    /// All that is.
    pub(crate) fn observe_all(&self) -> HostObservation {
        self.inside
            .block_on(async { connect().observe().await.unwrap() })
    }

    pub(crate) fn apply(&self, step: &Step) -> Result<(), HostError> {
        let Step(key, before, after) = step;
        self.inside.block_on(async {
            connect()
                .apply(&self::key(key), before.as_ref(), after.as_ref())
                .await
        })
    }

    /// What `ip -j -d COMMAND` says at a JSON pointer.
    pub(crate) fn witness(&self, command: &str, pointer: &str) -> Value {
        let said = self.inside.ip_json(command);
        said.pointer(pointer).cloned().unwrap_or(Value::Null)
    }
}

/// Key without its controller, what it was and what it shall be.
pub(crate) struct Step(
    pub(crate) &'static str,
    pub(crate) Option<Resource>,
    pub(crate) Option<Resource>,
);

pub(crate) fn connect() -> Host {
    Host::connect("rack-1".parse().unwrap()).unwrap()
}

/// What is, but for the loopback, which is always there, for hardware addresses, which the kernel draws by lot, and for what it chooses
/// where nobody says.
pub(crate) async fn observe(host: &mut Host) -> HostObservation {
    let mut seen = host.observe().await.unwrap();
    seen.state.remove(&key("link/lo"));
    for resource in seen.state.values_mut() {
        match resource {
            Resource::Link(link) => {
                link.mac = None;
                link.settings.clear();
            }
            Resource::Address(address) => address.secondary = None,
            Resource::Route(route) => route.hops.iter_mut().for_each(|hop| hop.link = None),
            Resource::Rule(_)
            | Resource::Listener(_)
            | Resource::Forwarders(_)
            | Resource::Scope(_)
            | Resource::Reservation(_)
            | Resource::Zone(_)
            | Resource::Record(_)
            | Resource::BootImage(_)
            | Resource::BootFile(_)
            | Resource::Hook(_)
            | Resource::Webhook(_)
            | Resource::Bmc(_)
            | Resource::User(_)
            | Resource::Network(_)
            | Resource::BootOrder(_)
            | Resource::Power(_) => {}
        }
    }
    seen
}

pub(crate) fn key(text: &str) -> Key {
    format!("controller/rack-1/{text}").parse().unwrap()
}

pub(crate) fn link(kind: LinkKind, up: bool, mtu: u32, bridge: Option<&str>) -> Option<Resource> {
    Some(Resource::Link(Link {
        port_of: bridge.map(|name| name.parse().unwrap()),
        ..Link::new(kind, up, Some(mtu))
    }))
}

pub(crate) fn bridge(up: bool, mtu: u32) -> Option<Resource> {
    link(LinkKind::Bridge(Bridge::plain(false)), up, mtu, None)
}

pub(crate) fn port(up: bool, mtu: u32, bridge: Option<&str>) -> Option<Resource> {
    link(LinkKind::Physical, up, mtu, bridge)
}

pub(crate) fn address() -> Option<Resource> {
    Some(Resource::Address(Address::default()))
}

pub(crate) fn via(gateway: &str) -> Option<Resource> {
    let via = gateway.parse().unwrap();
    Some(Resource::Route(Route::through(via)))
}

/// Applies steps, each twice, and demands that what is observed is what was applied and that nothing else changed.
pub(crate) fn check(site: &Site, steps: &[Step]) {
    for step in steps {
        let Step(text, _, after) = step;
        let mut expected = site.observe().state;
        for _ in 0..2 {
            site.apply(step)
                .unwrap_or_else(|error| panic!("{text}: {}", chain(&error)));
        }
        let seen = site.observe();
        match after {
            Some(resource) => expected.insert(key(text), resource.clone()),
            None => expected.remove(&key(text)),
        };
        assert_eq!(seen.state, expected, "{text}");
        let is_physical =
            matches!(after, Some(Resource::Link(link)) if link.kind == LinkKind::Physical);
        let is_marked = seen.marked.contains(&key(text));
        assert_eq!(is_marked, after.is_some() && !is_physical, "mark of {text}");
    }
}

/// An error with its causes, as the command line shows it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let words: Vec<String> = causes.map(ToString::to_string).collect();
    words.join(": ")
}
