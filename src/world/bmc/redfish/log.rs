//! Reads and clears the event log of a system: its own, or its manager's, or its chassis's.

use serde_json::{Value, json};

use super::client::Client;
use super::collection::each;
use super::error::Error;
use super::model::action::action;
use super::model::link::Link;
use super::model::log::{Kind, entry, in_order, kind};
use super::model::read::link;
use super::place::{chassis, managers};
use super::task::finish;
use super::told::{Told, Warnings};
use crate::base::bmc::LogEntry;

/// Logs of one thing, and entries of one log.
const LOGS: usize = 32;
const ENTRIES: usize = 2000;

/// A log, where it keeps its entries, and what its service says.
struct Log {
    kind: Kind,
    entries: Link,
    service: Value,
}

/// The entries, the oldest first.
pub(super) async fn log(client: &mut Client, system: &Link) -> Result<Told<Vec<LogEntry>>, Error> {
    let mut warnings = Warnings::default();
    let log = choose(client, system, &mut warnings).await?;
    let (found, ended) = entries(client, &log.entries, &mut warnings).await;
    let is_empty = found.is_empty();
    warnings.told(in_order(found), is_empty, ended)
}

/// Clears it, and verifies that what it held is gone.
pub(super) async fn clear(client: &mut Client, system: &Link) -> Result<(), Error> {
    let mut warnings = Warnings::default();
    let log = choose(client, system, &mut warnings).await?;
    let clear = action(&log.service, "#LogService.ClearLog", "ClearType");
    let clear = clear.ok_or(Error::Unsupported("clearing of its event log"))?;
    let (before, _) = entries(client, &log.entries, &mut warnings).await;
    let answer = client.post(&clear.target, &json!({})).await?;
    finish(client, answer).await?;
    let (after, ended) = entries(client, &log.entries, &mut warnings).await;
    ended?;
    // That it was cleared may be the first entry of the new log.
    match after.iter().filter(|entry| before.contains(entry)).count() {
        0 => Ok(()),
        left => Err(Error::NotDone {
            what: "the event log",
            wanted: "empty".to_owned(),
            found: format!("left with {left} of its entries"),
        }),
    }
}

async fn entries(
    client: &mut Client,
    place: &Link,
    warnings: &mut Warnings,
) -> (Vec<LogEntry>, Result<(), Error>) {
    let (mut found, mut silent) = (Vec::new(), 0);
    let mut take = |link: &Link, value: &Value| match entry(value, link) {
        Some(entry) => found.push(entry),
        None => silent += 1,
    };
    let ended = each(client, place, ENTRIES, warnings, &mut take).await;
    if silent > 0 {
        warnings.add(format!("{place}: {silent} entries say nothing"));
    }
    (found, ended)
}

/// The system event log, or what is nearest to it, of what is nearest to the system.
async fn choose(client: &mut Client, system: &Link, warnings: &mut Warnings) -> Result<Log, Error> {
    let resource = client.get(system).await?.value;
    let mut best: Option<Log> = None;
    consider(client, &resource, &mut best, warnings).await?;
    if !is_found(&best) {
        let managers = managers(client, system, &resource, warnings).await?;
        others(client, managers, &mut best, warnings).await?;
    }
    if !is_found(&best) {
        let chassis = chassis(client, system, &resource, warnings).await?;
        others(client, chassis, &mut best, warnings).await?;
    }
    best.ok_or(Error::Unsupported("event log"))
}

fn is_found(best: &Option<Log>) -> bool {
    best.as_ref()
        .is_some_and(|log| log.kind == Kind::SystemEvents)
}

async fn others(
    client: &mut Client,
    places: Vec<Link>,
    best: &mut Option<Log>,
    warnings: &mut Warnings,
) -> Result<(), Error> {
    for place in places {
        if let Some(resource) = warnings.spare(client.get(&place).await)? {
            consider(client, &resource.value, best, warnings).await?;
        }
    }
    Ok(())
}

async fn consider(
    client: &mut Client,
    owner: &Value,
    best: &mut Option<Log>,
    warnings: &mut Warnings,
) -> Result<(), Error> {
    let Some(services) = link(owner, &["LogServices"]) else {
        return Ok(());
    };
    let mut take = |place: &Link, service: &Value| {
        let kind = kind(service, place);
        let is_better = best.as_ref().is_none_or(|best| kind < best.kind);
        if let Some(entries) = link(service, &["Entries"]).filter(|_| is_better) {
            let service = service.clone();
            *best = Some(Log {
                kind,
                entries,
                service,
            });
        }
    };
    each(client, &services, LOGS, warnings, &mut take).await
}
