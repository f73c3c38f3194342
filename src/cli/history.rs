//! `bedplate history`: who applied what and when, and what became of it.

use std::process::ExitCode;

use super::client::Client;
use super::output::Output;
use super::table::Table;
use crate::daemon::{ENTRIES, Entry, OWN_ENTRIES, STATES};
use crate::diag::fault::Fault;

pub(super) async fn history(client: &Client, out: &Output) -> Result<ExitCode, Fault> {
    let entries: Vec<Entry> = client.get("history").await?;
    if out.json {
        out.value(&entries)?;
    } else {
        out.text(&rendered(&entries));
    }
    Ok(ExitCode::SUCCESS)
}

fn rendered(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "Nothing was applied yet.\n".to_owned();
    }
    let mut table = Table::default();
    table.row(["", "N", "WHEN", "WHO", "PLAN", "STEPS", "OUTCOME"].map(str::to_owned));
    for entry in entries {
        table.row([
            if entry.has_state { "*" } else { "" }.to_owned(),
            entry.number.to_string(),
            entry.at.to_string(),
            entry.who.to_string(),
            entry.plan.clone(),
            entry.steps.to_string(),
            entry.outcome(),
        ]);
    }
    format!(
        "{}`bedplate rollback N` goes back to what an apply marked * left. Kept are the last {ENTRIES} applies, {OWN_ENTRIES} deeds of the daemon's own and {STATES} states.\n",
        table.text()
    )
}
