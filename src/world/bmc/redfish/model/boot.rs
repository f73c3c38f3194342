//! Boot overrides as Redfish writes and reads them (DSP2046, "ComputerSystem", property Boot). Knows no socket.

use serde_json::{Map, Value, json};

use super::action::{allowable, choose};
use super::read::{at, text};
use crate::base::bmc::{BootDevice, BootMode, BootOverride};

const TARGET: &str = "BootSourceOverrideTarget";
const ENABLED: &str = "BootSourceOverrideEnabled";
const MODE: &str = "BootSourceOverrideMode";

/// What a system does not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It has no such property.
    Lacks(&'static str),
    NotAllowed {
        what: &'static str,
        wanted: &'static str,
        allowed: Vec<String>,
    },
}

/// Names of a device, the best first.
fn targets(device: BootDevice) -> &'static [&'static str] {
    match device {
        BootDevice::Network => &["Pxe"],
        BootDevice::Http => &["UefiHttp"],
        BootDevice::Disk => &["Hdd"],
        // Virtual media are a disc on a bus of their own to some.
        BootDevice::Cd => &["Cd", "UsbCd"],
        BootDevice::Setup => &["BiosSetup"],
    }
}

fn modes(mode: BootMode) -> &'static [&'static str] {
    match mode {
        BootMode::Bios => &["Legacy"],
        BootMode::Efi => &["UEFI"],
    }
}

/// What `Boot` must say for an override, or for none.
pub(crate) fn wish(resource: &Value, wanted: Option<BootOverride>) -> Result<Value, Unfit> {
    let boot = at(resource, &["Boot"]).ok_or(Unfit::Lacks("boot overrides"))?;
    let mut wish = Map::new();
    let Some(wanted) = wanted else {
        wish.insert(
            ENABLED.to_owned(),
            json!(allowed(boot, ENABLED, &["Disabled"])?),
        );
        return Ok(json!({ "Boot": wish }));
    };
    let enabled: &[&'static str] = if wanted.once {
        &["Once"]
    } else {
        &["Continuous"]
    };
    wish.insert(ENABLED.to_owned(), json!(allowed(boot, ENABLED, enabled)?));
    let target = allowed(boot, TARGET, targets(wanted.device))?;
    wish.insert(TARGET.to_owned(), json!(target));
    if let Some(mode) = wanted.mode {
        at(boot, &[MODE]).ok_or(Unfit::Lacks("boot override for one mode"))?;
        wish.insert(MODE.to_owned(), json!(allowed(boot, MODE, modes(mode))?));
    }
    Ok(json!({ "Boot": wish }))
}

fn allowed(
    boot: &Value,
    what: &'static str,
    wanted: &[&'static str],
) -> Result<&'static str, Unfit> {
    let allowed = allowable(boot, what);
    choose(wanted, &allowed).ok_or_else(|| Unfit::NotAllowed {
        what,
        wanted: wanted.first().copied().unwrap_or_default(),
        allowed,
    })
}

/// The override in force; none where there is none, or it is one that we have no word for.
pub(crate) fn found(resource: &Value) -> Option<BootOverride> {
    let boot = at(resource, &["Boot"])?;
    let once = match text(boot, &[ENABLED])?.as_str() {
        "Once" => true,
        "Continuous" => false,
        _ => return None,
    };
    let device = match text(boot, &[TARGET])?.as_str() {
        "Pxe" => BootDevice::Network,
        "UefiHttp" => BootDevice::Http,
        "Hdd" => BootDevice::Disk,
        "Cd" | "UsbCd" => BootDevice::Cd,
        "BiosSetup" => BootDevice::Setup,
        _ => return None,
    };
    let mode = match text(boot, &[MODE]).as_deref() {
        Some("Legacy") => Some(BootMode::Bios),
        Some("UEFI") => Some(BootMode::Efi),
        Some(_) | None => None,
    };
    Some(BootOverride { device, once, mode })
}

/// Whether a resource says what was written to it.
pub(crate) fn is_so(resource: &Value, wish: &Value) -> bool {
    let Some(wish) = at(wish, &["Boot"]).and_then(Value::as_object) else {
        return false;
    };
    wish.iter()
        .all(|(key, value)| at(resource, &["Boot", key]) == Some(value))
}

/// What `Boot` says, in its own words.
pub(crate) fn said(boot: &Value) -> String {
    let words = [ENABLED, TARGET, MODE].map(|key| text(boot, &["Boot", key]));
    let words: Vec<String> = words.into_iter().flatten().collect();
    match words.is_empty() {
        true => "nothing".to_owned(),
        false => words.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(once: bool, mode: Option<BootMode>) -> Option<BootOverride> {
        let device = BootDevice::Network;
        Some(BootOverride { device, once, mode })
    }

    #[test]
    fn overrides_are_written_as_they_are_allowed() {
        let lists = |what: &str, allowed: &[&str]| json!({format!("{what}@Redfish.AllowableValues"): allowed, MODE: "UEFI"});
        for (boot, wanted, expected) in [
            (
                json!({}),
                network(true, None),
                Ok(json!({ENABLED: "Once", TARGET: "Pxe"})),
            ),
            (json!({}), None, Ok(json!({ENABLED: "Disabled"}))),
            (
                json!({MODE: "Legacy"}),
                network(false, Some(BootMode::Efi)),
                Ok(json!({ENABLED: "Continuous", TARGET: "Pxe", MODE: "UEFI"})),
            ),
            (
                json!({}),
                network(false, Some(BootMode::Bios)),
                Err(Unfit::Lacks("boot override for one mode")),
            ),
            (
                lists(TARGET, &["UsbCd", "Pxe"]),
                Some(BootOverride {
                    device: BootDevice::Cd,
                    once: true,
                    mode: None,
                }),
                Ok(json!({ENABLED: "Once", TARGET: "UsbCd"})),
            ),
            (
                lists(TARGET, &["Hdd"]),
                network(true, None),
                Err(Unfit::NotAllowed {
                    what: TARGET,
                    wanted: "Pxe",
                    allowed: vec!["Hdd".to_owned()],
                }),
            ),
            (
                lists(ENABLED, &["Continuous"]),
                network(true, None),
                Err(Unfit::NotAllowed {
                    what: ENABLED,
                    wanted: "Once",
                    allowed: vec!["Continuous".to_owned()],
                }),
            ),
            (
                lists(MODE, &["UEFI"]),
                network(true, Some(BootMode::Bios)),
                Err(Unfit::NotAllowed {
                    what: MODE,
                    wanted: "Legacy",
                    allowed: vec!["UEFI".to_owned()],
                }),
            ),
        ] {
            let expected = expected.map(|boot| json!({ "Boot": boot }));
            assert_eq!(wish(&json!({ "Boot": boot }), wanted), expected, "{boot}");
        }
        assert_eq!(wish(&json!({}), None), Err(Unfit::Lacks("boot overrides")));
    }

    #[test]
    fn what_was_written_is_read_back() {
        for once in [true, false] {
            for mode in [None, Some(BootMode::Bios), Some(BootMode::Efi)] {
                let wanted = network(once, mode);
                let written = wish(&json!({"Boot": {MODE: "UEFI"}}), wanted).unwrap();
                assert_eq!(found(&written), wanted);
                assert!(is_so(&written, &written));
            }
        }
        for boot in [
            json!({}),
            json!({ENABLED: "Disabled", TARGET: "Pxe"}),
            json!({ENABLED: "Once", TARGET: "None"}),
            json!({ENABLED: "Once", TARGET: "Utilities"}),
            json!({ENABLED: 7, TARGET: null}),
        ] {
            let resource = json!({ "Boot": boot });
            assert_eq!(found(&resource), None, "{boot}");
            assert!(!is_so(
                &resource,
                &wish(&json!({"Boot": {}}), network(true, None)).unwrap()
            ));
        }
    }
}
