//! The boot override: what we set, ipmitool reads; what it sets, we read.

use bedplate::base::bmc::{BootDevice, BootMode, BootOverride};
use bedplate::world::bmc::ipmi::IpmiError;

use crate::counterpart::{Bmc, Setup};

const DEVICES: [(BootDevice, &str, &str); 4] = [
    (BootDevice::Network, "pxe", "Force PXE"),
    (
        BootDevice::Disk,
        "disk",
        "Force Boot from default Hard-Drive",
    ),
    (BootDevice::Cd, "cdrom", "Force Boot from CD/DVD"),
    (BootDevice::Setup, "bios", "Force Boot into BIOS Setup"),
];

const KINDS: [(bool, BootMode, &str); 4] = [
    (true, BootMode::Bios, ""),
    (false, BootMode::Bios, "options=persistent"),
    (true, BootMode::Efi, "options=efiboot"),
    (false, BootMode::Efi, "options=persistent,efiboot"),
];

/// Demands that a BMC keeps what it is told, whoever tells it.
fn check(bmc: &Bmc) {
    for (device, word, witness) in DEVICES {
        for (once, mode, options) in KINDS {
            let wanted = BootOverride {
                device,
                once,
                mode: Some(mode),
            };
            let boot = bmc.session(async |session| {
                session.set_boot(Some(wanted)).await?;
                session.boot().await
            });
            assert_eq!(boot, Some(wanted));
            let seen = bmc.ipmitool("chassis bootparam get 5");
            for line in [
                "Boot Flag Valid",
                witness,
                if once {
                    "only next boot"
                } else {
                    "all future boots"
                },
                match mode {
                    BootMode::Bios => "legacy",
                    BootMode::Efi => "EFI boot",
                },
            ] {
                assert!(seen.contains(line), "{wanted:?}: no `{line}` in {seen}");
            }
            bmc.session(async |session| session.set_boot(None).await);
            let boot = bmc.session(async |session| session.boot().await);
            assert_eq!(boot, None);
            bmc.ipmitool(&format!("chassis bootdev {word} {options}"));
            let boot = bmc.session(async |session| session.boot().await);
            assert_eq!(boot, Some(wanted), "set by ipmitool");
        }
    }
}

#[test]
fn an_override_is_set_and_read() {
    check(&Bmc::pyghmi("127.0.0.1", &[]));
}

#[test]
fn a_bmc_without_the_optional_parameters_works_as_well() {
    check(&Bmc::pyghmi("127.0.0.1", &["--strict"]));
}

/// With a chassis of its own, ipmi_sim keeps the device alone.
#[test]
fn ipmi_sim_keeps_the_device() {
    let bmc = Bmc::sim(Setup::default());
    for (device, word, witness) in DEVICES.into_iter().take(3) {
        let wanted = BootOverride {
            device,
            once: true,
            mode: None,
        };
        bmc.session(async |session| session.set_boot(Some(wanted)).await);
        let seen = bmc.ipmitool("chassis bootparam get 5");
        assert!(seen.contains(witness), "{word}: {seen}");
    }
}

#[test]
fn a_boot_by_http_is_not_supported() {
    let bmc = Bmc::pyghmi("127.0.0.1", &[]);
    let wanted = BootOverride {
        device: BootDevice::Http,
        once: true,
        mode: None,
    };
    let refused = bmc.session(async |session| Ok(session.set_boot(Some(wanted)).await));
    let expected = IpmiError::Unknown("boot by HTTP");
    assert_eq!(refused, Err(expected));
}
