//! A fault at any step of a plan, on the real kernel and the real servers, leaves everything as it was before.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bedplate::apply::{Outcome, Report, run};
use bedplate::base::name::HostName;
use bedplate::cli::files::DiskFiles;
use bedplate::daemon::Bundle;
use bedplate::plan::{HazardKind, Inputs, Plan, Step, plan};
use bedplate::site::compile;
use bedplate::site::model::Site;
use bedplate::state::{Desired, Facts, Key, Observation, Ownership, State, desired};
use bedplate::store::Embedded;
use bedplate::world::{Live, StepFailure, Way, World, WorldError};
use support::sandbox::Namespace;
use support::witness;
use tempfile::TempDir;

/// Whether the failing step, or the swap that it is a part of, has taken effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Before,
    After,
}

/// A world in which one step fails.
struct Failing<'a, W> {
    world: &'a mut W,
    /// Steps until the one that fails; none once it has failed.
    left: Option<usize>,
    moment: Moment,
}

impl<W: World> World for Failing<'_, W> {
    type Ready = W::Ready;

    async fn lay_out(&mut self, group: &[Step], after: &State) -> Result<W::Ready, StepFailure> {
        self.world.lay_out(group, after).await
    }

    async fn observe(&mut self) -> Result<Observation, WorldError> {
        self.world.observe().await
    }

    async fn reach(&mut self, targets: &BTreeSet<IpAddr>, within: Duration) -> BTreeSet<IpAddr> {
        self.world.reach(targets, within).await
    }

    async fn switch(
        &mut self,
        steps: &[Step],
        done: &mut (dyn FnMut(usize) + Send),
    ) -> Vec<StepFailure> {
        self.world.switch(steps, done).await
    }

    async fn execute(
        &mut self,
        group: &[Step],
        ready: Option<W::Ready>,
        way: Way,
        done: &mut (dyn FnMut(&Step) + Send),
    ) -> Result<(), StepFailure> {
        let Some(at) = self.left.filter(|left| *left < group.len()) else {
            self.left = self.left.map(|left| left - group.len());
            return self.world.execute(group, ready, way, done).await;
        };
        self.left = None;
        let is_swap = !group[at].key.is_host();
        let reached = match self.moment {
            Moment::Before if is_swap => &[],
            Moment::Before => &group[..at],
            Moment::After if is_swap => group,
            Moment::After => &group[..=at],
        };
        // What was laid out is for the whole group.
        let ready = ready.filter(|_| reached.len() == group.len());
        self.world.execute(reached, ready, way, done).await?;
        let key = Box::new(group[at].key.clone());
        let error = WorldError::Injected { key: key.clone() };
        Err(StepFailure { at, key, error })
    }
}

/// The quickstart, its golden edit, and the ways to withdraw parts of it.
struct Sites {
    quickstart: Site,
    edited: Site,
    /// No bridge: its address on a port, another port with a smaller MTU.
    unbridged: Site,
    /// Nothing but one port.
    bare: Site,
}

const BRIDGED: &str = r#"    ethernet "port1"
    ethernet "port2"
    ethernet "port3"
    bridge "br0" vlan="pxe" {
        ports "port1" "port2" "port3"
        address "10.10.0.2"                        // its prefix length comes from the subnet
    }
"#;

const UNBRIDGED: &str = r#"    ethernet "port1" vlan="pxe" { address "10.10.0.2" }
    ethernet "port2" mtu=1400
    ethernet "port3"
"#;

const BARE: &str = r#"
site "quickstart" domain="quickstart.example.net"
controller "rack-1" { ethernet "port3" }
"#;

impl Sites {
    /// Compiles them; the content of their files goes to the folder `blobs`.
    fn new(blobs: &Path) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let example = root.join("examples/quickstart");
        let compiled = compile(&DiskFiles::open(&example).unwrap(), "site.kdl");
        let bundle = Bundle::of(&compiled, "site.kdl").unwrap();
        for (path, content) in &bundle.files {
            let blob = blobs.join(content.digest.to_string());
            fs::copy(example.join(path.as_str()), blob).unwrap();
        }
        let text = &bundle.sources["site.kdl"];
        let edit = fs::read_to_string(root.join("golden/quickstart/edit.kdl")).unwrap();
        assert!(text.contains(BRIDGED), "the example has changed");
        let site = |text: String| {
            let mut bundle = bundle.clone();
            bundle.sources.insert("site.kdl".to_owned(), text.into());
            bundle.compile().site.expect("the site compiles")
        };
        Self {
            quickstart: site(text.to_string()),
            edited: site(format!("{text}{edit}")),
            unbridged: site(text.replace(BRIDGED, UNBRIDGED)),
            bare: site(BARE.to_owned()),
        }
    }
}

/// A host with three ports, and the sites that it goes through.
struct Lab {
    host: Namespace,
    _outside: Namespace,
    folder: TempDir,
    sites: Sites,
}

impl Lab {
    fn new() -> Self {
        let (host, outside) = (Namespace::new(), Namespace::new());
        for port in 1..=3 {
            host.veth(&format!("port{port}"), &outside, &format!("far{port}"));
        }
        host.ip("link set port2 down");
        host.ip("link set port3 mtu 1480");
        // In memory where that can be had: this is about undoing, not about the disk.
        let folder = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new());
        let folder = folder.unwrap();
        let blobs = folder.path().join("files");
        fs::create_dir(&blobs).unwrap();
        let sites = Sites::new(&blobs);
        Self {
            host,
            _outside: outside,
            folder,
            sites,
        }
    }

    async fn world(&self) -> Live<Embedded> {
        let store = Embedded::open(&self.folder.path().join("store")).unwrap();
        let blobs = self.folder.path().join("files");
        Live::start(controller(), Arc::new(store), blobs)
            .await
            .unwrap()
    }

    /// The one check: fails each step of the way to `site` before and after it took effect, then goes there.
    async fn check(
        &self,
        world: &mut Live<Embedded>,
        applied: Option<&Desired>,
        site: &Site,
    ) -> (Desired, usize) {
        let desired = desired(site, &controller());
        let before = normal(world).await;
        let witnessed = witness::host(&self.host);
        let plan = planned(site, &desired, applied, world).await;
        for (index, step) in plan.steps.iter().enumerate() {
            for moment in [Moment::Before, Moment::After] {
                let what = format!(
                    "{moment:?} step {index}, {} {}",
                    step.action.sign(),
                    step.key
                );
                let mut failing = Failing {
                    world,
                    left: Some(index),
                    moment,
                };
                let Outcome::Undone { failure, left } = ran(&mut failing, &plan).await.outcome
                else {
                    panic!("{what}: did not fail")
                };
                assert_eq!((failure.index, left), (index, BTreeSet::new()), "{what}");
                assert_eq!(normal(world).await, before, "{what}");
                assert_eq!(witness::host(&self.host), witnessed, "{what}");
            }
        }
        assert_eq!(ran(world, &plan).await.outcome, Outcome::Done);
        let second = planned(site, &desired, Some(&desired), world).await;
        assert!(
            second.is_empty(),
            "the second plan is not empty: {second:#?}"
        );
        (desired, plan.steps.len())
    }
}

fn controller() -> HostName {
    "rack-1".parse().unwrap()
}

/// What there is and whose it is, without carriers and leases, which come and go by themselves.
async fn normal(world: &mut Live<Embedded>) -> (State, BTreeMap<Key, Ownership>) {
    let Observation {
        state,
        facts: Facts { ownership, .. },
    } = world.observe().await.unwrap();
    (state, ownership)
}

async fn planned(
    site: &Site,
    desired: &Desired,
    applied: Option<&Desired>,
    world: &mut Live<Embedded>,
) -> Plan {
    let (controller, elsewhere) = (controller(), BTreeMap::new());
    let observed = world.observe().await.unwrap();
    plan(Inputs {
        site: &site.name,
        controller: &controller,
        desired,
        observed: &observed,
        applied,
        kept: &State::new(),
        elsewhere: &elsewhere,
    })
    .unwrap()
}

async fn ran<W: World>(world: &mut W, plan: &Plan) -> Report {
    let allowed: BTreeSet<HazardKind> = HazardKind::ALL.into_iter().collect();
    run(world, plan, &allowed, |_| {}).await.unwrap()
}

#[test]
fn a_fault_at_any_step_leaves_all_as_it_was() {
    let lab = Lab::new();
    let Sites {
        quickstart,
        edited,
        unbridged,
        bare,
    } = &lab.sites;
    // What others make on our bridge falls with it, and comes back with it.
    let others: &[&str] = &[
        "address add 10.77.0.1/24 dev br0",
        "route add 10.78.0.0/16 via 10.77.0.9",
        "route add 10.79.0.0/16 via 10.10.0.9",
    ];
    let stations: [(&Site, &[&str]); 6] = [
        (quickstart, &[]),
        (edited, &[]),
        (unbridged, others),
        (quickstart, &["link set port1 mtu 1450"]),
        (edited, &["address del 10.10.0.2/16 dev br0"]),
        (bare, others),
    ];
    let steps = lab.host.block_on(async {
        let mut world = lab.world().await;
        let (mut applied, mut steps) = (None, 0);
        for (site, disturbances) in stations {
            for disturbance in disturbances {
                lab.host.ip(disturbance);
            }
            let (next, count) = lab.check(&mut world, applied.as_ref(), site).await;
            (applied, steps) = (Some(next), steps + count);
        }
        steps
    });
    assert!(steps > 80, "the way was too short: {steps} steps");
}
