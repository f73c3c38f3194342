//! `bedplate hold` and `bedplate unlock`: keeps everybody from applying, and ends that.

use std::process::ExitCode;

use nix::unistd::geteuid;

use super::client::Client;
use super::output::Output;
use crate::daemon::api::OnHold;
use crate::daemon::{Hold, Status};
use crate::diag::code::Code;
use crate::diag::fault::Fault;

pub(super) async fn hold(reason: &str, client: &Client, out: &Output) -> Result<ExitCode, Fault> {
    let request = OnHold {
        reason: reason.to_owned(),
    };
    let hold: Hold = client.post("hold", &request).await?;
    if out.json {
        out.value(&hold)?;
    } else {
        let Hold { reason, .. } = &hold;
        out.text(&format!(
            "Nobody applies now: {reason}. `bedplate unlock` ends that.\n"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn unlock(yes: bool, client: &Client, out: &Output) -> Result<ExitCode, Fault> {
    let status: Status = client.get("status").await?;
    let nothing = || {
        Fault::new(Code::NotOnHold, "applying is not on hold")
            .help("`bedplate status` shows who holds what")
    };
    let hold = status.hold.ok_or_else(nothing)?;
    let is_own = hold.who.uid == geteuid().as_raw();
    if !is_own && !yes && !agreed(&hold, out)? {
        out.progress("The hold stays.");
        return Ok(ExitCode::from(1));
    }
    let ended: Hold = client.post("unlock", &hold).await?;
    if out.json {
        out.value(&ended)?;
    } else {
        let Hold { who, since, reason } = &ended;
        out.text(&format!(
            "Ended the hold by {who} since {since}: {reason}.\n"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether to end what somebody else holds.
fn agreed(hold: &Hold, out: &Output) -> Result<bool, Fault> {
    let Hold { who, since, reason } = hold;
    let whose = format!("the hold is by {who} since {since}: {reason}");
    let unasked = || Fault::new(Code::BadRequest, whose.clone());
    if out.json {
        return Err(unasked().help("with --json nobody is asked; to end another's hold: --yes"));
    }
    let answer = out.confirmed(&format!("Not yours: {whose}. End it?"));
    answer.ok_or_else(|| {
        unasked().help("there is no terminal to ask on; to end another's hold: --yes")
    })
}
