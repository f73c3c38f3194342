//! Asks which ways there are to a system's serial console.

use serde_json::Value;

use super::client::Client;
use super::error::Error;
use super::model::console::{of_manager, of_system};
use super::model::link::Link;
use super::model::read::link;
use super::place::managers;
use super::told::{Told, Warnings};
use crate::base::bmc::SerialAccess;

/// As the system tells them; where it does not, as its managers do.
pub(super) async fn console(
    client: &mut Client,
    system: &Link,
) -> Result<Told<Vec<SerialAccess>>, Error> {
    let mut warnings = Warnings::default();
    let resource = client.get(system).await?.value;
    let mut found = of_system(&resource);
    if found.is_empty() {
        for place in managers(client, system, &resource, &mut warnings).await? {
            if let Some(manager) = warnings.spare(client.get(&place).await)? {
                let protocols = protocols(client, &manager.value, &mut warnings).await?;
                found.extend(of_manager(&manager.value, &protocols));
            }
        }
    }
    warnings.told(found, true, Ok(()))
}

async fn protocols(
    client: &mut Client,
    manager: &Value,
    warnings: &mut Warnings,
) -> Result<Value, Error> {
    let Some(place) = link(manager, &["NetworkProtocol"]) else {
        return Ok(Value::Null);
    };
    let read = warnings.spare(client.find(&place).await)?.flatten();
    Ok(read.map_or(Value::Null, |resource| resource.value))
}
