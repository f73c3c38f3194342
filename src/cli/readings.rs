//! What the BMCs of one machine or of several tell: asked side by side, and shown as it comes.

use std::process::ExitCode;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::task::JoinSet;

use super::args::bmc::Who;
use super::client::Client;
use super::output::Output;
use super::power::skipped;
use crate::base::name::HostName;
use crate::daemon::ChosenMachines;
use crate::diag::fault::Fault;

/// Machines that are asked about at once; the daemon has bounds of its own.
const AT_ONCE: usize = 64;

/// One thing that BMCs tell.
pub(super) struct Question<T> {
    /// What its path ends in.
    pub(super) path: &'static str,
    /// Whether asking changes something.
    pub(super) is_deed: bool,
    /// What is shown of it, and what was amiss.
    pub(super) shown: fn(&T) -> (String, Vec<String>),
}

/// One document for one machine that is named; else a part for each machine. The exit code is 4 where some BMC of several does not tell.
pub(super) async fn ask<T>(
    who: &[Who],
    question: Question<T>,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault>
where
    T: Serialize + DeserializeOwned + Send + 'static,
{
    let Question {
        path,
        is_deed,
        shown,
    } = question;
    if let [Who::Machine(machine)] = who {
        let told: T = told(client, machine, path, is_deed).await?;
        if out.json {
            out.value(&told)?;
        } else {
            show(None, shown(&told), out);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let chosen: ChosenMachines = client.post("chosen", &Who::which(who)).await?;
    for some in &chosen.skipped {
        match out.json {
            true => out.line(&json!({ "skipped": some })),
            false => out.progress(&skipped(some)),
        }
    }
    let (mut left, mut asked) = (chosen.machines.into_iter(), JoinSet::new());
    let mut has_failed = false;
    loop {
        if asked.len() < AT_ONCE
            && let Some(machine) = left.next()
        {
            let client = client.clone();
            asked.spawn(async move {
                let told = told::<T>(&client, &machine, path, is_deed).await;
                (machine, told)
            });
            continue;
        }
        let Some(Ok((machine, told))) = asked.join_next().await else {
            break;
        };
        match told {
            Ok(told) if out.json => out.line(&told),
            Ok(told) => show(Some(&machine), shown(&told), out),
            Err(fault) => {
                has_failed = true;
                failed(&machine, &fault, out);
            }
        }
    }
    Ok(ExitCode::from(if has_failed { 4 } else { 0 }))
}

async fn told<T: DeserializeOwned>(
    client: &Client,
    machine: &HostName,
    path: &str,
    is_deed: bool,
) -> Result<T, Fault> {
    let path = format!("bmc/{machine}/{path}");
    match is_deed {
        true => client.post(&path, &()).await,
        false => client.get(&path).await,
    }
}

fn show(machine: Option<&HostName>, (text, warnings): (String, Vec<String>), out: &Output) {
    let head = machine.map_or_else(String::new, |machine| format!("{machine}:\n"));
    out.text(&(head + &text));
    for warning in warnings {
        let of = machine.map_or_else(String::new, |machine| format!("{machine}: "));
        out.progress(&format!("{of}warning: {warning}"));
    }
}

fn failed(machine: &HostName, fault: &Fault, out: &Output) {
    if out.json {
        return out.line(&json!({ "failed": { "machine": machine, "fault": fault } }));
    }
    let code = fault.code;
    out.text(&format!("{machine}:\n{}\n", super::power::failed(fault)));
    out.progress(&format!("{fault}\n  more: bedplate explain {code}"));
}
