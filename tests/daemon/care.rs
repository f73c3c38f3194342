//! What the site protects and what it leaves to others, over applies and restarts of the daemon.

use crate::lab::{Lab, SITE, dig, udhcpc};

const MACHINE: &str = "machine \"node-01\" {";
const BRIDGE: &str = "bridge \"br0\" vlan=\"pxe\" {";

/// The lab's site without its machine.
fn without_machine() -> String {
    let (site, _) = SITE.split_once(MACHINE).unwrap();
    site.to_owned()
}

/// The lab's site with words in front of a block.
fn with(head: &str, words: &str) -> String {
    assert!(SITE.contains(head));
    SITE.replace(head, &format!("{head} {words};"))
}

/// The first machine has what the site once gave it.
fn is_served(lab: &Lab) -> bool {
    udhcpc(&lab.machines[0], &lab.folder).contains("ip=10.70.0.11\n")
        && dig(lab, &["node-01.lab.example"]) == "10.70.0.11"
}

#[test]
fn protection_outlasts_its_block_every_apply_and_every_restart() {
    let lab = Lab::new();
    let mut daemon = lab.serve();
    lab.write(&with(MACHINE, "protect \"production storage\""));
    lab.applied();
    lab.write(&without_machine());
    let reservation = "vlan/plant/pxe/reservation/02:00:00:00:70:01";
    let told = "protected: production storage (site.kdl:19 when last applied)";
    let line = format!("{reservation}: {told}");
    for round in 0..2 {
        let said = lab.apply();
        assert_eq!(said.code, 4, "{round} {said:?}");
        let plan = lab.run(&["plan", "--exit-code"]);
        assert_eq!(plan.code, 0, "{plan:?}");
        let told = format!("? {reservation}  {told}");
        assert!(plan.out.contains(&told), "{}", plan.out);
        assert!(is_served(&lab), "{round}");
        // The only one that there is must go before the next one has its place.
        drop(daemon);
        daemon = lab.serve();
        let (drift, waiting) = lab.unlike();
        assert_eq!(drift, Vec::<String>::new(), "{round}");
        assert!(waiting.contains(&line), "{round} {waiting:?}");
        assert!(is_served(&lab), "{round} after a restart");
    }
    // An apply that fails forgets nothing.
    lab.host.ip("address add 10.70.0.3/32 dev lo");
    let thief = lab
        .host
        .run(|| std::net::UdpSocket::bind("10.70.0.3:69").unwrap());
    lab.write(&SITE.replace("10.70.0.2\"", "10.70.0.3\""));
    let said = lab.apply();
    assert!(said.out.contains("listener/tftp/10.70.0.3"), "{said:?}");
    drop(thief);
    lab.write(&without_machine());
    assert_eq!(lab.apply().code, 4);
    assert!(is_served(&lab));
    // Declared without protection and applied, it may go.
    lab.write(SITE);
    lab.applied();
    lab.write(&without_machine());
    lab.applied();
    assert_eq!(dig(&lab, &["node-01.lab.example"]), "");
}

#[test]
fn a_start_brings_back_what_protection_keeps() {
    let lab = Lab::new();
    let daemon = lab.serve();
    lab.write(&with(BRIDGE, "protect"));
    lab.applied();
    let bare =
        "site \"lab\" domain=\"lab.example\"\ncontroller \"rack-1\" { ethernet \"port1\" }\n";
    lab.write(bare);
    let said = lab.run(&["apply", "--yes", "--allow", "mass-delete,strand-leases"]);
    assert_eq!(said.code, 4, "{said:?}");
    let before = lab.unlike();
    drop(daemon);
    // As after a start of the host.
    lab.host.ip("link del br0");
    let daemon = lab.serve();
    let addresses = lab.host.ip_json("-4 address show dev br0");
    assert_eq!(addresses[0]["addr_info"][0]["local"], "10.70.0.2");
    assert_eq!(lab.unlike(), before);
    // What someone takes away is remembered over applies, and comes back with a start.
    lab.host.ip("link del br0");
    assert_eq!(lab.apply().code, 4);
    let (drift, waiting) = lab.unlike();
    let line =
        "controller/rack-1/link/br0: not there now; protected (site.kdl:16 when last applied)";
    assert_eq!(drift, Vec::<String>::new());
    assert!(waiting.contains(&line.to_owned()), "{waiting:?}");
    drop(daemon);
    let _daemon = lab.serve();
    assert_eq!(lab.unlike(), before);
    // Declared without protection and applied, it may go.
    lab.write(SITE);
    lab.applied();
    lab.write(bare);
    let said = lab.run(&["apply", "--yes", "--allow", "mass-delete,strand-leases"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(lab.unlike(), Default::default());
}

#[test]
fn a_protected_machine_gets_another_nic() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    let swapped = |site: &str| site.replace("02:00:00:00:70:01", "02:00:00:00:70:09");
    lab.write(&swapped(&with(MACHINE, "protect \"db\"")));
    lab.applied();
    // Under protection the old one keeps the address …
    lab.write(&with(MACHINE, "protect \"db\""));
    assert_eq!(lab.apply().code, 4);
    // … and without it the new one has it at once.
    lab.write(SITE);
    lab.applied();
    assert!(is_served(&lab));
    assert_eq!(lab.unlike(), Default::default());
}

#[test]
fn what_others_change_and_the_site_ignores_is_left_over_restarts() {
    let rules = "ignore \"controller/*/link/br0\" \"mtu\"\nignore \"**/10.99.0.0/**\" for=\"a routing daemon\"\n";
    let lab = Lab::new();
    let daemon = lab.serve();
    lab.write(&format!("{SITE}{rules}"));
    lab.applied();
    lab.host.ip("link set br0 mtu 1400");
    lab.host.ip("route del 10.99.0.0/16");
    assert_eq!(lab.unlike(), Default::default());
    assert_eq!(lab.status()["ignored"], 2);
    let said = lab.run(&["status"]);
    assert!(said.out.contains("ignored: 2 changed outside"), "{said:?}");
    lab.applied();
    let plan = lab.run(&["plan"]);
    assert!(
        plan.out.contains("ignored: 2 things changed outside"),
        "{plan:?}"
    );
    let mtu = || lab.host.ip_json("link show dev br0")[0]["mtu"].clone();
    let route = || lab.host.ip("route show 10.99.0.0/16");
    assert_eq!((mtu(), route().as_str()), (1400.into(), ""));
    drop(daemon);
    let _daemon = lab.serve();
    assert_eq!(mtu(), 1400);
    assert!(
        route().contains("10.70.0.254"),
        "what is missing comes back"
    );
    lab.write(SITE);
    lab.applied();
    assert_eq!(mtu(), 1500);
}
