//! Inventory: from every place where services keep it.

use std::sync::Arc;

use bedplate::base::bmc::{Inventory, PartKind};
use bedplate::world::bmc::redfish::Session;
use bedplate::world::https::Trusted;
use serde_json::{Value, json};

use crate::certificates::{Authority, NOW};
use crate::emulator::Emulator;
use crate::mock::{Does, Mock, SYSTEM, State};
use crate::sensors::in_chassis;

const CHASSIS: &str = "/redfish/v1/Chassis/1";

fn parts(inventory: &Inventory) -> Vec<String> {
    let parts = inventory.parts.iter().map(|part| {
        let size = part.size.map_or(String::new(), |size| format!(" {size}"));
        format!("{:?} {}{size}", part.kind, part.place)
    });
    parts.collect()
}

fn ports(inventory: &Inventory) -> Vec<String> {
    let ports = inventory.ports.iter().map(|port| {
        let mac = port.mac.map_or("none".to_owned(), |mac| mac.to_string());
        format!("{} {mac}", port.name)
    });
    ports.collect()
}

#[tokio::test]
async fn the_emulator_s_machine_is_known_by_its_address() {
    let authority = Authority::new();
    let certificate = authority.signed("bmc", "IP:127.0.0.1", NOW);
    let trusted = Trusted::Authority(Arc::from(authority.pem()));
    let mut emulator = Emulator::start("127.0.0.1", &certificate, "sessions");
    let mut session = Session::open(&emulator.target(trusted)).await.unwrap();
    let told = session.inventory().await.unwrap();
    session.close().await.unwrap();
    let found = told.value;
    assert_eq!(
        found.uuid.as_deref(),
        Some("27946b59-9e44-4fa7-8e91-f3527a1ef094")
    );
    assert_eq!(found.manufacturer.as_deref(), Some("Sushy Emulator"));
    assert_eq!(ports(&found), ["52:54:00:77:00:01 52:54:00:77:00:01"]);
    assert_eq!(emulator.told()["open"], 0);
}

/// Puts a collection of resources behind a link of another.
fn add(state: &mut State, owner: &str, key: &str, members: &[Value]) {
    let place = format!("{owner}/{key}");
    state.resources.get_mut(owner).unwrap()[key] = json!({"@odata.id": place});
    let paths: Vec<String> = (0..members.len())
        .map(|at| format!("{place}/{at}"))
        .collect();
    let links: Vec<&str> = paths.iter().map(String::as_str).collect();
    state.collect(&place, &links);
    for (path, member) in paths.iter().zip(members) {
        state.put(path, member.clone());
    }
}

fn furnished(state: &mut State) {
    add(
        state,
        SYSTEM,
        "Processors",
        &[
            json!({"Socket": "CPU 1", "TotalCores": 32}),
            json!("no object"),
        ],
    );
    let slots = [
        json!({"DeviceLocator": "A1", "CapacityMiB": 1024}),
        json!({"DeviceLocator": "A2", "Status": {"State": "Absent"}}),
    ];
    add(state, SYSTEM, "Memory", &slots);
    add(
        state,
        SYSTEM,
        "Storage",
        &[json!({"Drives": [{"@odata.id": "/drive/1"}, {"@odata.id": "/drive/2"}]})],
    );
    state.put("/drive/1", json!({"Name": "Bay 1", "CapacityBytes": 1000}));
    add(
        state,
        SYSTEM,
        "SimpleStorage",
        &[json!({"Devices": [{"Name": "SATA 0", "CapacityBytes": 7}]})],
    );
    let own = json!({"Id": "eth0", "PermanentMACAddress": "52:54:00:00:00:01"});
    add(
        state,
        SYSTEM,
        "EthernetInterfaces",
        &[own, json!({"Id": "eth1", "MACAddress": null})],
    );
    add(state, CHASSIS, "NetworkAdapters", &[json!({"Id": "NIC.1"})]);
    let adapter = format!("{CHASSIS}/NetworkAdapters/0");
    let function = |mac: &str| json!({"Id": "f", "Ethernet": {"MACAddress": mac}});
    add(
        state,
        &adapter,
        "NetworkDeviceFunctions",
        &[function("52:54:00:00:00:01"), function("52:54:00:00:00:02")],
    );
    add(
        state,
        &adapter,
        "NetworkPorts",
        &[json!({"Id": "p", "AssociatedNetworkAddresses": ["525400000003"]})],
    );
    state.put(
        &format!("{CHASSIS}/Power"),
        json!({"PowerSupplies": [{"Name": "PSU 1"}]}),
    );
    state.resources.get_mut(CHASSIS).unwrap()["Power"] =
        json!({"@odata.id": format!("{CHASSIS}/Power")});
}

#[tokio::test]
async fn parts_and_ports_are_gathered_from_everywhere() {
    let mock = Mock::honest();
    in_chassis(&mock, &json!({}));
    mock.with(furnished);
    let mut session = mock.open().await;
    let told = session.inventory().await.unwrap();
    assert_eq!(
        parts(&told.value),
        [
            "Processor CPU 1 32",
            "Memory A1 1073741824",
            "Disk Bay 1 1000",
            "PowerSupply PSU 1"
        ]
    );
    assert_eq!(
        ports(&told.value),
        [
            "eth0 52:54:00:00:00:01",
            "eth1 none",
            "NIC.1 f 52:54:00:00:00:02",
            "NIC.1 p 52:54:00:00:00:03"
        ]
    );
    assert_eq!(
        told.warnings,
        [
            "the BMC's answer cannot be used: /redfish/v1/Systems/1/Processors/1: it is no JSON object",
            "the BMC refuses GET /drive/2: 404",
        ]
    );
    mock.with(|state| {
        state.resources.remove("/redfish/v1/Systems/1/Storage");
        add(
            state,
            CHASSIS,
            "PowerSupplies",
            &[json!({"Name": "New", "SerialNumber": "7"})],
        );
        let subsystem = json!({"PowerSupplies": {"@odata.id": format!("{CHASSIS}/PowerSupplies")}});
        state.put(&format!("{CHASSIS}/PowerSubsystem"), subsystem);
        let place = json!({"@odata.id": format!("{CHASSIS}/PowerSubsystem")});
        state.resources.get_mut(CHASSIS).unwrap()["PowerSubsystem"] = place;
    });
    let told = session.inventory().await.unwrap();
    let disks = told
        .value
        .parts
        .iter()
        .filter(|part| part.kind == PartKind::Disk);
    assert_eq!(
        disks.map(|part| part.place.as_str()).collect::<Vec<_>>(),
        ["SATA 0"]
    );
    assert!(parts(&told.value).contains(&"PowerSupply New".to_owned()));
}

#[tokio::test]
async fn links_that_lead_in_circles_end() {
    let mock = Mock::start(|request, _| {
        // Everything is everything, and has itself as its members.
        let own = request.line.trim_start_matches("GET ").to_owned();
        let here = json!({"@odata.id": own});
        let keys = [
            "Processors",
            "Memory",
            "Storage",
            "EthernetInterfaces",
            "NetworkAdapters",
            "Ports",
            "Power",
            "PowerSubsystem",
        ];
        let mut value = json!({"@odata.id": own, "Id": "x", "Members": [here], "Drives": [here], "Links": {"Chassis": [here]}});
        for key in keys {
            value[key] = here.clone();
        }
        request
            .line
            .starts_with(&format!("GET {SYSTEM}"))
            .then(|| Does::json(&value))
    });
    let told = mock.open().await.inventory().await.unwrap();
    assert!(told.value.parts.len() < 20);
    assert!(mock.lines().len() < 60, "{:?}", mock.lines());
}
