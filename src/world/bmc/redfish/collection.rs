//! Walks collections, page by page (DSP0266, section "Resource collections"): as far as is sensible, whatever the links say.

use serde_json::Value;

use super::client::Client;
use super::error::Error;
use super::model::link::Link;
use super::model::read::{at, items, link};

/// Pages of one collection.
const PAGES: usize = 64;

/// A member of a collection.
pub(super) struct Member {
    pub(super) link: Link,
}

/// The members that were found.
#[derive(Default)]
pub(super) struct Members {
    pub(super) found: Vec<Member>,
    /// Whether there are more than were asked for, or they never end.
    pub(super) is_cut: bool,
}

/// The first members of a collection, each once.
pub(super) async fn members(
    client: &mut Client,
    collection: &Link,
    most: usize,
) -> Result<Members, Error> {
    let mut page = client.get(collection).await?.value;
    let mut members = Members::default();
    let mut pages = vec![collection.clone()];
    loop {
        for item in items(&page, &["Members"]) {
            let Some(link) = Link::of(item) else { continue };
            if members.found.iter().any(|one| one.link.is_same(&link)) {
                continue;
            }
            if members.found.len() >= most {
                members.is_cut = true;
                return Ok(members);
            }
            members.found.push(Member { link });
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
        let text = at(page, &[key])
            .and_then(Value::as_str)
            .and_then(Link::read);
        text.or_else(|| link(page, &[key]))
    })
}
