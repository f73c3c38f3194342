//! `bedplate bmc discover`: BMCs that are not ours are found, told apart, and recognised where the site has them elsewhere.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use bedplate::world::bmc::ipmi::{PORT, ping};
use serde_json::Value;

use crate::bmc::check;
use crate::certificates::Authority;
use crate::counterpart::{Bmc, PASSWORD, PATIENCE, Setup, USER};
use crate::emulator::{self, Emulator};
use crate::lab::{Lab, SITE};
use crate::wish::places;

/// Known, known elsewhere, and not known; the last speaks Redfish.
const ADDRESSES: [&str; 3] = ["10.71.0.21", "10.71.0.22", "10.71.0.23"];

/// As ipmi_sim tells it.
const UUID: &str = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";

/// Carries what comes at the usual port to where the emulator listens.
fn at_the_usual_port(emulator: &Emulator, address: &'static str) {
    let (listener, port) = (TcpListener::bind((address, 443)).unwrap(), emulator.port());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let one = stream.unwrap();
            let Ok(other) = TcpStream::connect((address, port)) else {
                return;
            };
            for (mut from, mut to) in [
                (one.try_clone().unwrap(), other.try_clone().unwrap()),
                (other, one),
            ] {
                thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
}

fn sim(place: crate::sandbox::Namespace, address: &str) -> Bmc {
    let setup = Setup {
        address,
        ..Setup::default()
    };
    Bmc::sim_in(place, setup)
}

#[test]
fn bmcs_are_found_recognised_and_missed() {
    let lab = Lab::new();
    let [known, elsewhere, unknown] = places(&lab, ADDRESSES);
    let _known = sim(known, ADDRESSES[0]);
    let _elsewhere = sim(elsewhere, ADDRESSES[1]);
    let authority = Authority::new();
    let certificate = authority.self_signed("bmc", "CA:FALSE", "DNS:bmc");
    let _emulator = unknown.run(|| {
        let emulator = Emulator::start(ADDRESSES[2], &certificate, "sessions");
        at_the_usual_port(&emulator, ADDRESSES[2]);
        emulator
    });
    fs::write(lab.path("password"), PASSWORD).unwrap();
    let bmc = |address: &str| {
        format!(
            "bmc \"ipmi\" address=\"{address}\" username=\"{USER}\" password=(file){:?}",
            lab.path("password")
        )
    };
    let machines = format!(
        "machine \"node-02\" {{ {} }}\nmachine \"node-03\" uuid=\"{UUID}\" {{ {} }}\n",
        bmc(ADDRESSES[0]),
        bmc("10.71.0.99"),
    );
    lab.write(&format!("{SITE}{machines}"));
    let _daemon = lab.serve();
    check(&lab, "bmc discover", 1, &["D009", "none is named"]);
    lab.applied();
    // Its BMCs are in no subnet of the site: they alone are looked at.
    check(
        &lab,
        "bmc discover",
        0,
        &["node-02", "node-03", "Looked at 2 addresses"],
    );
    check(
        &lab,
        "bmc discover 10.0.0.0/8",
        1,
        &["D009", "more addresses"],
    );
    let nowhere =
        "No route of this controller leads to 2001:db8:99::/126: give it an address there";
    check(&lab, "bmc discover 2001:db8:99::/126", 4, &[nowhere]);
    let fingerprint = authority.fingerprint("bmc");
    let pinned = format!(
        "bmc \"redfish\" address=\"10.71.0.23\" username=\"…\" password=(file)\"/etc/bedplate/bmc\" {{ fingerprint \"{fingerprint}\" }}"
    );
    let parts = [
        "10.71.0.21  IPMI",
        "node-02\n",
        "node-03, by its UUID: the site has its BMC at 10.71.0.99",
        "Not known to the site:\n  10.71.0.23  Redfish 1.",
        &pinned,
        "Of the site, and silent:\n  node-03  10.71.0.99\n",
        "of 10.71.0.0/24.",
    ];
    let fabric = "fabric \"out-of-band\" { vlan \"bmcs\" { subnet \"10.71.0.0/24\" } }\n";
    lab.write(&format!("{SITE}{fabric}{machines}"));
    lab.applied();
    let said = check(&lab, "bmc discover", 0, &parts);
    assert!(!said.out.contains(emulator::PASSWORD), "{said:?}");
    // Somebody on the same wire has a hardware address.
    assert!(said.out.contains(':'), "{said:?}");
    let mac = as_lines(&lab, &fingerprint.to_string());
    let site = format!("{SITE}{fabric}{machines}");
    by_its_port(&lab, &site, (&mac, &pinned));
    pins(&lab, &site, &fingerprint.to_string());
}

/// Another certificate than the one that was compared once.
fn pins(lab: &Lab, site: &str, fingerprint: &str) {
    let password = lab.path("password");
    let another = "0a".repeat(32);
    for (pin, part) in [
        (fingerprint, "  node-04\n"),
        (
            &another,
            "node-04; shows another certificate than the one that the site pins: bedplate bmc trust node-04",
        ),
    ] {
        lab.write(&format!(
            "{site}machine \"node-04\" {{ bmc \"redfish\" address=\"{}\" username=\"a\" password=(file){password:?} {{ fingerprint \"{pin}\" }} }}\n",
            ADDRESSES[2]
        ));
        lab.applied();
        check(lab, "bmc discover", 0, &[part]);
    }
}

/// One that shares a port with a machine, for which the site has no BMC yet.
fn by_its_port(lab: &Lab, site: &str, (mac, pinned): (&str, &str)) {
    let shares =
        format!("machine \"node-04\" {{ ethernet \"eth0\" mac=\"{mac}\" vlan=\"pxe\" }}\n");
    lab.write(&format!("{site}{shares}"));
    lab.applied();
    let parts = [
        "node-04, by its MAC: the site has no BMC for it",
        &format!("{pinned}  // node-04\n"),
    ];
    let said = check(lab, "bmc discover", 0, &parts);
    assert!(!said.out.contains("Not known to the site"), "{said:?}");
    let said = check(lab, "--json bmc discover 10.71.0.23/32", 0, &[]).out;
    let matched = format!("\"mac\":\"{mac}\"");
    assert!(
        said.contains(&matched) && said.contains("\"by\":\"mac\""),
        "{said}"
    );
}

/// The same for programs, of a part of the subnet; the hardware address of the one that speaks Redfish.
fn as_lines(lab: &Lab, fingerprint: &str) -> String {
    let said = check(lab, "--json bmc discover 10.71.0.16/28", 0, &[]);
    let events: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["begun"]["addresses"], 14);
    assert_eq!(events.last().unwrap()["done"]["addresses"], 14);
    let found = |address: &str| {
        let mut found = events.iter().map(|event| &event["found"]);
        found.find(|found| found["address"] == address).unwrap()
    };
    assert_eq!(found(ADDRESSES[0])["by"], "address");
    assert_eq!(found(ADDRESSES[0])["uuid"], UUID);
    assert_eq!(found(ADDRESSES[1])["machine"], "node-03");
    let redfish = found(ADDRESSES[2]);
    assert_eq!(redfish["machine"], Value::Null);
    assert_eq!(redfish["redfish"]["fingerprint"], fingerprint);
    assert_eq!(redfish["ipmi"], false);
    let mac = redfish["mac"].as_str().unwrap();
    assert_eq!(mac.len(), 17, "{redfish}");
    mac.to_owned()
}

#[test]
fn of_ipv6_those_are_asked_whom_the_kernel_knows() {
    const ADDRESS: &str = "fd00:71::24";
    let lab = Lab::new();
    let [place] = places(&lab, ["10.71.0.24"]);
    lab.host.ip("address add fd00:71::2/64 dev mgmt nodad");
    place.ip(&format!("address add {ADDRESS}/64 dev eth0 nodad"));
    let _bmc = sim(place, ADDRESS);
    let _daemon = lab.serve();
    lab.applied();
    check(
        &lab,
        "bmc discover fd00:71::/64",
        0,
        &["Looked at 0 addresses"],
    );
    let address = SocketAddr::new(ADDRESS.parse().unwrap(), PORT);
    assert_eq!(lab.host.block_on(ping(address, PATIENCE)), Ok(true));
    let parts = [
        "Not known to the site:\n  fd00:71::24  IPMI",
        "bmc \"ipmi\" address=\"fd00:71::24\"",
    ];
    check(&lab, "bmc discover fd00:71::/64", 0, &parts);
}
