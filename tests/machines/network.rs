//! Networks of BMCs: told by where the site has their addresses, and dangerous.

use std::collections::BTreeMap;

use bedplate::plan::{Inputs, Plan, Selection, select};
use bedplate::state::{Key, Observation, State};

use super::{controller, lines, meaning};

fn site(network: &str) -> String {
    format!(
        r#"
site "lab" domain="lab.example"
fabric "f" {{ vlan "mgmt" id=40 {{ subnet "10.0.0.0/24" {{ gateway "10.0.0.1"; }}; }}; }}
controller "rack-0" {{}}
machine "node-1" {{
    bmc "redfish" address="10.0.0.11" username="a" password=(env)"S" {{
        {network}
    }}
}}
"#
    )
}

fn planned(network: &str, found: serde_json::Value) -> Plan {
    let key: Key = "machine/node-1/bmc/network".parse().unwrap();
    let mut observed = Observation::default();
    let found = serde_json::json!({ "network": found });
    let found = serde_json::from_value(found).unwrap();
    observed.state.insert(key, found);
    let inputs = Inputs {
        site: &"lab".parse().unwrap(),
        controller: &controller(),
        desired: &meaning(&site(network)),
        observed: &observed,
        applied: None,
        kept: &State::new(),
        elsewhere: &BTreeMap::new(),
    };
    select(inputs, &Selection::default()).unwrap().plan
}

#[test]
fn what_a_bmc_tells_of_its_network_is_planned_for() {
    let found = |source: &str, gateway: &str, vlan: serde_json::Value| serde_json::json!({ "source": source, "mask": "255.255.255.0", "gateway": gateway, "vlan": vlan });
    let untagged = || serde_json::json!("untagged");
    let tagged = |id: u16| serde_json::json!({ "tagged": id });
    for (network, found, expected) in [
        ("", found("dhcp", "10.0.0.2", untagged()), None),
        (
            "network \"static\"",
            found("dhcp", "10.0.0.2", tagged(7)),
            Some("source dhcp -> static, gateway 10.0.0.2 -> 10.0.0.1"),
        ),
        (
            "network \"static\" gateway=\"10.0.0.2\" tagged=#true",
            found("static", "10.0.0.2", tagged(7)),
            Some("vlan 7 -> 40"),
        ),
        (
            "network \"dhcp\" tagged=#false",
            found("static", "10.0.0.9", tagged(40)),
            Some("source static -> dhcp, vlan 40 -> untagged"),
        ),
        (
            "network \"static\" tagged=#true",
            found("static", "10.0.0.1", tagged(40)),
            None,
        ),
    ] {
        let plan = planned(network, found);
        let expected: Vec<String> = match expected {
            Some(changes) => vec![
                format!("~ machine/node-1/bmc/network {changes} (new in the site)"),
                "! self-bmc the BMC of node-1 changes its network".to_owned(),
            ],
            None => Vec::new(),
        };
        let lines = lines(&plan);
        let lines: Vec<String> = lines
            .into_iter()
            .filter(|line| !line.contains("/bmc "))
            .collect();
        assert_eq!(lines, expected, "{network}");
    }
}
