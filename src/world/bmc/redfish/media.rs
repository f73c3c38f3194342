//! Lists virtual media, fills and empties them, and verifies that.

use serde_json::{Value, json};

use super::change::{Change, change, settled};
use super::client::Client;
use super::collection::each;
use super::error::Error;
use super::model::action::action;
use super::model::link::Link;
use super::model::media::{insertion, is_filled, is_secret, media, said, word, written};
use super::model::read::link;
use super::place::managers;
use super::task::finish;
use super::told::{Told, Warnings};
use crate::base::bmc::Media;

/// Drives of one system.
const DRIVES: usize = 32;

/// A drive and where it is.
struct Drive {
    place: Link,
    value: Value,
}

pub(super) async fn list(client: &mut Client, system: &Link) -> Result<Told<Vec<Media>>, Error> {
    let mut warnings = Warnings::default();
    let drives = drives(client, system, &mut warnings).await?;
    let listed = drives.iter().map(|one| media(&one.value, &one.place));
    let listed: Vec<Media> = listed.collect();
    let is_empty = listed.is_empty();
    warnings.told(listed, is_empty, Ok(()))
}

/// Puts what is at a URL into a drive.
pub(super) async fn insert(
    client: &mut Client,
    system: &Link,
    id: &str,
    url: &str,
) -> Result<(), Error> {
    let drive = drive(client, system, id).await?;
    let filled = wish(true, written(Some(url)));
    let inserted = fill(client, &drive, url, &filled).await;
    // A BMC that cannot fetch it may repeat it.
    inserted.map_err(|error| match is_secret(url) {
        true => error.without_words(),
        false => error,
    })
}

async fn fill(
    client: &mut Client,
    drive: &Drive,
    url: &str,
    filled: &Change<'_>,
) -> Result<(), Error> {
    let name = "#VirtualMedia.InsertMedia";
    let Some(insert) = action(&drive.value, name, "TransferProtocolType") else {
        return change(client, &drive.place, &drive.place, filled).await;
    };
    let answer = client
        .post(&insert.target, &insertion(&insert, url))
        .await?;
    finish(client, answer).await?;
    settled(client, &drive.place, &drive.place, filled).await
}

/// Takes out what is in a drive; an empty one is left alone.
pub(super) async fn eject(client: &mut Client, system: &Link, id: &str) -> Result<(), Error> {
    let drive = drive(client, system, id).await?;
    if !is_filled(&drive.value) {
        return Ok(());
    }
    let empty = wish(false, written(None));
    let Some(eject) = action(&drive.value, "#VirtualMedia.EjectMedia", "") else {
        return change(client, &drive.place, &drive.place, &empty).await;
    };
    let answer = client.post(&eject.target, &json!({})).await?;
    finish(client, answer).await?;
    settled(client, &drive.place, &drive.place, &empty).await
}

fn wish(is_full: bool, body: Value) -> Change<'static> {
    Change {
        what: "the virtual drive",
        wanted: word(is_full).to_owned(),
        body,
        is_so: if is_full { &is_filled } else { &is_bare },
        said: &said,
    }
}

fn is_bare(value: &Value) -> bool {
    !is_filled(value)
}

async fn drive(client: &mut Client, system: &Link, id: &str) -> Result<Drive, Error> {
    let drives = drives(client, system, &mut Warnings::default()).await?;
    let mut known = Vec::new();
    for drive in drives {
        let found = media(&drive.value, &drive.place);
        if found.id == id {
            return Ok(drive);
        }
        known.push(found.id);
    }
    Err(Error::Missing {
        what: "virtual drive",
        wanted: id.to_owned(),
        known,
    })
}

/// Those of the system; where it has none, those of its managers.
async fn drives(
    client: &mut Client,
    system: &Link,
    warnings: &mut Warnings,
) -> Result<Vec<Drive>, Error> {
    let resource = client.get(system).await?.value;
    let mut found = of(client, &resource, warnings).await?;
    if found.is_empty() {
        for manager in managers(client, system, &resource, warnings).await? {
            if let Some(manager) = warnings.spare(client.get(&manager).await)? {
                found.extend(of(client, &manager.value, warnings).await?);
            }
        }
    }
    Ok(found)
}

async fn of(
    client: &mut Client,
    owner: &Value,
    warnings: &mut Warnings,
) -> Result<Vec<Drive>, Error> {
    let mut found = Vec::new();
    if let Some(place) = link(owner, &["VirtualMedia"]) {
        let mut take = |place: &Link, value: &Value| {
            let (place, value) = (place.clone(), value.clone());
            found.push(Drive { place, value });
        };
        each(client, &place, DRIVES, warnings, &mut take).await?;
    }
    Ok(found)
}
