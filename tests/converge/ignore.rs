//! What others change and the site leaves to them: not put back, not shown as drift; what the site changes is applied all the same.

use bedplate::plan::{Disregard, Plan};
use bedplate::state::{Key, Ownership, Resource, Route};

use super::sites::{Lab, Parts, meaning, shown, steps, waiting};

const BRIDGE: &str = "controller/rack-1/link/br0";
const ROUTE: &str = "controller/rack-1/route/0.0.0.0/0@main/0";

fn with(rules: &str) -> String {
    format!("{}\n{rules}", Parts::new().text())
}

fn applied(rules: &str) -> Lab {
    let mut lab = Lab::new();
    lab.apply(&with(rules));
    lab
}

/// Others change the bridge.
fn change(lab: &mut Lab, mtu: u32, up: bool) {
    let key: Key = BRIDGE.parse().unwrap();
    let Some(Resource::Link(link)) = lab.world.state.get_mut(&key) else {
        panic!("no bridge")
    };
    (link.mtu, link.up) = (Some(mtu), up);
}

fn delete(lab: &mut Lab, key: &str) {
    let key: Key = key.parse().unwrap();
    lab.world.state.remove(&key);
    lab.world.facts.ownership.remove(&key);
}

fn ignored(plan: &Plan) -> Vec<String> {
    let ignored = plan.ignored.iter();
    ignored
        .map(|one| {
            let what = match &one.what {
                Disregard::Changed { changes } => {
                    let fields: Vec<_> = changes.iter().map(|one| one.field.as_str()).collect();
                    fields.join(" ")
                }
                Disregard::Gone => "gone".to_owned(),
                Disregard::Foreign => "foreign".to_owned(),
            };
            format!("{} {what}", one.key)
        })
        .collect()
}

#[test]
fn ignored_attributes_are_left_and_all_others_put_back() {
    let rule = "ignore \"controller/*/link/br?\" \"mtu\" for=\"tuned by hand\"";
    let mut lab = applied(rule);
    change(&mut lab, 1400, true);
    let plan = lab.apply(&with(rule));
    assert!(plan.is_empty(), "{}", shown(&plan));
    assert_eq!(ignored(&plan), [format!("{BRIDGE} mtu")]);
    let line = format!("{BRIDGE}  mtu is 1400, not 1500 (tuned by hand)  site.kdl:");
    assert!(shown(&plan).contains(&line), "{}", shown(&plan));
    change(&mut lab, 1400, false);
    let plan = lab.apply(&with(rule));
    assert_eq!(steps(&plan), [format!("~ {BRIDGE}")]);
    assert_eq!(plan.drift().count(), 1);
    let fields: Vec<_> = plan.steps[0]
        .changes
        .iter()
        .map(|one| one.field.as_str())
        .collect();
    assert_eq!(fields, ["state"]);
    // Without the rule it is drift.
    assert_eq!(lab.plan(&with("")).drift().count(), 1);
}

#[test]
fn an_edit_of_the_site_is_applied_beside_what_is_ignored() {
    let rule = "ignore \"controller/rack-1/link/**\"";
    let mut lab = applied(rule);
    change(&mut lab, 1400, false);
    assert!(lab.plan(&with(rule)).is_empty());
    let bridge = "bridge \"br0\" vlan=\"pxe\"";
    let edited = with(rule).replace(bridge, &format!("{bridge} mtu=1300"));
    assert!(meaning(&edited) != meaning(&with(rule)));
    let plan = lab.apply(&edited);
    let fields: Vec<_> = plan.steps.iter().flat_map(|step| &step.changes).collect();
    assert_eq!(fields.len(), 1, "{}", shown(&plan));
    assert_eq!(
        (fields[0].field.as_str(), fields[0].to.as_str()),
        ("mtu", "1300")
    );
    assert_eq!(ignored(&plan), [format!("{BRIDGE} state")]);
    // And later: the edit was applied, so that what differs from it is drift again.
    change(&mut lab, 1400, false);
    let plan = lab.plan(&edited);
    assert!(plan.is_empty(), "{}", shown(&plan));
    assert_eq!(ignored(&plan), [format!("{BRIDGE} state mtu")]);
}

#[test]
fn what_others_took_away_is_made_again_by_an_edit_or_a_start_alone() {
    let rule = "ignore \"controller/*/route/**\"";
    let mut lab = applied(rule);
    delete(&mut lab, ROUTE);
    let plan = lab.apply(&with(rule));
    assert!(plan.is_empty(), "{}", shown(&plan));
    assert!(waiting(&plan).is_empty());
    assert_eq!(ignored(&plan), [format!("{ROUTE} gone")]);
    let edited = with(rule).replace(
        "default-gateway \"10.0.0.1\"",
        "default-gateway \"10.0.0.254\"",
    );
    assert_eq!(steps(&lab.plan(&edited)), [format!("+ {ROUTE}")]);
    // Of an attribute alone is said nothing about the thing.
    let part = "ignore \"controller/*/route/**\" \"via\"";
    assert_eq!(steps(&lab.plan(&with(part))), [format!("+ {ROUTE}")]);
    lab.restart();
    assert!(lab.holds(ROUTE));
}

#[test]
fn what_needs_a_thing_that_others_took_away_waits_for_it() {
    let rule = "ignore \"controller/*/address/**\"";
    let mut lab = applied(rule);
    let address = "controller/rack-1/address/10.0.0.2/24@br0";
    for key in [address, ROUTE] {
        delete(&mut lab, key);
    }
    let plan = lab.apply(&with(rule));
    assert!(plan.is_empty(), "{}", shown(&plan));
    let told = waiting(&plan).join("\n");
    assert!(
        told.contains(&format!("{ROUTE}: needs {address}")),
        "{told}"
    );
    assert!(!told.contains(&format!("{address}: ")), "{told}");
}

#[test]
fn what_others_made_is_not_listed() {
    let rule = "ignore \"**/10.9.0.0/**\"";
    let mut lab = applied(rule);
    let foreign: Key = "controller/rack-1/route/10.9.0.0/16@main/5"
        .parse()
        .unwrap();
    let other: Key = "controller/rack-1/route/10.8.0.0/16@main/5"
        .parse()
        .unwrap();
    for key in [&foreign, &other] {
        let route = lab.world.state[&ROUTE.parse::<Key>().unwrap()].clone();
        lab.world.state.insert(key.clone(), route);
        lab.world
            .facts
            .ownership
            .insert(key.clone(), Ownership::Foreign);
    }
    let plan = lab.apply(&with(rule));
    assert_eq!(plan.foreign, [other]);
    assert_eq!(ignored(&plan), [format!("{foreign} foreign")]);
}

#[test]
fn what_others_put_in_the_place_of_an_ignored_thing_is_not_claimed() {
    let rule = "ignore \"controller/*/route/**\" \"via\"";
    let mut lab = applied(rule);
    let key: Key = ROUTE.parse().unwrap();
    let Some(Resource::Route(route)) = lab.world.state.get_mut(&key) else {
        panic!("no route")
    };
    *route = Route::through("10.0.0.99".parse().unwrap());
    lab.world.facts.ownership.insert(key, Ownership::Foreign);
    let plan = lab.apply(&with(rule));
    assert!(plan.is_empty(), "{}", shown(&plan));
    assert_eq!(ignored(&plan), [format!("{ROUTE} foreign")]);
    assert!(waiting(&plan).is_empty() && plan.foreign.is_empty());
}
