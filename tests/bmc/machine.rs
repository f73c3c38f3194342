//! Sensors and parts for ipmi_sim, as the commands that make them.

/// A sensor with a number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numeric {
    pub(crate) number: u8,
    pub(crate) name: &'static str,
    /// What it senses: 1 a temperature, 2 a voltage, 4 a fan.
    pub(crate) kind: u8,
    /// Its format, as the two highest bits have it, and its unit.
    pub(crate) format: u8,
    pub(crate) unit: u8,
    /// M, B, and the exponents of B and of the result.
    pub(crate) factors: (u8, u8, i8, i8),
    /// From the lower caution to the upper fatal, each where there is one.
    pub(crate) thresholds: [Option<u8>; 6],
}

impl Numeric {
    /// Its record, as a command.
    pub(crate) fn record(&self) -> String {
        let (m, b, of_b, of_result) = self.factors;
        let exponents = (of_b & 0x0f | of_result << 4).cast_unsigned();
        let [
            lower_caution,
            lower_critical,
            lower_fatal,
            upper_caution,
            upper_critical,
            upper_fatal,
        ] = self.thresholds.map(Option::unwrap_or_default);
        let mask = self.mask();
        let mut body = vec![0x20, 0, self.number, 7, 1, 0x7f, 0x68, self.kind, 1];
        body.extend([0, 0, 0, 0, mask, 0, self.format, self.unit, 0, 0]);
        body.extend([m, 0, b, 0, 0, exponents, 0, 0, 0, 0, 0xff, 0]);
        body.extend([upper_fatal, upper_critical, upper_caution]);
        body.extend([lower_fatal, lower_critical, lower_caution, 0, 0, 0, 0, 0]);
        record(0x01, body, self.name)
    }

    /// The sensor itself, with events for its upper thresholds, as commands. `source` is where its bytes come from.
    pub(crate) fn sensor(&self, source: &str) -> String {
        let (number, kind) = (self.number, self.kind);
        let values: Vec<String> = self
            .thresholds
            .iter()
            .rev()
            .map(|value| value.unwrap_or_default().to_string())
            .collect();
        let (mask, values) = (format!("{:06b}", self.mask()), values.join(" "));
        let events = "000111111000000";
        format!(
            "sensor_add 0x20 0 {number} {kind} 1 {source}\n\
             sensor_set_threshold 0x20 0 {number} settable {mask} {values}\n\
             sensor_set_event_support 0x20 0 {number} enable scanning per-state {events} {events} {events} {events}\n"
        )
    }

    fn mask(&self) -> u8 {
        let bits = (0..6).zip(self.thresholds);
        bits.map(|(bit, threshold)| u8::from(threshold.is_some()) << bit)
            .sum()
    }
}

/// A record, as the command that adds it: a kind, what follows its header up to the name, and the name.
pub(crate) fn record(kind: u8, mut body: Vec<u8>, name: &str) -> String {
    body.push(0xc0 | u8::try_from(name.len()).unwrap());
    body.extend(name.as_bytes());
    let mut bytes = vec![0, 0, 0x51, kind, u8::try_from(body.len()).unwrap()];
    bytes.extend(body);
    format!("main_sdr_add 0x20 {}\n", written(&bytes))
}

/// The record of a sensor with states.
pub(crate) fn discrete(number: u8, kind: u8, event_type: u8, name: &str) -> String {
    let mut body = vec![0x20, 0, number, 10, 1, 0x67, 0x40, kind, event_type];
    body.extend([0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xc0, 0, 0]);
    body.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    record(0x02, body, name)
}

/// A part's memory, as the command that adds it: the areas for chassis, board and product, one behind the other.
pub(crate) fn part(device: u8, areas: [Vec<u8>; 3]) -> String {
    let mut header = vec![1, 0, 0, 0, 0, 0, 0];
    let mut bytes = Vec::new();
    for (place, area) in header.iter_mut().skip(2).zip(&areas) {
        if !area.is_empty() {
            *place = u8::try_from(1 + bytes.len() / 8).unwrap();
        }
        bytes.extend(area);
    }
    header.push(sum(&header).wrapping_neg());
    let all = [header, bytes].concat();
    let (size, all) = (all.len(), written(&all));
    format!("mc_add_fru_data 0x20 {device} {size} data {all}\n")
}

/// An area of a part's memory: what it begins with, and its fields.
pub(crate) fn area(head: &[u8], fields: &[&[u8]]) -> Vec<u8> {
    let mut area = [&[1, 0], head, &fields.concat(), &[0xc1]].concat();
    while area.len() % 8 != 7 {
        area.push(0);
    }
    area[1] = u8::try_from(area.len() / 8 + 1).unwrap();
    area.push(sum(&area).wrapping_neg());
    area
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

fn written(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("0x{byte:02x}")).collect();
    bytes.join(" ")
}
