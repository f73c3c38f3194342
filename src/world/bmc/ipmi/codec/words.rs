//! The words for what sensors and events report (IPMI 2.0, tables 42-1 to 42-3).

use crate::base::bmc::Severity;

use Severity::{Critical as C, Info as I, Warning as W};

/// The event type of sensors whose states are those of their own kind.
const SPECIFIC: u8 = 0x6f;

type States = &'static [(&'static str, Severity)];

/// Kinds of sensors by number, their states by offset.
const KINDS: [(u8, &str, States); 36] = [
    (0x01, "temperature", &[]),
    (0x02, "voltage", &[]),
    (0x03, "current", &[]),
    (0x04, "fan", &[]),
    (
        0x05,
        "chassis",
        &[
            ("chassis opened", W),
            ("drive bay opened", W),
            ("card area opened", W),
            ("processor area opened", W),
            ("network cable unplugged", W),
            ("undocked", W),
            ("fan area opened", W),
        ],
    ),
    (
        0x06,
        "security",
        &[
            ("secure mode violated", W),
            ("wrong user password before boot", W),
            ("wrong setup password before boot", W),
            ("wrong network boot password", W),
            ("wrong password before boot", W),
            ("wrong password out of band", W),
        ],
    ),
    (
        0x07,
        "processor",
        &[
            ("internal error", C),
            ("thermal trip", C),
            ("self-test failed", C),
            ("hang during start-up tests", C),
            ("did not start", C),
            ("configuration error", C),
            ("uncorrectable error", C),
            ("present", I),
            ("disabled", W),
            ("terminator present", I),
            ("throttled", W),
            ("machine check", C),
            ("correctable machine check", W),
        ],
    ),
    (
        0x08,
        "power supply",
        &[
            ("present", I),
            ("failed", C),
            ("will fail soon", W),
            ("input lost", C),
            ("input lost or out of range", C),
            ("input out of range", W),
            ("configuration error", C),
            ("inactive", I),
        ],
    ),
    (
        0x09,
        "power unit",
        &[
            ("off", I),
            ("power cycle", I),
            ("240 VA power down", C),
            ("interlock power down", C),
            ("input lost", C),
            ("soft power control failed", C),
            ("failed", C),
            ("will fail soon", W),
        ],
    ),
    (0x0a, "cooling device", &[]),
    (0x0b, "sensor", &[]),
    (
        0x0c,
        "memory",
        &[
            ("correctable error", W),
            ("uncorrectable error", C),
            ("parity error", C),
            ("scrub failed", C),
            ("disabled", W),
            ("too many correctable errors", W),
            ("present", I),
            ("configuration error", C),
            ("spare", I),
            ("throttled", W),
            ("much too hot", C),
        ],
    ),
    (
        0x0d,
        "drive",
        &[
            ("present", I),
            ("failed", C),
            ("will fail soon", W),
            ("hot spare", I),
            ("consistency check", I),
            ("array critical", C),
            ("array failed", C),
            ("rebuilding", W),
            ("rebuild aborted", C),
        ],
    ),
    (
        0x0f,
        "firmware",
        &[
            ("error during start-up", C),
            ("hang during start-up", C),
            ("start-up under way", I),
        ],
    ),
    (
        0x10,
        "event log",
        &[
            ("logging of correctable memory errors disabled", W),
            ("logging of an event type disabled", W),
            ("cleared", I),
            ("logging disabled", W),
            ("full", W),
            ("almost full", W),
            ("logging of correctable machine checks disabled", W),
        ],
    ),
    (
        0x12,
        "system",
        &[
            ("reconfigured", I),
            ("boot event of the vendor's", I),
            ("unknown hardware failure", C),
            ("entry in the auxiliary log", I),
            ("event filter acts", I),
            ("clock set", I),
        ],
    ),
    (
        0x13,
        "critical interrupt",
        &[
            ("diagnostic interrupt by the front panel", W),
            ("bus timeout", C),
            ("I/O channel check", C),
            ("software interrupt", W),
            ("PCI parity error", C),
            ("PCI system error", C),
            ("EISA fail-safe timeout", C),
            ("correctable bus error", W),
            ("uncorrectable bus error", C),
            ("fatal interrupt", C),
            ("fatal bus error", C),
            ("bus degraded", W),
        ],
    ),
    (
        0x14,
        "button",
        &[
            ("power button pressed", I),
            ("sleep button pressed", I),
            ("reset button pressed", I),
            ("latch open", W),
            ("service requested", W),
        ],
    ),
    (0x15, "module", &[]),
    (0x16, "microcontroller", &[]),
    (0x17, "add-in card", &[]),
    (0x18, "chassis", &[]),
    (
        0x19,
        "chip set",
        &[("soft power control failed", C), ("thermal trip", C)],
    ),
    (0x1b, "cable", &[("connected", I), ("wrongly connected", C)]),
    (
        0x1d,
        "boot",
        &[
            ("started by power up", I),
            ("started by hard reset", I),
            ("started by warm reset", I),
            ("network boot requested", I),
            ("boot to diagnostics", I),
            ("started by software's hard reset", I),
            ("started by software's warm reset", I),
            ("cause of the restart", I),
        ],
    ),
    (
        0x1e,
        "boot",
        &[
            ("no bootable media", C),
            ("no bootable diskette", C),
            ("no PXE server found", C),
            ("invalid boot sector", C),
            ("nobody chose what to boot", W),
        ],
    ),
    (
        0x1f,
        "operating system",
        &[
            ("booted from A:", I),
            ("booted from C:", I),
            ("booted by PXE", I),
            ("booted diagnostics", I),
            ("booted from CD", I),
            ("booted from ROM", I),
            ("booted", I),
        ],
    ),
    (
        0x20,
        "operating system",
        &[
            ("critical stop while loading", C),
            ("critical stop", C),
            ("stopped", I),
            ("shut down", I),
            ("shut down by an event filter", W),
            ("agent does not respond", W),
        ],
    ),
    (
        0x21,
        "slot",
        &[
            ("fault", C),
            ("identify", I),
            ("device installed", I),
            ("ready for installation", I),
            ("ready for removal", I),
            ("off", I),
            ("removal requested", I),
            ("interlock", I),
            ("disabled", W),
            ("spare", I),
        ],
    ),
    (
        0x22,
        "system power",
        &[
            ("S0: working", I),
            ("S1: sleeping", I),
            ("S2: sleeping", I),
            ("S3: sleeping", I),
            ("S4: suspended to disk", I),
            ("S5: off", I),
            ("off or suspended to disk", I),
            ("G3: without power", I),
            ("sleeping", I),
            ("G1: sleeping", I),
            ("off by override", W),
            ("on", I),
            ("off", I),
            ("unknown", W),
        ],
    ),
    (
        0x23,
        "watchdog",
        &[
            ("expired", W),
            ("hard reset", C),
            ("power down", C),
            ("power cycle", C),
            ("reserved", I),
            ("reserved", I),
            ("reserved", I),
            ("reserved", I),
            ("interrupt", W),
        ],
    ),
    (
        0x25,
        "part",
        &[("present", I), ("absent", W), ("disabled", W)],
    ),
    (
        0x28,
        "management",
        &[
            ("sensor access degraded", W),
            ("controller access degraded", W),
            ("controller off line", C),
            ("controller unavailable", C),
            ("sensor failed", W),
            ("part failed", W),
        ],
    ),
    (
        0x29,
        "battery",
        &[("low", W), ("failed", C), ("present", I)],
    ),
    (
        0x2a,
        "session",
        &[
            ("opened", I),
            ("closed", I),
            ("wrong name or password", W),
            ("account disabled after wrong passwords", W),
        ],
    ),
    (
        0x2b,
        "version",
        &[
            ("hardware changed", I),
            ("firmware or software changed", I),
            ("hardware incompatible", C),
            ("firmware or software incompatible", C),
            ("invalid hardware", C),
            ("invalid firmware or software", C),
            ("hardware change done", I),
            ("firmware or software change done", I),
        ],
    ),
];

/// States of any kind of sensor, by event type from 0x02 on.
const GENERIC: [States; 11] = [
    &[("idle", I), ("active", I), ("busy", I)],
    &[("deasserted", I), ("asserted", I)],
    &[("no failure foreseen", I), ("will fail soon", W)],
    &[("limit not exceeded", I), ("limit exceeded", W)],
    &[("performance met", I), ("performance lags", W)],
    &[
        ("OK", I),
        ("not critical", W),
        ("critical", C),
        ("not recoverable", C),
        ("no longer critical", W),
        ("critical, was not recoverable", C),
        ("not recoverable", C),
        ("monitored", I),
        ("informational", I),
    ],
    &[("absent", W), ("present", I)],
    &[("disabled", W), ("enabled", I)],
    &[
        ("running", I),
        ("in test", I),
        ("off", I),
        ("on line", I),
        ("off line", W),
        ("off duty", W),
        ("degraded", W),
        ("power save", I),
        ("installation error", C),
    ],
    &[
        ("fully redundant", I),
        ("redundancy lost", C),
        ("redundancy degraded", W),
        ("not redundant, resources suffice", W),
        ("not redundant, resources suffice again", W),
        ("not redundant, resources do not suffice", C),
        ("redundancy degraded, was full", W),
        ("redundancy degraded, was none", W),
    ],
    &[
        ("D0: working", I),
        ("D1: sleeping", I),
        ("D2: sleeping", I),
        ("D3: off", I),
    ],
];

/// Which thresholds there are, from bit 0 on.
const THRESHOLDS: [(&str, Severity); 6] = [
    ("lower caution", W),
    ("lower critical", C),
    ("lower fatal", C),
    ("upper caution", W),
    ("upper critical", C),
    ("upper fatal", C),
];

/// What a sensor senses.
pub(crate) fn kind(number: u8) -> Option<&'static str> {
    let known = KINDS.iter().find(|(known, ..)| *known == number);
    known.map(|(_, name, _)| *name)
}

/// A state of a sensor without thresholds, and how bad it is.
pub(crate) fn state(event_type: u8, kind: u8, offset: u8) -> (String, Severity) {
    let states = match event_type {
        SPECIFIC => KINDS
            .iter()
            .find(|(known, ..)| *known == kind)
            .map(|(.., states)| *states),
        _ => usize::from(event_type)
            .checked_sub(2)
            .and_then(|at| GENERIC.get(at).copied()),
    };
    match states.and_then(|states| states.get(usize::from(offset))) {
        Some((words, severity)) => ((*words).to_owned(), *severity),
        None => (format!("state {offset}"), Severity::Info),
    }
}

/// How bad it is to be beyond a threshold.
pub(crate) fn rank(bit: usize) -> Severity {
    THRESHOLDS
        .get(bit)
        .map_or(Severity::Info, |(_, rank)| *rank)
}

/// What an event of a threshold says by its offset (table 42-2): which was crossed, in which way, and how bad that is.
pub(crate) fn crossing(offset: u8) -> Option<(String, Severity)> {
    let (name, severity) = THRESHOLDS.get(usize::from(offset / 2))?;
    let (is_upper, is_high) = (name.starts_with("upper"), offset % 2 == 1);
    let way = if is_high { "high" } else { "low" };
    let severity = match is_upper == is_high {
        true => *severity,
        false => Severity::Info, // it comes back
    };
    Some((format!("{name}, going {way}"), severity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_words() {
        for (event_type, kind, offset, expected) in [
            (0x6f, 0x08, 3, ("input lost", C)),
            (0x6f, 0x25, 0, ("present", I)),
            (0x08, 0x08, 0, ("absent", W)),
            (0x0b, 0x08, 1, ("redundancy lost", C)),
            (0x6f, 0x23, 1, ("hard reset", C)),
            (0x6f, 0xc0, 5, ("state 5", I)),
            (0x70, 0x08, 1, ("state 1", I)),
            (0x00, 0x08, 1, ("state 1", I)),
            (0x6f, 0x08, 14, ("state 14", I)),
        ] {
            let (words, severity) = state(event_type, kind, offset);
            let what = (event_type, kind, offset);
            assert_eq!((words.as_str(), severity), expected, "{what:?}");
        }
    }

    #[test]
    fn crossings_have_words() {
        for (offset, expected) in [
            (0, Some(("lower caution, going low", W))),
            (1, Some(("lower caution, going high", I))),
            (4, Some(("lower fatal, going low", C))),
            (9, Some(("upper critical, going high", C))),
            (8, Some(("upper critical, going low", I))),
            (12, None),
        ] {
            let told = crossing(offset);
            let told = told.as_ref().map(|(words, rank)| (words.as_str(), *rank));
            assert_eq!(told, expected, "{offset}");
        }
    }
}
