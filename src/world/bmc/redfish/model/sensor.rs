//! Sensors, by the newer schema of their own and by the older ones of thermal and power (DSP2046, "Sensor", "Thermal", "Power",
//! "ThermalMetrics", "Fan", "PowerSupply"). Knows no socket.

use serde_json::Value;

use super::read::{at, health, is_empty_place, items, number, text};
use crate::base::bmc::{Sensor, Thresholds, Unit};

/// What came of reading one sensor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reading {
    Sensor(Sensor),
    /// The sensor without its reading, and what is wrong with that.
    Amiss(Sensor, String),
    /// Nothing is there.
    Absent,
    /// What it is cannot be told.
    Nameless,
}

/// Where a schema has a sensor's parts.
struct Schema {
    names: &'static [&'static str],
    readings: &'static [&'static [&'static str]],
    limits: Limits,
}

/// How thresholds are written.
enum Limits {
    /// `Thresholds.UpperCaution.Reading`.
    Nested,
    /// `UpperThresholdNonCritical`.
    Flat,
    None,
}

const SENSOR: Schema = Schema {
    names: &["Name", "Id"],
    readings: &[&["Reading"]],
    limits: Limits::Nested,
};
const TEMPERATURE: Schema = Schema {
    names: &["Name", "PhysicalContext", "MemberId"],
    readings: &[&["ReadingCelsius"]],
    limits: Limits::Flat,
};
const FAN: Schema = Schema {
    names: &["Name", "FanName", "MemberId"],
    readings: &[&["Reading"], &["ReadingRPM"]],
    limits: Limits::Flat,
};
const VOLTAGE: Schema = Schema {
    names: &["Name", "MemberId"],
    readings: &[&["ReadingVolts"]],
    limits: Limits::Flat,
};
const CONSUMPTION: Schema = Schema {
    names: &["Name", "MemberId"],
    readings: &[&["PowerConsumedWatts"]],
    limits: Limits::None,
};
const SUPPLY: Schema = Schema {
    names: &["Name", "MemberId", "Id"],
    readings: &[
        &["PowerOutputWatts"],
        &["LastPowerOutputWatts"],
        &["OutputPowerWatts", "Reading"],
        &["PowerInputWatts"],
        &["InputPowerWatts", "Reading"],
    ],
    limits: Limits::None,
};
const METRIC: Schema = Schema {
    names: &["DeviceName", "PhysicalContext", "DataSourceUri"],
    readings: &[&["Reading"]],
    limits: Limits::None,
};
const SPEED: Schema = Schema {
    names: &["Name", "Id"],
    readings: &[&["SpeedPercent", "SpeedRPM"], &["SpeedPercent", "Reading"]],
    limits: Limits::None,
};

/// A resource of the schema Sensor.
pub(crate) fn sensor(value: &Value) -> Reading {
    let unit = match text(value, &["ReadingUnits"]).as_deref() {
        Some(unit) => unit_of(unit),
        None => match text(value, &["ReadingType"]).as_deref() {
            Some("Temperature") => Unit::Celsius,
            Some("Rotational") => Unit::Rpm,
            Some("Voltage") => Unit::Volts,
            Some("Current") => Unit::Amperes,
            Some("Power") => Unit::Watts,
            Some("Percent" | "Humidity") => Unit::Percent,
            Some(_) | None => Unit::Other,
        },
    };
    read(value, &SENSOR, unit)
}

/// All that the older resource of a chassis's temperatures and fans has.
pub(crate) fn thermal(value: &Value) -> Vec<Reading> {
    let temperatures = items(value, &["Temperatures"]).iter();
    let fans = items(value, &["Fans"]).iter();
    let temperatures = temperatures.map(|one| read(one, &TEMPERATURE, Unit::Celsius));
    let fans = fans.map(|one| {
        let unit = text(one, &["ReadingUnits"]);
        read(one, &FAN, unit.map_or(Unit::Rpm, |unit| unit_of(&unit)))
    });
    temperatures.chain(fans).collect()
}

/// All that the older resource of a chassis's power has.
pub(crate) fn power(value: &Value) -> Vec<Reading> {
    let of = |key: &str, schema: &'static Schema, unit: Unit| {
        let items = items(value, &[key]).iter();
        items.map(move |one| read(one, schema, unit))
    };
    let voltages = of("Voltages", &VOLTAGE, Unit::Volts);
    let consumption = of("PowerControl", &CONSUMPTION, Unit::Watts);
    let supplies = items(value, &["PowerSupplies"]).iter().map(supply);
    voltages.chain(consumption).chain(supplies).collect()
}

/// Temperatures of the newer schema.
pub(crate) fn thermal_metrics(value: &Value) -> Vec<Reading> {
    let readings = items(value, &["TemperatureReadingsCelsius"]).iter();
    readings
        .map(|one| read(one, &METRIC, Unit::Celsius))
        .collect()
}

/// A fan of the newer schema.
pub(crate) fn fan(value: &Value) -> Reading {
    let is_turning = at(value, &["SpeedPercent", "SpeedRPM"]).is_some();
    let unit = if is_turning { Unit::Rpm } else { Unit::Percent };
    read(value, &SPEED, unit)
}

/// A power supply of either schema; of the newer one with its metrics laid over it.
pub(crate) fn supply(value: &Value) -> Reading {
    let mut reading = read(value, &SUPPLY, Unit::Watts);
    if let Reading::Sensor(sensor) | Reading::Amiss(sensor, _) = &mut reading {
        sensor.states.extend(text(value, &["Status", "State"]));
    }
    reading
}

fn read(value: &Value, schema: &Schema, unit: Unit) -> Reading {
    if is_empty_place(value) {
        return Reading::Absent;
    }
    let Some(name) = schema.names.iter().find_map(|key| text(value, &[key])) else {
        return Reading::Nameless;
    };
    let given = schema
        .readings
        .iter()
        .find(|path| at(value, path).is_some());
    let reading = given.and_then(|path| number(value, path));
    let sensor = Sensor {
        name: name.clone(),
        unit,
        reading,
        thresholds: thresholds(value, &schema.limits),
        health: health(value),
        states: Vec::new(),
    };
    match given.is_some() && reading.is_none() && !is_blank(value, given) {
        true => Reading::Amiss(sensor, format!("{name}: its reading is no number")),
        false => Reading::Sensor(sensor),
    }
}

/// What some write where there is no reading.
fn is_blank(value: &Value, path: Option<&&'static [&'static str]>) -> bool {
    let written = path
        .and_then(|path| at(value, path))
        .and_then(Value::as_str);
    written.is_some_and(|text| matches!(text.trim(), "" | "N/A" | "NA" | "-"))
}

fn thresholds(value: &Value, limits: &Limits) -> Thresholds {
    let of = |side: &str, [newer, older]: [&str; 2]| match limits {
        Limits::Nested => {
            let key = format!("{side}{newer}");
            number(value, &["Thresholds", &key, "Reading"])
        }
        Limits::Flat => number(value, &[&format!("{side}Threshold{older}")]),
        Limits::None => None,
    };
    const CAUTION: [&str; 2] = ["Caution", "NonCritical"];
    const CRITICAL: [&str; 2] = ["Critical", "Critical"];
    const FATAL: [&str; 2] = ["Fatal", "Fatal"];
    Thresholds {
        lower_fatal: of("Lower", FATAL),
        lower_critical: of("Lower", CRITICAL),
        lower_caution: of("Lower", CAUTION),
        upper_caution: of("Upper", CAUTION),
        upper_critical: of("Upper", CRITICAL),
        upper_fatal: of("Upper", FATAL),
    }
}

/// UCUM, as the newer schema writes units, and the words of the older one.
fn unit_of(word: &str) -> Unit {
    match word {
        "Cel" => Unit::Celsius,
        "RPM" | "{rev}/min" | "rev/min" => Unit::Rpm,
        "V" => Unit::Volts,
        "A" => Unit::Amperes,
        "W" => Unit::Watts,
        "%" | "Percent" => Unit::Percent,
        _ => Unit::Other,
    }
}
