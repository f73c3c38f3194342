//! The event log: what ipmitool lists, we tell.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use bedplate::base::bmc::Severity;

use crate::counterpart::{Bmc, Limit, Setup};
use crate::machine::Numeric;

const TEMPERATURE: Numeric = Numeric {
    number: 1,
    name: "CPU Temp",
    kind: 1,
    format: 0x00,
    unit: 1,
    factors: (1, 0, 0, 0),
    thresholds: [None, None, None, Some(80), Some(90), Some(250)],
};

fn machine(more: &str) -> Bmc {
    let poll = "poll 100 file \"FOLDER/temperature\"";
    let commands = TEMPERATURE.sensor(poll) + &TEMPERATURE.record() + more;
    Bmc::sim(Setup {
        commands: &commands,
        ..Setup::default()
    })
}

#[test]
fn a_sensor_that_crosses_a_threshold_is_logged() {
    let bmc = machine("");
    fs::write(bmc.file("temperature"), "42").unwrap();
    bmc.ipmitool("sel time set now");
    let empty =
        bmc.session(async |session| Ok((session.log(None).await?, session.log_info().await?)));
    assert_eq!((empty.0.entries.len(), empty.1.entries), (0, 0));
    fs::write(bmc.file("temperature"), "95").unwrap();
    let limit = Limit::new();
    let (page, info) = bmc.session(async |session| {
        loop {
            limit.check();
            let info = session.log_info().await?;
            if info.entries >= 2 {
                return Ok((session.log(None).await?, info));
            }
        }
    });
    assert_eq!((page.entries.len(), page.next, info.entries), (2, None, 2));
    assert!(!info.has_overflowed);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    for (text, severity) in [
        ("upper caution, going high", Severity::Warning),
        ("upper critical, going high", Severity::Critical),
    ] {
        let found = page
            .entries
            .iter()
            .find(|entry| entry.text.starts_with(text));
        let entry = found.unwrap_or_else(|| panic!("no {text} in {page:?}"));
        assert_eq!(entry.source.as_deref(), Some("CPU Temp"));
        assert_eq!(entry.severity, severity);
        let at = entry.at.unwrap();
        assert!(now.abs_diff(at) < 120, "{at}");
    }
    let seen = bmc.ipmitool("sel list");
    assert_eq!(seen.lines().count(), 2, "{seen}");
    assert!(seen.contains("Upper Critical going high"), "{seen}");
}

#[test]
fn a_log_is_read_page_by_page_and_cleared() {
    let commands: String = (0..600)
        .map(|number| {
            let [low, high] = u16::to_le_bytes(number);
            format!("sel_add 0x20 0xe0 0x{low:02x} 0x{high:02x} 0 0 0 0 0 0 0 0 0 0 0\n")
        })
        .collect();
    let bmc = machine(&commands);
    let pages = bmc.session(async |session| {
        let (mut pages, mut next) = (Vec::new(), None);
        loop {
            let page = session.log(next).await?;
            pages.push(page.entries);
            next = page.next;
            if next.is_none() {
                return Ok(pages);
            }
        }
    });
    let lengths: Vec<usize> = pages.iter().map(Vec::len).collect();
    assert_eq!(lengths, [256, 256, 88]);
    for (number, entry) in pages.concat().iter().enumerate() {
        let [low, high] = u16::try_from(number).unwrap().to_le_bytes();
        let expected = format!("of the vendor's own: {low:02x}{high:02x}");
        assert!(entry.text.starts_with(&expected), "{number}: {entry:?}");
    }
    bmc.session(async |session| session.clear_log().await);
    let seen = bmc.ipmitool("sel info");
    let entries = seen.lines().find(|line| line.starts_with("Entries"));
    assert!(entries.unwrap().ends_with(": 0"), "{seen}");
    let page = bmc.session(async |session| session.log(None).await);
    assert_eq!((page.entries.len(), page.next), (0, None));
}
