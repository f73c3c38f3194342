//! `bedplate power`: machines on and off through their BMCs.

use std::mem;
use std::process::ExitCode;

use tokio::sync::mpsc;

use super::args::bmc::{PowerArguments, PowerDeed, Who};
use super::by_hand::{News, answers, is_answered_here};
use super::client::Client;
use super::interrupt::INTERRUPTED;
use super::output::{Output, count};
use super::table::Table;
use crate::base::bmc::PowerState;
use crate::base::name::HostName;
use crate::daemon::{
    MachineSelection, ManualRequest, PowerEvent, PowerOrder, Restart, SkippedMachines,
};
use crate::diag::code::Code;
use crate::diag::fault::Fault;

/// Machines that are told by name where there may be many.
const NAMED: usize = 3;

/// The exit code is 4 where some machine is not as it was told to be.
pub(super) async fn power(
    arguments: &PowerArguments,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    if arguments.deed == PowerDeed::Done {
        return done(&which(arguments)?, client, out).await;
    }
    let order = PowerOrder {
        which: which(arguments)?,
        action: arguments.deed.action(),
    };
    if order.action.is_some() && !arguments.yes && !agreed(arguments, out)? {
        out.progress("Nothing is done.");
        return Ok(ExitCode::from(1));
    }
    let is_answered_here = order.action.is_some() && is_answered_here(out);
    let mut told = Told {
        is_answered_here,
        ..Told::default()
    };
    let (tell, news) = mpsc::unbounded_channel();
    let hearing = client.post_lines("power", &order, |events| {
        for event in events {
            told.hear(event, out);
            if let Some(one) = News::of(event).filter(|_| is_answered_here) {
                // Where nobody can answer, nobody hears it.
                let _gone = tell.send(one);
            }
        }
    });
    tokio::select! {
        heard = hearing => heard?,
        () = answers(news, client, out) => {}
        _ = tokio::signal::ctrl_c(), if order.action.is_some() => {
            out.progress("The daemon goes on with it: `bedplate power status` tells how the machines are.");
            return Ok(ExitCode::from(INTERRUPTED));
        }
    }
    told.finished(out)
}

async fn done(which: &MachineSelection, client: &Client, out: &Output) -> Result<ExitCode, Fault> {
    let done: Vec<HostName> = client.post("power/done", which).await?;
    match out.json {
        true => out.value(&done)?,
        false => done
            .iter()
            .for_each(|host| out.text(&format!("{host}  done\n"))),
    }
    Ok(ExitCode::SUCCESS)
}

/// Who is meant: all of them only by that word, where something is done.
fn which(arguments: &PowerArguments) -> Result<MachineSelection, Fault> {
    match (arguments.deed, arguments.who.as_slice()) {
        (PowerDeed::Status, []) => Ok(Who::which(&[Who::All])),
        (_, []) => Err(Fault::new(Code::BadRequest, "which machines?")
            .help("name them, or write tag:TAG, rack:RACK or all")),
        (_, who) => Ok(Who::which(who)),
    }
}

fn agreed(arguments: &PowerArguments, out: &Output) -> Result<bool, Fault> {
    // To give power to what has none harms nobody.
    if arguments.deed == PowerDeed::On {
        return Ok(true);
    }
    let words: Vec<String> = arguments.who.iter().map(ToString::to_string).collect();
    let deed = arguments
        .deed
        .action()
        .map_or_else(String::new, |action| action.to_string());
    let question = format!("{}: {deed}?", words.join(" "));
    out.agreed(
        &question,
        "see who is meant with `power status`, then add --yes",
    )
}

/// What came of it so far.
#[derive(Default)]
struct Told {
    machines: usize,
    /// Whether Enter says that what a person was asked for is done.
    is_answered_here: bool,
    heard: usize,
    has_failed: bool,
    /// What was heard and is not shown yet.
    rows: Vec<(HostName, String, String)>,
    failed: Vec<(HostName, Fault)>,
}

impl Told {
    fn hear(&mut self, event: &PowerEvent, out: &Output) {
        if out.json {
            out.line(event);
        }
        match event {
            PowerEvent::Chosen { machines } => self.machines = *machines,
            PowerEvent::Skipped(some) => {
                if !out.json {
                    out.progress(&skipped(some));
                }
                return;
            }
            PowerEvent::Done {
                machine,
                power,
                was,
                restart,
                asked,
            } => {
                let beside = match (asked, restart) {
                    (Some(asked), _) => by_hand(asked),
                    (None, Some(restart)) => restarted(*restart).to_owned(),
                    (None, None) => since(*power, *was),
                };
                self.row(machine, power.to_string(), beside);
            }
            PowerEvent::Failed { machine, fault } => {
                self.row(machine, failed(fault), String::new());
                self.failed.push((machine.clone(), fault.clone()));
                self.has_failed = true;
            }
            PowerEvent::Asked {
                machine,
                action,
                instruction,
                within,
            } => {
                if !out.json {
                    let how = instruction
                        .as_ref()
                        .map_or_else(String::new, |how| format!(": {how}"));
                    let or = if self.is_answered_here {
                        "Enter, or "
                    } else {
                        ""
                    };
                    out.progress(&format!(
                        "{machine} waits for a person: {action}{how}\n  within {within}, once it is done: {or}bedplate power done {machine}"
                    ));
                }
                return;
            }
            PowerEvent::Waiting { machines, first } => {
                // Who waits for some sees the others meanwhile.
                self.show(out);
                if !out.json {
                    out.progress(&waits(*machines, first));
                }
                return;
            }
        }
        let heard = self.heard;
        let step = (self.machines / 10).max(10);
        if !out.json && heard > 0 && heard < self.machines && heard.is_multiple_of(step) {
            out.progress(&format!("{heard} of {}", count(self.machines, "machine")));
        }
    }

    fn row(&mut self, machine: &HostName, told: String, beside: String) {
        self.rows.push((machine.clone(), told, beside));
        self.heard += 1;
    }

    /// Shows what was heard since it was last shown, by the machines' names.
    fn show(&mut self, out: &Output) {
        let (mut rows, mut failed) = (mem::take(&mut self.rows), mem::take(&mut self.failed));
        if out.json {
            return;
        }
        rows.sort();
        failed.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut table = Table::default();
        for (machine, told, beside) in rows {
            table.row([machine.to_string(), told, beside]);
        }
        out.text(&table.text());
        for (_, fault) in failed {
            out.progress(&format!("{fault}\n  more: bedplate explain {}", fault.code));
        }
    }

    fn finished(mut self, out: &Output) -> Result<ExitCode, Fault> {
        self.show(out);
        let missing = self.machines.saturating_sub(self.heard);
        if missing > 0 {
            let message = format!(
                "the daemon ended before {} were told of",
                count(missing, "machine")
            );
            return Err(Fault::new(Code::DaemonAbsent, message)
                .help("ask again with `power status`: what was begun is done"));
        }
        Ok(ExitCode::from(if self.has_failed { 4 } else { 0 }))
    }
}

/// What a table says of a machine with which something is amiss; what led to it and what to do is told beside the table.
pub(super) fn failed(fault: &Fault) -> String {
    format!("failed  {}: {}", fault.code, fault.code.title())
}

/// Who is left out, and why.
pub(super) fn skipped(skipped: &SkippedMachines) -> String {
    let SkippedMachines { why, machines } = skipped;
    let first: Vec<String> = machines
        .iter()
        .take(NAMED)
        .map(HostName::to_string)
        .collect();
    let more = if machines.len() > NAMED { ", …" } else { "" };
    let (skipped, first) = (count(machines.len(), "machine"), first.join(", "));
    format!("skipped {skipped}: {why} ({first}{more})")
}

/// What a person is asked for, and how it is answered.
pub(super) fn by_hand(asked: &ManualRequest) -> String {
    let ManualRequest {
        machine,
        action,
        instruction,
        since,
        until,
    } = asked;
    let how = instruction.as_ref();
    let how = how.map_or_else(String::new, |how| format!(": {how}"));
    format!(
        "waits for a person since {since}, until {until}: {action}{how}; once it is done: bedplate power done {machine}"
    )
}

/// For whom is waited.
fn waits(machines: usize, first: &[HostName]) -> String {
    let names: Vec<_> = first.iter().map(ToString::to_string).collect();
    let more = if machines > first.len() { ", …" } else { "" };
    format!(
        "waiting for {}: {}{more}",
        count(machines, "machine"),
        names.join(", ")
    )
}

/// How a machine was before, where it tells that and is another way now.
fn since(power: PowerState, was: PowerState) -> String {
    if power == PowerState::Unknown {
        return "nobody can tell whether it runs".to_owned();
    }
    if power == was {
        return String::new();
    }
    format!("was {was}")
}

/// How it is known that a machine restarted.
fn restarted(restart: Restart) -> &'static str {
    match restart {
        Restart::SeenOff => "restarted: it was seen off",
        Restart::Told => "restarted: its BMC tells of it",
        Restart::Unseen => "its BMC agreed to restart it, and nothing shows that it did",
    }
}
