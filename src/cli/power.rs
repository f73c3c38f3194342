//! `bedplate power`: machines on and off through their BMCs.

use std::mem;
use std::process::ExitCode;

use super::args::bmc::{PowerArguments, PowerDeed, Who};
use super::client::Client;
use super::output::{Output, count};
use super::table::Table;
use crate::base::bmc::PowerState;
use crate::base::name::HostName;
use crate::daemon::{MachineSelection, PowerEvent, PowerOrder, Restart};
use crate::diag::code::Code;
use crate::diag::fault::Fault;

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
    let mut told = Told::default();
    client
        .post_lines("power", &order, |events| {
            for event in events {
                told.hear(event, out);
            }
        })
        .await?;
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
            .help("name them, or write tag:TAG or all")),
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
    heard: usize,
    has_failed: bool,
    /// What was heard and is not shown yet.
    done: Vec<(HostName, PowerState, String)>,
    failed: Vec<(HostName, Fault)>,
}

impl Told {
    fn hear(&mut self, event: &PowerEvent, out: &Output) {
        if out.json {
            out.line(event);
        }
        match event {
            PowerEvent::Chosen { machines } => self.machines = *machines,
            PowerEvent::Done {
                machine,
                power,
                was,
                restart,
            } => {
                let beside = match restart {
                    Some(restart) => restarted(*restart).to_owned(),
                    None if power == was => String::new(),
                    None => format!("was {was}"),
                };
                self.done.push((machine.clone(), *power, beside));
                self.heard += 1;
            }
            PowerEvent::Failed { machine, fault } => {
                self.failed.push((machine.clone(), fault.clone()));
                self.heard += 1;
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
                    out.progress(&format!(
                        "{machine} waits for a person: {action}{how}\n  within {within}, once it is done: bedplate power done {machine}"
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

    /// Shows what was heard since it was last shown, by the machines' names.
    fn show(&mut self, out: &Output) {
        let (mut done, mut failed) = (mem::take(&mut self.done), mem::take(&mut self.failed));
        if out.json {
            return;
        }
        done.sort();
        failed.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut table = Table::default();
        for (machine, power, beside) in done {
            table.row([machine.to_string(), power.to_string(), beside]);
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

/// How it is known that a machine restarted.
fn restarted(restart: Restart) -> &'static str {
    match restart {
        Restart::SeenOff => "restarted: it was seen off",
        Restart::Told => "restarted: its BMC tells of it",
        Restart::Unseen => "its BMC agreed to restart it, and nothing shows that it did",
    }
}
