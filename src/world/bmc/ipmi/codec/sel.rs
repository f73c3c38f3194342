//! The system event log (IPMI 2.0, sections 31 and 32).

use super::bytes::Reader;
use super::sdr::{SensorPlace, SensorRecord, THRESHOLD};
use super::text::hex;
use super::words::{crossing, kind, state};
use crate::base::bmc::{LogEntry, Severity, Unit};

/// Where a log begins, and what stands for its end.
pub(crate) const FIRST: u16 = 0x0000;
pub(crate) const LAST: u16 = 0xffff;

/// What Clear SEL is asked for: to begin, and how far it is.
pub(crate) const ERASE: u8 = 0xaa;
pub(crate) const HOW_FAR: u8 = 0x00;

/// How full a log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogInfo {
    pub entries: u16,
    /// Bytes that are left; none where there are more than the BMC can tell.
    pub free: Option<u16>,
    /// Whether events were lost because it was full.
    pub has_overflowed: bool,
}

impl LogInfo {
    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        let mut reader = Reader(data);
        reader.u8()?; // its version
        let (entries, free) = (reader.u16()?, reader.u16()?);
        let [.., support] = reader.array::<9>()?;
        Some(Self {
            entries,
            free: (free != u16::MAX).then_some(free),
            has_overflowed: support & 0x80 != 0,
        })
    }
}

/// The data of Get SEL Entry: a whole record.
pub(crate) fn wanted(record: u16) -> Vec<u8> {
    let [low, high] = record.to_le_bytes();
    vec![0, 0, low, high, 0, 0xff]
}

/// The data of Clear SEL.
pub(crate) fn clear(reservation: [u8; 2], what: u8) -> Vec<u8> {
    let [low, high] = reservation;
    vec![low, high, b'C', b'L', b'R', what]
}

/// Whether Clear SEL is done.
pub(crate) fn is_cleared(data: &[u8]) -> Option<bool> {
    Reader(data).u8().map(|progress| progress & 0x0f == 1)
}

/// The answer to Get SEL Entry: the record that follows, and this one.
pub(crate) fn entry(data: &[u8], sensors: &[SensorRecord]) -> Option<(u16, LogEntry)> {
    let mut reader = Reader(data);
    let next = reader.u16()?;
    let record = reader.rest();
    let read = Entry::read(record);
    let entry = match read {
        Some(entry) => entry.told(sensors),
        // One that is cut short is told as it is.
        None => LogEntry {
            id: Reader(record).u16()?.to_string(),
            at: None,
            severity: Severity::Info,
            source: None,
            text: format!("a record that is not as IPMI has it: {}", hex(record)),
        },
    };
    Some((next, entry))
}

/// A record of the log (table 32-1).
struct Entry {
    id: u16,
    kind: u8,
    body: [u8; 13],
}

impl Entry {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        Some(Self {
            id: reader.u16()?,
            kind: reader.u8()?,
            body: reader.array()?,
        })
    }

    fn told(&self, sensors: &[SensorRecord]) -> LogEntry {
        const SYSTEM_EVENT: u8 = 0x02;
        let [a, b, c, d, rest @ ..] = self.body;
        let at = moment(u32::from_le_bytes([a, b, c, d]));
        let id = self.id.to_string();
        match self.kind {
            SYSTEM_EVENT => {
                let event = Event::of(rest);
                let sensor = sensors.iter().find(|sensor| sensor.place == event.place);
                let (text, severity) = event.words(sensor);
                LogEntry {
                    id,
                    at,
                    severity,
                    source: event.source(sensor),
                    text,
                }
            }
            // The vendor's own, with the time and without it.
            0xc0..=0xdf => told(id, at, format!("of the vendor's own: {}", hex(&rest))),
            0xe0..=0xff => told(
                id,
                None,
                format!("of the vendor's own: {}", hex(&self.body)),
            ),
            other => told(id, at, format!("of kind 0x{other:02x}: {}", hex(&rest))),
        }
    }
}

fn told(id: String, at: Option<u64>, text: String) -> LogEntry {
    LogEntry {
        id,
        at,
        severity: Severity::Info,
        source: None,
        text,
    }
}

/// A time of the BMC's clock; none where it only counts since it started (section 37.1).
fn moment(seconds: u32) -> Option<u64> {
    const SINCE_START: u32 = 0x2000_0000;
    let is_known = seconds > SINCE_START && seconds != u32::MAX;
    is_known.then_some(u64::from(seconds))
}

/// What a sensor reported (table 32-1, bytes 8 to 16).
struct Event {
    place: SensorPlace,
    kind: u8,
    event_type: u8,
    /// Whether the state ended instead.
    is_over: bool,
    data: [u8; 3],
}

impl Event {
    fn of([owner, unit, _, kind, number, event, data @ ..]: [u8; 9]) -> Self {
        Self {
            place: SensorPlace {
                owner,
                unit: unit & 0x03,
                number,
            },
            kind,
            event_type: event & 0x7f,
            is_over: event & 0x80 != 0,
            data,
        }
    }

    fn source(&self, sensor: Option<&SensorRecord>) -> Option<String> {
        match sensor {
            Some(sensor) => Some(sensor.name.clone()),
            None => {
                let number = self.place.number;
                kind(self.kind).map(|kind| format!("{kind} 0x{number:02x}"))
            }
        }
    }

    fn words(&self, sensor: Option<&SensorRecord>) -> (String, Severity) {
        let [first, second, third] = self.data;
        let offset = first & 0x0f;
        let crossed = (self.event_type == THRESHOLD).then(|| crossing(offset));
        let (words, severity) = match crossed.flatten() {
            Some((words, severity)) => {
                // Bits say whether the other bytes are what was read, and the threshold.
                let read = (first >> 6 == 1).then_some(second);
                let threshold = (first >> 4 & 0x03 == 1).then_some(third);
                let numbers = numbers(sensor, read, threshold);
                (format!("{words}{numbers}"), severity)
            }
            None => state(self.event_type, self.kind, offset),
        };
        match self.is_over {
            true => (format!("no longer: {words}"), Severity::Info),
            false => (words, severity),
        }
    }
}

/// What was read and the threshold, as far as both are known.
fn numbers(sensor: Option<&SensorRecord>, read: Option<u8>, threshold: Option<u8>) -> String {
    let Some(formula) = sensor.and_then(|sensor| sensor.formula) else {
        return String::new();
    };
    if formula.is_nonlinear {
        return String::new();
    }
    let unit = match formula.unit {
        Unit::Celsius => " °C",
        Unit::Rpm => " rpm",
        Unit::Volts => " V",
        Unit::Amperes => " A",
        Unit::Watts => " W",
        Unit::Percent => " %",
        Unit::Other => "",
    };
    let number = |byte: Option<u8>| {
        let value = formula.value(byte?)?;
        // Three places are more than any sensor knows.
        Some((value * 1000.0).round() / 1000.0)
    };
    match (number(read), number(threshold)) {
        (Some(read), Some(threshold)) => format!(": {read}{unit}, threshold {threshold}{unit}"),
        (Some(read), None) => format!(": {read}{unit}"),
        (None, Some(threshold)) => format!(": threshold {threshold}{unit}"),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sdr::tests::{CPU_TEMPERATURE, sensors_of};
    use super::*;

    /// A record behind the number of the next.
    fn record(kind: u8, body: [u8; 13]) -> Vec<u8> {
        [&[0x02, 0x00, 0x01, 0x00, kind], &body[..]].concat()
    }

    #[test]
    fn events_have_words() {
        let sensors = sensors_of(&CPU_TEMPERATURE);
        // A time, who, a revision, and then the event.
        let event = |event: [u8; 6]| {
            let mut body = [0x00, 0xf1, 0x53, 0x65, 0x20, 0, 4, 0, 0, 0, 0, 0, 0];
            body[7..].copy_from_slice(&event);
            record(0x02, body)
        };
        for (record, source, text, severity) in [
            (
                event([0x01, 0x01, 0x01, 0x59, 95, 90]),
                Some("CPU Temp"),
                "upper critical, going high: 95 °C, threshold 90 °C",
                Severity::Critical,
            ),
            (
                event([0x01, 0x01, 0x81, 0x59, 85, 90]),
                Some("CPU Temp"),
                "no longer: upper critical, going high: 85 °C, threshold 90 °C",
                Severity::Info,
            ),
            (
                event([0x01, 0x09, 0x01, 0x07, 85, 90]),
                Some("temperature 0x09"),
                "upper caution, going high",
                Severity::Warning,
            ),
            (
                event([0x08, 0x31, 0x6f, 0x01, 0xff, 0xff]),
                Some("power supply 0x31"),
                "failed",
                Severity::Critical,
            ),
            (
                event([0xc1, 0x31, 0x70, 0x02, 0xff, 0xff]),
                None,
                "state 2",
                Severity::Info,
            ),
            (
                event([0x01, 0x01, 0x01, 0x0f, 0, 0]),
                Some("CPU Temp"),
                "state 15",
                Severity::Info,
            ),
        ] {
            let expected = LogEntry {
                id: "1".to_owned(),
                at: Some(0x6553_f100),
                severity,
                source: source.map(str::to_owned),
                text: text.to_owned(),
            };
            assert_eq!(entry(&record, &sensors), Some((2, expected)));
        }
    }

    #[test]
    fn other_records_are_told_as_they_are() {
        let body = [0x10, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        for (data, at, text) in [
            (
                record(0xc1, body),
                None,
                "of the vendor's own: 010203040506070809",
            ),
            (
                record(0xe1, body),
                None,
                "of the vendor's own: 10000000010203040506070809",
            ),
            (record(0x55, body), None, "of kind 0x55: 010203040506070809"),
            (
                record(0x02, body)[..9].to_vec(),
                None,
                "a record that is not as IPMI has it: 01000210000000",
            ),
        ] {
            let (_, entry) = entry(&data, &[]).unwrap();
            assert_eq!((entry.at, entry.text.as_str()), (at, text));
        }
    }

    #[test]
    fn the_info_tells_how_full_it_is() {
        let data = [0x51, 3, 0, 0xd0, 0x3e, 1, 2, 3, 4, 5, 6, 7, 8, 0x8a];
        let expected = LogInfo {
            entries: 3,
            free: Some(16_080),
            has_overflowed: true,
        };
        assert_eq!(LogInfo::read(&data), Some(expected));
        assert_eq!(LogInfo::read(&data[..13]), None);
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..30)) {
            let sensors = sensors_of(&CPU_TEMPERATURE);
            let _ = entry(&bytes, &sensors);
            let _ = LogInfo::read(&bytes);
            let _ = is_cleared(&bytes);
        }
    }
}
