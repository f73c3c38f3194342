//! What lifts a protection: the object that said so, declared without it. Absence lifts nothing, however long it lasts.

use bedplate::plan::Plan;

use super::sites::{Lab, Parts, shown, steps, waiting};

const MACHINE: &str = "machine \"node-01\" profile=\"p\" {";
const BRIDGE: &str = "bridge \"br0\" vlan=\"pxe\" {";
const OLD: &str = "vlan/f/pxe/reservation/52:54:00:00:00:01";
const NEW: &str = "vlan/f/pxe/reservation/52:54:00:00:00:02";
const NAME: &str = "zone/lab.example/node-01/A";
const POINTER: &str = "zone/0.0.10.in-addr.arpa/11/PTR";
const LINK: &str = "controller/rack-1/link/br0";
const ADDRESS: &str = "controller/rack-1/address/10.0.0.2/24@br0";
const BARE: &str = r#"controller "rack-1" { ethernet "eno1"; ethernet "eno2" }"#;

fn free() -> String {
    Parts::new().text()
}

/// The site with words in front of a block.
fn with(head: &str) -> String {
    let text = free();
    assert!(text.contains(head));
    text.replace(head, &format!("{head} protect \"db\"; "))
}

fn swapped(text: &str) -> String {
    text.replace("52:54:00:00:00:01", "52:54:00:00:00:02")
}

fn moved(text: &str) -> String {
    text.replace("10.0.0.11", "10.0.0.12")
}

/// A lab that applied one text after another, and its last plan.
fn after(texts: &[String]) -> (Lab, Plan) {
    let mut lab = Lab::new();
    let mut plans: Vec<Plan> = texts.iter().map(|text| lab.apply(text)).collect();
    (lab, plans.pop().unwrap())
}

#[track_caller]
fn is_free(plan: &Plan) {
    assert!(
        plan.waiting.is_empty() && plan.protected.is_empty() && plan.kept.is_empty(),
        "{}",
        shown(plan)
    );
}

#[test]
fn an_object_that_no_longer_protects_frees_what_it_came_to() {
    for places in [MACHINE, "profile \"p\" {"] {
        let (lab, plan) = after(&[with(places), swapped(&free())]);
        is_free(&plan);
        assert!(lab.holds(NEW) && !lab.holds(OLD), "{}", shown(&plan));
        let (lab, plan) = after(&[with(places), moved(&free())]);
        is_free(&plan);
        assert!(lab.holds(NAME) && !lab.holds(POINTER), "{}", shown(&plan));
    }
    let address = |text: String| text.replace("address \"10.0.0.2\"", "address \"10.0.0.3\"");
    for place in [BRIDGE, "controller \"rack-1\" {"] {
        let (lab, plan) = after(&[with(place), address(free())]);
        is_free(&plan);
        assert!(!lab.holds(ADDRESS));
    }
    let subnet = |text: String| text.replace("10.0.0.0/24", "10.0.0.0/23");
    for place in ["subnet \"10.0.0.0/24\" {", "vlan \"pxe\" {"] {
        let (_, plan) = after(&[with(place), subnet(free())]);
        let is_subnet = place.starts_with("subnet");
        // A subnet's prefix is its name: under another one it is another subnet.
        assert_eq!(plan.protected.len(), usize::from(is_subnet), "{place}");
    }
}

#[test]
fn what_changes_under_protection_stays_until_it_is_lifted() {
    let (mut lab, plan) = after(&[with(MACHINE), swapped(&with(MACHINE))]);
    let told = waiting(&plan);
    assert!(
        told.contains(&format!("{OLD}: protected: db  site.kdl:15")),
        "{told:?}"
    );
    assert!(told.contains(&format!(
        "{NEW}: {OLD} stays and has its place  site.kdl:15"
    )));
    assert!(lab.holds(OLD) && !lab.holds(NEW));
    is_free(&lab.apply(&swapped(&free())));
    assert!(lab.holds(NEW) && !lab.holds(OLD));
}

#[test]
fn an_object_that_is_gone_or_has_another_name_frees_nothing() {
    let renamed = free().replace("node-01", "node-02");
    let (mut lab, plan) = after(&[with(MACHINE), renamed]);
    let line = format!("{NAME}: protected: db (site.kdl:15 when last applied)  ");
    assert!(waiting(&plan).contains(&line), "{}", shown(&plan));
    assert!(lab.holds(NAME));
    is_free(&lab.apply(&free()));
    let (mut lab, plan) = after(&[with(MACHINE), BARE.to_owned()]);
    let line = format!("{OLD}: protected: db (site.kdl:15 when last applied)  ");
    assert!(waiting(&plan).contains(&line), "{}", shown(&plan));
    // The machine comes back without protection and with another address of its NIC.
    is_free(&lab.apply(&swapped(&free())));
    assert!(lab.holds(NEW) && !lab.holds(OLD));
}

#[test]
fn an_outer_block_protects_on() {
    let both =
        |text: &str| text.replace("vlan \"pxe\" {", "vlan \"pxe\" { protect \"all of it\"; ");
    let (mut lab, plan) = after(&[both(&with(MACHINE)), swapped(&both(&free()))]);
    let told = waiting(&plan);
    assert!(
        told.contains(&format!("{OLD}: protected: all of it  site.kdl:2")),
        "{told:?}"
    );
    assert!(lab.holds(OLD) && lab.holds(NAME));
    is_free(&lab.apply(&swapped(&free())));
}

#[test]
fn what_is_not_there_is_remembered_and_stays_when_it_is_there_again() {
    let (mut lab, plan) = after(&[with(BRIDGE), BARE.to_owned()]);
    let (protected, kept) = (plan.protected.clone(), plan.kept.clone());
    assert!(kept.contains_key(&ADDRESS.parse().unwrap()));
    let before = lab.lose("br0");
    for _ in 0..2 {
        let plan = lab.apply("controller \"rack-1\" { ethernet \"eno1\" }");
        assert_eq!((&plan.protected, &plan.kept), (&protected, &kept));
        let line =
            format!("{ADDRESS}: not there now; protected: db (site.kdl:11 when last applied)  ");
        assert!(waiting(&plan).contains(&line), "{}", shown(&plan));
        assert!(steps(&plan).iter().all(|step| !step.contains("br0")));
    }
    // It is there again by itself.
    lab.world = before;
    let plan = lab.apply(BARE);
    assert!(lab.holds(LINK) && lab.holds(ADDRESS));
    assert_eq!(plan.protected, protected);
    // Or a start makes it again.
    lab.lose("br0");
    lab.apply(BARE);
    lab.restart();
    assert!(lab.holds(LINK) && lab.holds(ADDRESS));
    // Once lifted it may go, there or not.
    lab.lose("br0");
    lab.apply(&free());
    is_free(&lab.apply(BARE));
    lab.restart();
    assert!(!lab.holds(LINK) && !lab.holds(ADDRESS));
}

#[test]
fn a_bridge_comes_back_with_its_ports() {
    let bare = "controller \"rack-1\" { ethernet \"eno2\" }";
    let (mut lab, _) = after(&[with(BRIDGE), bare.to_owned()]);
    let before = lab.world.state.clone();
    lab.lose("br0");
    for _ in 0..2 {
        let plan = lab.apply(bare);
        let line = format!("controller/rack-1/link/eno1: stays, since {LINK} needs it  ");
        assert!(waiting(&plan).contains(&line), "{}", shown(&plan));
    }
    lab.restart();
    assert_eq!(lab.world.state, before);
}

#[test]
fn what_fell_before_its_block_went_is_remembered_too() {
    // A port is missing after a start of the host, and what stood on it.
    let fabric = "fabric \"f\" { vlan \"pxe\" { subnet \"10.0.0.0/24\" } }";
    let port = "ethernet \"eno1\" vlan=\"pxe\" { protect; address \"10.0.0.2\" }";
    let text = format!("{fabric}\ncontroller \"rack-1\" {{ {port}; ethernet \"eno2\" }}");
    let address = "controller/rack-1/address/10.0.0.2/24@eno1";
    let mut lab = Lab::new();
    lab.apply(&text);
    let before = lab.lose("eno1");
    lab.start();
    let plan = lab.apply("controller \"rack-1\" { ethernet \"eno2\" }");
    let line = format!("{address}: not there now; protected (site.kdl:3 when last applied)  ");
    assert!(waiting(&plan).contains(&line), "{}", shown(&plan));
    lab.start();
    assert!(!lab.holds(address), "it has no port to be on");
    let port = "controller/rack-1/link/eno1".parse().unwrap();
    let resource = before.state[&port].clone();
    lab.world.state.insert(port, resource);
    lab.start();
    assert!(lab.holds(address));
}

#[test]
fn what_is_not_there_gives_its_place_to_what_is_declared() {
    let (mut lab, _) = after(&[with(BRIDGE), BARE.to_owned()]);
    lab.lose("br0");
    let (head, tail) = free()
        .split_once("bridge")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let (_, tail) = tail.split_once('\n').unwrap();
    let port = "ethernet \"eno2\"";
    let head = head.replace(
        port,
        &format!("{port} vlan=\"pxe\" {{ address \"10.0.0.2\" }}"),
    );
    let plan = lab.apply(&format!("{head}\n{tail}"));
    let other = "controller/rack-1/address/10.0.0.2/24@eno2";
    assert!(lab.holds(other), "{}", shown(&plan));
    lab.restart();
    assert!(lab.holds(other) && lab.holds(LINK) && !lab.holds(ADDRESS));
    assert!(
        lab.plan_of_last()
            .protected
            .contains_key(&ADDRESS.parse().unwrap())
    );
}
