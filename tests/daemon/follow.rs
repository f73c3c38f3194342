//! Servers follow their links by themselves, and with `--enforce` all else does.

use serde_json::Value;

use crate::lab::{Lab, Said, udhcpc, unlike};
use crate::support::sandbox::Running;

const ROUTE: &str = "controller/rack-1/route/10.99.0.0/16@main/100";

impl Lab {
    fn enforcing(&self) -> Running {
        let mut command = self.daemon(&[]);
        command.arg("--enforce");
        self.ready(command)
    }
}

/// A controller whose first port serves without a bridge.
fn direct() -> Lab {
    let lab = Lab::new();
    lab.write(&crate::lab::SITE.replace(
        "    ethernet \"port1\"\n    ethernet \"port2\"\n    bridge \"br0\" vlan=\"pxe\" { ports \"port1\" \"port2\"; address \"10.70.0.2\" }\n",
        "    ethernet \"port1\" vlan=\"pxe\" { address \"10.70.0.2\" }\n",
    ));
    lab
}

fn replugged(lab: &Lab) {
    lab.host.veth("port1", &lab.machines[0], "eth0");
    let eth0 = &lab.machines[0];
    eth0.ip("link set eth0 down");
    eth0.ip("link set eth0 address 02:00:00:00:70:01");
    eth0.ip("link set eth0 up");
}

fn listens(status: &Value, service: &str) -> bool {
    let rows = status["listeners"].as_array().unwrap();
    let mut rows = rows.iter().filter(|row| row["service"] == service);
    rows.any(|row| row["waits_for"].is_null())
}

/// A NIC that is plugged in again is another link to the kernel; all that it takes is its address.
#[test]
fn servers_find_a_link_that_comes_back() {
    let lab = direct();
    let _daemon = lab.serve();
    lab.applied();
    lab.serves();
    lab.host.ip("link del port1");
    let status = lab.until("the link is missed", |status| {
        unlike(status)
            .1
            .contains(&"controller/rack-1/link/port1: the host has no such link".to_owned())
    });
    let dns = &status["listeners"][0];
    assert_eq!(
        dns["waits_for"], "controller/rack-1/link/port1",
        "{status:#}"
    );
    replugged(&lab);
    let status = lab.until("the listener's need shows", |status| {
        let mut drift = status["drift"].as_array().unwrap().iter();
        drift.any(|one| one["needs"] == "controller/rack-1/address/10.70.0.2/16@port1")
    });
    assert!(!listens(&status, "dhcp"), "{status:#}");
    let told = lab.run(&["status"]).out;
    assert!(
        told.contains("waits for controller/rack-1/address/10.70.0.2/16@port1"),
        "{told}"
    );
    lab.host.ip("address add 10.70.0.2/16 dev port1");
    lab.until("DHCP listens", |status| listens(status, "dhcp"));
    lab.serves();
}

#[test]
fn servers_follow_a_link_that_is_renamed() {
    let lab = direct();
    let mac = lab.host.ip_json("link show dev port1")[0]["address"].clone();
    let site = std::fs::read_to_string(lab.path("site/site.kdl")).unwrap();
    let by_mac = format!("ethernet \"port1\" mac={mac} vlan");
    lab.write(&site.replace("ethernet \"port1\" vlan", &by_mac));
    let _daemon = lab.serve();
    lab.applied();
    lab.host.ip("link set port1 down");
    lab.host.ip("link set port1 name uplink");
    lab.host.ip("link set uplink up");
    lab.until("all listen on the new name", |status| {
        let rows = status["listeners"].as_array().unwrap();
        rows.len() == 4
            && rows
                .iter()
                .all(|row| row["link"] == "uplink" && row["waits_for"].is_null())
    });
    lab.serves();
}

/// Clients hear from the hardware address that a link has, not from the one that it had.
#[test]
fn servers_follow_a_changed_hardware_address() {
    let lab = direct();
    let _daemon = lab.serve();
    lab.applied();
    lab.host.ip("link set port1 address 02:00:00:00:99:01");
    let mut heard = lab.machines[0].spawn(
        "tcpdump",
        &[
            "-i", "eth0", "-e", "-n", "-l", "-c", "1", "udp", "src", "port", "67",
        ],
    );
    let mut ready = heard.child().stderr.take().unwrap();
    wait_for(&mut ready, "listening on");
    assert!(udhcpc(&lab.machines[0], &lab.folder).contains("ip=10.70.0.11\n"));
    let mut line = String::new();
    let mut out = std::io::BufReader::new(heard.child().stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    assert!(line.contains(" 02:00:00:00:99:01 >"), "{line}");
}

fn wait_for(from: &mut impl std::io::Read, words: &str) {
    let (mut said, mut byte) = (String::new(), [0]);
    while !said.contains(words) {
        assert_eq!(from.read(&mut byte).unwrap(), 1, "{said}");
        said.push(byte[0].into());
    }
}

#[test]
fn drift_tells_what_changed_and_since_when_and_that_it_ended() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    lab.host.ip("link set br0 mtu 1400");
    let status = lab.until("drift", |status| status["drifted"] == 1);
    let drift = &status["drift"][0];
    assert_eq!(drift["key"], "controller/rack-1/link/br0");
    let change = serde_json::json!({ "field": "mtu", "from": "1500", "to": "1400" });
    assert_eq!(drift["what"]["changes"][0], change, "{status:#}");
    let since = drift["since"].as_u64().unwrap();
    assert_eq!(lab.status()["drift"][0]["since"], since);
    let told = lab.run(&["status"]).out;
    assert!(
        told.contains("~ controller/rack-1/link/br0  mtu 1500 -> 1400, since 2"),
        "{told}"
    );
    lab.host.ip("link set br0 mtu 1500");
    lab.settled();
    let status = lab.until("the end is known", |status| {
        status["ended"].as_array().unwrap().len() == 1
    });
    let ended = &status["ended"][0];
    assert_eq!(
        (&ended["key"], &ended["since"]),
        (&drift["key"], &since.into())
    );
    // Nobody but the kernel told the daemon: it was asked nothing meanwhile.
    let log = std::fs::read_to_string(lab.path("log")).unwrap();
    assert!(
        log.contains("\"drift\"") && log.contains("\"drift ended\""),
        "{log}"
    );
}

#[test]
fn the_kernel_tells_of_drift_without_anybody_asking() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    lab.host.ip("route del 10.99.0.0/16");
    let since = std::time::Instant::now();
    lab.logged(ROUTE);
    // The look every ten seconds would have come later.
    assert!(since.elapsed().as_secs() < 5, "{:?}", since.elapsed());
}

#[test]
fn enforcing_puts_back_what_others_change_and_nothing_else() {
    let lab = Lab::new();
    let daemon = lab.enforcing();
    lab.applied();
    lab.host.ip("address add 192.0.2.77/32 dev br0");
    lab.host.ip("route add 198.51.100.0/24 via 10.70.0.9");
    lab.host.ip("link set br0 mtu 1400");
    lab.host.ip("route del 10.99.0.0/16");
    lab.settled();
    lab.host.ip("link del br0");
    lab.until("the bridge is back", |status| {
        listens(status, "dhcp") && unlike(status) == Default::default()
    });
    lab.serves();
    assert!(lab.host.ip("route show").contains("10.99.0.0/16"));
    let entry = &lab.history()[0];
    assert_eq!(entry["who"]["name"], "enforce");
    assert_eq!(entry["fate"]["kind"], "done");
    drop(daemon);
    // The applied site is what it was.
    let _daemon = lab.serve();
    assert_eq!(lab.unlike(), Default::default());
    let said = lab.run(&["rollback", "--yes"]);
    assert!(said.err.contains("no other state"), "{said:?}");
}

#[test]
fn enforcing_leaves_foreign_things_alone() {
    let lab = Lab::new();
    let _daemon = lab.enforcing();
    lab.applied();
    lab.host.ip("address add 192.0.2.77/32 dev br0");
    lab.host.ip("link set br0 mtu 1400");
    lab.settled();
    assert!(lab.host.ip("address show dev br0").contains("192.0.2.77"));
}

#[test]
fn enforcing_is_patient_with_who_fights_it() {
    let lab = Lab::new();
    let _daemon = lab.enforcing();
    lab.applied();
    let undone = |count: u64| {
        lab.until("it is put back", |_| {
            lab.host.ip("route show").contains("10.99.0.0/16")
        });
        lab.host.ip("route del 10.99.0.0/16");
        lab.until("the fight shows", |status| {
            let drift = &status["drift"][0];
            drift["key"] == ROUTE && drift["tries"]["count"] == count
        })
    };
    lab.host.ip("route del 10.99.0.0/16");
    let mut waits = Vec::new();
    for count in 1..=3 {
        let status = undone(count);
        waits.push(status["drift"][0]["tries"]["next"].as_u64().unwrap());
    }
    assert!(waits.is_sorted_by(|a, b| a < b), "{waits:?}");
    let told = lab.run(&["status"]).out;
    assert!(told.contains("fought 3 times, next try at 2"), "{told}");
    lab.settled();
}

#[test]
fn enforcing_waits_for_holds_and_for_confirmation() {
    let lab = Lab::new();
    let _daemon = lab.enforcing();
    lab.applied();
    assert_eq!(lab.run(&["hold", "cabling"]).code, 0);
    lab.host.ip("link set br0 mtu 1400");
    let held = |words: &str| {
        let words = words.to_owned();
        let status = lab.until("it is held back", |status| {
            status["held_back"]
                .as_str()
                .is_some_and(|reason| reason.contains(&words))
        });
        assert_eq!(unlike(&status).0, ["~ controller/rack-1/link/br0"]);
    };
    held("on hold");
    assert_eq!(lab.run(&["unlock", "--yes"]).code, 0);
    lab.settled();
    lab.write(&format!("{}{}", crate::lab::SITE, crate::lab::MORE));
    let said = lab.run(&["apply", "--yes", "--confirm-within", "10m"]);
    assert_eq!(said.code, 0, "{said:?}");
    lab.host.ip("link set br0 mtu 1400");
    held("waits to be confirmed");
    assert_eq!(lab.run(&["confirm"]).code, 0);
    lab.settled();
}

#[test]
fn enforcing_takes_no_hazard() {
    let lab = Lab::new();
    let _daemon = lab.enforcing();
    lab.applied();
    // Somebody else takes the address that the site says is ours.
    lab.host.ip("address del 10.70.0.2/16 dev br0");
    lab.settled();
    lab.host.ip("link set br0 down");
    lab.machines[0].ip("address add 10.70.0.2/16 dev eth0");
    let script = "ip address del 10.70.0.2/16 dev br0; ip link set br0 up";
    let said = Said::of(&lab.host.output("sh", &["-c", script]));
    assert_eq!(said.code, 0, "{said:?}");
    let status = lab.until("it is told", |status| {
        status["held_back"]
            .as_str()
            .is_some_and(|reason| reason.contains("ip-conflict"))
    });
    assert!(
        unlike(&status)
            .0
            .contains(&"+ controller/rack-1/address/10.70.0.2/16@br0".to_owned()),
        "{status:#}"
    );
    lab.machines[0].ip("address del 10.70.0.2/16 dev eth0");
    lab.settled();
}

#[test]
fn enforcing_leaves_what_the_site_ignores() {
    let lab = Lab::new();
    let _daemon = lab.enforcing();
    lab.write(&format!(
        "{}ignore \"controller/*/link/br0\" \"mtu\"\n",
        crate::lab::SITE
    ));
    lab.applied();
    lab.host.ip("link set br0 mtu 1400");
    lab.host.ip("route del 10.99.0.0/16");
    lab.until("the route is back", |_| {
        lab.host.ip("route show").contains("10.99.0.0/16")
    });
    lab.settled();
    assert_eq!(lab.host.ip_json("link show dev br0")[0]["mtu"], 1400);
}
