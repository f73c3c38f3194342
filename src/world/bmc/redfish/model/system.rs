//! What a system says of itself (DSP2046, "ComputerSystem"). Knows no socket.

use serde_json::{Value, json};

use super::action::{allowable, choose};
use super::link::Link;
use super::read::{text, truth};
use crate::base::bmc::{ChassisStatus, PowerState};

/// Power and identify light.
pub(crate) fn status(system: &Value) -> ChassisStatus {
    ChassisStatus {
        power: power(system),
        identify: light(system),
    }
}

pub(crate) fn power(resource: &Value) -> PowerState {
    match text(resource, &["PowerState"]).as_deref() {
        Some("On") => PowerState::On,
        Some("Off") => PowerState::Off,
        Some("PoweringOn") => PowerState::TurningOn,
        Some("PoweringOff") => PowerState::TurningOff,
        Some("Paused") => PowerState::Paused,
        Some(_) | None => PowerState::Unknown,
    }
}

/// When the system last came out of a reset, as the BMC writes it (DSP2046, "ComputerSystem", property LastResetTime).
pub(crate) fn last_reset(resource: &Value) -> Option<String> {
    text(resource, &["LastResetTime"])
}

/// Whether the identify light is on, by the newer property or the older one.
pub(crate) fn light(resource: &Value) -> Option<bool> {
    if let Some(is_on) = truth(resource, &["LocationIndicatorActive"]) {
        return Some(is_on);
    }
    match text(resource, &["IndicatorLED"]).as_deref() {
        Some("Lit" | "Blinking") => Some(true),
        Some("Off") => Some(false),
        Some(_) | None => None,
    }
}

/// What a resource must say for its light to be on or off; none where it has no light.
pub(crate) fn light_wish(resource: &Value, is_on: bool) -> Option<Value> {
    if truth(resource, &["LocationIndicatorActive"]).is_some() {
        return Some(json!({ "LocationIndicatorActive": is_on }));
    }
    text(resource, &["IndicatorLED"])?;
    let wanted: &[&'static str] = if is_on {
        &["Lit", "Blinking"]
    } else {
        &["Off"]
    };
    let word = choose(wanted, &allowable(resource, "IndicatorLED"))?;
    Some(json!({ "IndicatorLED": word }))
}

/// Whether a resource is the one that a person named: by its id, its UUID or its place.
pub(crate) fn is_called(resource: &Value, link: &Link, wanted: &str) -> bool {
    let is_id = text(resource, &["Id"]).as_deref() == Some(wanted) || link.id() == wanted;
    let uuid = text(resource, &["UUID"]);
    is_id || uuid.is_some_and(|uuid| uuid.eq_ignore_ascii_case(wanted)) || link.as_str() == wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_and_light_are_read() {
        for (system, power, identify) in [
            (json!({"PowerState": "On"}), PowerState::On, None),
            (
                json!({"PowerState": "Off", "IndicatorLED": "Off"}),
                PowerState::Off,
                Some(false),
            ),
            (
                json!({"PowerState": "PoweringOn", "IndicatorLED": "Lit"}),
                PowerState::TurningOn,
                Some(true),
            ),
            (
                json!({"PowerState": "PoweringOff", "IndicatorLED": "Blinking"}),
                PowerState::TurningOff,
                Some(true),
            ),
            (
                json!({"PowerState": "Paused", "IndicatorLED": "Unknown"}),
                PowerState::Paused,
                None,
            ),
            (
                json!({"PowerState": "Reset", "LocationIndicatorActive": true}),
                PowerState::Unknown,
                Some(true),
            ),
            (
                json!({"PowerState": null, "LocationIndicatorActive": false, "IndicatorLED": "Lit"}),
                PowerState::Unknown,
                Some(false),
            ),
            (json!([]), PowerState::Unknown, None),
        ] {
            assert_eq!(
                status(&system),
                ChassisStatus { power, identify },
                "{system}"
            );
        }
    }

    #[test]
    fn lights_are_switched_by_what_there_is() {
        let led = "IndicatorLED";
        for (resource, on, off) in [
            (json!({}), None, None),
            (
                json!({"LocationIndicatorActive": false, led: "Off"}),
                Some(json!({"LocationIndicatorActive": true})),
                Some(json!({"LocationIndicatorActive": false})),
            ),
            (
                json!({led: "Off"}),
                Some(json!({led: "Lit"})),
                Some(json!({led: "Off"})),
            ),
            (
                json!({led: "Off", "IndicatorLED@Redfish.AllowableValues": ["Blinking", "Off"]}),
                Some(json!({led: "Blinking"})),
                Some(json!({led: "Off"})),
            ),
        ] {
            assert_eq!(light_wish(&resource, true), on, "{resource}");
            assert_eq!(light_wish(&resource, false), off, "{resource}");
        }
    }

    #[test]
    fn systems_are_called_by_id_or_uuid() {
        let link = Link::read("/redfish/v1/Systems/Node%201").unwrap();
        let system = json!({"Id": "Node 1", "UUID": "27946B59-9e44-4fa7-8e91-f3527a1ef094"});
        for (wanted, expected) in [
            ("Node 1", true),
            ("Node%201", true),
            ("27946b59-9e44-4fa7-8e91-f3527a1ef094", true),
            ("/redfish/v1/Systems/Node%201", true),
            ("node 1", false),
            ("", false),
        ] {
            assert_eq!(is_called(&system, &link, wanted), expected, "{wanted}");
        }
    }
}
