//! `bedplate sensors`, `sel` and `bmc`: what a machine's BMC tells.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::args::bmc::{BmcDeed, LogArguments, Who};
use super::client::Client;
use super::discover;
use super::output::{Output, count};
use super::readings::{Question, ask};
use super::table::Table;
use super::wish;
use crate::base::bmc::{
    BmcInterface, Health, Inventory, LogEntry, PartKind, Sensor, Severity, Unit,
};
use crate::base::moment::Moment;
use crate::daemon::{BmcInventory, BmcReading, InventoryDifference, ShownCertificate, now};
use crate::diag::fault::Fault;

pub(super) async fn sensors(who: &[Who], client: &Client, out: &Output) -> Result<ExitCode, Fault> {
    let question: Question<BmcReading<Vec<Sensor>>> = Question {
        path: "sensors",
        is_deed: false,
        shown: |told| (sensors_text(&told.read), told.warnings.clone()),
    };
    ask(who, question, client, out).await
}

pub(super) async fn log(
    arguments: &LogArguments,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let LogArguments { who, clear, yes } = arguments;
    if *clear && !yes && !agreed(who, out)? {
        out.progress("Nothing is cleared.");
        return Ok(ExitCode::from(1));
    }
    let question: Question<BmcReading<Vec<LogEntry>>> = Question {
        path: "log",
        is_deed: *clear,
        shown: match clear {
            true => |told| {
                let cleared = format!("Cleared {}.\n", count_entries(told.read.len()));
                (log_text(&told.read) + &cleared, told.warnings.clone())
            },
            false => |told| (log_text(&told.read), told.warnings.clone()),
        },
    };
    ask(who, question, client, out).await
}

pub(super) async fn bmc(deed: &BmcDeed, client: &Client, out: &Output) -> Result<ExitCode, Fault> {
    match deed {
        BmcDeed::Inventory { who } => {
            let question: Question<BmcInventory> = Question {
                path: "inventory",
                is_deed: false,
                shown: |told| {
                    let BmcInventory {
                        reading,
                        differences,
                        network,
                    } = told;
                    let text = inventory_text(&reading.read, network.as_ref());
                    let text = text + &differences_text(differences);
                    (text, reading.warnings.clone())
                },
            };
            ask(who, question, client, out).await
        }
        BmcDeed::Trust { machine } => {
            let path = format!("bmc/{machine}/certificate");
            let shown: ShownCertificate = client.get(&path).await?;
            match out.json {
                true => out.value(&shown)?,
                false => out.text(&certificate_text(&shown, now())),
            }
            // So that a script hears of it.
            Ok(match shown.is_pinned {
                Some(false) => ExitCode::from(4),
                Some(true) | None => ExitCode::SUCCESS,
            })
        }
        BmcDeed::Identify(arguments) => wish::identify(arguments, client, out).await,
        BmcDeed::Boot(arguments) => wish::boot(arguments, client, out).await,
        BmcDeed::Media(arguments) => wish::media(arguments, client, out).await,
        BmcDeed::Discover(arguments) => discover::discover(arguments, client, out).await,
    }
}

fn agreed(who: &[Who], out: &Output) -> Result<bool, Fault> {
    let words: Vec<String> = who.iter().map(ToString::to_string).collect();
    let question = match who {
        [Who::Machine(machine)] => format!("Clear the event log of {machine}?"),
        _ => format!("Clear the event logs of {}?", words.join(" ")),
    };
    out.agreed(&question, "see what is in it first, then add --yes")
}

fn sensors_text(sensors: &[Sensor]) -> String {
    if sensors.is_empty() {
        return "The BMC tells of no sensors.\n".to_owned();
    }
    let mut table = Table::default();
    table.row(["SENSOR", "READING", "HEALTH", "CRITICAL"].map(str::to_owned));
    for sensor in sensors {
        let reading = match sensor.reading {
            Some(reading) => format!("{}{}", number(reading), unit(sensor.unit)),
            None if sensor.states.is_empty() => "-".to_owned(),
            None => sensor.states.join(", "),
        };
        let bounds = &sensor.thresholds;
        let bounds = [
            bounds
                .lower_critical
                .map(|least| format!("below {}", number(least))),
            bounds
                .upper_critical
                .map(|most| format!("above {}", number(most))),
        ];
        let bounds: Vec<String> = bounds.into_iter().flatten().collect();
        table.row([
            sensor.name.clone(),
            reading,
            health(sensor.health).to_owned(),
            bounds.join(", "),
        ]);
    }
    table.text()
}

/// With as many digits as say something.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Celsius => " °C",
        Unit::Rpm => " rpm",
        Unit::Volts => " V",
        Unit::Amperes => " A",
        Unit::Watts => " W",
        Unit::Percent => " %",
        Unit::Other => "",
    }
}

fn health(health: Health) -> &'static str {
    match health {
        Health::Ok => "ok",
        Health::Warning => "warning",
        Health::Critical => "critical",
        Health::Unknown => "-",
    }
}

fn log_text(entries: &[LogEntry]) -> String {
    if entries.is_empty() {
        return "The event log is empty.\n".to_owned();
    }
    let mut table = Table::default();
    table.row(["ID", "AT", "SEVERITY", "SOURCE", "EVENT"].map(str::to_owned));
    for entry in entries {
        let none = || "-".to_owned();
        let severity = match entry.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        };
        table.row([
            entry.id.clone(),
            entry.at.map_or_else(none, |at| Moment(at).to_string()),
            severity.to_owned(),
            entry.source.clone().unwrap_or_else(none),
            entry.text.clone(),
        ]);
    }
    table.text()
}

fn count_entries(entries: usize) -> String {
    match entries {
        1 => "1 entry".to_owned(),
        _ => format!("{entries} entries"),
    }
}

fn inventory_text(inventory: &Inventory, network: Option<&BmcInterface>) -> String {
    let mut text = String::new();
    for (name, value) in [
        ("manufacturer", &inventory.manufacturer),
        ("model", &inventory.model),
        ("serial", &inventory.serial),
        ("asset tag", &inventory.asset_tag),
        ("uuid", &inventory.uuid),
        ("firmware", &inventory.firmware),
    ] {
        if let Some(value) = value {
            let _ = writeln!(text, "{name}: {value}");
        }
    }
    let mut table = Table::default();
    for part in &inventory.parts {
        let none = String::new;
        table.row([
            kind(part.kind).to_owned(),
            part.place.clone(),
            part.model.clone().unwrap_or_else(none),
            part.serial.clone().unwrap_or_else(none),
            part.size.map_or_else(none, |size| sized(part.kind, size)),
        ]);
    }
    for port in &inventory.ports {
        let mac = port.mac.map_or_else(String::new, |mac| mac.to_string());
        table.row([
            "port".to_owned(),
            port.name.clone(),
            mac,
            String::new(),
            String::new(),
        ]);
    }
    if text.is_empty() && table.is_empty() {
        text.push_str("The BMC tells nothing of the machine.\n");
    }
    if let Some(network) = network {
        let _ = writeln!(text, "bmc network: {network}");
    }
    text + &table.text()
}

/// How the machine differs from what the site says, with what to do about it.
fn differences_text(differences: &[InventoryDifference]) -> String {
    let mut text = String::new();
    if !differences.is_empty() {
        text.push_str("The site says otherwise:\n");
    }
    for difference in differences {
        let _ = writeln!(text, "  {difference}\n    {}", difference.help());
    }
    text
}

fn kind(kind: PartKind) -> &'static str {
    match kind {
        PartKind::Board => "board",
        PartKind::Processor => "processor",
        PartKind::Memory => "memory",
        PartKind::Disk => "disk",
        PartKind::PowerSupply => "power supply",
        PartKind::Other => "part",
    }
}

fn sized(kind: PartKind, size: u64) -> String {
    match kind {
        PartKind::Processor => count(usize::try_from(size).unwrap_or(usize::MAX), "core"),
        PartKind::Memory | PartKind::Disk => format!("{} GiB", size >> 30),
        PartKind::Board | PartKind::PowerSupply | PartKind::Other => size.to_string(),
    }
}

fn certificate_text(shown: &ShownCertificate, now: Moment) -> String {
    let moment = |at: Option<u64>| at.map_or_else(|| "-".to_owned(), |at| Moment(at).to_string());
    let mut text = String::new();
    let _ = writeln!(
        text,
        "The BMC of {} shows this certificate. Nothing was told to it:",
        shown.machine
    );
    let _ = writeln!(text, "  for     {}", shown.subject);
    let _ = match shown.is_self_signed {
        true => writeln!(text, "  by      itself"),
        false => writeln!(text, "  by      {}", shown.issuer),
    };
    let _ = writeln!(
        text,
        "  valid   {} to {}",
        moment(shown.not_before),
        moment(shown.not_after)
    );
    if shown.not_after.is_some_and(|end| end < now.0) {
        text.push_str("  expired: no authority makes it good, the fingerprint alone does\n");
    }
    let _ = writeln!(text, "  SHA-256 {}", shown.fingerprint);
    text.push_str(match shown.is_pinned {
        Some(true) => "It is the one that the site pins.\n",
        Some(false) => {
            "It is NOT the one that the site pins: find out why before you write the new one.\n"
        }
        None => "",
    });
    match (&shown.vouched_by, &shown.distrust) {
        (Some(who), _) => {
            let _ = writeln!(text, "The site trusts it: {who} vouches for it.");
            return text;
        }
        (None, Some(why)) if shown.is_pinned.is_none() => {
            let _ = writeln!(text, "The site does not trust it: {why}.");
        }
        (None, _) => {}
    }
    if shown.is_pinned != Some(true) {
        let _ = writeln!(
            text,
            "Compare it on the machine itself. To trust this one, whoever signed it, write into its `bmc`:\n  fingerprint \"{}\"",
            shown.fingerprint
        );
    }
    text
}
