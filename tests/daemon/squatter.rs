//! An address that a stranger has is not offered, and everybody who asks hears of it.

use serde_json::Value;

use crate::lab::{Lab, SITE, udhcpc};

const CLIENT: &str = "02:00:00:00:70:02";
const STRANGER: &str = "02:00:00:00:70:01";

#[test]
fn a_client_gets_the_next_address_and_people_hear_why() {
    let lab = Lab::new();
    lab.write(&SITE.replace(
        "image \"tiny\" }\n        subnet",
        "image \"tiny\"; probe \"dynamic\" }\n        subnet",
    ));
    let _daemon = lab.serve();
    lab.applied();
    lab.machines[0].ip("address add 10.70.1.0/16 dev eth0");
    assert!(udhcpc(&lab.machines[1], &lab.folder).contains("ip=10.70.1.1\n"));
    let events = lab.run(&["--json", "events"]).out;
    let first: Value = serde_json::from_str(events.lines().next().unwrap()).unwrap();
    let told = ["event", "address", "hardware", "by", "vlan"].map(|name| first[name].clone());
    let expected = ["conflict", "10.70.1.0", CLIENT, STRANGER, "plant/pxe"];
    assert_eq!(told, expected.map(Value::from));
    let quarantined = lab.run(&["leases", "--state", "declined"]).out;
    let words =
        format!("offered 10.70.1.1; before that 10.70.1.0 was found in use by {STRANGER} (on br0");
    let disputed = format!("{STRANGER} answered before it was offered to {CLIENT}");
    for (said, word) in [
        (lab.run(&["ip"]).out, disputed),
        (lab.run(&["events"]).out, format!("in use by {STRANGER}")),
        (lab.run(&["why", CLIENT]).out, words),
        (lab.run(&["-v", "status"]).out, "conflicts 1".to_owned()),
        (quarantined, "10.70.1.0".to_owned()),
    ] {
        assert!(said.contains(&word), "{word}: {said}");
    }
}
