//! From what a site says of a machine's booting to what its BMC is asked for.

use crate::base::bmc::{BootDevice, BootMode, BootOverride};
use crate::lang::node::HostShape;

/// What a machine's firmware is to try first. IPMI has no third mode beside two, of which today's machines know one.
pub(super) fn order(shape: &HostShape) -> Option<BootOverride> {
    let device = match shape.boot_order.value()?.as_str() {
        "network" => BootDevice::Network,
        "http" => BootDevice::Http,
        "cd" => BootDevice::Cd,
        _ => BootDevice::Disk,
    };
    let kind = shape.bmc.as_ref().and_then(|bmc| bmc.kind.value());
    let mode = match shape.boot_mode.value().map(String::as_str) {
        Some("bios") => Some(BootMode::Bios),
        Some(_) => Some(BootMode::Efi),
        None => kind.filter(|kind| *kind == "ipmi").map(|_| BootMode::Efi),
    };
    Some(BootOverride {
        device,
        once: false,
        mode,
    })
}
