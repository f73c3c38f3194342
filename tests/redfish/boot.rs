//! Boot overrides: written as they are allowed, verified, with tags and settings objects.

use std::sync::Arc;

use bedplate::base::bmc::{BootDevice, BootMode, BootOverride};
use bedplate::world::bmc::redfish::Session;
use bedplate::world::https::Trusted;
use serde_json::{Value, json};

use crate::certificates::{Authority, NOW};
use crate::emulator::Emulator;
use crate::mock::{Does, Mock, Request, SYSTEM, State};

const PATCH: &str = "PATCH /redfish/v1/Systems/1";
const NETWORK: BootOverride = BootOverride {
    device: BootDevice::Network,
    once: true,
    mode: None,
};

fn boot(device: BootDevice, once: bool, mode: Option<BootMode>) -> Option<BootOverride> {
    Some(BootOverride { device, once, mode })
}

#[tokio::test]
async fn the_emulator_does_what_it_can_and_the_rest_is_not_believed() {
    let authority = Authority::new();
    let certificate = authority.signed("bmc", "IP:127.0.0.1", NOW);
    let trusted = Trusted::Authority(Arc::from(authority.pem()));
    let emulator = Emulator::start("127.0.0.1", &certificate, "sessions");
    let mut session = Session::open(&emulator.target(trusted)).await.unwrap();
    let not_done = |found: &str, wanted: &str| {
        Err(format!(
            "the BMC reported success, but the boot override is {found}, not {wanted}"
        ))
    };
    let efi = Some(BootMode::Efi);
    for (wanted, expected) in [
        (boot(BootDevice::Network, false, efi), Ok(())),
        (boot(BootDevice::Cd, false, None), Ok(())),
        (boot(BootDevice::Disk, false, efi), Ok(())),
        // It knows Continuous alone, says 204 to everything, and takes PXE for HTTP.
        (boot(BootDevice::Network, true, None), not_done("Continuous Pxe UEFI", "Once Pxe")),
        (None, Err(format!("the BMC refuses PATCH /redfish/v1/Systems/{}: 400", session.system()))),
        (boot(BootDevice::Http, false, None), not_done("Continuous Pxe UEFI", "Continuous UefiHttp")),
        (
            boot(BootDevice::Setup, false, None),
            Err("the BMC takes no BiosSetup as BootSourceOverrideTarget, only Pxe, Cd, Hdd, UefiHttp".to_owned()),
        ),
        (boot(BootDevice::Network, false, Some(BootMode::Bios)), Ok(())),
    ] {
        let outcome = session.set_boot(wanted).await;
        assert_eq!(outcome.map_err(|error| error.to_string()), expected, "{wanted:?}");
    }
    let found = session.boot().await.unwrap();
    assert_eq!(
        found,
        boot(BootDevice::Network, false, Some(BootMode::Bios))
    );
    session.close().await.unwrap();
}

/// What comes of a change under a rule, and the bodies and tags that were sent.
async fn changed(
    rule: impl FnMut(&Request, &mut State) -> Option<Does> + Send + 'static,
    wanted: Option<BootOverride>,
) -> (Result<(), String>, Vec<(Value, Option<String>)>) {
    let mock = Mock::start(rule);
    let outcome = mock.open().await.set_boot(wanted).await;
    let sent = mock.with(|state| {
        let patches = state
            .seen
            .iter()
            .filter(|one| one.line.starts_with("PATCH"));
        let pairs = patches.map(|one| {
            (
                one.body["Boot"].clone(),
                one.field("if-match").map(str::to_owned),
            )
        });
        pairs.collect()
    });
    (outcome.map_err(|error| error.to_string()), sent)
}

fn once() -> Value {
    json!({"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"})
}

/// Gives the system a tag.
fn tagged(state: &State, tag: &str) -> Does {
    let system = state.resources[SYSTEM].to_string();
    Does::Answer(200, vec![("ETag", tag.to_owned())], system)
}

#[tokio::test]
async fn every_override_is_written_and_read_back() {
    for device in [
        BootDevice::Network,
        BootDevice::Http,
        BootDevice::Disk,
        BootDevice::Cd,
        BootDevice::Setup,
    ] {
        for (is_once, mode) in [
            (true, None),
            (false, Some(BootMode::Efi)),
            (true, Some(BootMode::Bios)),
        ] {
            let mock = Mock::honest();
            let mut session = mock.open().await;
            let wanted = BootOverride {
                device,
                once: is_once,
                mode,
            };
            session.set_boot(Some(wanted)).await.unwrap();
            let found = session.boot().await.unwrap().unwrap();
            assert_eq!((found.device, found.once), (device, is_once));
            assert_eq!(found.mode, mode.or(Some(BootMode::Efi)));
            session.set_boot(None).await.unwrap();
            assert_eq!(session.boot().await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn changes_are_bound_to_what_was_read() {
    let (outcome, sent) = changed(|_, _| None, Some(NETWORK)).await;
    assert_eq!((outcome, sent), (Ok(()), vec![(once(), None)]));
    let get = format!("GET {SYSTEM}");
    let rule = {
        let get = get.clone();
        move |request: &Request, state: &mut State| request.is(&get).then(|| tagged(state, "\"a\""))
    };
    let (outcome, sent) = changed(rule, Some(NETWORK)).await;
    assert_eq!(
        (outcome, sent),
        (Ok(()), vec![(once(), Some("\"a\"".to_owned()))])
    );
}

#[tokio::test]
async fn a_stale_tag_is_read_again_once() {
    for (status, tags, expected_tags, is_done) in [
        // Another one changed it between reading and writing.
        (412, ["\"1\"", "\"2\""], ["\"1\"", "\"2\""], true),
        // A weak one never fits.
        (412, ["W/\"1\"", "W/\"1\""], ["W/\"1\"", "\"1\""], true),
        // A tag is wanted, and none is given.
        (428, ["", ""], ["", "*"], true),
        (412, ["\"1\"", "\"1\""], ["\"1\"", "\"1\""], false),
    ] {
        let get = format!("GET {SYSTEM}");
        let rule = move |request: &Request, state: &mut State| {
            let patches = state.count(PATCH);
            if request.is(&get) && !tags[0].is_empty() {
                return Some(tagged(state, tags[patches.min(1)]));
            }
            let is_refused = request.is(PATCH) && (patches == 1 || !is_done);
            is_refused.then(|| Does::status(status))
        };
        let (outcome, sent) = changed(rule, Some(NETWORK)).await;
        let expected = match is_done {
            true => Ok(()),
            false => Err(format!("the BMC refuses {PATCH}: 412")),
        };
        assert_eq!(outcome, expected, "{tags:?}");
        let sent: Vec<String> = sent
            .into_iter()
            .map(|(_, tag)| tag.unwrap_or_default())
            .collect();
        assert_eq!(sent, expected_tags);
    }
}

/// A system whose changes are written to another resource.
fn settings(mock: &Mock, pending: Value) -> String {
    let place = format!("{SYSTEM}/Settings");
    mock.with(|state| {
        let system = state.resources.get_mut(SYSTEM).unwrap();
        system["@Redfish.Settings"] = json!({"SettingsObject": {"@odata.id": place}});
        state.put(&place, pending);
    });
    format!("PATCH {place}")
}

#[tokio::test]
async fn changes_are_written_to_the_settings_object_where_it_is_about_booting() {
    for (pending, is_there) in [(json!({"Boot": {}}), true), (json!({"Name": "x"}), false)] {
        let mock = Mock::honest();
        let patch = settings(&mock, pending);
        let mut session = mock.open().await;
        session.set_boot(Some(NETWORK)).await.unwrap();
        assert_eq!(
            (mock.count(&patch), mock.count(PATCH)),
            (usize::from(is_there), usize::from(!is_there))
        );
        assert_eq!(
            session.boot().await.unwrap().unwrap().device,
            BootDevice::Network
        );
    }
}

#[tokio::test]
async fn a_settings_object_that_was_applied_at_once_is_found_in_the_system() {
    let mock = Mock::start(|request, state| {
        request.is(&format!("PATCH {SYSTEM}/Settings")).then(|| {
            state.resources.get_mut(SYSTEM).unwrap()["Boot"] = request.body["Boot"].clone();
            Does::status(200)
        })
    });
    settings(&mock, json!({"Boot": {}}));
    mock.open().await.set_boot(Some(NETWORK)).await.unwrap();
}

#[tokio::test]
async fn a_bmc_that_changes_nothing_is_not_believed() {
    for status in [200, 204, 202] {
        let rule =
            move |request: &Request, _: &mut State| request.is(PATCH).then(|| Does::status(status));
        let (outcome, sent) = changed(rule, Some(NETWORK)).await;
        let expected =
            "the BMC reported success, but the boot override is Disabled None UEFI, not Once Pxe";
        assert_eq!(outcome, Err(expected.to_owned()));
        assert_eq!(sent.len(), 1);
    }
}

#[tokio::test]
async fn a_change_may_show_late() {
    let get = format!("GET {SYSTEM}");
    let rule = move |request: &Request, state: &mut State| {
        // The old one is shown twice after the change.
        let stale = json!({"Boot": {"BootSourceOverrideEnabled": "Disabled"}});
        let is_late = state.count(PATCH) == 1 && state.count(&get) < 5;
        (request.is(&get) && is_late).then(|| Does::json(&stale))
    };
    let (outcome, _) = changed(rule, Some(NETWORK)).await;
    assert_eq!(outcome, Ok(()));
}
