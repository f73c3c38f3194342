//! Reads the sensors of the chassis that a system is in.

use serde_json::Value;

use super::client::Client;
use super::collection::{each, gathered};
use super::error::Error;
use super::model::link::Link;
use super::model::read::link;
use super::model::sensor::{Reading, fan, power, sensor, supply, thermal, thermal_metrics};
use super::place::chassis;
use super::told::{Told, Warnings};
use crate::base::bmc::Sensor;

/// Sensors of one chassis, and fans or supplies of one.
const SENSORS: usize = 1024;
const PARTS: usize = 64;

/// What was read so far.
#[derive(Default)]
struct Found {
    sensors: Vec<Sensor>,
    warnings: Warnings,
}

impl Found {
    fn take(&mut self, place: &Link, reading: Reading) {
        match reading {
            Reading::Sensor(sensor) => self.sensors.push(sensor),
            Reading::Amiss(sensor, why) => {
                self.warnings.add(format!("{place}: {why}"));
                self.sensors.push(sensor);
            }
            Reading::Absent => {}
            Reading::Nameless => self.warnings.add(format!("{place}: a sensor has no name")),
        }
    }
}

pub(super) async fn sensors(
    client: &mut Client,
    system: &Link,
) -> Result<Told<Vec<Sensor>>, Error> {
    let mut found = Found::default();
    let ended = all(client, system, &mut found).await;
    let is_empty = found.sensors.is_empty();
    found.warnings.told(found.sensors, is_empty, ended)
}

async fn all(client: &mut Client, system: &Link, found: &mut Found) -> Result<(), Error> {
    let resource = client.get(system).await?.value;
    for place in chassis(client, system, &resource, &mut found.warnings).await? {
        let Some(resource) = found.warnings.spare(client.get(&place).await)? else {
            continue;
        };
        let before = found.sensors.len();
        newest(client, &resource.value, found).await?;
        if found.sensors.len() == before {
            newer(client, &resource.value, found).await?;
        }
        if found.sensors.len() == before {
            older(client, &resource.value, found).await?;
        }
    }
    Ok(())
}

/// Each sensor is a resource of its own.
async fn newest(client: &mut Client, chassis: &Value, found: &mut Found) -> Result<(), Error> {
    let Some(sensors) = link(chassis, &["Sensors"]) else {
        return Ok(());
    };
    let mut read = Vec::new();
    let mut take = |link: &Link, value: &Value| read.push((link.clone(), sensor(value)));
    let ended = each(client, &sensors, SENSORS, &mut found.warnings, &mut take).await;
    for (place, reading) in read {
        found.take(&place, reading);
    }
    ended
}

/// Fans and supplies are resources, and temperatures a list.
async fn newer(client: &mut Client, chassis: &Value, found: &mut Found) -> Result<(), Error> {
    if let Some(subsystem) = part(client, chassis, "ThermalSubsystem", found).await? {
        if let Some(metrics) = link(&subsystem, &["ThermalMetrics"]) {
            listed(client, &metrics, thermal_metrics, found).await?;
        }
        for (place, value) in
            gathered(client, &subsystem, "Fans", PARTS, &mut found.warnings).await?
        {
            found.take(&place, fan(&value));
        }
    }
    if let Some(subsystem) = part(client, chassis, "PowerSubsystem", found).await? {
        for (place, mut value) in gathered(
            client,
            &subsystem,
            "PowerSupplies",
            PARTS,
            &mut found.warnings,
        )
        .await?
        {
            if let Some(metrics) = part(client, &value, "Metrics", found).await? {
                overlay(&mut value, &metrics);
            }
            found.take(&place, supply(&value));
        }
    }
    Ok(())
}

/// All of a kind in one resource.
async fn older(client: &mut Client, chassis: &Value, found: &mut Found) -> Result<(), Error> {
    for (key, read) in [("Thermal", thermal as fn(&Value) -> _), ("Power", power)] {
        if let Some(place) = link(chassis, &[key]) {
            listed(client, &place, read, found).await?;
        }
    }
    Ok(())
}

async fn listed(
    client: &mut Client,
    place: &Link,
    read: fn(&Value) -> Vec<Reading>,
    found: &mut Found,
) -> Result<(), Error> {
    let resource = found.warnings.spare(client.find(place).await)?.flatten();
    let readings = resource.map(|resource| read(&resource.value));
    for reading in readings.into_iter().flatten().take(SENSORS) {
        found.take(place, reading);
    }
    Ok(())
}

async fn part(
    client: &mut Client,
    value: &Value,
    key: &str,
    found: &mut Found,
) -> Result<Option<Value>, Error> {
    let Some(place) = link(value, &[key]) else {
        return Ok(None);
    };
    let read = found.warnings.spare(client.find(&place).await)?;
    Ok(read.flatten().map(|resource| resource.value))
}

/// What a supply measures is in a resource of its own.
fn overlay(supply: &mut Value, metrics: &Value) {
    let (Some(supply), Some(metrics)) = (supply.as_object_mut(), metrics.as_object()) else {
        return;
    };
    for (key, value) in metrics {
        supply.entry(key).or_insert_with(|| value.clone());
    }
}
