//! `boot-order`: what a machine's firmware tries first.

use super::super::read::{Reader, Sink};
use super::super::schema::{Kind, NodeSchema};
use super::super::slot::Slot;
use super::{argument, open, property};

/// What may come first.
const DEVICES: &[&str] = &["network", "http", "disk", "cd"];

pub(super) const BOOT_ORDER: NodeSchema = NodeSchema {
    name: "boot-order",
    doc: "What the machine's firmware tries first at every boot: an apply has its BMC say so. BMCs know one device; what comes after it is the firmware's own order. By default nobody minds.",
    arguments: &[argument(
        "a device",
        Kind::Words(DEVICES),
        "`network` (PXE), `http` (UEFI HTTP boot, Redfish alone), `disk` or `cd`.",
    )],
    properties: &[property(
        "mode",
        Kind::Words(&["efi", "bios"]),
        "Which kind of boot; by default `efi` over IPMI, which must say one, and as it is over Redfish.",
    )],
    children: &[],
};

/// The device and the mode.
pub(super) fn read_boot_order(
    reader: &Reader<'_>,
    sink: &mut Sink<'_>,
) -> (Slot<String>, Slot<String>) {
    let Some(node) = reader.child(BOOT_ORDER.name) else {
        return (Slot::Absent, Slot::Absent);
    };
    let reader = open(node, &BOOT_ORDER, sink);
    (
        reader.word_argument(sink),
        reader.word_property("mode", sink),
    )
}
