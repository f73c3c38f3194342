//! A generated site as large ones are kept: a file a rack, and machines that share a profile, each with two interfaces and a BMC.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

/// Machines in a rack's file.
const RACK: u32 = 500;

const ROOT: &str = r#"site "bench" domain="bench.example" {
    dns { forward "9.9.9.9" }
    include "racks/*.kdl"
}
fabric "plant" {
    vlan "pxe" {
        dhcp { controllers "rack-1"; lease-time "1h" }
        subnet "10.0.0.0/9" { gateway "10.0.0.1"; dynamic-range "10.0.1.0-10.0.255.255" }
    }
    vlan "storage" id=100 mtu=9000 { subnet "10.128.0.0/9" }
    vlan "oob" id=200 { subnet "172.16.0.0/12" }
}
controller "rack-1" {
    ethernet "srv" vlan="pxe" { address "10.0.0.2" }
}
profile "compute" {
    tag "compute"
    ethernet "eth0" vlan="pxe"
    ethernet "eth1" vlan="storage"
}
"#;

/// Writes a site of `machines` machines into `folder`; returns how many bytes and files of KDL it has.
pub(crate) fn write(folder: &Path, machines: u32) -> (usize, usize) {
    fs::create_dir_all(folder.join("racks")).unwrap();
    fs::write(folder.join("site.kdl"), ROOT).unwrap();
    let numbers: Vec<u32> = (1..=machines).collect();
    let racks = numbers.chunks(RACK as usize).enumerate();
    let sizes = racks.map(|(rack, numbers)| {
        let text: String = numbers.iter().map(|number| machine(*number)).collect();
        fs::write(folder.join(format!("racks/rack-{rack:03}.kdl")), &text).unwrap();
        text.len()
    });
    let sizes: Vec<usize> = sizes.collect();
    (ROOT.len() + sizes.iter().sum::<usize>(), 1 + sizes.len())
}

fn machine(number: u32) -> String {
    let [_, a, b, c] = number.to_be_bytes();
    let address = |network: [u8; 4]| Ipv4Addr::from_bits(u32::from_be_bytes(network) + number);
    let mut text = format!("machine \"node-{number:06}\" profile=\"compute\" {{\n");
    for (name, oui, network) in [
        ("eth0", 0xbb, [10, 64, 0, 0]),
        ("eth1", 0xbc, [10, 192, 0, 0]),
    ] {
        let mac = format!("02:{oui:02x}:00:{a:02x}:{b:02x}:{c:02x}");
        let address = address(network);
        writeln!(
            text,
            "    ethernet \"{name}\" mac=\"{mac}\" {{ address \"{address}\" }}"
        )
        .unwrap();
    }
    let bmc = address([172, 16, 0, 0]);
    writeln!(
        text,
        "    bmc \"redfish\" address=\"{bmc}\" username=\"admin\" password=(env)\"BMC_PASSWORD\""
    )
    .unwrap();
    text + "}\n"
}
