//! Parts and ports, as services list them.

use serde_json::{Value, json};

use super::super::part::{
    adapter_port, devices, drive, identity, interface, join, memory, processor, supplies,
};
use crate::base::bmc::{NetworkPort, Part};

fn told(part: &Part) -> String {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let size = part.size.map_or("-".to_owned(), |size| size.to_string());
    let (model, serial) = (or_none(&part.model), or_none(&part.serial));
    format!("{:?} {} {model} {serial} {size}", part.kind, part.place)
}

#[test]
fn parts_are_read_for_what_they_are() {
    let gone = json!({"Name": "x", "Status": {"State": "Absent"}});
    for (read, expected) in [
        (
            processor(&json!({"Socket": "CPU 1", "Id": "1", "Model": "X9", "TotalCores": "32"})),
            Some("Processor CPU 1 X9 - 32"),
        ),
        (processor(&json!({"Id": "1"})), Some("Processor 1 - - -")),
        (processor(&gone), None),
        (processor(&json!([])), None),
        (
            memory(
                &json!({"DeviceLocator": "A1", "CapacityMiB": 16384, "PartNumber": "M3", "SerialNumber": "77"}),
            ),
            Some("Memory A1 M3 77 17179869184"),
        ),
        (
            memory(&json!({"DeviceLocator": "A2", "CapacityMiB": 0})),
            None,
        ),
        (
            memory(&json!({"Name": "A3", "CapacityMiB": u64::MAX})),
            Some("Memory A3 - - -"),
        ),
        (
            drive(&json!({
                "Name": "Disk", "PhysicalLocation": {"PartLocation": {"ServiceLabel": "Bay 3"}},
                "Model": "SSD", "SerialNumber": "S1", "CapacityBytes": 480_103_981_056_u64,
            })),
            Some("Disk Bay 3 SSD S1 480103981056"),
        ),
    ] {
        assert_eq!(read.as_ref().map(told).as_deref(), expected);
    }
    let simple = json!({"Devices": [{"Name": "SATA 0", "CapacityBytes": 1000}, gone, 7]});
    assert_eq!(
        devices(&simple).iter().map(told).collect::<Vec<_>>(),
        ["Disk SATA 0 - - 1000"]
    );
    let power = json!({"PowerSupplies": [{"MemberId": "0", "SerialNumber": "P"}, gone]});
    assert_eq!(
        supplies(&power).iter().map(told).collect::<Vec<_>>(),
        ["PowerSupply 0 - P -"]
    );
}

#[test]
fn a_system_says_who_it_is() {
    let read = identity(&json!({
        "Manufacturer": "Contoso", "Model": " R1 ", "SerialNumber": "", "AssetTag": null,
        "UUID": "27946B59-9E44-4FA7-8E91-F3527A1EF094", "BiosVersion": "1.2",
    }));
    let said = [
        read.manufacturer,
        read.model,
        read.serial,
        read.asset_tag,
        read.uuid,
        read.firmware,
    ];
    let said = said.map(|text| text.unwrap_or_default());
    assert_eq!(
        said,
        [
            "Contoso",
            "R1",
            "",
            "",
            "27946b59-9e44-4fa7-8e91-f3527a1ef094",
            "1.2"
        ]
    );
}

fn shown(ports: &[NetworkPort]) -> Vec<String> {
    let ports = ports.iter().map(|port| {
        let mac = port.mac.map_or("-".to_owned(), |mac| mac.to_string());
        format!("{} {mac}", port.name)
    });
    ports.collect()
}

#[test]
fn ports_are_known_by_their_address() {
    let addresses = |mac: Value| interface(&json!({"Id": "1", "MACAddress": mac}));
    for (mac, expected) in [
        (json!("52:54:00:00:00:0A"), "1 52:54:00:00:00:0a"),
        (json!("52-54-00-00-00-0a"), "1 52:54:00:00:00:0a"),
        (json!("52540000000A"), "1 52:54:00:00:00:0a"),
        (json!("00:00:00:00:00:00"), "1 -"),
        (json!("ff:ff:ff:ff:ff:ff"), "1 -"),
        (json!("80:00:02:08:fe:80:00:00"), "1 -"),
        (json!(7), "1 -"),
        (json!(null), "1 -"),
    ] {
        let port = addresses(mac);
        assert_eq!(shown(port.as_slice()), [expected]);
    }
    let both = json!({"Id": "1", "MACAddress": "52:54:00:00:00:0b", "PermanentMACAddress": "52:54:00:00:00:01"});
    assert_eq!(shown(interface(&both).as_slice()), ["1 52:54:00:00:00:01"]);
}

#[test]
fn adapters_add_what_is_not_known() {
    let mut ports: Vec<NetworkPort> =
        interface(&json!({"Id": "1", "MACAddress": "52:54:00:00:00:01"}))
            .into_iter()
            .collect();
    for value in [
        json!({"Id": "f1", "Ethernet": {"MACAddress": "52:54:00:00:00:01"}}),
        json!({"Id": "f2", "Ethernet": {"PermanentMACAddress": "52:54:00:00:00:02"}}),
        json!({"Id": "p3", "AssociatedNetworkAddresses": ["52:54:00:00:00:02", "52:54:00:00:00:03", null]}),
        json!({"Name": "p4", "Ethernet": {"AssociatedMACAddresses": ["52:54:00:00:00:04"]}}),
        json!({"Id": "ib", "InfiniBand": {}}),
        json!("x"),
    ] {
        join(&mut ports, adapter_port("NIC", &value));
    }
    assert_eq!(
        shown(&ports),
        [
            "1 52:54:00:00:00:01",
            "NIC f2 52:54:00:00:00:02",
            "NIC p3 52:54:00:00:00:03",
            "NIC p4 52:54:00:00:00:04"
        ]
    );
}
