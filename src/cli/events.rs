//! `bedplate events`: what happens to leases and BMCs, line by line.

use std::ops::ControlFlow;
use std::process::ExitCode;

use super::client::Client;
use super::output::Output;
use crate::base::bmc::BmcCondition;
use crate::base::mark::LastKnown;
use crate::base::moment::Moment;
use crate::daemon::{EventRow, LeaseEvent};
use crate::diag::fault::Fault;
use crate::serve::dhcp::{Ending, StoreTrouble};

pub(super) async fn events(
    (follow, after): (bool, Option<LastKnown>),
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let after = after.map_or_else(String::new, |after| format!("&after={after}"));
    let path = format!("events?follow={follow}{after}");
    let show = |events: &[LeaseEvent]| {
        if out.json {
            out.lines(events);
        } else {
            out.text(&events.iter().map(line).collect::<String>());
        }
        if out.is_closed() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    client.get_lines(&path, show).await?;
    Ok(ExitCode::SUCCESS)
}

fn line(event: &LeaseEvent) -> String {
    let (word, row) = match event {
        LeaseEvent::Commit(row) => ("commit", row),
        LeaseEvent::Renew(row) => ("renew", row),
        LeaseEvent::Expiry(row) => ("expiry", row),
        LeaseEvent::Release(row) => ("release", row),
        LeaseEvent::Decline(row) => ("decline", row),
        LeaseEvent::Conflict(row) => ("conflict", row),
        LeaseEvent::Waiting(row) => ("waiting", row),
        LeaseEvent::Replace(row) => ("replace", row),
        LeaseEvent::Exhaustion(row) => ("exhaustion", row),
        LeaseEvent::Store { at, trouble, .. } => {
            let how = match trouble {
                Some(StoreTrouble::Slow) => "leases take seconds to be stored",
                Some(StoreTrouble::Failing) => "leases cannot be stored",
                None => "leases are stored again",
            };
            return format!("{at}  store       {how}\n");
        }
        LeaseEvent::Threshold {
            at,
            vlan,
            subnet,
            threshold,
            used,
            size,
            is_above,
            is_watched,
            ..
        } => {
            let how = match (is_watched, is_above) {
                (false, _) => "no longer watched at",
                (true, true) => "as full as",
                (true, false) => "below",
            };
            return format!(
                "{at}  threshold   {subnet} is {how} {threshold}: {used} of {size}, VLAN {vlan}\n"
            );
        }
        LeaseEvent::Bmc {
            at,
            machine,
            address,
            condition,
            was,
            is_watched,
            why,
            ..
        } => {
            let over = || BmcCondition::ended(*was, *is_watched).to_owned();
            let how = condition.map_or_else(over, |condition| condition.to_string());
            let address = address.as_deref().unwrap_or("-");
            return format!("{at}  bmc         {address:<15}  {machine} {how}: {why}\n");
        }
        LeaseEvent::Restart { run } => {
            return format!(
                "… the daemon was started anew meanwhile, and what came before that is lost: numbers begin again in run {run}\n"
            );
        }
        LeaseEvent::Lost { count } => {
            return format!(
                "… {count} events were lost here: they came faster than they were read\n"
            );
        }
    };
    of_lease(word, row)
}

/// What is told of an event that is a client's.
fn of_lease(word: &str, row: &EventRow) -> String {
    let EventRow {
        at,
        hardware,
        address,
        name,
        vlan,
        expires,
        host,
        is_by_hand,
        is_quarantine,
        how,
        by,
        freed,
        others,
        ..
    } = row;
    let address = address.map_or_else(|| "-".to_owned(), |address| address.to_string());
    let rest = [
        vlan.as_ref().map(|vlan| format!("VLAN {vlan}")),
        name.as_ref().map(ToString::to_string),
        expires.map(|expires| format!("until {}", Moment(expires))),
        host.as_ref().map(|host| format!("reserved for {host}")),
        is_quarantine.then(|| "out of quarantine".to_owned()),
        is_by_hand.then(|| "by hand".to_owned()),
        how.and_then(ended).map(str::to_owned),
        by.map(|by| format!("in use by {by}")),
        freed.map(|freed| format!("{freed} out of quarantine early for it")),
        others.map(|others| format!("and {others} more before it, too fast to tell of each")),
    ];
    let rest: Vec<_> = rest.into_iter().flatten().collect();
    let rest = rest.join(", ");
    format!("{at}  {word:<10}  {address:<15}  {hardware:<17}  {rest}\n")
}

/// How a lease ended, where neither its client nor an operator ended it.
fn ended(how: Ending) -> Option<&'static str> {
    match how {
        Ending::Moved => Some("moved to its reserved address"),
        Ending::Withdrawn => Some("in no range any more"),
        Ending::Reassigned => Some("given to another by the site"),
        Ending::Expired
        | Ending::Released
        | Ending::Declined
        | Ending::Revoked
        | Ending::Replaced => None,
    }
}
