//! What network-booting clients are told: every architecture, and what each must hear to take it (assertions 59 to 63).

use serde_json::{Value, json};

use crate::support::{Ask, Rig, discover, inform, option, select, site};
use bedplate::base::arch::ClientArch;
use bedplate::serve::dhcp::Reply;

const SCOPE: &str = "vlan/plant/pxe/scope/10.0.0.0/24";

/// A site whose image has a program for each architecture, named after it.
fn every_program() -> Value {
    let mut site = site();
    let programs = ClientArch::ALL.map(|arch| (arch.to_string(), json!(format!("boot/{arch}"))));
    site["image/linux"]["boot-image"]["programs"] = programs.into_iter().collect();
    site
}

fn reply(site: &Value, asked: &Ask) -> Reply {
    let mut replies = Rig::new(site).send(asked);
    assert_eq!(replies.len(), 1);
    replies.remove(0)
}

/// A field of the message as text, up to its first zero.
fn field(reply: &Reply, from: usize, to: usize) -> String {
    let bytes = reply.bytes[from..to].iter().copied();
    String::from_utf8(bytes.take_while(|byte| *byte != 0).collect()).unwrap()
}

fn told(reply: &Reply, code: u8) -> Option<String> {
    option(reply, code).map(|value| String::from_utf8(value).unwrap())
}

fn pxe(archs: &[u8]) -> Ask {
    discover(1)
        .option(60, b"PXEClient:Arch:00000:UNDI:002001")
        .option(93, archs)
}

fn http(archs: &[u8]) -> Ask {
    discover(1)
        .option(60, b"HTTPClient:Arch:00016:UNDI:003000")
        .option(93, archs)
}

/// Assertion 59: what firmware says in option 93, and whose program it gets.
#[test]
fn each_architecture_gets_its_own_program() {
    let site = every_program();
    for (code, arch) in [
        (0x00, "x86-bios"),
        (0x06, "x86-uefi"),
        (0x07, "x64-uefi"),
        (0x09, "x64-uefi"),
        (0x0a, "arm32-uefi"),
        (0x0b, "arm64-uefi"),
        (0x0c, "ppc-open-firmware"),
        (0x0e, "ppc-opal"),
        (0x0f, "x86-uefi-http"),
        (0x10, "x64-uefi-http"),
        (0x11, "x64-uefi-http"),
        (0x12, "arm32-uefi-http"),
        (0x13, "arm64-uefi-http"),
        (0x14, "x86-bios-http"),
        (0x15, "arm32-uboot"),
        (0x16, "arm64-uboot"),
        (0x17, "arm32-uboot-http"),
        (0x18, "arm64-uboot-http"),
        (0x19, "riscv32-uefi"),
        (0x1a, "riscv32-uefi-http"),
        (0x1b, "riscv64-uefi"),
        (0x1c, "riscv64-uefi-http"),
        (0x1d, "riscv128-uefi"),
        (0x1e, "riscv128-uefi-http"),
        (0x1f, "s390-basic"),
        (0x20, "s390-extended"),
        (0x27, "loongarch64-uefi"),
        (0x28, "loongarch64-uefi-http"),
        (0x29, "arm-rpiboot"),
    ] {
        let (asked, program, class) = if arch.ends_with("-http") {
            let url = format!("http://10.0.0.1/boot/{arch}");
            (http(&[0, code]), url, "HTTPClient")
        } else {
            (pxe(&[0, code]), format!("boot/{arch}"), "PXEClient")
        };
        let reply = reply(&site, &asked.wants(&[1, 67]));
        assert_eq!(told(&reply, 67).as_deref(), Some(&*program), "{code:#x}");
        assert_eq!(field(&reply, 108, 236), program, "{code:#x}");
        assert_eq!(told(&reply, 60).as_deref(), Some(class), "{code:#x}");
    }
    for unknown in [&[0, 8][..], &[0, 0x21], &[1, 0], &[255, 255], &[]] {
        let reply = reply(&site, &pxe(unknown).wants(&[1, 67]));
        assert_eq!(told(&reply, 67), None, "{unknown:?}");
        assert_eq!(told(&reply, 60), None, "{unknown:?}");
    }
    let several = reply(&site, &http(&[0, 8, 0, 0x1c, 0, 0x1b]).wants(&[67]));
    assert_eq!(
        told(&several, 67).unwrap(),
        "http://10.0.0.1/boot/riscv64-uefi-http"
    );
}

/// Assertion 60: option 97 as it came; option 60 for firmware alone, and only with something to boot.
#[test]
fn the_vendor_class_is_told_with_a_program() {
    let uuid = [0, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 6];
    let mut disabled = site();
    disabled[SCOPE]["scope"]["disabled_boot"] = json!(["x64-uefi"]);
    let mut own = site();
    own[SCOPE]["scope"]["options"]["43"] = json!({ "bytes": [1, 1, 7] });
    let control = Some(vec![6, 1, 8, 255]);
    for (site, asked, class, vendor) in [
        (&site(), pxe(&[0, 7]), Some("PXEClient"), control.clone()),
        (&site(), pxe(&[0, 0]), Some("PXEClient"), control.clone()),
        (&own, pxe(&[0, 0]), Some("PXEClient"), Some(vec![1, 1, 7])),
        (&own, discover(1).wants(&[43]), None, Some(vec![1, 1, 7])),
        (&own, discover(1).wants(&[1]), None, None),
        (&disabled, pxe(&[0, 7]), None, None),
        (&site(), http(&[0, 16]), Some("HTTPClient"), None),
        (&site(), pxe(&[0, 7]).option(77, b"iPXE"), None, None),
        // It says which program it could run, and not that it is firmware.
        (&site(), discover(1).option(93, &[0, 7]), None, None),
        (
            &site(),
            discover(1).option(60, b"android-dhcp-13"),
            None,
            None,
        ),
    ] {
        let reply = reply(site, &asked.option(97, &uuid));
        assert_eq!(told(&reply, 60).as_deref(), class);
        assert_eq!(option(&reply, 43), vendor);
        assert_eq!(option(&reply, 97).unwrap(), uuid);
    }
}

#[test]
fn a_raspberry_pi_finds_its_menu() {
    let reply = reply(&every_program(), &pxe(&[0, 0x29]));
    let menu = b"\x06\x01\x03\x0a\x04\x00PXE\x09\x14\x00\x00\x11Raspberry Pi Boot\xff";
    assert_eq!(option(&reply, 43).unwrap(), menu);
}

/// Assertion 61: whoever is iPXE gets a script, or nothing, and never the loader that it came from.
#[test]
fn ipxe_never_gets_its_loader_again() {
    let mut scriptless = site();
    let programs = &mut scriptless["image/linux"]["boot-image"]["programs"];
    programs.as_object_mut().unwrap().remove("ipxe");
    for asked in [
        pxe(&[0, 0]).option(77, b"iPXE"),
        pxe(&[0, 7]).option(77, b"\x04iPXE"),
        pxe(&[0, 7]).option(77, b"\x03lab\x04iPXE"),
        pxe(&[0, 11]).option(175, &[0xb1, 0x05, 1, 0x80, 0x86, 0x10, 0x0e]),
        http(&[0, 16]).option(77, b"iPXE"),
        discover(1).option(77, b"iPXE"),
    ] {
        let asked = asked.wants(&[1, 66, 67]);
        let script = "http://10.0.0.1/boot/script.ipxe";
        assert_eq!(told(&reply(&site(), &asked), 67).as_deref(), Some(script));
        let nothing = reply(&scriptless, &asked);
        assert_eq!(told(&nothing, 67), None);
        assert_eq!(field(&nothing, 108, 236), "");
    }
    let other = pxe(&[0, 0]).option(77, b"\x05iPXE2").wants(&[67]);
    assert_eq!(
        told(&reply(&site(), &other), 67).as_deref(),
        Some("boot/pxelinux.0")
    );
}

/// The installer of a switch looks for its URL under ONIE's enterprise number.
#[test]
fn onie_gets_a_url() {
    let asked = discover(1)
        .option(60, b"onie_vendor:x86_64-accton")
        .option(77, b"onie_dhcp_user_class");
    let reply = reply(&every_program(), &asked);
    let url = b"http://10.0.0.1/boot/onie";
    let length = u8::try_from(url.len()).unwrap();
    let mut expected = vec![0, 0, 0xa6, 0x7f, length + 2, 1, length];
    expected.extend(url);
    assert_eq!(option(&reply, 125).unwrap(), expected);
    assert_eq!(option(&reply, 67).unwrap(), url);
    assert_eq!(option(&reply, 60), None);
}

/// Assertion 62: in the fields, and in options 66 and 67 for those who ask; a name too long for its field goes unasked.
#[test]
fn boot_data_is_in_fields_and_options() {
    let named = |length: usize| {
        let mut site = site();
        let further = (0..length - 5).map(|n| if n % 49 == 48 { '/' } else { 'x' });
        let path = format!("boot/{}", further.collect::<String>());
        site["image/linux"]["boot-image"]["programs"]["x64-uefi"] = json!(path);
        (site, path)
    };
    for (length, in_field) in [
        (8, true),
        (127, true),
        (128, false),
        (200, false),
        (255, false),
    ] {
        let (site, path) = named(length);
        for asked in [pxe(&[0, 7]), pxe(&[0, 7]).wants(&[1, 66, 67])] {
            let is_asked = asked.bytes.ends_with(&[66, 67]);
            for asked in [
                asked.clone(),
                retold(&asked, select(1, 10)),
                retold(&asked, inform(1, 7)),
            ] {
                let reply = reply(&site, &asked);
                assert_eq!(field(&reply, 108, 236), if in_field { &*path } else { "" });
                assert_eq!(field(&reply, 44, 108), "10.0.0.1");
                assert_eq!(reply.bytes[20..24], [10, 0, 0, 1]);
                let option67 = (is_asked || !in_field).then_some(path.clone());
                assert_eq!(told(&reply, 67), option67, "{length}");
                let server = is_asked.then(|| "10.0.0.1".to_owned());
                assert_eq!(told(&reply, 66), server);
            }
        }
    }
    let plain = reply(&site(), &discover(1).wants(&[1, 66, 67, 150]));
    assert_eq!(plain.bytes[20..24], [0; 4]);
    assert_eq!(field(&plain, 44, 236), "");
    assert_eq!(
        [66, 67, 150].map(|code| option(&plain, code)),
        [None, None, None]
    );
}

/// Another message with the options of the first.
fn retold(first: &Ask, other: Ask) -> Ask {
    let mut ask = other;
    ask.bytes.extend(&first.bytes[243..]);
    ask
}

/// Assertion 63: option 150 names us where the site names nobody, and PXELINUX finds its own options unasked.
#[test]
fn tftp_servers_and_pxelinux() {
    let mut own = site();
    let options = &mut own[SCOPE]["scope"]["options"];
    options["150"] = json!({ "addresses": ["10.0.0.7", "10.0.0.8"] });
    options["209"] = json!({ "text": "pxelinux.cfg/lab" });
    options["210"] = json!({ "text": "http://10.0.0.1/" });
    for (site, asked, servers, pxelinux) in [
        (&site(), pxe(&[0, 0]), None, false),
        (
            &site(),
            pxe(&[0, 0]).wants(&[150]),
            Some(vec![10, 0, 0, 1]),
            false,
        ),
        (
            &own,
            pxe(&[0, 0]).wants(&[150]),
            Some(vec![10, 0, 0, 7, 10, 0, 0, 8]),
            true,
        ),
        (&own, pxe(&[0, 0]).wants(&[1]), None, true),
        (
            &own,
            discover(1).wants(&[150]),
            Some(vec![10, 0, 0, 7, 10, 0, 0, 8]),
            false,
        ),
        (&own, discover(1).wants(&[209, 210]), None, true),
        (&own, http(&[0, 16]).wants(&[1]), None, false),
    ] {
        let reply = reply(site, &asked);
        assert_eq!(option(&reply, 150), servers);
        let texts = pxelinux.then_some(("pxelinux.cfg/lab", "http://10.0.0.1/"));
        let found = (told(&reply, 209), told(&reply, 210));
        let found = (found.0.as_deref(), found.1.as_deref());
        assert_eq!(found.0.zip(found.1), texts);
    }
}
