//! The real daemon after a reboot: the host is what the last apply made it before anybody is served, and what a link that appears late
//! kept waiting comes with it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::daemon::{bedplate, serve};
use crate::support::guest;
use crate::support::normalise::{self, snapshot};
use crate::support::sandbox::Namespace;

const SITE: &str = r#"
site "lab" domain="lab.example"
fabric "plant" {
    vlan "pxe" {
        dhcp { controllers "rack-1" }
        subnet "10.70.0.0/16" { dynamic-range "10.70.1.0-10.70.1.99" }
    }
    vlan "storage" id=100 {
        dhcp { controllers "rack-1" }
        subnet "10.71.0.0/16" { dynamic-range "10.71.1.0-10.71.1.99" }
    }
    vlan "annex" id=200 {
        dhcp { controllers "rack-1" }
        subnet "10.72.0.0/16" { dynamic-range "10.72.1.0-10.72.1.99" }
    }
}
controller "rack-1" {
    ethernet "p0"
    ethernet "p1"
    ethernet "p2" vlan="pxe" { address "10.70.0.2" }
    ethernet "p3"
    bond "bond0" mode="active-backup" { ports "p0" "p1" }
    tagged "bond0.100" on="bond0" vlan="storage" { address "10.71.0.2" }
    tagged "p3.200" on="p3" vlan="annex" { address "10.72.0.2" }
    dummy "anycast0" { address "192.0.2.53/32" }
    vrf "blue" table=1001 { ports "p2" }
}
"#;

/// Links that the host has by itself; each other end is in `beyond`.
fn plugged(host: &Namespace, beyond: &Namespace, links: &[&str]) {
    for link in links {
        // A NIC has its hardware address before and after.
        let (end, number) = (beyond.path(), link.trim_start_matches('p'));
        host.ip(&format!(
            "link add {link} address 02:00:00:00:01:0{number} type veth peer name {link} netns {end}"
        ));
        host.ip(&format!("link set {link} up"));
        beyond.ip(&format!("link set {link} up"));
    }
}

fn status(folder: &Path) -> Value {
    let output = bedplate(folder)
        .args(["--json", "status"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// The links that DHCP answers on.
fn served(status: &Value) -> Vec<&str> {
    let rows = status["listeners"].as_array().unwrap().iter();
    let dhcp = rows.filter(|row| row["service"] == "dhcp" && row["waits_for"].is_null());
    dhcp.map(|row| row["link"].as_str().unwrap()).collect()
}

fn keys<'a>(status: &'a Value, list: &str) -> Vec<&'a str> {
    let rows = status[list].as_array().unwrap().iter();
    rows.map(|row| row["key"].as_str().unwrap()).collect()
}

/// Starts on a host that has lost everything but `present`, and then gets the others.
fn check(present: &[&str], late: &[&str], waiting: &[&str], serving: &[&str]) {
    let scratch = TempDir::new().unwrap();
    let folder = scratch.path();
    fs::write(folder.join("site.kdl"), SITE).unwrap();
    let [host, beyond] = [Namespace::new(), Namespace::new()];
    plugged(&host, &beyond, &["p0", "p1", "p2", "p3"]);
    let daemon = serve(&host, folder);
    let applied = bedplate(folder).args(["apply", "--yes"]).output().unwrap();
    assert!(
        applied.status.success(),
        "{}{}",
        String::from_utf8_lossy(&applied.stdout),
        String::from_utf8_lossy(&applied.stderr)
    );
    let before = snapshot(&host);
    drop(daemon);
    // Another namespace is a host that has just booted.
    let [host, beyond] = [Namespace::new(), Namespace::new()];
    plugged(&host, &beyond, present);
    let _daemon = serve(&host, folder);
    let said = status(folder);
    assert_eq!(keys(&said, "drift"), Vec::<&str>::new(), "{said:#}");
    assert_eq!(keys(&said, "waiting"), waiting, "{said:#}");
    assert_eq!(served(&said), serving, "{said:#}");
    plugged(&host, &beyond, late);
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let said = status(folder);
        let is_whole = said["drifted"] == 0 && said["withheld"] == 0;
        if is_whole && said["under_way"].is_null() && served(&said).len() == 3 {
            break;
        }
        assert!(Instant::now() < end, "{said:#}");
    }
    normalise::same(&before, &snapshot(&host), "after the start");
}

#[test]
fn a_booted_host_is_what_was_applied() {
    guest::inside(|| {
        let all = ["p2", "bond0.100", "p3.200"];
        check(&["p0", "p1", "p2", "p3"], &[], &[], &all);
    });
}

#[test]
fn what_waits_for_a_port_comes_with_it() {
    guest::inside(|| {
        let waiting = ["controller/rack-1/link/p1"];
        let all = ["p2", "bond0.100", "p3.200"];
        check(&["p0", "p2", "p3"], &["p1"], &waiting, &all);
    });
}

#[test]
fn what_waits_for_a_link_below_comes_with_it() {
    guest::inside(|| {
        let waiting = [
            "controller/rack-1/link/p2",
            "controller/rack-1/link/p3",
            "controller/rack-1/link/p3.200",
            "controller/rack-1/address/10.70.0.2/16@p2",
            "controller/rack-1/address/10.72.0.2/16@p3.200",
            "controller/rack-1/listener/dhcp/10.70.0.2",
            "controller/rack-1/listener/dhcp/10.72.0.2",
            "controller/rack-1/listener/dns/10.70.0.2",
            "controller/rack-1/listener/dns/10.72.0.2",
            "controller/rack-1/listener/tftp/10.70.0.2",
            "controller/rack-1/listener/tftp/10.72.0.2",
            "controller/rack-1/listener/http/10.70.0.2",
            "controller/rack-1/listener/http/10.72.0.2",
            "vlan/plant/annex/scope/10.72.0.0/16",
            "vlan/plant/pxe/scope/10.70.0.0/16",
        ];
        check(&["p0", "p1"], &["p2", "p3"], &waiting, &["bond0.100"]);
    });
}
