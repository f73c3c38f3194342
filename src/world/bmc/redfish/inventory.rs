//! Reads what a machine is made of.

use serde_json::Value;

use super::client::Client;
use super::collection::gathered;
use super::error::Error;
use super::model::link::Link;
use super::model::part::{
    adapter_port, devices, drive, identity, interface, join, memory, processor, supplies, supply,
};
use super::model::read::{link, links, text};
use super::place::chassis;
use super::told::{Told, Warnings};
use crate::base::bmc::{Inventory, Part};

/// Things of one kind.
const MOST: usize = 256;

/// What was read so far.
struct Found {
    inventory: Inventory,
    warnings: Warnings,
}

pub(super) async fn inventory(
    client: &mut Client,
    system: &Link,
) -> Result<Told<Inventory>, Error> {
    let resource = client.get(system).await?.value;
    let mut found = Found {
        inventory: identity(&resource),
        warnings: Warnings::default(),
    };
    let ended = all(client, system, &resource, &mut found).await;
    found.warnings.told(found.inventory, false, ended)
}

async fn all(
    client: &mut Client,
    place: &Link,
    system: &Value,
    found: &mut Found,
) -> Result<(), Error> {
    for (key, read) in [
        ("Processors", processor as fn(&Value) -> _),
        ("Memory", memory),
    ] {
        for (_, value) in gathered(client, system, key, MOST, &mut found.warnings).await? {
            found.inventory.parts.extend(read(&value));
        }
    }
    disks(client, system, found).await?;
    for (_, value) in gathered(
        client,
        system,
        "EthernetInterfaces",
        MOST,
        &mut found.warnings,
    )
    .await?
    {
        join(
            &mut found.inventory.ports,
            interface(&value).into_iter().collect(),
        );
    }
    for place in chassis(client, place, system, &mut found.warnings).await? {
        let Some(chassis) = found.warnings.spare(client.get(&place).await)? else {
            continue;
        };
        power_supplies(client, &chassis.value, found).await?;
        for (_, adapter) in gathered(
            client,
            &chassis.value,
            "NetworkAdapters",
            MOST,
            &mut found.warnings,
        )
        .await?
        {
            adapter_ports(client, &adapter, found).await?;
        }
    }
    Ok(())
}

/// Those of the controllers; where there are none, those of the older ones.
async fn disks(client: &mut Client, system: &Value, found: &mut Found) -> Result<(), Error> {
    let mut drives: Vec<Link> = Vec::new();
    for (_, controller) in gathered(client, system, "Storage", MOST, &mut found.warnings).await? {
        for drive in links(&controller, &["Drives"]) {
            if drives.len() < MOST && !drives.contains(&drive) {
                drives.push(drive);
            }
        }
    }
    for place in &drives {
        let read = found.warnings.spare(client.get(place).await)?;
        let part = read.and_then(|resource| drive(&resource.value));
        found.inventory.parts.extend(part);
    }
    if drives.is_empty() {
        for (_, controller) in
            gathered(client, system, "SimpleStorage", MOST, &mut found.warnings).await?
        {
            let disks: Vec<Part> = devices(&controller);
            found.inventory.parts.extend(disks.into_iter().take(MOST));
        }
    }
    Ok(())
}

/// Of the newer schema; where there is none, of the older one.
async fn power_supplies(
    client: &mut Client,
    chassis: &Value,
    found: &mut Found,
) -> Result<(), Error> {
    if let Some(place) = link(chassis, &["PowerSubsystem"]) {
        let subsystem = found.warnings.spare(client.find(&place).await)?.flatten();
        if let Some(subsystem) = subsystem {
            for (_, value) in gathered(
                client,
                &subsystem.value,
                "PowerSupplies",
                MOST,
                &mut found.warnings,
            )
            .await?
            {
                found.inventory.parts.extend(supply(&value));
            }
            return Ok(());
        }
    }
    if let Some(place) = link(chassis, &["Power"]) {
        let power = found.warnings.spare(client.find(&place).await)?.flatten();
        let parts = power
            .map(|power| supplies(&power.value))
            .unwrap_or_default();
        found.inventory.parts.extend(parts.into_iter().take(MOST));
    }
    Ok(())
}

/// Addresses that the interfaces did not tell: services list them in one place or the other.
async fn adapter_ports(
    client: &mut Client,
    adapter: &Value,
    found: &mut Found,
) -> Result<(), Error> {
    let name = text(adapter, &["Id"]).or_else(|| text(adapter, &["Name"]));
    let name = name.unwrap_or_else(|| "adapter".to_owned());
    for key in ["NetworkDeviceFunctions", "Ports", "NetworkPorts"] {
        for (_, value) in gathered(client, adapter, key, MOST, &mut found.warnings).await? {
            join(&mut found.inventory.ports, adapter_port(&name, &value));
        }
    }
    Ok(())
}
