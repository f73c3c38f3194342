//! `bedplate diff`: what a change to a site means, object by object, and what it comes to on each controller.

mod fold;
mod markdown;
mod side;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use serde::Serialize;

use super::args::DiffArguments;
use super::output::Output;
use crate::base::name::HostName;
use crate::diag::fault::Fault;
use crate::site::catalog::Difference;
use crate::site::model::Site;
use crate::state::{Desired, Tally, desired, tally};
use side::{Side, Sides};

/// Version of the JSON form.
const FORMAT_VERSION: u32 = 1;

/// Everything that a comparison of two sites gives.
#[derive(Debug, Serialize)]
struct Comparison<'a> {
    format_version: u32,
    site: String,
    old: &'a str,
    new: &'a str,
    #[serde(flatten)]
    difference: Difference,
    /// How many things each controller gains, changes and loses, by kind; those without a change are left out.
    consequences: BTreeMap<HostName, BTreeMap<&'static str, Tally>>,
    /// Boot files that a revision does not hold: on both sides nothing is said of their content.
    unknown_files: BTreeSet<String>,
}

pub(super) fn diff(arguments: &DiffArguments, out: &Output) -> Result<ExitCode, Fault> {
    let Sides { old, new, unknown } = side::both(&arguments.old, &arguments.new)?;
    let (Some((old_site, old_catalog)), Some((new_site, new_catalog))) = (old.whole(), new.whole())
    else {
        faults(&old, &new, out)?;
        return Ok(ExitCode::from(1));
    };
    let comparison = Comparison {
        format_version: FORMAT_VERSION,
        site: new_site.name.to_string(),
        old: &arguments.old,
        new: &arguments.new,
        difference: Difference::between(old_catalog, new_catalog),
        consequences: consequences(old_site, new_site),
        unknown_files: unknown,
    };
    if out.json {
        out.value(&comparison)?;
    } else if arguments.markdown {
        out.text(&markdown::page(&comparison, arguments.full));
    } else {
        out.text(&text::page(&comparison, arguments.full));
    }
    let differs = arguments.exit_code && !comparison.is_empty();
    Ok(ExitCode::from(if differs { 2 } else { 0 }))
}

impl Comparison<'_> {
    fn is_empty(&self) -> bool {
        self.difference.changes.is_empty() && self.consequences.is_empty()
    }

    /// What was left out.
    fn caveat(&self) -> Option<String> {
        let count = self.unknown_files.len();
        (count > 0).then(|| {
            format!("boot files that the revision does not hold are not compared: {count}")
        })
    }
}

/// What differs between what should exist on each controller of either site.
fn consequences(old: &Site, new: &Site) -> BTreeMap<HostName, BTreeMap<&'static str, Tally>> {
    let hosts: BTreeSet<&HostName> = old
        .controllers
        .keys()
        .chain(new.controllers.keys())
        .collect();
    let tallies = hosts.into_iter().map(|host| {
        let [old, new]: [Desired; 2] = [desired(old, host), desired(new, host)];
        (host.clone(), tally(&old.state, &new.state))
    });
    tallies.filter(|(_, kinds)| !kinds.is_empty()).collect()
}

/// Shows what is wrong with either side.
fn faults(old: &Side, new: &Side, out: &Output) -> Result<(), Fault> {
    if out.json {
        let faults: BTreeMap<&str, serde_json::Value> = [("old", old), ("new", new)]
            .into_iter()
            .filter(|(_, side)| side.whole().is_none())
            .map(|(name, side)| (name, side.faults_as_json()))
            .collect();
        return out
            .value(&serde_json::json!({ "format_version": FORMAT_VERSION, "faults": faults }));
    }
    for (name, side) in [("OLD", old), ("NEW", new)] {
        if side.whole().is_none() {
            out.progress(&format!("{name}, {}, has faults:\n", side.name));
            side.show_faults(out);
        }
    }
    Ok(())
}

/// `1 record`, `2 records`.
fn counted(count: usize, noun: &str) -> String {
    let ending = match noun {
        _ if count == 1 => return format!("1 {noun}"),
        noun if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{count} {noun}{ending}")
}
