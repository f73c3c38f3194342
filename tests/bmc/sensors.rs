//! Sensors: every number that we tell, ipmitool tells as well.

use bedplate::base::bmc::{Health, Sensor, Unit};

use crate::counterpart::{Bmc, Limit, Setup};
use crate::machine::{Numeric, discrete, record};

const TEMPERATURE: Numeric = Numeric {
    number: 1,
    name: "CPU Temp",
    kind: 1,
    format: 0x00,
    unit: 1,
    factors: (1, 0, 0, 0),
    thresholds: [None, None, None, Some(80), Some(90), Some(250)],
};

const SENSORS: [(Numeric, u8); 4] = [
    (TEMPERATURE, 42),
    (
        Numeric {
            number: 2,
            name: "Fan 1",
            kind: 4,
            unit: 18,
            factors: (60, 0, 0, 0),
            thresholds: [Some(20), Some(10), Some(5), None, None, None],
            ..TEMPERATURE
        },
        100,
    ),
    (
        Numeric {
            number: 3,
            name: "12V",
            kind: 2,
            unit: 4,
            factors: (63, 0, 0, -3),
            thresholds: [
                Some(180),
                Some(175),
                Some(170),
                Some(200),
                Some(205),
                Some(210),
            ],
            ..TEMPERATURE
        },
        192,
    ),
    (
        Numeric {
            number: 4,
            name: "Inlet Temp",
            format: 0x80,
            factors: (5, 20, 0, -1),
            thresholds: [None; 6],
            ..TEMPERATURE
        },
        0xf0,
    ),
];

/// The sensors above, one that reads nothing, states of two kinds, and records that make no sense between them.
fn machine() -> Bmc {
    let mut commands = String::new();
    for (sensor, value) in SENSORS {
        commands += &sensor.sensor("");
        commands += &format!("sensor_set_value 0x20 0 {} {value} 0\n", sensor.number);
        commands += &sensor.record();
        commands += &record(0x01, vec![0x20, 0, 9, 7], "too short");
        commands += &record(0xc0, vec![1, 2, 3], "the vendor's own");
    }
    let nobody = Numeric {
        number: 9,
        name: "Nobody",
        ..TEMPERATURE
    };
    commands += &nobody.record();
    for (number, kind, event_type, name, bit) in [
        (0x31, 0x08, 0x6f, "PSU 1", 0),
        (0x32, 0x08, 0x6f, "PSU 2", 3),
        (0x33, 0x08, 0x0b, "PSU Redundancy", 1),
    ] {
        commands += &format!("sensor_add 0x20 0 {number} {kind} {event_type}\n");
        commands += &format!(
            "sensor_set_event_support 0x20 0 {number} enable scanning per-state {0} {0} {0} {0}\n",
            "111111111111111"
        );
        commands += &format!("sensor_set_bit 0x20 0 {number} {bit} 1 0\n");
        commands += &discrete(number, kind, event_type, name);
    }
    Bmc::sim(Setup {
        commands: &commands,
        ..Setup::default()
    })
}

/// A row of `ipmitool sensor`: the reading, and thresholds from the lower fatal to the upper fatal.
fn witness(table: &str, name: &str) -> (Option<f64>, Vec<Option<f64>>) {
    let row = table
        .lines()
        .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>())
        .find(|row| row[0] == name)
        .unwrap();
    let number = |text: &str| text.parse().ok();
    let thresholds = row[4..10].iter().map(|text| number(text));
    (number(row[1]), thresholds.collect())
}

fn is_near(ours: Option<f64>, theirs: Option<f64>) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours - theirs).abs() < 0.001,
        (ours, theirs) => ours == theirs,
    }
}

fn named<'a>(sensors: &'a [Sensor], name: &str) -> &'a Sensor {
    let found = sensors.iter().find(|sensor| sensor.name == name);
    found.unwrap_or_else(|| panic!("no {name} among {sensors:?}"))
}

#[test]
fn numbers_are_what_ipmitool_tells() {
    let bmc = machine();
    let sensors = bmc.session(async |session| session.sensors().await);
    let table = bmc.ipmitool("sensor");
    for (name, unit, reading) in [
        ("CPU Temp", Unit::Celsius, Some(42.0)),
        ("Fan 1", Unit::Rpm, Some(6000.0)),
        ("12V", Unit::Volts, Some(12.096)),
        ("Inlet Temp", Unit::Celsius, Some(-6.0)),
        ("Nobody", Unit::Celsius, None),
    ] {
        let sensor = named(&sensors, name);
        assert_eq!((sensor.unit, sensor.reading), (unit, reading), "{name}");
        let (told, thresholds) = witness(&table, name);
        assert!(is_near(sensor.reading, told), "{name}: {told:?}");
        if reading.is_none() {
            continue; // ipmitool tells no thresholds then
        }
        let ours = sensor.thresholds;
        let ours = [
            ours.lower_fatal,
            ours.lower_critical,
            ours.lower_caution,
            ours.upper_caution,
            ours.upper_critical,
            ours.upper_fatal,
        ];
        for (ours, theirs) in ours.into_iter().zip(thresholds) {
            assert!(is_near(ours, theirs), "{name}: {ours:?}, {theirs:?}");
        }
    }
}

#[test]
fn states_are_told_in_words() {
    let bmc = machine();
    let sensors = bmc.session(async |session| session.sensors().await);
    for (name, states, health) in [
        ("PSU 1", "present", Health::Ok),
        ("PSU 2", "input lost", Health::Critical),
        ("PSU Redundancy", "redundancy lost", Health::Critical),
    ] {
        let sensor = named(&sensors, name);
        assert_eq!(sensor.states, [states], "{name}");
        assert_eq!((sensor.reading, sensor.health), (None, health), "{name}");
    }
    let count = SENSORS.len() + 4;
    assert_eq!(sensors.len(), count, "nothing else: {sensors:?}");
}

#[test]
fn a_sensor_that_crosses_a_threshold_is_amiss() {
    let poll = "poll 100 file \"FOLDER/temperature\"";
    let commands = TEMPERATURE.sensor(poll) + &TEMPERATURE.record();
    let bmc = Bmc::sim(Setup {
        commands: &commands,
        ..Setup::default()
    });
    for (degrees, health) in [
        (42, Health::Ok),
        (85, Health::Warning),
        (95, Health::Critical),
    ] {
        std::fs::write(bmc.file("temperature"), degrees.to_string()).unwrap();
        let limit = Limit::new();
        let told = bmc.session(async |session| {
            loop {
                limit.check();
                // ipmi_sim looks at its file from time to time.
                let sensor = session.sensors().await?.remove(0);
                if sensor.reading == Some(f64::from(degrees)) {
                    return Ok(sensor.health);
                }
            }
        });
        assert_eq!(told, health, "{degrees}");
    }
}
