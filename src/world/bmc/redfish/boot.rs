//! Sets from where a system boots, and verifies that it was set.

use super::change::{Change, change};
use super::client::Client;
use super::error::Error;
use super::model::boot::{Unfit, found, is_so, said, wish};
use super::model::link::Link;
use super::model::read::{at, link};
use crate::base::bmc::BootOverride;

/// The override that is in force, or that will be at the next boot.
pub(super) async fn boot(
    client: &mut Client,
    system: &Link,
) -> Result<Option<BootOverride>, Error> {
    let resource = client.get(system).await?.value;
    let now = found(&resource);
    let Some(place) = link(&resource, &["@Redfish.Settings", "SettingsObject"]) else {
        return Ok(now);
    };
    let pending = client.find(&place).await?;
    Ok(pending.and_then(|pending| found(&pending.value)).or(now))
}

/// Sets it; none takes an override away.
pub(super) async fn set_boot(
    client: &mut Client,
    system: &Link,
    wanted: Option<BootOverride>,
) -> Result<(), Error> {
    let resource = client.get(system).await?.value;
    let place = place(client, system, &resource).await?;
    let body = wish(&resource, wanted).map_err(|unfit| match unfit {
        Unfit::Lacks(what) => Error::Unsupported(what),
        Unfit::NotAllowed {
            what,
            wanted,
            allowed,
        } => Error::NotAllowed {
            what,
            wanted,
            allowed,
        },
    })?;
    let boot = Change {
        what: "the boot override",
        wanted: said(&body),
        is_so: &|resource| is_so(resource, &body),
        said: &said,
        body: body.clone(),
    };
    change(client, &place, system, &boot).await
}

/// Where changes are written: to the system, or to what it will be, where it says so and that has a word on booting (DSP0266, section
/// "Settings resource").
async fn place(
    client: &mut Client,
    system: &Link,
    resource: &serde_json::Value,
) -> Result<Link, Error> {
    let Some(settings) = link(resource, &["@Redfish.Settings", "SettingsObject"]) else {
        return Ok(system.clone());
    };
    let pending = client.find(&settings).await?;
    let has_boot = pending.is_some_and(|pending| at(&pending.value, &["Boot"]).is_some());
    Ok(if has_boot { settings } else { system.clone() })
}
