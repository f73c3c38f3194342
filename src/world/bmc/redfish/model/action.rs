//! Actions that a resource offers, and what they take (DSP0266, section "Actions property"). Knows no socket.

use serde_json::Value;

use super::link::Link;
use super::read::{at, items, link, text, texts};
use crate::base::bmc::PowerAction;

/// An action as a resource advertises it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Action {
    pub(crate) target: Link,
    /// What a parameter may be, where that is told on the spot.
    pub(crate) allowed: Vec<String>,
    /// Where else it is told.
    pub(crate) info: Option<Link>,
}

/// The action of a resource with that name, such as `#ComputerSystem.Reset`.
pub(crate) fn action(resource: &Value, name: &str, parameter: &str) -> Option<Action> {
    let action = at(resource, &["Actions", name])?;
    Some(Action {
        target: Link::read(&text(action, &["target"])?)?,
        allowed: allowable(action, parameter),
        info: link(action, &["@Redfish.ActionInfo"]).or_else(|| {
            let path = text(action, &["@Redfish.ActionInfo"])?;
            Link::read(&path)
        }),
    })
}

/// What a property or a parameter may be, as it is told beside it (DSP0266, section "Allowable values").
pub(crate) fn allowable(value: &Value, name: &str) -> Vec<String> {
    let key = format!("{name}@Redfish.AllowableValues");
    texts(value, &[&key])
}

/// What a parameter may be, as a resource of its own tells it (DSP2046, "ActionInfo").
pub(crate) fn allowed_by_info(info: &Value, parameter: &str) -> Vec<String> {
    let parameters = items(info, &["Parameters"]).iter();
    let mut named = parameters.filter(|one| text(one, &["Name"]).as_deref() == Some(parameter));
    named
        .next()
        .map_or_else(Vec::new, |one| texts(one, &["AllowableValues"]))
}

/// The values of `ResetType` that do what is asked for, the best first (DSP2046, "Resource: ResetType").
pub(crate) fn reset_types(action: PowerAction) -> &'static [&'static str] {
    match action {
        PowerAction::On => &["On", "ForceOn"],
        PowerAction::Off => &["ForceOff"],
        PowerAction::SoftOff => &["GracefulShutdown"],
        PowerAction::Cycle => &["PowerCycle"],
        PowerAction::Reset => &["ForceRestart", "GracefulRestart"],
    }
}

/// The best of what is wanted that is allowed; where nothing is told, the first may be.
pub(crate) fn choose(wanted: &[&'static str], allowed: &[String]) -> Option<&'static str> {
    let mut wanted = wanted.iter().copied();
    match allowed {
        [] => wanted.next(),
        allowed => wanted.find(|one| allowed.iter().any(|allowed| allowed == one)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_best_allowed_reset_is_chosen() {
        use PowerAction::{Cycle, Off, On, Reset, SoftOff};
        for (action, allowed, expected) in [
            (On, &["On", "ForceOff"][..], Some("On")),
            (On, &["ForceOn"], Some("ForceOn")),
            (On, &[], Some("On")),
            (On, &["PushPowerButton"], None),
            (Off, &["GracefulShutdown", "ForceOff"], Some("ForceOff")),
            (Off, &["GracefulShutdown"], None),
            (SoftOff, &["ForceOff"], None),
            (Cycle, &["ForceRestart"], None),
            (Cycle, &["PowerCycle"], Some("PowerCycle")),
            (
                Reset,
                &["GracefulRestart", "ForceRestart"],
                Some("ForceRestart"),
            ),
            (Reset, &["GracefulRestart"], Some("GracefulRestart")),
        ] {
            let allowed: Vec<String> = allowed.iter().map(|one| (*one).to_owned()).collect();
            assert_eq!(
                choose(reset_types(action), &allowed),
                expected,
                "{action} {allowed:?}"
            );
        }
    }

    #[test]
    fn actions_are_read_with_what_they_take() {
        let name = "#ComputerSystem.Reset";
        for (action_of, expected) in [
            (json!({}), None),
            (json!({"target": 7}), None),
            (json!({"target": "http:"}), None),
            (
                json!({"target": "/a", "ResetType@Redfish.AllowableValues": ["On", null, 7, {}]}),
                Some((vec!["On", "7"], None)),
            ),
            (
                json!({"target": "/a", "@Redfish.ActionInfo": "/i"}),
                Some((vec![], Some("/i"))),
            ),
            (
                json!({"target": "/a", "@Redfish.ActionInfo": {"@odata.id": "/i"}}),
                Some((vec![], Some("/i"))),
            ),
        ] {
            let read = action(&json!({"Actions": {name: action_of}}), name, "ResetType");
            let read = read.as_ref().map(|read| {
                let allowed: Vec<&str> = read.allowed.iter().map(String::as_str).collect();
                (allowed, read.info.as_ref().map(Link::as_str))
            });
            assert_eq!(read, expected);
        }
        let info = json!({"Parameters": [{"Name": "X"}, {"Name": "ResetType", "AllowableValues": ["On"]}]});
        assert_eq!(allowed_by_info(&info, "ResetType"), ["On"]);
        assert_eq!(allowed_by_info(&json!([]), "ResetType"), [""; 0]);
    }
}
