//! Event logs: the right one of several, page by page, in order; cleared, and verified.

use std::time::Duration;

use bedplate::base::bmc::Severity;
use bedplate::world::bmc::redfish::Session;
use serde_json::{Value, json};

use crate::mock::{Does, Mock, SYSTEM, State};

const MANAGER: &str = "/redfish/v1/Managers/1";
const CHASSIS: &str = "/redfish/v1/Chassis/1";

fn entry(id: u32, severity: &str) -> Value {
    json!({
        "@odata.id": format!("/entries/{id}"), "Id": id.to_string(), "Severity": severity,
        "Created": format!("2024-02-29T12:00:{id:02}Z"), "Message": format!("entry {id}"),
    })
}

/// Gives a thing a log of a name and a kind, with entries.
fn add(state: &mut State, owner: &str, id: &str, kind: &str, entries: &[Value]) {
    let services = format!("{owner}/LogServices");
    let service = format!("{services}/{id}");
    let mut holder = state
        .resources
        .get(owner)
        .cloned()
        .unwrap_or_else(|| json!({}));
    holder["LogServices"] = json!({"@odata.id": services});
    state.put(owner, holder);
    let mut listed = state
        .resources
        .get(&services)
        .cloned()
        .unwrap_or_else(|| json!({"Members": []}));
    listed["Members"]
        .as_array_mut()
        .unwrap()
        .push(json!({"@odata.id": service}));
    state.put(&services, listed);
    let target = format!("{service}/Actions/LogService.ClearLog");
    state.put(
        &service,
        json!({
            "Id": id, "LogEntryType": kind, "Entries": {"@odata.id": format!("{service}/Entries")},
            "Actions": {"#LogService.ClearLog": {"target": target}},
        }),
    );
    state.put(&format!("{service}/Entries"), json!({ "Members": entries }));
}

fn mock_with(logs: &[(&str, &str, &str)]) -> Mock {
    let mock = Mock::honest();
    mock.with(|state| {
        let links =
            json!({"ManagedBy": [{"@odata.id": MANAGER}], "Chassis": [{"@odata.id": CHASSIS}]});
        state.resources.get_mut(SYSTEM).unwrap()["Links"] = links;
        state.put(MANAGER, json!({}));
        state.put(CHASSIS, json!({}));
        for (owner, id, kind) in logs {
            let mut entry = entry(1, "OK");
            entry["Message"] = json!(format!("{owner} {id}"));
            add(state, owner, id, kind, &[entry]);
        }
    });
    mock
}

#[tokio::test]
async fn the_system_event_log_is_preferred_wherever_it_is() {
    for (logs, expected) in [
        (
            &[(SYSTEM, "Dump", "Multiple"), (SYSTEM, "SEL", "SEL")][..],
            Some("/redfish/v1/Systems/1 SEL"),
        ),
        (
            &[(SYSTEM, "Lclog", "Event"), (MANAGER, "Sel", "OEM")],
            Some("/redfish/v1/Managers/1 Sel"),
        ),
        (
            &[(SYSTEM, "IML", "OEM"), (MANAGER, "IEL", "OEM")],
            Some("/redfish/v1/Systems/1 IML"),
        ),
        (
            &[(SYSTEM, "Dump", "Multiple"), (CHASSIS, "Log1", "SEL")],
            Some("/redfish/v1/Chassis/1 Log1"),
        ),
        (
            &[(CHASSIS, "Other", "OEM")],
            Some("/redfish/v1/Chassis/1 Other"),
        ),
        (&[], None),
    ] {
        let mock = mock_with(logs);
        let told = mock.open().await.log().await;
        let read = told.map(|told| told.value[0].text.clone());
        let expected = expected
            .map(str::to_owned)
            .ok_or("the BMC offers no event log".to_owned());
        assert_eq!(
            read.map_err(|error| error.to_string()),
            expected,
            "{logs:?}"
        );
    }
}

/// A log whose entries come in pages of two.
fn paged(state: &mut State, pages: &[&[u32]], last: Option<&str>) {
    add(state, SYSTEM, "SEL", "SEL", &[]);
    let place = format!("{SYSTEM}/LogServices/SEL/Entries");
    for (number, ids) in pages.iter().enumerate() {
        let entries: Vec<Value> = ids.iter().map(|id| entry(*id, "Warning")).collect();
        let own = if number == 0 {
            place.clone()
        } else {
            format!("{place}?$skip={number}")
        };
        let next = match number + 1 == pages.len() {
            true => last.map(str::to_owned),
            false => Some(format!("{place}?$skip={}", number + 1)),
        };
        state.put(
            &own,
            json!({"Members": entries, "Members@odata.nextLink": next}),
        );
    }
}

#[tokio::test]
async fn pages_are_followed_and_circles_are_left() {
    let first = format!("{SYSTEM}/LogServices/SEL/Entries");
    let cut = "/redfish/v1/Systems/1/LogServices/SEL/Entries: only the first 5 are read";
    for (last, warnings) in [(None, &[][..]), (Some(first.as_str()), &[cut])] {
        let mock = Mock::honest();
        mock.with(|state| paged(state, &[&[5, 4], &[3, 2], &[1]], last));
        let told = mock.open().await.log().await.unwrap();
        let ids: Vec<&str> = told.value.iter().map(|entry| entry.id.as_str()).collect();
        assert_eq!(ids, ["1", "2", "3", "4", "5"]);
        assert!(
            told.value
                .iter()
                .all(|entry| entry.severity == Severity::Warning)
        );
        assert_eq!(told.value[0].at, Some(1_709_208_001));
        assert_eq!(told.warnings, warnings);
    }
}

#[tokio::test]
async fn entries_that_are_amiss_cost_only_themselves() {
    let mock = Mock::honest();
    mock.with(|state| {
        let odd = [
            json!(7),
            json!({}),
            json!({"@odata.id": "/e/9", "Id": 9, "Message": null}),
            json!({"@odata.id": "/none"}),
        ];
        let good = [entry(1, "OK"), entry(2, "Critical")];
        add(
            state,
            SYSTEM,
            "SEL",
            "SEL",
            &[&good[..1], &odd[..], &good[1..]].concat(),
        );
    });
    let told = mock.open().await.log().await.unwrap();
    let texts: Vec<&str> = told.value.iter().map(|entry| entry.text.as_str()).collect();
    assert_eq!(texts, ["entry 1", "entry 2"]);
    assert_eq!(
        told.warnings,
        [
            "the BMC refuses GET /none: 404",
            "/redfish/v1/Systems/1/LogServices/SEL/Entries: 1 entries say nothing",
        ]
    );
}

#[tokio::test]
async fn a_log_is_cleared_or_it_is_told() {
    let clear = format!("POST {SYSTEM}/LogServices/SEL/Actions/LogService.ClearLog");
    for (left, expected) in [
        (&[][..], Ok(())),
        // That it was cleared is the first entry of the new log.
        (&[9][..], Ok(())),
        (
            &[1, 2][..],
            Err("the BMC reported success, but the event log is left with 2 of its entries, not empty".to_owned()),
        ),
    ] {
        let asked = clear.clone();
        let mock = Mock::start(move |request, state| {
            request.is(&asked).then(|| {
                let entries: Vec<Value> = left.iter().map(|id| entry(*id, "OK")).collect();
                state.put(&format!("{SYSTEM}/LogServices/SEL/Entries"), json!({ "Members": entries }));
                Does::status(204)
            })
        });
        mock.with(|state| add(state, SYSTEM, "SEL", "SEL", &[entry(1, "OK"), entry(2, "OK")]));
        let outcome = mock.open().await.clear_log().await;
        assert_eq!(outcome.map_err(|error| error.to_string()), expected);
        assert_eq!(mock.count(&clear), 1);
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_cleared_is_left() {
    let mock = Mock::honest();
    mock.with(|state| {
        add(state, SYSTEM, "SEL", "SEL", &[]);
        let service = format!("{SYSTEM}/LogServices/SEL");
        state.resources.get_mut(&service).unwrap()["Actions"] = json!({});
    });
    let error = mock.open().await.clear_log().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the BMC offers no clearing of its event log"
    );
}

#[tokio::test]
async fn a_page_that_cannot_be_read_costs_no_other() {
    let place = format!("{SYSTEM}/LogServices/SEL/Entries");
    let mock = Mock::honest();
    mock.with(|state| paged(state, &[&[1, 2], &[3]], Some("/nowhere")));
    let told = mock.open().await.log().await.unwrap();
    assert_eq!(told.value.len(), 3);
    assert_eq!(told.warnings, ["the BMC refuses GET /nowhere: 404"]);
    let silent = format!("GET {place}?$skip=1");
    let mock = Mock::start(move |request, _| request.is(&silent).then_some(Does::Silence));
    mock.with(|state| paged(state, &[&[1, 2], &[3]], None));
    let mut target = mock.target();
    target.limits.request = Duration::from_secs(1);
    let told = Session::open(&target).await.unwrap().log().await.unwrap();
    assert_eq!(told.value.len(), 2);
    assert_eq!(
        told.warnings,
        ["the rest was not read: the BMC gave no answer within 1s"]
    );
}

#[tokio::test]
async fn entries_are_taken_as_they_are_told() {
    let mock = Mock::honest();
    let (mut homeless, mut typed) = (entry(1, "OK"), entry(2, "OK"));
    homeless.as_object_mut().unwrap().remove("@odata.id");
    // A reference with more than where it leads is still one.
    typed = json!({"@odata.id": typed["@odata.id"].take(), "@odata.type": "#LogEntry", "@odata.etag": "1", "Name": "x"});
    mock.with(|state| {
        add(
            state,
            SYSTEM,
            "SEL",
            "SEL",
            &[homeless.clone(), homeless, typed],
        );
        state.put("/entries/2", entry(2, "OK"));
    });
    let told = mock.open().await.log().await.unwrap();
    let texts: Vec<&str> = told.value.iter().map(|entry| entry.text.as_str()).collect();
    assert_eq!(texts, ["entry 1", "entry 1", "entry 2"]);
    assert_eq!(told.warnings, [""; 0]);
}
