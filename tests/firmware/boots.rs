//! Each kind of firmware, from its first DISCOVER to the first program of a system.

use std::fs;

use crate::lab::Lab;
use crate::machine::{Firmware, Machine, put_kernel};

/// The machine that the site knows.
const DECLARED: &str = "02:00:00:00:70:11";

/// What every machine must be told.
const EVERYONE: &[&str] = &[
    "mask=255.255.0.0",
    "router=10.70.0.1",
    "dns=10.70.0.2",
    "from=10.70.0.2",
    "script=http://10.70.0.2/boot/boot.ipxe",
];

const SITE: &str = r#"
site "lab" domain="lab.example"
fabric "plant" {
    vlan "pxe" {
        dhcp { controllers "rack-1"; identity "mac"; image "linux" }
        subnet "10.70.0.0/16" { gateway "10.70.0.1"; dynamic-range "10.70.1.0-10.70.1.99" }
    }
}
controller "rack-1" { ethernet "port1" vlan="pxe" { address "10.70.0.2" } }
image "linux" {
    boot "x64-uefi" "boot/snponly.efi"
    boot "x64-uefi-http" "boot/ipxe.efi"
    boot "ipxe" "boot/boot.ipxe"
    kernel "boot/vmlinuz"
    initrd "boot/initrd"
}
machine "node-01" { ethernet "eth0" mac="02:00:00:00:70:11" vlan="pxe" { address "10.70.0.11" } }
"#;

/// Says what iPXE learnt by DHCP; loads by either protocol.
const SCRIPT: &str = r#"#!ipxe
kernel http://${next-server}/boot/vmlinuz console=ttyS0 quiet panic=-1 initrd=initrd chip=${net0/chip} mac=${net0/mac} ip=${net0/ip} mask=${net0/netmask} router=${net0/gateway} dns=${net0/dns} host=${net0/hostname} from=${net0/dhcp-server} script=${filename}
initrd tftp://${next-server}/boot/initrd
boot
"#;

fn lab(site: &str) -> Lab {
    let lab = Lab::new();
    let boot = lab.path("site/boot");
    put_kernel(&boot);
    for name in ["snponly.efi", "ipxe.efi"] {
        fs::copy(format!("/usr/lib/ipxe/{name}"), boot.join(name)).unwrap();
    }
    fs::write(boot.join("boot.ipxe"), SCRIPT).unwrap();
    lab.write(site);
    lab
}

/// What a machine must be told, and who asks for it.
struct Boot {
    firmware: Firmware,
    mac: &'static str,
    /// Words of the kernel's command line.
    told: &'static [&'static str],
    /// The vendor classes of those who ask, one after the other.
    stages: &'static [&'static str],
}

fn check(boot: &Boot) {
    let lab = lab(SITE);
    let _daemon = lab.serve();
    lab.applied();
    let mut machine = Machine::start(&lab, boot.firmware, boot.mac);
    let said = machine.prints("booted ");
    for word in [EVERYONE, boot.told].concat() {
        assert!(said.split(' ').any(|said| said == word), "{word}: {said}");
    }
    let why = lab.json(&["why", boot.mac]);
    let mut steps: Vec<String> = Vec::new();
    for exchange in why["exchanges"].as_array().unwrap() {
        let words = ["vendor_class", "message", "outcome"];
        let step = words.map(|name| exchange[name].as_str().unwrap()).join(" ");
        // Who hears nothing soon enough asks again.
        if steps.last() != Some(&step) {
            steps.push(step);
        }
    }
    let dora = |class: &&str| {
        ["discover offered", "request acknowledged"].map(|step| format!("{class} {step}"))
    };
    let expected: Vec<String> = boot.stages.iter().flat_map(dora).collect();
    assert_eq!(steps, expected);
    assert_eq!(why["leases"].as_array().unwrap().len(), 1, "{why:#}");
}

#[test]
fn option_rom() {
    check(&Boot {
        firmware: Firmware::Rom,
        mac: DECLARED,
        told: &["firmware=bios", "ip=10.70.0.11", "host=node-01"],
        stages: &["PXEClient:Arch:00000:UNDI:002001"],
    });
}

#[test]
fn uefi_by_tftp() {
    check(&Boot {
        firmware: Firmware::Uefi,
        mac: DECLARED,
        told: &["firmware=uefi", "ip=10.70.0.11", "host=node-01"],
        stages: &[
            "PXEClient:Arch:00007:UNDI:003000",
            "PXEClient:Arch:00007:UNDI:003010",
        ],
    });
}

/// Nobody has heard of the machine: it gets an address of the pool, and keeps it from one program to the next.
#[test]
fn uefi_by_http() {
    check(&Boot {
        firmware: Firmware::UefiHttp,
        mac: "02:00:00:00:70:99",
        told: &["firmware=uefi", "ip=10.70.1.0", "host="],
        stages: &[
            "HTTPClient:Arch:00016:UNDI:003000",
            "PXEClient:Arch:00007:UNDI:003010",
        ],
    });
}
