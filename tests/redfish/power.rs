//! Power: as it is advertised, followed to its end, told as it is.

use std::sync::Arc;
use std::time::Duration;

use bedplate::base::bmc::{PowerAction, PowerState};
use bedplate::world::bmc::redfish::Session;
use bedplate::world::https::Trusted;
use serde_json::{Value, json};

use crate::certificates::{Authority, NOW};
use crate::emulator::Emulator;
use crate::mock::{Does, Mock, SYSTEM};

const RESET: &str = "POST /redfish/v1/Systems/1/Actions/ComputerSystem.Reset";

#[tokio::test]
async fn the_emulator_is_switched() {
    let authority = Authority::new();
    let certificate = authority.signed("bmc", "IP:127.0.0.1", NOW);
    let trusted = Trusted::Authority(Arc::from(authority.pem()));
    let mut emulator = Emulator::start("127.0.0.1", &certificate, "sessions");
    let mut session = Session::open(&emulator.target(trusted)).await.unwrap();
    for (action, expected) in [
        (PowerAction::On, PowerState::On),
        (PowerAction::On, PowerState::On),
        (PowerAction::Reset, PowerState::On),
        (PowerAction::SoftOff, PowerState::Off),
        (PowerAction::On, PowerState::On),
        (PowerAction::Off, PowerState::Off),
    ] {
        session.power(action).await.unwrap();
        let status = session.chassis_status().await.unwrap();
        assert_eq!(status.power, expected, "{action}");
    }
    let error = session.power(PowerAction::Cycle).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the BMC offers no power cycle, only On, ForceOff, GracefulShutdown, GracefulRestart, ForceRestart, Nmi, ForceOn; \
         switch off, then on"
    );
    session.close().await.unwrap();
    assert_eq!(emulator.told()["open"], 0);
}

/// What is sent for an action when the system advertises `reset`; or what is said.
async fn sent(reset: &Value, action: PowerAction) -> Result<String, String> {
    let mock = Mock::honest();
    mock.with(|state| {
        let system = state.resources.get_mut(SYSTEM).unwrap();
        system["Actions"] = json!({ "#ComputerSystem.Reset": reset });
        let info = json!({"Parameters": [{"Name": "ResetType", "AllowableValues": ["GracefulRestart", "On"]}]});
        state.put("/redfish/v1/Info", info);
    });
    let mut session = mock.open().await;
    let outcome = session.power(action).await;
    session.close().await.unwrap();
    outcome.map_err(|error| error.to_string())?;
    mock.with(|state| {
        let posts = state.seen.iter().filter(|one| one.is("POST /reset"));
        let bodies: Vec<String> = posts.map(|one| one.body.to_string()).collect();
        Ok(bodies.join(" "))
    })
}

#[tokio::test]
async fn actions_are_sent_as_they_are_advertised() {
    let list = |allowed: &[&str]| json!({"target": "/reset", "ResetType@Redfish.AllowableValues": allowed});
    let info = json!({"target": "/reset", "@Redfish.ActionInfo": "/redfish/v1/Info"});
    let lost = json!({"target": "/reset", "@Redfish.ActionInfo": "/redfish/v1/None"});
    use PowerAction::{Cycle, Off, On, Reset, SoftOff};
    for (reset, action, expected) in [
        (list(&["On"]), On, Ok("On")),
        (list(&["ForceOn"]), On, Ok("ForceOn")),
        (
            list(&["ForceOff", "GracefulShutdown"]),
            SoftOff,
            Ok("GracefulShutdown"),
        ),
        (
            list(&["ForceOff"]),
            SoftOff,
            Err("the BMC takes no GracefulShutdown as ResetType, only ForceOff"),
        ),
        (list(&["PowerCycle"]), Cycle, Ok("PowerCycle")),
        (
            list(&["ForceRestart"]),
            Cycle,
            Err("the BMC offers no power cycle, only ForceRestart; switch off, then on"),
        ),
        (list(&[]), Off, Ok("ForceOff")),
        (info.clone(), Reset, Ok("GracefulRestart")),
        (
            info,
            Off,
            Err("the BMC takes no ForceOff as ResetType, only GracefulRestart, On"),
        ),
        (lost, Reset, Ok("ForceRestart")),
        (Value::Null, On, Err("the BMC offers no power actions")),
        (json!({}), On, Err("the BMC offers no power actions")),
    ] {
        let sent = sent(&reset, action).await;
        let expected = expected.map(|kind| json!({ "ResetType": kind }).to_string());
        assert_eq!(sent, expected.map_err(str::to_owned), "{reset} {action}");
    }
}

#[tokio::test]
async fn states_on_the_way_are_told() {
    let mock = Mock::honest();
    let mut session = mock.open().await;
    for (word, expected) in [
        ("PoweringOn", PowerState::TurningOn),
        ("On", PowerState::On),
        ("Paused", PowerState::Paused),
        ("PoweringOff", PowerState::TurningOff),
        ("Off", PowerState::Off),
        ("Melting", PowerState::Unknown),
    ] {
        mock.with(|state| state.resources.get_mut(SYSTEM).unwrap()["PowerState"] = json!(word));
        assert_eq!(session.chassis_status().await.unwrap().power, expected);
    }
}

#[tokio::test]
async fn a_refusal_of_what_is_so_already_is_none() {
    for (state, action, is_done) in [
        ("On", PowerAction::On, true),
        ("Off", PowerAction::Off, true),
        ("Off", PowerAction::SoftOff, true),
        ("Off", PowerAction::On, false),
        ("Off", PowerAction::Reset, false),
    ] {
        let mock = Mock::start(|request, _| {
            let body = json!({"error": {"@Message.ExtendedInfo": [{"MessageId": "iLO.2.14.InvalidOperationForSystemState"}]}});
            request
                .is(RESET)
                .then(|| Does::Answer(400, Vec::new(), body.to_string()))
        });
        mock.with(|found| found.resources.get_mut(SYSTEM).unwrap()["PowerState"] = json!(state));
        let outcome = mock.open().await.power(action).await;
        let expected = match is_done {
            true => Ok(()),
            false => Err(format!(
                "the BMC refuses {RESET}: 400 iLO.InvalidOperationForSystemState"
            )),
        };
        assert_eq!(
            outcome.map_err(|error| error.to_string()),
            expected,
            "{state} {action}"
        );
        assert_eq!(mock.count(RESET), 1);
    }
}

const RUNNING: (u16, &str) = (202, r#"{"TaskState": "Running"}"#);

/// A task whose monitor answers one after the other; the last one again and again.
async fn followed(answers: &'static [(u16, &'static str)]) -> (Result<(), String>, usize) {
    let mock = Mock::start(|request, state| {
        if request.is(RESET) {
            let fields = vec![("Location", "/monitor".to_owned())];
            return Some(Does::Answer(202, fields, "{}".to_owned()));
        }
        let at = state
            .count("GET /monitor")
            .saturating_sub(1)
            .min(answers.len() - 1);
        let (status, body) = answers[at];
        let answer = Does::Answer(
            status,
            vec![("Retry-After", "0".to_owned())],
            body.to_owned(),
        );
        request.is("GET /monitor").then_some(answer)
    });
    let mut target = mock.target();
    target.limits.whole = Duration::from_millis(1500);
    let outcome = Session::open(&target)
        .await
        .unwrap()
        .power(PowerAction::On)
        .await;
    (
        outcome.map_err(|error| error.to_string()),
        mock.count("GET /monitor"),
    )
}

#[tokio::test]
async fn accepted_tasks_are_followed_to_their_end() {
    for (answers, expected, asked) in [
        (&[RUNNING, (204, "")][..], Ok(()), 2),
        (
            &[(202, ""), (200, r#"{"TaskState": "Completed"}"#)],
            Ok(()),
            2,
        ),
        // Some answer with the task, not with its monitor.
        (
            &[
                (200, r#"{"TaskState": "Starting"}"#),
                (200, r#"{"TaskState": "Completed"}"#),
            ],
            Ok(()),
            2,
        ),
        (&[RUNNING, (404, "")], Ok(()), 2),
        (
            &[(
                200,
                r#"{"TaskState": "Exception", "Messages": [{"MessageId": "A.1.0.B", "Message": "no fan"}]}"#,
            )],
            Err("the BMC refuses /monitor: 200 A.B: no fan"),
            1,
        ),
        (
            &[RUNNING, (500, "")],
            Err("the BMC refuses GET /monitor: 500"),
            2,
        ),
    ] {
        let (outcome, count) = followed(answers).await;
        assert_eq!(outcome, expected.map_err(str::to_owned), "{answers:?}");
        assert_eq!(count, asked, "{answers:?}");
    }
    let (outcome, _) = followed(&[(202, r#"{"TaskState": "Running"}"#)]).await;
    assert_eq!(
        outcome,
        Err("what the BMC began has not ended within 1.5s".to_owned())
    );
}
