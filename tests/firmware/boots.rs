//! Each kind of firmware, from its first DISCOVER to the first program of a system.

use std::io::{BufRead as _, BufReader};
use std::{fs, io, thread};

use crate::lab::Lab;
use crate::machine::{Ending, Firmware, Machine, put_kernel};
use crate::support::sandbox::Running;

/// The machine that the site knows.
pub(crate) const DECLARED: &str = "02:00:00:00:70:11";

/// What every machine must be told, whoever gives the addresses.
const TOLD: &[&str] = &[
    "mask=255.255.0.0",
    "router=10.70.0.1",
    "dns=10.70.0.2",
    "script=http://10.70.0.2/boot/boot.ipxe",
];

pub(crate) const SITE: &str = r#"
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

/// The same where another server gives the addresses.
const PROXIED: &str = r#"
site "lab" domain="lab.example"
fabric "plant" {
    vlan "pxe" {
        dhcp { controllers "rack-1"; proxy #true; image "linux" }
        subnet "10.70.0.0/16" { gateway "10.70.0.1"; reserved-range "10.70.3.0/24" for="the other DHCP server" }
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
"#;

/// Says what iPXE learnt by DHCP, in lines that are shorter than a screen; loads by either protocol, a relative path from where the
/// script came from.
const SCRIPT: &str = r#"#!ipxe
echo <chip=${net0/chip}> <ip=${net0/ip}> <mask=${net0/netmask}>
echo <router=${net0/gateway}> <dns=${net0/dns}> <host=${net0/hostname}>
echo <from=${net0/dhcp-server}>
echo <script=${filename}>
echo all told
kernel vmlinuz console=ttyS0 quiet panic=-1 initrd=initrd mac=${net0/mac}
initrd tftp://10.70.0.2/boot/initrd
boot
"#;

pub(crate) fn lab(site: &str, ending: Ending) -> Lab {
    let lab = Lab::new();
    let boot = lab.path("site/boot");
    put_kernel(&boot, ending);
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
    /// Whether another server gives the addresses.
    is_proxied: bool,
    mac: &'static str,
    /// Words of the kernel's command line.
    told: &'static [&'static str],
    /// The vendor classes of those who ask, one after the other.
    stages: &'static [&'static str],
}

/// Makes a switch of the namespace behind the lab's first port.
pub(crate) fn switch(lab: &Lab) {
    let switch = &lab.machines[0];
    switch.ip("link add sw0 type bridge");
    switch.ip("link set eth0 master sw0");
    switch.ip("link set sw0 up");
}

/// A DHCP server on the switch that is not ours, and knows nothing of booting.
fn foreign(lab: &Lab) -> Running {
    let switch = &lab.machines[0];
    switch.ip("address add 10.70.0.9/16 dev sw0");
    let leases = format!("--dhcp-leasefile={}", lab.path("leases").display());
    let words = [
        "--no-daemon",
        "--conf-file=/dev/null",
        "--port=0",
        "--user=root",
        "--interface=sw0",
        "--bind-interfaces",
        "--dhcp-range=10.70.3.1,10.70.3.9,255.255.0.0,1h",
        "--dhcp-option=option:router,10.70.0.1",
        "--dhcp-option=option:dns-server,10.70.0.2",
    ];
    let mut dnsmasq = switch.spawn("dnsmasq", &[&words[..], &[&leases]].concat());
    let mut log = BufReader::new(dnsmasq.child().stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("sockets bound exclusively") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "dnsmasq ended");
    }
    // Read on, so that it never waits for room in the pipe.
    thread::spawn(move || io::copy(&mut log, &mut io::sink()));
    dnsmasq
}

fn check(boot: &Boot) {
    let lab = lab(if boot.is_proxied { PROXIED } else { SITE }, Ending::Stops);
    let _daemon = lab.serve();
    lab.applied();
    switch(&lab);
    let _foreign = boot.is_proxied.then(|| foreign(&lab));
    let mut machine = Machine::start(&lab, boot.firmware, boot.mac);
    machine.prints("all told");
    for word in [TOLD, boot.told].concat() {
        assert!(machine.has_printed(&format!("<{word}>")), "no {word}");
    }
    // How a program is found is another matter beside another server; what follows it is not.
    if !boot.is_proxied {
        let said = machine.prints("booted ");
        let firmware = match boot.firmware {
            Firmware::Rom => "firmware=bios",
            Firmware::Uefi | Firmware::UefiHttp => "firmware=uefi",
        };
        let mac = format!("mac={}", boot.mac);
        let words = [firmware, &mac].map(|word| said.split(' ').any(|said| said == word));
        assert_eq!(words, [true; 2], "{said}");
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
    let asked = |class: &&str| {
        let asked = match boot.is_proxied {
            true => ["discover told-program", "request unanswered"],
            false => ["discover offered", "request acknowledged"],
        };
        asked.map(|step| format!("{class} {step}"))
    };
    let expected: Vec<String> = boot.stages.iter().flat_map(asked).collect();
    assert_eq!(steps, expected);
    let leases = why["leases"].as_array().unwrap().len();
    assert_eq!(leases, usize::from(!boot.is_proxied), "{why:#}");
}

#[test]
fn option_rom() {
    check(&Boot {
        firmware: Firmware::Rom,
        is_proxied: false,
        mac: DECLARED,
        told: &[
            "chip=virtio-net",
            "ip=10.70.0.11",
            "host=node-01",
            "from=10.70.0.2",
        ],
        stages: &["PXEClient:Arch:00000:UNDI:002001"],
    });
}

#[test]
fn uefi_by_tftp() {
    check(&Boot {
        firmware: Firmware::Uefi,
        is_proxied: false,
        mac: DECLARED,
        told: &[
            "chip=SNP",
            "ip=10.70.0.11",
            "host=node-01",
            "from=10.70.0.2",
        ],
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
        is_proxied: false,
        mac: "02:00:00:00:70:99",
        told: &["chip=SNP", "ip=10.70.1.0", "host=", "from=10.70.0.2"],
        stages: &[
            "HTTPClient:Arch:00016:UNDI:003000",
            "PXEClient:Arch:00007:UNDI:003010",
        ],
    });
}

/// The firmware takes address and program from two servers, and so does iPXE after it.
#[test]
fn uefi_by_tftp_beside_another_server() {
    check(&Boot {
        firmware: Firmware::Uefi,
        is_proxied: true,
        mac: "02:00:00:00:70:99",
        told: &["chip=SNP", "from=10.70.0.9"],
        stages: &[
            "PXEClient:Arch:00007:UNDI:003000",
            "PXEClient:Arch:00007:UNDI:003010",
        ],
    });
}

#[test]
fn uefi_by_http_beside_another_server() {
    check(&Boot {
        firmware: Firmware::UefiHttp,
        is_proxied: true,
        mac: "02:00:00:00:70:99",
        told: &["chip=SNP", "from=10.70.0.9"],
        stages: &[
            "HTTPClient:Arch:00016:UNDI:003000",
            "PXEClient:Arch:00007:UNDI:003010",
        ],
    });
}

#[test]
fn option_rom_beside_another_server() {
    check(&Boot {
        firmware: Firmware::Rom,
        is_proxied: true,
        mac: "02:00:00:00:70:99",
        told: &["chip=virtio-net", "from=10.70.0.9"],
        stages: &["PXEClient:Arch:00000:UNDI:002001"],
    });
}
