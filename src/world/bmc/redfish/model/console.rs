//! Ways to the serial console (DSP2046, "ComputerSystem" and "Manager", property SerialConsole; "ManagerNetworkProtocol"). Knows no
//! socket.

use serde_json::Value;

use super::read::{at, count, text, texts, truth};
use crate::base::bmc::{SerialAccess, SerialProtocol};

const PROTOCOLS: [(&str, SerialProtocol); 3] = [
    ("SSH", SerialProtocol::Ssh),
    ("Telnet", SerialProtocol::Telnet),
    ("IPMI", SerialProtocol::Ipmi),
];

/// As newer systems tell them.
pub(crate) fn of_system(system: &Value) -> Vec<SerialAccess> {
    let ways = PROTOCOLS.iter().filter_map(|(key, protocol)| {
        let way = at(system, &["SerialConsole", key])?;
        Some(SerialAccess {
            protocol: *protocol,
            port: port(way),
            is_enabled: truth(way, &["ServiceEnabled"])?,
            command: text(way, &["ConsoleEntryCommand"]),
        })
    });
    ways.collect()
}

/// As managers tell them, with the ports that their network protocols have.
pub(crate) fn of_manager(manager: &Value, protocols: &Value) -> Vec<SerialAccess> {
    let Some(console) = at(manager, &["SerialConsole"]) else {
        return Vec::new();
    };
    let is_on = truth(console, &["ServiceEnabled"]) == Some(true);
    let kinds = texts(console, &["ConnectTypesSupported"]);
    let ways = PROTOCOLS
        .iter()
        .filter(|(key, _)| kinds.iter().any(|kind| kind == key));
    let ways = ways.map(|(key, protocol)| {
        let way = at(protocols, &[key]).unwrap_or(&Value::Null);
        SerialAccess {
            protocol: *protocol,
            port: port(way),
            is_enabled: is_on && truth(way, &["ProtocolEnabled"]) != Some(false),
            command: None,
        }
    });
    ways.collect()
}

fn port(way: &Value) -> Option<u16> {
    let port = count(way, &["Port"])?;
    u16::try_from(port).ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(ways: &[SerialAccess]) -> Vec<String> {
        let ways = ways.iter().map(|way| {
            let port = way.port.map_or("-".to_owned(), |port| port.to_string());
            let command = way.command.clone().unwrap_or_default();
            format!("{:?} {port} {} {command}", way.protocol, way.is_enabled)
        });
        ways.map(|text| text.trim_end().to_owned()).collect()
    }

    #[test]
    fn ways_are_read_from_systems() {
        for (console, expected) in [
            (json!(null), &[][..]),
            (json!({"MaxConcurrentSessions": 1, "SSH": null}), &[]),
            (
                json!({
                    "SSH": {"ServiceEnabled": true, "Port": 2200, "ConsoleEntryCommand": "console 1"},
                    "Telnet": {"ServiceEnabled": "false", "Port": 70000},
                    "IPMI": {"ServiceEnabled": true},
                }),
                &["Ssh 2200 true console 1", "Telnet - false", "Ipmi - true"],
            ),
            (json!({"SSH": {"Port": 22}}), &[]),
        ] {
            assert_eq!(
                told(&of_system(&json!({ "SerialConsole": console }))),
                expected,
                "{console}"
            );
        }
    }

    #[test]
    fn ways_are_read_from_managers() {
        let protocols = json!({"SSH": {"ProtocolEnabled": true, "Port": 22}, "IPMI": {"ProtocolEnabled": false, "Port": 623}});
        for (console, expected) in [
            (json!(null), &[][..]),
            (json!({"ServiceEnabled": true}), &[]),
            (
                json!({"ServiceEnabled": true, "ConnectTypesSupported": ["SSH", "IPMI", "Telnet", "Oem"]}),
                &["Ssh 22 true", "Telnet - true", "Ipmi 623 false"],
            ),
            (json!({"ConnectTypesSupported": ["SSH"]}), &["Ssh 22 false"]),
        ] {
            let manager = json!({ "SerialConsole": console });
            assert_eq!(
                told(&of_manager(&manager, &protocols)),
                expected,
                "{console}"
            );
        }
    }
}
