//! Walks collections, page by page (DSP0266, section "Resource collections"): as far as is sensible, whatever the links say.

use std::collections::BTreeSet;

use serde_json::Value;

use super::client::Client;
use super::error::Error;
use super::model::link::Link;
use super::model::read::{at, items, link, truth};
use super::told::Warnings;

/// Pages of one collection.
const PAGES: usize = 64;

/// A member of a collection: where it is, and what it says where the collection says it, too.
pub(super) struct Member {
    pub(super) link: Link,
    pub(super) value: Option<Value>,
}

/// The members that were found.
#[derive(Default)]
pub(super) struct Members {
    pub(super) found: Vec<Member>,
    /// Whether there are more than were asked for, or they never end.
    pub(super) is_cut: bool,
}

/// What takes a member.
pub(super) type Take<'a> = &'a mut (dyn FnMut(&Link, &Value) + Send);

/// The first members of a collection, each once.
pub(super) async fn members(
    client: &mut Client,
    collection: &Link,
    most: usize,
) -> Result<Members, Error> {
    let page = client.get(collection).await?.value;
    walk(client, collection, page, most).await
}

/// Hands the members of a collection over, one after the other. Those that cannot be read are told of, and no collection is an empty one.
pub(super) async fn each(
    client: &mut Client,
    collection: &Link,
    most: usize,
    warnings: &mut Warnings,
    take: Take<'_>,
) -> Result<(), Error> {
    let whole = whole(client, collection, most).await?;
    let members = match whole {
        Some(members) => members,
        None => {
            let Some(page) = warnings.spare(client.find(collection).await)?.flatten() else {
                return Ok(());
            };
            let walked = walk(client, collection, page.value, most).await;
            warnings.spare(walked)?.unwrap_or_default()
        }
    };
    if members.is_cut {
        let count = members.found.len();
        warnings.add(format!("{collection}: only the first {count} are read"));
    }
    for Member { link, value } in members.found {
        let value = match value {
            Some(value) => Some(value),
            None => {
                let read = warnings.spare(client.get(&link).await)?;
                read.map(|resource| resource.value)
            }
        };
        if let Some(value) = value {
            take(&link, &value);
        }
    }
    Ok(())
}

/// All members at once, from a service that does such a thing (DSP0266, section "Use of the $expand query parameter"); many do it
/// wrong.
async fn whole(
    client: &mut Client,
    collection: &Link,
    most: usize,
) -> Result<Option<Members>, Error> {
    let features = ["ProtocolFeaturesSupported", "ExpandQuery", "NoLinks"];
    let does = truth(&client.root, &features) == Some(true);
    let Some(asking) = collection.asking("$expand=.").filter(|_| does) else {
        return Ok(None);
    };
    let read = match client.get(&asking).await {
        Ok(page) => walk(client, &asking, page.value, most).await,
        Err(error) => Err(error),
    };
    match read {
        Ok(members) => Ok(Some(members)),
        Err(error) if error.is_of_one_answer() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn walk(
    client: &mut Client,
    collection: &Link,
    mut page: Value,
    most: usize,
) -> Result<Members, Error> {
    let mut members = Members::default();
    let mut pages = vec![collection.clone()];
    let mut known = BTreeSet::new();
    loop {
        for item in items(&page, &["Members"]) {
            let Some(link) = Link::of(item) else { continue };
            if !known.insert(link.as_str().trim_end_matches('/').to_owned()) {
                continue;
            }
            if members.found.len() >= most {
                members.is_cut = true;
                return Ok(members);
            }
            // A mere reference has one key, or a tag beside it.
            let is_whole = item.as_object().is_some_and(|item| item.len() > 2);
            let value = is_whole.then(|| item.clone());
            members.found.push(Member { link, value });
        }
        let Some(next) = next(&page) else {
            return Ok(members);
        };
        if pages.len() >= PAGES || pages.contains(&next) {
            members.is_cut = true;
            return Ok(members);
        }
        page = client.get(&next).await?.value;
        pages.push(next);
    }
}

/// The page behind this one.
fn next(page: &Value) -> Option<Link> {
    let keys = ["Members@odata.nextLink", "@odata.nextLink"];
    keys.iter().find_map(|key| {
        let text = at(page, &[key]).and_then(Value::as_str);
        text.and_then(Link::read).or_else(|| link(page, &[key]))
    })
}
