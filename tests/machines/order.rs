//! Boot orders: set before the machine is switched, and taken back where it fails.

use std::collections::BTreeMap;

use bedplate::plan::{Inputs, Plan, Selection, select};
use bedplate::state::{Observation, Resource, State};
use bedplate::world::{Sim, World};

use super::{HEAD, applied, block_on, controller, lines, meaning, observed};

/// What comes first at every boot, of a machine that is to run.
const ORDERED: &str = r#"
machine "node-1" {
    bmc "ipmi" address="10.0.0.11" username="a" password=(env)"S"
    boot-order "network"
    power "on"
}
machine "node-2" {
    bmc "redfish" address="10.0.0.12" username="a" password=(env)"S"
    boot-order "disk"
}
machine "node-3" {
    bmc "redfish" address="10.0.0.13" username="a" password=(env)"S"
    boot-order "network" mode="bios"
}
"#;

/// A boot override: device and mode.
fn order(text: &str) -> Resource {
    let (first, mode) = text.split_once(' ').unwrap_or((text, ""));
    let mut value = serde_json::json!({ "boot-order": { "first": first } });
    if !mode.is_empty() {
        value["boot-order"]["mode"] = mode.into();
    }
    if text.is_empty() {
        value["boot-order"]["first"] = serde_json::Value::Null;
    }
    serde_json::from_value(value).unwrap()
}

fn ordered(orders: [&str; 3], power: &str) -> (Observation, Plan) {
    let mut observed = observed(power);
    for (number, text) in (1..).zip(orders) {
        let key = format!("machine/node-{number}/boot-order").parse().unwrap();
        observed.state.insert(key, order(text));
    }
    let inputs = Inputs {
        site: &"lab".parse().unwrap(),
        controller: &controller(),
        desired: &meaning(&format!("{HEAD}{ORDERED}")),
        observed: &observed,
        applied: None,
        kept: &State::new(),
        elsewhere: &BTreeMap::new(),
    };
    let plan = select(inputs, &Selection::default()).unwrap().plan;
    (observed, plan)
}

#[test]
fn boot_orders_are_set_before_the_power() {
    let (_, plan) = ordered(["", "disk efi", "network efi"], "1=off");
    let expected = [
        "~ machine/node-1/boot-order first firmware -> network, mode any -> efi (new in the site)",
        "~ machine/node-3/boot-order mode efi -> bios (new in the site)",
        "~ machine/node-1/power state off -> on (new in the site)",
    ];
    assert_eq!(lines(&plan), expected);
    let (_, plan) = ordered(["network efi", "disk", "network bios"], "1=on");
    assert_eq!(lines(&plan), [""; 0]);
}

/// What a BMC promised and does not do, and what becomes of the machine's other things.
#[test]
fn a_machine_that_fails_is_a_domain_of_its_own() {
    for (idle, expected, first) in [
        (
            "machine/node-1/power",
            &[
                "ok machine/node-1/boot-order",
                "ok machine/node-3/boot-order",
                "failed machine/node-1/power",
            ][..],
            // Back as it was.
            "firmware first",
        ),
        (
            "machine/node-1/boot-order",
            &[
                "ok machine/node-3/boot-order",
                "failed machine/node-1/boot-order",
                "failed machine/node-1/power",
            ],
            "firmware first",
        ),
        (
            "machine/node-3/boot-order",
            &[
                "ok machine/node-1/boot-order",
                "failed machine/node-3/boot-order",
                "ok machine/node-1/power",
            ],
            "network first, efi",
        ),
    ] {
        let (observed, plan) = ordered(["", "disk", "network efi"], "1=off");
        let mut world = Sim::new(observed);
        world.idles(idle.parse().unwrap());
        let (report, told) = applied(&mut world, &plan);
        assert_eq!(
            (report.exit_code(), told.as_slice()),
            (
                4,
                &expected.iter().map(ToString::to_string).collect::<Vec<_>>()[..]
            )
        );
        let after = block_on(world.observe()).unwrap();
        let key = "machine/node-1/boot-order".parse().unwrap();
        assert_eq!(after.state[&key].summary(), first, "{idle}");
    }
}
