//! Recordings of consoles: listed, printed, played.

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::plain::Plain;
use crate::base::name::HostName;
use crate::cli::client::Client;
use crate::cli::output::Output;
use crate::cli::table::Table;
use crate::daemon::{RecordingHeader, RecordingRow};
use crate::diag::fault::Fault;

/// A pause that is played is not longer.
const PAUSE: f64 = 2.0;

pub(super) async fn list(
    machine: &HostName,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let rows: Vec<RecordingRow> = client.get(&format!("bmc/{machine}/recordings")).await?;
    if out.json {
        out.value(&rows)?;
        return Ok(ExitCode::SUCCESS);
    }
    if rows.is_empty() {
        out.text(&format!(
            "No recording of the console of {machine} is kept.\n"
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::default();
    table.row(["N", "FROM", "UNTIL", "SIZE", "BY"].map(str::to_owned));
    for row in rows {
        table.row([
            row.number.to_string(),
            row.at.to_string(),
            row.until.to_string(),
            format!("{} KiB", row.bytes.div_ceil(1024)),
            row.by,
        ]);
    }
    out.text(&table.text());
    Ok(ExitCode::SUCCESS)
}

fn path((machine, number): (&HostName, Option<u64>)) -> String {
    let number = number.map_or_else(String::new, |number| format!("?number={number}"));
    format!("bmc/{machine}/recording{number}")
}

/// As plain text; with `--json` as asciicast, which asciinema plays.
pub(super) async fn log(
    which: (&HostName, Option<u64>),
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let mut plain = Plain::default();
    let show = |lines: &[Value]| {
        match out.json {
            true => out.lines(lines),
            false => {
                let texts = lines.iter().filter_map(event).map(|(_, text)| text);
                let text: String = texts.map(|text| plain.text(text)).collect();
                out.text(&text);
            }
        }
        match out.is_closed() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    client.get_lines(&path(which), show).await?;
    Ok(ExitCode::SUCCESS)
}

/// As it went.
pub(super) async fn replay(
    which: (&HostName, Option<u64>),
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let mut lines: Vec<Value> = Vec::new();
    // At most what is kept of one machine.
    client
        .get_lines(&path(which), |more: &[Value]| {
            lines.extend_from_slice(more);
            ControlFlow::Continue(())
        })
        .await?;
    let header = lines.first().cloned().map(serde_json::from_value);
    if let Some(Ok(RecordingHeader { title, by, .. })) = header {
        out.progress(&format!("{title}, recorded by {by}; Ctrl-C ends this."));
    }
    let (mut now, mut next) = (0.0, Instant::now());
    for (at, text) in lines.iter().filter_map(event) {
        next += Duration::from_secs_f64((at - now).clamp(0.0, PAUSE));
        now = at;
        sleep_until(next).await;
        out.text(text);
        if out.is_closed() {
            break;
        }
    }
    out.text("\u{1b}[0m\r\n");
    Ok(ExitCode::SUCCESS)
}

/// When something was shown, in seconds since the recording began, and what.
fn event(line: &Value) -> Option<(f64, &str)> {
    let [at, kind, text] = line.as_array()?.as_slice() else {
        return None;
    };
    (kind == "o").then_some((at.as_f64()?, text.as_str()?))
}
