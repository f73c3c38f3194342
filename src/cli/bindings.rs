//! `bedplate bindings`: which client is bound to which address, line by line.

use std::ops::ControlFlow;
use std::process::ExitCode;

use super::client::Client;
use super::output::Output;
use crate::base::moment::Moment;
use crate::daemon::{BindingChange, BindingRow};
use crate::diag::fault::Fault;

/// The exit code is 4 where not all could be told.
pub(super) async fn bindings(
    follow: bool,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let path = format!("bindings?follow={follow}");
    let (mut is_complete, mut is_lost) = (false, false);
    let show = |changes: &[BindingChange]| {
        for change in changes {
            is_complete |= matches!(change, BindingChange::Complete { .. });
            is_lost |= matches!(change, BindingChange::Lost { .. });
        }
        if out.json {
            out.lines(changes);
        } else {
            out.text(&changes.iter().map(line).collect::<String>());
        }
        if out.is_closed() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    client.get_lines(&path, show).await?;
    let is_whole = is_complete && !is_lost;
    Ok(ExitCode::from(if is_whole || out.is_closed() {
        0
    } else {
        4
    }))
}

fn line(change: &BindingChange) -> String {
    let (sign, row) = match change {
        BindingChange::Bound(row) => ('+', row),
        BindingChange::Unbound(row) => ('-', row),
        BindingChange::Complete { count } => return format!("= {count} bound\n"),
        BindingChange::Lost { count } => {
            return format!("! {count} changes were lost: they came faster than they were read\n");
        }
    };
    let BindingRow {
        address,
        hardware,
        vlan,
        link,
        circuit,
        remote,
        expires,
        ..
    } = row;
    let parts = [
        vlan.as_ref().map(|vlan| format!("VLAN {vlan}")),
        link.as_ref().map(|link| format!("on {link}")),
        circuit.as_ref().map(|circuit| format!("circuit {circuit}")),
        remote.as_ref().map(|remote| format!("remote {remote}")),
        expires.map(|expires| format!("until {}", Moment(expires))),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    format!(
        "{sign} {address:<15}  {hardware:<17}  {}\n",
        parts.join(", ")
    )
}
