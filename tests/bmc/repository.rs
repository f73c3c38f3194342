//! Records of sensors from BMCs that give them whole, lose reservations, or lead round in a circle.

use crate::counterpart::Bmc;

/// A temperature, the sensor with this number and a name that ends in it.
fn record(number: u8) -> String {
    let mut record = vec![0, 0, 0x51, 1, 0, 0x20, 0, number, 7, 1, 0x7f, 0x68, 1, 1];
    record.extend([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0]);
    record.resize(47, 0);
    record.push(0xc8);
    record.extend(format!("Temp {number:03}").into_bytes());
    record[4] = u8::try_from(record.len() - 5).unwrap();
    record.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Demands that a BMC with forty sensors tells of so many, in their order.
fn check(more: &[&str], bad: Option<u8>, expected: usize) {
    let records: Vec<String> = (0..40)
        .map(|number| match bad == Some(number) {
            true => record(number)[..60].to_owned(),
            false => record(number),
        })
        .collect();
    let mut arguments = more.to_vec();
    for record in &records {
        arguments.extend(["--record", record]);
    }
    let bmc = Bmc::pyghmi("127.0.0.1", &arguments);
    let sensors = bmc.session(async |session| session.sensors().await);
    assert_eq!(sensors.len(), expected, "{more:?}");
    let numbers = (0..40).filter(|number| bad != Some(*number)).cycle();
    for (sensor, number) in sensors.iter().zip(numbers) {
        assert_eq!(sensor.name, format!("Temp {number:03}"));
        assert_eq!(sensor.reading, Some(f64::from(number)));
    }
}

#[test]
fn whole_records() {
    check(&[], None, 40);
}

#[test]
fn records_that_come_in_pieces_unasked() {
    check(&["--most", "40"], None, 40);
}

#[test]
fn a_bad_record_costs_itself_alone() {
    check(&[], Some(7), 39);
}

#[test]
fn lost_reservations_are_made_anew() {
    check(&["--forgets", "7"], None, 40);
}

#[test]
fn a_circle_is_gone_round_once() {
    check(&["--circle"], None, 40);
}
