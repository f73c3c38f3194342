//! `bedplate plan`: what an apply would change, and why; with a daemon, or against a file without one.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use super::args::PlanArguments;
use super::client::Client;
use super::compile::{self, Local};
use super::output::Output;
use crate::base::digest::Digest;
use crate::base::name::HostName;
use crate::daemon::api::Ask;
use crate::daemon::{Bundle, Planned, plan_fault};
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::plan::{Detail, FORMAT_VERSION, Inputs, Plan, Selection, render, select};
use crate::site::model::Site;
use crate::state::{Desired, Observation, State, desired, elsewhere};

/// A plan with what is needed to apply it, as `plan --out` saves it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) plan: Plan,
    pub(super) bundle: Bundle,
}

pub(super) async fn plan(
    arguments: &PlanArguments,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let selection = arguments.choice.selection();
    if is_saved(&arguments.site.site) {
        unselected(&selection)?;
        let saved = read_saved(&arguments.site.site)?;
        show(&saved.plan, arguments.full, out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let local = compile::local(&arguments.site.site)?;
    let Some(site) = &local.compiled.site else {
        compile::show(&local.compiled, out);
        return Ok(ExitCode::from(1));
    };
    let plan = match &arguments.against {
        Some(file) => against(file, site, arguments.controller.as_ref(), &selection)?,
        None => {
            let (Planned { plan, .. }, bundle) = from_daemon(&local, selection, client).await?;
            if let Some(file) = &arguments.out {
                save(
                    file,
                    &Saved {
                        plan: plan.clone(),
                        bundle,
                    },
                )?;
            }
            plan
        }
    };
    show(&plan, arguments.full, out)?;
    if let Some(file) = &arguments.out
        && !out.json
    {
        out.text(&format!(
            "Saved to {0}. Apply it: bedplate apply {0}\n",
            file.display()
        ));
    }
    let has_changes = arguments.exit_code && !plan.is_empty();
    Ok(ExitCode::from(if has_changes { 2 } else { 0 }))
}

/// A saved plan is of what was chosen when it was made.
pub(super) fn unselected(selection: &Selection) -> Result<(), Fault> {
    if selection.is_empty() {
        return Ok(());
    }
    let fault = Fault::new(Code::BadRequest, "a saved plan is applied as it is");
    Err(fault.help("choose with --only and --except when the plan is made"))
}

/// Whether a file is a saved plan rather than a site.
pub(super) fn is_saved(path: &Path) -> bool {
    path.is_file() && path.extension().is_none_or(|extension| extension != "kdl")
}

pub(super) fn read_saved(path: &Path) -> Result<Saved, Fault> {
    let fault = |error: &(dyn std::error::Error + 'static)| {
        let message = format!("{} is no saved plan", path.display());
        Fault::new(Code::FileUnreadable, message)
            .because(error)
            .help("save one with `bedplate plan --out FILE`; a site's file ends in .kdl")
    };
    let text = std::fs::read(path).map_err(|error| fault(&error))?;
    let saved: Saved = serde_json::from_slice(&text).map_err(|error| fault(&error))?;
    if saved.plan.format_version != FORMAT_VERSION {
        let message = format!(
            "the plan has format {}, this bedplate reads {FORMAT_VERSION}",
            saved.plan.format_version
        );
        let fault = Fault::new(Code::ApiVersion, message);
        return Err(fault.help("make the plan anew with this version"));
    }
    Ok(saved)
}

pub(super) fn show(plan: &Plan, full: bool, out: &Output) -> Result<(), Fault> {
    if out.json {
        return out.value(plan);
    }
    let detail = if full || out.verbose {
        Detail::Full
    } else {
        Detail::Brief
    };
    out.text(&render(plan, detail, out.paint));
    Ok(())
}

/// Has the daemon plan, and gives it what it lacks for applying.
pub(super) async fn from_daemon(
    local: &Local,
    selection: Selection,
    client: &Client,
) -> Result<(Planned, Bundle), Fault> {
    let Some(bundle) = Bundle::of(&local.compiled, &local.root) else {
        return Err(Fault::new(
            Code::Internal,
            "a site with faults has no bundle",
        ));
    };
    let ask = Ask { bundle, selection };
    let planned: Planned = client.post("plan", &ask).await?;
    upload(&planned.missing, local, &ask.bundle, client).await?;
    Ok((planned, ask.bundle))
}

async fn upload(
    missing: &BTreeSet<Digest>,
    local: &Local,
    bundle: &Bundle,
    client: &Client,
) -> Result<(), Fault> {
    for digest in missing {
        let Some((path, _)) = bundle
            .files
            .iter()
            .find(|(_, content)| content.digest == *digest)
        else {
            continue;
        };
        client
            .put_file(
                &format!("blobs/{digest}"),
                &local.folder.join(path.as_str()),
            )
            .await?;
    }
    Ok(())
}

fn save(file: &Path, saved: &Saved) -> Result<(), Fault> {
    let fault = |error: &(dyn std::error::Error + 'static)| {
        Fault::new(
            Code::FileUnwritable,
            format!("cannot write {}", file.display()),
        )
        .because(error)
        .help("name a file in a folder that is there and that you may write to")
    };
    let text = serde_json::to_vec_pretty(saved).map_err(|error| fault(&error))?;
    std::fs::write(file, text).map_err(|error| fault(&error))
}

/// Plans against a saved observation, or against another site as if it were applied.
fn against(
    file: &Path,
    site: &Site,
    controller: Option<&HostName>,
    selection: &Selection,
) -> Result<Plan, Fault> {
    let controller = perspective(site, controller)?;
    let (observed, applied) = base(file, &controller)?;
    let (wanted, elsewhere) = (desired(site, &controller), elsewhere(site, &controller));
    let inputs = Inputs {
        site: &site.name,
        controller: &controller,
        desired: &wanted,
        observed: &observed,
        applied: applied.as_ref(),
        kept: &State::new(),
        elsewhere: &elsewhere,
    };
    let selected = select(inputs, selection).map_err(|error| plan_fault(&error))?;
    Ok(selected.plan)
}

/// The controller to plan for: the one named, else this host, else the only one.
fn perspective(site: &Site, named: Option<&HostName>) -> Result<HostName, Fault> {
    let known: Vec<&HostName> = site.controllers.keys().collect();
    let names = || {
        known
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    if let Some(named) = named {
        let fault = || {
            Fault::new(
                Code::NoSuchController,
                format!("the site has no controller `{named}`"),
            )
            .help(format!("it has {}", names()))
        };
        return known
            .contains(&named)
            .then(|| named.clone())
            .ok_or_else(fault);
    }
    let host = super::serve::host_name();
    match (host.filter(|host| known.contains(&host)), known.as_slice()) {
        (Some(host), _) => Ok(host),
        (None, [only]) => Ok((*only).clone()),
        (None, _) => Err(Fault::new(
            Code::NoSuchController,
            "this host is no controller of the site",
        )
        .help(format!("name one with --controller: {}", names()))),
    }
}

fn base(file: &Path, controller: &HostName) -> Result<(Observation, Option<Desired>), Fault> {
    let is_site = file.is_dir() || file.extension().is_some_and(|extension| extension == "kdl");
    if !is_site {
        let fault = |error: &(dyn std::error::Error + 'static)| {
            Fault::new(Code::FileUnreadable, format!("{} is no observation", file.display()))
                .because(error)
                .help("give a .kdl file, a folder with site.kdl, or an observation as JSON: {\"state\": {}} is an empty host")
        };
        let text = std::fs::read(file).map_err(|error| fault(&error))?;
        return Ok((
            serde_json::from_slice(&text).map_err(|error| fault(&error))?,
            None,
        ));
    }
    let local = compile::local(file)?;
    let Some(site) = &local.compiled.site else {
        return Err(
            Fault::new(Code::BadRequest, format!("{} has faults", file.display()))
                .help("run `bedplate check` on it"),
        );
    };
    let applied = desired(site, controller);
    let state = applied
        .state
        .iter()
        .map(|(key, resource)| (key.clone(), resource.settled(None)))
        .collect();
    Ok((
        Observation {
            state,
            ..Observation::default()
        },
        Some(applied),
    ))
}
