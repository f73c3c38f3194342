//! Sessions: opened, used, expired, ended, refused; how many are left on the BMC.

use std::sync::Arc;

use bedplate::base::bmc::{PowerAction, PowerState};
use bedplate::base::secret::Secret;
use bedplate::world::bmc::redfish::{Error, Session};
use bedplate::world::https::Trusted;
use serde_json::json;

use crate::certificates::{Authority, NOW};
use crate::emulator::{Emulator, PASSWORD};
use crate::mock::{Does, Mock, SYSTEM};

const LOGIN: &str = "POST /redfish/v1/SessionService/Sessions";
const LOGOUT: &str = "DELETE /redfish/v1/SessionService/Sessions/1";

fn emulator(login: &str) -> (Emulator, Trusted) {
    let authority = Authority::new();
    let certificate = authority.signed("bmc", "IP:127.0.0.1", NOW);
    let trusted = Trusted::Authority(Arc::from(authority.pem()));
    (Emulator::start("127.0.0.1", &certificate, login), trusted)
}

#[tokio::test]
async fn a_session_is_opened_used_and_ended() {
    let (mut emulator, trusted) = emulator("sessions");
    let mut session = Session::open(&emulator.target(trusted)).await.unwrap();
    assert_eq!(session.system(), "27946b59-9e44-4fa7-8e91-f3527a1ef094");
    assert_eq!(emulator.told()["open"], 1);
    let status = session.chassis_status().await.unwrap();
    assert_eq!(status.power, PowerState::Off);
    session.close().await.unwrap();
    let told = emulator.told();
    assert_eq!((&told["open"], &told["opened"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    for login in ["sessions", "basic"] {
        let (mut emulator, trusted) = emulator(login);
        let mut target = emulator.target(trusted);
        target.password = Secret::new(b"hunter3".to_vec());
        let Err(error) = Session::open(&target).await else {
            panic!("{login}: it was let in");
        };
        assert!(matches!(error, Error::Credentials), "{login}: {error}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hunter"), "{shown}");
        let told = emulator.told();
        match login {
            "sessions" => assert_eq!((&told["refused"], &told["open"]), (&json!(1), &json!(0))),
            _ => assert_eq!(
                told["requests"].as_array().unwrap().last().unwrap(),
                "GET /redfish/v1/Systems"
            ),
        }
    }
}

#[tokio::test]
async fn a_service_without_sessions_is_shown_the_password_over_tls() {
    let (emulator, trusted) = emulator("basic");
    let mut session = Session::open(&emulator.target(trusted)).await.unwrap();
    assert_eq!(
        session.chassis_status().await.unwrap().power,
        PowerState::Off
    );
    session.close().await.unwrap();
}

#[tokio::test]
async fn without_tls_the_password_is_not_shown_with_each_request() {
    for status in [404, 405, 501] {
        let mock = Mock::start(move |request, _| request.is(LOGIN).then(|| Does::status(status)));
        let error = Session::open(&mock.target()).await.err().unwrap();
        assert!(matches!(error, Error::Unsupported(_)), "{error}");
        mock.with(|state| {
            assert!(
                state
                    .seen
                    .iter()
                    .all(|one| one.field("authorization").is_none())
            );
        });
    }
}

#[tokio::test]
async fn a_session_that_expired_is_opened_anew_once() {
    let (mut emulator, trusted) = emulator("sessions");
    let mut session = Session::open(&emulator.target(trusted)).await.unwrap();
    emulator.expire();
    session.chassis_status().await.unwrap();
    let told = emulator.told();
    assert_eq!((&told["open"], &told["opened"]), (&json!(1), &json!(2)));
    session.close().await.unwrap();
    assert_eq!(emulator.told()["open"], 0);
}

#[tokio::test]
async fn a_bmc_that_takes_no_session_of_its_own_is_not_asked_again_and_again() {
    let mock = Mock::start(|request, state| {
        let is_later = state.count(&format!("GET {SYSTEM}")) > 1;
        (request.line.starts_with("GET /redfish/v1/S") && is_later).then(|| Does::status(401))
    });
    let mut session = mock.open().await;
    session.chassis_status().await.unwrap();
    for logins in [2, 2, 2] {
        let error = session.chassis_status().await.unwrap_err();
        assert!(matches!(error, Error::Session), "{error}");
        assert_eq!(mock.count(LOGIN), logins);
    }
}

#[tokio::test]
async fn a_password_that_changed_meanwhile_is_tried_once() {
    let mock = Mock::start(|request, state| {
        let is_second = request.is(LOGIN) && state.count(LOGIN) > 1;
        is_second.then(|| Does::status(401))
    });
    let mut session = mock.open().await;
    mock.with(|state| state.sessions.clear());
    for _ in 0..3 {
        let error = session.chassis_status().await.unwrap_err();
        assert!(matches!(error, Error::Credentials), "{error}");
    }
    assert_eq!(mock.count(LOGIN), 2);
}

#[tokio::test]
async fn what_is_refused_at_login_is_told_apart() {
    let code = |code: &str| {
        json!({"error": {"code": code, "message": format!("no {PASSWORD}")}}).to_string()
    };
    for (status, body, expected) in [
        (
            401,
            String::new(),
            "the BMC refuses the user name or the password",
        ),
        (
            403,
            String::new(),
            "the BMC refuses the user name or the password",
        ),
        (
            400,
            code("iLO.0.10.UnauthorizedLoginAttempt"),
            "the BMC refuses the user name or the password",
        ),
        (
            403,
            code("Base.1.0.SessionLimitExceeded"),
            "the BMC refuses POST /redfish/v1/SessionService/Sessions: 403 Base.SessionLimitExceeded",
        ),
        (
            500,
            code("A.B"),
            "the BMC refuses POST /redfish/v1/SessionService/Sessions: 500 A.B",
        ),
        (
            400,
            "{".to_owned(),
            "the BMC refuses POST /redfish/v1/SessionService/Sessions: 400",
        ),
        (
            200,
            "{}".to_owned(),
            "the BMC's answer cannot be used: /redfish/v1/SessionService/Sessions: it lacks X-Auth-Token",
        ),
    ] {
        let mock = Mock::start(move |request, _| {
            let answer = Does::Answer(status, Vec::new(), body.clone());
            request.is(LOGIN).then_some(answer)
        });
        let error = Session::open(&mock.target()).await.err().unwrap();
        assert_eq!(error.to_string(), expected);
        assert!(!format!("{error:?}").contains(PASSWORD));
        assert_eq!(mock.count(LOGIN), 1);
    }
}

#[tokio::test]
async fn sessions_are_found_where_the_bmc_says_they_are() {
    let elsewhere = "/redfish/v1/Own/Sessions";
    let root = |root: serde_json::Value| {
        move |request: &crate::mock::Request, state: &mut crate::mock::State| {
            if request.is("GET /redfish/v1/") {
                return Some(Does::json(&root));
            }
            if request.is("GET /redfish/v1/Own") {
                return Some(Does::json(&json!({"Sessions": {"@odata.id": elsewhere}})));
            }
            request
                .line
                .starts_with(&format!("POST {elsewhere}"))
                .then(|| {
                    state.sessions.insert("t".to_owned());
                    Does::Answer(201, vec![("X-Auth-Token", "t".to_owned())], String::new())
                })
        }
    };
    let systems = json!({"@odata.id": "/redfish/v1/Systems"});
    let direct = json!({"Systems": systems, "Links": {"Sessions": {"@odata.id": elsewhere}}});
    let by_service =
        json!({"Systems": systems, "SessionService": {"@odata.id": "/redfish/v1/Own"}});
    for answer in [direct, by_service] {
        let mock = Mock::start(root(answer));
        mock.open().await.close().await.unwrap();
        assert_eq!(mock.count(&format!("POST {elsewhere}")), 1);
    }
    // Where the service is shown only to those who have a session, the standard says where that is had.
    let mock = Mock::start(root(
        json!({"Systems": systems, "SessionService": {"@odata.id": "/redfish/v1/Closed"}}),
    ));
    mock.open().await.close().await.unwrap();
    assert_eq!((mock.count(LOGIN), mock.count(LOGOUT)), (1, 1));
    // A root without sessions has none.
    let mock = Mock::start(root(json!({ "Systems": systems })));
    let error = Session::open(&mock.target()).await.err().unwrap();
    assert!(matches!(error, Error::Unsupported(_)), "{error}");
    assert_eq!(mock.count(LOGIN), 0);
}

#[tokio::test]
async fn a_root_that_is_shown_to_nobody_is_read_with_the_session() {
    let mock = Mock::start(|request, _| {
        let is_bare = request.field("x-auth-token").is_none();
        (request.is("GET /redfish/v1/") && is_bare).then(|| Does::status(401))
    });
    mock.open().await.close().await.unwrap();
    assert_eq!((mock.count(LOGIN), mock.left()), (1, 0));
}

#[tokio::test]
async fn nothing_is_left_open_where_opening_fails() {
    let mock = Mock::start(|request, _| {
        request
            .is("GET /redfish/v1/Systems")
            .then(|| Does::status(500))
    });
    assert!(Session::open(&mock.target()).await.is_err());
    assert_eq!((mock.count(LOGIN), mock.left()), (1, 0));
}

#[tokio::test]
async fn what_is_secret_is_not_repeated() {
    let mock = Mock::start(|request, _| {
        let token = request.field("x-auth-token").unwrap_or_default();
        let said = format!("who says {token}");
        let body = json!({"error": {"code": said, "message": said}}).to_string();
        let answer = Does::Answer(400, Vec::new(), body);
        request.is(&format!("GET {SYSTEM}")).then_some(answer)
    });
    let mut session = mock.open().await;
    let error = session.chassis_status().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the BMC refuses GET {SYSTEM}: 400")
    );
    assert!(!format!("{error:?}").contains("token"));
    // What a task says in the end, too.
    let mock = Mock::start(|request, _| {
        let failed = json!({"TaskState": "Exception", "Messages": [{"Message": format!("{PASSWORD} says so")}]});
        request
            .line
            .ends_with("Reset")
            .then(|| Does::Answer(202, Vec::new(), failed.to_string()))
    });
    let error = mock.open().await.power(PowerAction::On).await.unwrap_err();
    assert_eq!(error.to_string(), "the BMC refuses the task: 202");
    assert!(!format!("{error:?}").contains(PASSWORD));
}

#[tokio::test]
async fn a_session_can_go_to_a_task_of_its_own() {
    let mock = Mock::honest();
    let mut session = mock.open().await;
    let working = tokio::spawn(async move {
        session.chassis_status().await?;
        session.power(PowerAction::On).await?;
        session.set_boot(None).await?;
        session.boot().await?;
        session.identify(true).await?;
        session.sensors().await?;
        session.inventory().await?;
        session.media().await?;
        session.console().await?;
        assert!(session.log().await.is_err() && session.clear_log().await.is_err());
        assert!(session.insert_media("Cd", "http://a/").await.is_err());
        assert!(session.eject_media("Cd").await.is_err());
        session.close().await
    });
    working.await.unwrap().unwrap();
    assert_eq!(mock.left(), 0);
}
