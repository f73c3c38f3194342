//! Pairs of whole hosts drawn by lot, on the real kernel: one applied after the other is what the other alone is on a host of its own.

#[path = "../support/hosts.rs"]
mod hosts;

use serde_json::Value;

use hosts::{CHOICES, text};

use crate::lab::{Lab, meaning};
use crate::support::guest;
use crate::support::normalise::same;

/// For each walk of others, so many.
const PAIRS: u64 = 4;

/// Numbers that follow from a seed (splitmix64).
struct Lot(u64);

impl Lot {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A sound site.
    fn host(&mut self) -> String {
        loop {
            let choices: Vec<u8> = (0..CHOICES).map(|_| self.draw().to_le_bytes()[0]).collect();
            let text = text(&choices);
            if meaning(&text).is_ok() {
                return text;
            }
        }
    }
}

/// Bonds and bridges keep the hardware address of the port that was their first, and give it to ports and tagged links; what a bridge's
/// port costs is by the speed that it had when it joined, or when its carrier last came (`br_port_carrier_check`).
fn without_history(mut picture: Value) -> Value {
    let links = picture["links"].as_object_mut().unwrap();
    for link in links.values_mut() {
        let is_port = link["linkinfo"]["info_kind"] == "veth" && link.get("master").is_none();
        if !is_port {
            link.as_object_mut().unwrap().remove("address");
        }
        if let Some(Value::Object(port)) = link.pointer_mut("/linkinfo/info_slave_data") {
            port.remove("cost");
        }
    }
    // What ports of a bridge that filters nothing would carry if it did says nothing.
    let links = picture["links"].clone();
    let filters = |name: &str| links[name]["linkinfo"]["info_data"]["vlan_filtering"] == 1;
    let vlans = picture["vlans"].as_object_mut().unwrap();
    vlans.retain(|name, _| filters(links[name]["master"].as_str().unwrap_or(name)));
    picture
}

fn number(name: &str, usual: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.and_then(|given| given.parse().ok()).unwrap_or(usual)
}

#[test]
fn one_host_after_another_is_the_other_alone() {
    guest::inside(|| {
        let seed = number("BEDPLATE_TEST_SEED", 1);
        for pair in 0..number("BEDPLATE_TEST_COUNT", 3) * PAIRS {
            let mut lot = Lot(seed.wrapping_mul(1000) + pair);
            let (first, second) = (lot.host(), lot.host());
            let mut changed = Lab::new();
            changed.apply_text(&first);
            changed.apply_text(&second);
            let mut alone = Lab::new();
            alone.apply_text(&second);
            let what = format!("seed {seed}, pair {pair}:\n{first}\n{second}");
            let [alone, changed] = [alone, changed].map(|lab| without_history(lab.snapshot()));
            same(&alone, &changed, &what);
        }
    });
}
