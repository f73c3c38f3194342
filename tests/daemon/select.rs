//! Applies of a part of a site: what is chosen and what that needs, nothing else; and what is remembered of it.

use serde_json::Value;

use crate::lab::{Lab, MORE, SITE, dig};
use crate::support::witness;

/// The lab's site with another MTU, a route more and a machine more.
fn edit() -> String {
    let site = SITE.replace("ethernet \"port2\"", "ethernet \"port2\" mtu=1600");
    format!("{site}{MORE}route \"10.100.0.0/24\" {{ via \"10.70.0.254\" }}\n")
}

const ROUTE: &str = "controller/rack-1/route/10.100.0.0/24@main/0";

/// Keys and reasons of what a plan waits for.
fn waiting(plan: &Value) -> Vec<(String, String)> {
    let list = plan["waiting"].as_array().unwrap();
    let told = |one: &Value| {
        (
            one["key"].as_str().unwrap().to_owned(),
            one["on"].to_string(),
        )
    };
    list.iter().map(told).collect()
}

fn steps(plan: &Value) -> Vec<String> {
    let list = plan["steps"].as_array().unwrap();
    let told = |one: &Value| {
        format!(
            "{} {}",
            one["because"].to_string().replace('"', ""),
            one["key"].as_str().unwrap()
        )
    };
    list.iter().map(told).collect()
}

#[test]
fn only_what_is_chosen_is_applied_and_the_rest_is_still_new() {
    let lab = Lab::new();
    let daemon = lab.serve();
    lab.applied();
    lab.serves();
    lab.write(&edit());
    let whole = lab.json(&["plan"]);
    let plan = lab.json(&["plan", "--only", ROUTE]);
    assert_eq!(steps(&plan), [format!("declared {ROUTE}")]);
    assert_ne!(plan["id"], whole["id"]);
    assert_eq!(waiting(&plan).len() + 1, steps(&whole).len());
    let told = lab.run(&["plan", "--only", ROUTE, "--full"]).out;
    assert!(
        told.contains("link/port2  not among what --only names"),
        "{told}"
    );
    // Something of somebody else's doing is left alone, too.
    lab.host.ip("route del 10.99.0.0/16");
    let said = lab.run(&["apply", "--yes", "--only", ROUTE]);
    assert_eq!(said.code, 4, "{said:?}");
    assert!(lab.host.ip("route show").contains("10.100.0.0/24"));
    assert_eq!(lab.host.ip("route show 10.99.0.0/16"), "");
    assert_eq!(lab.host.ip_json("link show dev port2")[0]["mtu"], 1500);
    assert_eq!(dig(&lab, &["node-02.lab.example"]), "");
    let drift = "+ controller/rack-1/route/10.99.0.0/16@main/100".to_owned();
    assert_eq!(lab.unlike(), (vec![drift], Vec::new()));
    // A part is no state to go back to as a whole.
    assert_eq!(lab.history()[0]["has_state"], false);
    let told = lab.run(&["history"]).out;
    assert!(told.contains("done (--"), "{told}");
    let said = lab.run(&["rollback", "2", "--yes"]);
    assert!(said.err.contains("of a part of its site"), "{said:?}");
    // A restart brings in nothing that was left out.
    drop(daemon);
    let _daemon = lab.serve();
    assert_eq!(lab.unlike(), Default::default());
    assert_eq!(lab.host.ip_json("link show dev port2")[0]["mtu"], 1500);
    let rest = lab.json(&["plan"]);
    assert_eq!(steps(&rest).len() + 1, steps(&whole).len());
    let is_new = |step: &String| step.starts_with("declared ") || step.starts_with("edited ");
    assert!(steps(&rest).iter().all(is_new), "{:?}", steps(&rest));
    lab.applied();
    assert!(lab.host.ip_json("link show dev port2")[0]["mtu"] == 1600);
}

#[test]
fn what_is_chosen_pulls_in_what_it_needs() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    let key = "controller/rack-1/route/10.99.0.0/16@main/100";
    let plan = lab.json(&["plan", "--only", key]);
    let pulled: Vec<&String> = plan["pulled"].as_object().unwrap().keys().collect();
    assert_eq!(
        pulled,
        [
            "controller/rack-1/address/10.70.0.2/16@br0",
            "controller/rack-1/link/br0"
        ]
    );
    let told = lab.run(&["plan", "--only", key]).out;
    assert!(told.contains(&format!("pulled in by {key}")), "{told}");
    let said = lab.run(&["apply", "--yes", "--only", key]);
    assert_eq!(said.code, 4, "{said:?}");
    assert!(lab.host.ip("route show").contains("10.99.0.0/16"));
    assert_eq!(
        lab.host.ip_json("link show dev port1")[0]["master"],
        Value::Null
    );
    assert_eq!(lab.unlike(), Default::default());
    // What goes takes along what stands on it.
    lab.applied();
    lab.write("site \"lab\" domain=\"lab.example\"\ncontroller \"rack-1\" { ethernet \"port1\"; ethernet \"port2\" }\n");
    let plan = lab.json(&["plan", "--only", "controller/*/link/br0"]);
    let pulled = plan["pulled"].as_object().unwrap();
    for part in ["address/10.70.0.2", "link/port1", "listener/dhcp"] {
        assert!(
            pulled.keys().any(|key| key.contains(part)),
            "{part}: {pulled:?}"
        );
    }
}

#[test]
fn what_is_left_out_keeps_what_needs_it_waiting() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    let before = witness::host(&lab.host);
    let plan = lab.json(&["plan", "--except", "**/link/br0"]);
    let waits = waiting(&plan);
    let on = |key: &str| {
        waits
            .iter()
            .find(|(one, _)| one.contains(key))
            .map(|(_, on)| on.as_str())
    };
    assert_eq!(on("link/br0"), Some("\"excepted\""));
    assert!(
        on("address/10.70.0.2").is_some_and(|on| on.contains("link/br0")),
        "{waits:?}"
    );
    assert!(
        on("scope/").is_some_and(|on| on.contains("requires")),
        "{waits:?}"
    );
    let said = lab.run(&["apply", "--yes", "--except", "**/link/br0"]);
    assert_eq!(said.code, 4, "{said:?}");
    assert_eq!(witness::host(&lab.host), before);
    lab.applied();
    lab.serves();
    for option in ["--only", "--except"] {
        let said = lab.run(&["apply", "--yes", option, "controller/rack-1/link/br9"]);
        assert!(
            said.code == 1 && said.err.contains("D009") && said.err.contains("br9"),
            "{said:?}"
        );
    }
    // What is as it should be already is no slip of the pen; a saved plan keeps its choice.
    let said = lab.run(&["apply", "--yes", "--only", "**/link/br0"]);
    assert!(
        said.code == 0 && said.out.contains("Nothing to do"),
        "{said:?}"
    );
    lab.write(&edit());
    assert_eq!(
        lab.run(&["plan", "--only", ROUTE, "--out", "../saved.plan"])
            .code,
        0
    );
    let said = lab.run(&["apply", "--yes", "--only", ROUTE, "../saved.plan"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(lab.run(&["apply", "--yes", "../saved.plan"]).code, 4);
    assert!(lab.host.ip("route show").contains("10.100.0.0/24"));
    assert_eq!(lab.host.ip_json("link show dev port2")[0]["mtu"], 1500);
}
