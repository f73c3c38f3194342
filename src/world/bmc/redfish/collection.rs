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
    value: Option<Value>,
}

/// The members that were found.
#[derive(Default)]
pub(super) struct Members {
    pub(super) found: Vec<Member>,
    /// Whether there are more than were asked for, or they never end.
    is_cut: bool,
    /// What ended the walk early. What was found before it is there.
    fault: Option<Error>,
}

/// What takes a member.
pub(super) type Take<'a> = &'a mut (dyn FnMut(&Link, &Value) + Send);

/// Where the first members of a collection are.
pub(super) async fn members(
    client: &mut Client,
    collection: &Link,
    most: usize,
) -> Result<Vec<Member>, Error> {
    let page = client.get(collection).await?.value;
    let mut members = walk(client, collection, page, most).await;
    // What is nowhere cannot be asked.
    members.found.retain(|one| !one.link.is_same(collection));
    match members.fault {
        Some(fault) => Err(fault),
        None => Ok(members.found),
    }
}

/// The members of the collection that `key` of a resource leads to; none where it leads nowhere.
pub(super) async fn gathered(
    client: &mut Client,
    resource: &Value,
    key: &str,
    most: usize,
    warnings: &mut Warnings,
) -> Result<Vec<(Link, Value)>, Error> {
    let mut read = Vec::new();
    if let Some(place) = link(resource, &[key]) {
        let mut take = |link: &Link, value: &Value| read.push((link.clone(), value.clone()));
        each(client, &place, most, warnings, &mut take).await?;
    }
    Ok(read)
}

/// Hands the members of a collection over, one after the other. Those that cannot be read are told of, and no collection is an empty one.
pub(super) async fn each(
    client: &mut Client,
    collection: &Link,
    most: usize,
    warnings: &mut Warnings,
    take: Take<'_>,
) -> Result<(), Error> {
    let members = match whole(client, collection, most).await? {
        Some(members) => members,
        None => {
            let Some(page) = warnings.spare(client.find(collection).await)?.flatten() else {
                return Ok(());
            };
            walk(client, collection, page.value, most).await
        }
    };
    if members.is_cut {
        let count = members.found.len();
        warnings.add(format!("{collection}: only the first {count} are read"));
    }
    let mut unread = Vec::new();
    for member in members.found {
        match member.value {
            Some(value) => take(&member.link, &value),
            None => unread.push(member.link),
        }
    }
    if let Some(fault) = members.fault {
        warnings.spare::<()>(Err(fault))?;
    }
    for link in unread {
        if let Some(resource) = warnings.spare(client.get(&link).await)? {
            take(&link, &resource.value);
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
    match client.get(&asking).await {
        Ok(page) => {
            let members = walk(client, collection, page.value, most).await;
            Ok(Some(members).filter(|members| members.fault.is_none()))
        }
        Err(error) if error.is_of_one_answer() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn walk(client: &mut Client, collection: &Link, mut page: Value, most: usize) -> Members {
    let mut members = Members::default();
    let mut pages = vec![collection.clone()];
    let mut known = BTreeSet::new();
    loop {
        for item in items(&page, &["Members"]) {
            let Some(member) = member(collection, item, &mut known) else {
                continue;
            };
            if members.found.len() >= most {
                members.is_cut = true;
                return members;
            }
            members.found.push(member);
        }
        let Some(next) = next(&page) else {
            return members;
        };
        if pages.len() >= PAGES || pages.contains(&next) {
            members.is_cut = true;
            return members;
        }
        page = match client.get(&next).await {
            Ok(page) => page.value,
            Err(fault) => {
                members.fault = Some(fault);
                return members;
            }
        };
        pages.push(next);
    }
}

/// One item of a page; none where it is known already, or is nothing.
fn member(collection: &Link, item: &Value, known: &mut BTreeSet<String>) -> Option<Member> {
    // A mere reference has annotations, and at most a name beside them.
    let keys = item.as_object()?.keys();
    let is_whole = keys.filter(|key| !key.starts_with('@')).count() > 1;
    let value = is_whole.then(|| item.clone());
    let Some(link) = Link::of(item) else {
        // It is told in the collection alone.
        let link = collection.clone();
        return value.map(|value| Member {
            link,
            value: Some(value),
        });
    };
    let is_new = known.insert(link.as_str().trim_end_matches('/').to_owned());
    is_new.then_some(Member { link, value })
}

/// The page behind this one.
fn next(page: &Value) -> Option<Link> {
    let keys = ["Members@odata.nextLink", "@odata.nextLink"];
    keys.iter().find_map(|key| {
        let text = at(page, &[key]).and_then(Value::as_str);
        text.and_then(Link::read).or_else(|| link(page, &[key]))
    })
}
