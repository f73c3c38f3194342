//! `bedplate ip`: what each address is, which is the next one, and which can be had back.

use std::net::Ipv4Addr;
use std::time::Instant;

use serde_json::{Value, json};

use crate::client::Relay;
use crate::lab::{Lab, PATIENCE, SITE};
use crate::support::sandbox::Running;

/// The lab with a reserved range.
fn site() -> String {
    SITE.replace(
        "dynamic-range \"10.70.1.0-10.70.1.99\"",
        "dynamic-range \"10.70.1.0-10.70.1.99\"; reserved-range \"10.70.200.0/24\" for=\"switches\"",
    )
}

/// A lab where clients 1 to 3 have an address, the last of which declines it, and client 4 is offered one.
fn lab() -> (Running, Lab, [Ipv4Addr; 4]) {
    let lab = Lab::new();
    lab.write(&site());
    let daemon = lab.serve();
    lab.applied();
    let addresses = addresses(&lab);
    (daemon, lab, addresses)
}

fn addresses(lab: &Lab) -> [Ipv4Addr; 4] {
    Relay::with(lab, PATIENCE, |relay| {
        let leased = [1, 2, 3].map(|client| {
            let address = relay.discover(client).unwrap();
            relay.request(client, address).unwrap()
        });
        relay.decline(3, leased[2]);
        let offered = relay.discover(4).unwrap();
        [leased[0], leased[1], leased[2], offered]
    })
}

fn row<'a>(listing: &'a Value, address: &str) -> &'a Value {
    let rows = listing[0]["addresses"].as_array().unwrap();
    let found = rows.iter().find(|row| row["first"] == address);
    found.unwrap_or_else(|| panic!("no {address} in {rows:#?}"))
}

#[test]
fn every_address_of_a_subnet_is_accounted_for() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    assert_eq!(lab.run(&["ip"]).out, "No site is applied yet.\n");
    for asked in [
        &["ip", "10.70.0.11"][..],
        &["ip", "02:00:00:00:70:01"],
        &["ip", "next", "10.70.0.0/16"],
        &["why", "02:00:00:00:70:01"],
    ] {
        let said = lab.run(asked);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains("no site is applied yet"), "{said:?}");
    }
    lab.write(&site());
    lab.applied();
    let [first, _, declined, offered] = addresses(&lab);
    let overview = lab.json(&["ip"]);
    let subnet = &overview["subnets"][0];
    assert_eq!(
        (&subnet["size"], &subnet["is_served"]),
        (&65534.into(), &true.into())
    );
    let mut counts = subnet["counts"].clone();
    // The relay agent answers at an address that nobody gave it.
    assert_eq!(counts["seen"].take(), 1);
    let expected = json!({
        "declared": 3, "auto": 0, "reserved": 1, "leased": 2, "held": 0, "offered": 1, "quarantined": 1,
        "stranded": 0, "reserved_range": 256, "unmanaged": 0, "seen": null, "free": 65534 - 265
    });
    assert_eq!(counts, expected);
    let asked = &subnet["dhcp"];
    assert_eq!(
        (&asked["discovers"], &asked["declines"]),
        (&4.into(), &1.into())
    );
    assert_eq!(asked, &lab.status()["scopes"]["10.70.0.0/16"]);
    let range = &subnet["ranges"][0];
    assert_eq!(
        (&range["size"], &range["used_percent"]),
        (&100.into(), &4.into())
    );
    let kinds = overview["conflicts"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds.map(|one| (&one["kind"], &one["address"])).collect();
    assert_eq!(kinds, [(&"declined".into(), &declined.to_string().into())]);
    listed(&lab, first, offered);
}

/// The addresses of the subnet, one by one and in runs.
fn listed(lab: &Lab, first: Ipv4Addr, offered: Ipv4Addr) {
    let listing = lab.json(&["ip", "10.70.0.0/16"]);
    for (address, last, what, who) in [
        ("10.70.0.1", "10.70.0.1", "declared", "the gateway"),
        (
            "10.70.0.2",
            "10.70.0.2",
            "declared",
            "controller rack-1/br0",
        ),
        ("10.70.0.3", "10.70.0.3", "seen", ""),
        ("10.70.0.4", "10.70.0.10", "free", ""),
        (
            "10.70.0.11",
            "10.70.0.11",
            "reserved",
            "machine node-01/eth0",
        ),
        ("10.70.0.255", "10.70.0.255", "free", ""),
        ("10.70.1.100", "10.70.199.255", "free", ""),
        ("10.70.200.0", "10.70.200.255", "reserved-range", ""),
    ] {
        let row = row(&listing, address);
        let told = (
            &row["last"],
            &row["use"],
            row["who"].as_str().unwrap_or_default(),
        );
        assert_eq!(told, (&last.into(), &what.into(), who), "{address}");
    }
    assert_eq!(row(&listing, &first.to_string())["use"], "leased");
    assert_eq!(row(&listing, &offered.to_string())["use"], "offered");
    let said = lab.run(&["ip"]).out;
    assert!(
        said.contains("10.70.0.0/16") && said.contains("2 leased"),
        "{said}"
    );
    let said = lab.run(&["ip", "10.70.0.0/16"]).out;
    assert!(
        said.contains("for switches") && said.contains("client-1.lab.example"),
        "{said}"
    );
}

#[test]
fn one_address_and_one_mac_are_told_of() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    let [first, ..] = addresses(&lab);
    let detail = lab.json(&["ip", &first.to_string()]);
    assert_eq!(
        (
            &detail["subnet"],
            &detail["address"]["use"],
            &detail["lease"]["hardware"]
        ),
        (
            &"10.70.0.0/16".into(),
            &"leased".into(),
            &"02:ee:00:00:00:01".into()
        )
    );
    let detail = lab.json(&["ip", "02:EE:00:00:00:01"]);
    assert_eq!(detail["leases"][0]["address"], first.to_string());
    let detail = lab.json(&["ip", "02:00:00:00:70:01"]);
    assert_eq!(detail["declared"][0]["first"], "10.70.0.11");
    for (what, code, words) in [
        ("10.70.0.11", 0, "machine node-01/eth0"),
        ("192.0.2.1", 1, "no subnet of the applied site holds"),
        (
            "02:ee:00:00:00:99",
            0,
            "has no address, and none is declared",
        ),
        ("10.71.0.0/16", 1, "C001"),
        ("10.70.0.1/16", 1, "host bits"),
        ("nobody", 1, "neither a prefix"),
    ] {
        let said = lab.run(&["ip", what]);
        let all = said.out.clone() + &said.err;
        assert!(said.code == code && all.contains(words), "{what}: {said:?}");
    }
}

#[test]
fn the_next_address_is_what_the_lock_would_give_unless_somebody_has_it() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    addresses(&lab);
    let next = lab.json(&["ip", "next", "10.70.0.0/16"]);
    assert_eq!(next[0]["address"], "10.70.0.4");
    let passed = &next[0]["passed"][0];
    assert_eq!(passed["address"], "10.70.0.3");
    assert!(
        passed["because"]
            .as_str()
            .unwrap()
            .contains("answered there"),
        "{passed}"
    );
    let said = lab.run(&["ip", "next", "10.70.0.0/16"]);
    assert!(
        said.out.starts_with("10.70.0.4  outside of all ranges\n"),
        "{said:?}"
    );
    assert_eq!(lab.run(&["ip", "next", "10.71.0.0/16"]).code, 1);
}

#[test]
fn what_is_kept_for_nobodys_good_is_had_back() {
    let (_daemon, lab, [first, second, declined, _]) = lab();
    assert_eq!(lab.run(&["ip", "reclaim", "10.71.0.0/16"]).code, 1);
    // Nobody answers at the declined address: the quarantine is past need, and all else is as it should be.
    let said = lab.run(&["ip", "reclaim"]);
    assert!(said.code == 1 && said.err.contains("--yes"), "{said:?}");
    assert!(said.out.contains(&declined.to_string()), "{said:?}");
    let freed = lab.json(&["ip", "reclaim", "10.70.0.0/16", "--yes"]);
    assert_eq!(
        freed,
        json!({ "freed": [declined.to_string()], "kept": [] })
    );
    // The range goes, and the address of one client is another's now.
    let other = format!(
        "machine \"node-05\" {{ ethernet \"eth0\" mac=\"02:00:00:00:70:05\" vlan=\"pxe\" {{ address \"{second}\" }} }}"
    );
    lab.write(&(site().replace("10.70.1.0-10.70.1.99", "10.70.3.0-10.70.3.99") + &other));
    let said = lab.run(&["apply", "--yes", "--allow", "strand-leases"]);
    assert_eq!(said.code, 0, "{said:?}");
    let overview = lab.json(&["ip"]);
    let conflicts = overview["conflicts"].as_array().unwrap().iter();
    let conflicts: Vec<_> = conflicts
        .map(|one| (&one["kind"], &one["address"]))
        .collect();
    assert_eq!(
        conflicts,
        [
            (&"outside-ranges".into(), &first.to_string().into()),
            (&"declared-for-another".into(), &second.to_string().into())
        ]
    );
    // What is said of the address is the site's word, beside the lease of whoever has it.
    let detail = lab.json(&["ip", &second.to_string()]);
    assert_eq!(
        (&detail["address"]["hardware"], &detail["lease"]["hardware"]),
        (&"02:00:00:00:70:05".into(), &"02:ee:00:00:00:02".into())
    );
    assert_eq!(
        (&detail["address"]["name"], &detail["address"]["expires"]),
        (&Value::Null, &Value::Null)
    );
    let freed = lab.json(&["ip", "reclaim", "--yes"]);
    assert_eq!(
        freed["freed"],
        json!([first.to_string(), second.to_string()])
    );
    assert_eq!(lab.run(&["ip", "reclaim"]).out, "Nothing to reclaim.\n");
    assert_eq!(lab.json(&["leases"]), json!([]));
}

/// Somebody answers where an address is in quarantine: it stays there.
#[test]
fn a_quarantine_stays_as_long_as_somebody_answers() {
    let (_daemon, lab, [_, _, declined, _]) = lab();
    lab.machines[1].ip(&format!("address add {declined}/16 dev eth0"));
    assert_eq!(lab.run(&["ip", "reclaim"]).out, "Nothing to reclaim.\n");
    lab.machines[1].ip(&format!("address del {declined}/16 dev eth0"));
    let end = Instant::now() + PATIENCE;
    while lab.run(&["ip", "reclaim"]).code == 0 {
        assert!(Instant::now() < end, "it is still kept");
    }
}

/// The past of an address or a MAC, the latest first, once there is so much.
pub(crate) fn past(lab: &Lab, what: &str, count: usize) -> Vec<Value> {
    let end = Instant::now() + PATIENCE;
    loop {
        let detail = lab.json(&["ip", what]);
        let rows = detail["history"].as_array().unwrap();
        if rows.len() >= count {
            return rows.clone();
        }
        assert!(Instant::now() < end, "{detail:#}");
    }
}

/// How the leases of an address or a MAC ended, the latest first, once there are so many.
fn ended(lab: &Lab, what: &str, count: usize) -> Vec<(String, String)> {
    let word = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = past(lab, what, count).into_iter();
    rows.map(|row| (word(&row, "hardware"), word(&row, "how")))
        .collect()
}

#[test]
fn the_past_of_an_address_outlives_the_daemon() {
    let lab = Lab::new();
    let mut daemon = lab.serve();
    lab.applied();
    let address = Relay::with(&lab, PATIENCE, |relay| {
        let address = relay.discover(1).unwrap();
        relay.request(1, address).unwrap();
        relay.release(1, address);
        // What is answered shows that what came before was heard.
        assert_eq!(relay.discover(1), Some(address));
        relay.request(1, address).unwrap()
    });
    let words = address.to_string();
    lab.json(&["leases", "release", &words]);
    Relay::with(&lab, PATIENCE, |relay| {
        assert_eq!(relay.discover(1), Some(address));
        relay.request(1, address).unwrap();
        relay.decline(1, address);
    });
    let hardware = "02:ee:00:00:00:01";
    let how = |how: &str| (hardware.to_owned(), how.to_owned());
    let before = ended(&lab, &words, 3);
    let mut sorted = before.clone();
    sorted.sort();
    // Of what ended within one second the order is not known.
    assert_eq!(sorted, ["declined", "released", "revoked"].map(how));
    assert_eq!(ended(&lab, hardware, 1), before);
    daemon.child().kill().unwrap();
    daemon.child().wait().unwrap();
    let _daemon = lab.serve();
    assert_eq!(ended(&lab, &words, 1), before);
    let said = lab.run(&["ip", &words]).out;
    assert!(
        said.contains("declined") && said.contains("client-1.lab.example"),
        "{said}"
    );
}

/// By `identity "mac"` a lease does not have the identifier that its machine is known by: it is the machine's all the same.
#[test]
fn the_lease_of_the_rightful_machine_is_kept() {
    let lab = Lab::new();
    let machine = r#"machine "node-02" {
        ethernet "eth0" vlan="pxe" client-id="cid-1" { address "10.70.0.12" }
    }"#;
    lab.write(&(SITE.replace("lease-time", "identity \"mac\"; lease-time") + machine));
    let daemon = lab.serve();
    lab.applied();
    let mut asks = vec![
        "-i",
        "eth0",
        "-n",
        "-q",
        "-t",
        "5",
        "-T",
        "1",
        "-s",
        "/bin/true",
    ];
    let has_its_own = |case: &str| {
        let leases = lab.json(&["leases"]);
        let leases = leases.as_array().unwrap().iter();
        let leases: Vec<_> = leases.map(|lease| &lease["address"]).collect();
        assert_eq!(leases, ["10.70.0.12"], "{case}");
        assert_eq!(lab.json(&["ip"])["conflicts"], json!([]), "{case}");
        let freed = lab.json(&["ip", "reclaim", "--yes"]);
        assert_eq!(freed, json!({ "freed": [], "kept": [] }), "{case}");
    };
    asks.extend(["-C", "-x", "0x3d:6369642d31"]);
    assert!(lab.machines[1].output("udhcpc", &asks).status.success());
    has_its_own("as it says who it is");
    asks.truncate(10);
    assert!(lab.machines[1].output("udhcpc", &asks).status.success());
    has_its_own("as it does not");
    drop(daemon);
    let _daemon = lab.serve();
    has_its_own("after a restart");
}
