//! `bedplate bmc identify` and `bedplate bmc boot`: lights, and where machines boot from next.

use std::collections::BTreeMap;
use std::process::ExitCode;

use super::args::bmc::{BootArguments, BootWord, IdentifyArguments, Who};
use super::client::Client;
use super::output::{Output, count};
use super::power::{failed as failed_word, skipped};
use super::table::Table;
use crate::base::bmc::{BootOverride, Light};
use crate::base::name::HostName;
use crate::daemon::{BmcEvent, BmcOrder, BmcState, BmcWish};
use crate::diag::code::Code;
use crate::diag::fault::Fault;

pub(super) async fn identify(
    arguments: &IdentifyArguments,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let light = match (arguments.off, arguments.r#for) {
        (true, _) => Light::Off,
        (false, Some(seconds)) => Light::For(seconds),
        (false, None) => Light::On,
    };
    let order = BmcOrder {
        which: Who::which(&arguments.who),
        wish: BmcWish::Light(light),
    };
    granted(&order, client, out).await
}

pub(super) async fn boot(
    arguments: &BootArguments,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let wish = arguments.wish();
    let which = match (arguments.word, arguments.who.as_slice()) {
        (BootWord::Status, []) => Who::which(&[Who::All]),
        (_, []) => {
            return Err(Fault::new(Code::BadRequest, "which machines?")
                .help("name them, or write tag:TAG, rack:RACK or all"));
        }
        (_, who) => Who::which(who),
    };
    if arguments.word.overrides() && !arguments.yes && !agreed(arguments, out)? {
        out.progress("Nothing is done.");
        return Ok(ExitCode::from(1));
    }
    let order = BmcOrder { which, wish };
    granted(&order, client, out).await
}

fn agreed(arguments: &BootArguments, out: &Output) -> Result<bool, Fault> {
    let words: Vec<String> = arguments.who.iter().map(ToString::to_string).collect();
    let how = match arguments.persistent {
        true => "from now on",
        false => "at the next boot",
    };
    let question = format!("{}: boot from {} {how}?", words.join(" "), arguments.word);
    out.agreed(
        &question,
        "see who is meant with `bmc boot status`, then add --yes",
    )
}

/// The exit code is 4 where some machine is not as it was told to be.
async fn granted(order: &BmcOrder, client: &Client, out: &Output) -> Result<ExitCode, Fault> {
    let mut told = Told::default();
    client
        .post_lines("bmc", order, |events| {
            for event in events {
                told.hear(event, out);
            }
        })
        .await?;
    told.finished(out)
}

/// What came of it so far.
#[derive(Default)]
struct Told {
    machines: usize,
    done: Vec<(HostName, BmcState)>,
    failed: Vec<(HostName, Fault)>,
}

impl Told {
    fn hear(&mut self, event: &BmcEvent, out: &Output) {
        if out.json {
            out.line(event);
        }
        match event {
            BmcEvent::Chosen { machines } => self.machines = *machines,
            BmcEvent::Skipped(some) => {
                if !out.json {
                    out.progress(&skipped(some));
                }
            }
            BmcEvent::Done { machine, is } => self.done.push((machine.clone(), *is)),
            BmcEvent::Failed { machine, fault } => {
                self.failed.push((machine.clone(), fault.clone()));
            }
        }
    }

    fn finished(mut self, out: &Output) -> Result<ExitCode, Fault> {
        if !out.json {
            self.failed.sort_by(|(one, _), (other, _)| one.cmp(other));
            let mut table = Table::default();
            let done = self.done.iter();
            let done = done.map(|(machine, is)| (machine, words(is)));
            let failed = self.failed.iter();
            let failed =
                failed.map(|(machine, fault)| (machine, [failed_word(fault), String::new()]));
            let rows: BTreeMap<_, _> = done.chain(failed).collect();
            for (machine, [now, before]) in rows {
                table.row([machine.to_string(), now, before]);
            }
            out.text(&table.text());
            for (_, fault) in &self.failed {
                out.progress(&format!("{fault}\n  more: bedplate explain {}", fault.code));
            }
        }
        let missing = self
            .machines
            .saturating_sub(self.done.len() + self.failed.len());
        if missing > 0 {
            let missing = count(missing, "machine");
            let message = format!("the daemon ended before {missing} were told of");
            return Err(Fault::new(Code::DaemonAbsent, message).help("ask again"));
        }
        Ok(ExitCode::from(if self.failed.is_empty() { 0 } else { 4 }))
    }
}

fn words(is: &BmcState) -> [String; 2] {
    match is {
        BmcState::Light(told) => {
            let now = match told {
                Some(true) => "identify light on",
                Some(false) => "identify light off",
                None => "done; the BMC does not tell whether the light is on",
            };
            [now.to_owned(), String::new()]
        }
        BmcState::Boot { now, was } => {
            let word = |boot: &Option<BootOverride>| {
                boot.map_or_else(|| "no boot override".to_owned(), |boot| boot.to_string())
            };
            let before = match now == was {
                true => String::new(),
                false => format!("was: {}", word(was)),
            };
            [word(now), before]
        }
    }
}

impl BootWord {
    /// Whether something is overridden then.
    fn overrides(self) -> bool {
        !matches!(self, Self::Status | Self::None)
    }
}
