//! Event logs and their entries (DSP2046, "LogService", "LogEntry"). Knows no socket.

use serde_json::Value;

use super::date;
use super::link::Link;
use super::read::{link, text};
use crate::base::bmc::{LogEntry, Severity};

/// How near a log is to the system event log: the least is it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The one that IPMI has, too.
    SystemEvents,
    /// Events of another kind.
    Events,
    Other,
}

pub(crate) fn kind(service: &Value, place: &Link) -> Kind {
    let id = text(service, &["Id"]).unwrap_or_else(|| place.id().to_owned());
    let id = id.to_ascii_lowercase();
    let entries = text(service, &["LogEntryType"]);
    match (entries.as_deref(), id.as_str()) {
        (Some("SEL"), _) | (_, "sel") => Kind::SystemEvents,
        (Some("Event"), _) | (_, "iml" | "eventlog" | "event" | "log1") => Kind::Events,
        _ => Kind::Other,
    }
}

/// One entry; none where it says nothing.
pub(crate) fn entry(value: &Value, place: &Link) -> Option<LogEntry> {
    let words = [
        &["Message"][..],
        &["Description"],
        &["MessageId"],
        &["EntryCode"],
    ];
    let said = words.iter().find_map(|path| text(value, path))?;
    let at = ["Created", "EventTimestamp", "Modified"];
    let at = at.iter().find_map(|key| text(value, &[key]));
    let source = text(value, &["SensorType"]).filter(|kind| kind != "OEM");
    let origin = || {
        let links = [&["Links", "OriginOfCondition"][..], &["OriginOfCondition"]];
        let origin = links.iter().find_map(|path| link(value, path));
        origin.map(|origin| origin.id().to_owned())
    };
    let severity = text(value, &["Severity"]).or_else(|| text(value, &["MessageSeverity"]));
    Some(LogEntry {
        id: text(value, &["Id"]).unwrap_or_else(|| place.id().to_owned()),
        at: at.and_then(|at| date::moment(&at)).map(|at| at.0),
        severity: match severity.as_deref() {
            Some("Critical") => Severity::Critical,
            Some("Warning") => Severity::Warning,
            Some(_) | None => Severity::Info,
        },
        source: source.or_else(origin),
        text: said,
    })
}

/// The oldest first, where all know when they were: services differ in how they list them.
pub(crate) fn in_order(mut entries: Vec<LogEntry>) -> Vec<LogEntry> {
    if entries.iter().all(|entry| entry.at.is_some()) {
        // Of the same second, the later ones of a list that begins with the newest are the older ones.
        let is_newest_first = match &entries[..] {
            [first, .., last] => first.at > last.at,
            _ => false,
        };
        if is_newest_first {
            entries.reverse();
        }
        entries.sort_by_key(|entry| entry.at);
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn place() -> Link {
        Link::read("/redfish/v1/Logs/7").unwrap()
    }

    #[test]
    fn entries_are_read_for_what_they_say() {
        for (value, expected) in [
            (json!({}), None),
            (json!({"Id": "1", "Message": null}), None),
            (
                json!({"Message": "Fan 1 failed"}),
                Some(("7", None, Severity::Info, None, "Fan 1 failed")),
            ),
            (
                json!({
                    "Id": 12, "Created": "2024-02-29T12:30:05+01:00", "Severity": "Critical",
                    "SensorType": "Temperature", "Message": "too\nhot",
                }),
                Some((
                    "12",
                    Some(1_709_206_205),
                    Severity::Critical,
                    Some("Temperature"),
                    "too hot",
                )),
            ),
            (
                json!({
                    "Id": "a", "Created": "yesterday", "MessageSeverity": "Warning", "SensorType": "OEM",
                    "Links": {"OriginOfCondition": {"@odata.id": "/redfish/v1/Chassis/1/Sensors/Fan1"}},
                    "MessageId": "Base.1.0.X",
                }),
                Some(("a", None, Severity::Warning, Some("Fan1"), "Base.1.0.X")),
            ),
        ] {
            let read = entry(&value, &place());
            let read = read.as_ref().map(|entry| {
                let source = entry.source.as_deref();
                (
                    entry.id.as_str(),
                    entry.at,
                    entry.severity,
                    source,
                    entry.text.as_str(),
                )
            });
            assert_eq!(read, expected, "{value}");
        }
    }

    #[test]
    fn the_system_event_log_comes_first() {
        for (service, expected) in [
            (
                json!({"LogEntryType": "SEL", "Id": "Log1"}),
                Kind::SystemEvents,
            ),
            (
                json!({"LogEntryType": "OEM", "Id": "Sel"}),
                Kind::SystemEvents,
            ),
            (
                json!({"LogEntryType": "Event", "Id": "Lclog"}),
                Kind::Events,
            ),
            (json!({"Id": "IML"}), Kind::Events),
            (
                json!({"LogEntryType": "Multiple", "Id": "Dump"}),
                Kind::Other,
            ),
            (json!([]), Kind::Other),
        ] {
            assert_eq!(kind(&service, &place()), expected, "{service}");
        }
        assert_eq!(
            kind(&json!({}), &Link::read("/x/SEL").unwrap()),
            Kind::SystemEvents
        );
    }

    #[test]
    fn entries_are_told_in_the_order_of_time() {
        let entry = |id: &str, at: Option<u64>| LogEntry {
            id: id.to_owned(),
            at,
            severity: Severity::Info,
            source: None,
            text: String::new(),
        };
        for (listed, expected) in [
            (&[("3", Some(9)), ("2", Some(5)), ("1", Some(5))][..], "123"),
            (&[("1", Some(5)), ("2", Some(5)), ("3", Some(9))], "123"),
            (&[("1", Some(9)), ("2", None), ("3", Some(5))], "123"),
            (&[], ""),
        ] {
            let listed = listed.iter().map(|(id, at)| entry(id, *at)).collect();
            let ids: Vec<String> = in_order(listed).into_iter().map(|one| one.id).collect();
            assert_eq!(ids.concat(), expected);
        }
    }
}
