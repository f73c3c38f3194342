//! Sensors: by every schema, whatever is amiss with some of them.

use std::sync::Arc;

use bedplate::base::bmc::{Health, Sensor, Unit};
use bedplate::world::bmc::redfish::Session;
use bedplate::world::https::Trusted;
use serde_json::{Value, json};

use crate::certificates::{Authority, NOW};
use crate::emulator::Emulator;
use crate::mock::{Does, Mock, SYSTEM, State};

const CHASSIS: &str = "/redfish/v1/Chassis/1";

#[tokio::test]
async fn the_emulator_s_numbers_as_text_are_survived() {
    let authority = Authority::new();
    let certificate = authority.signed("bmc", "IP:127.0.0.1", NOW);
    let trusted = Trusted::Authority(Arc::from(authority.pem()));
    let emulator = Emulator::start("127.0.0.1", &certificate, "sessions");
    let mut session = Session::open(&emulator.target(trusted)).await.unwrap();
    let told = session.sensors().await.unwrap();
    session.close().await.unwrap();
    assert_eq!(told.warnings, [""; 0]);
    assert_eq!(
        shown(&told.value),
        [
            "CPU Temp Celsius 41",
            "Chassis Intake Temp Celsius 25",
            "BaseBoard System Fan Rpm 2100",
            "BaseBoard System Fan Backup Rpm 2050",
        ]
    );
    let intake = &told.value[1];
    assert_eq!(intake.health, Health::Ok);
    assert_eq!(
        (
            intake.thresholds.lower_fatal,
            intake.thresholds.upper_critical
        ),
        (Some(0.0), Some(40.0))
    );
}

fn shown(sensors: &[Sensor]) -> Vec<String> {
    let sensors = sensors.iter().map(|one| {
        let reading = one.reading.map_or("none".to_owned(), |one| one.to_string());
        format!("{} {:?} {reading}", one.name, one.unit)
    });
    sensors.collect()
}

/// A mock whose system is in a chassis.
pub(crate) fn in_chassis(mock: &Mock, chassis: &Value) {
    mock.with(|state| {
        let system = state.resources.get_mut(SYSTEM).unwrap();
        system["Links"] = json!({"Chassis": [{"@odata.id": CHASSIS}]});
        state.put(CHASSIS, chassis.clone());
    });
}

fn to(path: &str) -> Value {
    json!({"@odata.id": format!("{CHASSIS}/{path}")})
}

fn put(state: &mut State, path: &str, value: Value) {
    state.put(&format!("{CHASSIS}/{path}"), value);
}

#[tokio::test]
async fn one_malformed_sensor_does_not_cost_the_rest() {
    let mock = Mock::start(|request, _| match request.line.as_str() {
        "GET /redfish/v1/Chassis/1/Sensors/cut" => Some(Does::Answer(200, vec![], "{".to_owned())),
        "GET /redfish/v1/Chassis/1/Sensors/broken" => Some(Does::status(500)),
        _ => None,
    });
    in_chassis(
        &mock,
        &json!({"Sensors": to("Sensors"), "Thermal": to("Thermal")}),
    );
    mock.with(|state| {
        let names = ["cpu", "cut", "broken", "gone", "word", "nameless", "fan"];
        let paths = names.map(|name| format!("{CHASSIS}/Sensors/{name}"));
        state.collect(
            &format!("{CHASSIS}/Sensors"),
            &paths.each_ref().map(String::as_str),
        );
        put(
            state,
            "Sensors/cpu",
            json!({"Name": "CPU", "Reading": "41", "ReadingUnits": "Cel"}),
        );
        put(
            state,
            "Sensors/word",
            json!({"Name": "Word", "Reading": {}, "ReadingUnits": "V"}),
        );
        put(state, "Sensors/nameless", json!({"Reading": 1}));
        put(
            state,
            "Sensors/fan",
            json!({"Name": "Fan", "Reading": 5400, "ReadingUnits": "RPM"}),
        );
        put(
            state,
            "Thermal",
            json!({"Temperatures": [{"Name": "old", "ReadingCelsius": 1}]}),
        );
    });
    let told = mock.open().await.sensors().await.unwrap();
    assert_eq!(
        shown(&told.value),
        ["CPU Celsius 41", "Word Volts none", "Fan Rpm 5400"]
    );
    let at = |name: &str| format!("{CHASSIS}/Sensors/{name}");
    assert_eq!(
        told.warnings,
        [
            format!(
                "the BMC's answer cannot be used: {}: it is no JSON object",
                at("cut")
            ),
            format!("the BMC refuses GET {}: 500", at("broken")),
            format!("the BMC refuses GET {}: 404", at("gone")),
            format!("{}: Word: its reading is no number", at("word")),
            format!("{}: a sensor has no name", at("nameless")),
        ]
    );
}

#[tokio::test]
async fn each_schema_is_read_where_there_is_no_newer_one() {
    let mock = Mock::honest();
    in_chassis(
        &mock,
        &json!({"Sensors": to("Sensors"), "ThermalSubsystem": to("TS"), "PowerSubsystem": to("PS"), "Thermal": to("Thermal"), "Power": to("Power")}),
    );
    mock.with(|state| {
        state.collect(&format!("{CHASSIS}/Sensors"), &[]);
        put(
            state,
            "TS",
            json!({"ThermalMetrics": to("TM"), "Fans": to("Fans")}),
        );
        put(
            state,
            "TM",
            json!({"TemperatureReadingsCelsius": [{"DeviceName": "Intake", "Reading": 24}]}),
        );
        state.collect(
            &format!("{CHASSIS}/Fans"),
            &["/redfish/v1/Chassis/1/Fans/1"],
        );
        put(
            state,
            "Fans/1",
            json!({"Name": "Fan 1", "SpeedPercent": {"Reading": 30, "SpeedRPM": 3000}}),
        );
        put(state, "PS", json!({"PowerSupplies": to("PSUs")}));
        state.collect(
            &format!("{CHASSIS}/PSUs"),
            &["/redfish/v1/Chassis/1/PSUs/1"],
        );
        put(
            state,
            "PSUs/1",
            json!({"Name": "PSU 1", "Metrics": to("PSUs/1/Metrics")}),
        );
        put(
            state,
            "PSUs/1/Metrics",
            json!({"Name": "Metrics", "OutputPowerWatts": {"Reading": 140}}),
        );
        put(
            state,
            "Thermal",
            json!({"Temperatures": [{"Name": "Old", "ReadingCelsius": 1}]}),
        );
        put(
            state,
            "Power",
            json!({"Voltages": [{"Name": "12V", "ReadingVolts": "12.1"}]}),
        );
    });
    let newer = ["Intake Celsius 24", "Fan 1 Rpm 3000", "PSU 1 Watts 140"];
    let older = ["Old Celsius 1", "12V Volts 12.1"];
    let mut session = mock.open().await;
    assert_eq!(shown(&session.sensors().await.unwrap().value), newer);
    mock.with(|state| {
        state.resources.remove(&format!("{CHASSIS}/TS"));
        state.resources.remove(&format!("{CHASSIS}/PS"));
    });
    let told = session.sensors().await.unwrap();
    assert_eq!(
        (shown(&told.value), told.warnings.len()),
        (older.map(str::to_owned).to_vec(), 0)
    );
    assert_eq!(told.value[0].unit, Unit::Celsius);
}

#[tokio::test]
async fn a_chassis_is_found_though_the_system_does_not_name_it() {
    let others = ["/redfish/v1/Chassis/1", "/redfish/v1/Chassis/rack"];
    for chassis in [&others[..1], &others] {
        let mock = Mock::honest();
        mock.with(|state| {
            let root = state.resources.get_mut("/redfish/v1").unwrap();
            root["Chassis"] = json!({"@odata.id": "/redfish/v1/Chassis"});
            state.collect("/redfish/v1/Chassis", chassis);
            let own = json!({"ComputerSystems": [{"@odata.id": format!("{SYSTEM}/")}]});
            state.put(CHASSIS, json!({"Links": own, "Thermal": to("Thermal")}));
            state.put(
                others[1],
                json!({"Thermal": {"@odata.id": "/redfish/v1/Chassis/rack/Thermal"}}),
            );
            put(
                state,
                "Thermal",
                json!({"Temperatures": [{"Name": "own", "ReadingCelsius": 1}]}),
            );
        });
        let told = mock.open().await.sensors().await.unwrap();
        assert_eq!(shown(&told.value), ["own Celsius 1"]);
        assert_eq!(told.warnings, [""; 0]);
    }
}

/// Many sensors, in a collection that is told whole where that is asked for.
fn expanding(count: usize, is_lying: bool) -> Mock {
    let members: Vec<Value> = (0..count)
        .map(|number| json!({"@odata.id": format!("{CHASSIS}/Sensors/{number}"), "Name": format!("s{number}"), "Reading": number}))
        .collect();
    let links: Vec<Value> = members
        .iter()
        .map(|one| json!({"@odata.id": one["@odata.id"]}))
        .collect();
    let mock = Mock::start(move |request, _| {
        let is_asked = request.is("GET /redfish/v1/Chassis/1/Sensors?$expand=.");
        let whole = Does::json(&json!({ "Members": members }));
        is_asked.then(|| if is_lying { Does::status(501) } else { whole })
    });
    in_chassis(&mock, &json!({"Sensors": to("Sensors")}));
    mock.with(|state| {
        let root = state.resources.get_mut("/redfish/v1").unwrap();
        root["ProtocolFeaturesSupported"] = json!({"ExpandQuery": {"NoLinks": true}});
        put(state, "Sensors", json!({ "Members": links }));
        for number in 0..count {
            put(
                state,
                &format!("Sensors/{number}"),
                json!({"Name": format!("s{number}"), "Reading": number}),
            );
        }
    });
    mock
}

#[tokio::test]
async fn a_collection_is_read_at_once_where_the_service_can() {
    for (is_lying, most) in [(false, 10), (true, 40)] {
        let mock = expanding(20, is_lying);
        let told = mock.open().await.sensors().await.unwrap();
        assert_eq!((told.value.len(), told.warnings.len()), (20, 0));
        let requests = mock.lines().len();
        assert!(requests < most, "{requests} requests");
    }
}

#[tokio::test]
async fn what_was_read_before_the_bmc_fell_silent_is_told() {
    let mock =
        Mock::start(|request, _| request.line.ends_with("Sensors/2").then_some(Does::Silence));
    in_chassis(&mock, &json!({"Sensors": to("Sensors")}));
    mock.with(|state| {
        let paths = ["1", "2", "3"].map(|name| format!("{CHASSIS}/Sensors/{name}"));
        state.collect(
            &format!("{CHASSIS}/Sensors"),
            &paths.each_ref().map(String::as_str),
        );
        put(state, "Sensors/1", json!({"Name": "one", "Reading": 1}));
    });
    let mut target = mock.target();
    target.limits.request = std::time::Duration::from_secs(1);
    let told = Session::open(&target)
        .await
        .unwrap()
        .sensors()
        .await
        .unwrap();
    assert_eq!(shown(&told.value), ["one Other 1"]);
    assert_eq!(
        told.warnings,
        ["the rest was not read: the BMC gave no answer within 1s"]
    );
}

#[tokio::test]
async fn a_collection_that_never_ends_is_cut() {
    let mock = Mock::start(|request, state| {
        let page = state.seen.len();
        let sensor =
            json!({"@odata.id": format!("{CHASSIS}/Sensors/{page}"), "Name": "s", "Reading": page});
        let is_page = request
            .line
            .starts_with("GET /redfish/v1/Chassis/1/Sensors");
        let next = format!("{CHASSIS}/Sensors?$skip={page}");
        is_page.then(|| Does::json(&json!({"Members": [sensor], "Members@odata.nextLink": next})))
    });
    in_chassis(&mock, &json!({"Sensors": to("Sensors")}));
    let told = mock.open().await.sensors().await.unwrap();
    assert_eq!(told.value.len(), 64);
    assert_eq!(
        told.warnings,
        ["/redfish/v1/Chassis/1/Sensors: only the first 64 are read"]
    );
}

#[tokio::test]
async fn one_call_reads_only_so_much() {
    let filler = "x".repeat(3 << 20);
    let mock = Mock::start(move |request, _| {
        let sensor = json!({"Name": request.line, "Reading": 1, "Filler": filler});
        request
            .line
            .contains("Sensors/")
            .then(|| Does::json(&sensor))
    });
    in_chassis(&mock, &json!({"Sensors": to("Sensors")}));
    mock.with(|state| {
        let paths: Vec<String> = (0..20)
            .map(|one| format!("{CHASSIS}/Sensors/{one}"))
            .collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        state.collect(&format!("{CHASSIS}/Sensors"), &paths);
    });
    let told = mock.open().await.sensors().await.unwrap();
    assert_eq!(told.value.len(), 5);
    assert!(
        told.warnings
            .iter()
            .all(|one| one.ends_with("it leads on and on"))
    );
}
