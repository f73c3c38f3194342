//! How fast a host's network is made: 1,000 VLANs with an address each, by `ip -batch`, in a guest with Debian's kernel.
//!
//! `cargo bench --bench host`; `tests/setup` fetches the kernel. The guest's processor is emulated, so that only ratios say
//! something.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark that meets the unexpected should stop there"
)]

mod figure;
#[path = "../support/mod.rs"]
mod support;

use std::time::Instant;

use support::guest;
use support::sandbox::Namespace;

const ROUNDS: usize = 3;
const VLANS: u32 = 1000;

#[expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]
fn main() {
    if guest::is_inside() {
        return measure();
    }
    let ended = guest::boot(&[]);
    print!("{}", ended.output);
    assert!(ended.success, "{}", ended.complaint);
}

fn measure() {
    let namespace = Namespace::new();
    let theirs: Vec<f64> = (0..ROUNDS).map(|_| seconds(&namespace, by_ip)).collect();
    // Ours, of the same VLANs in the same namespace, in turn with theirs, belongs here, and with it `figure::print`.
    let figure = format!("host: {VLANS} VLANs with an address each");
    figure::print_peer(&figure, "s", "ip -batch", &theirs);
}

/// How long `make` takes to bring the VLANs about on a link without any. What is left behind is removed without being measured.
fn seconds(namespace: &Namespace, make: fn(&Namespace)) -> f64 {
    namespace.batch(&["link add trunk type dummy", "link set trunk up"]);
    let started = Instant::now();
    make(namespace);
    let seconds = started.elapsed().as_secs_f64();
    let addresses = namespace.ip_json("-4 address show scope global");
    let made = addresses.as_array().map(Vec::len);
    assert_eq!(made, usize::try_from(VLANS).ok(), "links with an address");
    namespace.ip("link del trunk");
    seconds
}

fn by_ip(namespace: &Namespace) {
    let lines = (1..=VLANS).flat_map(|id| {
        let (high, low) = (id / 250, id % 250);
        [
            format!("link add link trunk name vlan{id} up type vlan id {id}"),
            format!("address add 10.{high}.{low}.1/24 dev vlan{id}"),
        ]
    });
    namespace.batch(&lines.collect::<Vec<_>>());
}
