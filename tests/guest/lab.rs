//! A controller in a network of its own that applies one site text after another to the kernel, as the daemon does: compiled, planned,
//! run, observed again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use bedplate::apply::{Event, Outcome, beside, run, take_back};
use bedplate::lang::files::MemoryFiles;
use bedplate::plan::{HazardKind, Inputs, Plan, Step, plan, preflight};
use bedplate::site::compile;
use bedplate::state::{Desired, Observation, State, desired};
use bedplate::store::Faulty;
use bedplate::world::{Live, World as _};
use serde_json::Value;

use crate::support::normalise::snapshot;
use crate::support::sandbox::Namespace;

/// Networks by their names; in front of each controller's block.
pub(crate) const NETWORKS: &str = r#"site "lab" domain="lab.example"
fabric "f" {
    vlan "u" { subnet "10.0.0.0/24"; subnet "fd00::/64" }
    vlan "v10" id=10 { subnet "10.10.0.0/24"; subnet "fd00:10::/64" }
    vlan "v20" id=20 { subnet "10.20.0.0/24"; subnet "fd00:20::/64" }
    vlan "v30" id=30 { subnet "10.30.0.0/24" }
}
fabric "g" { vlan "w10" id=10 { subnet "10.110.0.0/24" } }
route "10.90.0.0/16" { via "10.0.0.254" }
route "10.91.0.0/16" { via "10.10.0.254" }
route "fd91::/32" { via "fd00:10::fe" }
"#;

/// A host with the ports `p0` to `p4`, whose cables end in another, and the controller that has it.
pub(crate) struct Lab {
    pub(crate) inside: Namespace,
    pub(crate) outside: Namespace,
    store: Arc<Faulty>,
    last: Option<Desired>,
    kept: State,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let lab = Self {
            inside: Namespace::new(),
            outside: Namespace::new(),
            store: Arc::default(),
            last: None,
            kept: State::new(),
        };
        let (end, ports) = (lab.outside.path(), 0..5);
        let near = ports.clone().flat_map(|port| {
            [
                format!("link add p{port} address 02:00:00:00:00:0{port} type veth peer far{port} netns {end}"),
                format!("link set p{port} up"),
            ]
        });
        lab.inside.batch(&near.collect::<Vec<_>>());
        let far = ports.map(|port| format!("link set far{port} up"));
        lab.outside.batch(&far.collect::<Vec<_>>());
        lab
    }

    /// The lab after `commands` of `ip`.
    pub(crate) fn with(commands: &[&str]) -> Self {
        let lab = Self::new();
        lab.inside.batch(commands);
        lab
    }

    /// Applies a controller's block: done, as it is verified, and nothing is left to do.
    #[track_caller]
    pub(crate) fn apply(&mut self, block: &str) -> Plan {
        let text = format!("{NETWORKS}controller \"rack-1\" {{\n{block}\n}}\n");
        self.apply_text(&text)
    }

    #[track_caller]
    pub(crate) fn apply_text(&mut self, text: &str) -> Plan {
        let wanted = meaning(text).unwrap_or_else(|said| panic!("{text}: {said}"));
        let plan = self.plan(&wanted);
        let outcome = self.run(&plan);
        assert_eq!(outcome, Outcome::Done, "{text}\n{}", brief(&plan));
        let mut next = wanted.clone();
        next.remember(&plan.protected);
        (self.last, self.kept) = (Some(next), plan.kept.clone());
        let second = self.plan(&wanted);
        let steps = (brief(&second), brief(&plan));
        assert!(second.is_empty(), "{text}\n{} after {}", steps.0, steps.1);
        plan
    }

    /// What a plan of the block comes to, with what is found before its first step.
    pub(crate) fn planned(&self, block: &str) -> (Plan, Vec<String>) {
        let text = format!("{NETWORKS}controller \"rack-1\" {{\n{block}\n}}\n");
        let plan = self.plan(&meaning(&text).unwrap());
        let obstacles = preflight(&plan, &self.observe().facts);
        let obstacles = obstacles.iter().map(|one| format!("{one:?}"));
        (plan, obstacles.collect())
    }

    fn plan(&self, wanted: &Desired) -> Plan {
        let (site, controller) = ("lab".parse().unwrap(), "rack-1".parse().unwrap());
        let inputs = Inputs {
            site: &site,
            controller: &controller,
            desired: wanted,
            observed: &self.observe(),
            applied: self.last.as_ref(),
            kept: &self.kept,
            elsewhere: &BTreeMap::new(),
        };
        plan(inputs).unwrap()
    }

    pub(crate) fn observe(&self) -> Observation {
        self.inside
            .block_on(async { self.live().await.observe().await.unwrap() })
    }

    pub(crate) fn run(&self, plan: &Plan) -> Outcome {
        self.run_telling(plan, |_| {})
    }

    /// Runs a plan; `tell` hears of each step when it is done and before the next one begins.
    pub(crate) fn run_telling(&self, plan: &Plan, tell: impl FnMut(Event) + Send) -> Outcome {
        let allowed: BTreeSet<HazardKind> = HazardKind::ALL.into_iter().collect();
        self.inside.block_on(async {
            let mut live = self.live().await;
            run(&mut live, plan, &allowed, tell).await.unwrap().outcome
        })
    }

    /// Goes back to `before`, which a plan that was applied was made from.
    pub(crate) fn take_back(&self, plan: &Plan, before: &Observation) {
        let left = self.inside.block_on(async {
            let mut live = self.live().await;
            take_back(&mut live, &plan.steps, &beside(&plan.steps, before)).await
        });
        assert_eq!(left, BTreeSet::new(), "{}", brief(plan));
    }

    async fn live(&self) -> Live<Faulty> {
        let controller = "rack-1".parse().unwrap();
        let blobs = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let live = Live::start(controller, self.store.clone(), blobs).await;
        live.unwrap()
    }

    /// What `ip -j -d COMMAND` says at a JSON pointer.
    pub(crate) fn witness(&self, command: &str, pointer: &str) -> Value {
        let said = self.inside.ip_json(command);
        said.pointer(pointer).cloned().unwrap_or(Value::Null)
    }

    pub(crate) fn snapshot(&self) -> Value {
        snapshot(&self.inside)
    }
}

/// What a text means for the controller; what is wrong with it, where it is no sound site.
pub(crate) fn meaning(text: &str) -> Result<Desired, String> {
    let mut files = MemoryFiles::default();
    files.insert("site.kdl", text.as_bytes().to_vec());
    let compiled = compile(&files, "site.kdl");
    let is_sound = !compiled.diagnostics.iter().any(|one| one.is_error());
    let site = compiled.site.filter(|_| is_sound);
    let site = site.ok_or_else(|| format!("{:?}", compiled.diagnostics))?;
    Ok(desired(&site, &"rack-1".parse().unwrap()))
}

/// A plan's steps, a line each.
pub(crate) fn brief(plan: &Plan) -> String {
    let line = |step: &Step| {
        let show = |resource: &Option<_>| format!("{resource:?}");
        let (before, after) = (show(&step.before), show(&step.after));
        format!("\n{} {}: {before} -> {after}", step.action.sign(), step.key)
    };
    plan.steps.iter().map(line).collect()
}

/// The steps, as sign and key without the controller.
pub(crate) fn steps(plan: &Plan) -> Vec<String> {
    let short = |step: &Step| {
        let key = step.key.to_string();
        let key = key.trim_start_matches("controller/rack-1/");
        format!("{} {key}", step.action.sign())
    };
    plan.steps.iter().map(short).collect()
}
