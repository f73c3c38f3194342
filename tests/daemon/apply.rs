//! What an apply brings about, and how it is asked for.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::lab::{Lab, MORE, SITE, Said, dig, udhcpc};
use crate::support::witness;

#[test]
fn a_site_file_becomes_a_network_that_boots_machines() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    let plan = lab.run(&["plan", "--exit-code"]);
    assert_eq!(plan.code, 2, "{plan:?}");
    assert!(
        plan.out.contains("+ link br0") && plan.out.contains("site.kdl:15"),
        "{}",
        plan.out
    );
    lab.applied();
    // The kernel's own word for it.
    let links = lab.host.ip_json("link show dev br0");
    assert_eq!(links[0]["linkinfo"]["info_kind"], "bridge");
    assert_eq!(lab.host.ip_json("link show dev port1")[0]["master"], "br0");
    let addresses = lab.host.ip_json("-4 address show dev br0");
    assert_eq!(
        (
            &addresses[0]["addr_info"][0]["local"],
            &addresses[0]["addr_info"][0]["prefixlen"]
        ),
        (&"10.70.0.2".into(), &16.into())
    );
    let route = &lab.host.ip_json("route show 10.99.0.0/16")[0];
    assert_eq!(
        (&route["gateway"], &route["metric"], &route["protocol"]),
        (&"10.70.0.254".into(), &100.into(), &"98".into())
    );
    // A declared machine and a stranger.
    let told = udhcpc(&lab.machines[0], &lab.folder);
    assert!(
        told.contains("ip=10.70.0.11\n")
            && told.contains("router=10.70.0.1\n")
            && told.contains("dns=10.70.0.2\n"),
        "{told}"
    );
    let told = udhcpc(&lab.machines[1], &lab.folder);
    assert!(told.contains("ip=10.70.1."), "{told}");
    let leases: Value = serde_json::from_str(&lab.run(&["--json", "leases"]).out).unwrap();
    assert!(
        leases
            .as_array()
            .unwrap()
            .iter()
            .any(|lease| lease["hardware"] == "02:00:00:00:70:02"),
        "{leases}"
    );
    assert_eq!(dig(&lab, &["-x", "10.70.0.11"]), "node-01.lab.example.");
    assert_eq!(dig(&lab, &["rack-1.lab.example"]), "10.70.0.2");
    lab.serves();
}

#[test]
fn withdrawing_the_site_leaves_what_others_made() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.host.ip("address add 10.71.0.1/24 dev port1");
    let before = lab.host.ip_json("address show dev port1")[0]["addr_info"].clone();
    lab.applied();
    lab.write(
        "site \"lab\" domain=\"lab.example\"\ncontroller \"rack-1\" { ethernet \"port1\" }\n",
    );
    let said = lab.run(&[
        "apply",
        "--yes",
        "--allow",
        "mass-delete,foreign-children,strand-leases",
    ]);
    assert_eq!(said.code, 0, "{said:?}");
    let links = lab.host.ip_json("link show");
    assert!(
        links
            .as_array()
            .unwrap()
            .iter()
            .all(|link| link["ifname"] != "br0"),
        "{links}"
    );
    let after = lab.host.ip_json("address show dev port1")[0]["addr_info"].clone();
    assert_eq!(before, after);
}

#[test]
fn a_new_machine_is_served_without_a_restart() {
    let lab = Lab::new();
    let daemon = lab.serve();
    lab.applied();
    lab.write(&format!("{SITE}{MORE}"));
    let plan = lab.run(&["plan"]);
    assert!(
        plan.out.contains("reservation 02:00:00:00:70:02") && plan.out.contains("record node-02 A"),
        "{}",
        plan.out
    );
    lab.applied();
    assert!(udhcpc(&lab.machines[1], &lab.folder).contains("ip=10.70.0.12\n"));
    drop(daemon);
}

#[test]
fn plans_are_saved_applied_exactly_and_refused_when_stale() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    assert_eq!(lab.run(&["plan", "--out", "../saved.plan"]).code, 0);
    lab.host.ip("address add 10.70.9.9/32 dev port1");
    let stale = lab.run(&["apply", "--yes", "../saved.plan"]);
    assert_eq!(stale.code, 1, "{stale:?}");
    assert!(stale.err.contains("D003"), "{stale:?}");
    assert_eq!(lab.run(&["plan", "--out", "../saved.plan"]).code, 0);
    let applied = lab.run(&["apply", "--yes", "../saved.plan"]);
    assert_eq!(applied.code, 0, "{applied:?}");
}

#[test]
fn without_a_terminal_an_apply_must_be_told_yes() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    let said = lab.run(&["apply"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("--yes"), "{said:?}");
    assert_eq!(lab.run(&["plan", "--exit-code"]).code, 2);
}

#[test]
fn without_a_daemon_commands_say_what_to_do() {
    let lab = Lab::new();
    for command in ["plan", "apply", "status", "leases"] {
        let said = lab.run(&[command]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(
            said.err.contains("D001") && said.err.contains("bedplate serve"),
            "{said:?}"
        );
    }
    assert_eq!(lab.run(&["check"]).code, 0);
}

#[test]
fn a_port_that_turns_out_to_be_in_use_undoes_everything() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    // The kernel's list does not say that this one takes IPv4 too.
    let _thief = lab
        .host
        .run(|| std::net::UdpSocket::bind("[::]:69").unwrap());
    let before = witness::host(&lab.host);
    let said = lab.apply();
    assert_eq!(said.code, 4, "{said:?}");
    assert!(
        said.err.contains("listener/tftp/10.70.0.2") && said.err.contains("D004"),
        "{said:?}"
    );
    assert!(
        said.out.contains("Everything is as it was before."),
        "{said:?}"
    );
    assert_eq!(witness::host(&lab.host), before);
}

/// A site folder beside the lab's, with `text` and the boot files.
fn site_folder(lab: &Lab, name: &str, text: &str) {
    fs::create_dir_all(lab.path(name).join("boot")).unwrap();
    let (from, to) = ("site/boot/tiny.efi", lab.path(name).join("boot/tiny.efi"));
    fs::copy(lab.path(from), to).unwrap();
    fs::write(lab.path(name).join("site.kdl"), text).unwrap();
}

#[test]
fn of_two_applies_at_once_each_ends_and_nothing_is_mixed() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    for round in 0..4 {
        let sites = ["one", "two"].map(|name| {
            let text = format!(
                "{SITE}{}",
                MORE.replace("node-02", &format!("{name}-{round}"))
            );
            site_folder(&lab, name, &text);
            name
        });
        let rivals = sites.map(|site| {
            let mut command = lab.command(site, &["apply", "--yes", "--allow", "mass-delete"]);
            let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
            piped.spawn().unwrap()
        });
        let said = rivals.map(|rival| Said::of(&rival.wait_with_output().unwrap()));
        let refused = |said: &Said| said.err.contains("D002") || said.err.contains("D003");
        for said in &said {
            assert!(
                said.code == 0 || (said.code == 1 && refused(said)),
                "{said:?}"
            );
        }
        assert!(said.iter().any(|said| said.code == 0), "{said:?}");
        // What is in force is one of the two, whole.
        let in_force = sites.map(|site| {
            let plan = lab.command(site, &["plan", "--exit-code"]).output();
            plan.unwrap().status.code() == Some(0)
        });
        assert!(in_force[0] != in_force[1], "{in_force:?} after {said:?}");
        assert_eq!(lab.unlike(), Default::default());
    }
}

#[test]
fn a_second_identical_apply_sends_the_kernel_nothing() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    let monitor = lab.monitor();
    // The kernel has words of its own for a while: an operational state, an IPv6 address found to be unique.
    let is_silent = (2..100).any(|round| {
        let said = lab.apply();
        assert_eq!(said.code, 0, "{said:?}");
        let mark = format!("192.0.2.{round}/32");
        lab.host.ip(&format!("address add {mark} dev lo"));
        let heard = monitor.iter().take_while(|line| !line.contains(&mark));
        // What is left of the marks before is none of the daemon's.
        heard.filter(|line| !line.contains("192.0.2.")).count() == 0
    });
    assert!(is_silent, "each apply changes something");
}
