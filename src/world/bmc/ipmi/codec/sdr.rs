//! Sensor data records: which sensors and parts a BMC has, and how they are read (IPMI 2.0, section 43).

use super::bytes::Reader;
use super::formula::Formula;
use super::text::record_name;
use crate::base::bmc::PartKind;

/// What precedes each record: its number, version, kind and length.
pub(crate) const HEADER: usize = 5;

const FULL: u8 = 0x01;
const COMPACT: u8 = 0x02;
const EVENT_ONLY: u8 = 0x03;
const FRU_LOCATOR: u8 = 0x11;

/// The event type of a sensor that compares a number with thresholds (table 42-1).
pub(crate) const THRESHOLD: u8 = 0x01;

/// A record, as far as the driver has a use for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    /// One sensor, or several that share a record.
    Sensors(Vec<SensorRecord>),
    Part(PartRecord),
    Other,
}

/// One sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SensorRecord {
    pub(crate) name: String,
    pub(crate) place: SensorPlace,
    /// What it senses (table 42-3).
    pub(crate) kind: u8,
    /// How its states are to be read (table 42-1).
    pub(crate) event_type: u8,
    /// None where it has states and no number.
    pub(crate) formula: Option<Formula>,
    pub(crate) thresholds: RawThresholds,
    /// Whether it can be asked; some only report.
    pub(crate) is_readable: bool,
}

/// Who has a sensor, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SensorPlace {
    pub(crate) owner: u8,
    pub(crate) unit: u8,
    pub(crate) number: u8,
}

/// Thresholds as bytes: from the lower to the upper, and in both from the caution on. Each where it can be read.
pub(crate) type RawThresholds = [Option<u8>; 6];

/// A part whose own memory says what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartRecord {
    pub(crate) name: String,
    pub(crate) device: u8,
    pub(crate) kind: PartKind,
}

impl Record {
    /// A whole record with its header; none where it is not as its kind must be.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let [_, _, _, kind, length] = reader.array::<HEADER>()?;
        let body = Reader(reader.bytes(usize::from(length))?);
        match kind {
            FULL => full(body),
            COMPACT => compact(body),
            EVENT_ONLY => event_only(body),
            FRU_LOCATOR => part(body),
            _ => Some(Self::Other),
        }
    }
}

/// Full Sensor Record (table 43-1).
fn full(mut reader: Reader<'_>) -> Option<Record> {
    let (place, [_, _, _, _, kind, event_type]) = (place(&mut reader)?, reader.array()?);
    reader.bytes(4)?;
    let [readable, _] = reader.array()?;
    let mut analogue = reader;
    let formula = Formula::read(&mut analogue);
    reader.bytes(16)?;
    let upper: [u8; 3] = reader.array()?;
    let lower: [u8; 3] = reader.array()?;
    reader.bytes(5)?; // hysteresis, and what is of the vendor
    let [upper_fatal, upper_critical, upper_caution] = upper;
    let [lower_fatal, lower_critical, lower_caution] = lower;
    let raw = [
        lower_caution,
        lower_critical,
        lower_fatal,
        upper_caution,
        upper_critical,
        upper_fatal,
    ];
    let is_threshold = event_type == THRESHOLD;
    let sensor = SensorRecord {
        name: record_name(&mut reader)?,
        place,
        kind,
        event_type,
        formula,
        thresholds: masked(if is_threshold { readable } else { 0 }, raw),
        is_readable: true,
    };
    Some(Record::Sensors(vec![sensor]))
}

/// Compact Sensor Record (table 43-2).
fn compact(mut reader: Reader<'_>) -> Option<Record> {
    let (place, [_, _, _, _, kind, event_type]) = (place(&mut reader)?, reader.array()?);
    reader.bytes(9)?; // masks and units
    let sharing = reader.array()?;
    reader.bytes(6)?; // hysteresis, and what is of the vendor
    let sensor = unmeasured(&mut reader, place, [kind, event_type], true)?;
    Some(Record::Sensors(shared(&sensor, sharing)))
}

/// Event-Only Record (table 43-3).
fn event_only(mut reader: Reader<'_>) -> Option<Record> {
    let (place, [_, _, kind, event_type]) = (place(&mut reader)?, reader.array()?);
    let sharing = reader.array()?;
    reader.bytes(2)?;
    let sensor = unmeasured(&mut reader, place, [kind, event_type], false)?;
    Some(Record::Sensors(shared(&sensor, sharing)))
}

/// A sensor that tells states and no measure; its name comes next.
fn unmeasured(
    reader: &mut Reader<'_>,
    place: SensorPlace,
    [kind, event_type]: [u8; 2],
    is_readable: bool,
) -> Option<SensorRecord> {
    Some(SensorRecord {
        name: record_name(reader)?,
        place,
        kind,
        event_type,
        formula: None,
        thresholds: RawThresholds::default(),
        is_readable,
    })
}

/// FRU Device Locator Record (table 43-7).
fn part(mut reader: Reader<'_>) -> Option<Record> {
    let [_, device, access, _, _, _, _, entity, _, _] = reader.array()?;
    let name = record_name(&mut reader)?;
    // Others are behind buses that the BMC does not read for us.
    let is_logical = access & 0x80 != 0;
    // Entities by number (table 43-13).
    let kind = match entity {
        0x03 => PartKind::Processor,
        0x04 | 0x1a => PartKind::Disk,
        0x06 | 0x07 => PartKind::Board,
        0x08 | 0x20 => PartKind::Memory,
        0x0a => PartKind::PowerSupply,
        _ => PartKind::Other,
    };
    let part = PartRecord { name, device, kind };
    Some(
        is_logical
            .then_some(part)
            .map_or(Record::Other, Record::Part),
    )
}

fn place(reader: &mut Reader<'_>) -> Option<SensorPlace> {
    let [owner, unit, number] = reader.array()?;
    let unit = unit & 0x03;
    Some(SensorPlace {
        owner,
        unit,
        number,
    })
}

fn masked(mask: u8, raw: [u8; 6]) -> RawThresholds {
    let mut thresholds = RawThresholds::default();
    for ((bit, threshold), raw) in (0..6).zip(&mut thresholds).zip(raw) {
        *threshold = (mask & 1 << bit != 0).then_some(raw);
    }
    thresholds
}

/// The sensors of a record that says for how many it stands: their numbers follow each other, and their names end in numbers or letters.
fn shared(sensor: &SensorRecord, [sharing, modifier]: [u8; 2]) -> Vec<SensorRecord> {
    let count = sharing & 0x0f;
    if count <= 1 {
        return vec![sensor.clone()];
    }
    let with_letters = sharing >> 4 & 0x03 == 1;
    let of = |nth: u8| {
        let offset = (modifier & 0x7f) + nth;
        let suffix = match with_letters {
            true => char::from(b'A' + offset % 26).to_string(),
            false => offset.to_string(),
        };
        let number = sensor.place.number.checked_add(nth)?;
        Some(SensorRecord {
            name: format!("{}{suffix}", sensor.name),
            place: SensorPlace {
                number,
                ..sensor.place
            },
            ..sensor.clone()
        })
    };
    (0..count).filter_map(of).collect()
}

/// What Get Sensor Thresholds answers (section 35.9).
pub(crate) fn thresholds(data: &[u8]) -> Option<RawThresholds> {
    let mut reader = Reader(data);
    let mask = reader.u8()?;
    Some(masked(mask, reader.array()?))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A temperature in whole degrees with three upper thresholds, sensor 1 of the BMC.
    pub(crate) const CPU_TEMPERATURE: [u8; 56] = [
        0x00, 0x00, 0x51, 0x01, 0x33, 0x20, 0x00, 0x01, 0x07, 0x01, 0x7f, 0x68, 0x01, 0x01, 0x00,
        0x00, 0x00, 0x00, 0x38, 0x38, 0x00, 0x01, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x19, 0x5a, 0x05, 0xff, 0x00, 0xfa, 0x5a, 0x50, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0xc8, b'C', b'P', b'U', b' ', b'T', b'e', b'm', b'p',
    ];

    /// Three power supplies that share a record, from sensor 0x31 on.
    const SUPPLIES: [u8; 36] = [
        0x01, 0x00, 0x51, 0x02, 0x1f, 0x20, 0x00, 0x31, 0x0a, 0x01, 0x67, 0x40, 0x08, 0x6f, 0x0f,
        0x00, 0x0f, 0x00, 0x0f, 0x00, 0xc0, 0x00, 0x00, 0x03, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0xc4, b'P', b'S', b'U', b' ',
    ];

    /// A part with its own memory: a power supply's, device 3.
    const PART: [u8; 19] = [
        0x02, 0x00, 0x51, 0x11, 0x0e, 0x20, 0x03, 0x80, 0x00, 0x00, 0x10, 0x00, 0x0a, 0x01, 0x00,
        0xc3, b'P', b'S', b'1',
    ];

    pub(crate) fn sensors_of(record: &[u8]) -> Vec<SensorRecord> {
        match Record::read(record) {
            Some(Record::Sensors(sensors)) => sensors,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_full_record_is_a_sensor_with_thresholds() {
        let sensors = sensors_of(&CPU_TEMPERATURE);
        let [sensor] = &sensors[..] else {
            panic!("{sensors:?}");
        };
        assert_eq!(sensor.name, "CPU Temp");
        assert_eq!(sensor.formula.unwrap().value(42), Some(42.0));
        let expected = [None, None, None, Some(80), Some(90), Some(250)];
        assert_eq!(sensor.thresholds, expected);
    }

    #[test]
    fn a_shared_record_is_several_sensors() {
        let letters = {
            let mut letters = SUPPLIES;
            (letters[23], letters[24]) = (0x13, 2);
            letters
        };
        for (record, names) in [
            (SUPPLIES, ["PSU1", "PSU2", "PSU3"]),
            (letters, ["PSUC", "PSUD", "PSUE"]),
        ] {
            let sensors = sensors_of(&record);
            let named = sensors
                .iter()
                .map(|sensor| (sensor.name.as_str(), sensor.place.number));
            let expected = names.into_iter().zip(0x31..);
            assert_eq!(named.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_locator_is_a_part() {
        let part = PartRecord {
            name: "PS1".to_owned(),
            device: 3,
            kind: PartKind::PowerSupply,
        };
        assert_eq!(Record::read(&PART), Some(Record::Part(part)));
    }

    #[test]
    fn a_record_cut_anywhere_is_none() {
        for record in [&CPU_TEMPERATURE[..], &SUPPLIES, &PART] {
            for at in 0..record.len() {
                assert_eq!(Record::read(&record[..at]), None, "cut at {at}");
            }
        }
        let mut short = CPU_TEMPERATURE;
        short[4] = 0x20; // the length is less than its kind needs
        assert_eq!(Record::read(&short), None);
    }

    #[test]
    fn thresholds_are_those_that_can_be_read() {
        let data = [0b01_1010, 1, 2, 3, 4, 5, 6];
        let expected = [None, Some(2), None, Some(4), Some(5), None];
        assert_eq!(thresholds(&data), Some(expected));
        assert_eq!(thresholds(&data[..6]), None);
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(
            kind in prop_oneof![Just(FULL), Just(COMPACT), Just(EVENT_ONLY), Just(FRU_LOCATOR), any::<u8>()],
            bytes in proptest::collection::vec(any::<u8>(), 0..90),
        ) {
            let _ = Record::read(&bytes);
            let length = bytes.len().to_le_bytes()[0];
            let _ = Record::read(&[&[0, 0, 0x51, kind, length], &bytes[..]].concat());
            let _ = thresholds(&bytes);
        }
    }
}
