//! Readings of sensors, their units and thresholds.

use serde::{Deserialize, Serialize};

/// One sensor at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sensor {
    /// As the BMC names it.
    pub name: String,
    pub unit: Unit,
    /// None where the BMC has no reading at present.
    pub reading: Option<f64>,
    pub thresholds: Thresholds,
    pub health: Health,
    /// What a sensor without a number reports, in words.
    #[serde(default)]
    pub states: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    Celsius,
    /// Revolutions a minute.
    Rpm,
    Volts,
    Amperes,
    Watts,
    Percent,
    /// A number of something else, or no number.
    Other,
}

/// Where a reading begins to be amiss, from the least to the greatest; each where the sensor has it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Thresholds {
    pub lower_fatal: Option<f64>,
    pub lower_critical: Option<f64>,
    pub lower_caution: Option<f64>,
    pub upper_caution: Option<f64>,
    pub upper_critical: Option<f64>,
    pub upper_fatal: Option<f64>,
}

/// How a sensor, a part or a machine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    Ok,
    Warning,
    Critical,
    Unknown,
}
