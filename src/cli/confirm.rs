//! `bedplate confirm` and `bedplate rollback`: keeps an apply that waits, or goes back from it, or further.

use std::process::ExitCode;

use super::apply::{Proposal, carry_out};
use super::args::RollbackArguments;
use super::client::Client;
use super::output::Output;
use crate::daemon::api::{Ask, Confirm};
use crate::daemon::{Entry, Fate, Past, Planned};
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::plan::Selection;

pub(super) async fn confirm(
    plan: Option<String>,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let entry: Entry = client.post("confirm", &Confirm { plan }).await?;
    if out.json {
        out.value(&entry)?;
    } else {
        let Entry { plan, at, who, .. } = &entry;
        out.text(&format!("Kept {plan}, applied {at} by {who}.\n"));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn rollback(
    arguments: &RollbackArguments,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let path = match arguments.number {
        Some(number) => format!("history/{number}"),
        None => match client.post::<Entry>("revert", &()).await {
            Ok(entry) => return reverted(&entry, out),
            Err(fault) if fault.code == Code::NothingToConfirm => "history/previous".to_owned(),
            Err(fault) => return Err(fault),
        },
    };
    let Past { entry, bundle } = client.get(&path).await?;
    if !out.json {
        let Entry {
            number, at, who, ..
        } = &entry;
        out.progress(&format!(
            "Back to the state of apply {number}, applied {at} by {who}:"
        ));
    }
    let selection = Selection::default();
    let ask = Ask { bundle, selection };
    let planned: Planned = client.post("plan", &ask).await?;
    let proposal = Proposal {
        plan: planned.plan,
        bundle: ask.bundle,
        refusal: planned.refusal,
        back_to: Some(entry.number),
    };
    carry_out(proposal, &arguments.terms, client, out).await
}

fn reverted(entry: &Entry, out: &Output) -> Result<ExitCode, Fault> {
    let left = match &entry.fate {
        Fate::Reverted { left, .. } => *left,
        Fate::Running
        | Fate::Done
        | Fate::Unconfirmed { .. }
        | Fate::Confirmed { .. }
        | Fate::Undone { .. }
        | Fate::Unverified { .. }
        | Fate::Unreachable { .. }
        | Fate::NotKept { .. }
        | Fate::Interrupted { .. } => 0,
    };
    if out.json {
        out.value(entry)?;
    } else if left == 0 {
        let plan = &entry.plan;
        out.text(&format!(
            "Reverted {plan}: everything is as it was before.\n"
        ));
    } else {
        let plan = &entry.plan;
        out.text(&format!(
            "Reverted {plan}, but {left} things are not as they were before: the daemon's log names them.\n"
        ));
    }
    Ok(ExitCode::from(if left == 0 { 0 } else { 4 }))
}
