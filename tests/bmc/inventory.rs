//! What a machine is made of: what ipmitool reads of its parts, we read.

use bedplate::base::bmc::{Inventory, Part, PartKind};

use bedplate::world::bmc::ipmi::IpmiError;

use crate::counterpart::{Bmc, Setup};
use crate::machine::{area, part, record};

/// A machine of which the chassis, the board and a power supply say what they are, and a part that does not.
fn machine() -> Bmc {
    let none = Vec::new;
    let commands = [
        part(
            0,
            [
                area(&[0x17], &[b"\xc0", b"\xc3C42"]),
                area(
                    &[0, 1, 2, 3],
                    &[
                        b"\xc4Acme",
                        b"\xc7Board-9",
                        b"\x44\x12\x34\x56\x78",
                        b"\xc0",
                    ],
                ),
                area(
                    &[25],
                    &[
                        b"\xc9Acme Inc.",
                        b"\x83\x29\xdc\xa6",
                        b"\xc0",
                        b"\xc0",
                        b"\xc6SN-007",
                        b"\xc6TAG-12",
                    ],
                ),
            ],
        ),
        part(
            3,
            [
                none(),
                none(),
                area(
                    &[0],
                    &[b"\xc5Delta", b"\xc5DPS-8", b"\xc0", b"\xc0", b"\xc4P123"],
                ),
            ],
        ),
        "mc_add_fru_data 0x20 4 16 data 0xff 0xff 0xff 0xff 0xff 0xff 0xff 0xff\n".to_owned(),
        locator(3, "PSU 1"),
        locator(4, "Blank"),
        locator(5, "Not there"),
    ];
    Bmc::sim(Setup {
        commands: &commands.concat(),
        ..Setup::default()
    })
}

fn locator(device: u8, name: &str) -> String {
    let body = vec![0x20, device, 0x80, 0, 0, 0x10, 0, 10, 1, 0];
    record(0x11, body, name)
}

#[test]
fn parts_are_what_ipmitool_reads() {
    let bmc = machine();
    let inventory = bmc.session(async |session| session.inventory().await);
    let some = |text: &str| Some(text.to_owned());
    let expected = Inventory {
        manufacturer: some("Acme Inc."),
        model: some("IPMI"),
        serial: some("SN-007"),
        asset_tag: some("TAG-12"),
        uuid: some("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        parts: vec![
            Part {
                kind: PartKind::Board,
                place: "board".to_owned(),
                model: some("Board-9"),
                serial: some("12345678"),
                size: None,
            },
            Part {
                kind: PartKind::PowerSupply,
                place: "PSU 1".to_owned(),
                model: some("DPS-8"),
                serial: some("P123"),
                size: None,
            },
        ],
        ..Inventory::default()
    };
    assert_eq!(inventory, expected);
    let seen = bmc.ipmitool("fru print 0");
    for line in [
        "Chassis Serial        : C42",
        "Board Serial          : 12345678",
        "Product Manufacturer  : Acme Inc.",
        "Product Name          : IPMI",
        "Product Serial        : SN-007",
        "Product Asset Tag     : TAG-12",
    ] {
        assert!(seen.contains(line), "no {line} in {seen}");
    }
    let seen = bmc.ipmitool("mc guid smbios");
    assert!(
        seen.contains("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        "{seen}"
    );
    let seen = bmc.ipmitool("fru print 3");
    assert!(seen.contains("Product Serial        : P123"), "{seen}");
}

#[test]
fn a_machine_that_says_nothing_of_itself_has_an_empty_inventory() {
    let bmc = Bmc::pyghmi("127.0.0.1", &[]);
    let inventory = bmc.session(async |session| session.inventory().await);
    assert_eq!(inventory, Inventory::default());
    let refused = bmc.session(async |session| Ok(session.sensors().await));
    assert!(
        matches!(refused, Err(IpmiError::Unsupported(_))),
        "{refused:?}"
    );
}
