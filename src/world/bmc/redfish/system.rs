//! Chooses the system that is meant among those that a BMC manages.

use super::client::Client;
use super::collection::members;
use super::error::Error;
use super::model::link::Link;
use super::model::read::link;
use super::model::system::is_called;

/// More systems than any chassis has.
const SYSTEMS: usize = 64;

/// The system with that id or UUID, or the only one.
pub(super) async fn choose(client: &mut Client, wanted: Option<&str>) -> Result<Link, Error> {
    let systems = link(&client.root, &["Systems"]).ok_or(Error::Unsupported("systems"))?;
    let mut found = members(client, &systems, SYSTEMS).await?;
    let known = || found.iter().map(|one| one.link.id().to_owned()).collect();
    let Some(wanted) = wanted else {
        return match found.len() {
            0 => Err(Error::Unsupported("systems")),
            1 => Ok(found.remove(0).link),
            _ => Err(Error::Ambiguous { known: known() }),
        };
    };
    if let Some(one) = found.iter().find(|one| one.link.id() == wanted) {
        return Ok(one.link.clone());
    }
    for one in &found {
        // A system that cannot be read is not the one, as far as anybody can tell.
        let read = client.find(&one.link).await;
        let value = match read {
            Ok(resource) => resource.map(|resource| resource.value),
            Err(error) if error.is_of_one_answer() => None,
            Err(error) => return Err(error),
        };
        if value.is_some_and(|value| is_called(&value, &one.link, wanted)) {
            return Ok(one.link.clone());
        }
    }
    Err(Error::Missing {
        what: "system",
        wanted: wanted.to_owned(),
        known: known(),
    })
}
