//! A BMC that hangs, breaks, babbles or leads astray: each is told as it is, in time, and nothing is done twice.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use bedplate::base::bmc::PowerAction;
use bedplate::world::bmc::redfish::{Error, Session};
use serde_json::json;

use crate::mock::{Does, Mock, Request, SYSTEM, State};

const RESET: &str = "POST /redfish/v1/Systems/1/Actions/ComputerSystem.Reset";

/// What a look at the system says while the first `times` answers to it are `does`, and how often it was asked for.
async fn looked(times: usize, does: Does) -> (Result<(), String>, usize) {
    let get = format!("GET {SYSTEM}");
    let asked = get.clone();
    let rule = move |request: &Request, state: &mut State| {
        (request.is(&asked) && state.count(&asked) <= times).then(|| does.clone())
    };
    let mock = Mock::start(rule);
    let mut target = mock.target();
    target.limits.request = Duration::from_secs(2);
    let mut session = Session::open(&target).await.unwrap();
    let outcome = session.chassis_status().await;
    let count = mock.count(&get);
    session.close().await.unwrap();
    assert_eq!(mock.left(), 0);
    (outcome.map(drop).map_err(|error| error.to_string()), count)
}

fn fields(status: u16, name: &'static str, value: &str) -> Does {
    Does::Answer(status, vec![(name, value.to_owned())], String::new())
}

#[tokio::test]
async fn what_changes_nothing_is_asked_again() {
    for (times, does, asked) in [
        (1, Does::Close, 2),
        (2, Does::Close, 3),
        (1, Does::Cut("{".to_owned()), 2),
        (1, fields(503, "Retry-After", "0"), 2),
        (2, fields(503, "Retry-After", "1"), 3),
        (1, fields(429, "Retry-After", "0"), 2),
        (1, fields(308, "Location", &format!("{SYSTEM}#")), 2),
        (1, fields(301, "Location", SYSTEM), 2),
    ] {
        assert_eq!(
            looked(times, does.clone()).await,
            (Ok(()), asked),
            "{does:?}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_used_is_told() {
    let (system, unusable) = (SYSTEM, "the BMC's answer cannot be used: ");
    let deep = "[".repeat(5000);
    for (does, expected, asked) in [
        (
            Does::Silence,
            "the BMC gave no answer within 2s".to_owned(),
            1,
        ),
        (
            Does::Endless,
            format!("{unusable}{system}: it is longer than 4 MiB"),
            1,
        ),
        (
            Does::Answer(200, vec![], "{\"a\": ".into()),
            format!("{unusable}{system}: it is no JSON object"),
            1,
        ),
        (
            Does::Answer(200, vec![], "[]".into()),
            format!("{unusable}{system}: it is no JSON object"),
            1,
        ),
        (
            Does::Answer(200, vec![], deep),
            format!("{unusable}{system}: it is no JSON object"),
            1,
        ),
        (
            fields(200, "Content-Encoding", "gzip"),
            format!("{unusable}{system}: it is compressed, which was not asked for"),
            1,
        ),
    ] {
        assert_eq!(
            looked(9, does.clone()).await,
            (Err(expected), asked),
            "{does:?}"
        );
    }
}

#[tokio::test]
async fn where_it_leads_and_what_it_refuses_is_told() {
    let (system, unusable) = (SYSTEM, "the BMC's answer cannot be used: ");
    for (does, expected, asked) in [
        (
            fields(302, "Location", "https://other.example/x"),
            format!("{unusable}{system}: it leads to another host"),
            1,
        ),
        // To the same host, and without the means that were asked for.
        (
            fields(308, "Location", "https://127.0.0.1/x"),
            format!("{unusable}{system}: it leads to another host"),
            1,
        ),
        (
            fields(302, "Location", "//other.example/x"),
            format!("{unusable}{system}: it leads to another host"),
            1,
        ),
        (
            fields(302, "Location", SYSTEM),
            format!("{unusable}{system}: it leads on and on"),
            4,
        ),
        (
            fields(503, "Retry-After", "86400"),
            "the BMC is busy and asks to be left alone for 86400s".to_owned(),
            1,
        ),
        (
            Does::status(503),
            format!("the BMC refuses GET {system}: 503"),
            1,
        ),
        (
            Does::status(403),
            format!("the BMC refuses GET {system}: 403"),
            1,
        ),
        (
            Does::Answer(
                500,
                vec![],
                json!({"error": {"message": "a\r\nb\u{1b}[31m"}}).to_string(),
            ),
            format!("the BMC refuses GET {system}: 500: a  b [31m"),
            1,
        ),
    ] {
        assert_eq!(
            looked(9, does.clone()).await,
            (Err(expected), asked),
            "{does:?}"
        );
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_cost_only_themselves() {
    let body = b"\xef\xbb\xbf{\"Name\": \"\xff\xfe\", \"PowerState\": \"On\"}".to_vec();
    assert_eq!(looked(1, Does::Bytes(body)).await, (Ok(()), 1));
}

#[tokio::test]
async fn what_changes_something_is_never_sent_twice() {
    for does in [
        Does::Close,
        Does::Cut("{".to_owned()),
        Does::Silence,
        fields(503, "Retry-After", "0"),
    ] {
        let answer = does.clone();
        let mock = Mock::start(move |request, _| request.is(RESET).then(|| answer.clone()));
        let mut target = mock.target();
        target.limits.request = Duration::from_secs(1);
        let mut session = Session::open(&target).await.unwrap();
        session.power(PowerAction::Reset).await.unwrap_err();
        assert_eq!(mock.count(RESET), 1, "{does:?}");
        session.close().await.unwrap();
        assert_eq!(mock.left(), 0);
    }
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let mock = Mock::honest();
    let mut session = mock.open().await;
    for _ in 0..10 {
        session.chassis_status().await.unwrap();
    }
    session.power(PowerAction::On).await.unwrap();
    session.close().await.unwrap();
    assert_eq!(mock.connections(), 1);
}

#[tokio::test]
async fn a_call_has_an_end() {
    // Each answer leads on, a little later: the call's time ends it.
    let mock = Mock::start(|request, state| {
        let page = state.count(&request.line) + state.seen.len();
        let next = format!("/redfish/v1/Systems?page={page}");
        let value = json!({"Members": [], "Members@odata.nextLink": next});
        request
            .line
            .starts_with("GET /redfish/v1/Systems")
            .then(|| Does::json(&value))
    });
    let began = Instant::now();
    let error = Session::open(&mock.target()).await.err().unwrap();
    assert!(matches!(error, Error::Unsupported(_)), "{error}");
    assert!(began.elapsed() < Duration::from_secs(30));
    assert!(mock.lines().len() < 100, "pages are bounded");
    assert_eq!(mock.left(), 0);
}

#[tokio::test]
async fn nobody_there_is_told_at_once() {
    let mock = Mock::honest();
    let mut target = mock.target();
    // A port that was free a moment ago.
    target.endpoint.port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let error = Session::open(&target).await.err().unwrap();
    assert!(matches!(error, Error::Unreachable(_)), "{error}");
    // One that takes the connection, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    target.endpoint.port = silent.local_addr().unwrap().port();
    target.limits.request = Duration::from_millis(200);
    let error = Session::open(&target).await.err().unwrap();
    assert!(matches!(error, Error::Silent(_)), "{error}");
}
