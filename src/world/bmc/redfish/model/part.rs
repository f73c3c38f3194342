//! What a machine is made of (DSP2046, "ComputerSystem", "Processor", "Memory", "Drive", "SimpleStorage", "EthernetInterface",
//! "NetworkDeviceFunction", "Port", "NetworkPort"). Knows no socket.

use serde_json::Value;

use super::read::{at, count, is_empty_place, items, text};
use crate::base::bmc::{Inventory, NetworkPort, Part, PartKind};
use crate::base::mac::MacAddr;

/// Ports of one machine.
const PORTS: usize = 1024;

/// Who the system is, without its parts.
pub(crate) fn identity(system: &Value) -> Inventory {
    Inventory {
        manufacturer: text(system, &["Manufacturer"]),
        model: text(system, &["Model"]),
        serial: text(system, &["SerialNumber"]),
        asset_tag: text(system, &["AssetTag"]),
        uuid: text(system, &["UUID"]).map(|uuid| uuid.to_ascii_lowercase()),
        firmware: text(system, &["BiosVersion"]),
        parts: Vec::new(),
        ports: Vec::new(),
    }
}

pub(crate) fn processor(value: &Value) -> Option<Part> {
    let cores = count(value, &["TotalCores"]);
    part(value, PartKind::Processor, &["Socket"], cores)
}

pub(crate) fn memory(value: &Value) -> Option<Part> {
    let size = count(value, &["CapacityMiB"]).and_then(|size| size.checked_mul(1 << 20));
    // A slot without a module has no size on services that do not call it absent.
    let is_empty = size == Some(0);
    part(value, PartKind::Memory, &["DeviceLocator"], size).filter(|_| !is_empty)
}

pub(crate) fn drive(value: &Value) -> Option<Part> {
    part(value, PartKind::Disk, &[], count(value, &["CapacityBytes"]))
}

/// The disks of an older controller.
pub(crate) fn devices(value: &Value) -> Vec<Part> {
    items(value, &["Devices"])
        .iter()
        .filter_map(drive)
        .collect()
}

pub(crate) fn supply(value: &Value) -> Option<Part> {
    part(value, PartKind::PowerSupply, &[], None)
}

/// The supplies of the older schema.
pub(crate) fn supplies(value: &Value) -> Vec<Part> {
    let supplies = items(value, &["PowerSupplies"]).iter();
    supplies.filter_map(supply).collect()
}

fn part(value: &Value, kind: PartKind, place: &[&str], size: Option<u64>) -> Option<Part> {
    if is_empty_place(value) || !value.is_object() {
        return None;
    }
    let label = text(value, &["PhysicalLocation", "PartLocation", "ServiceLabel"])
        .or_else(|| text(value, &["Location", "PartLocation", "ServiceLabel"]));
    let keys = place.iter().chain(&["Name", "Id", "MemberId"]);
    let place = label.or_else(|| keys.clone().find_map(|key| text(value, &[key])));
    let model = ["Model", "PartNumber"];
    Some(Part {
        kind,
        place: place?,
        model: model.iter().find_map(|key| text(value, &[key])),
        serial: text(value, &["SerialNumber"]),
        size,
    })
}

/// A port as the operating system sees it.
pub(crate) fn interface(value: &Value) -> Option<NetworkPort> {
    let name = text(value, &["Id"]).or_else(|| text(value, &["Name"]))?;
    let mac = address(value);
    Some(NetworkPort { name, mac })
}

/// A function or a port of an adapter; those without an address are no ports of Ethernet.
pub(crate) fn adapter_port(adapter: &str, value: &Value) -> Vec<NetworkPort> {
    let id = text(value, &["Id"]).or_else(|| text(value, &["Name"]));
    let name = match id {
        Some(id) => format!("{adapter} {id}"),
        None => adapter.to_owned(),
    };
    let own = at(value, &["Ethernet"]).and_then(address);
    let lists = [
        &["Ethernet", "AssociatedMACAddresses"][..],
        &["AssociatedNetworkAddresses"],
    ];
    let listed = lists.iter().flat_map(|path| items(value, path));
    let listed = listed.filter_map(|item| mac(item.as_str()?));
    let found = own.into_iter().chain(listed);
    found
        .map(|mac| NetworkPort {
            name: name.clone(),
            mac: Some(mac),
        })
        .collect()
}

/// The address that a port is known by: the one that it was made with, where that is told.
fn address(value: &Value) -> Option<MacAddr> {
    let keys = ["PermanentMACAddress", "MACAddress"];
    keys.iter()
        .find_map(|key| mac(at(value, &[key])?.as_str()?))
}

/// An address in any of the usual forms that names one port.
fn mac(text: &str) -> Option<MacAddr> {
    let text = text.trim();
    let is_bare = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mac: MacAddr = match is_bare {
        true => {
            let (pairs, _) = text.as_bytes().as_chunks::<2>();
            let pairs = pairs.iter().map(|pair| String::from_utf8_lossy(pair));
            pairs.collect::<Vec<_>>().join(":").parse().ok()?
        }
        false => text.parse().ok()?,
    };
    (!mac.is_group() && mac != MacAddr([0; 6])).then_some(mac)
}

/// Adds ports whose address is not known yet, up to more than any machine has.
pub(crate) fn join(ports: &mut Vec<NetworkPort>, more: Vec<NetworkPort>) {
    for port in more.into_iter().take(PORTS.saturating_sub(ports.len())) {
        let is_known = ports
            .iter()
            .any(|one| one.mac == port.mac && one.mac.is_some());
        if !is_known {
            ports.push(port);
        }
    }
}
