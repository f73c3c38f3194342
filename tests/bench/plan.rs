//! What a plan costs on a host of 5,000 links with an address each and 20,000 routes, beside `ip -j` listing the same.
//!
//! `cargo bench --bench plan`, as root. Ours is observing the host, its sockets and its servers, and planning for a site that names
//! every one of those things: all to be claimed, none to be changed, and all withdrawn. The peer is three processes, for links, addresses
//! and routes; what reads and compares its lists is not counted.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that meets the unexpected should stop there"
)]

mod figure;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use bedplate::apply::{Outcome, run};
use bedplate::plan::{Inputs, Selection, select};
use bedplate::state::{Desired, Observation, State};
use bedplate::store::Embedded;
use bedplate::world::{Live, World};
use serde_json::{Value, json};
use support::sandbox::Namespace;

const ROUNDS: usize = 5;
const LINKS: u32 = 5_000;
const ROUTES: u32 = 20_000;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("ours") {
        return ours();
    }
    let namespace = host();
    let ours = measured(&namespace);
    let theirs: Vec<f64> = (0..ROUNDS).map(|_| listed(&namespace)).collect();
    let print = |name: &str| {
        let figure = format!("plan: {LINKS} links, {ROUTES} routes, {name}");
        figure::print(&figure, "ms", &numbers(&ours[name]), "ip -j", &theirs);
    };
    print("observed");
    print("observed and all claimed");
    print("observed and nothing to do");
    print("observed and all withdrawn");
    let figure = format!("plan: {LINKS} links, {ROUTES} routes, peak memory");
    figure::print_ours(&figure, "MiB", &numbers(&ours["memory"]));
}

fn numbers(values: &Value) -> Vec<f64> {
    let values = values.as_array().unwrap().iter();
    values.map(|value| value.as_f64().unwrap()).collect()
}

fn host() -> Namespace {
    let namespace = Namespace::new();
    let network = |n: u32| format!("10.{}.{}", 100 + n / 250, n % 250);
    let links = (0..LINKS).flat_map(|n| {
        [
            format!("link add v{n} type vxlan id {n} dstport 4789 local 127.0.0.1"),
            format!("link set v{n} up"),
            format!("address add {}.1/24 dev v{n}", network(n)),
        ]
    });
    namespace.batch(&links.collect::<Vec<_>>());
    let routes = (0..ROUTES).map(|n| {
        let (to, via) = (n / 4, network(n % LINKS));
        let to = format!("172.{}.{}.0/24", 16 + to / 250, to % 250);
        format!("route add {to} via {via}.9 metric {}", n % 4 + 1)
    });
    namespace.batch(&routes.collect::<Vec<_>>());
    namespace
}

/// How many milliseconds `ip` takes to list all.
fn listed(namespace: &Namespace) -> f64 {
    let started = Instant::now();
    for kind in ["link", "address", "route"] {
        let mut command = namespace.command("ip");
        command.args(["-j", kind]).stdout(Stdio::null());
        assert!(command.status().unwrap().success());
    }
    milliseconds(started)
}

/// What this program measures as a process of its own, so that its memory is its own too.
fn measured(namespace: &Namespace) -> Value {
    let program = std::env::current_exe().unwrap();
    let mut command = namespace.command(program.to_str().unwrap());
    let output = command.arg("ours").stderr(Stdio::inherit());
    let output = output.output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[expect(clippy::print_stdout, reason = "this is how one process tells another")]
fn ours() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    println!("{}", runtime.block_on(rounds()));
}

async fn rounds() -> Value {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(folder.path()).await;
    let (mut observed, mut claimed) = (Vec::new(), Vec::new());
    let mut everything = Desired::default();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let observation = bench.world.observe().await.unwrap();
        observed.push(milliseconds(started));
        everything.state = observation.state;
        claimed.push(bench.plan(&everything, &Desired::default()).await.0);
    }
    bench.apply(&everything).await;
    let (mut unchanged, mut withdrawn) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (took, steps) = bench.plan(&everything, &everything).await;
        assert_eq!(steps, 0);
        unchanged.push(took);
        let (took, steps) = bench.plan(&Desired::default(), &everything).await;
        assert_eq!(steps, everything.state.len());
        withdrawn.push(took);
    }
    json!({
        "observed": observed, "observed and all claimed": claimed, "observed and nothing to do": unchanged,
        "observed and all withdrawn": withdrawn, "memory": [peak()],
    })
}

struct Bench {
    world: Live<Embedded>,
}

impl Bench {
    async fn new(folder: &Path) -> Self {
        let store = Arc::new(Embedded::open(&folder.join("store")).unwrap());
        let blobs = folder.join("blobs");
        let world = Live::start("rack-1".parse().unwrap(), store, blobs).await;
        Self {
            world: world.unwrap(),
        }
    }

    /// How many milliseconds it takes to observe the host and to plan, and how many steps that makes.
    async fn plan(&mut self, desired: &Desired, applied: &Desired) -> (f64, usize) {
        let started = Instant::now();
        let observation = self.world.observe().await.unwrap();
        let plan = planned(&observation, desired, applied);
        (milliseconds(started), plan.steps.len())
    }

    async fn apply(&mut self, desired: &Desired) {
        let observation = self.world.observe().await.unwrap();
        let plan = planned(&observation, desired, &Desired::default());
        let report = run(&mut self.world, &plan, &BTreeSet::new(), |_| {}).await;
        assert_eq!(report.unwrap().outcome, Outcome::Done);
    }
}

fn planned(observed: &Observation, desired: &Desired, applied: &Desired) -> bedplate::plan::Plan {
    let (site, controller) = ("bench".parse().unwrap(), "rack-1".parse().unwrap());
    let inputs = Inputs {
        site: &site,
        controller: &controller,
        desired,
        observed,
        applied: Some(applied),
        kept: &State::new(),
        elsewhere: &BTreeMap::new(),
    };
    select(inputs, &Selection::default()).unwrap().plan
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// The most memory that this process held so far, in MiB.
fn peak() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().split_whitespace().next().unwrap();
    kib.parse::<f64>().unwrap() / 1024.0
}
