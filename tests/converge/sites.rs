//! Whole sites on the simulated world: a controller that applies one text after another, and restarts in between.

use bedplate::base::digest::Digest;
use bedplate::lang::files::MemoryFiles;
use bedplate::plan::{Detail, Inputs, Paint, Plan, render, restoration};
use bedplate::site::compile;
use bedplate::state::{Desired, Key, Observation, Resource, State, desired};
use bedplate::world::{Sim, World};

use super::{applied, block_on, check_after, controller, planned_after, world};

pub(crate) const HEAD: &str = "site \"lab\" domain=\"lab.example\"\n";

/// A controller that serves one network, with all that `care` says in its blocks.
pub(crate) struct Parts {
    pub(crate) vlan: String,
    pub(crate) hosts: String,
}

impl Parts {
    pub(crate) fn new() -> Self {
        Self {
            vlan: r#"vlan "pxe" {
                dhcp { controllers "rack-1"; image "tiny" }
                subnet "10.0.0.0/24" { gateway "10.0.0.1"; dynamic-range "10.0.0.100-10.0.0.199" }
            }"#
            .to_owned(),
            hosts: r#"controller "rack-1" {
                default-gateway "10.0.0.1"
                ethernet "eno1"
                ethernet "eno2"
                bridge "br0" vlan="pxe" { ports "eno1"; address "10.0.0.2" }
            }
            image "tiny" { boot "ipxe" "boot/tiny" }
            profile "p" { image "tiny" }
            machine "node-01" profile="p" { ethernet "e" mac="52:54:00:00:00:01" vlan="pxe" { address "10.0.0.11" } }
            "#
            .to_owned(),
        }
    }

    pub(crate) fn text(&self) -> String {
        format!("fabric \"f\" {{ {}\n }}\n{}", self.vlan, self.hosts)
    }
}

/// What a text means for the controller.
pub(crate) fn meaning(text: &str) -> Desired {
    let mut files = MemoryFiles::default();
    files.insert("site.kdl", format!("{HEAD}{text}").into_bytes());
    files.insert_digest("boot/tiny", Digest::of(b"tiny"), 4);
    let compiled = compile(&files, "site.kdl");
    let site = compiled.site;
    let site = site.unwrap_or_else(|| panic!("{text}: {:?}", compiled.diagnostics));
    desired(&site, &controller())
}

/// A controller with its world and what it remembers.
pub(crate) struct Lab {
    pub(crate) world: Observation,
    pub(crate) last: Option<Desired>,
    pub(crate) kept: State,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self {
            world: world(&[false; 13], &[false; 13]),
            last: None,
            kept: State::new(),
        }
    }

    pub(crate) fn plan(&self, text: &str) -> Plan {
        planned_after(self.last.as_ref(), &self.kept, &meaning(text), &self.world)
    }

    /// Applies a text, and every fault in between; the second plan is empty but for what waits.
    pub(crate) fn apply(&mut self, text: &str) -> Plan {
        let plan = self.plan(text);
        let (world, next) =
            check_after(self.last.as_ref(), &self.kept, &self.world, &meaning(text));
        (self.world, self.last) = (world, Some(next));
        self.kept = plan.kept.clone();
        plan
    }

    /// The servers forget all they hold, and the daemon brings back what it remembers.
    pub(crate) fn restart(&mut self) {
        self.world.state.retain(|key, _| key.is_host());
        self.start();
    }

    /// The daemon brings back what it remembers, read from its store.
    pub(crate) fn start(&mut self) {
        let stored = serde_json::to_string(&self.last).unwrap();
        self.last = serde_json::from_str(&stored).unwrap();
        let (site, controller) = ("lab".parse().unwrap(), controller());
        let last = self.last.as_ref().unwrap();
        let elsewhere = std::collections::BTreeMap::new();
        let inputs = Inputs {
            site: &site,
            controller: &controller,
            desired: last,
            observed: &self.world,
            applied: Some(last),
            kept: &self.kept,
            elsewhere: &elsewhere,
        };
        let plan = restoration(inputs).unwrap();
        let mut sim = Sim::new(self.world.clone());
        assert!(applied(&mut sim, &plan).is_done(), "{plan:#?}");
        self.world = block_on(sim.observe()).unwrap();
        assert!(self.plan_of_last().is_empty());
    }

    /// What `status` compares: what was applied last with what is.
    pub(crate) fn plan_of_last(&self) -> Plan {
        let last = self.last.as_ref();
        planned_after(last, &self.kept, last.unwrap(), &self.world)
    }

    /// Others take away all whose key has this in it.
    pub(crate) fn lose(&mut self, part: &str) -> Observation {
        let before = self.world.clone();
        let goes = |key: &Key| key.to_string().contains(part);
        self.world.state.retain(|key, _| !goes(key));
        self.world.facts.ownership.retain(|key, _| !goes(key));
        for resource in self.world.state.values_mut() {
            if let Resource::Link(link) = resource
                && link
                    .port_of
                    .as_ref()
                    .is_some_and(|name| part == name.as_str())
            {
                link.port_of = None;
            }
        }
        before
    }

    pub(crate) fn holds(&self, key: &str) -> bool {
        self.world.state.contains_key(&key.parse::<Key>().unwrap())
    }
}

/// What waits, in words.
pub(crate) fn waiting(plan: &Plan) -> Vec<String> {
    let waiting = plan.waiting.iter();
    waiting
        .map(|one| {
            let place = one.origin.as_ref().map(ToString::to_string);
            format!("{}: {}  {}", one.key, one.on, place.unwrap_or_default())
        })
        .collect()
}

/// The steps, in words.
pub(crate) fn steps(plan: &Plan) -> Vec<String> {
    let steps = plan.steps.iter();
    steps
        .map(|step| format!("{} {}", step.action.sign(), step.key))
        .collect()
}

/// The lines that a plan shows.
pub(crate) fn shown(plan: &Plan) -> String {
    render(plan, Detail::Full, Paint::Plain)
}

#[test]
fn without_protections_and_rules_nothing_of_them_is_written() {
    let lab = Lab::new();
    let plan = lab.plan(&Parts::new().text());
    let text = serde_json::to_string(&plan).unwrap();
    for word in ["protected", "ignored", "kept"] {
        assert!(!text.contains(&format!("\"{word}\"")), "{word}: {text}");
    }
    // What was stored before they were known is read.
    let mut old = serde_json::to_value(meaning(&Parts::new().text())).unwrap();
    assert!(old.get("protected").is_none() && old.get("ignored").is_none());
    old.as_object_mut().unwrap().remove("unapplied");
    assert!(serde_json::from_value::<Desired>(old).is_ok());
}
