//! `bedplate adopt`: takes what the controller's host has into the site's file, whose other bytes stay as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use serde::Serialize;
use similar::TextDiff;

use super::args::AdoptArguments;
use super::client::Client;
use super::compile::{self, Place};
use super::files::DiskFiles;
use super::output::Output;
use crate::base::glob::{is_pattern, matches};
use crate::base::name::HostName;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::diag::report::Diagnostic;
use crate::diag::span::Sources;
use crate::lang::edit::edit;
use crate::lang::files::{FileError, Overlay};
use crate::lang::source::file_fault;
use crate::plan::{Adopter, Candidate, Draft};
use crate::site::model::Site;
use crate::site::{Compiled, compile};
use crate::state::{Key, Observation};

/// Version of the JSON form.
const FORMAT_VERSION: u32 = 1;

pub(super) async fn adopt(
    arguments: &AdoptArguments,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let (path, wanted) = arguments.split();
    let Place { root, files, .. } = compile::place(path)?;
    let compiled = compile(&files, &root);
    let Some(site) = &compiled.site else {
        compile::show(&compiled, out);
        return Ok(ExitCode::from(1));
    };
    let controller: HostName = client.get("controller").await?;
    let observed: Observation = client.get("observation").await?;
    let adopter =
        Adopter::new(site, &controller, &observed).ok_or_else(|| strange(site, &controller))?;
    let candidates = adopter.candidates();
    let desk = Desk::new(&adopter, (&files, &root), (&compiled, site), &controller)?;
    if wanted.is_empty() {
        let keys = candidates.iter().map(|one| one.key.clone()).collect();
        return list(&desk.settled(&keys), &candidates, &desk, out);
    }
    let keys = chosen(&adopter, &candidates, wanted)?;
    let proposal = desk.settled(&keys);
    for key in wanted.iter().filter(|key| !is_pattern(key)) {
        let mut refused = proposal.refused.iter();
        let refused = refused.find(|(one, _)| one.to_string() == *key);
        if let Some((_, why)) = refused {
            return Err(refusal(key, why));
        }
    }
    write(&proposal, arguments, &desk, out)
}

fn strange(site: &Site, controller: &HostName) -> Fault {
    let message =
        format!("the daemon is the controller `{controller}`, which the site does not have");
    let known: Vec<String> = site.controllers.keys().map(ToString::to_string).collect();
    let help = format!(
        "declare it first: controller \"{controller}\"; the site has {}",
        if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        }
    );
    Fault::new(Code::NoSuchController, message).help(help)
}

fn refusal(key: &str, why: &str) -> Fault {
    let mut fault = Fault::new(Code::NotAdoptable, format!("{key} is not taken over"));
    fault.causes.push(why.to_owned());
    fault
}

/// The candidates that somebody named. What is as the site says already needs nothing.
fn chosen(
    adopter: &Adopter<'_>,
    candidates: &[Candidate],
    wanted: &[String],
) -> Result<BTreeSet<Key>, Fault> {
    let mut keys = BTreeSet::new();
    for pattern in wanted {
        let named = candidates.iter();
        let named = named.filter(|one| matches(pattern, &one.key.to_string()));
        let before = keys.len();
        keys.extend(named.map(|one| one.key.clone()));
        if keys.len() == before && !adopter.knows(pattern) {
            let message = format!("the host has nothing that `{pattern}` names");
            let fault = Fault::new(Code::NothingToAdopt, message);
            return Err(fault.help("`bedplate adopt` lists what could be taken over"));
        }
    }
    Ok(keys)
}

/// Where proposals are made and tried.
struct Desk<'a> {
    adopter: &'a Adopter<'a>,
    files: &'a DiskFiles,
    root: &'a str,
    /// The file that declares the controller, relative to the site folder.
    path: String,
    text: String,
}

/// What would be written.
struct Proposal {
    draft: Draft,
    refused: BTreeMap<Key, String>,
    /// What of the host's network follows from it though nobody asked.
    follows: BTreeSet<Key>,
    text: String,
}

impl<'a> Desk<'a> {
    fn new(
        adopter: &'a Adopter<'a>,
        (files, root): (&'a DiskFiles, &'a str),
        (compiled, site): (&'a Compiled, &'a Site),
        controller: &HostName,
    ) -> Result<Self, Fault> {
        let declared = site.controllers.get(controller);
        let path = declared.map_or_else(String::new, |one| one.origin.file.to_string());
        let mut sources = compiled.sources.iter();
        let text = sources.find(|(known, _)| *known == path);
        let (_, text) =
            text.ok_or_else(|| Fault::new(Code::Internal, "a controller has no source"))?;
        Ok(Self {
            adopter,
            files,
            root,
            path,
            text: text.to_owned(),
        })
    }

    /// The proposal with as many of `keys` as the site can say. Where not all can be said together, halves are tried: of many, few
    /// are at fault.
    fn settled(&self, keys: &BTreeSet<Key>) -> Proposal {
        let mut accepted = self.unchanged();
        let mut refused = BTreeMap::new();
        let all: Vec<Key> = keys.iter().cloned().collect();
        let mut open = vec![all];
        while let Some(part) = open.pop() {
            if part.is_empty() {
                continue;
            }
            let mut together = wished(&accepted.draft);
            together.extend(part.iter().cloned());
            match (self.tried(&together), part.as_slice()) {
                (Ok(proposal), _) => {
                    refused.extend(proposal.refused.clone());
                    accepted = proposal;
                }
                (Err(why), [only]) => {
                    refused.insert(only.clone(), why);
                }
                (Err(_), _) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    open.push(second.to_vec());
                    open.push(first.to_vec());
                }
            }
        }
        // What was refused for itself may have been taken along with something else.
        refused.retain(|key, _| !accepted.draft.adopted.contains_key(key));
        accepted.refused = refused;
        accepted
    }

    fn unchanged(&self) -> Proposal {
        Proposal {
            draft: Draft::default(),
            refused: BTreeMap::new(),
            follows: BTreeSet::new(),
            text: self.text.clone(),
        }
    }

    /// The proposal for `keys`, if the site that it makes is sound and means what it should.
    fn tried(&self, keys: &BTreeSet<Key>) -> Result<Proposal, String> {
        let draft = self.adopter.draft(keys);
        let mut sources = Sources::default();
        let id = sources.add(&self.path, self.text.as_str().into());
        let text = edit(id, &self.text, &draft.edits).map_err(|error| error.to_string())?;
        let edited = Overlay {
            files: self.files,
            path: &self.path,
            text: &text,
        };
        let compiled = compile(&edited, self.root);
        let Some(site) = &compiled.site else {
            let mut errors = compiled.diagnostics.iter().filter(|one| one.is_error());
            return Err(errors.next().map_or_else(String::new, said));
        };
        let follows = self.adopter.check(&draft, site).map_err(|faults| {
            let mut faults = faults.into_iter();
            faults.next().map_or_else(String::new, |(key, why)| {
                if keys.contains(&key) {
                    why
                } else {
                    format!("{key}: {why}")
                }
            })
        })?;
        Ok(Proposal {
            refused: draft.refused.clone(),
            draft,
            follows,
            text,
        })
    }
}

/// What was asked for, without what it needs.
fn wished(draft: &Draft) -> BTreeSet<Key> {
    let adopted = draft.adopted.iter().filter(|(_, by)| by.is_none());
    adopted.map(|(key, _)| key.clone()).collect()
}

fn said(diagnostic: &Diagnostic) -> String {
    let help = diagnostic.help.as_ref();
    let help = help.map(|help| format!("; {help}")).unwrap_or_default();
    format!("[{}] {}{help}", diagnostic.code, diagnostic.message)
}

/// What is told of an adoption, as JSON.
#[derive(Serialize)]
struct Told<'a> {
    format_version: u32,
    file: &'a str,
    adopted: Vec<Row<'a>>,
    refused: Vec<Refused<'a>>,
    follows: &'a BTreeSet<Key>,
    diff: String,
    written: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    key: &'a Key,
    /// What needs it, where nobody asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    needed_by: Option<&'a Key>,
}

#[derive(Serialize)]
struct Refused<'a> {
    key: &'a Key,
    why: &'a str,
}

impl Proposal {
    fn diff(&self, desk: &Desk<'_>) -> String {
        let (old, new) = (format!("a/{}", desk.path), format!("b/{}", desk.path));
        let diff = TextDiff::from_lines(&desk.text, &self.text);
        diff.unified_diff()
            .context_radius(3)
            .header(&old, &new)
            .to_string()
    }

    fn told<'a>(&'a self, desk: &'a Desk<'_>, written: bool) -> Told<'a> {
        let adopted = self.draft.adopted.iter();
        let refused = self.refused.iter();
        Told {
            format_version: FORMAT_VERSION,
            file: &desk.path,
            adopted: adopted
                .map(|(key, by)| Row {
                    key,
                    needed_by: by.as_ref(),
                })
                .collect(),
            refused: refused.map(|(key, why)| Refused { key, why }).collect(),
            follows: &self.follows,
            diff: self.diff(desk),
            written,
        }
    }

    fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.refused.is_empty() { 0 } else { 4 })
    }
}

/// Shows what could be taken over, and what cannot.
fn list(
    proposal: &Proposal,
    candidates: &[Candidate],
    desk: &Desk<'_>,
    out: &Output,
) -> Result<ExitCode, Fault> {
    if out.json {
        out.value(&proposal.told(desk, false))?;
        return Ok(ExitCode::SUCCESS);
    }
    if candidates.is_empty() {
        out.text("The site says all that the host has.\n");
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for Candidate {
        key,
        found,
        changes,
    } in candidates
    {
        let sign = if changes.is_empty() { '=' } else { '~' };
        if let Some(why) = proposal.refused.get(key) {
            text.push_str(&format!("  ? {key}  {why}\n"));
            continue;
        }
        let line = format!("  {sign} {key}  {}", found.claimed_summary(Some(found)));
        text.push_str(line.trim_end());
        text.push('\n');
        for change in changes {
            text.push_str(&format!(
                "      {}  {} in the site, {} on the host\n",
                change.field, change.from, change.to
            ));
        }
    }
    if candidates
        .iter()
        .any(|one| !proposal.refused.contains_key(&one.key))
    {
        text.push_str(&format!(
            "\nTake them into {} by their keys: bedplate adopt KEY…\n",
            desk.path
        ));
    }
    out.text(&text);
    Ok(ExitCode::SUCCESS)
}

fn write(
    proposal: &Proposal,
    arguments: &AdoptArguments,
    desk: &Desk<'_>,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let count = proposal.draft.adopted.len();
    if !out.json {
        show(proposal, desk, out);
    }
    let is_written = count > 0 && !arguments.dry_run;
    if is_written {
        if !arguments.yes && !agreed(out)? {
            out.progress("Nothing was written.");
            return Ok(ExitCode::from(1));
        }
        let (before, after) = (desk.text.as_bytes(), proposal.text.as_bytes());
        let replaced = desk.files.replace(&desk.path, Some(before), after);
        replaced.map_err(|error| unwritten(&error, &desk.path))?;
    }
    if out.json {
        out.value(&proposal.told(desk, is_written))?;
    } else if is_written {
        let things = if count == 1 { "thing" } else { "things" };
        out.text(&format!(
            "{}: {count} {things} taken over. `bedplate plan` shows what an apply would make of it.\n",
            desk.path
        ));
    } else if count == 0 && proposal.refused.is_empty() {
        out.text("Nothing to take over: the site says it already.\n");
    }
    Ok(proposal.exit_code())
}

fn show(proposal: &Proposal, desk: &Desk<'_>, out: &Output) {
    let mut text = proposal.diff(desk);
    for (key, by) in &proposal.draft.adopted {
        if let Some(by) = by {
            text.push_str(&format!("taken along: {key}, which {by} needs\n"));
        }
    }
    for key in &proposal.follows {
        text.push_str(&format!("follows from it: {key}\n"));
    }
    for (key, why) in &proposal.refused {
        text.push_str(&format!("left out: {key}  {why}\n"));
    }
    out.text(&text);
}

fn agreed(out: &Output) -> Result<bool, Fault> {
    let fault = |message| {
        Fault::new(Code::BadRequest, message).help("look with --dry-run, then write with --yes")
    };
    if out.json {
        return Err(fault("with --json nobody is asked"));
    }
    out.confirmed("Write this?")
        .ok_or_else(|| fault("there is no terminal to ask on"))
}

fn unwritten(error: &FileError, path: &str) -> Fault {
    let Diagnostic { code, help, .. } = file_fault(error, Code::FileUnreadable);
    let fault = Fault::new(code, format!("{path} stays as it is")).because(error);
    fault.help(help.unwrap_or_else(|| "check who may write in the site folder".to_owned()))
}
