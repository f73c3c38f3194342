//! How an interface of a manager is on its network (DSP2046, "EthernetInterface"). Knows no socket.

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use super::read::{at, count, items, text, truth};
use crate::base::bmc::{AddressSource, BmcNetwork, BmcNetworkWish};

/// What it says of an address that it has; none where it has not that one.
pub(crate) fn network(interface: &Value, own: Ipv4Addr) -> Option<BmcNetwork> {
    let entries = items(interface, &["IPv4Addresses"]).iter();
    let mut entries = entries.filter(|one| ip(one, "Address") == Some(own));
    let entry = entries.next()?;
    let is_dhcp = truth(interface, &["DHCPv4", "DHCPEnabled"]);
    let source = match (text(entry, &["AddressOrigin"]).as_deref(), is_dhcp) {
        (Some("DHCP"), _) => AddressSource::Dhcp,
        (Some("Static"), _) => AddressSource::Static,
        (Some(_), _) => AddressSource::Other,
        (None, Some(true)) => AddressSource::Dhcp,
        (None, Some(false)) => AddressSource::Static,
        (None, None) => AddressSource::Other,
    };
    let vlan = match truth(interface, &["VLAN", "VLANEnable"]) {
        Some(true) => count(interface, &["VLAN", "VLANId"]).and_then(|id| id.try_into().ok()),
        Some(false) | None => None,
    };
    Some(BmcNetwork {
        source,
        mask: ip(entry, "SubnetMask").unwrap_or(Ipv4Addr::UNSPECIFIED),
        gateway: ip(entry, "Gateway").filter(|gateway| *gateway != Ipv4Addr::UNSPECIFIED),
        vlan,
    })
}

/// What to write. Older interfaces have their static addresses where those in force are, and say by each where it is from.
pub(crate) fn wish(interface: &Value, wanted: &BmcNetworkWish, gateway: Option<Ipv4Addr>) -> Value {
    let mut wish = Map::new();
    let is_new = at(interface, &["DHCPv4"]).is_some();
    if is_new {
        let dhcp = json!({"DHCPEnabled": wanted.fixed.is_none()});
        wish.insert("DHCPv4".to_owned(), dhcp);
    }
    match wanted.fixed {
        Some((address, mask)) => {
            let mut entry = json!({"Address": address, "SubnetMask": mask});
            if let Some(gateway) = wanted.gateway.or(gateway) {
                entry["Gateway"] = json!(gateway);
            }
            let name = match is_new {
                true => "IPv4StaticAddresses",
                false => "IPv4Addresses",
            };
            if !is_new {
                entry["AddressOrigin"] = json!("Static");
            }
            wish.insert(name.to_owned(), json!([entry]));
        }
        None if !is_new => {
            let entries = json!([{"AddressOrigin": "DHCP"}]);
            wish.insert("IPv4Addresses".to_owned(), entries);
        }
        None => {}
    }
    if let Some(vlan) = wanted.vlan {
        let vlan = match vlan {
            Some(id) => json!({"VLANEnable": true, "VLANId": id}),
            None => json!({"VLANEnable": false}),
        };
        wish.insert("VLAN".to_owned(), vlan);
    }
    Value::Object(wish)
}

fn ip(value: &Value, key: &str) -> Option<Ipv4Addr> {
    text(value, &[key])?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
    const MASK: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 0);
    const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

    fn interface(entry: Value, rest: Value) -> Value {
        let mut interface = rest;
        interface["IPv4Addresses"] = json!([{"Address": "10.9.9.9"}, entry]);
        interface
    }

    #[test]
    fn an_interface_is_read_by_the_address_that_it_is_asked_at() {
        let entry = |origin: &str| json!({"Address": "10.0.0.9", "SubnetMask": "255.255.255.0", "Gateway": "10.0.0.1", "AddressOrigin": origin});
        let all = |source, vlan| BmcNetwork {
            source,
            mask: MASK,
            gateway: Some(GATEWAY),
            vlan,
        };
        for (value, expected) in [
            (
                interface(
                    entry("DHCP"),
                    json!({"VLAN": {"VLANEnable": true, "VLANId": 40}}),
                ),
                Some(all(AddressSource::Dhcp, Some(40))),
            ),
            (
                interface(
                    entry("Static"),
                    json!({"VLAN": {"VLANEnable": false, "VLANId": 40}}),
                ),
                Some(all(AddressSource::Static, None)),
            ),
            (
                interface(entry("BOOTP"), json!({})),
                Some(all(AddressSource::Other, None)),
            ),
            (
                interface(
                    json!({"Address": "10.0.0.9", "Gateway": "0.0.0.0"}),
                    json!({"DHCPv4": {"DHCPEnabled": true}}),
                ),
                Some(BmcNetwork {
                    source: AddressSource::Dhcp,
                    mask: Ipv4Addr::UNSPECIFIED,
                    gateway: None,
                    vlan: None,
                }),
            ),
            (interface(json!({"Address": "10.0.0.8"}), json!({})), None),
            (json!([]), None),
        ] {
            assert_eq!(network(&value, OWN), expected, "{value}");
        }
    }

    #[test]
    fn what_is_written_is_what_the_interface_has() {
        let fixed = BmcNetworkWish {
            fixed: Some((OWN, MASK)),
            gateway: None,
            vlan: Some(Some(40)),
        };
        let dhcp = BmcNetworkWish {
            fixed: None,
            gateway: None,
            vlan: Some(None),
        };
        let new = json!({"DHCPv4": {"DHCPEnabled": true}});
        let entry =
            json!({"Address": "10.0.0.9", "SubnetMask": "255.255.255.0", "Gateway": "10.0.0.1"});
        let mut old_entry = entry.clone();
        old_entry["AddressOrigin"] = json!("Static");
        let tagged = json!({"VLANEnable": true, "VLANId": 40});
        for (interface, wanted, expected) in [
            (
                &new,
                &fixed,
                json!({"DHCPv4": {"DHCPEnabled": false}, "IPv4StaticAddresses": [entry], "VLAN": tagged}),
            ),
            (
                &json!({}),
                &fixed,
                json!({"IPv4Addresses": [old_entry], "VLAN": tagged}),
            ),
            (
                &new,
                &dhcp,
                json!({"DHCPv4": {"DHCPEnabled": true}, "VLAN": {"VLANEnable": false}}),
            ),
            (
                &json!({}),
                &dhcp,
                json!({"IPv4Addresses": [{"AddressOrigin": "DHCP"}], "VLAN": {"VLANEnable": false}}),
            ),
        ] {
            assert_eq!(wish(interface, wanted, Some(GATEWAY)), expected);
        }
    }
}
