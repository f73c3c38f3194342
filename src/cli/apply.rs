//! `bedplate apply`: plans, shows, asks, then has the daemon run exactly that plan.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::ExitCode;

use super::args::{ApplyArguments, Terms};
use super::client::Client;
use super::compile;
use super::interrupt::INTERRUPTED;
use super::output::{Output, count};
use super::plan::{Saved, from_daemon, is_saved, read_saved, show, unselected};
use crate::apply::{Event, Failure, Outcome, Report};
use crate::base::moment::Moment;
use crate::daemon::Bundle;
use crate::daemon::api::Apply;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::plan::{Hazard, HazardKind, Obstacle, Plan, allowing};

/// A plan that may be run, once somebody agrees.
pub(super) struct Proposal {
    pub(super) plan: Plan,
    pub(super) bundle: Bundle,
    /// Why the daemon would not run it now.
    pub(super) refusal: Option<Fault>,
    /// The apply of the past whose state it goes back to.
    pub(super) back_to: Option<u64>,
}

pub(super) async fn apply(
    arguments: &ApplyArguments,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    match target(arguments, client, out).await? {
        Some(proposal) => carry_out(proposal, &arguments.terms, client, out).await,
        None => Ok(ExitCode::from(1)),
    }
}

/// Shows a plan, asks, and has the daemon run exactly that plan.
pub(super) async fn carry_out(
    proposal: Proposal,
    terms: &Terms,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let Proposal {
        plan,
        bundle,
        refusal,
        back_to,
    } = proposal;
    if !out.json {
        show(&plan, terms.full, out)?;
    }
    // Nobody is asked about what would be refused.
    if let Some(fault) = refusal {
        return Err(fault);
    }
    let allow: BTreeSet<HazardKind> = terms.allow.iter().copied().collect();
    // Never sent, though the daemon would refuse too: a hazard may pass before it looks, and nobody has agreed to the plan.
    if let Some(report) = hazardous(&plan, &allow) {
        if out.json {
            out.line(&Event::Finished(report.clone()));
        } else {
            out.text(&ended(&report));
        }
        return Ok(ExitCode::from(report.exit_code()));
    }
    if !plan.is_empty() && !terms.yes && !agreed(out)? {
        out.progress("Nothing was applied.");
        return Ok(ExitCode::from(1));
    }
    let request = Apply {
        bundle,
        plan: plan.id,
        selection: plan.selection,
        allow,
        confirm_within: terms.confirm_within,
        back_to,
    };
    let plan = request.plan.clone();
    let running = run(&request, client, |events| show_events(events, out));
    tokio::select! {
        report = running => Ok(ExitCode::from(report?.exit_code())),
        never = client.tell_what_is_done(|doing| doing.machines.awaiting > 0) => match never {},
        _ = tokio::signal::ctrl_c() => {
            out.progress(&format!(
                "The daemon goes on with {plan}: `bedplate status` says whether it still runs, `bedplate history` how it ended."
            ));
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

/// Shows what happened, all that is known so far at once: a large apply has thousands of steps.
fn show_events(events: &[Event], out: &Output) {
    if out.json {
        out.lines(events);
        return;
    }
    let told: Vec<String> = events.iter().filter_map(told).collect();
    if !told.is_empty() {
        out.progress(&told.join("\n"));
    }
    for event in events {
        if let Event::Finished(report) = event {
            out.text(&ended(report));
        }
    }
}

/// The report on a plan whose hazards are not all allowed.
fn hazardous(plan: &Plan, allowed: &BTreeSet<HazardKind>) -> Option<Report> {
    let hazards = plan.hazards.iter();
    let hazards = hazards.filter(|hazard| !allowed.contains(&hazard.kind));
    let hazards: Vec<_> = hazards.cloned().collect();
    (!hazards.is_empty()).then(|| Report {
        plan: plan.id.clone(),
        outcome: Outcome::Hazardous { hazards },
        steps: plan.steps.len(),
        waiting: plan.waiting.clone(),
        failed: Vec::new(),
        confirm_by: None,
    })
}

/// Has the daemon run a plan; hands on events as they come, and returns the report.
pub(super) async fn run(
    request: &Apply,
    client: &Client,
    mut each: impl FnMut(&[Event]),
) -> Result<Report, Fault> {
    let mut ended = None;
    let heard = client
        .post_lines("apply", request, |events: &[Event]| {
            each(events);
            for event in events {
                match event {
                    Event::Finished(report) => ended = Some(Ok(report.clone())),
                    Event::Broken(fault) => ended = Some(Err(fault.clone())),
                    Event::Started { .. }
                    | Event::Step { .. }
                    | Event::Failed(_)
                    | Event::Undoing { .. }
                    | Event::Silent { .. }
                    | Event::Verifying => {}
                }
            }
        })
        .await;
    // Once it has reported, that it goes away changes nothing.
    let report = match (ended, heard) {
        (Some(ended), _) => ended?,
        (None, Err(fault)) => return Err(fault),
        (None, Ok(())) => return Err(broke_off(&request.plan)),
    };
    if report.outcome == Outcome::Stale {
        return Err(stale());
    }
    Ok(report)
}

fn broke_off(plan: &str) -> Fault {
    let message = "the daemon went away before it reported";
    Fault::new(Code::DaemonAbsent, message).help(format!(
        "once it is back, `bedplate history` tells how {plan} ended, `bedplate status` what is in force"
    ))
}

fn stale() -> Fault {
    Fault::new(
        Code::PlanStale,
        "the world changed since the plan was made; nothing was applied",
    )
    .help("run `bedplate plan` again")
}

/// The plan to run with its bundle; none where the site has faults, which are shown.
async fn target(
    arguments: &ApplyArguments,
    client: &Client,
    out: &Output,
) -> Result<Option<Proposal>, Fault> {
    let (path, selection) = (&arguments.target, arguments.choice.selection());
    if is_saved(path) {
        unselected(&selection)?;
        let Saved { plan, bundle } = read_saved(path)?;
        return Ok(Some(Proposal {
            plan,
            bundle,
            refusal: None,
            back_to: None,
        }));
    }
    let local = compile::local(path)?;
    if local.compiled.site.is_none() {
        compile::show(&local.compiled, out);
        return Ok(None);
    }
    let (planned, bundle) = from_daemon(&local, selection, client).await?;
    Ok(Some(Proposal {
        plan: planned.plan,
        bundle,
        refusal: planned.refusal,
        back_to: None,
    }))
}

fn agreed(out: &Output) -> Result<bool, Fault> {
    if out.json {
        let fault = Fault::new(Code::BadRequest, "with --json nobody is asked");
        return Err(fault.help("read the plan, then apply with --yes"));
    }
    out.confirmed("Apply this plan?").ok_or_else(|| {
        Fault::new(Code::BadRequest, "there is no terminal to ask on")
            .help("read the plan, then apply with --yes")
    })
}

/// The line that an event is worth while the apply runs.
pub(super) fn told(event: &Event) -> Option<String> {
    match event {
        Event::Started { .. } | Event::Broken(_) | Event::Finished(_) => None,
        Event::Step {
            index,
            steps,
            key,
            action,
        } => Some(format!(
            "[{}/{steps}] ok    {} {key}",
            index + 1,
            action.sign()
        )),
        Event::Failed(failure) => Some(failed(failure)),
        Event::Undoing { domain, steps } => {
            let steps = count(*steps, "step");
            Some(format!("        undoing {steps} of {domain}"))
        }
        Event::Silent { addresses } => Some(format!(
            "        {} should be reachable and does not answer now, before the first step: nothing is undone for it",
            addresses_listed(addresses)
        )),
        Event::Verifying => Some("        verifying".to_owned()),
    }
}

fn addresses_listed(addresses: &BTreeSet<IpAddr>) -> String {
    let listed: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    listed.join(", ")
}

fn failed(failure: &Failure) -> String {
    let place = failure
        .origin
        .as_ref()
        .map(|origin| format!("  {origin}"))
        .unwrap_or_default();
    let help = failure.help.as_ref();
    let help = help.map_or_else(String::new, |help| format!("        help: {help}\n"));
    format!(
        "[{}]    FAIL  {}{place}\n        error[{}]: {}\n{help}        more: bedplate explain {}",
        failure.index + 1,
        failure.key,
        failure.code,
        failure.causes.join(": "),
        failure.code
    )
}

/// What to do with an apply that waits.
fn two_ways(until: Moment) -> String {
    format!(
        "It goes back by itself at {until} unless you keep it:\n    bedplate confirm     keeps it\n    bedplate rollback    goes back at once\n"
    )
}

/// A hazard in full: it may have come up since the plan was shown.
fn named(hazard: &Hazard) -> String {
    let (first, more) = hazard.lines();
    let more: String = more.map(|line| format!("\n      {line}")).collect();
    format!("\n    {}: {first}{more}", hazard.kind)
}

fn waiting(count: usize) -> String {
    let wait = match count {
        0 => return String::new(),
        1 => "1 thing waits".to_owned(),
        count => format!("{count} things wait"),
    };
    format!(" {wait}; `bedplate plan` says what for.")
}

/// The last words of an apply that brought its site about, but for machines that are not as they should be.
fn done(report: &Report, waiting: &str) -> String {
    if report.steps == 0 {
        return format!("Nothing to do.{waiting}\n");
    }
    let steps = match report.failed.len() {
        0 => count(report.steps, "step"),
        failed => format!(
            "{} of {}",
            report.steps - failed,
            count(report.steps, "step")
        ),
    };
    let line = |failure: &Failure| {
        let help = failure.help.as_ref();
        let help = help.map_or_else(String::new, |help| format!("; {help}"));
        format!("    {}: {}{help}\n", failure.key, failure.causes.join(": "))
    };
    let failed: String = report.failed.iter().map(line).collect();
    let head = match report.failed.len() {
        0 => "",
        _ => "Not as the site says, and nobody else's trouble:\n",
    };
    format!(
        "Applied {}: {steps}, verified.{waiting}\n{head}{failed}{}",
        report.plan,
        report.confirm_by.map_or_else(String::new, two_ways)
    )
}

/// The last words of an apply.
pub(super) fn ended(report: &Report) -> String {
    let waiting = waiting(report.waiting.len());
    let list = |keys: &BTreeSet<_>| {
        keys.iter()
            .map(|key: &crate::state::Key| format!("\n    {key}"))
            .collect::<String>()
    };
    let left = |left: &BTreeSet<_>| {
        if left.is_empty() {
            "Everything is as it was before.".to_owned()
        } else {
            format!("These could not be brought back:{}", list(left))
        }
    };
    match &report.outcome {
        Outcome::Done => done(report, &waiting),
        // Told as a fault.
        Outcome::Stale => String::new(),
        Outcome::Hazardous { hazards } => {
            let told: String = hazards.iter().map(named).collect();
            let allowing = allowing(hazards);
            format!("Not applied: hazards are not allowed:{told}\nTo go ahead: {allowing}\n")
        }
        Outcome::Obstructed { obstacles } => {
            let line = |obstacle: &Obstacle| format!("\n    {obstacle}");
            let lines: String = obstacles.iter().map(line).collect();
            format!("Not applied: this could only fail:{lines}\n")
        }
        Outcome::Undone {
            failure,
            left: keys,
        } => {
            let place = failure
                .origin
                .as_ref()
                .map(|origin| format!(" ({origin})"))
                .unwrap_or_default();
            format!(
                "Undone: step {} of {}, {}{place}, failed. {}\n",
                failure.index + 1,
                report.steps,
                failure.key,
                left(keys)
            )
        }
        Outcome::Unverified {
            differs,
            left: keys,
        } => {
            let (differs, left) = (list(differs), left(keys));
            format!("Undone: after all steps these were not as planned:{differs}\n{left}\n")
        }
        Outcome::Unreachable { lost, left: keys } => {
            let lost = addresses_listed(lost);
            format!(
                "Undone: {lost} must be reachable, and answered no more after all steps. {}\n",
                left(keys)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixListener;

    use super::*;
    use crate::plan::Selection;

    fn request() -> Apply {
        Apply {
            bundle: Bundle {
                format_version: 1,
                root: "site.kdl".to_owned(),
                sources: BTreeMap::new(),
                files: BTreeMap::new(),
            },
            plan: "p-1".to_owned(),
            selection: Selection::default(),
            allow: BTreeSet::new(),
            confirm_within: None,
            back_to: None,
        }
    }

    /// What is made of an answer that breaks off after `lines`.
    async fn heard(lines: &str) -> Result<Report, Fault> {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{lines}\r\n",
            lines.len()
        );
        let daemon = async {
            let (mut peer, _) = listener.accept().await.unwrap();
            peer.write_all(answer.as_bytes()).await.unwrap();
            peer.shutdown().await.unwrap();
            peer.read_to_end(&mut Vec::new()).await.unwrap();
        };
        let (client, request) = (Client::new(&socket, true), request());
        tokio::join!(daemon, run(&request, &client, |_| {})).1
    }

    /// A daemon that goes away right after its report has reported.
    #[tokio::test]
    async fn what_was_reported_holds_whatever_comes_after() {
        let report = Report {
            plan: "p-1".to_owned(),
            outcome: Outcome::Done,
            steps: 3,
            waiting: Vec::new(),
            failed: Vec::new(),
            confirm_by: None,
        };
        let finished = serde_json::to_string(&Event::Finished(report.clone())).unwrap() + "\n";
        let verifying = serde_json::to_string(&Event::Verifying).unwrap() + "\n";
        assert_eq!(heard(&(verifying.clone() + &finished)).await, Ok(report));
        let fault = heard(&verifying).await.unwrap_err();
        assert_eq!(fault.code, Code::DaemonAbsent, "{fault:?}");
        let help = fault.help.unwrap_or_default();
        assert!(help.contains("`bedplate history`"), "{help}");
    }
}
