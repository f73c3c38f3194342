//! Sensors of every schema, as they are and as they should not be.

use serde_json::{Value, json};

use super::super::sensor::{Reading, fan, power, sensor, supply, thermal, thermal_metrics};
use crate::base::bmc::{Health, Unit};

/// Readings as they are told: name, unit, number, health, states; or what is wrong.
fn told(readings: &[Reading]) -> Vec<String> {
    let told = readings.iter().map(|reading| match reading {
        Reading::Sensor(one) => {
            let reading = one.reading.map_or("none".to_owned(), |one| one.to_string());
            let states = one.states.join(",");
            format!(
                "{} {:?} {reading} {:?} {states}",
                one.name, one.unit, one.health
            )
        }
        Reading::Amiss(one, why) => format!("{:?} {why}", one.reading),
        Reading::Absent => "absent".to_owned(),
        Reading::Nameless => "nameless".to_owned(),
    });
    told.map(|text| text.trim_end().to_owned()).collect()
}

#[test]
fn older_schemas_have_their_readings() {
    let ok = json!({"State": "Enabled", "Health": "OK"});
    let heat = thermal(&json!({
        "Temperatures": [
            {"Name": "CPU Temp", "SensorNumber": "0", "ReadingCelsius": 41, "Status": ok},
            {"MemberId": "7", "ReadingCelsius": null},
            {"Name": "Gone", "ReadingCelsius": 0, "Status": {"State": "Absent"}},
        ],
        "Fans": [
            {"FanName": "Fan A", "Reading": 2100, "ReadingUnits": "RPM"},
            {"Name": "Fan B", "Reading": 30, "ReadingUnits": "Percent"},
            {"Name": "Fan C", "ReadingRPM": 1000},
        ],
    }));
    assert_eq!(
        told(&heat),
        [
            "CPU Temp Celsius 41 Ok",
            "7 Celsius none Unknown",
            "absent",
            "Fan A Rpm 2100 Unknown",
            "Fan B Percent 30 Unknown",
            "Fan C Rpm 1000 Unknown",
        ]
    );
    let supplied = power(&json!({
        "Voltages": [{"Name": "12V", "ReadingVolts": 12.1}],
        "PowerControl": {"Name": "System", "PowerConsumedWatts": 230},
        "PowerSupplies": [
            {"Name": "PSU 1", "LastPowerOutputWatts": 110, "Status": ok},
            {"Name": "PSU 2", "Status": {"State": "Enabled", "Health": "Critical"}},
        ],
    }));
    assert_eq!(
        told(&supplied),
        [
            "12V Volts 12.1 Unknown",
            "System Watts 230 Unknown",
            "PSU 1 Watts 110 Ok Enabled",
            "PSU 2 Watts none Critical Enabled",
        ]
    );
}

#[test]
fn newer_schemas_have_their_readings() {
    let ok = json!({"State": "Enabled", "Health": "OK"});
    let one = |value: Value| vec![sensor(&value)];
    let output =
        json!({"Name": "PSU", "OutputPowerWatts": {"Reading": 99}, "Status": {"State": "Enabled"}});
    let metrics = json!({"TemperatureReadingsCelsius": [
        {"Reading": 24.5, "DeviceName": "Intake"},
        {"Reading": 60, "PhysicalContext": "CPU"},
    ]});
    for (readings, expected) in [
        (
            one(json!({"Name": "CPU", "Reading": 41, "ReadingUnits": "Cel", "Status": ok})),
            &["CPU Celsius 41 Ok"][..],
        ),
        (
            one(json!({"Id": "Fan", "Reading": "5400", "ReadingType": "Rotational"})),
            &["Fan Rpm 5400 Unknown"],
        ),
        (
            one(json!({"Name": "Hum", "Reading": 40.5, "ReadingUnits": "%"})),
            &["Hum Percent 40.5 Unknown"],
        ),
        (
            one(json!({"Name": "Flow", "Reading": 2, "ReadingUnits": "L/min"})),
            &["Flow Other 2 Unknown"],
        ),
        (
            thermal_metrics(&metrics),
            &["Intake Celsius 24.5 Unknown", "CPU Celsius 60 Unknown"],
        ),
        (
            vec![
                fan(&json!({"Name": "Fan 1", "SpeedPercent": {"Reading": 40, "SpeedRPM": 4000}})),
                fan(&json!({"Id": "2", "SpeedPercent": {"Reading": 40}})),
            ],
            &["Fan 1 Rpm 4000 Unknown", "2 Percent 40 Unknown"],
        ),
        (vec![supply(&output)], &["PSU Watts 99 Unknown Enabled"]),
    ] {
        assert_eq!(told(&readings), expected);
    }
}

#[test]
fn what_is_amiss_costs_only_itself() {
    for (value, expected) in [
        (
            json!({"Name": "a", "Reading": {}}),
            "None a: its reading is no number",
        ),
        (
            json!({"Name": "a", "Reading": "hot"}),
            "None a: its reading is no number",
        ),
        (
            json!({"Name": "a", "Reading": [1]}),
            "None a: its reading is no number",
        ),
        (
            json!({"Name": "a", "Reading": "N/A"}),
            "a Other none Unknown",
        ),
        (
            json!({"Name": "a", "Reading": null}),
            "a Other none Unknown",
        ),
        (json!({"Name": "a"}), "a Other none Unknown"),
        (json!({"Name": {}, "Reading": 1}), "nameless"),
        (json!("a"), "nameless"),
        (Value::Null, "nameless"),
    ] {
        assert_eq!(told(&[sensor(&value)]), [expected], "{value}");
    }
}

#[test]
fn thresholds_are_read_in_both_forms() {
    let nested = json!({"Name": "a", "Thresholds": {
        "LowerFatal": {"Reading": 1}, "LowerCritical": {"Reading": "2"}, "LowerCaution": {"Reading": 3},
        "UpperCaution": {"Reading": 4}, "UpperCritical": {"Reading": 5}, "UpperFatal": {"Reading": null},
    }});
    let flat = json!({"Temperatures": [{"Name": "a",
        "LowerThresholdFatal": 1, "LowerThresholdCritical": 2, "LowerThresholdNonCritical": "3",
        "UpperThresholdNonCritical": 4, "UpperThresholdCritical": 5,
    }]});
    let flat = thermal(&flat).remove(0);
    for reading in [sensor(&nested), flat] {
        let Reading::Sensor(read) = reading else {
            panic!("{reading:?}");
        };
        assert_eq!((read.reading, read.health), (None, Health::Unknown));
        assert!(matches!(read.unit, Unit::Other | Unit::Celsius));
        let limits = read.thresholds;
        let limits = [
            limits.lower_fatal,
            limits.lower_critical,
            limits.lower_caution,
            limits.upper_caution,
            limits.upper_critical,
            limits.upper_fatal,
        ];
        assert_eq!(
            limits,
            [Some(1.0), Some(2.0), Some(3.0), Some(4.0), Some(5.0), None]
        );
    }
}
