//! A generated site: one served VLAN and any number of machines, each with a name, a MAC and an address.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// The controller's address.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 50, 0, 1);

/// The first and last address for clients that nobody knows: more than any load takes.
pub(crate) const POOL: [&str; 2] = ["10.50.4.0", "10.60.255.250"];

/// The hardware address of the machine `number`.
pub(crate) fn mac(number: u32) -> [u8; 6] {
    let [_, a, b, c] = number.to_be_bytes();
    [0x02, 0xbb, 0, a, b, c]
}

pub(crate) fn mac_text(number: u32) -> String {
    mac(number).map(|octet| format!("{octet:02x}")).join(":")
}

/// The address of the machine `number`.
pub(crate) fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(10, 100, 0, 0).to_bits() + number)
}

/// The text of a site with the machines `1..=machines`.
pub(crate) fn text(machines: u32) -> String {
    let [first, last] = POOL;
    let mut text = format!(
        r#"site "bench" domain="bench.example"
fabric "plant" {{
    vlan "pxe" {{
        dhcp {{ controllers "rack-1"; lease-time "1h" }}
        subnet "10.0.0.0/8" {{ gateway "10.50.0.254"; dynamic-range "{first}-{last}" }}
    }}
}}
controller "rack-1" {{
    ethernet "srv" vlan="pxe" {{ address "{SERVER}" }}
}}
profile "compute" {{
    tag "compute"
    ethernet "eth0" vlan="pxe"
}}
"#
    );
    for number in 1..=machines {
        let (mac, address) = (mac_text(number), address(number));
        let machine = format!(
            r#"machine "node-{number:05}" profile="compute" {{
    ethernet "eth0" mac="{mac}" {{ address "{address}" }}
}}
"#
        );
        text.write_str(&machine).unwrap();
    }
    text
}
