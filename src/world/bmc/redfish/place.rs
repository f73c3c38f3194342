//! What stands around a system: the chassis that it is in, and the managers that look after it.

use serde_json::Value;

use super::client::Client;
use super::collection::{each, members};
use super::error::Error;
use super::model::link::Link;
use super::model::read::{link, links};
use super::told::Warnings;

/// More than these surround no system.
const MOST: usize = 16;

/// The chassis that a system is in.
pub(super) async fn chassis(
    client: &mut Client,
    place: &Link,
    system: &Value,
    warnings: &mut Warnings,
) -> Result<Vec<Link>, Error> {
    around(client, place, system, ["Chassis", "Chassis"], warnings).await
}

/// The managers of a system.
pub(super) async fn managers(
    client: &mut Client,
    place: &Link,
    system: &Value,
    warnings: &mut Warnings,
) -> Result<Vec<Link>, Error> {
    around(client, place, system, ["ManagedBy", "Managers"], warnings).await
}

/// As the system says; where it does not, the only one that there is, or those that name the system.
async fn around(
    client: &mut Client,
    place: &Link,
    system: &Value,
    [named, all]: [&str; 2],
    warnings: &mut Warnings,
) -> Result<Vec<Link>, Error> {
    let mut found = links(system, &["Links", named]);
    found.truncate(MOST);
    let Some(all) = link(&client.root, &[all]).filter(|_| found.is_empty()) else {
        return Ok(found);
    };
    let listed = warnings.spare(members(client, &all, MOST).await)?;
    if let [only] = &listed.unwrap_or_default()[..] {
        return Ok(vec![only.link.clone()]);
    }
    each(client, &all, MOST, warnings, &mut |link, value| {
        let systems = ["ComputerSystems", "ManagerForServers"];
        let mut named = systems.iter().flat_map(|key| links(value, &["Links", key]));
        if named.any(|one| one.is_same(place)) {
            found.push(link.clone());
        }
    })
    .await?;
    Ok(found)
}
