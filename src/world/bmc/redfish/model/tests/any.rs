//! No JSON at all makes a reader fail.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::super::link::Link;
use super::super::{action, boot, console, log, media, message, part, sensor, system, task};
use crate::base::bmc::{BootDevice, BootMode, BootOverride};

/// Keys that readers look for, so that they find something.
const KEYS: &[&str] = &[
    "@Message.ExtendedInfo",
    "@Redfish.ActionInfo",
    "@Redfish.Settings",
    "@odata.id",
    "Actions",
    "#ComputerSystem.Reset",
    "target",
    "ResetType@Redfish.AllowableValues",
    "Parameters",
    "AllowableValues",
    "AssociatedMACAddresses",
    "AssociatedNetworkAddresses",
    "Boot",
    "BootSourceOverrideEnabled",
    "BootSourceOverrideMode",
    "BootSourceOverrideTarget",
    "BootSourceOverrideTarget@Redfish.AllowableValues",
    "CapacityBytes",
    "CapacityMiB",
    "Created",
    "Devices",
    "Ethernet",
    "Fans",
    "Health",
    "ConnectTypesSupported",
    "Id",
    "Image",
    "Inserted",
    "IPMI",
    "MediaTypes",
    "Port",
    "SSH",
    "SerialConsole",
    "ServiceEnabled",
    "IndicatorLED",
    "Links",
    "LocationIndicatorActive",
    "LogEntryType",
    "MACAddress",
    "MemberId",
    "Message",
    "MessageId",
    "Messages",
    "Name",
    "OriginOfCondition",
    "PowerControl",
    "PowerState",
    "PowerSupplies",
    "Reading",
    "ReadingCelsius",
    "ReadingUnits",
    "ReadingVolts",
    "SerialNumber",
    "Severity",
    "SpeedPercent",
    "SpeedRPM",
    "State",
    "Status",
    "TaskState",
    "TaskStatus",
    "TemperatureReadingsCelsius",
    "Temperatures",
    "Thresholds",
    "TotalCores",
    "UUID",
    "UpperCaution",
    "UpperThresholdCritical",
    "Voltages",
    "error",
];

/// Texts that mean something, and some that should.
const TEXTS: &[&str] = &[
    "",
    " ",
    "On",
    "Once",
    "Pxe",
    "UEFI",
    "Lit",
    "SEL",
    "Completed",
    "Exception",
    "Critical",
    "Absent",
    "RPM",
    "1e999",
    "-0",
    "0x10",
    "NaN",
    "/redfish/v1/Systems/1",
    "//x",
    "https://",
    "2024-02-29T12:30:05Z",
    "2024-02-29T12:30:05+99:99",
    "9999-12-31T23:59:60-99:99",
    "52:54:00:00:00:01",
    "5254:00:00",
    "52540000000\u{e4}",
];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(TEXTS).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 64, 8, |inner| {
        let pair = (select(KEYS), inner.clone());
        let object = vec(pair, 0..12).prop_map(|pairs| {
            let pairs = pairs
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value));
            Value::Object(pairs.collect::<Map<_, _>>())
        });
        prop_oneof![3 => object, 1 => vec(inner, 0..6).prop_map(Value::from)]
    })
}

fn read_all(value: &Value) {
    let place = Link::root();
    let wanted = BootOverride {
        device: BootDevice::Cd,
        once: true,
        mode: Some(BootMode::Efi),
    };
    action::action(value, "#ComputerSystem.Reset", "ResetType");
    action::allowed_by_info(value, "ResetType");
    if let Ok(wish) = boot::wish(value, Some(wanted)) {
        boot::is_so(value, &wish);
    }
    boot::found(value);
    boot::said(value);
    log::entry(value, &place);
    log::kind(value, &place);
    message::message(value);
    system::status(value);
    system::light_wish(value, true);
    system::is_called(value, &place, "1");
    task::progress(value);
    sensor::sensor(value);
    sensor::thermal(value);
    sensor::power(value);
    sensor::thermal_metrics(value);
    sensor::fan(value);
    sensor::supply(value);
    console::of_system(value);
    console::of_manager(value, value);
    media::media(value, &place);
    media::said(value);
    part::identity(value);
    part::processor(value);
    part::memory(value);
    part::devices(value);
    part::supplies(value);
    part::interface(value);
    part::adapter_port("1", value);
}

proptest! {
    #[test]
    fn any_tree_is_survived(value in tree()) {
        read_all(&value);
    }

    #[test]
    fn a_list_of_anything_costs_no_good_sensor(items in vec(tree(), 0..6), at in 0..6_usize) {
        let mut items = items;
        let good = json!({"Name": "good", "ReadingCelsius": 41});
        items.insert(at.min(items.len()), good);
        let read = sensor::thermal(&json!({ "Temperatures": items }));
        let is_there = read.iter().any(|one| {
            matches!(one, sensor::Reading::Sensor(one) if one.name == "good" && one.reading == Some(41.0))
        });
        prop_assert!(is_there);
    }
}
