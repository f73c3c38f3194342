//! What sensors read at this moment (IPMI 2.0, section 35.14).

use super::bytes::Reader;
use super::sdr::{RawThresholds, SensorRecord, THRESHOLD};
use super::words::{rank, state};
use crate::base::bmc::{Health, Sensor, Severity, Thresholds, Unit};

/// The answer to Get Sensor Reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) byte: u8,
    /// Whether the sensor reads anything at present: some do only while the machine is on.
    is_there: bool,
    /// None where the BMC does not tell.
    states: Option<u16>,
}

impl Reading {
    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        const SCANNING: u8 = 0x40;
        const UNAVAILABLE: u8 = 0x20;
        let mut reader = Reader(data);
        let [byte, flags] = reader.array()?;
        let low = reader.u8().map(u16::from);
        let high = u16::from(reader.u8().unwrap_or(0) & 0x7f);
        Some(Self {
            byte,
            is_there: flags & SCANNING != 0 && flags & UNAVAILABLE == 0,
            states: low.map(|low| high << 8 | low),
        })
    }
}

/// A sensor, as it is told. `value` is how its bytes become numbers, where they do.
pub(crate) fn sensor(
    record: &SensorRecord,
    reading: Option<Reading>,
    thresholds: RawThresholds,
    value: impl Fn(u8) -> Option<f64>,
) -> Sensor {
    let number = |byte: Option<u8>| byte.and_then(&value);
    let [
        lower_caution,
        lower_critical,
        lower_fatal,
        upper_caution,
        upper_critical,
        upper_fatal,
    ] = thresholds.map(number);
    let mut sensor = Sensor {
        name: record.name.clone(),
        unit: record.formula.map_or(Unit::Other, |formula| formula.unit),
        reading: None,
        thresholds: Thresholds {
            lower_fatal,
            lower_critical,
            lower_caution,
            upper_caution,
            upper_critical,
            upper_fatal,
        },
        health: Health::Unknown,
        states: Vec::new(),
    };
    let Some(reading) = reading.filter(|reading| reading.is_there) else {
        return sensor;
    };
    if record.formula.is_some() {
        sensor.reading = value(reading.byte);
    }
    if record.event_type == THRESHOLD {
        let states = reading.states;
        // The two highest bits are nothing.
        sensor.health = match states.or_else(|| beyond(&sensor)) {
            Some(states) => health(states & 0x3f),
            None => Health::Unknown,
        };
    } else if let Some(states) = reading.states {
        let set = (0..15).filter(|offset| states & 1 << offset != 0);
        let known = set.map(|offset| state(record.event_type, record.kind, offset));
        let (words, ranks): (Vec<_>, Vec<_>) = known.unzip();
        sensor.health = ranks.into_iter().max().map_or(Health::Ok, of_severity);
        sensor.states = words;
    }
    sensor
}

/// The same bits for a BMC that does not tell them.
fn beyond(sensor: &Sensor) -> Option<u16> {
    let (reading, limits) = (sensor.reading?, sensor.thresholds);
    let lower = |limit: Option<f64>| limit.is_some_and(|limit| reading <= limit);
    let upper = |limit: Option<f64>| limit.is_some_and(|limit| reading >= limit);
    let bits = [
        lower(limits.lower_caution),
        lower(limits.lower_critical),
        lower(limits.lower_fatal),
        upper(limits.upper_caution),
        upper(limits.upper_critical),
        upper(limits.upper_fatal),
    ];
    Some((0..).zip(bits).map(|(bit, is)| u16::from(is) << bit).sum())
}

/// How it is with a sensor that is beyond these thresholds: bits from the lower caution to the upper fatal (table 35-15).
fn health(beyond: u16) -> Health {
    let worst = (0..6).filter(|bit| beyond & 1 << bit != 0).map(rank).max();
    worst.map_or(Health::Ok, of_severity)
}

fn of_severity(severity: Severity) -> Health {
    match severity {
        Severity::Info => Health::Ok,
        Severity::Warning => Health::Warning,
        Severity::Critical => Health::Critical,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sdr::tests::{CPU_TEMPERATURE, sensors_of};
    use super::*;

    #[test]
    fn readings_are_told_with_how_it_is() {
        let record = &sensors_of(&CPU_TEMPERATURE)[0];
        let formula = record.formula.unwrap();
        for (data, reading, health) in [
            (&[42, 0xc0, 0xc0][..], Some(42.0), Health::Ok),
            (&[85, 0xc0, 0xc8], Some(85.0), Health::Warning),
            (&[95, 0xc0, 0xd8], Some(95.0), Health::Critical),
            (&[42, 0xe0, 0xc0], None, Health::Unknown),
            (&[42, 0x80, 0xc0], None, Health::Unknown),
            (&[42, 0xc0], Some(42.0), Health::Ok),
            (&[85, 0xc0], Some(85.0), Health::Warning),
            (&[250, 0xc0], Some(250.0), Health::Critical),
        ] {
            let read = Reading::read(data);
            let told = sensor(record, read, record.thresholds, |byte| formula.value(byte));
            assert_eq!((told.reading, told.health), (reading, health), "{data:?}");
            assert_eq!(told.thresholds.upper_critical, Some(90.0));
            assert_eq!(told.thresholds.lower_critical, None);
        }
    }

    #[test]
    fn states_are_told_in_words() {
        let mut record = sensors_of(&CPU_TEMPERATURE)[0].clone();
        (record.kind, record.event_type, record.formula) = (0x08, 0x6f, None);
        for (data, states, health) in [
            (&[0, 0xc0, 0x01, 0x80][..], vec!["present"], Health::Ok),
            (
                &[0, 0xc0, 0x0b, 0x80],
                vec!["present", "failed", "input lost"],
                Health::Critical,
            ),
            (&[0, 0xc0, 0x00, 0x80], vec![], Health::Ok),
            (&[0, 0xe0, 0x01, 0x80], vec![], Health::Unknown),
        ] {
            let read = Reading::read(data);
            let told = sensor(&record, read, RawThresholds::default(), |_| None);
            assert_eq!((told.reading, told.health), (None, health), "{data:?}");
            assert_eq!(told.states, states);
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..6)) {
            let record = &sensors_of(&CPU_TEMPERATURE)[0];
            let _ = sensor(record, Reading::read(&bytes), record.thresholds, |_| None);
        }
    }
}
