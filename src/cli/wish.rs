//! `bedplate bmc identify`, `bmc boot` and `bmc media`: lights, where machines boot from next, and what is in their virtual drives.

use std::collections::BTreeMap;
use std::process::ExitCode;

use super::args::bmc::{
    BootArguments, BootWord, IdentifyArguments, MediaArguments, MediaWord, Who,
};
use super::client::Client;
use super::output::{Output, count};
use super::power::{failed as failed_word, skipped};
use super::table::Table;
use crate::base::bmc::{BootOverride, Light, Media};
use crate::base::name::HostName;
use crate::base::url::HttpUrl;
use crate::daemon::{BmcEvent, BmcOrder, BmcState, BmcWish, MachineSelection};
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
    let which = which(&arguments.who, arguments.word == BootWord::Status)?;
    if arguments.word.overrides() && !arguments.yes && !agreed(arguments, out)? {
        out.progress("Nothing is done.");
        return Ok(ExitCode::from(1));
    }
    let order = BmcOrder { which, wish };
    granted(&order, client, out).await
}

pub(super) async fn media(
    arguments: &MediaArguments,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let drive = arguments.drive.clone();
    let wish = match (arguments.word, &arguments.image) {
        (MediaWord::Status, None) => BmcWish::ShowMedia,
        (MediaWord::Eject, None) => BmcWish::Media { image: None, drive },
        (MediaWord::Insert, Some(url)) => {
            let image = Some(image(url)?);
            BmcWish::Media { image, drive }
        }
        (MediaWord::Insert, None) => return Err(unclear("which image?", "add --image URL")),
        (MediaWord::Status | MediaWord::Eject, Some(_)) => {
            return Err(unclear("only `insert` takes an image", "leave --image out"));
        }
    };
    let which = which(&arguments.who, arguments.word == MediaWord::Status)?;
    granted(&BmcOrder { which, wish }, client, out).await
}

fn unclear(message: &str, help: &str) -> Fault {
    Fault::new(Code::BadRequest, message).help(help)
}

/// What is no URL is not repeated: it may hold a password.
fn image(url: &str) -> Result<HttpUrl, Fault> {
    url.parse().map_err(|error| {
        Fault::new(Code::BadRequest, "this is no place to fetch an image from")
            .because(&error)
            .help("serve the image by HTTP or HTTPS where the BMC reaches it, without a password")
    })
}

/// Who is meant; all of them where nobody is named and `is_told` only.
fn which(who: &[Who], is_told: bool) -> Result<MachineSelection, Fault> {
    match who {
        [] if is_told => Ok(Who::which(&[Who::All])),
        [] => Err(unclear(
            "which machines?",
            "name them, or write tag:TAG, rack:RACK or all",
        )),
        who => Ok(Who::which(who)),
    }
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
            BmcEvent::Done { machine, is } => self.done.push((machine.clone(), is.clone())),
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
                failed.map(|(machine, fault)| (machine, vec![[failed_word(fault), String::new()]]));
            let rows: BTreeMap<_, _> = done.chain(failed).collect();
            for (machine, rows) in rows {
                for [now, before] in rows {
                    table.row([machine.to_string(), now, before]);
                }
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

/// What there is to tell, a line each.
fn words(is: &BmcState) -> Vec<[String; 2]> {
    match is {
        BmcState::Light(told) => {
            let now = match told {
                Some(true) => "identify light on",
                Some(false) => "identify light off",
                None => "done; the BMC does not tell whether the light is on",
            };
            vec![[now.to_owned(), String::new()]]
        }
        BmcState::Boot { now, was } => {
            let word = |boot: &Option<BootOverride>| {
                boot.map_or_else(|| "no boot override".to_owned(), |boot| boot.to_string())
            };
            let before = match now == was {
                true => String::new(),
                false => format!("was: {}", word(was)),
            };
            vec![[word(now), before]]
        }
        BmcState::Media(drives) if drives.is_empty() => {
            vec![["no virtual drives".to_owned(), String::new()]]
        }
        BmcState::Media(drives) => drives.iter().map(drive).collect(),
    }
}

fn drive(drive: &Media) -> [String; 2] {
    let kinds = match drive.kinds.is_empty() {
        true => drive.id.clone(),
        false => format!("{} ({})", drive.id, drive.kinds.join(", ")),
    };
    let image = match (drive.is_inserted, &drive.image) {
        (true, Some(image)) => image.clone(),
        (true, None) => "filled".to_owned(),
        (false, _) => "empty".to_owned(),
    };
    [kinds, image]
}

impl BootWord {
    /// Whether something is overridden then.
    fn overrides(self) -> bool {
        !matches!(self, Self::Status | Self::None)
    }
}
